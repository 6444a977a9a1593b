//! Roles over HTTP.

use axum::http::Method;
use serde_json::{Value, json};

use crate::world::{Shop, open};

async fn client(shop: &Shop, client_id: &str) -> String {
    let found = shop
        .get(&format!("/clients?clientId={client_id}"))
        .await
        .is(200)
        .json();
    found[0]["id"].as_str().expect("a client").to_owned()
}

fn names(list: &Value) -> Vec<&str> {
    let names = list.as_array().expect("a list").iter();
    names
        .map(|one| one["name"].as_str().expect("a name"))
        .collect()
}

#[tokio::test]
async fn a_role_lives_by_name_and_by_id() {
    let shop = open().await;
    let body = json!({"name": "night/clerk", "description": "d", "attributes": {"a": ["b"]}});
    let made = shop.post("/roles", &body).await.is(201);
    let address = "http://localhost/admin/realms/shop/roles/night%2Fclerk";
    assert_eq!(made.header("location"), address);
    assert_eq!(shop.event().await.path, "roles/night/clerk");
    let again = shop.post("/roles", &body).await.is(409);
    assert_eq!(
        again.member("errorMessage"),
        "Role with name night/clerk already exists"
    );
    let role = shop.get("/roles/night%2Fclerk").await.is(200).json();
    assert_eq!(role["attributes"], json!({"a": ["b"]}));
    let by_id = format!("/roles-by-id/{}", role["id"].as_str().unwrap());
    shop.put(&by_id, &json!({"name": "clerk"})).await.is(204);
    let changed = shop.get("/roles/clerk").await.is(200).json();
    assert_eq!(changed["attributes"], json!({"a": ["b"]}));
    assert_eq!(changed.get("description"), None);
    let event = shop.event().await;
    assert_eq!(
        (event.operation.as_str(), event.kind.as_str()),
        ("UPDATE", "REALM_ROLE")
    );
    shop.delete(&by_id).await.is(204);
    assert_eq!(
        shop.get(&by_id).await.is(404).member("error"),
        "Could not find role with id"
    );
    let gone = shop.delete("/roles/clerk").await.is(404);
    assert_eq!(gone.member("error"), "Could not find role");
}

#[tokio::test]
async fn roles_of_clients_are_their_own() {
    let shop = open().await;
    let web = client(&shop, "web").await;
    let path = format!("/clients/{web}/roles");
    shop.post(&path, &json!({"name": "customer"})).await.is(201);
    let role = shop.get(&format!("{path}/customer")).await.is(200).json();
    assert_eq!(role["containerId"], web);
    assert_eq!(role["clientRole"], true);
    assert_eq!(shop.event().await.kind, "CLIENT_ROLE");
    assert_eq!(
        names(&shop.get(&path).await.is(200).json()),
        ["customer", "editor"]
    );
    shop.get("/clients/nowhere/roles").await.is(404);
    // One who may change clients may not change the realm's roles, and the other way round.
    let of_realm = shop.get("/roles/customer").await.is(200).json();
    assert_ne!(of_realm["id"], role["id"]);
}

#[tokio::test]
async fn lists_have_pages_and_a_search() {
    let shop = open().await;
    let listed = |query: &'static str| {
        let shop = &shop;
        async move { shop.get(&format!("/roles{query}")).await.is(200).json() }
    };
    assert_eq!(names(&listed("?search=MAY").await), ["customer"]);
    assert_eq!(names(&listed("?search=a&first=1&max=2").await).len(), 2);
    assert_eq!(names(&listed("?first=0&max=1").await), ["customer"]);
    let all = listed("").await;
    assert_eq!(names(&listed("?first=0").await), names(&all));
    assert_eq!(all[0].get("attributes"), None);
    let whole = listed("?briefRepresentation=false").await;
    assert_eq!(whole[0]["attributes"], json!({}));
    shop.get("/roles?first=x").await.is(404);
}

#[tokio::test]
async fn roles_contain_roles() {
    let shop = open().await;
    let customer = shop.get("/roles/customer").await.is(200).json();
    shop.post("/roles", &json!({"name": "boss"})).await.is(201);
    let sent = json!([{"id": customer["id"]}]);
    shop.post("/roles/boss/composites", &sent).await.is(204);
    let event = shop.event().await;
    assert_eq!(event.path, "roles/boss/composites");
    assert_eq!(
        event.representation,
        json!([{"id": customer["id"], "composite": false}])
    );
    assert_eq!(shop.get("/roles/boss").await.json()["composite"], true);
    let contained = shop
        .get("/roles/boss/composites/realm")
        .await
        .is(200)
        .json();
    assert_eq!(names(&contained), ["customer"]);
    let web = client(&shop, "web").await;
    let of_web = format!("/roles/boss/composites/clients/{web}");
    assert_eq!(shop.get(&of_web).await.is(200).json(), json!([]));
    shop.get("/roles/boss/composites/clients/nowhere")
        .await
        .is(404);
    shop.post("/roles/boss/composites", &json!([{"name": "customer"}]))
        .await
        .is(404);
    shop.send(Method::DELETE, "/roles/boss/composites", &sent)
        .await
        .is(204);
    assert_eq!(
        shop.get("/roles/boss/composites").await.is(200).json(),
        json!([])
    );
    let body = json!({"name": "new", "composite": true,
                      "composites": {"realm": ["customer"], "client": {"web": ["editor"]}}});
    shop.post("/roles", &body).await.is(201);
    let contained = shop.get("/roles/new/composites").await.is(200).json();
    assert_eq!(names(&contained), ["customer", "editor"]);
    let body = json!({"name": "x", "composite": true, "composites": {"realm": ["nope"]}});
    let refused = shop.post("/roles", &body).await.is(404);
    assert_eq!(
        refused.member("errorMessage"),
        "Realm Role with name nope does not exist"
    );
    shop.get("/roles/x").await.is(404);
}

#[tokio::test]
async fn nobody_composes_rights_that_they_lack() {
    let shop = open().await;
    let keeper = json!({
        "username": "keeper", "enabled": true, "email": "keeper@shop.example",
        "firstName": "K", "lastName": "K",
        "credentials": [{"type": "password", "value": "keeper"}],
    });
    let keeper_path = shop.make(&keeper).await;
    let management = client(&shop, "realm-management").await;
    let role = |name: &'static str| {
        let path = format!("/clients/{management}/roles/{name}");
        let shop = &shop;
        async move { shop.get(&path).await.is(200).json() }
    };
    let mapping = format!("{keeper_path}/role-mappings/clients/{management}");
    let given = json!([role("manage-realm").await, role("manage-clients").await]);
    shop.post(&mapping, &given).await.is(204);
    let keeper = shop.administered_by("keeper").await;
    for (name, status) in [
        ("manage-users", 403),
        ("realm-admin", 403),
        ("manage-realm", 204),
    ] {
        let sent = json!([{"id": role(name).await["id"]}]);
        keeper
            .post("/roles/customer/composites", &sent)
            .await
            .is(status);
    }
    // What a role contains counts as itself.
    shop.post("/roles", &json!({"name": "veil"})).await.is(201);
    let sent = json!([{"id": role("manage-users").await["id"]}]);
    shop.post("/roles/veil/composites", &sent).await.is(204);
    let veil = shop.get("/roles/veil").await.is(200).json();
    let sent = json!([{"id": veil["id"]}]);
    keeper
        .post("/roles/customer/composites", &sent)
        .await
        .is(403);
    let body = json!({"name": "own", "composite": true, "composites": {"realm": ["veil"]}});
    keeper.post("/roles", &body).await.is(403);
}

#[tokio::test]
async fn the_default_role_and_the_roles_above_all_stay() {
    let shop = open().await;
    let refused = shop.delete("/roles/default-roles-shop").await.is(400);
    let text = "default-roles-shop is default role of the realm and cannot be removed.";
    assert_eq!(refused.member("errorMessage"), text);
    let role = shop.get("/roles/default-roles-shop").await.is(200).json();
    shop.delete(&format!("/roles-by-id/{}", role["id"].as_str().unwrap()))
        .await
        .is(400);
    shop.at(Method::DELETE, "/admin/realms/master/roles/admin")
        .send()
        .await
        .is(403);
    shop.at(Method::DELETE, "/admin/realms/master/roles/create-realm")
        .send()
        .await
        .is(403);
}

#[tokio::test]
async fn holders_are_listed_to_those_who_may_see_both() {
    let shop = open().await;
    let users = shop.get("/roles/offline_access/users").await.is(200).json();
    assert_eq!(users[0]["username"], "alice");
    let groups = shop.get("/roles/manager/groups").await.is(200).json();
    assert_eq!(groups[0]["path"], "/staff");
    let web = client(&shop, "web").await;
    let path = format!("/clients/{web}/roles/editor/groups");
    assert_eq!(
        shop.get(&path).await.is(200).json()[0]["path"],
        "/staff/night shift"
    );
    let viewer = shop.administered_by("viewer").await;
    viewer.get("/roles/manager/users").await.is(403);
    viewer.get("/roles").await.is(403);
}
