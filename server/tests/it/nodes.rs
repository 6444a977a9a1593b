//! Three nodes on one database, without sticky sessions: whatever ends at one is refused at the others
//! at the very next request, and told by whichever is asked.

use serde_json::{Value, json};

use crate::databases::databases;
use crate::http::{self, Answer};
use crate::program::{Home, Server};

const OIDC: &str = "/realms/shop/protocol/openid-connect";
/// What a long poll waits at most, in seconds; after that its answer would be empty.
const WAIT: u64 = 20;

/// A way to end what a user has at a client.
struct Door {
    name: &'static str,
    status: u16,
    open: fn(&Node<'_>, &Held) -> Answer,
}

/// One node, and what an administrator needs to know.
struct Node<'a> {
    server: &'a Server,
}

/// What somebody has who is signed in: users and clients are numbered.
struct Held {
    number: usize,
    user: String,
    client: String,
    access: String,
    refresh: String,
    session: String,
}

fn text(value: &Value, name: &str) -> String {
    value[name].as_str().unwrap_or_default().to_owned()
}

/// The id of a user or a client.
fn id(kind: &str, number: usize) -> String {
    format!("{kind}0000000-0000-4000-8000-{number:012}")
}

impl Node<'_> {
    fn admin(&self, method: &str, path: &str, body: Option<&Value>) -> Answer {
        let token = text(&self.server.login("admin", "admin").json(), "access_token");
        let mut more = format!("Authorization: Bearer {token}\r\n");
        if body.is_some() {
            more.push_str("Content-Type: application/json\r\n");
        }
        let body = body.map(Value::to_string).unwrap_or_default();
        let path = format!("/admin/realms/shop{path}");
        http::request(&self.server.address, method, &path, &more, &body)
    }

    fn posted(&self, path: &str, client: &str, form: &[(&str, &str)]) -> Answer {
        let own = [("client_id", client), ("client_secret", "secret")];
        let form: Vec<_> = form.iter().copied().chain(own).collect();
        self.server.post(&format!("{OIDC}/{path}"), &form)
    }

    fn sign_in(&self, number: usize) -> Held {
        let (user, client) = (format!("user-{number}"), format!("web-{number}"));
        let form = [
            ("grant_type", "password"),
            ("username", user.as_str()),
            ("password", "wonderland"),
            ("scope", "openid"),
        ];
        let tokens = self.posted("token", &client, &form).json();
        Held {
            number,
            user: id("a", number),
            client: id("c", number),
            access: text(&tokens, "access_token"),
            refresh: text(&tokens, "refresh_token"),
            session: text(&tokens, "session_state"),
        }
    }

    /// Every question that a token can be used for, and whether it was good for it.
    fn accepts(&self, held: &Held) -> [bool; 4] {
        let bearer = format!("Authorization: Bearer {}\r\n", held.access);
        let asked = |path: &str| {
            let path = format!("/realms/shop{path}");
            http::request(&self.server.address, "GET", &path, &bearer, "").status == 200
        };
        let form = [("token", held.access.as_str())];
        let told = self.posted("token/introspect", "api", &form);
        let form = [
            ("grant_type", "refresh_token"),
            ("refresh_token", held.refresh.as_str()),
        ];
        let client = format!("web-{}", held.number);
        [
            told.status == 200 && told.json()["active"] == true,
            asked("/protocol/openid-connect/userinfo"),
            asked("/gate"),
            self.posted("token", &client, &form).status == 200,
        ]
    }

    fn feed(&self, query: &str) -> Answer {
        // api:secret
        let more = "Authorization: Basic YXBpOnNlY3JldA==\r\n";
        let path = format!("/realms/shop/revocations{query}");
        http::request(&self.server.address, "GET", &path, more, "")
    }
}

const DOORS: [Door; 12] = [
    Door {
        name: "logout with the refresh token",
        status: 204,
        open: |node, held| {
            let client = format!("web-{}", held.number);
            node.posted("logout", &client, &[("refresh_token", &held.refresh)])
        },
    },
    Door {
        name: "revocation of the refresh token",
        status: 200,
        open: |node, held| {
            let client = format!("web-{}", held.number);
            node.posted("revoke", &client, &[("token", &held.refresh)])
        },
    },
    Door {
        name: "an administrator deletes the session",
        status: 204,
        open: |node, held| node.admin("DELETE", &format!("/sessions/{}", held.session), None),
    },
    Door {
        name: "an administrator logs the user out",
        status: 204,
        open: |node, held| node.admin("POST", &format!("/users/{}/logout", held.user), None),
    },
    Door {
        name: "the user is disabled",
        status: 204,
        open: |node, held| {
            let body = json!({"enabled": false});
            node.admin("PUT", &format!("/users/{}", held.user), Some(&body))
        },
    },
    Door {
        name: "the user is deleted",
        status: 204,
        open: |node, held| node.admin("DELETE", &format!("/users/{}", held.user), None),
    },
    Door {
        name: "the client is disabled",
        status: 204,
        open: |node, held| {
            let name = format!("web-{}", held.number);
            let body = json!({"clientId": name, "enabled": false});
            node.admin("PUT", &format!("/clients/{}", held.client), Some(&body))
        },
    },
    Door {
        name: "the client is deleted",
        status: 204,
        open: |node, held| node.admin("DELETE", &format!("/clients/{}", held.client), None),
    },
    Door {
        name: "the client's not-before is set",
        status: 204,
        open: |node, held| {
            let name = format!("web-{}", held.number);
            let body = json!({"clientId": name, "notBefore": 2_000_000_000});
            node.admin("PUT", &format!("/clients/{}", held.client), Some(&body))
        },
    },
    Door {
        name: "an administrator logs everybody out",
        status: 200,
        open: |node, _| node.admin("POST", "/logout-all", None),
    },
    Door {
        name: "the realm's not-before is set",
        status: 204,
        open: |node, _| {
            let body = json!({"notBefore": 2_000_000_000});
            node.admin("PUT", "", Some(&body))
        },
    },
    Door {
        name: "the realm is deleted",
        status: 204,
        open: |node, _| node.admin("DELETE", "", None),
    },
];

fn realm() -> Value {
    let mut clients = vec![json!({
        "clientId": "api", "secret": "secret", "standardFlowEnabled": false,
        "attributes": {
            "revocation.feed.enabled": "true",
            "allow.token.introspection.without.audience.check": "true",
        },
    })];
    let mut users = Vec::new();
    for number in 0..DOORS.len() {
        clients.push(json!({
            "id": id("c", number), "clientId": format!("web-{number}"), "secret": "secret",
            "directAccessGrantsEnabled": true,
        }));
        users.push(json!({
            "id": id("a", number), "username": format!("user-{number}"), "enabled": true,
            "email": format!("{number}@shop.example"), "firstName": "A", "lastName": "B",
            "credentials": [{"type": "password", "value": "wonderland"}],
        }));
    }
    json!({
        "realm": "shop", "enabled": true, "attributes": {"gateway.check.enabled": "true"},
        "passwordPolicy": "hashAlgorithm(pbkdf2-sha256) and hashIterations(1000)",
        "clients": clients, "users": users,
    })
}

/// The records that a node has behind a number, and the next; empty if the realm is gone.
fn told(answer: &Answer) -> (Vec<Value>, i64) {
    if answer.status == 404 {
        return (Vec::new(), 0);
    }
    assert_eq!(answer.status, 200, "{answer:?}");
    let feed = answer.json();
    let records = feed["records"].as_array().unwrap().clone();
    (records, feed["next"].as_i64().unwrap())
}

fn is_about(record: &Value, held: &Held) -> bool {
    let claims = [
        ("sid", &held.session),
        ("sub", &held.user),
        ("client_id", &format!("web-{}", held.number)),
    ];
    claims
        .iter()
        .all(|(name, has)| record[name].is_null() || record[name] == **has)
}

#[test]
fn what_ends_at_one_node_is_refused_at_the_next_request_and_told_at_all() {
    for database in databases("nodes") {
        if !database.is_served() {
            continue;
        }
        let homes = [Home::new(), Home::new(), Home::new()];
        homes[0].write("data/import/shop-realm.json", &realm().to_string());
        let mut options: Vec<&str> = database.options.iter().map(String::as_str).collect();
        options.push("--hostname=http://id.example.com");
        let mut servers = Vec::new();
        for home in &homes {
            let mut options = options.clone();
            if servers.is_empty() {
                options.push("--import-realm");
            }
            servers.push(Server::start(home, &options));
        }
        let nodes: Vec<Node<'_>> = servers.iter().map(|server| Node { server }).collect();
        for (number, door) in DOORS.iter().enumerate() {
            go_through(database.name, &nodes, number, door);
        }
        for server in servers {
            server.stop();
        }
    }
}

/// Signs in at one node, looks at the second, ends it at the third while somebody waits at the first,
/// and looks everywhere.
fn go_through(database: &str, nodes: &[Node<'_>], number: usize, door: &Door) {
    let name = format!("{database}: {}", door.name);
    let node = |offset: usize| nodes.get((number + offset) % nodes.len()).unwrap();
    // What is to be seen of this door does not depend on the one before.
    let body = json!({"notBefore": 0});
    if number + 1 == DOORS.len() {
        assert_eq!(node(0).admin("PUT", "", Some(&body)).status, 204, "{name}");
    }
    let held = node(0).sign_in(number);
    assert_eq!(node(1).accepts(&held), [true; 4], "{name}, before");
    let (_, since) = told(&node(2).feed(""));
    let query = format!("?since={since}&wait={WAIT}");
    let waited = std::thread::scope(|scope| {
        let waiting = scope.spawn(|| node(0).feed(&query));
        // Whether that question gets there before or after, it must be answered.
        let answer = (door.open)(node(2), &held);
        assert_eq!(answer.status, door.status, "{name}: {answer:?}");
        for offset in [0, 1, 2] {
            assert_eq!(
                node(offset).accepts(&held),
                [false; 4],
                "{name}, at {offset}"
            );
        }
        waiting.join().unwrap()
    });
    // Not one question more is needed at any node.
    for offset in [0, 1, 2] {
        let (records, _) = told(&node(offset).feed(&format!("?since={since}")));
        let is_gone = node(offset).feed("").status == 404;
        assert!(
            is_gone || records.iter().any(|record| is_about(record, &held)),
            "{name}, at {offset}: {records:?}"
        );
    }
    let (records, _) = told(&waited);
    let is_gone = waited.status == 404;
    assert!(
        is_gone || records.iter().any(|record| is_about(record, &held)),
        "{name}: {waited:?}"
    );
}
