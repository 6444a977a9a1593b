//! Every endpoint, played with every single right: who is let in, and who is not. The table beside this
//! file tells what Keycloak does; `docs/admin-rights.md` is written from what was seen here.

mod cast;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use axum::http::Method;
use claviger_model::Secret;
use claviger_testkit::{Reply, Stage};
use serde_json::json;

use self::cast::{Caller, cast, stage, things};
use crate::world::Shop;

const EXPECTED: &str = include_str!("rights/expected.tsv");
const BOOK: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/admin-rights.md");

/// All roles by which one administers a realm.
const ROLES: [&str; 21] = [
    "create-client",
    "impersonation",
    "manage-authorization",
    "manage-clients",
    "manage-events",
    "manage-identity-providers",
    "manage-organizations",
    "manage-realm",
    "manage-users",
    "query-clients",
    "query-groups",
    "query-organizations",
    "query-realms",
    "query-users",
    "view-authorization",
    "view-clients",
    "view-events",
    "view-identity-providers",
    "view-organizations",
    "view-realm",
    "view-users",
];

/// Let in on purpose, or kept out, where Keycloak does otherwise: the reason is in `docs/deviations.md`.
const DIFFERENT: &[(&str, &str)] = &[(
    "POST",
    "/admin/realms/{realm}/clients/{client}/certificates/{attribute}/download",
)];

/// Calls that end the world they are played in, so that those who may make them do not.
const ENDINGS: [(&str, &str); 2] = [
    ("DELETE", "/admin/realms/{realm}"),
    ("POST", "/admin/realms/{realm}/logout-all"),
];

/// One line of the table.
struct Row {
    method: Method,
    path: &'static str,
    /// Roles that let somebody in alone.
    alone: Vec<&'static str>,
    /// Two roles that let somebody in together.
    together: Vec<&'static str>,
    /// Whoever is signed in.
    everybody: bool,
}

fn rows() -> Vec<Row> {
    let lines = EXPECTED.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| {
            let mut cells = line.split('\t');
            let mut next = || cells.next().unwrap_or_default();
            let (method, path, alone, together) = (next(), next(), next(), next());
            let administrators = || ROLES.into_iter().filter(|role| *role != "impersonation");
            Row {
                method: method.parse().unwrap(),
                path,
                alone: match alone {
                    "any" => administrators().collect(),
                    "*" => ROLES.to_vec(),
                    "-" => Vec::new(),
                    roles => roles.split(' ').collect(),
                },
                together: together
                    .split(' ')
                    .filter(|role| !role.is_empty())
                    .collect(),
                everybody: alone == "*",
            }
        })
        .collect()
}

/// The path with things in it; where they must not be found, with names of nothing.
fn address(row: &Row, things: &BTreeMap<&'static str, String>, there: bool) -> String {
    let mut address = String::new();
    for segment in row.path.split_inclusive('/') {
        let (name, slash) = segment
            .strip_suffix('/')
            .map_or((segment, ""), |name| (name, "/"));
        let role = if row.path.contains("/clients/") {
            "editor"
        } else {
            "customer"
        };
        let thing = match name {
            "{realm}" => "shop",
            _ if !name.starts_with('{') => name,
            _ if !there => "00000000-0000-0000-0000-000000000000",
            "{role}" => role,
            "{group}" if row.path.contains("{organization}") => &things["{group within}"],
            _ => things.get(name).map_or("nothing", String::as_str),
        };
        address.push_str(thing);
        address.push_str(slash);
    }
    if row.path.contains("/generate-example-") {
        let _ = write!(address, "?userId={}", things["{user}"]);
    }
    address
}

async fn call(stage: &Stage, caller: &Caller, row: &Row, address: &str, body: &str) -> Reply {
    let call = stage
        .call(row.method.clone(), address)
        .bearer(&caller.token);
    if row.method == Method::GET {
        return call.send().await;
    }
    let call = call.header("content-type", "application/json");
    call.bytes(body).send().await
}

#[test]
fn every_endpoint_has_a_line() {
    let listed: BTreeSet<_> = rows()
        .iter()
        .map(|row| (row.method.to_string(), row.path.to_owned()))
        .collect();
    let served: BTreeSet<_> = claviger_rest::endpoints()
        .into_iter()
        .map(|(method, path)| (method.to_string(), path.to_owned()))
        .collect();
    let missing: Vec<_> = served.difference(&listed).collect();
    assert!(
        missing.is_empty(),
        "without a line in expected.tsv: {missing:?}"
    );
    let gone: Vec<_> = listed.difference(&served).collect();
    assert!(gone.is_empty(), "in expected.tsv and not served: {gone:?}");
}

/// CVE-2024-3656, CVE-2021-4133, CVE-2024-42490: each right opens what it opens at Keycloak, and nothing
/// else. What is refused changes nothing.
#[tokio::test]
async fn every_right_opens_what_it_opens_at_keycloak() {
    let rows = rows();
    let shop = stage().await;
    let callers = cast(&shop, &rows).await;
    let things = things(&shop).await;
    let before = state(&shop).await;
    let mut wrong = Vec::new();
    let mut told = |row: &Row, caller: &Caller, status: u16| {
        let known = DIFFERENT.contains(&(row.method.as_str(), row.path));
        if !known {
            wrong.push(format!(
                "{} {} as {}: {status}",
                row.method, row.path, caller.name
            ));
        }
    };
    for row in &rows {
        let address = address(row, &things, true);
        let kept_out = |caller: &&Caller| !caller.may(row) && caller.is_asked_about(row);
        for caller in callers.iter().filter(kept_out) {
            let status = call(&shop.stage, caller, row, &address, "{}")
                .await
                .status
                .as_u16();
            if status != 403 {
                told(row, caller, status);
            }
        }
    }
    assert_eq!(
        state(&shop).await,
        before,
        "a refused call changed something"
    );
    for row in &rows {
        if ENDINGS.contains(&(row.method.as_str(), row.path)) {
            continue;
        }
        let read = row.method == Method::GET;
        let address = address(row, &things, read);
        let let_in = |caller: &&Caller| caller.may(row) && caller.is_asked_about(row);
        for caller in callers.iter().filter(let_in) {
            let status = call(&shop.stage, caller, row, &address, "{")
                .await
                .status
                .as_u16();
            let lost = read && status == 404 && row.path.contains('{') && !row.everybody;
            if matches!(status, 401 | 403) || (lost && address.ends_with("shop")) {
                told(row, caller, status);
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{} differences:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

/// Versions and row counts of the realms.
pub async fn state(shop: &Shop) -> Vec<(i64, Vec<(&'static str, i64)>)> {
    let store = &shop.stage.app.store;
    let mut state = Vec::new();
    for realm in store.realms().await.unwrap() {
        state.push((realm.version, store.count_rows(&realm.id).await.unwrap()));
    }
    state
}

#[tokio::test]
async fn strangers_get_in_nowhere() {
    let shop = stage().await;
    let things = things(&shop).await;
    let tokens = shop.sign_in("alice", "wonderland").await.is(200);
    let forged = format!("{}x", tokens.member("access_token"));
    let tokens = [
        ("nothing", String::new()),
        ("rubbish", "rubbish".to_owned()),
        ("a forged token", forged),
        ("a refresh token", tokens.member("refresh_token")),
        ("an ID token", tokens.member("id_token")),
    ];
    for base in ["", "/auth"] {
        for row in rows() {
            let address = format!("{base}{}", address(&row, &things, true));
            for (name, token) in &tokens {
                let call = shop.stage.call(row.method.clone(), &address);
                let call = if token.is_empty() {
                    call
                } else {
                    call.bearer(token)
                };
                let status = call.send().await.status.as_u16();
                assert_eq!(status, 401, "{} {address} with {name}", row.method);
            }
        }
    }
}

/// What Keycloak's whole administrators may is not narrowed.
#[tokio::test]
async fn whoever_has_all_rights_is_let_in_everywhere() {
    let shop = stage().await;
    let things = things(&shop).await;
    let owner = shop.administered_by("owner").await;
    for (name, all) in [("root", &shop), ("owner", &owner)] {
        for row in rows() {
            if ENDINGS.contains(&(row.method.as_str(), row.path)) {
                continue;
            }
            let read = row.method == Method::GET;
            let call = all.at(row.method.clone(), &address(&row, &things, read));
            let call = call.header("content-type", "application/json");
            let reply = if read {
                call.send().await
            } else {
                call.bytes("{").send().await
            };
            let made = name == "owner" && row.method == Method::POST && row.path == "/admin/realms";
            let status = reply.status.as_u16();
            assert_eq!(
                matches!(status, 401 | 403),
                made,
                "{} {} as {name}: {status}",
                row.method,
                row.path
            );
        }
    }
}

/// The page that administrators read; `CLAVIGER_WRITE_BOOKS=1` writes it.
#[test]
fn the_book_of_rights_is_true() {
    let mut book = "# Who may call what\n\n\
        What is not in this table is refused. A role is one of the client `realm-management` of a realm, or of the client\n\
        `<realm>-realm` in the master realm; whoever has `realm-admin`, or `admin` of the master realm, may all of it but make\n\
        realms, which takes `create-realm` or `admin` of the master realm. Tests play each line with each role alone, and with\n\
        strangers; the table is Keycloak's 26.7.4, but for `logout-deliveries` and `logout-receipts`, which are our own and opened by\n\
        the rights to events. Written by `CLAVIGER_WRITE_BOOKS=1 cargo test -p claviger-rest the_book_of_rights`.\n\n\
        | | path below `/admin/realms` | one of these roles |\n|---|---|---|\n"
        .to_owned();
    for row in rows() {
        let who = if row.everybody {
            "whoever is signed in: nothing is there".to_owned()
        } else if !row.together.is_empty() {
            row.together.join(" and ")
        } else if row.alone.len() == ROLES.len() - 1 {
            "any but `impersonation`".to_owned()
        } else if row.alone.is_empty() {
            "`create-realm` of the master realm".to_owned()
        } else {
            row.alone.join(", ")
        };
        let path = row.path.strip_prefix("/admin/realms").unwrap_or(row.path);
        let _ = writeln!(book, "| {} | `{path}` | {who} |", row.method);
    }
    if std::env::var_os("CLAVIGER_WRITE_BOOKS").is_some() {
        std::fs::write(BOOK, &book).unwrap();
    }
    assert_eq!(std::fs::read_to_string(BOOK).unwrap_or_default(), book);
}

/// Only those of the master realm who may make realms do.
#[tokio::test]
async fn realms_are_made_by_those_who_may() {
    let shop = stage().await;
    let password = Secret::new("x");
    claviger_engine::bootstrap::admin_user(&shop.stage.app, "second", password)
        .await
        .unwrap();
    let second = shop.of_master("second", "x").await;
    let make = |shop: &Shop, name: &str| {
        let call = shop.at(Method::POST, "/admin/realms");
        call.json(&json!({"realm": name, "enabled": true})).send()
    };
    make(&shop.administered_by("owner").await, "mine")
        .await
        .is(403);
    make(&second, "yours").await.is(201);
}
