//! What people see and change of their own, by their own token.

use axum::http::Method;
use claviger_testkit::Reply;
use serde_json::{Value, json};

use crate::world::{Shop, open};

/// Somebody at the Account API.
struct Person<'a> {
    shop: &'a Shop,
    tokens: Value,
}

const CHROME: &str = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36";

impl<'a> Person<'a> {
    async fn alice(shop: &'a Shop) -> Self {
        Self::with(shop, "alice", "wonderland", "openid").await
    }

    async fn with(shop: &'a Shop, name: &str, password: &str, scope: &str) -> Self {
        let form = [
            ("grant_type", "password"),
            ("client_id", "app"),
            ("username", name),
            ("password", password),
            ("scope", scope),
        ];
        let path = "/realms/shop/protocol/openid-connect/token";
        let call = shop.stage.call(Method::POST, path).form(&form);
        let tokens = call.header("user-agent", CHROME).send().await.is(200);
        Self {
            shop,
            tokens: tokens.json(),
        }
    }

    fn token(&self, name: &str) -> &str {
        self.tokens[name].as_str().unwrap()
    }

    async fn send(&self, method: Method, path: &str, body: Option<&Value>) -> Reply {
        let path = format!("/realms/shop/account{path}");
        let call = self.shop.stage.call(method, &path);
        let call = call
            .bearer(self.token("access_token"))
            .header("accept", "application/json");
        match body {
            Some(body) => call.json(body).send().await,
            None => call.send().await,
        }
    }

    async fn get(&self, path: &str) -> Reply {
        self.send(Method::GET, path, None).await
    }

    async fn delete(&self, path: &str) -> Reply {
        self.send(Method::DELETE, path, None).await
    }

    async fn is_signed_in(&self) -> bool {
        let refreshed = self.shop.refresh(self.token("refresh_token")).await;
        refreshed.status == 200
    }
}

/// The shop, where people of the realm file have what newcomers have.
async fn shop() -> Shop {
    let shop = open().await;
    let role = shop.get("/roles/default-roles-shop").await.is(200).json();
    for name in ["alice", "bob"] {
        let path = format!("{}/role-mappings/realm", shop.user(name).await);
        shop.post(&path, &json!([role])).await.is(204);
    }
    shop
}

async fn events(shop: &Shop, kind: &str) -> Value {
    let path = format!("/events?type={kind}");
    shop.get(&path).await.is(200).json()
}

#[tokio::test]
async fn people_read_and_change_who_they_are() {
    let shop = shop().await;
    shop.put("", &json!({"eventsEnabled": true})).await.is(204);
    let alice = Person::alice(&shop).await;
    let read = alice.get("").await.is(200);
    assert_eq!(read.header("cache-control"), "no-cache");
    assert_eq!(read.json()["username"], "alice");
    let names = &read.json()["userProfileMetadata"]["attributes"];
    assert!(names.as_array().unwrap().len() >= 4, "{names}");
    let bare = alice.get("/?userProfileMetadata=false").await.is(200);
    assert!(bare.json().get("userProfileMetadata").is_none());
    let change = json!({"username": "alice", "email": "alicia@shop.example", "firstName": "Alicia", "lastName": "Liddell"});
    let changed = alice.send(Method::POST, "", Some(&change)).await.is(204);
    assert_eq!(changed.header("cache-control"), "no-cache");
    let details = events(&shop, "UPDATE_PROFILE").await[0]["details"].clone();
    assert_eq!(details["context"], "ACCOUNT");
    assert_eq!(details["previous_first_name"], "Alice");
    assert_eq!(details["updated_email"], "alicia@shop.example");
    let read = alice.get("").await.is(200).json();
    assert_eq!(read["emailVerified"], false);
}

#[tokio::test]
async fn what_is_wrong_with_a_profile_is_told_at_its_field_and_nothing_is_changed() {
    let shop = shop().await;
    let alice = Person::alice(&shop).await;
    let taken = json!({"username": "alice", "email": "bob@shop.example", "firstName": "A", "lastName": "L"});
    let refused = alice.send(Method::POST, "", Some(&taken)).await.is(409);
    let one =
        json!({"errorMessage": "emailExistsMessage", "field": "email", "params": ["${email}"]});
    let mut whole = one.clone();
    whole["errors"] = json!([one]);
    assert_eq!(refused.json(), whole);
    let wrong = json!({"username": "alice", "email": "nonsense", "firstName": "", "lastName": "L"});
    let refused = alice
        .send(Method::POST, "", Some(&wrong))
        .await
        .is(400)
        .json();
    assert_eq!(refused["errors"].as_array().unwrap().len(), 2, "{refused}");
    assert!(refused.get("errorMessage").is_none());
    let renamed = json!({"username": "root", "email": "alice@shop.example", "firstName": "A", "lastName": "L"});
    let refused = alice
        .send(Method::POST, "", Some(&renamed))
        .await
        .is(400)
        .json();
    assert_eq!(
        refused["errors"][0]["errorMessage"],
        "error-user-attribute-read-only"
    );
    assert_eq!(alice.get("").await.json()["firstName"], "Alice");
}

#[tokio::test]
async fn sessions_are_seen_by_machine_and_previewed_and_end_at_once() {
    let shop = shop().await;
    shop.put("", &json!({"eventsEnabled": true})).await.is(204);
    let here = Person::alice(&shop).await;
    let there = Person::alice(&shop).await;
    let offline = Person::with(&shop, "alice", "wonderland", "openid offline_access").await;
    let listed = here.get("/sessions").await.is(200);
    assert_eq!(listed.header("set-cookie"), "");
    let listed = listed.json();
    let listed = listed.as_array().unwrap();
    assert_eq!(listed.len(), 2);
    let current = listed.iter().filter(|one| one["current"] == true);
    assert_eq!(current.count(), 1);
    assert_eq!(listed[0]["browser"], "Chrome/126.0.0");
    assert_eq!(listed[0]["clients"][0]["clientId"], "app");
    let devices = here.get("/sessions/devices").await.is(200).json();
    assert_eq!(devices.as_array().unwrap().len(), 1);
    let device = &devices[0];
    let told = (
        &device["os"],
        &device["osVersion"],
        &device["device"],
        &device["mobile"],
        &device["current"],
    );
    let expected = (
        &json!("Linux"),
        &json!("Unknown"),
        &json!("Other"),
        &json!(false),
        &json!(true),
    );
    assert_eq!(told, expected);
    assert_eq!(device["sessions"].as_array().unwrap().len(), 3);
    for (query, sessions) in [("", 2), ("?current=true", 3)] {
        let path = format!("/sessions/logout-preview{query}");
        let preview = here.get(&path).await.is(200).json();
        assert_eq!(preview, json!({"sessions": sessions, "applications": 1}));
    }
    here.delete("/sessions").await.is(204);
    assert!(here.is_signed_in().await);
    assert!(!there.is_signed_in().await);
    there.get("").await.is(401);
    assert!(!offline.is_signed_in().await);
    assert_eq!(events(&shop, "LOGOUT").await.as_array().unwrap().len(), 2);
    here.delete("/sessions?current=true").await.is(204);
    here.get("").await.is(401);
}

#[tokio::test]
async fn one_session_ends_alone_and_nobody_ends_anothers() {
    let shop = shop().await;
    let path = shop.user("bob").await;
    let reset = json!({"type": "password", "value": "builder", "temporary": false});
    shop.put(&format!("{path}/reset-password"), &reset)
        .await
        .is(204);
    let bob = Person::with(&shop, "bob", "builder", "openid").await;
    let here = Person::alice(&shop).await;
    let there = Person::alice(&shop).await;
    let id = |person: &Person<'_>| person.tokens["session_state"].as_str().unwrap().to_owned();
    bob.delete(&format!("/sessions/{}", id(&here)))
        .await
        .is(204);
    bob.delete("/sessions/nonsense").await.is(204);
    assert!(here.is_signed_in().await);
    here.delete(&format!("/sessions/{}", id(&there)))
        .await
        .is(204);
    assert!(!there.is_signed_in().await);
    there.get("").await.is(401);
    assert!(here.is_signed_in().await && bob.is_signed_in().await);
}

#[tokio::test]
async fn a_consent_is_given_seen_and_taken_back_and_ends_what_came_of_it() {
    let shop = shop().await;
    let alice = Person::alice(&shop).await;
    alice.get("/applications/web/consent").await.is(204);
    alice.get("/applications/nowhere/consent").await.is(404);
    let scopes = shop.get("/client-scopes").await.is(200).json();
    let mut scopes = scopes.as_array().unwrap().iter();
    let email = scopes.find(|scope| scope["name"] == "email").unwrap();
    let wanted = json!({"grantedScopes": [{"id": email["id"], "name": "email"}]});
    let path = "/applications/web/consent";
    let given = alice
        .send(Method::POST, path, Some(&wanted))
        .await
        .is(200)
        .json();
    assert_eq!(given["grantedScopes"][0]["displayText"], "Email address");
    let unknown = json!({"grantedScopes": [{"id": "nothing"}]});
    let refused = alice.send(Method::PUT, path, Some(&unknown)).await;
    let text = "Scope id nothing does not exist for client null.";
    assert_eq!(refused.is(400).member("errorMessage"), text);
    assert_eq!(alice.get(path).await.is(200).json(), given);
    let listed = alice.get("/applications").await.is(200).json();
    let names: Vec<_> = listed
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["clientId"])
        .collect();
    assert_eq!(names, ["app", "web"]);
    assert_eq!(
        (&listed[0]["inUse"], &listed[1]["inUse"]),
        (&json!(true), &json!(false))
    );
    assert_eq!(listed[1]["consent"], given);
    alice.delete(path).await.is(204);
    alice.get(path).await.is(204);
    // What the application of the token itself had is gone with its consent.
    alice.delete("/applications/app/consent").await.is(204);
    alice.get("").await.is(401);
}

#[tokio::test]
async fn credentials_are_seen_without_secrets_and_a_password_stays() {
    let shop = shop().await;
    let alice = Person::alice(&shop).await;
    let listed = alice.get("/credentials").await.is(200);
    assert!(!listed.text().contains("secretData"), "{}", listed.text());
    let listed = listed.json();
    let types: Vec<_> = listed
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["type"])
        .collect();
    assert_eq!(types, ["password", "otp"]);
    assert_eq!(listed[0]["updateAction"], "UPDATE_PASSWORD");
    assert_eq!(listed[1]["createAction"], "CONFIGURE_TOTP");
    let id = listed[0]["userCredentialMetadatas"][0]["credential"]["id"].clone();
    let path = format!("/credentials/{}", id.as_str().unwrap());
    let (label, name) = (format!("{path}/label"), json!("mine"));
    alice.send(Method::PUT, &label, Some(&name)).await.is(204);
    let only = alice.get("/credentials?type=password").await.is(200).json();
    assert_eq!(
        only[0]["userCredentialMetadatas"][0]["credential"]["userLabel"],
        "mine"
    );
    let kept = alice.delete(&path).await.is(400);
    assert_eq!(kept.member("error"), "Credential type cannot be removed");
    alice.delete("/credentials/nonsense").await.is(404);
    let long = json!("x".repeat(256));
    alice
        .send(Method::PUT, &format!("{path}/label"), Some(&long))
        .await
        .is(400);
}

#[tokio::test]
async fn groups_and_linked_accounts_are_ones_own() {
    let shop = shop().await;
    let alice = Person::alice(&shop).await;
    let groups = alice.get("/groups").await.is(200).json();
    let paths: Vec<_> = groups
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["path"])
        .collect();
    assert!(paths.contains(&&json!("/staff/night shift")), "{paths:?}");
    let linked = alice.get("/linked-accounts").await.is(200).json();
    let expected = json!([{
        "connected": false, "social": false, "providerAlias": "partner", "providerName": "partner",
        "displayName": "partner",
    }]);
    assert_eq!(linked, expected);
    assert_eq!(
        alice.get("/linked-accounts?linked=true").await.json(),
        json!([])
    );
    let refused = alice.delete("/linked-accounts/partner").await.is(400);
    assert_eq!(
        refused.member("errorMessage"),
        "This identity is not active anymore."
    );
    let user = shop.user("alice").await;
    let link = json!({"userId": "a", "userName": "alice@partner"});
    shop.post(&format!("{user}/federated-identity/partner"), &link)
        .await
        .is(204);
    let linked = alice
        .get("/linked-accounts?linked=true")
        .await
        .is(200)
        .json();
    assert_eq!(linked[0]["linkedUsername"], "alice@partner");
    alice.delete("/linked-accounts/partner").await.is(204);
    alice.delete("/linked-accounts/nowhere").await.is(400);
    assert_eq!(
        alice.get("/supportedLocales").await.is(200).json(),
        json!([])
    );
}

/// The Account API takes a person's token that is meant for it, and nothing else.
#[tokio::test]
async fn nobody_else_gets_in() {
    let shop = shop().await;
    let alice = Person::alice(&shop).await;
    let base = "/realms/shop/account";
    let ask = |token: String| {
        let call = shop.stage.call(Method::GET, base);
        call.bearer(&token).header("accept", "application/json")
    };
    for token in [
        "garbage",
        alice.token("refresh_token"),
        alice.token("id_token"),
    ] {
        let refused = ask(token.to_owned()).send().await.is(401);
        assert_eq!(refused.member("error"), "HTTP 401 Unauthorized");
    }
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", "web"),
        ("client_secret", "web-secret"),
    ];
    let path = "/realms/shop/protocol/openid-connect/token";
    let service = shop.stage.post(path, &form).await.is(200);
    ask(service.member("access_token")).send().await.is(401);
    let root = shop
        .sign_in_at("master", "admin-cli", "root", "root-password")
        .await;
    ask(root.member("access_token")).send().await.is(401);
    // A page of a stranger reads nothing, and a console is not what is asked for with JSON.
    let strange =
        ask(alice.token("access_token").to_owned()).header("origin", "http://evil.example");
    assert_eq!(
        strange.send().await.is(403).member("error"),
        "Invalid origin"
    );
    let own = ask(alice.token("access_token").to_owned()).header("origin", "http://app.example");
    let read = own.send().await.is(200);
    assert_eq!(
        read.header("access-control-allow-origin"),
        "http://app.example"
    );
    let call = shop.stage.call(Method::GET, base);
    let page = call
        .bearer(alice.token("access_token"))
        .header("accept", "text/html");
    page.send().await.is(501);
    alice.get("/magic").await.is(404);
    alice
        .send(Method::POST, "/groups", Some(&json!({})))
        .await
        .is(405);
    alice.get("/v9/sessions").await.is(404);
    alice.get("/v1alpha1/sessions").await.is(200);
}

/// Whose roles of `account` were taken away has lost what they let, with the token that they have.
#[tokio::test]
async fn a_role_that_is_gone_lets_nobody_in() {
    let shop = shop().await;
    let alice = Person::alice(&shop).await;
    let defaults = shop
        .get("/roles/default-roles-shop/composites")
        .await
        .is(200)
        .json();
    let gone: Vec<&Value> = defaults
        .as_array()
        .unwrap()
        .iter()
        .filter(|role| role["clientRole"] == true)
        .collect();
    let manage = gone.iter().filter(|role| role["name"] == "manage-account");
    let manage: Vec<_> = manage.collect();
    let path = "/roles/default-roles-shop/composites";
    shop.send(Method::DELETE, path, &json!(manage))
        .await
        .is(204);
    alice.get("").await.is(200);
    let body = json!({"username": "alice", "email": "alice@shop.example", "firstName": "M", "lastName": "L"});
    alice.send(Method::POST, "", Some(&body)).await.is(403);
    alice.delete("/sessions").await.is(403);
    shop.send(Method::DELETE, path, &json!(gone)).await.is(204);
    alice.get("").await.is(403);
}
