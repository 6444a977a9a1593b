//! Realms over HTTP: made, seen, changed, renamed, deleted.

use axum::http::Method;
use claviger_store::{Commit, RealmRow, Tx};
use serde_json::json;

use crate::world::open;

#[tokio::test]
async fn a_realm_is_seen_whole_in_outline_or_not_at_all() {
    let shop = open().await;
    let whole = shop.get("").await.is(200).json();
    assert_eq!(whole["defaultRole"]["name"], "default-roles-shop");
    assert_eq!(whole["defaultRole"]["composite"], true);
    assert_eq!(whole["defaultGroups"], json!(["/newcomers"]));
    assert_eq!(whole["attributes"]["cibaInterval"], "5");
    assert_eq!(whole["clientProfiles"], json!({"profiles": []}));
    let viewer = shop.administered_by("viewer").await;
    let outline = viewer.get("").await.is(200).json();
    let expected = json!({
        "realm": "shop", "bruteForceProtected": false, "organizationsEnabled": false,
        "registrationEmailAsUsername": false, "supportedLocales": [],
    });
    assert_eq!(outline, expected);
    let all = viewer.get("/..").await;
    assert_eq!(all.status, 404, "paths are not folded");
    viewer.put("", &json!({"displayName": "x"})).await.is(403);
    viewer.delete("").await.is(403);
}

#[tokio::test]
async fn a_change_is_kept_and_told_without_secrets() {
    let shop = open().await;
    let server = json!({
        "host": "mail", "from": "shop@shop.example", "auth": "true", "user": "u", "password": "p",
    });
    shop.put("", &json!({"displayName": "Shop", "smtpServer": server}))
        .await
        .is(204);
    let event = shop.event().await;
    assert_eq!(
        (event.operation.as_str(), event.kind.as_str()),
        ("UPDATE", "REALM")
    );
    assert_eq!(event.path, "");
    assert_eq!(event.representation["smtpServer"]["password"], "**********");
    let shown = shop.get("").await.is(200).json();
    assert_eq!(shown["displayName"], "Shop");
    assert_eq!(shown["smtpServer"]["password"], "**********");
    // What was shown may be sent back: the mask is no password.
    shop.put("", &shown).await.is(204);
    let body = &shop.stage.app.realm("shop").await.unwrap().unwrap().body;
    assert_eq!(body["smtpServer"]["password"], "p");
}

#[tokio::test]
async fn a_wrong_change_changes_nothing() {
    let shop = open().await;
    for (sent, status, text) in [
        (
            json!({"realm": "master"}),
            409,
            "Realm with same name exists",
        ),
        (json!({"realm": "a/b"}), 400, "Character '/' not allowed."),
        (
            json!({"passwordPolicy": "magic(1)"}),
            400,
            "Password policy not found",
        ),
        (
            json!({"browserFlow": "nope"}),
            400,
            "browserFlow: there is no flow 'nope'",
        ),
        (
            json!({"clientPolicies": {"policies": [{"name": "p", "profiles": ["own"]}]}}),
            400,
            "Policy p contains invalid profile own",
        ),
        (
            json!({"defaultGroups": ["/nope"]}),
            400,
            "Group '/nope' not found",
        ),
    ] {
        let answer = shop.put("", &sent).await.is(status);
        assert_eq!(answer.member("errorMessage"), text, "{sent}");
    }
    assert_eq!(shop.get("").await.is(200).json()["realm"], "shop");
    let master = shop.stage.app.realm("master").await.unwrap().unwrap();
    assert!(master.client("shop-realm").await.unwrap().is_some());
}

#[tokio::test]
async fn a_new_name_reaches_the_clients_that_carry_it() {
    let shop = open().await;
    shop.put("", &json!({"realm": "new shop"})).await.is(204);
    shop.get("").await.is(404);
    let app = &shop.stage.app;
    let realm = app.realm("new shop").await.unwrap().unwrap();
    let account = realm.client("account").await.unwrap().unwrap();
    let address = account.body["baseUrl"].as_str().unwrap();
    assert_eq!(address, "/realms/new shop/account/");
    let master = app.realm("master").await.unwrap().unwrap();
    assert!(master.client("shop-realm").await.unwrap().is_none());
    assert!(master.client("new shop-realm").await.unwrap().is_some());
    // Rights over the realm go with it.
    let reply = shop
        .at(Method::GET, "/admin/realms/new%20shop")
        .send()
        .await
        .is(200);
    assert_eq!(reply.member("realm"), "new shop");
}

#[tokio::test]
async fn realms_are_made_and_deleted_by_those_who_may() {
    let shop = open().await;
    let make = |body| shop.at(Method::POST, "/admin/realms").json(&body).send();
    let first = make(json!({"realm": "other one", "enabled": true}))
        .await
        .is(201);
    assert_eq!(
        first.header("location"),
        "http://localhost/admin/realms/other%20one"
    );
    let again = make(json!({"realm": "other one"})).await.is(409);
    assert_eq!(
        again.member("errorMessage"),
        "Realm other one already exists"
    );
    let bad = make(json!({"realm": "a/b"})).await.is(400);
    assert_eq!(bad.member("error"), "Character '/' not allowed.");
    shop.at(Method::DELETE, "/admin/realms/other%20one")
        .send()
        .await
        .is(204);
    shop.at(Method::GET, "/admin/realms/other%20one")
        .send()
        .await
        .is(404);
    shop.at(Method::DELETE, "/admin/realms/master")
        .send()
        .await
        .is(400);
    let owner = shop.administered_by("owner").await;
    let body = json!({"realm": "mine"});
    owner
        .at(Method::POST, "/admin/realms")
        .json(&body)
        .send()
        .await
        .is(403);
    owner
        .at(Method::GET, "/admin/realms/master")
        .send()
        .await
        .is(403);
    let seen = owner
        .at(Method::GET, "/admin/realms")
        .send()
        .await
        .is(200)
        .json();
    assert_eq!(seen.as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn whoever_makes_a_realm_may_administer_it_and_no_other() {
    let shop = open().await;
    let maker = json!({
        "username": "maker", "enabled": true, "email": "maker@shop.example",
        "credentials": [{"type": "password", "value": "maker"}],
    });
    shop.at(Method::POST, "/admin/realms/master/users")
        .json(&maker)
        .send()
        .await
        .is(201);
    let role = shop
        .at(Method::GET, "/admin/realms/master/roles/create-realm")
        .send()
        .await;
    let users = "/admin/realms/master/users?username=maker";
    let found = shop.at(Method::GET, users).send().await.is(200).json();
    let id = found[0]["id"].as_str().unwrap();
    let path = format!("/admin/realms/master/users/{id}/role-mappings/realm");
    shop.at(Method::POST, &path)
        .json(&json!([role.json()]))
        .send()
        .await
        .is(204);
    let maker = shop.of_master("maker", "maker").await;
    maker
        .at(Method::GET, "/admin/realms/shop")
        .send()
        .await
        .is(403);
    let body = json!({"realm": "made", "enabled": true});
    maker
        .at(Method::POST, "/admin/realms")
        .json(&body)
        .send()
        .await
        .is(201);
    maker
        .at(Method::GET, "/admin/realms/made/users")
        .send()
        .await
        .is(200);
    let body = json!({"displayName": "Mine"});
    maker
        .at(Method::PUT, "/admin/realms/made")
        .json(&body)
        .send()
        .await
        .is(204);
    maker
        .at(Method::GET, "/admin/realms/shop")
        .send()
        .await
        .is(403);
}

#[tokio::test]
async fn a_realm_that_is_opened_again_has_no_sessions_of_before() {
    let shop = open().await;
    let (cut_short, asked) = (
        shop.sign_in("viewer", "viewer").await,
        shop.sign_in("viewer", "viewer").await,
    );
    // As if the server had been killed right after the realm was disabled.
    let realm = shop.stage.app.realm("shop").await.unwrap().unwrap();
    let mut body = realm.body.clone();
    body.insert("enabled".to_owned(), json!(false));
    let mut tx = Tx::new();
    tx.update_realm(&RealmRow {
        id: realm.id.clone(),
        name: realm.name.clone(),
        enabled: false,
        version: realm.version,
        body,
    });
    let done = shop.stage.app.commit(tx).await.unwrap();
    assert_eq!(done, Commit::Done);
    shop.put("", &json!({"enabled": true})).await.is(204);
    shop.refresh(&cut_short.member("refresh_token"))
        .await
        .is(400);

    let alive = shop.sign_in("viewer", "viewer").await;
    shop.put("", &json!({"enabled": false})).await.is(204);
    shop.put("", &json!({"enabled": true})).await.is(204);
    for signed_in in [asked, alive] {
        let refused = shop.refresh(&signed_in.member("refresh_token")).await;
        assert_eq!(refused.is(400).member("error"), "invalid_grant");
    }
}

/// A zero byte, or more text than fits, is the caller's mistake, whichever table it was meant for.
#[tokio::test]
async fn what_cannot_be_kept_is_refused() {
    let shop = open().await;
    let long = "x".repeat(70_000);
    let cases = [
        ("/admin/realms", json!({"realm": "\u{0}", "enabled": true})),
        ("/admin/realms/shop/roles", json!({"name": "zero\u{0}"})),
        ("/admin/realms/shop/roles", json!({"name": long})),
        ("/admin/realms/shop/groups", json!({"name": "zero\u{0}"})),
        (
            "/admin/realms/shop/client-scopes",
            json!({"name": long, "protocol": "openid-connect"}),
        ),
        (
            "/admin/realms/shop/clients",
            json!({"clientId": "zero\u{0}"}),
        ),
        ("/admin/realms/shop/clients", json!({"clientId": long})),
    ];
    let before = crate::rights::state(&shop).await;
    for (path, body) in cases {
        let reply = shop.at(Method::POST, path).json(&body).send().await;
        let begin: String = body.to_string().chars().take(40).collect();
        assert_eq!(reply.status, 400, "{path} {begin}: {}", reply.text());
    }
    assert_eq!(crate::rights::state(&shop).await, before);
}
