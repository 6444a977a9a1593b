//! The declared profile: read, set, and in force for users at once.

use axum::http::Method;
use serde_json::{Value, json};

use crate::world::open;

fn badge() -> Value {
    json!({
        "attributes": [
            {"name": "username"},
            {"name": "email"},
            {
                "name": "badge", "required": {"roles": ["admin"]},
                "validations": {"length": {"min": 3, "max": 5}},
                "permissions": {"view": ["admin", "user"], "edit": ["admin"]},
            },
        ],
        "unmanagedAttributePolicy": "ENABLED",
    })
}

#[tokio::test]
async fn a_profile_that_is_set_is_in_force() {
    let shop = open().await;
    let built_in = shop.get("/users/profile").await.is(200).json();
    let named = |body: &Value| -> Vec<String> {
        let attributes = body["attributes"].as_array().unwrap().iter();
        attributes
            .map(|one| one["name"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(
        named(&built_in),
        ["username", "email", "firstName", "lastName"]
    );
    let set = shop.put("/users/profile", &badge()).await.is(200);
    assert_eq!(set.header("content-type"), "application/json");
    assert_eq!(named(&set.json()), ["username", "email", "badge"]);
    let event = shop.event().await;
    assert_eq!(
        (event.kind.as_str(), event.path.as_str()),
        ("USER_PROFILE", "users/profile")
    );
    assert_eq!(event.representation, set.json());
    assert_eq!(shop.get("/users/profile").await.json(), set.json());
    let metadata = shop.get("/users/profile/metadata").await.is(200).json();
    assert_eq!(named(&metadata), ["username", "email", "badge"]);

    let refused = |body: Value| {
        let shop = &shop;
        async move { shop.post("/users", &body).await.is(400).json() }
    };
    let missing = refused(json!({"username": "dave"})).await;
    let told = json!({"field": "badge", "errorMessage": "error-user-attribute-required",
        "params": ["badge"]});
    assert_eq!(missing, told);
    let short = refused(json!({"username": "dave", "attributes": {"badge": ["ab"]}})).await;
    assert_eq!(short["params"], json!(["badge", 3, 5]));
    let attributes = json!({"badge": ["abc"], "free": ["x", "y"]});
    let dave = shop
        .make(&json!({"username": "dave", "attributes": attributes}))
        .await;
    assert_eq!(shop.get(&dave).await.json()["attributes"], attributes);
    let unmanaged = shop
        .get(&format!("{dave}/unmanagedAttributes"))
        .await
        .is(200)
        .json();
    assert_eq!(unmanaged, json!({"free": ["x", "y"]}));
    let shown = shop
        .get(&format!("{dave}?userProfileMetadata=true"))
        .await
        .json();
    assert_eq!(
        named(&shown["userProfileMetadata"]),
        ["username", "email", "badge"]
    );
    shop.put(&dave, &json!({"attributes": {"badge": ["abcd"]}}))
        .await
        .is(204);
    let read = shop.get(&dave).await.json();
    assert_eq!(
        read["attributes"],
        json!({"badge": ["abcd"]}),
        "sent attributes are all of them"
    );

    shop.send_bytes(Method::PUT, "/users/profile", "application/json", "")
        .await
        .is(200);
    assert_eq!(shop.get("/users/profile").await.json(), built_in);
}

#[tokio::test]
async fn a_profile_that_cannot_be_is_refused() {
    let shop = open().await;
    let refused = shop
        .put(
            "/users/profile",
            &json!({"attributes": [{"name": "email"}]}),
        )
        .await;
    let told = json!({"errorMessage": "[The attribute 'username' can not be removed]"});
    assert_eq!(refused.is(400).json(), told);
    shop.put("/users/profile", &json!({"nope": 1}))
        .await
        .is(400);
    assert_eq!(shop.get("/admin-events").await.json(), json!([]));
    for name in ["viewer", "seeker"] {
        let other = shop.administered_by(name).await;
        other.get("/users/profile").await.is(200);
        other.get("/users/profile/metadata").await.is(200);
        other.put("/users/profile", &badge()).await.is(403);
    }
}
