//! Clients that create users, each remembering what it was told.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use super::{assert_come_again, bounded, within};
use crate::http::{self, Answer};
use crate::program::Server;

/// Clients at the same time.
const CLIENTS: usize = 4;

/// What the clients were told.
#[derive(Debug, Default)]
pub struct Ledger {
    /// Names of users whose making was answered `201`.
    pub acknowledged: BTreeSet<String>,
    /// Names of users whose making was answered `503`.
    pub refused: BTreeSet<String>,
}

/// The header of an administrator.
pub fn bearer(server: &Server) -> String {
    let answer = server.login("admin", "admin");
    assert_eq!(answer.status, 200, "{answer:?}");
    let token = answer.json()["access_token"].as_str().unwrap().to_owned();
    format!("Authorization: Bearer {token}\r\n")
}

/// Makes a user.
pub fn create(address: &str, bearer: &str, name: &str) -> Answer {
    let more = format!("{bearer}Content-Type: application/json\r\n");
    let body = format!("{{\"username\": \"{name}\"}}");
    let target = "/admin/realms/master/users";
    http::request(address, "POST", target, &more, &body)
}

/// Creates users for as long as `fault` goes on, and a few before and after.
pub fn while_creating(server: &Server, fault: impl FnOnce()) -> Ledger {
    let bearer = &bearer(server);
    let (over, done) = (&AtomicBool::new(false), &AtomicUsize::new(0));
    std::thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|client| {
                scope.spawn(move || {
                    let mut ledger = Ledger::default();
                    for number in 0.. {
                        let name = format!("load-{client}-{number}");
                        let answer =
                            bounded("making a user", || create(&server.address, bearer, &name));
                        if answer.status == 201 {
                            ledger.acknowledged.insert(name);
                            done.fetch_add(1, Ordering::SeqCst);
                        } else {
                            assert_come_again(&answer);
                            ledger.refused.insert(name);
                        }
                        if over.load(Ordering::SeqCst) {
                            break;
                        }
                    }
                    ledger
                })
            })
            .collect();
        within("the first users", || done.load(Ordering::SeqCst) > CLIENTS);
        fault();
        over.store(true, Ordering::SeqCst);
        let mut all = Ledger::default();
        for client in clients {
            let mut ledger = client.join().unwrap();
            all.acknowledged.append(&mut ledger.acknowledged);
            all.refused.append(&mut ledger.refused);
        }
        all
    })
}

impl Ledger {
    /// Every acknowledged user is there, nobody else but refused ones, and each is whole. Tells how
    /// many of the refused are there: those whose commit nobody could tell.
    pub fn check(&self, server: &Server) -> usize {
        let target = "/admin/realms/master/users?max=100000&search=load-";
        let answer = http::request(&server.address, "GET", target, &bearer(server), "");
        assert_eq!(answer.status, 200, "{answer:?}");
        let users = answer.json();
        let found: BTreeSet<String> = users
            .as_array()
            .unwrap()
            .iter()
            .map(|user| user["username"].as_str().unwrap().to_owned())
            .collect();
        let lost: Vec<&String> = self.acknowledged.difference(&found).collect();
        assert!(lost.is_empty(), "acknowledged and lost: {lost:?}");
        let doubtful: Vec<&String> = found.difference(&self.acknowledged).collect();
        for name in &doubtful {
            assert!(self.refused.contains(*name), "nobody asked for {name}");
        }
        doubtful.len()
    }
}
