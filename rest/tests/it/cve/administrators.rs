//! Attacks on the administrators' API.

use axum::http::Method;
use serde_json::json;

use crate::world::{Shop, open};

/// The shop beside another realm, and ids of the shop's.
async fn two_realms() -> (Shop, Vec<String>) {
    let shop = open().await;
    let owner = json!({
        "username": "owner", "enabled": true, "email": "owner@other.example",
        "firstName": "O", "lastName": "O", "credentials": [{"type": "password", "value": "owner"}],
        "clientRoles": {"realm-management": ["realm-admin"]},
    });
    shop.stage
        .import(json!({"realm": "other", "enabled": true, "users": [owner]}))
        .await;
    let shop = shop.of_master("root", "root-password").await;
    let mut ids = vec![shop.user("alice").await];
    let lists = ["clients", "client-scopes", "groups", "components"];
    for list in lists {
        let found = shop.get(&format!("/{list}")).await.is(200).json();
        ids.push(format!("/{list}/{}", found[0]["id"].as_str().unwrap()));
    }
    let role = shop.get("/roles/customer").await.is(200).member("id");
    ids.push(format!("/roles-by-id/{role}"));
    (shop, ids)
}

#[tokio::test]
async fn cve_2019_14832_ids_of_one_realm_mean_nothing_in_another() {
    let (shop, ids) = two_realms().await;
    for path in ids {
        shop.get(&path).await.is(200);
        for method in [Method::GET, Method::PUT, Method::DELETE] {
            let call = shop.at(method.clone(), &format!("/admin/realms/other{path}"));
            let status = call.json(&json!({})).send().await.status.as_u16();
            assert_eq!(status, 404, "{method} {path}");
        }
        shop.get(&path).await.is(200);
    }
}

#[tokio::test]
async fn cve_2022_1466_the_administrator_of_a_realm_is_nobody_in_master() {
    let shop = open().await.administered_by("owner").await;
    let user = json!({"username": "mallory", "enabled": true});
    for base in ["", "/auth"] {
        for realm in ["master", "other", "nowhere"] {
            let path = format!("{base}/admin/realms/{realm}/users");
            let status = shop
                .at(Method::POST, &path)
                .json(&user)
                .send()
                .await
                .status
                .as_u16();
            assert!(matches!(status, 403 | 404), "{path}: {status}");
            let status = shop.at(Method::GET, &path).send().await.status.as_u16();
            assert!(matches!(status, 403 | 404), "{path}: {status}");
        }
    }
}

#[tokio::test]
async fn cve_2021_4133_nobody_makes_users_without_the_right() {
    let shop = open().await;
    let user = json!({"username": "mallory", "enabled": true});
    let token = shop
        .sign_in("alice", "wonderland")
        .await
        .is(200)
        .member("access_token");
    for base in ["", "/auth"] {
        let path = format!("{base}/admin/realms/shop/users");
        let call = shop.stage.call(Method::POST, &path).bearer(&token);
        call.json(&user).send().await.is(403);
    }
    let found = shop.get("/users?username=mallory").await.is(200).json();
    assert_eq!(found, json!([]));
}

#[tokio::test]
async fn cve_2024_11736_what_looks_like_a_variable_stays_text() {
    let shop = open().await;
    let secret = "${env.PATH} ${PATH} ${sys.user.home}";
    let changed = json!({"displayName": secret, "attributes": {"frontendUrl": "", "x": secret}});
    shop.put("", &changed).await.is(204);
    let shown = shop.get("").await.is(200).json();
    assert_eq!(shown["displayName"], secret);
    assert_eq!(shown["attributes"]["x"], secret);
    let user = shop.user("alice").await;
    let client = json!({"clientId": "x", "name": secret});
    shop.post("/clients", &client).await.is(201);
    let shown = shop.get("/clients?clientId=x").await.is(200).json();
    assert_eq!(shown[0]["name"], secret);
    shop.put(
        &user,
        &json!({"firstName": secret, "lastName": "L", "email": "a@b.example"}),
    )
    .await;
    assert!(!shop.get(&user).await.text().contains("/bin"));
}

/// Who manages users must not become an administrator of the realm by way of a group.
#[tokio::test]
async fn cve_2026_9099_a_group_gives_nobody_rights_that_its_manager_lacks() {
    let shop = open().await;
    let manager = shop.administered_by("manager").await;
    shop.post("/groups", &json!({"name": "admins"}))
        .await
        .is(201);
    let found = shop
        .get("/groups?search=admins&exact=true")
        .await
        .is(200)
        .json();
    let group = format!("/groups/{}", found[0]["id"].as_str().unwrap());
    let management = shop.get("/clients?clientId=realm-management").await.json();
    let management = management[0]["id"].as_str().unwrap().to_owned();
    let right = shop
        .get(&format!("/clients/{management}/roles/realm-admin"))
        .await
        .json();
    let mapping = format!("{group}/role-mappings/clients/{management}");
    manager.post(&mapping, &json!([right])).await.is(403);
    shop.post(&mapping, &json!([right])).await.is(204);

    let me = manager.user("manager").await;
    let none = json!({});
    manager.put(&format!("{me}{group}"), &none).await.is(403);
    let accomplice = json!({"username": "mallory", "groups": ["/admins"]});
    manager.post("/users", &accomplice).await.is(403);
    // Nor by moving a group that they are in below it.
    manager
        .post("/groups", &json!({"name": "mine"}))
        .await
        .is(201);
    let found = manager
        .get("/groups?search=mine&exact=true")
        .await
        .is(200)
        .json();
    let mine = found[0]["id"].as_str().unwrap().to_owned();
    manager
        .put(&format!("{me}/groups/{mine}"), &none)
        .await
        .is(204);
    let moved = json!({"id": mine, "name": "mine"});
    manager
        .post(&format!("{group}/children"), &moved)
        .await
        .is(403);
    manager.put("", &json!({"displayName": "x"})).await.is(403);
    // Who has the right may.
    shop.put(&format!("{me}{group}"), &none).await.is(204);
    manager.put("", &json!({"displayName": "x"})).await.is(204);
}

#[tokio::test]
async fn cve_2026_3121_who_manages_clients_gives_their_accounts_no_rights() {
    let shop = open().await;
    let user = json!({
        "username": "keeper", "enabled": true, "email": "keeper@shop.example", "firstName": "K",
        "lastName": "K", "credentials": [{"type": "password", "value": "keeper"}],
    });
    let keeper = shop.make(&user).await;
    let management = shop.get("/clients?clientId=realm-management").await.json();
    let management = management[0]["id"].as_str().unwrap().to_owned();
    let role = async |name: &str| {
        shop.get(&format!("/clients/{management}/roles/{name}"))
            .await
            .is(200)
            .json()
    };
    let mapping = format!("{keeper}/role-mappings/clients/{management}");
    shop.post(&mapping, &json!([role("manage-clients").await]))
        .await
        .is(204);
    let right = role("realm-admin").await;
    let keeper = shop.administered_by("keeper").await;
    let web = shop.get("/clients?clientId=web").await.json()[0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let account = keeper
        .get(&format!("/clients/{web}/service-account-user"))
        .await
        .is(200);
    let account = account.member("id");
    let mapping = format!("/users/{account}/role-mappings/clients/{management}");
    keeper.post(&mapping, &json!([right])).await.is(403);
    let composites = format!("/clients/{management}/roles/view-users/composites");
    keeper.post(&composites, &json!([right])).await.is(403);
    keeper
        .put(
            &format!("/clients/{management}"),
            &json!({"clientId": "mine"}),
        )
        .await
        .is(403);
}

#[tokio::test]
async fn cve_2026_37978_an_example_shows_no_user_to_who_may_see_clients_only() {
    let shop = open().await;
    let viewer = json!({
        "username": "eve", "enabled": true, "email": "eve@shop.example", "firstName": "E",
        "lastName": "E", "credentials": [{"type": "password", "value": "eve"}],
    });
    let eve = shop.make(&viewer).await;
    let management = shop.get("/clients?clientId=realm-management").await.json();
    let management = management[0]["id"].as_str().unwrap().to_owned();
    let role = shop
        .get(&format!("/clients/{management}/roles/view-clients"))
        .await
        .json();
    shop.post(
        &format!("{eve}/role-mappings/clients/{management}"),
        &json!([role]),
    )
    .await
    .is(204);
    let eve = shop.administered_by("eve").await;
    let web = shop.get("/clients?clientId=web").await.json()[0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let alice = shop.user("alice").await.replace("/users/", "");
    let kinds = ["access-token", "id-token", "userinfo", "saml-response"];
    for kind in kinds {
        let path = format!("/clients/{web}/evaluate-scopes/generate-example-{kind}?userId={alice}");
        let refused = eve.get(&path).await.is(403);
        assert!(!refused.text().contains("alice"), "{kind}");
    }
}

#[tokio::test]
async fn cve_2025_10939_no_detour_leads_to_the_api() {
    let shop = open().await;
    let detours = [
        "/realms/..;/admin/realms/shop/users",
        "/realms/shop/..;/..;/admin/realms/shop/users",
        "/realms/..%2fadmin/realms/shop/users",
        "/realms/%2e%2e/admin/realms/shop/users",
        "//admin/realms/shop/users",
        "/%2fadmin/realms/shop/users",
        "/admin;x/realms/shop/users",
        "/admin//realms/shop/users",
        "/ADMIN/realms/shop/users",
        "/admin%2frealms%2fshop%2fusers",
        "/admin/realms/shop;x/users",
        "/admin/realms/shop/%75sers/..;/users",
    ];
    for path in detours {
        let status = shop.at(Method::GET, path).send().await.status.as_u16();
        assert_eq!(status, 404, "{path}");
    }
}

#[tokio::test]
async fn cve_2026_33503_pages_are_numbers() {
    let shop = open().await;
    let lists = [
        "users",
        "clients",
        "roles",
        "groups",
        "events",
        "admin-events",
        "client-scopes",
    ];
    let forged = [
        "first=1%3Bdrop",
        "first=1'--",
        "first=0x10",
        "max=1e9",
        "max=%00",
        "first=-9223372036854775808",
        "max=9223372036854775807",
        "max=-1&first=-1",
        "first=99999999999999999999",
        "search=%27%20OR%201=1--",
        "search=%25&max=1",
        "q=a:b'%20OR%201=1",
        "q=%22:%27",
    ];
    for list in lists {
        let all = shop.get(&format!("/{list}")).await.is(200).json();
        let all = all.as_array().map_or(0, Vec::len);
        for query in forged {
            let answer = shop.get(&format!("/{list}?{query}")).await;
            let status = answer.status.as_u16();
            assert!(status < 500, "{list}?{query}: {status}");
            let got = answer.json().as_array().map_or(0, Vec::len);
            assert!(got <= all, "{list}?{query} found more than there is");
        }
        assert_eq!(
            shop.get(&format!("/{list}"))
                .await
                .is(200)
                .json()
                .as_array()
                .map_or(0, Vec::len),
            all
        );
    }
}

/// GHSA-x883-2vmg-xwf7, CVE-2024-46999: a right that was taken away is gone with the next call.
#[tokio::test]
async fn ghsa_x883_a_right_taken_away_is_gone_at_once() {
    let shop = open().await;
    let manager = shop.administered_by("manager").await;
    manager.get("/users").await.is(200);
    let user = shop.user("manager").await;
    let management = shop.get("/clients?clientId=realm-management").await.json();
    let management = management[0]["id"].as_str().unwrap().to_owned();
    let path = format!("{user}/role-mappings/clients/{management}");
    let held = shop.get(&path).await.is(200).json();
    shop.send(Method::DELETE, &path, &held).await.is(204);
    manager.get("/users").await.is(403);
    shop.put(&user, &json!({"enabled": false})).await.is(204);
    manager.get("/users").await.is(401);
}

#[tokio::test]
async fn cve_2021_20323_a_field_that_nobody_knows_is_told_as_text() {
    let shop = open().await;
    let field = "<img src=x onerror=alert(1)>";
    let body = json!({field: 1}).to_string();
    for path in ["/users", "/clients", "/roles", "/groups"] {
        let kind = "application/json";
        let refused = shop
            .send_bytes(Method::POST, path, kind, &body)
            .await
            .is(400);
        assert!(
            refused
                .header("content-type")
                .starts_with("application/json"),
            "{path}"
        );
        assert_eq!(
            refused.header("x-content-type-options"),
            "nosniff",
            "{path}"
        );
        assert!(refused.json().is_object(), "{path}: {}", refused.text());
    }
}
