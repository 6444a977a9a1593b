//! The proof against crashes: what a client was told is so, whenever the process is killed.
//!
//! Several clients sign users in, refresh, log out, revoke, delete sessions and disable users until
//! the process gets SIGKILL at a random moment. Over the same database it starts again, and all that
//! was acknowledged is held against what is there: what was ended is refused by every endpoint, what
//! was not still works, and nothing is there by half. What a client was not told of may have been
//! done or not: its event, written in the same transaction, tells which, and all else must agree.
//!
//! `CLAVIGER_KILLS` sets how often, `CLAVIGER_KILL_SEED` repeats the choices of another run. When
//! requests meet is the machine's choice, so a seed makes a failure likely again, not certain.

mod check;
mod line;
mod player;
mod random;
mod told;

use std::hash::{BuildHasher, RandomState};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::databases::{Database, databases};
use crate::program::{Home, Server, command, run};
use line::Line;
use player::{Player, User};
use random::Random;

/// Clients at the same time.
const PLAYERS: usize = 6;
/// Users of each client in each realm.
const USERS: usize = 2;
/// How many answers come before a kill, at most.
const LOAD: usize = 160;
/// How long they may take on a busy machine.
const LOAD_TIME: Duration = Duration::from_secs(2);
/// A start over a database that a killed process has left.
const START: Duration = Duration::from_secs(5);
const PASSWORD: &str = "a-long-password";
/// The administrator that is no person.
const SERVICE: &str = "keeper";

/// A realm of the proof.
pub struct Realm {
    name: &'static str,
    /// The only client, by its id.
    client: &'static str,
    /// Whether a refresh token is good once.
    rotating: bool,
}

static REALMS: [Realm; 2] = [
    Realm {
        name: "steady",
        client: "9ab4b4a1-2a54-4a1c-9d0a-b58a8c0c1d01",
        rotating: false,
    },
    Realm {
        name: "rotating",
        client: "9ab4b4a1-2a54-4a1c-9d0a-b58a8c0c1d02",
        rotating: true,
    },
];

fn user_id(realm: &Realm, player: usize, number: usize) -> String {
    format!("{}-{player}-{number}", realm.name)
}

impl Realm {
    fn json(&self) -> Value {
        let user = |id: String| {
            json!({
                "id": id, "username": id, "enabled": true, "email": format!("{id}@kill.example"),
                "firstName": "A", "lastName": "User", "realmRoles": ["offline_access"],
                "credentials": [{"type": "password", "value": PASSWORD}],
            })
        };
        let ids = (0..PLAYERS)
            .flat_map(|player| (0..USERS).map(move |number| user_id(self, player, number)));
        json!({
            "realm": self.name,
            "enabled": true,
            "revokeRefreshToken": self.rotating,
            "refreshTokenMaxReuse": 0,
            "passwordPolicy": "hashAlgorithm(pbkdf2-sha256) and hashIterations(10)",
            // Longer than any run, so that nothing is refused for its age.
            "accessTokenLifespan": 30_000,
            "ssoSessionIdleTimeout": 30_000,
            "eventsEnabled": true,
            "enabledEventTypes": ["LOGIN", "LOGOUT", "REFRESH_TOKEN", "REVOKE_GRANT"],
            "adminEventsEnabled": true,
            "clients": [{
                "id": self.client, "clientId": "app", "secret": "secret",
                "directAccessGrantsEnabled": true,
                "attributes": {"allow.token.introspection.without.audience.check": "true"},
            }],
            "users": ids.map(user).collect::<Vec<_>>(),
        })
    }
}

/// The database with its realms, and how the program is started over it.
struct Proof<'a> {
    database: &'a Database,
    home: Home,
    options: Vec<&'a str>,
    random: Random,
}

impl<'a> Proof<'a> {
    fn new(database: &'a Database, seed: u64) -> Self {
        let home = Home::new();
        let mut options: Vec<&str> = database.options.iter().map(String::as_str).collect();
        // The issuer stays the same though every start has another port.
        options.push("--hostname=http://kill.example");
        Self {
            database,
            home,
            options,
            random: Random::new(seed),
        }
    }

    fn import(&self) {
        for realm in &REALMS {
            let name = format!("{}-realm.json", realm.name);
            let file = self.home.write(&name, &realm.json().to_string());
            let mut import = command(&self.home, &["import", "--file", file.to_str().unwrap()]);
            let options = self.database.options.iter();
            let ended = run(import.args(options));
            assert_eq!(ended.code, Some(0), "{ended:?}");
        }
    }

    fn players(&mut self) -> Vec<Player> {
        let users = |player: usize| {
            let of_realm = move |realm: &'static Realm| {
                (0..USERS).map(move |number| User {
                    realm,
                    id: user_id(realm, player, number),
                    enabled: true,
                })
            };
            REALMS.iter().flat_map(of_realm).collect()
        };
        (0..PLAYERS)
            .map(|player| Player::new(self.random.child(), users(player)))
            .collect()
    }

    /// Starts the program, and signs its administrator in.
    #[expect(
        clippy::disallowed_methods,
        reason = "how long a start takes is measured"
    )]
    fn start(&self) -> (Server, Line) {
        let begin = Instant::now();
        let server = Server::of(&mut self.command());
        let took = begin.elapsed();
        assert!(took < START, "the start took {took:?}");
        let mut line = Line::new(&server.address);
        line.sign_in().unwrap();
        (server, line)
    }

    /// The command of a start; what it asks for is made by the first one.
    fn command(&self) -> Command {
        let arguments = ["start-dev", "--http-host=127.0.0.1", "--http-port=0"];
        let mut start = command(&self.home, &arguments);
        start.args(&self.options);
        for (name, value) in [
            ("USERNAME", "admin"),
            ("PASSWORD", "admin"),
            ("CLIENT_ID", SERVICE),
            ("CLIENT_SECRET", PASSWORD),
        ] {
            start.env(format!("KC_BOOTSTRAP_ADMIN_{name}"), value);
        }
        start
    }

    /// Begins a start and kills it at some moment of the first milliseconds.
    fn kill_a_start(&mut self, milliseconds: usize) {
        let mut start = self.command();
        start
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let mut child = start.spawn().unwrap();
        std::thread::sleep(Duration::from_millis(self.random.below(milliseconds) as u64));
        assert!(child.try_wait().unwrap().is_none(), "it ended by itself");
        child.kill().unwrap();
        child.wait().unwrap();
        self.database.quiet();
    }

    /// Load, and at some moment no process any more. Tells how many answers came before.
    fn load_and_kill(&mut self, players: &mut [Player], server: Server, line: &Line) -> usize {
        let (wanted, pause) = (self.random.below(LOAD), Duration::from_millis(1));
        let (killed, answers) = (AtomicBool::new(false), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            for player in players {
                let (mut line, killed, answers) = (line.another(), &killed, &answers);
                scope.spawn(move || {
                    player.play(&mut line, answers);
                    assert!(killed.load(Ordering::SeqCst), "lost, and nobody was killed");
                });
            }
            let mut turns = 0;
            while answers.load(Ordering::SeqCst) < wanted && pause * turns < LOAD_TIME {
                std::thread::sleep(pause);
                turns += 1;
            }
            killed.store(true, Ordering::SeqCst);
            server.signal("KILL");
            assert!(!server.ended().success());
        });
        answers.into_inner()
    }

    fn run(mut self, kills: u64) {
        self.import();
        let mut players = self.players();
        let mut answers = 0;
        let (mut server, mut line) = self.start();
        for _ in 0..kills {
            answers += self.load_and_kill(&mut players, server, &line);
            self.database.quiet();
            if self.random.below(3) == 0 {
                self.kill_a_start(300);
            }
            (server, line) = self.start();
            check::check(&mut players, &mut line);
        }
        let name = self.database.name;
        println!("{name}: {kills} kills, {answers} requests acknowledged before them");
        server.stop();
    }
}

fn variable(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{name} is no number: {text}")),
    )
}

/// Does it over each database at the same time.
fn everywhere(topic: &str, prove: impl Fn(Proof<'_>, u64) + Sync) {
    let chance = || RandomState::new().hash_one(topic);
    let seed = variable("CLAVIGER_KILL_SEED").unwrap_or_else(chance);
    let kills = variable("CLAVIGER_KILLS").unwrap_or(10);
    println!("CLAVIGER_KILL_SEED={seed} CLAVIGER_KILLS={kills}");
    let databases = databases(topic);
    std::thread::scope(|scope| {
        for database in &databases {
            let prove = &prove;
            scope.spawn(move || prove(Proof::new(database, seed), kills));
        }
    });
}

#[test]
fn what_was_acknowledged_outlives_every_kill() {
    everywhere("kill", |proof, kills| {
        proof.run(kills);
    });
}

/// The schema, the first realm and the administrator are made by a start that may be cut off, again
/// and again, ever later.
#[test]
fn a_first_start_that_was_killed_is_finished_by_the_next() {
    everywhere("first", |mut proof, kills| {
        for kill in 1..=kills.min(20) {
            proof.kill_a_start(usize::try_from(kill * 80).unwrap());
        }
        let (server, mut line) = proof.start();
        let shown = line.admin("GET", "master", "").unwrap();
        assert_eq!(shown.status, 200, "{shown:?}");
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", SERVICE),
            ("client_secret", PASSWORD),
        ];
        let answer = line.form("master", "token", &form).unwrap();
        assert_eq!(answer.status, 200, "{answer:?}");
        server.stop();
    });
}
