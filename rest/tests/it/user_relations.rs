//! What hangs on a user: groups, identities at providers, and what the server cannot do yet.

use axum::http::Method;
use serde_json::json;

use crate::world::open;

#[tokio::test]
async fn memberships_are_told_with_the_group() {
    let shop = open().await;
    let alice = shop.user("alice").await;
    let groups = shop.get(&format!("{alice}/groups")).await.is(200).json();
    let id = groups[0]["id"].as_str().unwrap().to_owned();
    let brief = json!([{"id": id, "name": "night shift", "path": "/staff/night shift",
        "parentId": groups[0]["parentId"], "subGroups": []}]);
    assert_eq!(groups, brief);
    let full = shop
        .get(&format!("{alice}/groups?briefRepresentation=false"))
        .await
        .json();
    assert_eq!(full[0]["clientRoles"], json!({"web": ["editor"]}));
    assert_eq!(full[0]["realmRoles"], json!([]));
    for (query, count) in [("", 1), ("?search=NIGHT", 1), ("?search=day", 0)] {
        let counted = shop
            .get(&format!("{alice}/groups/count{query}"))
            .await
            .is(200)
            .json();
        assert_eq!(counted, json!({"count": count}), "{query}");
    }
    let path = format!("{alice}/groups/{id}");
    for _ in 0..2 {
        shop.delete(&path).await.is(204);
    }
    let event = shop.event().await;
    assert_eq!(
        (event.operation.as_str(), event.kind.as_str()),
        ("DELETE", "GROUP_MEMBERSHIP")
    );
    assert_eq!(event.representation, full[0]);
    assert_eq!(
        event.details,
        json!({"username": "alice", "email": "alice@shop.example"})
    );
    assert_eq!(
        shop.get("/admin-events")
            .await
            .json()
            .as_array()
            .unwrap()
            .len(),
        1
    );
    shop.send_bytes(Method::PUT, &path, "", "").await.is(204);
    assert_eq!(shop.event().await.operation, "CREATE");
    let refused = shop
        .delete(&format!("{alice}/groups/nowhere"))
        .await
        .is(404);
    assert_eq!(refused.json(), json!({"error": "Group not found"}));
}

#[tokio::test]
async fn identities_are_linked_once() {
    let shop = open().await;
    let (alice, bob) = (shop.user("alice").await, shop.user("bob").await);
    let link = json!({"identityProvider": "partner", "userId": "p-1", "userName": "alice.p"});
    let path = format!("{alice}/federated-identity/partner");
    shop.post(&path, &link).await.is(204);
    assert_eq!(shop.event().await.representation, link);
    let again = shop.post(&path, &link).await.is(409);
    assert_eq!(
        again.json(),
        json!({"errorMessage": "User is already linked with provider"})
    );
    shop.post(&format!("{bob}/federated-identity/partner"), &link)
        .await
        .is(409);
    shop.post(&format!("{alice}/federated-identity/nowhere"), &link)
        .await
        .is(204);
    let list = shop
        .get(&format!("{alice}/federated-identity"))
        .await
        .is(200)
        .json();
    assert_eq!(
        list,
        json!([link]),
        "a provider that is not there is not shown"
    );
    let found = shop
        .get("/users?idpAlias=partner&idpUserId=p-1")
        .await
        .is(200)
        .json();
    assert_eq!(found[0]["username"], "alice");
    shop.delete(&path).await.is(204);
    let gone = shop.delete(&path).await.is(404);
    assert_eq!(gone.json(), json!({"error": "Link not found"}));
}

#[tokio::test]
async fn what_cannot_be_done_yet_says_so() {
    let shop = open().await;
    let alice = shop.user("alice").await;
    let mail = format!("{alice}/execute-actions-email");
    let actions = json!(["UPDATE_PASSWORD"]);
    let cases = [
        (
            "",
            json!(["MAGIC"]),
            400,
            "Provided invalid required actions",
        ),
        (
            "?client_id=nobody",
            actions.clone(),
            400,
            "Client doesn't exist",
        ),
        (
            "?redirect_uri=http://app.example/cb",
            actions.clone(),
            400,
            "Client id missing",
        ),
        (
            "?client_id=app&redirect_uri=http://evil.example/cb",
            actions.clone(),
            400,
            "Invalid redirect uri.",
        ),
        (
            "",
            actions.clone(),
            500,
            "Failed to send execute actions email: Invalid sender",
        ),
        (
            "?client_id=app&redirect_uri=http://app.example/cb",
            actions,
            500,
            "Failed to send execute actions email: Invalid sender",
        ),
    ];
    for (query, body, status, text) in cases {
        let refused = shop.put(&format!("{mail}{query}"), &body).await.is(status);
        assert!(
            refused.member("errorMessage").starts_with(text),
            "{}",
            refused.text()
        );
    }
    let verify = shop
        .put(&format!("{alice}/send-verify-email"), &json!({}))
        .await
        .is(500);
    assert_eq!(verify.member("errorMessage"), "Failed to send verify email");
}
