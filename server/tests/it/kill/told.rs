//! The proof that a logout is told, whoever is killed: receivers that fail half of the time, every
//! node killed at random, and in the end a ledger that agrees with the receivers' own, row by row.
//!
//! `CLAVIGER_KILL_LOGOUTS` sets how many logouts there are on each database.

mod receiver;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use super::line::Line;
use super::random::Random;
use super::{PASSWORD, Proof, everywhere, variable};
use crate::program::{Server, command, run};
use receiver::Receiver;

/// Applications that want to be told, each of its own logouts.
const RECEIVERS: usize = 4;
/// People who sign in and out at the same time.
const PEOPLE: usize = 6;
/// Nodes over a database that can have several.
const NODES: usize = 3;
/// Logouts on each database, if nobody says.
const LOGOUTS: u64 = 90;
/// Between two looks.
const PAUSE: Duration = Duration::from_millis(2);
/// How long all may take to be told in the end, in looks of [`LONG_PAUSE`].
const LOOKS: usize = 1_200;
const LONG_PAUSE: Duration = Duration::from_millis(250);
const REALM: &str = "told";

/// A logout: which receiver has to hear of it, and of which session it tells.
type Logout = (usize, String);

/// What people know.
#[derive(Default)]
struct Known {
    /// Logouts that were acknowledged.
    done: BTreeSet<Logout>,
    /// Logouts that were asked for, and whose answer was lost.
    doubtful: BTreeSet<Logout>,
}

fn realm(receivers: &[Receiver]) -> Value {
    let client = |(number, receiver): (usize, &Receiver)| {
        json!({
            "clientId": format!("app-{number}"), "secret": "secret",
            "directAccessGrantsEnabled": true,
            "attributes": {
                "backchannel.logout.url": receiver.url,
                "backchannel.logout.session.required": "true",
            },
        })
    };
    let user = |number: usize| {
        json!({
            "username": format!("user-{number}"), "enabled": true, "firstName": "A",
            "lastName": "User", "email": format!("user-{number}@told.example"),
            "credentials": [{"type": "password", "value": PASSWORD}],
        })
    };
    json!({
        "realm": REALM, "enabled": true,
        "passwordPolicy": "hashAlgorithm(pbkdf2-sha256) and hashIterations(10)",
        "clients": receivers.iter().enumerate().map(client).collect::<Vec<_>>(),
        "users": (0..PEOPLE).map(user).collect::<Vec<_>>(),
    })
}

/// Signs somebody in and out until the line is lost.
fn play(line: &mut Line, person: usize, random: &mut Random, ended: &AtomicUsize) -> Known {
    let mut known = Known::default();
    let username = format!("user-{person}");
    loop {
        let receiver = random.below(RECEIVERS);
        let client = format!("app-{receiver}");
        let sign_in = [
            ("grant_type", "password"),
            ("client_id", &client),
            ("client_secret", "secret"),
            ("username", &username),
            ("password", PASSWORD),
            ("scope", "openid"),
        ];
        let Ok(tokens) = line.form(REALM, "token", &sign_in) else {
            return known;
        };
        assert_eq!(tokens.status, 200, "{tokens:?}");
        let tokens = tokens.json();
        let session = tokens["session_state"].as_str().unwrap().to_owned();
        let out = [
            ("client_id", &*client),
            ("client_secret", "secret"),
            ("refresh_token", tokens["refresh_token"].as_str().unwrap()),
        ];
        let Ok(answer) = line.form(REALM, "logout", &out) else {
            known.doubtful.insert((receiver, session));
            return known;
        };
        assert_eq!(answer.status, 204, "{answer:?}");
        known.done.insert((receiver, session));
        ended.fetch_add(1, Ordering::SeqCst);
    }
}

/// Nodes over one database, receivers, and what is known of both.
struct Play<'a> {
    proof: Proof<'a>,
    receivers: Vec<Receiver>,
    known: Known,
    kills: usize,
}

impl Play<'_> {
    fn start(&self) -> (Vec<Server>, Vec<Line>) {
        let nodes = if self.proof.database.is_served() {
            NODES
        } else {
            1
        };
        (0..nodes).map(|_| self.proof.start()).unzip()
    }

    /// People sign in and out, at whichever node, until about so many logouts were acknowledged and
    /// all nodes are killed.
    fn load_and_kill(&mut self, nodes: Vec<Server>, lines: &[Line], wanted: usize) {
        let (killed, ended) = (AtomicBool::new(false), AtomicUsize::new(0));
        let random = &mut self.proof.random;
        let heard = thread::scope(|scope| {
            let people: Vec<_> = (0..PEOPLE)
                .map(|person| {
                    let mut line = lines[random.below(lines.len())].another();
                    let (mut random, ended, killed) = (random.child(), &ended, &killed);
                    scope.spawn(move || {
                        let known = play(&mut line, person, &mut random, ended);
                        assert!(killed.load(Ordering::SeqCst), "lost, and nobody was killed");
                        known
                    })
                })
                .collect();
            while ended.load(Ordering::SeqCst) < wanted {
                assert!(
                    !people.iter().all(thread::ScopedJoinHandle::is_finished),
                    "all have ended"
                );
                thread::sleep(PAUSE);
            }
            killed.store(true, Ordering::SeqCst);
            for node in &nodes {
                node.signal("KILL");
            }
            let heard: Vec<Known> = people.into_iter().map(|one| one.join().unwrap()).collect();
            heard
        });
        for node in nodes {
            assert!(!node.ended().success());
        }
        self.kills += 1;
        self.proof.database.quiet();
        for known in heard {
            self.known.done.extend(known.done);
            self.known.doubtful.extend(known.doubtful);
        }
    }

    /// What waits is told again at once: nobody waits for the end of a pause, or of a claim whose
    /// node is dead.
    fn hasten(line: &mut Line) {
        let target = format!("{REALM}/logout-deliveries/retry?state=pending,failing,given_up");
        let answer = line.admin("POST", &target, "").unwrap();
        assert_eq!(answer.status, 200, "{answer:?}");
    }

    /// Every line of the ledger, by the logout that it tells of.
    fn ledger(line: &mut Line) -> BTreeMap<Logout, Value> {
        let mut ledger = BTreeMap::new();
        let mut first = 0;
        loop {
            let target = format!("{REALM}/logout-deliveries?first={first}&max=1000");
            let page = line.admin("GET", &target, "").unwrap().json();
            let page = page.as_array().unwrap();
            first += page.len();
            for row in page {
                let text = |name: &str| row[name].as_str().unwrap().to_owned();
                let receiver = text("clientId").strip_prefix("app-").unwrap().parse();
                let logout = (receiver.unwrap(), text("sessionId"));
                let twice = ledger.insert(logout, row.clone());
                assert!(twice.is_none(), "two lines of one logout: {row}");
            }
            if page.len() < 1_000 {
                return ledger;
            }
        }
    }

    /// At any time: whatever the ledger calls confirmed, the receiver has confirmed.
    fn check_meanwhile(&self, line: &mut Line) {
        for ((receiver, session), row) in Self::ledger(line) {
            if row["state"] == "confirmed" {
                let heard = self.receivers[receiver].heard(&session);
                assert!(heard.contains(&204), "{row}: {heard:?}");
            }
        }
    }

    /// In the end receivers are well, and all is told.
    fn tell_all(&self, line: &mut Line) {
        for receiver in &self.receivers {
            receiver.recover();
        }
        for _ in 0..LOOKS {
            Self::hasten(line);
            thread::sleep(LONG_PAUSE);
            let target = format!("{REALM}/logout-deliveries/count");
            let counts = line.admin("GET", &target, "").unwrap().json();
            if counts["confirmed"] == counts["count"] {
                return;
            }
        }
        panic!("not all was told in the end");
    }

    /// Row by row: the ledger, the receivers' logs, and what people know.
    fn check(&self, line: &mut Line) -> usize {
        let ledger = Self::ledger(line);
        for logout in &self.known.done {
            assert!(ledger.contains_key(logout), "not in the ledger: {logout:?}");
        }
        let mut calls = 0;
        for (logout, row) in &ledger {
            let (receiver, session) = logout;
            let asked = self.known.done.contains(logout) || self.known.doubtful.contains(logout);
            assert!(asked, "nobody asked for it: {row}");
            let heard = self.receivers[*receiver].heard(session);
            assert_eq!(row["state"], "confirmed", "{row}");
            assert_eq!(row["status"], 204, "{row}");
            assert!(heard.contains(&204), "{row}: {heard:?}");
            // An attempt is counted before the call: who is killed between has not called.
            let attempts = usize::try_from(row["attempts"].as_u64().unwrap()).unwrap();
            assert!(heard.len() <= attempts, "{row}: {heard:?}");
            calls += heard.len();
        }
        let told: usize = self.receivers.iter().map(Receiver::calls).sum();
        assert_eq!(told, calls, "somebody was told what is not in the ledger");
        calls
    }

    fn run(mut self, logouts: usize) {
        let name = self.proof.database.name;
        let file = self
            .proof
            .home
            .write("told-realm.json", &realm(&self.receivers).to_string());
        let mut import = command(
            &self.proof.home,
            &["import", "--file", file.to_str().unwrap()],
        );
        let ended = run(import.args(&self.proof.database.options));
        assert_eq!(ended.code, Some(0), "{ended:?}");
        let between = (logouts / 3).clamp(10, 250);
        let (mut nodes, mut lines) = self.start();
        while self.known.done.len() < logouts {
            let wanted = 1 + self.proof.random.below(2 * between);
            self.load_and_kill(nodes, &lines, wanted);
            (nodes, lines) = self.start();
            self.check_meanwhile(&mut lines[0]);
            Self::hasten(&mut lines[0]);
        }
        self.tell_all(&mut lines[0]);
        let calls = self.check(&mut lines[0]);
        println!(
            "{name}: {} nodes, {} kills, {} logouts acknowledged, {} in doubt, {calls} calls of \
             receivers",
            nodes.len(),
            self.kills,
            self.known.done.len(),
            self.known.doubtful.len(),
        );
        for node in nodes {
            node.stop();
        }
    }
}

#[test]
fn every_receiver_hears_every_logout_whoever_is_killed() {
    let logouts = variable("CLAVIGER_KILL_LOGOUTS").unwrap_or(LOGOUTS);
    everywhere("told", |mut proof, _| {
        let random = &mut proof.random;
        let receivers = (0..RECEIVERS).map(|_| Receiver::new(random.child()));
        let play = Play {
            receivers: receivers.collect(),
            proof,
            known: Known::default(),
            kills: 0,
        };
        play.run(usize::try_from(logouts).unwrap());
    });
}
