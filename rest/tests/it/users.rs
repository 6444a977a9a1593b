//! Users found, made, changed and deleted by administrators.

use axum::http::Method;
use serde_json::{Value, json};

use crate::world::open;

fn names(list: &Value) -> Vec<String> {
    let names = list
        .as_array()
        .unwrap()
        .iter()
        .map(|user| user["username"].as_str().unwrap());
    names.map(str::to_owned).collect()
}

#[tokio::test]
async fn a_user_is_made_read_changed_and_deleted() {
    let shop = open().await;
    let sent = json!({
        "username": "Carol", "email": "Carol@Shop.example", "firstName": "Carol",
        "enabled": true, "emailVerified": true, "createdTimestamp": 5, "notBefore": 7,
        "requiredActions": ["VERIFY_EMAIL", "NOPE"], "groups": ["staff/night shift"],
        "realmRoles": ["customer"], "attributes": {"shoe": ["44"]},
        "credentials": [{"type": "password", "value": "through the glass"}],
        "federatedIdentities": [{"identityProvider": "partner", "userId": "p", "userName": "c"}],
    });
    let carol = shop.make(&sent).await;
    let event = shop.event().await;
    assert_eq!(
        (event.operation.as_str(), event.kind.as_str()),
        ("CREATE", "USER")
    );
    assert_eq!(format!("/{}", event.path), carol);
    assert_eq!(event.representation["email"], "Carol@Shop.example");
    assert_eq!(
        event.representation["credentials"],
        Value::Null,
        "never in an event"
    );

    let read = shop.get(&carol).await.is(200);
    assert_eq!(read.header("cache-control"), "no-cache");
    assert_eq!(
        read.header("content-type"),
        "application/json;charset=UTF-8"
    );
    let all = json!({
        "manageGroupMembership": true, "resetPassword": true, "view": true, "mapRoles": true,
        "impersonate": true, "manage": true,
    });
    let mut expected = json!({
        "id": carol.trim_start_matches("/users/"), "username": "carol",
        "email": "carol@shop.example", "firstName": "Carol", "emailVerified": true,
        "enabled": true, "createdTimestamp": 5, "totp": false, "disableableCredentialTypes": [],
        "requiredActions": ["VERIFY_EMAIL"], "notBefore": 0, "access": all,
        "federatedIdentities":
            [{"identityProvider": "partner", "userId": "p", "userName": "c"}],
    });
    assert_eq!(
        read.json(),
        expected,
        "attributes that the profile does not name are dropped"
    );
    let change = json!({"firstName": "Caroline", "lastName": "C", "email": "c@shop.example",
        "requiredActions": [], "createdTimestamp": 9});
    shop.put(&carol, &change).await.is(204);
    assert_eq!(shop.event().await.representation, change);
    let read = shop.get(&carol).await.is(200).json();
    for (name, value) in [
        ("firstName", json!("Caroline")),
        ("lastName", json!("C")),
        ("email", json!("c@shop.example")),
        ("requiredActions", json!([])),
    ] {
        expected[name] = value;
    }
    assert_eq!(read, expected, "what was not sent stays");
    shop.sign_in("carol", "through the glass").await.is(200);
}

#[tokio::test]
async fn a_new_user_has_what_every_new_user_has() {
    let shop = open().await;
    let sent = json!({"username": "carol", "groups": ["staff/night shift"],
        "realmRoles": ["customer"]});
    let carol = shop.make(&sent).await;
    let roles = shop.get(&format!("{carol}/role-mappings")).await.json();
    assert_eq!(roles["realmMappings"][0]["name"], "default-roles-shop");
    assert_eq!(
        roles["realmMappings"].as_array().unwrap().len(),
        1,
        "roles are mapped apart"
    );
    let groups = shop.get(&format!("{carol}/groups")).await.json();
    let paths: Vec<&str> = groups
        .as_array()
        .unwrap()
        .iter()
        .map(|group| group["path"].as_str().unwrap())
        .collect();
    assert_eq!(paths, ["/newcomers", "/staff/night shift"]);
}

#[tokio::test]
async fn a_deleted_user_is_gone() {
    let shop = open().await;
    let carol = shop.make(&json!({"username": "carol"})).await;
    let gone = shop.delete(&carol).await.is(204);
    assert_eq!(gone.header("cache-control"), "no-cache");
    let event = shop.event().await;
    let id = carol.trim_start_matches("/users/");
    assert_eq!(event.representation, json!({"id": id, "username": "carol"}));
    for method in [Method::GET, Method::DELETE] {
        let refused = shop.send_bytes(method, &carol, "", "").await.is(404);
        assert_eq!(refused.json(), json!({"error": "User not found"}));
    }
    shop.put(&carol, &json!({})).await.is(404);
}

/// What is sent, and the status and members of what is answered.
fn refusals() -> Vec<(Value, u16, Value)> {
    let fault = |field: &str, key: &str| json!({"field": field, "errorMessage": key});
    let message = |text: &str| json!({"errorMessage": text});
    vec![
        (
            json!({"username": "alice"}),
            409,
            message("User exists with same username"),
        ),
        (
            json!({"username": "ALICE"}),
            409,
            message("User exists with same username"),
        ),
        (
            json!({"username": "alice2", "email": "Alice@shop.example"}),
            409,
            message("User exists with same email"),
        ),
        (
            json!({"username": "alice@shop.example"}),
            409,
            message("User exists with same username"),
        ),
        (
            json!({"username": "ab", "email": "bob@shop.example"}),
            409,
            message("User exists with same email"),
        ),
        (
            json!({"username": ""}),
            400,
            message("User name is missing"),
        ),
        (
            json!({"email": "nobody@shop.example"}),
            400,
            message("User name is missing"),
        ),
        (
            json!({"username": "mal", "email": "nonsense"}),
            400,
            fault("email", "error-invalid-email"),
        ),
        (
            json!({"username": "ab"}),
            400,
            fault("username", "error-invalid-length"),
        ),
        (
            json!({"username": "a<b>c"}),
            400,
            fault("username", "error-username-invalid-character"),
        ),
        (
            json!({"username": "mal4", "groups": ["/nowhere"]}),
            500,
            json!({"error": "unknown_error"}),
        ),
        (
            json!({"username": "mal5", "credentials": [{"type": "password"}]}),
            400,
            json!({}),
        ),
    ]
}

#[tokio::test]
async fn nothing_is_made_of_what_is_refused() {
    let shop = open().await;
    let count = shop.get("/users/count").await.json();
    for (body, status, expected) in refusals() {
        let refused = shop.post("/users", &body).await.is(status).json();
        for (name, value) in expected.as_object().unwrap() {
            assert_eq!(&refused[name], value, "{body}");
        }
    }
    let two = shop
        .post("/users", &json!({"username": "ab", "email": "no"}))
        .await
        .is(400)
        .json();
    assert_eq!(two["errors"].as_array().map(Vec::len), Some(2));
    assert_eq!(shop.get("/users/count").await.json(), count);
}

#[tokio::test]
async fn bodies_are_read_as_strictly_as_keycloak_reads_them() {
    let shop = open().await;
    let wrong_type = "The content-type header value did not match the value in @Consumes";
    let cases = [
        ("application/json", "{", 400, "error", "invalid_request"),
        ("application/json", "[]", 400, "error", "unknown_error"),
        ("application/json", "", 400, "error", "invalid_request"),
        ("text/plain", "{}", 415, "error", wrong_type),
        (
            "application/json; charset=utf-8",
            "{\"username\":\"\"}",
            400,
            "errorMessage",
            "User name is missing",
        ),
    ];
    for (kind, body, status, member, text) in cases {
        let refused = shop
            .send_bytes(Method::POST, "/users", kind, body)
            .await
            .is(status);
        assert_eq!(refused.member(member), text, "{kind} {body}");
    }
    let unknown = shop.post("/users", &json!({"nope": 1})).await.is(400);
    assert!(
        unknown
            .member("error")
            .contains("Unrecognized field \"nope\"")
    );
}

#[tokio::test]
async fn users_are_found_by_what_is_known_of_them() {
    let shop = open().await;
    let all = ["alice", "bob", "manager", "owner", "seeker", "viewer"];
    let cases: [(&str, &[&str]); 19] = [
        ("", &all),
        ("username=ali", &["alice"]),
        ("username=ali&exact=true", &[]),
        ("username=alice&exact=true", &["alice"]),
        ("search=*li*", &["alice"]),
        ("search=li", &["alice"]),
        ("search=ice", &[]),
        ("search=%22alice%22", &["alice"]),
        ("email=bob@shop", &["bob"]),
        ("firstName=Bob&lastName=Builder", &["bob"]),
        ("first=1&max=2", &["bob", "manager"]),
        ("max=0", &[]),
        ("enabled=false", &[]),
        ("emailVerified=true", &["alice"]),
        ("search=username:bob%20nobody%20alice", &["bob", "alice"]),
        ("search=email:bob@shop.example", &["bob"]),
        ("q=locale:en", &[]),
        ("createdAfter=2026-11-24", &[]),
        (
            "createdBefore=2026-11-24&username=o",
            &["bob", "owner", "service-account-web"],
        ),
    ];
    for (query, expected) in cases {
        let found = shop.get(&format!("/users?{query}")).await.is(200).json();
        assert_eq!(names(&found), expected, "{query}");
        if !query.contains("max=") {
            let count = shop
                .get(&format!("/users/count?{query}"))
                .await
                .is(200)
                .json();
            assert_eq!(count, json!(expected.len()), "{query}");
        }
    }
}

#[tokio::test]
async fn lists_are_brief_and_refuse_odd_queries() {
    let shop = open().await;
    let id = shop
        .user("alice")
        .await
        .trim_start_matches("/users/")
        .to_owned();
    let found = shop
        .get(&format!("/users?search=id:{id}"))
        .await
        .is(200)
        .json();
    assert_eq!(names(&found), ["alice"]);
    let brief = shop
        .get("/users?search=alice&briefRepresentation=true")
        .await
        .is(200)
        .json();
    let mut members: Vec<&str> = brief[0]
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    members.sort_unstable();
    let expected = [
        "access",
        "createdTimestamp",
        "email",
        "emailVerified",
        "enabled",
        "firstName",
        "id",
        "lastName",
        "username",
    ];
    assert_eq!(members, expected);
    shop.get("/users?max=abc").await.is(404);
    let refused = shop.get("/users?createdAfter=soon").await.is(400);
    assert!(
        refused
            .member("error")
            .starts_with("Invalid value for 'createdAfter'")
    );
}

#[tokio::test]
async fn what_is_of_another_realm_is_not_there() {
    let shop = open().await;
    let other = json!({
        "realm": "bank", "enabled": true, "groups": [{"name": "vault", "id": "vault-group"}],
        "users": [{"id": "teller", "username": "teller", "enabled": true}],
    });
    shop.stage.import(other).await;
    shop.get("/users/teller").await.is(404);
    shop.put("/users/teller", &json!({"enabled": false}))
        .await
        .is(404);
    shop.delete("/users/teller").await.is(404);
    shop.put("/users/teller/reset-password", &json!({"value": "x"}))
        .await
        .is(404);
    shop.get("/users/teller/role-mappings").await.is(404);
    shop.get("/groups/vault-group/role-mappings").await.is(404);
    let alice = shop.user("alice").await;
    let joined = shop
        .put(&format!("{alice}/groups/vault-group"), &json!({}))
        .await;
    joined.is(404);
    let owner = shop.administered_by("owner").await;
    owner.get("/users").await.is(200);
    for path in ["/admin/realms/bank/users", "/admin/realms/master/users"] {
        owner.get_absolute(path).await.is(403);
    }
}

#[tokio::test]
async fn whoever_may_only_ask_sees_nobody() {
    let shop = open().await;
    let alice = shop.user("alice").await;
    let seeker = shop.administered_by("seeker").await;
    assert_eq!(seeker.get("/users").await.is(200).json(), json!([]));
    assert_eq!(seeker.get("/users/count").await.is(200).json(), json!(6));
    seeker.get(&alice).await.is(403);
    let viewer = shop.administered_by("viewer").await;
    let read = viewer.get(&alice).await.is(200).json();
    assert_eq!(read["access"]["view"], true);
    assert_eq!(read["access"]["manage"], false);
    viewer
        .post("/users", &json!({"username": "mallory"}))
        .await
        .is(403);
    viewer.put(&alice, &json!({"firstName": "M"})).await.is(403);
    viewer.delete(&alice).await.is(403);
    viewer
        .put(&format!("{alice}/reset-password"), &json!({"value": "x"}))
        .await
        .is(403);
    viewer
        .post(&format!("{alice}/impersonation"), &json!({}))
        .await
        .is(403);
}

#[tokio::test]
async fn whoever_is_disabled_is_signed_out_everywhere() {
    let shop = open().await;
    let alice = shop.user("alice").await;
    let tokens = shop.sign_in("alice", "wonderland").await.is(200);
    let refresh = tokens.member("refresh_token");
    shop.put(&alice, &json!({"firstName": "Al"})).await.is(204);
    let refresh = shop.refresh(&refresh).await.is(200).member("refresh_token");
    shop.put(&alice, &json!({"enabled": false})).await.is(204);
    shop.refresh(&refresh).await.is(400);
    assert_eq!(
        shop.get(&format!("{alice}/sessions")).await.is(200).json(),
        json!([])
    );
    shop.put(&alice, &json!({"enabled": true})).await.is(204);
    shop.refresh(&refresh)
        .await
        .is(400)
        .says("invalid_grant", "Session not active");
    shop.sign_in("alice", "wonderland").await.is(200);
}

#[tokio::test]
async fn the_clients_of_a_deleted_user_are_told() {
    let shop = open().await;
    let alice = shop.user("alice").await;
    let form = [
        ("grant_type", "password"),
        ("client_id", "web"),
        ("client_secret", "web-secret"),
        ("username", "alice"),
        ("password", "wonderland"),
        ("scope", "openid offline_access"),
    ];
    let token = "/realms/shop/protocol/openid-connect/token";
    shop.stage.post(token, &form).await.is(200);
    let app = &shop.stage.app;
    let realm = app.realm("shop").await.unwrap().unwrap();
    shop.delete(&alice).await.is(204);
    let told = app.store.outbox(&realm.id, 10).await.unwrap();
    assert!(!told.is_empty());
    for row in told {
        assert_eq!(
            row.payload["reason"],
            json!("user_deleted"),
            "{:?}",
            row.payload
        );
    }
    shop.sign_in("alice", "wonderland").await.is(400);
}

#[tokio::test]
async fn changes_follow_the_rules_of_the_realm() {
    let shop = open().await;
    let alice = shop.user("alice").await;
    let refused = shop
        .put(&alice, &json!({"username": "alicia"}))
        .await
        .is(400)
        .json();
    assert_eq!(refused["errorMessage"], "error-user-attribute-read-only");
    shop.put(&alice, &json!({"username": "ALICE"}))
        .await
        .is(204);
    let refused = shop
        .put(&alice, &json!({"email": "bob@shop.example"}))
        .await
        .is(409)
        .json();
    assert_eq!(refused["errorMessage"], "User exists with same email");
    assert_eq!(shop.get(&alice).await.json()["email"], "alice@shop.example");
    // With attributes, the representation is the whole profile.
    shop.put(&alice, &json!({"firstName": "A", "attributes": {}}))
        .await
        .is(204);
    let read = shop.get(&alice).await.json();
    assert_eq!(
        (&read["firstName"], &read["email"]),
        (&json!("A"), &Value::Null)
    );
}

#[tokio::test]
async fn a_link_to_another_store_is_not_taken_over() {
    let shop = open().await;
    let alice = shop.user("alice").await;
    let linked = json!({"federationLink": "nowhere", "lastName": "L"});
    shop.put(&alice, &linked).await.is(204);
    let read = shop.get(&alice).await.is(200).json();
    assert_eq!(
        (&read["federationLink"], &read["lastName"]),
        (&Value::Null, &json!("L"))
    );
    for body in ["", "null"] {
        let nothing = shop
            .send_bytes(Method::PUT, &alice, "application/json", body)
            .await
            .is(400);
        assert_eq!(
            nothing.json(),
            json!({"errorMessage": "Could not update user!"})
        );
    }
}
