//! Groups over HTTP.

use serde_json::{Value, json};

use crate::world::{Shop, open};

/// Makes a group and returns its path.
async fn make(shop: &Shop, below: &str, body: &Value) -> String {
    let made = shop.post(below, body).await.is(201);
    let id = made
        .header("location")
        .rsplit_once('/')
        .map(|(_, id)| id.to_owned());
    format!("/groups/{}", id.expect("an id"))
}

fn id(path: &str) -> &str {
    path.rsplit_once('/').expect("a path").1
}

#[tokio::test]
async fn a_group_is_made_changed_moved_and_deleted_with_all_below() {
    let shop = open().await;
    let crew = make(
        &shop,
        "/groups",
        &json!({"name": "crew", "attributes": {"a": ["1"]}}),
    )
    .await;
    let event = shop.event().await;
    assert_eq!(
        (event.operation.as_str(), event.kind.as_str()),
        ("CREATE", "GROUP")
    );
    assert_eq!(event.path, crew[1..]);
    let below = format!("{crew}/children");
    let cooks = make(&shop, &below, &json!({"name": "cooks"})).await;
    let pastry = make(
        &shop,
        &format!("{cooks}/children"),
        &json!({"name": "pastry"}),
    )
    .await;
    shop.put(&crew, &json!({"name": "crew2"})).await.is(204);
    let shown = shop.get(&pastry).await.is(200).json();
    assert_eq!(shown["path"], "/crew2/cooks/pastry");
    assert_eq!(
        shop.get(&crew).await.is(200).json()["attributes"],
        json!({"a": ["1"]})
    );
    // Nobody is their own ancestor.
    let refused = shop
        .post(
            &format!("{pastry}/children"),
            &json!({"name": "x", "id": id(&crew)}),
        )
        .await
        .is(400);
    assert_eq!(
        refused.member("errorMessage"),
        "A group cannot be moved below itself"
    );
    shop.post("/groups", &json!({"name": "cooks", "id": id(&pastry)}))
        .await
        .is(204);
    assert_eq!(shop.get(&pastry).await.is(200).json()["path"], "/pastry");
    shop.delete(&crew).await.is(204);
    shop.get(&cooks).await.is(404);
    shop.get(&pastry).await.is(200);
}

#[tokio::test]
async fn names_are_needed_and_unique_among_siblings() {
    let shop = open().await;
    for (body, status, text) in [
        (json!({}), 400, "Group name is missing"),
        (json!({"name": " "}), 400, "Group name is missing"),
        (
            json!({"name": "staff"}),
            409,
            "Top level group named 'staff' already exists.",
        ),
    ] {
        let refused = shop.post("/groups", &body).await.is(status);
        assert_eq!(refused.member("errorMessage"), text, "{body}");
    }
    let staff = shop.get("/group-by-path/staff").await.is(200).json();
    let path = format!("/groups/{}", staff["id"].as_str().unwrap());
    let body = json!({"name": "night shift"});
    let refused = shop.post(&format!("{path}/children"), &body).await.is(409);
    let text = "Sibling group named 'night shift' already exists.";
    assert_eq!(refused.member("errorMessage"), text);
    let refused = shop.put(&path, &json!({"name": "newcomers"})).await.is(409);
    let text = "Sibling group named 'newcomers' already exists.";
    assert_eq!(refused.member("errorMessage"), text);
    shop.put(&path, &json!({"name": "staff", "id": "other"}))
        .await
        .is(400);
    let body = json!({"name": "x", "id": "nowhere"});
    let missing = shop.post("/groups", &body).await.is(404);
    assert_eq!(missing.member("error"), "Could not find child by id");
}

#[tokio::test]
async fn a_search_shows_the_way_to_what_it_found() {
    let shop = open().await;
    let found = shop.get("/groups?search=NIGHT").await.is(200).json();
    assert_eq!(found[0]["name"], "staff");
    assert_eq!(found[0]["subGroups"][0]["name"], "night shift");
    assert_eq!(found[0]["subGroupCount"], 1);
    let flat = "/groups?search=night&populateHierarchy=false&subGroupsCount=false";
    let found = shop.get(flat).await.is(200).json();
    assert_eq!(found[0]["path"], "/staff/night shift");
    assert_eq!(found[0].get("subGroupCount"), None);
    for (query, expected) in [
        ("search=night&exact=true", vec![]),
        ("search=staff&exact=true", vec!["staff"]),
        ("search=s*f", vec!["staff"]),
        ("q=floor:2", vec!["staff"]),
        ("q=floor:3", vec![]),
        ("first=1&max=1", vec!["staff"]),
        ("", vec!["newcomers", "staff"]),
    ] {
        let found = shop.get(&format!("/groups?{query}")).await.is(200).json();
        let names: Vec<&str> = found
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["name"].as_str().unwrap())
            .collect();
        assert_eq!(names, expected, "{query}");
    }
    for (query, count) in [
        ("", 3),
        ("top=true", 2),
        ("search=night", 1),
        ("search=n*t", 1),
    ] {
        let answer = shop
            .get(&format!("/groups/count?{query}"))
            .await
            .is(200)
            .json();
        assert_eq!(answer, json!({"count": count}), "{query}");
    }
}

#[tokio::test]
async fn members_children_and_paths() {
    let shop = open().await;
    let night = shop
        .get("/group-by-path/staff/night%20shift")
        .await
        .is(200)
        .json();
    assert_eq!(night["clientRoles"], json!({"web": ["editor"]}));
    assert_eq!(night.get("access"), None);
    let path = format!("/groups/{}", night["id"].as_str().unwrap());
    let members = shop.get(&format!("{path}/members")).await.is(200).json();
    assert_eq!(members[0]["username"], "alice");
    assert_eq!(members[0].get("access"), None);
    let brief = format!("{path}/members?briefRepresentation=true");
    assert_eq!(shop.get(&brief).await.is(200).json()[0].get("totp"), None);
    let staff = format!("/groups/{}", night["parentId"].as_str().unwrap());
    let below = shop.get(&format!("{staff}/children")).await.is(200).json();
    assert_eq!(below[0]["name"], "night shift");
    assert_eq!(below[0]["access"]["manage"], true);
    let none = shop
        .get(&format!("{staff}/children?search=day"))
        .await
        .is(200)
        .json();
    assert_eq!(none, json!([]));
    let missing = shop.get("/group-by-path/staff/day").await.is(404);
    assert_eq!(missing.member("error"), "Group path does not exist");
    // One who may not see clients does not see their roles.
    let viewer = shop.administered_by("viewer").await;
    let seen = viewer.get(&path).await.is(200).json();
    assert_eq!(seen["clientRoles"], json!({}));
    assert_eq!(seen["access"]["manage"], false);
    viewer.delete(&path).await.is(403);
    let seeker = shop.administered_by("seeker").await;
    seeker.get("/groups").await.is(403);
}

#[tokio::test]
async fn new_users_join_default_groups() {
    let shop = open().await;
    let staff = shop.get("/group-by-path/staff").await.is(200).json();
    let path = format!("/default-groups/{}", staff["id"].as_str().unwrap());
    shop.put(&path, &json!({})).await.is(204);
    let event = shop.event().await;
    assert_eq!(
        (event.operation.as_str(), event.kind.as_str()),
        ("CREATE", "GROUP")
    );
    assert_eq!(event.path, path[1..]);
    assert_eq!(
        shop.get("/default-groups")
            .await
            .is(200)
            .json()
            .as_array()
            .map(Vec::len),
        Some(2)
    );
    let user = shop
        .make(&json!({"username": "carol", "email": "carol@shop.example"}))
        .await;
    let groups = shop.get(&format!("{user}/groups")).await.is(200).json();
    assert_eq!(groups.as_array().map(Vec::len), Some(2));
    shop.delete(&path).await.is(204);
    let left = shop.get("/default-groups").await.is(200).json();
    assert_eq!(left[0]["path"], "/newcomers");
    shop.put("/default-groups/nowhere", &json!({}))
        .await
        .is(404);
}
