//! Passwords and other credentials in the hands of administrators.

use axum::http::Method;
use claviger_model::Seconds;
use serde_json::{Value, json};

use crate::world::{Shop, open};

async fn set_policy(shop: &Shop, policy: &str) {
    let app = &shop.stage.app;
    let realm = app.realm("shop").await.unwrap().unwrap();
    let mut row = app.store.realm_by_id(&realm.id).await.unwrap().unwrap();
    row.body.insert("passwordPolicy".to_owned(), json!(policy));
    let mut tx = claviger_store::Tx::new();
    tx.update_realm(&row);
    assert!(app.commit(tx).await.unwrap().is_done());
}

async fn held(shop: &Shop, user: &str) -> Vec<(String, String)> {
    let list = shop
        .get(&format!("{user}/credentials"))
        .await
        .is(200)
        .json();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let pair = |known: &Value| (text(&known["id"]), text(&known["type"]));
    list.as_array().unwrap().iter().map(pair).collect()
}

#[tokio::test]
async fn a_new_password_obeys_the_policy_and_history() {
    let shop = open().await;
    set_policy(&shop, "length(8) and notUsername and passwordHistory(2)").await;
    let alice = shop.user("alice").await;
    let path = format!("{alice}/reset-password");
    let before = held(&shop, &alice).await;
    let set = async |value: &str| {
        // History is told apart by time.
        shop.stage.wait(Seconds(1));
        shop.put(&path, &json!({"value": value})).await
    };

    let short = set("short").await.is(400);
    short.says(
        "invalidPasswordMinLengthMessage",
        "Invalid password: minimum length 8.",
    );
    assert_eq!(held(&shop, &alice).await, before);
    set("looking-glass").await.is(204);
    let event = shop.event().await;
    assert_eq!(
        (event.operation.as_str(), event.kind.as_str()),
        ("ACTION", "USER")
    );
    assert_eq!(event.representation, Value::Null);
    let after = held(&shop, &alice).await;
    assert_eq!(after[0], before[0], "the password keeps its id");
    assert_eq!(after[1].1, "password-history");

    let reused = "Invalid password: must not be equal to any of last 2 passwords.";
    for old in ["looking-glass", "wonderland"] {
        set(old)
            .await
            .is(400)
            .says("invalidPasswordHistoryMessage", reused);
    }
    set("queen-of-hearts").await.is(204);
    set("wonderland").await.is(204);
    assert_eq!(
        held(&shop, &alice).await.len(),
        2,
        "history does not grow beyond the policy"
    );
    shop.sign_in("alice", "wonderland").await.is(200);
    shop.sign_in("alice", "queen-of-hearts").await.is(400);
}

#[tokio::test]
async fn a_temporary_password_has_to_be_changed() {
    let shop = open().await;
    let alice = shop.user("alice").await;
    let path = format!("{alice}/reset-password");
    let actions = async || shop.get(&alice).await.json()["requiredActions"].clone();
    shop.put(&path, &json!({"value": "x", "temporary": true}))
        .await
        .is(204);
    assert_eq!(actions().await, json!(["UPDATE_PASSWORD"]));
    shop.sign_in("alice", "x").await.is(400);
    shop.put(&path, &json!({"value": "y", "temporary": false}))
        .await
        .is(204);
    assert_eq!(actions().await, json!([]));
    shop.sign_in("alice", "y").await.is(200);
}

#[tokio::test]
async fn no_password_is_no_password() {
    let shop = open().await;
    let alice = shop.user("alice").await;
    let path = format!("{alice}/reset-password");
    let cases = [
        ("{}", "No password provided"),
        ("", "No password provided"),
        ("null", "No password provided"),
        (r#"{"value":""}"#, "Empty password not allowed"),
        (r#"{"value":"  "}"#, "Empty password not allowed"),
    ];
    for (body, text) in cases {
        let refused = shop
            .send_bytes(Method::PUT, &path, "application/json", body)
            .await
            .is(400);
        assert_eq!(refused.json(), json!({"error": text}), "{body}");
    }
    let endless = json!({"value": "x".repeat(5000)});
    shop.put(&path, &endless).await.is(400);
    shop.sign_in("alice", "wonderland").await.is(200);
    let nobody = shop
        .put("/users/nobody/reset-password", &json!({"value": "x"}))
        .await
        .is(404);
    assert_eq!(nobody.json(), json!({"error": "User not found"}));
}

#[tokio::test]
async fn credentials_are_named_ordered_and_deleted() {
    let shop = open().await;
    let otp = json!({
        "type": "otp", "userLabel": "phone", "secretData": "{\"value\":\"abcdefghijkl\"}",
        "credentialData": "{\"subType\":\"totp\",\"digits\":6,\"counter\":0,\"period\":30,\
                           \"algorithm\":\"HmacSHA1\"}",
    });
    let carol = shop
        .make(&json!({"username": "carol", "enabled": true,
            "credentials": [{"type": "password", "value": "x"}, otp]}))
        .await;
    assert_eq!(shop.get(&carol).await.json()["totp"], true);
    let list = held(&shop, &carol).await;
    let kinds = |list: &[(String, String)]| -> Vec<String> {
        list.iter().map(|(_, kind)| kind.clone()).collect()
    };
    assert_eq!(kinds(&list), ["password", "otp"]);
    let text = shop.get(&format!("{carol}/credentials")).await.text();
    assert!(
        !text.contains("secretData") && !text.contains("abcdefghijkl"),
        "{text}"
    );

    let of = |index: usize| format!("{carol}/credentials/{}", list[index].0);
    let label = format!("{}/userLabel", of(0));
    shop.send_bytes(Method::PUT, &label, "text/plain", "mine")
        .await
        .is(204);
    shop.send_bytes(Method::PUT, &label, "text/plain", "  ")
        .await
        .is(400);
    shop.send_bytes(Method::PUT, &label, "application/json", "\"x\"")
        .await
        .is(415);
    let shown = shop.get(&format!("{carol}/credentials")).await.json();
    assert_eq!(shown[0]["userLabel"], "mine");

    shop.send_bytes(Method::POST, &format!("{}/moveToFirst", of(1)), "", "")
        .await
        .is(204);
    assert_eq!(kinds(&held(&shop, &carol).await), ["otp", "password"]);
    let behind = format!("{}/moveAfter/{}", of(1), list[0].0);
    shop.send_bytes(Method::POST, &behind, "", "").await.is(204);
    assert_eq!(kinds(&held(&shop, &carol).await), ["password", "otp"]);
    shop.send_bytes(Method::POST, &format!("{}/moveAfter/zz", of(1)), "", "")
        .await
        .is(204);
    assert_eq!(kinds(&held(&shop, &carol).await), ["password", "otp"]);

    shop.delete(&of(1)).await.is(204);
    let details = json!({"credential_id": list[1].0, "credential_type": "otp",
        "credential_user_label": "phone"});
    assert_eq!(shop.event().await.details, details);
    let gone = shop.delete(&of(1)).await.is(404);
    assert_eq!(gone.json(), json!({"error": "Credential not found"}));
    assert_eq!(shop.get(&carol).await.json()["totp"], false);
    let none = shop
        .get(&format!("{carol}/configured-user-storage-credential-types"))
        .await;
    assert_eq!(none.is(200).json(), json!([]));
    shop.put(
        &format!("{carol}/disable-credential-types"),
        &json!(["otp"]),
    )
    .await
    .is(204);
}

#[tokio::test]
async fn a_hash_from_elsewhere_is_as_good_as_its_password() {
    let shop = open().await;
    // PBKDF2 with HMAC-SHA-256, one round, of "password" with the salt "salt": 32 bytes.
    let secret =
        json!({"value": "Eg+2z/z4syxD5yJSVsT4N6hlSMkszDVICAWYfLcL4Xs=", "salt": "c2FsdA=="});
    let data = json!({"hashIterations": 1, "algorithm": "pbkdf2-sha256"});
    let credential = |secret: &str, data: &str| json!([{"type": "password", "secretData": secret, "credentialData": data}]);
    let dave = json!({"username": "dave", "enabled": true, "firstName": "D", "lastName": "D",
        "email": "d@shop.example",
        "credentials": credential(&secret.to_string(), &data.to_string())});
    shop.make(&dave).await;
    shop.sign_in("dave", "passwd").await.is(400);
    shop.sign_in("dave", "password").await.is(200);
    let hashed = credential("", "");
    shop.post(
        "/users",
        &json!({"username": "erin", "credentials": hashed}),
    )
    .await
    .is(400);
}
