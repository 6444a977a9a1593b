//! Clients that register themselves.

mod oidcc;
pub mod policies;
mod tokens;

use axum::http::Method;
use claviger_testkit::{Call, Reply};
use serde_json::{Value, json};

use crate::world::{Shop, open};

/// Where clients are registered in the words of OpenID Connect.
pub const OIDC: &str = "/realms/shop/clients-registrations/openid-connect";
/// Where they are in Keycloak's own.
pub const OWN: &str = "/realms/shop/clients-registrations/default";
/// What no registration lacks.
pub fn minimal() -> Value {
    json!({"redirect_uris": ["https://app.example/cb"]})
}

/// A realm in which everything about clients is told, and leave to register so many of them.
pub async fn leave(shop: &Shop, count: i64) -> String {
    let body = json!({"count": count, "webOrigins": ["https://spa.example"]});
    let made = shop.post("/clients-initial-access", &body).await.is(201);
    made.member("token")
}

/// A request with a token.
pub fn at(shop: &Shop, method: Method, path: &str, token: &str) -> Call {
    shop.stage.call(method, path).bearer(token)
}

/// Registers a client with leave.
pub async fn register(shop: &Shop, metadata: &Value) -> Reply {
    let token = leave(shop, 1).await;
    at(shop, Method::POST, OIDC, &token)
        .json(metadata)
        .send()
        .await
}

/// Kinds and errors of the events that were kept, the oldest first.
async fn events(shop: &Shop) -> Vec<(String, String, String)> {
    let all = shop.get("/events?max=100").await.is(200).json();
    let mut list: Vec<_> = all
        .as_array()
        .unwrap()
        .iter()
        .map(|event| {
            let text = |name: &str| event[name].as_str().unwrap_or_default().to_owned();
            let details = event["details"].clone();
            let detail = ["reason", "client_registration_policy"]
                .iter()
                .find_map(|name| details[*name].as_str())
                .unwrap_or_default()
                .to_owned();
            (text("type"), text("error"), detail)
        })
        .collect();
    list.reverse();
    list
}

fn owned((kind, error, detail): (&str, &str, &str)) -> (String, String, String) {
    (kind.to_owned(), error.to_owned(), detail.to_owned())
}

async fn keep_events(shop: &Shop) {
    let kinds: Vec<String> = ["REGISTER", "UPDATE", "DELETE", "INFO"]
        .iter()
        .flat_map(|kind| [format!("CLIENT_{kind}"), format!("CLIENT_{kind}_ERROR")])
        .collect();
    let body = json!({"eventsEnabled": true, "enabledEventTypes": kinds});
    shop.put("/events/config", &body).await.is(204);
}

#[tokio::test]
async fn a_client_registers_reads_changes_and_deletes_itself() {
    let shop = open().await;
    keep_events(&shop).await;
    let mut metadata = minimal();
    metadata["client_name"] = json!("App");
    metadata["grant_types"] = json!(["authorization_code", "client_credentials"]);
    let made = register(&shop, &metadata).await.is(201);
    let address = made.header("location");
    let made = made.json();
    assert_eq!(made["registration_client_uri"], address.as_str());
    assert_eq!(made["client_secret_expires_at"], 0);
    assert_eq!(made["client_id_issued_at"], 1_795_392_000);
    let path = address.strip_prefix("http://localhost").unwrap();
    let first = made["registration_access_token"].as_str().unwrap();
    // The client works with what it was told.
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", made["client_id"].as_str().unwrap()),
        ("client_secret", made["client_secret"].as_str().unwrap()),
    ];
    let token = "/realms/shop/protocol/openid-connect/token";
    shop.stage.post(token, &form).await.is(200);
    let read = at(&shop, Method::GET, path, first)
        .send()
        .await
        .is(200)
        .json();
    assert_eq!(read["client_secret"], made["client_secret"]);
    assert_eq!(read["registration_access_token"], first, "the same one");
    assert_eq!(read.get("client_id_issued_at"), None);
    // A change makes another token, and the first one is void.
    let change = json!({"client_id": made["client_id"], "client_name": "Other",
        "redirect_uris": ["https://app.example/other"]});
    let changed = at(&shop, Method::PUT, path, first)
        .json(&change)
        .send()
        .await;
    let changed = changed.is(200).json();
    assert_eq!(changed["client_name"], "Other");
    assert_eq!(
        changed["redirect_uris"],
        json!(["https://app.example/other"])
    );
    assert_eq!(changed["client_secret"], made["client_secret"]);
    let second = changed["registration_access_token"].as_str().unwrap();
    assert_ne!(first, second);
    let unseen = "Not authorized to view client. Not valid token or client credentials provided.";
    at(&shop, Method::GET, path, first)
        .send()
        .await
        .is(401)
        .says("invalid_token", unseen);
    let unchanged = "Not authorized to update client. Maybe missing token or bad token type.";
    at(&shop, Method::DELETE, path, first)
        .send()
        .await
        .is(401)
        .says("invalid_token", unchanged);
    at(&shop, Method::DELETE, path, second).send().await.is(204);
    at(&shop, Method::GET, path, second).send().await.is(401);
    shop.stage.post(token, &form).await.is(401);
    let told = events(&shop).await;
    let expected = [
        ("CLIENT_REGISTER", "", ""),
        ("CLIENT_INFO", "", ""),
        ("CLIENT_UPDATE", "", ""),
        ("CLIENT_INFO_ERROR", "invalid_token", unseen),
        ("CLIENT_DELETE_ERROR", "invalid_token", unchanged),
        ("CLIENT_DELETE", "", ""),
        ("CLIENT_INFO_ERROR", "invalid_token", unseen),
    ];
    assert_eq!(told, expected.map(owned));
}

#[tokio::test]
async fn metadata_go_in_and_come_out_again() {
    let shop = open().await;
    let key = json!({"kty": "RSA", "use": "sig", "kid": "k", "n": "AQAB", "e": "AQAB"});
    let metadata = json!({
        "client_name": "All", "client_uri": "https://app.example",
        "redirect_uris": ["https://app.example/cb"],
        "post_logout_redirect_uris": ["https://app.example/bye"],
        "grant_types": ["authorization_code", "implicit", "refresh_token",
            "urn:ietf:params:oauth:grant-type:device_code"],
        "response_types": ["code id_token"], "scope": "email phone",
        "token_endpoint_auth_method": "private_key_jwt", "jwks": {"keys": [key]},
        "token_endpoint_auth_signing_alg": "PS256",
        "id_token_signed_response_alg": "ES256", "userinfo_signed_response_alg": "RS256",
        "request_object_signing_alg": "RS512", "authorization_signed_response_alg": "PS256",
        "request_uris": ["https://app.example/request"],
        "dpop_bound_access_tokens": true, "tls_client_certificate_bound_access_tokens": false,
        "require_pushed_authorization_requests": true,
        "backchannel_logout_uri": "https://app.example/back",
        "frontchannel_logout_uri": "https://app.example/front",
        "frontchannel_logout_session_required": true,
    });
    let made = register(&shop, &metadata).await.is(201).json();
    for (name, value) in metadata.as_object().unwrap() {
        match name.as_str() {
            "response_types" => assert!(made[name].as_array().unwrap().contains(&value[0])),
            "grant_types" | "scope" => {}
            _ => assert_eq!(&made[name], value, "{name}"),
        }
    }
    assert_eq!(made["scope"], "email phone");
    assert_eq!(made.get("client_secret"), None, "it signs");
    let path = format!("/clients?clientId={}", made["client_id"].as_str().unwrap());
    let found = shop.get(&path);
    let client = found.await.is(200).json()[0].clone();
    assert_eq!(client["defaultClientScopes"], json!(["basic"]));
    assert_eq!(client["frontchannelLogout"], true);
    assert_eq!(client["implicitFlowEnabled"], true);
    assert_eq!(
        client["attributes"].get("registration.access.token.id"),
        None
    );
}

#[tokio::test]
async fn metadata_that_are_no_clients_are_refused_and_nothing_is_made() {
    let shop = open().await;
    let before = shop.get("/clients").await.json().as_array().unwrap().len();
    let token = leave(&shop, 1).await;
    let invalid = "invalid_client_metadata";
    let unfit = "Client metadata invalid";
    for (metadata, error, text) in [
        (
            json!({"client_id": "mine"}),
            invalid,
            "Client Identifier included",
        ),
        (
            json!({"token_endpoint_auth_method": "magic"}),
            invalid,
            unfit,
        ),
        (json!({"response_types": ["magic"]}), invalid, unfit),
        (json!({"subject_type": "magic"}), invalid, unfit),
        (
            json!({"token_endpoint_auth_method": "private_key_jwt"}),
            invalid,
            unfit,
        ),
        (
            json!({"redirect_uris": ["javascript:alert(1)"]}),
            "invalid_redirect_uri",
            "A redirect URI uses an illegal scheme",
        ),
        (
            json!({"backchannel_logout_uri": "javascript:x"}),
            invalid,
            "Backchannel logout URL uses an illegal scheme",
        ),
        (
            json!({"redirect_uris": ["http://x.example/cb", "http://y.example/cb"],
                "subject_type": "pairwise"}),
            invalid,
            "Without a configured Sector Identifier URI, client redirect URIs must not contain \
             multiple host components.",
        ),
    ] {
        let reply = at(&shop, Method::POST, OIDC, &token).json(&metadata).send();
        reply.await.is(400).says(error, text);
    }
    let unknown = json!({"magic": 1});
    let reply = at(&shop, Method::POST, OIDC, &token).json(&unknown).send();
    let text = reply.await.is(400).member("error");
    assert!(text.starts_with("Invalid json representation for OIDCClientRepresentation"));
    for body in ["", "{", "[]", "null", "7"] {
        let call = at(&shop, Method::POST, OIDC, &token);
        let call = call.header("content-type", "application/json").bytes(body);
        call.send().await.is(400);
    }
    let call = at(&shop, Method::POST, OIDC, &token).header("content-type", "text/plain");
    call.bytes("{}").send().await.is(415);
    let after = shop.get("/clients").await.json().as_array().unwrap().len();
    assert_eq!(before, after);
    // All that has not used the leave up.
    at(&shop, Method::POST, OIDC, &token)
        .json(&minimal())
        .send()
        .await
        .is(201);
}

#[tokio::test]
async fn keycloaks_own_words_make_the_same_clients() {
    let shop = open().await;
    let owner = shop
        .sign_in("owner", "owner")
        .await
        .is(200)
        .member("access_token");
    let body = json!({"clientId": "mine", "redirectUris": ["https://mine.example/cb"],
        "defaultRoles": ["reader"], "attributes": {"registration.access.token.id": "chosen"}});
    let made = at(&shop, Method::POST, OWN, &owner)
        .json(&body)
        .send()
        .await
        .is(201);
    assert_eq!(
        made.header("location"),
        format!("http://localhost{OWN}/mine")
    );
    let made = made.json();
    assert_eq!(made["defaultRoles"], json!(["reader"]));
    assert_eq!(made["webOrigins"], json!(["https://mine.example"]));
    at(&shop, Method::POST, OWN, &owner)
        .json(&body)
        .send()
        .await
        .is(400)
        .says("invalid_client_metadata", "Client Identifier in use");
    let path = format!("{OWN}/mine");
    let renamed = json!({"clientId": "other"});
    at(&shop, Method::PUT, &path, &owner)
        .json(&renamed)
        .send()
        .await
        .is(400)
        .says("invalid_client_metadata", "Client Identifier modified");
    let change = json!({"clientId": "mine", "defaultRoles": ["writer"],
        "serviceAccountsEnabled": true, "defaultClientScopes": ["email"],
        "optionalClientScopes": ["phone"]});
    let changed = at(&shop, Method::PUT, &path, &owner)
        .json(&change)
        .send()
        .await;
    let changed = changed.is(200).json();
    assert_eq!(changed["defaultRoles"], json!(["writer"]));
    assert_eq!(changed["optionalClientScopes"], json!(["phone"]));
    assert_eq!(
        changed.get("registrationAccessToken"),
        None,
        "an administrator has none"
    );
    // Its registration token is still the first one.
    let own = made["registrationAccessToken"].as_str().unwrap();
    let read = at(&shop, Method::GET, &path, own)
        .send()
        .await
        .is(200)
        .json();
    assert_eq!(read["secret"], made["secret"]);
    let installed = "/realms/shop/clients-registrations/install/mine";
    let file = at(&shop, Method::GET, installed, own)
        .send()
        .await
        .is(200)
        .json();
    assert_eq!(file["credentials"], json!({"secret": made["secret"]}));
    assert_eq!(file["resource"], "mine");
}

#[tokio::test]
async fn who_names_scopes_names_optional_ones() {
    let shop = open().await;
    let owner = shop.sign_in("owner", "owner").await.is(200);
    let owner = owner.member("access_token");
    let path = format!("{OIDC}/web");
    let change = json!({"client_id": "web", "redirect_uris": [], "scope": "phone address"});
    let changed = at(&shop, Method::PUT, &path, &owner).json(&change);
    let changed = changed.send().await.is(200).json();
    assert_eq!(changed["scope"], "address phone");
    let client = shop.get("/clients?clientId=web").await.json()[0].clone();
    let mut defaults = client["defaultClientScopes"].as_array().unwrap().clone();
    defaults.retain(|name| name != "service_account");
    let expected = ["acr", "basic", "email", "profile", "roles", "web-origins"];
    assert_eq!(json!(defaults), json!(expected));
    let web = json!({"client_id": "web", "scope": "nobody"});
    let refused = at(&shop, Method::PUT, &path, &owner)
        .json(&web)
        .send()
        .await;
    refused.is(403);
}

#[tokio::test]
async fn adapters_are_told_their_settings_by_the_client_alone() {
    let shop = open().await;
    let path = |client: &str| format!("/realms/shop/clients-registrations/install/{client}");
    let file = shop.stage.get(&path("app")).await.is(200).json();
    assert_eq!(file["public-client"], true);
    assert_eq!(file.get("credentials"), None);
    let basic = async |client: &str, name: &str, secret: &str| {
        let call = shop
            .stage
            .call(Method::GET, &path(client))
            .basic(name, secret);
        call.send().await
    };
    let file = basic("web", "web", "web-secret").await.is(200).json();
    assert_eq!(file["credentials"], json!({"secret": "web-secret"}));
    let failed = "Failed to authenticate client";
    shop.stage
        .get(&path("web"))
        .await
        .is(401)
        .says("invalid_token", failed);
    basic("web", "web", "wrong")
        .await
        .is(401)
        .says("invalid_token", failed);
    basic("web", "app", "")
        .await
        .is(401)
        .says("invalid_token", failed);
    let other = json!({"clientId": "other", "secret": "other-secret"});
    shop.post("/clients", &other).await.is(201);
    let different = "Different client authenticated";
    let reply = basic("web", "other", "other-secret").await;
    reply.is(401).says("invalid_token", different);
    shop.stage.get(&path("nobody")).await.is(401);
}

#[tokio::test]
async fn what_is_not_there_is_not_there() {
    let shop = open().await;
    let base = "/realms/shop/clients-registrations";
    for (method, path, status, error) in [
        (Method::GET, "", 405, "HTTP 405 Method Not Allowed"),
        (
            Method::PATCH,
            "/default/x",
            405,
            "HTTP 405 Method Not Allowed",
        ),
        (Method::GET, "/openid-connect", 404, "HTTP 404 Not Found"),
        (
            Method::POST,
            "/magic",
            404,
            "Client registration provider not found",
        ),
        (
            Method::GET,
            "/magic/x",
            404,
            "Client registration provider not found",
        ),
        (
            Method::POST,
            "/saml2-entity-descriptor",
            501,
            "not_implemented",
        ),
    ] {
        let reply = shop
            .stage
            .call(method, &format!("{base}{path}"))
            .send()
            .await;
        assert_eq!(reply.is(status).member("error"), error, "{path}");
    }
    let nowhere = shop
        .stage
        .get("/realms/nowhere/clients-registrations/openid-connect/x");
    assert_eq!(
        nowhere.await.is(404).member("error"),
        "Realm does not exist"
    );
    let token = leave(&shop, 1).await;
    shop.put("", &json!({"enabled": false})).await.is(204);
    let call = at(&shop, Method::POST, OIDC, &token).json(&minimal());
    call.send()
        .await
        .is(403)
        .says("access_denied", "Realm not enabled");
}
