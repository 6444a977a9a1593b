//! Roles given to users and groups, and the bounds within which administrators give them.

use axum::http::Method;
use claviger_wire::document::Kind;
use serde_json::{Value, json};

use crate::world::{Shop, open};

fn names(list: &Value) -> Vec<String> {
    let name = |role: &Value| role["name"].as_str().unwrap().to_owned();
    let mut names: Vec<String> = list.as_array().unwrap().iter().map(name).collect();
    names.sort();
    names
}

/// Id of a role: of the realm, or of a client.
async fn role(shop: &Shop, client: &str, name: &str) -> Value {
    let app = &shop.stage.app;
    let realm = app.realm("shop").await.unwrap().unwrap();
    let parent = match client {
        "" => String::new(),
        _ => realm
            .client(client)
            .await
            .unwrap()
            .unwrap()
            .uuid
            .as_str()
            .to_owned(),
    };
    let found = app
        .store
        .document_by_name(&realm.id, Kind::Role, &parent, name)
        .await
        .unwrap();
    json!({"id": found.unwrap().id, "name": name})
}

async fn client(shop: &Shop, name: &str) -> String {
    let realm = shop.stage.app.realm("shop").await.unwrap().unwrap();
    realm
        .client(name)
        .await
        .unwrap()
        .unwrap()
        .uuid
        .as_str()
        .to_owned()
}

async fn group(shop: &Shop, user: &str) -> (String, String) {
    let groups = shop.get(&format!("{user}/groups")).await.is(200).json();
    let id = |name: &str| groups[0][name].as_str().unwrap().to_owned();
    (
        format!("/groups/{}", id("id")),
        format!("/groups/{}", id("parentId")),
    )
}

#[tokio::test]
async fn roles_of_the_realm_are_given_and_taken() {
    let shop = open().await;
    let bob = shop.user("bob").await;
    let path = format!("{bob}/role-mappings/realm");
    let customer = role(&shop, "", "customer").await;
    assert!(
        names(&shop.get(&format!("{path}/available")).await.json())
            .contains(&"customer".to_owned())
    );
    shop.post(&path, &json!([customer])).await.is(204);
    let event = shop.event().await;
    assert_eq!(
        (
            event.operation.as_str(),
            event.kind.as_str(),
            format!("/{}", event.path)
        ),
        ("CREATE", "REALM_ROLE_MAPPING", path.clone())
    );
    let told = json!([{"id": customer["id"], "name": "customer", "composite": false}]);
    assert_eq!(event.representation, told);
    let realm = shop.stage.app.realm("shop").await.unwrap().unwrap();
    let shown = json!([{"id": customer["id"], "name": "customer", "description": "May buy",
        "composite": false, "clientRole": false, "containerId": realm.id.as_str()}]);
    assert_eq!(shop.get(&path).await.is(200).json(), shown);
    let available = shop.get(&format!("{path}/available")).await.is(200).json();
    assert!(!names(&available).contains(&"customer".to_owned()));

    let other = role(&shop, "", "manager").await;
    let cases = [
        json!([{"id": "00000000-0000-0000-0000-000000000000", "name": "customer"}]),
        json!([{"id": customer["id"], "name": "magic"}]),
        json!([{"name": "customer"}]),
        json!([other, {"name": "customer"}]),
    ];
    for body in cases {
        let refused = shop.post(&path, &body).await.is(404);
        assert_eq!(refused.json(), json!({"error": "Role not found"}), "{body}");
    }
    assert_eq!(
        names(&shop.get(&path).await.json()),
        ["customer"],
        "all or nothing"
    );
    shop.send(Method::DELETE, &path, &json!([customer]))
        .await
        .is(204);
    assert_eq!(shop.get(&path).await.json(), json!([]));
    assert_eq!(shop.event().await.operation, "DELETE");
}

#[tokio::test]
async fn without_a_body_all_of_the_container_are_taken() {
    let shop = open().await;
    let bob = shop.user("bob").await;
    let web = client(&shop, "web").await;
    let (of_realm, of_client) = (
        format!("{bob}/role-mappings/realm"),
        format!("{bob}/role-mappings/clients/{web}"),
    );
    shop.post(&of_realm, &json!([role(&shop, "", "customer").await]))
        .await
        .is(204);
    shop.post(&of_client, &json!([role(&shop, "web", "editor").await]))
        .await
        .is(204);
    let all = shop
        .get(&format!("{bob}/role-mappings"))
        .await
        .is(200)
        .json();
    assert_eq!(names(&all["realmMappings"]), ["customer"]);
    assert_eq!(names(&all["clientMappings"]["web"]["mappings"]), ["editor"]);
    assert_eq!(all["clientMappings"]["web"]["id"], json!(web));
    shop.delete(&of_client).await.is(204);
    let event = shop.event().await;
    assert_eq!(event.kind, "CLIENT_ROLE_MAPPING");
    assert_eq!(names(&event.representation), ["editor"]);
    let all = shop
        .get(&format!("{bob}/role-mappings"))
        .await
        .is(200)
        .json();
    assert_eq!(all["clientMappings"], Value::Null);
    assert_eq!(names(&all["realmMappings"]), ["customer"]);
    shop.delete(&of_realm).await.is(204);
    assert_eq!(
        shop.get(&format!("{bob}/role-mappings")).await.json(),
        json!({})
    );
    let nowhere = shop
        .get(&format!("{bob}/role-mappings/clients/nowhere"))
        .await
        .is(404);
    assert_eq!(nowhere.json(), json!({"error": "Client not found"}));
}

#[tokio::test]
async fn effective_roles_come_from_groups_and_composites() {
    let shop = open().await;
    let alice = shop.user("alice").await;
    let (night, staff) = group(&shop, &alice).await;
    let web = client(&shop, "web").await;
    let realm = |holder: &str| format!("{holder}/role-mappings/realm/composite");
    let of_web = |holder: &str| format!("{holder}/role-mappings/clients/{web}/composite");
    for holder in [&alice, &night, &staff] {
        let found = shop.get(&realm(holder)).await.is(200).json();
        let found: Vec<String> = names(&found)
            .into_iter()
            .filter(|name| name == "manager" || name == "customer")
            .collect();
        assert_eq!(found, ["customer", "manager"], "{holder}");
    }
    assert_eq!(
        names(&shop.get(&of_web(&alice)).await.is(200).json()),
        ["editor"]
    );
    assert_eq!(
        names(&shop.get(&of_web(&night)).await.is(200).json()),
        ["editor"]
    );
    assert_eq!(shop.get(&of_web(&staff)).await.is(200).json(), json!([]));
    let full = shop
        .get(&format!("{}?briefRepresentation=false", realm(&staff)))
        .await
        .json();
    assert_eq!(full[0]["attributes"], json!({}));
}

#[tokio::test]
async fn groups_have_roles_as_users_do() {
    let shop = open().await;
    let (night, staff) = group(&shop, &shop.user("alice").await).await;
    let path = format!("{night}/role-mappings/realm");
    assert_eq!(shop.get(&path).await.is(200).json(), json!([]));
    let customer = role(&shop, "", "customer").await;
    shop.post(&path, &json!([customer])).await.is(204);
    assert_eq!(names(&shop.get(&path).await.json()), ["customer"]);
    assert_eq!(format!("/{}", shop.event().await.path), path);
    shop.send(Method::DELETE, &path, &json!([customer]))
        .await
        .is(204);
    assert_eq!(shop.get(&path).await.json(), json!([]));
    let all = shop
        .get(&format!("{staff}/role-mappings"))
        .await
        .is(200)
        .json();
    assert_eq!(names(&all["realmMappings"]), ["manager"]);
    let nowhere = shop.get("/groups/nowhere/role-mappings").await.is(404);
    assert_eq!(
        nowhere.json(),
        json!({"error": "Could not find group by id"})
    );
}

#[tokio::test]
async fn nobody_gives_rights_that_they_do_not_have() {
    let shop = open().await;
    let bob = shop.user("bob").await;
    let management = client(&shop, "realm-management").await;
    let rights = format!("{bob}/role-mappings/clients/{management}");
    let of_realm = format!("{bob}/role-mappings/realm");
    let manager = shop.administered_by("manager").await;
    for (name, status) in [
        ("manage-users", 204),
        ("view-users", 204),
        ("query-realms", 204),
        ("view-clients", 403),
        ("impersonation", 403),
        ("manage-realm", 403),
        ("realm-admin", 403),
    ] {
        let body = json!([role(&shop, "realm-management", name).await]);
        let _told = manager.post(&rights, &body).await.is(status);
    }
    // A harmless name must not carry a right in.
    let harmless = json!([role(&shop, "", "harmless").await]);
    let _refused = manager.post(&of_realm, &harmless).await.is(403);
    let available = manager
        .get(&format!("{of_realm}/available"))
        .await
        .is(200)
        .json();
    assert!(!names(&available).contains(&"harmless".to_owned()));
    let _given = manager
        .post(&of_realm, &json!([role(&shop, "", "manager").await]))
        .await
        .is(204);
    let available = manager
        .get(&format!("{rights}/available"))
        .await
        .is(200)
        .json();
    assert!(!names(&available).contains(&"realm-admin".to_owned()));
    assert!(names(&available).contains(&"query-groups".to_owned()));

    let owner = shop.administered_by("owner").await;
    let all = json!([
        role(&shop, "realm-management", "realm-admin").await,
        role(&shop, "realm-management", "impersonation").await,
    ]);
    owner.post(&rights, &all).await.is(204);
    // Nor may they take it.
    manager.send(Method::DELETE, &rights, &all).await.is(403);
    manager.delete(&rights).await.is(403);
    shop.post(&of_realm, &harmless).await.is(204);
    shop.delete(&rights).await.is(204);
}

#[tokio::test]
async fn roles_of_clients_are_shown_to_those_who_see_clients() {
    let shop = open().await;
    let alice = shop.user("alice").await;
    let web = client(&shop, "web").await;
    let path = format!("{alice}/role-mappings/clients/{web}");
    let viewer = shop.administered_by("viewer").await;
    viewer.get(&path).await.is(403);
    viewer.get(&format!("{path}/composite")).await.is(403);
    assert_eq!(
        viewer
            .get(&format!("{path}/available"))
            .await
            .is(200)
            .json(),
        json!([])
    );
    assert_eq!(
        viewer
            .get(&format!("{alice}/role-mappings"))
            .await
            .is(200)
            .json(),
        json!({})
    );
    viewer
        .get(&format!("{alice}/role-mappings/realm"))
        .await
        .is(200);
    let nowhere = format!("{alice}/role-mappings/clients/nowhere");
    viewer.get(&nowhere).await.is(404);
    viewer
        .post(&path, &json!([role(&shop, "web", "editor").await]))
        .await
        .is(403);
    shop.get(&path).await.is(200);
}
