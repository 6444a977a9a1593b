//! Administrators who want the same thing at the same moment.

use serde_json::json;

use crate::world::open;

/// The statuses of creating these users with one address at once, sorted.
async fn make_with_one_address(realm: &serde_json::Value) -> Vec<u16> {
    let shop = open().await;
    shop.put("", realm).await.is(204);
    let bodies: Vec<_> = (0..6)
        .map(|n| json!({"username": format!("twin{n}"), "email": "Twin@shop.example"}))
        .collect();
    let (first, second, third, fourth, fifth, sixth) = tokio::join!(
        shop.post("/users", &bodies[0]),
        shop.post("/users", &bodies[1]),
        shop.post("/users", &bodies[2]),
        shop.post("/users", &bodies[3]),
        shop.post("/users", &bodies[4]),
        shop.post("/users", &bodies[5]),
    );
    let replies = [first, second, third, fourth, fifth, sixth];
    for refused in replies.iter().filter(|reply| reply.status != 201) {
        assert_eq!(
            refused.member("errorMessage"),
            "User exists with same email"
        );
    }
    let mut statuses = replies.map(|reply| reply.status.as_u16());
    statuses.sort_unstable();
    statuses.to_vec()
}

#[tokio::test]
async fn of_many_who_want_one_mail_address_one_gets_it() {
    let statuses = make_with_one_address(&json!({"duplicateEmailsAllowed": false})).await;
    assert_eq!(statuses, [201, 409, 409, 409, 409, 409]);
}

#[tokio::test]
async fn where_addresses_may_be_shared_all_get_it() {
    let shared = json!({"duplicateEmailsAllowed": true, "loginWithEmailAllowed": false});
    let statuses = make_with_one_address(&shared).await;
    assert_eq!(statuses, [201; 6]);
}

#[tokio::test]
async fn an_address_that_was_given_up_is_free_again() {
    let shop = open().await;
    let first = shop
        .make(&json!({"username": "first", "email": "x@shop.example"}))
        .await;
    let other = json!({"username": "other", "email": "X@shop.example"});
    shop.post("/users", &other).await.is(409);
    shop.put(&first, &json!({"email": "y@shop.example"}))
        .await
        .is(204);
    shop.post("/users", &other).await.is(201);
}
