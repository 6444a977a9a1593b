//! Searches that are made to cost much.

use std::fmt::Write as _;
use std::time::Duration;

use form_urlencoded::byte_serialize;
use serde_json::json;

use crate::world::{Shop, open};

/// How many have names that a bad pattern has to try in every way.
const PEOPLE: usize = 40;
/// What one search may take on a busy machine. A pattern that is tried in every way takes years.
const PATIENCE: Duration = Duration::from_secs(20);

async fn crowd() -> Shop {
    let shop = open().await;
    let tail = "a".repeat(200);
    for number in 0..PEOPLE {
        let user = json!({
            "username": format!("{tail}{number}"), "firstName": tail, "lastName": tail,
            "email": format!("{}{number}@a.example", "a".repeat(50)),
            "attributes": {"a": [tail]},
        });
        shop.post("/users", &user).await.is(201);
        let name = format!("{tail}{number}");
        shop.post("/groups", &json!({"name": name})).await.is(201);
        shop.post("/clients", &json!({"clientId": name}))
            .await
            .is(201);
        shop.post("/roles", &json!({"name": name})).await.is(201);
    }
    shop
}

/// Texts that are dear to engines of regular expressions, and to `LIKE` where it is written without care.
fn dear() -> Vec<String> {
    let mut words = String::new();
    for number in 0..1_000 {
        let _ = write!(words, "a{number}* ");
    }
    vec![
        "(a+)+$".to_owned(),
        "(a|aa)+$".to_owned(),
        "([a-zA-Z]+)*b".to_owned(),
        "(.*a){40}b".to_owned(),
        format!("^{}$", "(a?){60}a{60}"),
        format!("{}b", "*a".repeat(100)),
        format!("{}b", "a*".repeat(3_000)),
        format!("{}b", "%a_".repeat(1_000)),
        "*".repeat(5_000),
        "\"".repeat(3_000),
        "\\".repeat(3_000),
        "'a'='a' OR ".repeat(300),
        words,
    ]
}

#[tokio::test]
async fn cve_2024_10270_no_search_costs_without_end() {
    let shop = crowd().await;
    for text in dear() {
        let sent: String = byte_serialize(text.as_bytes()).collect();
        for path in [
            format!("/users?search={sent}"),
            format!("/users/count?search={sent}"),
            format!("/users?username={sent}&email={sent}&firstName={sent}&lastName={sent}"),
            format!("/users?q=a:{sent}&exact=false"),
            format!("/users?q={sent}"),
            format!("/users?search=id:{sent}"),
            format!("/groups?search={sent}"),
            format!("/groups/count?search={sent}"),
            format!("/groups?q=a:{sent}"),
            format!("/clients?search=true&clientId={sent}"),
            format!("/clients?q=a:{sent}"),
            format!("/roles?search={sent}"),
            format!("/admin-events?resourcePath={sent}"),
            format!("/events?user={sent}&client={sent}&ipAddress={sent}"),
        ] {
            let shown: String = path.chars().take(80).collect();
            let reply = tokio::time::timeout(PATIENCE, shop.get(&path)).await;
            let reply = reply.unwrap_or_else(|_| panic!("{shown} took more than {PATIENCE:?}"));
            assert!(reply.status.as_u16() < 500, "{shown}: {}", reply.text());
        }
    }
    // Whoever is looked for in earnest is found all the same.
    let found = shop.get("/users?search=*ice*").await.is(200).json();
    assert_eq!(found[0]["username"], "alice");
}
