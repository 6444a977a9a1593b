//! The `scope` parameter (RFC 6749 §3.3), as clients write it and as they should not.

use std::collections::BTreeSet;

use claviger_testkit::Stage;
use serde_json::json;

use crate::world::{oidc, realm};

/// The shop, where alice may have offline access.
async fn shop() -> Stage {
    let stage = Stage::open(claviger_oidc::router()).await;
    let mut realm = realm();
    realm["users"][0]["realmRoles"] = json!(["customer", "offline_access"]);
    let bob = json!({"username": "bob", "enabled": true, "email": "bob@shop.example",
        "firstName": "Bob", "lastName": "B", "realmRoles": ["customer"],
        "credentials": [{"type": "password", "value": "builder"}]});
    realm["users"].as_array_mut().unwrap().push(bob);
    stage.import(realm).await;
    stage
}

fn words(text: &str) -> BTreeSet<&str> {
    text.split(' ').collect()
}

#[tokio::test]
async fn words_are_separated_by_one_blank_and_spelled_exactly() {
    let stage = shop().await;
    let cases = [
        ("openid", Ok("openid profile email")),
        ("openid openid", Ok("openid profile email")),
        ("openid ", Ok("openid profile email")),
        ("phone phone", Ok("profile email phone")),
        (
            "offline_access offline_access",
            Ok("profile email offline_access"),
        ),
        ("roles web-origins acr basic", Ok("profile email")),
        ("", Err("")),
        (" openid", Err(" openid")),
        ("openid  profile", Err("openid  profile")),
        // Control characters go before the words are told apart.
        ("openid\tprofile", Err("openidprofile")),
        ("openid\nprofile", Err("openidprofile")),
        ("openid,profile", Err("openid,profile")),
        ("openid+profile", Err("openid+profile")),
        ("openid\u{a0}profile", Err("openid\u{a0}profile")),
        ("OFFLINE_ACCESS", Err("OFFLINE_ACCESS")),
        ("role_list", Err("role_list")),
        ("openid nope", Err("openid nope")),
        ("*", Err("*")),
    ];
    for (scope, expected) in cases {
        let form = [
            ("grant_type", "password"),
            ("client_id", "app"),
            ("username", "alice"),
            ("password", "wonderland"),
            ("scope", scope),
        ];
        let answer = stage.post(&oidc("token"), &form).await;
        match expected {
            Ok(granted) => {
                assert_eq!(answer.status, 200, "{scope:?}: {}", answer.text());
                assert_eq!(words(&answer.member("scope")), words(granted), "{scope:?}");
            }
            Err(told) => {
                answer
                    .is(400)
                    .says("invalid_scope", &format!("Invalid scopes: {told}"));
            }
        }
    }
}

#[tokio::test]
async fn a_refresh_narrows_and_never_widens() {
    let stage = shop().await;
    for (first, kind) in [
        ("openid phone", "Refresh"),
        ("openid phone offline_access", "Offline"),
    ] {
        let form = [
            ("grant_type", "password"),
            ("client_id", "app"),
            ("username", "alice"),
            ("password", "wonderland"),
            ("scope", first),
        ];
        let mut token = stage
            .post(&oidc("token"), &form)
            .await
            .is(200)
            .member("refresh_token");
        let cases = [
            ("phone", "profile email phone"),
            ("openid", "openid profile email"),
            ("openid address", "openid profile email"),
        ];
        for (asked, granted) in cases {
            let form = [
                ("grant_type", "refresh_token"),
                ("client_id", "app"),
                ("refresh_token", token.as_str()),
                ("scope", asked),
            ];
            let answer = stage.post(&oidc("token"), &form).await.is(200);
            assert_eq!(
                words(&answer.member("scope")),
                words(granted),
                "{kind}: {asked}"
            );
            // The next token is as wide as the first.
            token = answer.member("refresh_token");
        }
        let form = [
            ("grant_type", "refresh_token"),
            ("client_id", "app"),
            ("refresh_token", token.as_str()),
        ];
        let answer = stage.post(&oidc("token"), &form).await.is(200);
        let all = format!("{first} profile email");
        assert_eq!(words(&answer.member("scope")), words(&all), "{kind}");
    }
}

#[tokio::test]
async fn offline_access_is_for_those_who_have_the_right() {
    let stage = shop().await;
    let form = [
        ("grant_type", "password"),
        ("client_id", "app"),
        ("username", "bob"),
        ("password", "builder"),
        ("scope", "openid offline_access"),
    ];
    let refused = stage.post(&oidc("token"), &form).await.is(400);
    refused.says(
        "not_allowed",
        "Offline tokens not allowed for the user or client",
    );
    let realm = stage.app.realm("shop").await.unwrap().unwrap();
    for kind in claviger_model::session::SessionKind::ALL {
        let found = stage
            .app
            .store
            .sessions_of_realm(&realm.id, kind, 10)
            .await
            .unwrap();
        assert!(found.is_empty(), "{kind:?}");
    }
}
