//! Clients: made with Keycloak's defaults, changed, and gone with all that hangs on them.

use serde_json::{Value, json};

use crate::world::{Shop, open};

/// Makes a client and returns its path.
pub async fn make(shop: &Shop, body: &Value) -> String {
    let made = shop.post("/clients", body).await.is(201);
    let address = made.header("location");
    address
        .strip_prefix("http://localhost/admin/realms/shop")
        .expect("below the realm")
        .to_owned()
}

/// The path of a client of the realm file.
pub async fn path(shop: &Shop, client_id: &str) -> String {
    let found = shop
        .get(&format!("/clients?clientId={client_id}"))
        .await
        .is(200)
        .json();
    format!("/clients/{}", found[0]["id"].as_str().expect("a client"))
}

#[tokio::test]
async fn a_minimal_client_has_keycloaks_defaults() {
    let shop = open().await;
    let path = make(&shop, &json!({"clientId": "fresh"})).await;
    let mut shown = shop.get(&path).await.is(200).json();
    let secret = shown["secret"].take();
    assert_eq!(secret.as_str().unwrap().len(), 86);
    let made = shown["attributes"]["client.secret.creation.time"].take();
    assert!(made.is_string());
    let expected = json!({
        "id": path.rsplit('/').next(),
        "clientId": "fresh",
        "surrogateAuthRequired": false,
        "enabled": true,
        "alwaysDisplayInConsole": false,
        "clientAuthenticatorType": "client-secret",
        "secret": null,
        "redirectUris": [],
        "webOrigins": [],
        "notBefore": 0,
        "bearerOnly": false,
        "consentRequired": false,
        "standardFlowEnabled": true,
        "implicitFlowEnabled": false,
        "directAccessGrantsEnabled": false,
        "serviceAccountsEnabled": false,
        "publicClient": false,
        "frontchannelLogout": false,
        "protocol": "openid-connect",
        "attributes": {"realm_client": "false", "client.secret.creation.time": null},
        "authenticationFlowBindingOverrides": {},
        "fullScopeAllowed": true,
        "nodeReRegistrationTimeout": -1,
        "defaultClientScopes": ["acr", "basic", "email", "profile", "roles", "web-origins"],
        "optionalClientScopes":
            ["address", "microprofile-jwt", "offline_access", "organization", "phone"],
        "access": {"view": true, "configure": true, "manage": true},
    });
    assert_eq!(shown, expected);
    let event = shop.event().await;
    assert_eq!(
        (event.operation.as_str(), event.kind.as_str()),
        ("CREATE", "CLIENT")
    );
    let id = path.rsplit('/').next();
    assert_eq!(event.representation, json!({"clientId": "fresh", "id": id}));
    assert_eq!(format!("/{}", event.path), path);
}

#[tokio::test]
async fn what_is_wrong_with_a_client_is_told_in_keycloaks_words() {
    let shop = open().await;
    for (client, status, error, text) in [
        (
            json!({"clientId": "app"}),
            409,
            "errorMessage",
            "Client app already exists",
        ),
        (
            json!({"clientId": "a", "redirectUris": ["javascript:alert(1)"]}),
            400,
            "error_description",
            "A redirect URI uses an illegal scheme",
        ),
        (
            json!({"clientId": "a", "redirectUris": ["http://x.example/#f"]}),
            400,
            "error_description",
            "A redirect URI must not contain an URL fragment",
        ),
        (
            json!({"clientId": "a", "protocol": "magic"}),
            400,
            "error_description",
            "Invalid protocol: magic",
        ),
        (
            json!({"clientId": " "}),
            400,
            "error_description",
            "Client ID cannot be blank",
        ),
        (
            json!({"clientId": "a", "authenticationFlowBindingOverrides": {"browser": "nope"}}),
            400,
            "errorMessage",
            "Unable to resolve auth flow binding override for: browser",
        ),
    ] {
        let refused = shop.post("/clients", &client).await.is(status);
        assert_eq!(refused.member(error), text, "{client}");
    }
    let ids = shop.get("/clients?clientId=a").await.is(200).json();
    assert_eq!(ids, json!([]));
}

#[tokio::test]
async fn clients_are_listed_by_name() {
    let shop = open().await;
    let ids = |list: Value| -> Vec<String> {
        let list = list.as_array().unwrap().clone();
        list.iter()
            .map(|client| client["clientId"].as_str().unwrap().to_owned())
            .collect()
    };
    for (query, expected) in [
        ("?clientId=app", vec!["app"]),
        ("?clientId=ap", vec![]),
        ("?clientId=AP&search=true", vec!["app"]),
        ("?clientId=%25&search=true", vec![]),
        ("?first=0&max=2", vec!["account", "account-console"]),
        ("?first=1&max=1", vec!["account-console"]),
    ] {
        let list = shop.get(&format!("/clients{query}")).await.is(200).json();
        assert_eq!(ids(list), expected, "{query}");
    }
    shop.get("/clients?max=many").await.is(404);
    // What names no attribute asks for nothing.
    shop.get("/clients?q=web").await.is(200);
    let refused = shop.get("/clients?q=c:d%20a:b").await.is(400);
    refused.says(
        "invalid_request",
        "Attributes [a, c] not allowed for search",
    );
    let viewer = shop.administered_by("viewer").await;
    viewer.get("/clients").await.is(403);
}

#[tokio::test]
async fn updates_keep_what_they_leave_out_and_conflicts_are_told() {
    let shop = open().await;
    let path = path(&shop, "web").await;
    let change = json!({"description": "The web shop", "redirectUris": ["http://web.example/*"]});
    shop.put(&path, &change).await.is(204);
    let shown = shop.get(&path).await.is(200).json();
    assert_eq!(shown["description"], "The web shop");
    assert_eq!(shown["secret"], "web-secret");
    assert_eq!(shown["webOrigins"], json!(["http://web.example"]));
    assert_eq!(
        shown["attributes"]["backchannel.logout.url"],
        "http://web.example/logout"
    );
    let taken = shop.put(&path, &json!({"clientId": "app"})).await.is(409);
    taken.says("conflict", "Duplicate resource error");
    shop.put("/clients/nowhere", &json!({})).await.is(404);
    shop.put(&path, &json!({"secret": "other", "publicClient": false}))
        .await
        .is(204);
    let event = shop.event().await;
    let expected = json!({"secret": "**********", "publicClient": false});
    assert_eq!(
        (event.operation.as_str(), event.representation),
        ("UPDATE", expected)
    );
}

#[tokio::test]
async fn a_disabled_client_is_out_of_every_session() {
    let shop = open().await;
    let tokens = shop.sign_in("alice", "wonderland").await.is(200);
    let app = path(&shop, "app").await;
    let count = format!("{app}/session-count");
    assert_eq!(shop.get(&count).await.json(), json!({"count": 1}));
    shop.put(&app, &json!({"enabled": false})).await.is(204);
    assert_eq!(shop.get(&count).await.json(), json!({"count": 0}));
    shop.put(&app, &json!({"enabled": true})).await.is(204);
    // The session went with the client: switching it on again does not bring it back.
    shop.refresh(&tokens.member("refresh_token")).await.is(400);
}

#[tokio::test]
async fn a_deleted_client_takes_roles_and_service_account_along() {
    let shop = open().await;
    let web = path(&shop, "web").await;
    shop.get(&format!("{web}/service-account-user"))
        .await
        .is(200);
    shop.delete(&web).await.is(204);
    assert_eq!(shop.event().await.representation["clientId"], "web");
    shop.get(&web).await.is(404);
    shop.delete(&web).await.is(404);
    let found = shop
        .get("/users?username=service-account-web&exact=true")
        .await
        .json();
    assert_eq!(found, json!([]));
    let alice = shop.user("alice").await;
    let mappings = shop
        .get(&format!("{alice}/role-mappings"))
        .await
        .is(200)
        .json();
    assert_eq!(mappings["clientMappings"]["web"], Value::Null);
    let account = path(&shop, "account").await;
    shop.delete(&account)
        .await
        .is(400)
        .says("invalid_request", "Could not delete client");
}

#[tokio::test]
async fn service_accounts_come_and_go_with_their_switch() {
    let shop = open().await;
    let path = make(
        &shop,
        &json!({"clientId": "robot", "serviceAccountsEnabled": true}),
    )
    .await;
    let user = format!("{path}/service-account-user");
    let shown = shop.get(&user).await.is(200).json();
    assert_eq!(shown["username"], "service-account-robot");
    let id = shown["id"].as_str().unwrap();
    let roles = shop
        .get(&format!("/users/{id}/role-mappings/realm"))
        .await
        .is(200)
        .json();
    assert_eq!(roles[0]["name"], "default-roles-shop");
    let scopes = |client: &Value| client["defaultClientScopes"].to_string();
    assert!(scopes(&shop.get(&path).await.json()).contains("service_account"));
    shop.put(&path, &json!({"clientId": "android"}))
        .await
        .is(204);
    assert_eq!(
        shop.get(&user).await.json()["username"],
        "service-account-android"
    );
    shop.put(&path, &json!({"serviceAccountsEnabled": false}))
        .await
        .is(204);
    let refused = shop.get(&user).await.is(400);
    let text = "Service account not enabled for the client 'android'";
    assert_eq!(refused.member("error"), text);
    assert!(!scopes(&shop.get(&path).await.json()).contains("service_account"));
    shop.get(&format!("/users/{id}")).await.is(404);
}

#[tokio::test]
async fn scopes_of_a_client_are_added_once_and_removed() {
    let shop = open().await;
    let web = path(&shop, "web").await;
    let (default, optional) = (
        format!("{web}/default-client-scopes"),
        format!("{web}/optional-client-scopes"),
    );
    let names = |list: Value| -> Vec<String> {
        let list = list.as_array().unwrap().clone();
        list.iter()
            .map(|scope| scope["name"].as_str().unwrap().to_owned())
            .collect()
    };
    let list = shop.get(&optional).await.is(200).json();
    let phone = list
        .as_array()
        .unwrap()
        .iter()
        .find(|scope| scope["name"] == "phone")
        .unwrap();
    let phone = phone["id"].as_str().unwrap().to_owned();
    // It is an optional one: it stays one.
    shop.put(&format!("{default}/{phone}"), &json!({}))
        .await
        .is(204);
    assert!(names(shop.get(&optional).await.json()).contains(&"phone".to_owned()));
    shop.delete(&format!("{optional}/{phone}")).await.is(204);
    shop.put(&format!("{default}/{phone}"), &json!({}))
        .await
        .is(204);
    assert!(names(shop.get(&default).await.json()).contains(&"phone".to_owned()));
    let event = shop.event().await;
    assert_eq!(event.kind, "CLIENT_SCOPE_CLIENT_MAPPING");
    let unknown = shop
        .put(&format!("{default}/nowhere"), &json!({}))
        .await
        .is(404);
    assert_eq!(unknown.member("error"), "Client scope not found");
}

#[tokio::test]
async fn tokens_are_shown_by_example() {
    let shop = open().await;
    let web = path(&shop, "web").await;
    let alice = shop.user("alice").await.replace("/users/", "");
    let address = |what: &str, query: &str| format!("{web}/evaluate-scopes/{what}?{query}");
    let query = format!("scope=openid&userId={alice}");
    let access = shop
        .get(&address("generate-example-access-token", &query))
        .await
        .is(200)
        .json();
    assert!(access["jti"].as_str().unwrap().starts_with("onrtna:"));
    assert_eq!(access["sub"], json!(alice));
    assert!(access["scope"].as_str().unwrap().contains("openid"));
    let id = shop
        .get(&address("generate-example-id-token", &query))
        .await
        .is(200)
        .json();
    assert_eq!(
        (&id["typ"], &id["aud"], &id["at_hash"]),
        (&json!("ID"), &json!("web"), &json!(null))
    );
    let info = shop
        .get(&address("generate-example-userinfo", &query))
        .await
        .is(200)
        .json();
    assert_eq!(info["email"], "alice@shop.example");
    assert_eq!(
        shop.get(&format!("{web}/session-count")).await.json(),
        json!({"count": 0})
    );
    for (query, text) in [
        ("scope=openid", "No userId provided"),
        ("userId=nobody", "No user found"),
        (
            &*format!("{query}&audience=app"),
            "Requested audience not available: app",
        ),
    ] {
        let refused = shop
            .get(&address("generate-example-access-token", query))
            .await
            .is(404);
        assert_eq!(refused.member("error"), text);
    }
    let mappers = shop
        .get(&address("protocol-mappers", "scope=openid%20phone"))
        .await
        .is(200);
    let mappers = mappers.json();
    assert!(mappers.to_string().contains("phone number verified"));
    let granted = shop
        .get(&address("scope-mappings/shop/granted", "scope=openid"))
        .await
        .is(200);
    assert!(granted.text().contains("manager"));
    let not = shop
        .get(&address("scope-mappings/shop/not-granted", "scope=openid"))
        .await
        .is(200);
    assert_eq!(not.json(), json!([]));
    let nobody = shop
        .get(&address("scope-mappings/nope/granted", ""))
        .await
        .is(404);
    assert_eq!(nobody.member("error"), "Role Container not found");
}

#[tokio::test]
async fn nodes_and_installations() {
    let shop = open().await;
    let web = path(&shop, "web").await;
    let nodes = format!("{web}/nodes");
    shop.post(&nodes, &json!({"node": "n1"})).await.is(204);
    let event = shop.event().await;
    assert_eq!(
        (event.kind.as_str(), event.operation.as_str()),
        ("CLUSTER_NODE", "CREATE")
    );
    assert!(shop.get(&web).await.json()["registeredNodes"]["n1"].is_i64());
    shop.post(&nodes, &json!({})).await.is(400);
    shop.delete(&format!("{nodes}/n1")).await.is(204);
    shop.delete(&format!("{nodes}/n1")).await.is(404);
    let providers = format!("{web}/installation/providers");
    let file = shop
        .get(&format!("{providers}/keycloak-oidc-keycloak-json"))
        .await
        .is(200);
    assert_eq!(file.header("content-type"), "text/plain");
    assert_eq!(file.json()["credentials"], json!({"secret": "web-secret"}));
    let unknown = shop.get(&format!("{providers}/magic")).await.is(404);
    assert_eq!(unknown.member("error"), "Unknown Provider");
    shop.get(&format!("{providers}/keycloak-saml"))
        .await
        .is(501);
    shop.get(&format!("{web}/management/permissions"))
        .await
        .is(501)
        .says(
            "Feature not enabled",
            "For more on this error consult the server log.",
        );
}

#[tokio::test]
async fn nobody_changes_the_client_whose_roles_are_rights() {
    let shop = open().await;
    let path = path(&shop, "realm-management").await;
    let access = shop.get(&path).await.is(200).json()["access"].clone();
    assert_eq!(
        access,
        json!({"view": true, "configure": false, "manage": false})
    );
    shop.put(&path, &json!({"enabled": false})).await.is(403);
    shop.delete(&path).await.is(403);
    shop.post(&format!("{path}/client-secret"), &json!({}))
        .await
        .is(403);
    let mapper =
        json!({"name": "m", "protocol": "openid-connect", "protocolMapper": "oidc-acr-mapper"});
    shop.post(&format!("{path}/protocol-mappers/models"), &mapper)
        .await
        .is(403);
    shop.post(&format!("{path}/scope-mappings/realm"), &json!([]))
        .await
        .is(403);
    shop.put(&format!("{path}/default-client-scopes/any"), &json!({}))
        .await
        .is(403);
    shop.post(&format!("{path}/nodes"), &json!({"node": "n"}))
        .await
        .is(403);
}

#[tokio::test]
async fn another_protocol_brings_its_scopes() {
    let shop = open().await;
    let path = make(&shop, &json!({"clientId": "turncoat"})).await;
    let before = shop.get(&path).await.is(200).json();
    shop.put(&path, &json!({"protocol": "saml"})).await.is(204);
    let shown = shop.get(&path).await.is(200).json();
    assert!(
        shown["defaultClientScopes"]
            .to_string()
            .contains("role_list")
    );
    assert!(!shown["defaultClientScopes"].to_string().contains("email"));
    shop.put(&path, &json!({"protocol": "openid-connect"}))
        .await
        .is(204);
    assert_eq!(shop.get(&path).await.is(200).json(), before);
}
