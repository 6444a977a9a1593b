//! Groups within an organization.

use axum::http::Method;
use serde_json::{Value, json};

use super::{join, make, names, open_with_organizations, send_id};
use crate::world::Shop;

/// Makes a group and returns its id.
async fn group(shop: &Shop, below: &str, body: &Value) -> String {
    let made = shop.post(below, body).await.is(201);
    let address = made.header("location");
    address.rsplit_once('/').expect("an address").1.to_owned()
}

#[tokio::test]
async fn a_tree_grows_and_is_found() {
    let shop = open_with_organizations().await;
    let acme = make(&shop, &json!({"name": "acme"})).await;
    let id = acme.replace("/organizations/", "");
    let groups = format!("{acme}/groups");
    let sent = json!({"name": "crew", "description": "d", "attributes": {"k": ["V"]}});
    let made = shop.post(&groups, &sent).await.is(201);
    let crew = made.json()["id"].as_str().expect("an id").to_owned();
    assert_eq!(
        made.json(),
        json!({"id": crew, "name": "crew", "description": "d", "path": "/crew",
               "parentId": id, "subGroups": []})
    );
    let event = shop.event().await;
    assert_eq!(
        (
            event.operation.as_str(),
            event.kind.as_str(),
            event.path.as_str()
        ),
        ("CREATE", "ORGANIZATION_GROUP", &groups[1..])
    );
    let again = shop.post(&groups, &json!({"name": "crew"})).await.is(409);
    assert_eq!(
        again.member("errorMessage"),
        "Group with the given name already exists."
    );
    let below = format!("{groups}/{crew}/children");
    let cooks = group(&shop, &below, &json!({"name": "cooks"})).await;
    let again = shop.post(&below, &json!({"name": "cooks"})).await.is(409);
    assert_eq!(
        again.member("errorMessage"),
        "Sibling group with the given name already exists"
    );
    let pastry = format!("{groups}/{cooks}/children");
    let pastry = group(&shop, &pastry, &json!({"name": "a/b"})).await;

    for (query, expected) in [
        ("", vec!["crew"]),
        ("?search=", vec!["a/b", "cooks", "crew"]),
        ("?search=co", vec!["cooks"]),
        ("?search=ooks", vec![]),
        ("?search=*OOK", vec!["cooks"]),
        ("?search=cook&exact=true", vec![]),
        ("?q=k:v", vec!["crew"]),
        ("?q=k:w", vec![]),
        ("?search=c&first=1", vec!["crew"]),
    ] {
        let found = shop.get(&format!("{groups}{query}")).await.is(200).json();
        assert_eq!(names(&found, "name"), expected, "{query}");
    }
    let tree = format!("{groups}?search=cooks&populateHierarchy=true&subGroupsCount=true");
    let tree = shop.get(&tree).await.is(200).json();
    assert_eq!(tree[0]["name"], "crew");
    assert_eq!(tree[0]["subGroups"][0]["path"], "/crew/cooks");
    assert_eq!(tree[0]["subGroups"][0]["subGroupCount"], 1);
    let found = format!("{groups}/group-by-path/crew/cooks/a/b");
    assert_eq!(shop.get(&found).await.is(200).json()["id"], json!(pastry));
    for nowhere in ["", "crew/x", "cooks"] {
        let missing = format!("{groups}/group-by-path/{nowhere}");
        let missing = shop.get(&missing).await.is(404);
        assert_eq!(missing.member("error"), "Group path does not exist");
    }
    let whole = shop.get(&format!("{groups}/{crew}")).await.is(200).json();
    assert_eq!(whole["attributes"], json!({"k": ["V"]}));
    assert_eq!(
        (&whole["realmRoles"], &whole["clientRoles"]),
        (&json!([]), &json!({}))
    );
}

#[tokio::test]
async fn a_tree_is_moved_renamed_and_deleted() {
    let shop = open_with_organizations().await;
    let acme = make(&shop, &json!({"name": "acme"})).await;
    let groups = format!("{acme}/groups");
    let crew = group(&shop, &groups, &json!({"name": "crew"})).await;
    let below = format!("{groups}/{crew}/children");
    let cooks = group(&shop, &below, &json!({"name": "cooks"})).await;
    let pastry = format!("{groups}/{cooks}/children");
    let pastry = group(&shop, &pastry, &json!({"name": "a/b"})).await;
    let moved = json!({"name": "cooks", "id": cooks});
    shop.post(&groups, &moved).await.is(204);
    assert_eq!(shop.event().await.operation, "UPDATE");
    let shown = shop.get(&format!("{groups}/{pastry}")).await.is(200).json();
    assert_eq!(shown["path"], "/cooks/a/b");
    let circle = format!("{groups}/{pastry}/children");
    shop.post(&circle, &moved).await.is(400);
    shop.post(&below, &moved).await.is(204);
    shop.put(&format!("{groups}/{crew}"), &json!({"name": "team"}))
        .await
        .is(204);
    let shown = shop.get(&format!("{groups}/{pastry}")).await.is(200).json();
    assert_eq!(shown["path"], "/team/cooks/a/b");

    shop.delete(&format!("{groups}/{crew}")).await.is(204);
    assert_eq!(shop.event().await.operation, "DELETE");
    assert_eq!(
        shop.get(&format!("{groups}?search=")).await.is(200).json(),
        json!([])
    );
    let gone = shop.get(&format!("{groups}/{pastry}")).await.is(404);
    assert_eq!(gone.member("errorMessage"), "Group does not exist");
    // A group goes with its organization.
    let last = group(&shop, &groups, &json!({"name": "last"})).await;
    shop.delete(&acme).await.is(204);
    let other = make(&shop, &json!({"name": "acme"})).await;
    shop.get(&format!("{other}/groups/{last}")).await.is(404);
}

#[tokio::test]
async fn groups_of_an_organization_are_no_groups_of_the_realm() {
    let shop = open_with_organizations().await;
    let acme = make(&shop, &json!({"name": "acme"})).await;
    let other = make(&shop, &json!({"name": "other"})).await;
    let crew = group(&shop, &format!("{acme}/groups"), &json!({"name": "crew"})).await;
    let realm_groups = shop.get("/groups").await.is(200).json();
    assert_eq!(names(&realm_groups, "name"), ["newcomers", "staff"]);
    let staff = realm_groups[1]["id"].as_str().expect("an id");
    let told = "Cannot manage organization related group via non Organization API.";
    for path in ["", "/members", "/children", "/role-mappings"] {
        let refused = shop.get(&format!("/groups/{crew}{path}")).await.is(400);
        assert_eq!(refused.member("errorMessage"), told, "{path}");
    }
    shop.delete(&format!("/groups/{crew}")).await.is(400);
    let alice = shop.user("alice").await;
    let refused = shop
        .put(&format!("{alice}/groups/{crew}"), &json!({}))
        .await;
    assert_eq!(
        refused.is(400).member("errorMessage"),
        "Cannot access organization related group via non Organization API."
    );
    shop.put(&format!("/default-groups/{crew}"), &json!({}))
        .await
        .is(404);
    for (organization, group) in [(&other, crew.as_str()), (&acme, staff)] {
        let refused = shop.get(&format!("{organization}/groups/{group}")).await;
        assert_eq!(
            refused.is(400).member("errorMessage"),
            "Group does not belong to the organization"
        );
    }
    for (organization, group, status, expected) in [
        (
            &acme,
            staff,
            400,
            json!({"errorMessage": "Can only move organization groups"}),
        ),
        (
            &other,
            crew.as_str(),
            400,
            json!({"errorMessage": "Group does not belong to this organization"}),
        ),
        (
            &acme,
            "nobody",
            404,
            json!({"error": "Could not find group by id"}),
        ),
    ] {
        let sent = json!({"name": "x", "id": group});
        let refused = shop.post(&format!("{organization}/groups"), &sent).await;
        assert_eq!(refused.is(status).json(), expected);
    }
}

#[tokio::test]
async fn members_of_the_organization_alone_join_its_groups() {
    let shop = open_with_organizations().await;
    let acme = make(&shop, &json!({"name": "acme"})).await;
    let alice = join(&shop, &acme, "alice").await;
    let bob = shop.user("bob").await.replace("/users/", "");
    let crew = group(&shop, &format!("{acme}/groups"), &json!({"name": "crew"})).await;
    let members = format!("{acme}/groups/{crew}/members");
    let joined = format!("{members}/{alice}");
    shop.put(&joined, &json!({})).await.is(204);
    let event = shop.event().await;
    assert_eq!(
        (
            event.operation.as_str(),
            event.kind.as_str(),
            event.path.as_str()
        ),
        ("CREATE", "ORGANIZATION_GROUP_MEMBERSHIP", &joined[1..])
    );
    assert_eq!(event.details["username"], "alice");
    let told = |text: &str| json!({"errorMessage": text});
    for (user, status, expected) in [
        (
            alice.as_str(),
            409,
            told("User is already a member of the group"),
        ),
        (
            bob.as_str(),
            400,
            told("User is not member of the organization"),
        ),
        ("nobody", 404, told("User does not exist")),
    ] {
        let refused = shop.put(&format!("{members}/{user}"), &json!({})).await;
        assert_eq!(refused.is(status).json(), expected);
    }
    let listed = shop.get(&members).await.is(200).json();
    assert_eq!(names(&listed, "username"), ["alice"]);
    assert_eq!(listed[0]["membershipType"], "UNMANAGED");
    let own = format!("{acme}/members/{alice}/groups");
    assert_eq!(
        names(&shop.get(&own).await.is(200).json(), "name"),
        ["crew"]
    );
    shop.get(&format!("{acme}/members/{bob}/groups"))
        .await
        .is(404);
    let shown = shop
        .get(&format!("/users/{alice}/groups"))
        .await
        .is(200)
        .json();
    assert_eq!(names(&shown, "name"), ["night shift"]);
    let count = shop.get(&format!("/users/{alice}/groups/count")).await;
    assert_eq!(count.is(200).json(), json!({"count": 1}));

    shop.delete(&joined).await.is(204);
    shop.delete(&joined).await.is(204);
    shop.delete(&format!("{members}/nobody")).await.is(404);
    assert_eq!(shop.get(&members).await.is(200).json(), json!([]));
    // Whoever leaves the organization leaves its groups.
    shop.put(&joined, &json!({})).await.is(204);
    shop.delete(&format!("{acme}/members/{alice}"))
        .await
        .is(204);
    assert_eq!(shop.get(&members).await.is(200).json(), json!([]));
    send_id(&shop, &format!("{acme}/members"), &alice)
        .await
        .is(201);
    assert_eq!(shop.get(&own).await.is(200).json(), json!([]));
}

#[tokio::test]
async fn roles_are_mapped_to_groups() {
    let shop = open_with_organizations().await;
    let acme = make(&shop, &json!({"name": "acme"})).await;
    let top = group(&shop, &format!("{acme}/groups"), &json!({"name": "top"})).await;
    let below = format!("{acme}/groups/{top}/children");
    let below = group(&shop, &below, &json!({"name": "below"})).await;
    let manager = shop.get("/roles/manager").await.is(200).json();
    let of_top = format!("{acme}/groups/{top}/role-mappings");
    shop.post(&format!("{of_top}/realm"), &json!([manager]))
        .await
        .is(204);
    let event = shop.event().await;
    assert_eq!(
        (event.kind.as_str(), event.path.as_str()),
        ("REALM_ROLE_MAPPING", &format!("{of_top}/realm")[1..])
    );
    let listed = async |path: &str| names(&shop.get(path).await.is(200).json(), "name");
    assert_eq!(listed(&format!("{of_top}/realm")).await, ["manager"]);
    let available = listed(&format!("{of_top}/realm/available")).await;
    assert!(
        available.contains(&"customer".to_owned()) && !available.contains(&"manager".to_owned())
    );
    let of_below = format!("{acme}/groups/{below}/role-mappings");
    assert_eq!(shop.get(&of_below).await.is(200).json(), json!({}));
    assert_eq!(
        listed(&format!("{of_below}/realm/composite")).await,
        ["customer", "manager"]
    );
    let client = shop.get("/clients?clientId=web").await.is(200).json();
    let client = client[0]["id"].as_str().expect("an id").to_owned();
    let editor = format!("/clients/{client}/roles/editor");
    let editor = shop.get(&editor).await.is(200).json();
    let of_client = format!("{of_below}/clients/{client}");
    shop.post(&of_client, &json!([editor])).await.is(204);
    assert_eq!(listed(&of_client).await, ["editor"]);
    assert_eq!(listed(&format!("{of_client}/composite")).await, ["editor"]);
    assert_eq!(
        listed(&format!("{of_client}/available")).await,
        Vec::<String>::new()
    );
    let shown = shop
        .get(&format!("{acme}/groups/{below}"))
        .await
        .is(200)
        .json();
    assert_eq!(shown["clientRoles"], json!({"web": ["editor"]}));
    shop.send(Method::DELETE, &of_client, &json!([editor]))
        .await
        .is(204);
    assert_eq!(shop.get(&of_below).await.is(200).json(), json!({}));
    // Nobody has them by it, and no list of holders tells of it.
    assert_eq!(listed("/roles/manager/groups").await, ["staff"]);
}
