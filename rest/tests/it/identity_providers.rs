//! Identity providers over HTTP: their settings, their secrets, their mappers, and what they publish.

use axum::http::Method;
use serde_json::{Value, json};

use crate::world::{Shop, open};

const ALL: &str = "/identity-provider/instances";
const IMPORT: &str = "/identity-provider/import-config";

fn oidc(alias: &str) -> Value {
    json!({
        "alias": alias, "providerId": "oidc", "displayName": "Partner",
        "firstBrokerLoginFlowAlias": "first broker login",
        "config": {"clientId": "c", "clientSecret": "keep-this", "empty": "",
                   "tokenUrl": "https://partner.example/token"},
    })
}

async fn make(shop: &Shop, body: &Value) -> String {
    let made = shop.post(ALL, body).await.is(201);
    let alias = body["alias"].as_str().unwrap();
    assert!(made.header("location").ends_with(&format!("{ALL}/{alias}")));
    format!("{ALL}/{alias}")
}

async fn secret(shop: &Shop) -> Value {
    let export = "/partial-export?exportClients=true&exportGroupsAndRoles=true";
    let file = shop.post(export, &json!({})).await.is(200).json();
    file["identityProviders"][0]["config"]["clientSecret"].clone()
}

async fn kept_secret(shop: &Shop) -> Value {
    let realm = &shop.stage.app.realm("shop").await.unwrap().unwrap().id;
    let kind = claviger_wire::document::Kind::IdentityProvider;
    let all = shop.stage.app.store.documents(realm, kind).await.unwrap();
    all[0].body["config"]["clientSecret"].clone()
}

#[tokio::test]
async fn a_secret_is_kept_and_never_shown() {
    let shop = open().await;
    let path = make(&shop, &oidc("acme")).await;
    let shown = shop.get(&path).await.is(200).json();
    let config = json!({"clientId": "c", "clientSecret": "**********",
                        "tokenUrl": "https://partner.example/token"});
    assert_eq!(shown["config"], config);
    assert_eq!(shown["types"][0], "USER_AUTHENTICATION");
    assert_eq!(shown["firstBrokerLoginFlowAlias"], "first broker login");
    let id = shown["internalId"].as_str().unwrap();
    let by_id = shop.get(&format!("{ALL}/{id}")).await.is(200).json();
    assert_eq!(by_id, shown);
    assert_eq!(secret(&shop).await, "**********");
    // What was read may be written back.
    shop.put(&path, &shown).await.is(204);
    assert_eq!(kept_secret(&shop).await, "keep-this");
    let mut changed = shown.clone();
    changed["config"]["clientSecret"] = json!("${vault.partner}");
    shop.put(&path, &changed).await.is(204);
    let seen = shop.get(&path).await.is(200).json();
    assert_eq!(seen["config"]["clientSecret"], "${vault.partner}");
    let list = shop.get(ALL).await.is(200);
    assert!(!list.text().contains("keep-this"));
}

#[tokio::test]
async fn what_does_not_fit_is_refused_in_keycloaks_words() {
    let shop = open().await;
    let path = make(&shop, &oidc("acme")).await;
    let with = |member: &str, value: Value| {
        let mut body = oidc("other");
        body[member] = value;
        body
    };
    for (body, status, text) in [
        (oidc("acme"), 409, "Identity Provider acme already exists"),
        (
            with("providerId", json!("spiffe")),
            400,
            "Invalid identity provider id [spiffe]",
        ),
        (
            with("providerId", Value::Null),
            400,
            "Invalid identity provider id [null]",
        ),
        (with("alias", Value::Null), 400, "path is null"),
        (with("alias", json!("a b")), 400, "Empty Space not allowed."),
        (
            with("alias", json!("a/b")),
            400,
            "Character '/' not allowed.",
        ),
        (
            with("config", json!({"tokenUrl": "http://partner.example"})),
            400,
            "The url [token_url] requires secure connections",
        ),
        (
            with("postBrokerLoginFlowAlias", json!("magic")),
            400,
            "No available authentication flow with alias: magic",
        ),
        (
            with("alias", json!("x".repeat(256))),
            400,
            "'alias' has at most 255 characters",
        ),
    ] {
        let refused = shop.post(ALL, &body).await.is(status).json();
        let found = refused.get("errorMessage").or_else(|| refused.get("error"));
        assert_eq!(found, Some(&json!(text)), "{body}");
    }
    let refused = shop.put(&path, &oidc("other")).await.is(400).json();
    assert_eq!(
        refused["errorMessage"],
        "Identity Provider alias cannot be changed"
    );
}

#[tokio::test]
async fn what_is_not_there_is_said_so() {
    let shop = open().await;
    let path = make(&shop, &oidc("acme")).await;
    let nowhere = format!("{ALL}/nowhere");
    shop.put(&nowhere, &oidc("nowhere")).await.is(404);
    shop.get(&nowhere).await.is(404);
    shop.delete(&nowhere).await.is(404);
    for query in ["type=magic", "capability=magic"] {
        shop.get(&format!("{ALL}?{query}")).await.is(400);
    }
    shop.get("/identity-provider/providers/spiffe")
        .await
        .is(400);
    let kind = shop.get("/identity-provider/providers/oidc").await.is(200);
    assert_eq!(kind.json()["name"], "OpenID Connect v1.0");
    shop.get(&format!("{path}/management/permissions"))
        .await
        .is(501);
}

#[tokio::test]
async fn a_change_without_an_alias_keeps_it() {
    let shop = open().await;
    let path = make(&shop, &oidc("acme")).await;
    let body = json!({"providerId": "oidc", "enabled": false, "config": {"clientId": "d"}});
    shop.put(&path, &body).await.is(204);
    let shown = shop.get(&path).await.is(200).json();
    assert_eq!(
        (&shown["alias"], &shown["enabled"], &shown["config"]),
        (&json!("acme"), &json!(false), &json!({"clientId": "d"}))
    );
}

#[tokio::test]
async fn a_host_in_a_private_network_needs_no_tls() {
    let shop = open().await;
    let mut body = oidc("near");
    body["config"]["tokenUrl"] = json!("http://idp.internal:8080/token");
    shop.post(ALL, &body).await.is(400);
    let near = "10.1.2.3".parse().unwrap();
    shop.stage.network.host("idp.internal", near);
    shop.post(ALL, &body).await.is(201);
}

#[tokio::test]
async fn lists_are_narrowed_and_paged() {
    let shop = open().await;
    shop.delete(&format!("{ALL}/partner")).await.is(204);
    for (alias, kind) in [
        ("beta", "github"),
        ("alpha", "oidc"),
        ("cluster", "kubernetes"),
    ] {
        let body =
            json!({"alias": alias, "providerId": kind, "displayName": format!("The {alias}")});
        make(&shop, &body).await;
    }
    for (query, expected) in [
        ("", vec!["alpha", "beta", "cluster"]),
        ("?max=1&first=1", vec!["beta"]),
        ("?max=0", vec![]),
        ("?search=B", vec!["beta"]),
        ("?search=*a", vec!["alpha", "beta"]),
        ("?search=the%20c", vec!["cluster"]),
        ("?search=%22alpha%22", vec!["alpha"]),
        ("?search=%22alp%22", vec![]),
        ("?type=CLIENT_ASSERTION", vec!["alpha", "cluster"]),
        ("?type=ANY&realmOnly=true", vec!["alpha", "beta", "cluster"]),
        ("?capability=USER_LINKING", vec!["alpha", "beta"]),
        ("?capability=USER_LINKING&first=1&max=5", vec!["beta"]),
    ] {
        let list = shop.get(&format!("{ALL}{query}")).await.is(200).json();
        let list = list.as_array().unwrap().clone();
        let found: Vec<&str> = list
            .iter()
            .map(|one| one["alias"].as_str().unwrap())
            .collect();
        let mut sorted = found.clone();
        sorted.sort_unstable();
        assert_eq!((&found, &sorted), (&expected, &found), "{query}");
    }
    let brief = shop
        .get(&format!("{ALL}?briefRepresentation=true&max=1"))
        .await
        .is(200)
        .json();
    let members: Vec<&String> = brief[0].as_object().unwrap().keys().collect();
    assert_eq!(
        members,
        [
            "alias",
            "displayName",
            "internalId",
            "providerId",
            "enabled",
            "config"
        ]
    );
    shop.get(&format!("{ALL}?first=x")).await.is(404);
}

#[tokio::test]
async fn a_deleted_provider_takes_its_mappers_and_links_along() {
    let shop = open().await;
    let path = make(&shop, &oidc("acme")).await;
    let mapper = json!({"name": "m", "identityProviderAlias": "acme",
                        "identityProviderMapper": "hardcoded-attribute-idp-mapper", "config": {}});
    let mappers = format!("{path}/mappers");
    shop.post(&mappers, &mapper).await.is(201);
    let alice = shop.user("alice").await;
    let link = format!("{alice}/federated-identity/acme");
    shop.post(&link, &json!({"userId": "1", "userName": "al"}))
        .await
        .is(204);
    shop.delete(&path).await.is(204);
    shop.get(&path).await.is(404);
    // Another one of that name begins with nothing.
    make(&shop, &oidc("acme")).await;
    assert_eq!(shop.get(&mappers).await.is(200).json(), json!([]));
    let links = shop.get(&format!("{alice}/federated-identity")).await;
    assert_eq!(links.is(200).json(), json!([]));
}

#[tokio::test]
async fn mappers_are_kept_below_their_provider() {
    let shop = open().await;
    let path = make(&shop, &oidc("acme")).await;
    make(&shop, &oidc("other")).await;
    let mappers = format!("{path}/mappers");
    let mapper = |id: &str, name: &str, alias: &str| {
        json!({"id": id, "name": name, "identityProviderAlias": alias,
               "identityProviderMapper": "oidc-role-idp-mapper",
               "config": {"claim": "groups", "empty": ""}})
    };
    let made = shop.post(&mappers, &mapper("one", "m", "acme")).await;
    assert!(made.is(201).header("location").ends_with("/mappers/one"));
    let shown = shop.get(&format!("{mappers}/one")).await.is(200).json();
    assert_eq!(shown["config"], json!({"claim": "groups"}));
    let refused = shop.post(&mappers, &mapper("two", "m", "acme")).await;
    assert_eq!(
        refused.is(400).json()["errorMessage"],
        "Failed to add mapper 'm' to identity provider [oidc]."
    );
    shop.post(&mappers, &mapper("two", "n", "nobody"))
        .await
        .is(400);
    shop.post(&mappers, &json!({"name": "n"}))
        .await
        .is(409)
        .says("conflict", "Duplicate resource error");
    shop.post(&mappers, &mapper("one", "n", "acme"))
        .await
        .is(409);
    shop.post(&mappers, &mapper("two", "n", "acme"))
        .await
        .is(201);
    let two = format!("{mappers}/two");
    shop.put(&two, &mapper("two", "m", "acme")).await.is(409);
    shop.put(&two, &mapper("three", "n", "acme")).await.is(400);
    shop.put(&two, &json!({})).await.is(400);
    shop.put(&two, &mapper("two", "n", "other")).await.is(204);
    let list = shop.get(&mappers).await.is(200).json();
    assert_eq!(list.as_array().unwrap().len(), 1);
    shop.delete(&two).await.is(204);
    shop.delete(&two).await.is(404);
    shop.get(&two).await.is(404);
    let types = shop.get(&format!("{path}/mapper-types")).await.is(200);
    assert_eq!(
        types.json()["oidc-role-idp-mapper"]["category"],
        "Role Importer"
    );
}

#[tokio::test]
async fn of_two_with_one_issuer_one_is_made() {
    let shop = open().await;
    let grant = |alias: &str| {
        json!({"alias": alias, "providerId": "jwt-authorization-grant",
               "config": {"issuer": "https://i.example", "jwksUrl": "https://i.example/jwks"}})
    };
    let (one, other) = (grant("one"), grant("other"));
    let (one, other) = tokio::join!(shop.post(ALL, &one), shop.post(ALL, &other));
    let mut statuses = [one.status.as_u16(), other.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 400]);
}

#[tokio::test]
async fn a_mapper_comes_with_its_provider_or_not_at_all() {
    let shop = open().await;
    let path = make(&shop, &oidc("acme")).await;
    let mapper = json!({"name": "m", "identityProviderAlias": "acme",
                        "identityProviderMapper": "hardcoded-attribute-idp-mapper"});
    let mappers = format!("{path}/mappers");
    let (added, deleted) = tokio::join!(shop.post(&mappers, &mapper), shop.delete(&path));
    deleted.is(204);
    assert!(matches!(added.status.as_u16(), 201 | 400 | 404));
    let realm = &shop.stage.app.realm("shop").await.unwrap().unwrap().id;
    let kind = claviger_wire::document::Kind::IdentityProviderMapper;
    let left = shop.stage.app.store.documents(realm, kind).await.unwrap();
    assert_eq!(left.len(), 0);
}

#[tokio::test]
async fn settings_come_from_what_a_provider_publishes() {
    let shop = open().await;
    let url = "https://partner.example/.well-known/openid-configuration";
    let description = json!({"issuer": "https://partner.example", "jwks_uri": "https://partner.example/k",
                             "token_endpoint": "https://partner.example/t"});
    shop.stage.network.answer(url, description.to_string());
    let found = shop
        .post(IMPORT, &json!({"providerId": "oidc", "fromUrl": url}))
        .await
        .is(200)
        .json();
    let mut expected = json!({
        "issuer": "https://partner.example", "tokenUrl": "https://partner.example/t",
        "jwksUrl": "https://partner.example/k", "useJwksUrl": "true", "validateSignature": "true",
        "metadataDescriptorUrl": url,
    });
    assert_eq!(found, expected);
    let form = |kind: &str, file: &str| {
        format!(
            "--x\r\nContent-Disposition: form-data; name=\"providerId\"\r\n\r\n{kind}\r\n--x\r\n\
             Content-Disposition: form-data; name=\"file\"; filename=\"f\"\r\n\r\n{file}\r\n--x--\r\n"
        )
    };
    let send = async |body: &str| {
        let kind = "multipart/form-data; boundary=x";
        shop.send_bytes(Method::POST, IMPORT, kind, body).await
    };
    let found = send(&form("oidc", &description.to_string())).await;
    expected
        .as_object_mut()
        .unwrap()
        .remove("metadataDescriptorUrl");
    assert_eq!(found.is(200).json(), expected);
    send(&form("oidc", "nonsense")).await.is(400);
    send(&form("magic", "{}")).await.is(400);
    send("nonsense").await.is(400);
    let saml = send(&form("saml", "<xml/>")).await.is(501).json();
    assert_eq!(saml["errorMessage"], "SAML is not built yet");
}

/// What can be reached from here is nobody's business: all failures look the same.
#[tokio::test]
async fn what_cannot_be_imported_tells_nothing_of_the_network() {
    let shop = open().await;
    let refused = async |body: &Value| shop.post(IMPORT, body).await.is(400).json();
    let text = "There is no description of a provider at that address";
    for url in [
        "http://127.0.0.1:1/x",
        "https://nobody.example",
        "nonsense",
        "",
    ] {
        let body = json!({"providerId": "oidc", "fromUrl": url});
        assert_eq!(refused(&body).await, json!({"errorMessage": text}), "{url}");
    }
    for body in [
        json!({}),
        json!({"providerId": "oidc"}),
        json!({"fromUrl": "https://a.example"}),
        json!({"providerId": "oidc", "fromUrl": null}),
        json!([]),
        json!(null),
    ] {
        let problem = refused(&body).await;
        assert_eq!(problem["error"], "HTTP 400 Bad Request", "{body}");
    }
    let body = json!({"providerId": "magic", "fromUrl": "https://a.example"});
    refused(&body).await;
    let body = json!({"providerId": "oidc", "fromUrl": "https://a.example", "alias": "a b"});
    assert_eq!(refused(&body).await["error"], "Empty Space not allowed.");
    let asked = shop.stage.network.asked();
    assert!(!asked.contains(&"https://a.example".to_owned()));
}

#[tokio::test]
async fn keys_are_read_anew_where_a_provider_publishes_some() {
    let shop = open().await;
    let url = "https://partner.example/jwks";
    shop.stage.network.answer(url, r#"{"keys":[]}"#);
    let mut body = oidc("acme");
    body["config"]["useJwksUrl"] = json!("true");
    body["config"]["jwksUrl"] = json!(url);
    let path = make(&shop, &body).await;
    for expected in [true, false] {
        let loaded = shop.get(&format!("{path}/reload-keys")).await.is(200);
        assert_eq!(loaded.json(), json!(expected));
    }
    let cluster = make(&shop, &json!({"alias": "k", "providerId": "kubernetes"})).await;
    let loaded = shop.get(&format!("{cluster}/reload-keys")).await.is(200);
    assert_eq!(loaded.json(), json!(false));
    shop.get(&format!("{path}/export")).await.is(204);
    let saml = make(&shop, &json!({"alias": "s", "providerId": "saml"})).await;
    shop.get(&format!("{saml}/export")).await.is(501);
}

#[tokio::test]
async fn another_realm_has_its_own_providers() {
    let shop = open().await;
    let path = make(&shop, &oidc("acme")).await;
    shop.stage
        .import(json!({"realm": "other", "enabled": true}))
        .await;
    let shop = shop.of_master("root", "root-password").await;
    let other = format!("/admin/realms/other{path}");
    shop.get_absolute(&other).await.is(404);
    let id = shop.get(&path).await.is(200).member("internalId");
    let by_id = format!("/admin/realms/other{ALL}/{id}");
    shop.get_absolute(&by_id).await.is(404);
}
