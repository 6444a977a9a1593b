//! Who calls, and what is there to be called about.

use std::collections::{BTreeMap, BTreeSet};

use axum::http::Method;
use serde_json::{Value, json};

use super::{ROLES, Row};
use crate::world::{Shop, open};

/// Somebody who calls.
pub struct Caller {
    pub name: String,
    pub token: String,
    /// With those that they contain.
    roles: BTreeSet<String>,
    of_another_realm: bool,
    has_two: bool,
}

impl Caller {
    /// Whether they are let in.
    pub fn may(&self, row: &Row) -> bool {
        if self.of_another_realm {
            // They see their own in the list of realms, and what the server is.
            let for_all = ["/admin/realms", "/admin/serverinfo"];
            return for_all.contains(&row.path) && row.method == Method::GET;
        }
        let has = |role: &&str| self.roles.contains(*role);
        // Whoever may change things sees them.
        let more = |role: &str| {
            let noun = role.strip_prefix("view-").or(role.strip_prefix("query-"));
            noun.is_some_and(|noun| self.roles.contains(&format!("manage-{noun}")))
        };
        let mut together = row.together.iter();
        let both = !row.together.is_empty() && together.all(|role| has(role) || more(role));
        row.everybody || row.alone.iter().any(has) || both
    }

    /// Whether the line is about them: who has two roles is asked for where it takes two.
    pub fn is_asked_about(&self, row: &Row) -> bool {
        !self.has_two || !row.together.is_empty()
    }
}

/// What stands for the braces of a path: things that are there.
pub async fn things(shop: &Shop) -> BTreeMap<&'static str, String> {
    let first = async |path: &str| {
        let list = shop.get(path).await.is(200).json();
        list[0]["id"].as_str().unwrap_or("none").to_owned()
    };
    let role = shop.get("/roles/customer").await.is(200).member("id");
    let user = shop.user("alice").await.replace("/users/", "");
    let credential = first(&format!("/users/{user}/credentials")).await;
    let client = first("/clients?clientId=web").await;
    let session = first(&format!("/users/{user}/sessions")).await;
    shop.put("", &json!({"organizationsEnabled": true}))
        .await
        .is(204);
    let made = shop.post("/organizations", &json!({"name": "acme"})).await;
    let organization = made.is(201).header("location").clone();
    let organization = organization.rsplit_once('/').unwrap().1.to_owned();
    let groups = format!("/organizations/{organization}/groups");
    let within = shop.post(&groups, &json!({"name": "crew"})).await.is(201);
    BTreeMap::from([
        ("{realm}", "shop".to_owned()),
        ("{user}", user),
        ("{client}", client.clone()),
        ("{holder}", client),
        ("{group}", first("/groups").await),
        ("{role-id}", role),
        ("{organization}", organization),
        ("{group within}", within.member("id")),
        ("{scope}", first("/client-scopes").await),
        ("{component}", first("/components").await),
        ("{credential}", credential),
        ("{session}", session),
        ("{protocol}", "openid-connect".to_owned()),
        ("{locale}", "en".to_owned()),
        ("{alias}", "partner".to_owned()),
        ("{kind}", "oidc".to_owned()),
        ("{attribute}", "jwt.credential".to_owned()),
    ])
}

/// A world with one administrator for each role, in the shop and over it, and with all who must
/// not get in anywhere.
pub async fn cast(shop: &Shop, rows: &[Row]) -> Vec<Caller> {
    // Signing in many times need not take long.
    let cheap = json!({"passwordPolicy": "hashAlgorithm(pbkdf2-sha256) and hashIterations(1)"});
    shop.put("", &cheap).await.is(204);
    let put = shop.at(Method::PUT, "/admin/realms/master").json(&cheap);
    put.send().await.is(204);
    let mut parts: BTreeSet<Vec<&str>> = ROLES.iter().map(|role| vec![*role]).collect();
    parts.extend(rows.iter().map(|row| row.together.clone()));
    let mut callers = Vec::new();
    for realm in ["shop", "master"] {
        let client = if realm == "shop" {
            "realm-management"
        } else {
            "shop-realm"
        };
        for roles in &parts {
            callers.push(hire(shop, realm, client, roles).await);
        }
    }
    let mut stranger = hire(shop, "other", "realm-management", &["realm-admin"]).await;
    stranger.of_another_realm = true;
    let list = shop.stage.call(Method::GET, "/admin/realms");
    let list = list.bearer(&stranger.token).send().await.is(200).json();
    assert_eq!(
        (list.as_array().unwrap().len(), &list[0]["realm"]),
        (1, &json!("other"))
    );
    callers.push(stranger);
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", "web"),
        ("client_secret", "web-secret"),
    ];
    let path = "/realms/shop/protocol/openid-connect/token";
    callers.push(Caller {
        name: "a service account with view-users".to_owned(),
        token: shop
            .stage
            .post(path, &form)
            .await
            .is(200)
            .member("access_token"),
        roles: with_contained(&["view-users"]),
        of_another_realm: false,
        has_two: false,
    });
    callers
}

/// Makes a user of a realm with roles of a client, and signs them in.
async fn hire(shop: &Shop, realm: &str, client: &str, roles: &[&str]) -> Caller {
    let name = format!("has-{}", roles.join("-and-"));
    let at = |method, path: &str| shop.at(method, &format!("/admin/realms/{realm}{path}"));
    let user = json!({
        "username": name, "enabled": true, "email": format!("{name}@{realm}.example"),
        "firstName": "A", "lastName": "B", "credentials": [{"type": "password", "value": "x"}],
    });
    let made = at(Method::POST, "/users").json(&user).send().await.is(201);
    let id = made
        .header("location")
        .rsplit('/')
        .next()
        .unwrap()
        .to_owned();
    grant(shop, realm, (&id, client), roles).await;
    let tokens = shop
        .sign_in_at(realm, "admin-cli", &name, "x")
        .await
        .is(200);
    Caller {
        name: format!("{name} of {realm}"),
        token: tokens.member("access_token"),
        roles: with_contained(roles),
        of_another_realm: false,
        has_two: roles.len() > 1,
    }
}

/// Roles with those that they contain.
fn with_contained(roles: &[&str]) -> BTreeSet<String> {
    const CONTAINED: [(&str, &[&str]); 3] = [
        ("view-users", &["query-users", "query-groups"]),
        ("view-clients", &["query-clients"]),
        ("view-organizations", &["query-organizations"]),
    ];
    let contained = CONTAINED.iter().filter(|(role, _)| roles.contains(role));
    let contained = contained.flat_map(|(_, contained)| contained.iter());
    roles
        .iter()
        .chain(contained)
        .map(|role| (*role).to_owned())
        .collect()
}

async fn grant(shop: &Shop, realm: &str, (user, client): (&str, &str), roles: &[&str]) {
    let at = |method, path: &str| shop.at(method, &format!("/admin/realms/{realm}{path}"));
    let path = format!("/clients?clientId={client}");
    let found = at(Method::GET, &path).send().await.is(200).json();
    let client = found[0]["id"].as_str().unwrap();
    let mut wanted = Vec::new();
    for role in roles {
        let path = format!("/clients/{client}/roles/{role}");
        wanted.push(at(Method::GET, &path).send().await.is(200).json());
    }
    let path = format!("/users/{user}/role-mappings/clients/{client}");
    let given = at(Method::POST, &path).json(&Value::Array(wanted));
    given.send().await.is(204);
}

/// The shop, another realm, and a session of alice's.
pub async fn stage() -> Shop {
    let shop = open().await;
    shop.stage
        .import(json!({"realm": "other", "enabled": true}))
        .await;
    // The administrator of a realm that came later gets its roles with the next token.
    let shop = shop.of_master("root", "root-password").await;
    shop.sign_in("alice", "wonderland").await.is(200);
    let robot = shop
        .get("/users?username=service-account-web&exact=true")
        .await;
    let robot = robot.is(200).json()[0]["id"].as_str().unwrap().to_owned();
    grant(&shop, "shop", (&robot, "realm-management"), &["view-users"]).await;
    shop
}
