//! What breaks below the server: a database that goes and comes back, one that does not answer, a
//! row that somebody holds, a disk that is full. Each time: a clear refusal in bounded time, health
//! that tells it, nothing that was acknowledged lost, and no restart needed afterwards.

mod full;
mod gone;
mod load;
mod proxy;
mod slow;

use std::time::{Duration, Instant};

use crate::databases::{Database, databases};
use crate::http::{self, Answer};
use crate::program::{Home, Server};
use proxy::Proxy;

/// What a request may take, whatever happens below: a read that waits for the database, and one
/// more. Machines that test are busy.
const BOUND: Duration = Duration::from_secs(40);
/// Between two questions whether something has come to pass.
const PAUSE: Duration = Duration::from_millis(20);

/// A server whose database is reached through a line that the test holds.
struct World {
    server: Server,
    management: String,
    proxy: Proxy,
    _home: Home,
}

impl World {
    fn over(database: &Database) -> Self {
        let home = Home::new();
        let proxy = Proxy::to(&database.address());
        let mut options = database.through(proxy.port());
        options.extend(health());
        let options: Vec<&str> = options.iter().map(String::as_str).collect();
        let server = Server::start(&home, &options);
        let management = server.management.clone().unwrap();
        Self {
            server,
            management,
            proxy,
            _home: home,
        }
    }

    fn health(&self, what: &str) -> Answer {
        http::get(&self.management, &format!("/health/{what}"))
    }

    /// Waits until readiness has this status.
    fn until_ready_is(&self, status: u16) -> Answer {
        let mut found = None;
        within("readiness changes", || {
            let answer = self.health("ready");
            let there = answer.status == status;
            found = Some(answer);
            there
        });
        found.unwrap()
    }

    /// The refresh token of a new session.
    fn session(&self) -> String {
        let answer = self.server.login("admin", "admin");
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()["refresh_token"].as_str().unwrap().to_owned()
    }

    fn refresh(&self, token: &str) -> Answer {
        let form = [
            ("grant_type", "refresh_token"),
            ("client_id", "admin-cli"),
            ("refresh_token", token),
        ];
        self.server
            .post("/realms/master/protocol/openid-connect/token", &form)
    }
}

/// The options that show health on a port of its own.
fn health() -> [String; 2] {
    ["--health-enabled=true", "--http-management-port=0"].map(str::to_owned)
}

/// Does it over every server of `CLAVIGER_TEST_DB_URLS`, at the same time.
fn on_every_server(topic: &str, test: impl Fn(&Database) + Sync) {
    let databases = databases(topic);
    let served: Vec<&Database> = databases.iter().filter(|one| one.is_served()).collect();
    if served.is_empty() {
        println!("left out: CLAVIGER_TEST_DB_URLS names no database");
    }
    std::thread::scope(|scope| {
        for database in served {
            let test = &test;
            scope.spawn(move || test(database));
        }
    });
}

/// What a request took, which must be within bounds.
#[expect(
    clippy::disallowed_methods,
    reason = "how long an answer takes is measured"
)]
fn bounded<T>(what: &str, request: impl FnOnce() -> T) -> T {
    let begin = Instant::now();
    let answer = request();
    let took = begin.elapsed();
    assert!(took < BOUND, "{what} took {took:?}");
    answer
}

/// Asks until it is so, for as long as any request may take.
#[expect(clippy::disallowed_methods, reason = "the wait is bounded")]
fn within(what: &str, mut is_so: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !is_so() {
        assert!(begin.elapsed() < BOUND, "not in {BOUND:?}: {what}");
        std::thread::sleep(PAUSE);
    }
}

/// A refusal that tells clients to come again, and nothing of its cause.
fn assert_come_again(answer: &Answer) {
    assert_eq!(answer.status, 503, "{answer:?}");
    assert_eq!(answer.header("retry-after"), Some("1"), "{answer:?}");
    let body = answer.json();
    assert_eq!(body["error"], "temporarily_unavailable", "{answer:?}");
    let text = body["error_description"].as_str().unwrap();
    assert_eq!(text, "The server is busy. Try again later.", "{answer:?}");
}
