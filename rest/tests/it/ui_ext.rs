//! What Keycloak's own console asks: roles in tables, users with failures, sessions, flows with their uses,
//! and a realm saved with its user profile.

use axum::http::Method;
use serde_json::{Value, json};

use crate::world::{Shop, open};

/// The ids of what the tables are about: a user, a group, a client, a client scope, a role.
async fn ids(shop: &Shop) -> [(&'static str, String); 5] {
    let user = shop.user("alice").await.replace("/users/", "");
    let first = async |path: &str| {
        let list = shop.get(path).await.is(200).json();
        list[0]["id"].as_str().unwrap().to_owned()
    };
    [
        ("users", user),
        ("groups", first("/groups?search=staff").await),
        ("clients", first("/clients?clientId=app").await),
        ("clientScopes", first("/client-scopes").await),
        (
            "roles",
            shop.get("/roles/manager").await.is(200).member("id"),
        ),
    ]
}

fn names(list: &Value, member: &str) -> Vec<String> {
    let list = list.as_array().unwrap().iter();
    list.map(|item| item[member].as_str().unwrap_or("").to_owned())
        .collect()
}

#[tokio::test]
async fn roles_that_could_be_added_come_in_pages_and_by_a_search() {
    let shop = open().await;
    for (kind, id) in ids(&shop).await {
        let path = format!("/ui-ext/available-roles/{kind}/{id}");
        let page = shop.get(&format!("{path}?max=3")).await.is(200).json();
        assert_eq!(names(&page, "client"), ["account"; 3], "{kind}");
        let next = shop
            .get(&format!("{path}?first=1&max=2"))
            .await
            .is(200)
            .json();
        assert_eq!(next[0], page[1], "{kind}");
        let found = shop
            .get(&format!("{path}?search=EDIT"))
            .await
            .is(200)
            .json();
        assert_eq!(names(&found, "role"), ["editor"], "{kind}");
        let found = shop.get(&format!("{path}?search=zzz")).await.is(200).json();
        assert_eq!(found, json!([]), "{kind}");
        let viewer = shop.administered_by("viewer").await;
        let none = viewer.get(&path).await.is(200).json();
        assert_eq!(none, json!([]), "who may add none sees none: {kind}");
    }
    for kind in ["users", "groups", "clients", "clientScopes", "roles"] {
        let path = format!("/ui-ext/available-roles/{kind}/nobody");
        shop.get(&path).await.is(404);
    }
}

#[tokio::test]
async fn roles_that_are_there_in_the_end_are_told_with_where_they_are_from() {
    let shop = open().await;
    let [(_, user), (_, group), ..] = ids(&shop).await;
    let all = shop
        .get(&format!("/ui-ext/effective-roles-all/users/{user}"))
        .await;
    let all = all.is(200).json();
    let expected = ["customer", "manager", "offline_access", "editor"];
    assert_eq!(names(&all, "name"), expected, "the realm's first");
    assert_eq!(all[0]["clientRole"], false);
    assert_eq!(
        (&all[3]["clientRole"], &all[3]["client"]),
        (&json!(true), &json!("web"))
    );
    let of_clients = shop
        .get(&format!("/ui-ext/effective-roles/users/{user}"))
        .await;
    assert_eq!(names(&of_clients.is(200).json(), "role"), ["editor"]);
    let of_group = shop
        .get(&format!("/ui-ext/effective-roles-all/groups/{group}"))
        .await;
    assert_eq!(
        names(&of_group.is(200).json(), "name"),
        ["customer", "manager"]
    );
    let manager = shop.get("/roles/manager").await.is(200).member("id");
    let itself = shop
        .get(&format!("/ui-ext/effective-roles-all/roles/{manager}"))
        .await;
    assert_eq!(
        names(&itself.is(200).json(), "name"),
        ["customer", "manager"]
    );
    let of_clients = shop
        .get(&format!("/ui-ext/effective-roles/roles/{manager}"))
        .await;
    assert_eq!(
        of_clients.is(200).json(),
        json!([]),
        "of this role, not of the default one"
    );
    let parts = shop
        .get(&format!("/ui-ext/role-mappings/roles/{manager}"))
        .await;
    let parts = parts.is(200).json();
    assert_eq!(names(&parts["realmMappings"], "name"), ["customer"]);
    for path in [
        "effective-roles/users",
        "effective-roles-all/roles",
        "role-mappings/roles",
    ] {
        shop.get(&format!("/ui-ext/{path}/nobody")).await.is(404);
    }
}

#[tokio::test]
async fn several_roles_are_taken_away_in_one() {
    let shop = open().await;
    let [(_, user), (_, group), (_, client), (_, scope), (_, role)] = ids(&shop).await;
    let role_id = async |name: &str| {
        shop.get(&format!("/roles/{name}"))
            .await
            .is(200)
            .member("id")
    };
    let (offline, manager) = (role_id("offline_access").await, role_id("manager").await);
    let customer = role_id("customer").await;
    let given = json!([{"id": manager, "name": "manager"}]);
    for path in [
        format!("/clients/{client}/scope-mappings/realm"),
        format!("/client-scopes/{scope}/scope-mappings/realm"),
    ] {
        shop.post(&path, &given).await.is(204);
    }
    for (kind, id, taken, event) in [
        ("users", &user, &offline, "REALM_ROLE_MAPPING"),
        ("groups", &group, &manager, "REALM_ROLE_MAPPING"),
        ("clients", &client, &manager, "CLIENT_SCOPE_MAPPING"),
        ("clientScopes", &scope, &manager, "CLIENT_SCOPE_MAPPING"),
        ("roles", &role, &customer, "REALM_ROLE"),
    ] {
        let path = format!("/ui-ext/role-mapping-delete/{kind}/{id}");
        let sent = json!([{"roleId": taken}, {"roleId": "nothing", "roleName": "x"}]);
        shop.post(&path, &sent).await.is(204);
        let told = shop.event().await;
        assert_eq!(
            (told.operation.as_str(), told.kind.as_str()),
            ("DELETE", event)
        );
        assert_eq!(told.path, path.trim_start_matches('/'));
    }
    let left = shop
        .get(&format!("/users/{user}/role-mappings/realm"))
        .await;
    assert_eq!(left.is(200).json(), json!([]));
    let left = shop
        .get(&format!("/ui-ext/role-mappings/roles/{role}"))
        .await;
    assert_eq!(left.is(200).json()["realmMappings"], json!([]));
    for path in [
        format!("/groups/{group}/role-mappings/realm"),
        format!("/clients/{client}/scope-mappings/realm"),
        format!("/client-scopes/{scope}/scope-mappings/realm"),
    ] {
        assert_eq!(shop.get(&path).await.is(200).json(), json!([]), "{path}");
    }
    let path = format!("/ui-ext/role-mapping-delete/users/{user}");
    shop.post(&path, &json!([{}])).await.is(400);
    shop.post(&path, &json!([{"roleId": offline, "x": 1}]))
        .await
        .is(400);
}

/// Whoever manages users takes no right away that they could not give.
#[tokio::test]
async fn nobody_takes_away_what_is_not_theirs_to_give() {
    let shop = open().await;
    let owner = shop.user("owner").await.replace("/users/", "");
    let found = shop
        .get("/clients?clientId=realm-management")
        .await
        .is(200)
        .json();
    let client = found[0]["id"].as_str().unwrap();
    let role = shop
        .get(&format!("/clients/{client}/roles/realm-admin"))
        .await;
    let role = role.is(200).member("id");
    let manager = shop.administered_by("manager").await;
    let path = format!("/ui-ext/role-mapping-delete/users/{owner}");
    let sent = json!([{"roleId": role, "roleName": "realm-admin", "clientId": client}]);
    manager.post(&path, &sent).await.is(403);
    shop.administered_by("owner").await.get("").await.is(200);
}

#[tokio::test]
async fn users_come_with_what_is_known_of_guesses() {
    let shop = open().await;
    shop.put("", &json!({"bruteForceProtected": true}))
        .await
        .is(204);
    shop.sign_in("alice", "wrong").await.is(400);
    let found = shop
        .get("/ui-ext/brute-force-user?search=alice&briefRepresentation=true")
        .await;
    let found = found.is(200).json();
    assert_eq!(names(&found, "username"), ["alice"]);
    let status = &found[0]["bruteForceStatus"];
    assert_eq!(
        (&status["numFailures"], &status["disabled"]),
        (&json!(1), &json!(false))
    );
    assert_eq!(found[0]["access"], json!({"manage": true}));
    let none = shop
        .get("/ui-ext/brute-force-user?username=bob&exact=true")
        .await
        .is(200)
        .json();
    let expected = json!({
        "numFailures": 0, "disabled": false, "lastIPFailure": "n/a", "lastFailure": 0,
    });
    assert_eq!(none[0]["bruteForceStatus"], expected);
}

#[tokio::test]
async fn sessions_of_a_realm_and_of_a_client_are_listed_by_kind_and_search() {
    let shop = open().await;
    shop.sign_in("alice", "wonderland").await.is(200);
    let found = shop.get("/clients?clientId=app").await.is(200).json();
    let client = found[0]["id"].as_str().unwrap().to_owned();
    for path in [
        "/ui-ext/sessions".to_owned(),
        format!("/ui-ext/sessions/client?clientId={client}"),
    ] {
        let listed = shop.get(&path).await.is(200).json();
        assert_eq!(names(&listed, "username"), ["alice"], "{path}");
        assert_eq!(listed[0]["type"], "REGULAR");
        assert_eq!(listed[0]["clients"], json!({client.as_str(): "app"}));
        let more = if path.contains('?') { '&' } else { '?' };
        for (query, count) in [
            ("search=ALI", 1),
            ("search=zzz", 0),
            ("type=OFFLINE", 0),
            ("first=1", 0),
        ] {
            let listed = shop
                .get(&format!("{path}{more}{query}"))
                .await
                .is(200)
                .json();
            assert_eq!(listed.as_array().unwrap().len(), count, "{path} {query}");
        }
        shop.get(&format!("{path}{more}type=MAGIC")).await.is(404);
    }
    shop.get("/ui-ext/sessions/client").await.is(404);
    shop.get("/ui-ext/sessions/client?clientId=app")
        .await
        .is(404);
}

#[tokio::test]
async fn flows_are_listed_with_who_uses_them() {
    let shop = open().await;
    let copied = json!({"newName": "mine"});
    shop.post("/authentication/flows/browser/copy", &copied)
        .await
        .is(201);
    let flow = |list: &Value, alias: &str| {
        let list = list.as_array().unwrap().iter();
        list.clone()
            .find(|flow| flow["alias"] == alias)
            .unwrap()
            .clone()
    };
    let path = "/ui-ext/authentication-management/flows";
    let list = shop.get(path).await.is(200).json();
    let expected = json!({"type": "DEFAULT", "values": ["browser"]});
    assert_eq!(flow(&list, "browser")["usedBy"], expected);
    let mine = flow(&list, "mine");
    assert!(mine.get("usedBy").is_none(), "{mine}");
    let id = mine["id"].as_str().unwrap();
    let found = shop.get("/clients?clientId=web").await.is(200).json();
    let change = json!({
        "clientId": "web", "authenticationFlowBindingOverrides": {"browser": id},
    });
    let client = format!("/clients/{}", found[0]["id"].as_str().unwrap());
    shop.put(&client, &change).await.is(204);
    let list = shop.get(path).await.is(200).json();
    let expected = json!({"type": "SPECIFIC_CLIENTS", "values": ["web"]});
    assert_eq!(flow(&list, "mine")["usedBy"], expected);
    let uses = format!("/ui-ext/authentication-management/clients/{id}");
    assert_eq!(shop.get(&uses).await.is(200).json(), json!(["web"]));
    let none = shop.get(&format!("{uses}?search=zz")).await.is(200).json();
    assert_eq!(none, json!([]));
    shop.get(&format!("/ui-ext/authentication-management/magic/{id}"))
        .await
        .is(404);
    shop.get("/ui-ext/authentication-management/clients/nothing")
        .await
        .is(404);
    let actions = shop
        .get("/ui-ext/authentication-management/required-actions")
        .await;
    assert!(actions.is(200).json()[0]["configurable"].is_boolean());
}

#[tokio::test]
async fn a_realm_is_saved_with_its_user_profile_or_not_at_all() {
    let shop = open().await;
    let mut profile = shop.get("/users/profile").await.is(200).json();
    let floor = json!({"name": "floor", "permissions": {"view": ["admin"], "edit": ["admin"]}});
    profile["attributes"].as_array_mut().unwrap().push(floor);
    let sent = json!({"displayName": "Shop", "upConfig": profile});
    shop.put("/ui-ext", &sent).await.is(204);
    let shown = shop.get("/users/profile").await.is(200).json();
    assert!(names(&shown["attributes"], "name").contains(&"floor".to_owned()));
    assert_eq!(shop.get("").await.is(200).json()["displayName"], "Shop");
    let bad = json!({"displayName": "Other", "upConfig": {"attributes": [{"name": "a b"}]}});
    shop.put("/ui-ext", &bad).await.is(400);
    assert_eq!(
        shop.get("").await.is(200).json()["displayName"],
        "Shop",
        "nothing of it"
    );
    shop.put("/ui-ext", &json!({"nonsense": 1})).await.is(400);
    shop.put("/ui-ext", &json!([])).await.is(400);
    let taken = shop
        .put("/ui-ext", &json!({"realm": "master"}))
        .await
        .is(409);
    assert_eq!(taken.member("errorMessage"), "Realm with same name exists");
}

/// Everybody may ask, and is told of what they administer alone.
#[tokio::test]
async fn names_of_realms_are_for_those_who_administer_them() {
    let shop = open().await;
    let path = "/ui-ext/realms/names";
    let all = shop.get(path).await.is(200).json();
    assert_eq!(names(&all, "name"), ["master", "shop"]);
    let found = shop.get(&format!("{path}?search=SHO")).await.is(200).json();
    assert_eq!(found, json!([{"name": "shop"}]));
    let page = shop
        .get(&format!("{path}?first=1&max=1"))
        .await
        .is(200)
        .json();
    assert_eq!(names(&page, "name"), ["shop"]);
    let viewer = shop.administered_by("viewer").await;
    assert_eq!(
        names(&viewer.get(path).await.is(200).json(), "name"),
        ["shop"]
    );
    let tokens = shop.sign_in("alice", "wonderland").await.is(200);
    let call = shop
        .stage
        .call(Method::GET, &format!("/admin/realms/shop{path}"));
    let none = call.bearer(&tokens.member("access_token")).send().await;
    assert_eq!(none.is(200).json(), json!([]));
    let listeners = shop.get("/ui-ext/available-event-listeners").await.is(200);
    assert_eq!(names(&listeners.json(), "id"), ["jboss-logging", "email"]);
}
