//! User storage over HTTP: its components, its mappers, and what is said until there is more.

use axum::http::Method;
use serde_json::{Value, json};

use crate::world::{Shop, open};

const STORAGE: &str = "org.keycloak.storage.UserStorageProvider";
const MAPPER: &str = "org.keycloak.storage.ldap.mappers.LDAPStorageMapper";

async fn make(shop: &Shop, body: &Value) -> String {
    let made = shop.post("/components", body).await.is(201);
    let location = made.header("location");
    location.rsplit('/').next().expect("an id").to_owned()
}

async fn ldap(shop: &Shop) -> String {
    let body = json!({
        "name": "directory", "providerId": "ldap", "providerType": STORAGE,
        "config": {"editMode": ["READ_ONLY"], "vendor": ["ad"], "usernameLDAPAttribute": ["uid"],
                   "rdnLDAPAttribute": ["uid"], "bindCredential": ["pw"]},
    });
    make(shop, &body).await
}

#[tokio::test]
async fn a_directory_comes_with_mappers_and_goes_with_them() {
    let shop = open().await;
    let id = ldap(&shop).await;
    let path = format!("/components/{id}");
    let shown = shop.get(&path).await.is(200).json();
    assert_eq!(shown["config"]["bindCredential"], json!(["**********"]));
    let principal = json!(["userPrincipalName"]);
    assert_eq!(shown["config"]["krbPrincipalAttribute"], principal);
    let below = format!("/components?parent={id}");
    let mappers = async || shop.get(&below).await.is(200).json();
    let named = async |name: &str| {
        let all = mappers().await;
        let found = all
            .as_array()
            .unwrap()
            .iter()
            .find(|one| one["name"] == name);
        found.cloned().expect(name)
    };
    assert_eq!(mappers().await.as_array().unwrap().len(), 8);
    named("MSAD account controls").await;
    let username = named("username").await;
    assert_eq!(username["config"]["ldap.attribute"], json!(["uid"]));
    let mut changed = shown;
    changed["config"]["usernameLDAPAttribute"] = json!(["cn"]);
    shop.put(&path, &changed).await.is(204);
    let username = named("username").await;
    assert_eq!(username["config"]["ldap.attribute"], json!(["cn"]));
    let name = shop.get(&format!("/user-storage/{id}/name")).await.is(200);
    assert_eq!(name.json(), json!({"name": "directory", "id": id}));
    shop.delete(&path).await.is(204);
    assert_eq!(mappers().await, json!([]));
}

#[tokio::test]
async fn mappers_of_a_directory_are_refused_in_keycloaks_words() {
    let shop = open().await;
    let id = ldap(&shop).await;
    for (provider, config, expected) in [
        (
            "user-attribute-ldap-mapper",
            json!({"user.model.attribute": ["x"]}),
            Some("Missing configuration for LDAP Attribute"),
        ),
        (
            "full-name-ldap-mapper",
            json!({"ldap.full.name.attribute": ["cn"], "write.only": ["true"]}),
            Some("Can not set write only when LDAP provider mode is not WRITABLE"),
        ),
        (
            "group-ldap-mapper",
            json!({"groups.dn": ["ou=g"], "mode": ["READ_ONLY"], "groups.path": ["/nobody"]}),
            Some(
                "Groups path group does not exist - please create the group on specified path first",
            ),
        ),
        (
            "group-ldap-mapper",
            json!({"groups.dn": ["ou=g"], "mode": ["READ_ONLY"], "groups.path": ["/staff"]}),
            None,
        ),
        (
            "role-ldap-mapper",
            json!({"roles.dn": ["ou=r"], "mode": ["READ_ONLY"]}),
            Some("Client ID needs to be provided in config when Realm Roles Mapping is not used."),
        ),
        (
            "hardcoded-ldap-role-mapper",
            json!({"role": ["nobody"]}),
            Some("There is no role corresponding to configured value"),
        ),
        (
            "hardcoded-ldap-role-mapper",
            json!({"role": ["account.view-profile"]}),
            None,
        ),
        (
            "hardcoded-ldap-role-mapper",
            json!({"role": ["customer"]}),
            None,
        ),
        (
            "hardcoded-ldap-group-mapper",
            json!({}),
            Some("Group cant be null"),
        ),
        (
            "hardcoded-attribute-mapper",
            json!({"user.model.attribute": ["email"], "attribute.value": ["x"]}),
            Some("Attribute Name cannot be set to username or email"),
        ),
    ] {
        let body = json!({"name": "m", "providerId": provider, "providerType": MAPPER,
                          "parentId": id, "config": config});
        let reply = shop.post("/components", &body).await;
        match expected {
            Some(text) => assert_eq!(reply.is(400).json()["errorMessage"], text, "{body}"),
            None => drop(reply.is(201)),
        }
    }
    for provider in ["nobody", "ipatuura"] {
        let body = json!({"name": "s", "providerId": provider, "providerType": STORAGE});
        let refused = shop.post("/components", &body).await.is(400).json();
        let text = "Invalid provider type or no such provider";
        assert_eq!(refused["error"], text);
    }
}

#[tokio::test]
async fn what_needs_a_directory_says_that_it_is_not_built() {
    let shop = open().await;
    let id = ldap(&shop).await;
    let below = shop.get(&format!("/components?parent={id}")).await.is(200);
    let mapper = below.json()[0]["id"].as_str().unwrap().to_owned();
    let key = shop
        .get("/components?type=org.keycloak.keys.KeyProvider")
        .await;
    let key = key.is(200).json()[0]["id"].as_str().unwrap().to_owned();
    let mappers = format!("/user-storage/{id}/mappers");
    let not_built = Some("LDAP is not built yet");
    for (path, status, text) in [
        (
            format!("/user-storage/{id}/sync?action=triggerFullSync"),
            501,
            not_built,
        ),
        (
            format!("/user-storage/{id}/sync"),
            400,
            Some("Missing action"),
        ),
        (
            format!("/user-storage/{id}/sync?action=x"),
            400,
            Some("Unknown action: x"),
        ),
        (format!("/user-storage/{id}/unlink-users"), 501, not_built),
        (
            format!("/user-storage/{id}/remove-imported-users"),
            501,
            not_built,
        ),
        (
            "/user-storage/nobody/sync".to_owned(),
            404,
            Some("Could not find component"),
        ),
        (
            format!("/user-storage/{key}/unlink-users"),
            404,
            Some("found, but not a UserStorageProvider"),
        ),
        (
            format!("{mappers}/{mapper}/sync?direction=fedToKeycloak"),
            501,
            not_built,
        ),
        (
            format!("{mappers}/{mapper}/sync"),
            400,
            Some("Unknown direction: null"),
        ),
        (
            format!("{mappers}/nobody/sync?direction=fedToKeycloak"),
            404,
            Some("Mapper model not found"),
        ),
        (
            format!("/user-storage/nobody/mappers/{mapper}/sync"),
            404,
            Some("Parent model not found"),
        ),
    ] {
        let reply = shop.send_bytes(Method::POST, &path, "", "").await;
        let body = reply.is(status).json();
        let found = body.get("errorMessage").or_else(|| body.get("error"));
        assert_eq!(found.and_then(Value::as_str), text, "{path}");
    }
}

#[tokio::test]
async fn a_connection_is_tried_as_far_as_it_goes_without_one() {
    let shop = open().await;
    let path = "/testLDAPConnection";
    for (body, status, text) in [
        (
            json!({"action": "testConnection", "connectionUrl": "ldap://a.example"}),
            501,
            "LDAP is not built yet",
        ),
        (
            json!({"connectionUrl": "ldap://a.example"}),
            400,
            "NamingError",
        ),
        (json!({"action": "testConnection"}), 400, "UnknownError"),
        (
            json!({"action": "testAuthentication", "connectionUrl": "nonsense"}),
            400,
            "MalformedURL",
        ),
        (
            json!({"action": "testAuthentication", "connectionUrl": ""}),
            400,
            "NamingError",
        ),
    ] {
        let reply = shop.post(path, &body).await.is(status).json();
        assert_eq!(reply["errorMessage"], text, "{body}");
    }
    let form = "application/x-www-form-urlencoded";
    let sent = "action=testConnection&connectionUrl=ldap%3A%2F%2Fa.example";
    shop.send_bytes(Method::POST, path, form, sent)
        .await
        .is(501);
    shop.send_bytes(Method::POST, path, form, "action=x")
        .await
        .is(400);
    shop.post(path, &json!({"magic": 1})).await.is(400);
    let path = "/ldap-server-capabilities";
    let nothing = shop.post(path, &json!({})).await.is(200).json();
    assert_eq!(nothing, json!([]));
    shop.post(path, &json!({"action": "queryServerCapabilities"}))
        .await
        .is(501);
}
