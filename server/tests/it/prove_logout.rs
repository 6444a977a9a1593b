//! `prove-logout` at a real server: what it finds, what it says, and what it leaves behind.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, channel};

use serde_json::{Value, json};

use crate::http;
use crate::program::{Ended, Home, Server, command, run};

fn realm() -> Value {
    json!({
        "realm": "shop", "enabled": true,
        "attributes": {"gateway.check.enabled": "true"},
        "clients": [
            {"clientId": "plain", "publicClient": true, "directAccessGrantsEnabled": true},
        ],
        "users": [{
            "username": "probe", "enabled": true, "email": "probe@shop.example",
            "firstName": "Pat", "lastName": "Probe",
            "credentials": [{"type": "password", "value": "wonderland"}],
        }],
    })
}

fn shop(home: &Home) -> Server {
    home.write("data/import/shop-realm.json", &realm().to_string());
    Server::start(home, &["--import-realm"])
}

/// An API: what it answers is decided by the value of `Authorization`, which may be missing.
struct Api {
    url: String,
    asked: Receiver<()>,
}

impl Api {
    fn start(decide: impl Fn(Option<&str>) -> u16 + Send + 'static) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let url = format!("http://{}/orders", listener.local_addr().unwrap());
        let (sender, asked) = channel();
        // Ends with the tests' process.
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let Ok(found) = authorization(&stream) else {
                    continue;
                };
                let status = decide(found.as_deref());
                let answer = format!(
                    "HTTP/1.1 {status} X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
                );
                let _ = { &stream }.write_all(answer.as_bytes());
                let _ = sender.send(());
            }
        });
        Self { url, asked }
    }

    /// Looks at nothing but whether there is a token.
    fn careless() -> Self {
        Self::start(|authorization| if authorization.is_some() { 200 } else { 401 })
    }

    /// Asks the gate of a server each time.
    fn behind_the_gate(server: &Server) -> Self {
        let address = server.address.clone();
        Self::start(move |authorization| {
            let more = format!("Authorization: {}\r\n", authorization.unwrap_or_default());
            http::request(&address, "GET", "/realms/shop/gate", &more, "").status
        })
    }
}

/// The header of a request, if it has one.
fn authorization(stream: &TcpStream) -> std::io::Result<Option<String>> {
    let mut found = None;
    for line in BufReader::new(stream).lines() {
        let line = line?;
        if line.is_empty() {
            return Ok(found);
        }
        if let Some((name, value)) = line.split_once(": ")
            && name.eq_ignore_ascii_case("authorization")
        {
            found = Some(value.to_owned());
        }
    }
    Err(std::io::ErrorKind::UnexpectedEof.into())
}

fn prove(home: &Home, server: &Server, options: &[&str]) -> Command {
    let address = format!("--server=http://{}/", server.address);
    let mut command = command(home, &["prove-logout", "--realm=shop", &address]);
    command.args(options).env("PW", "admin");
    command
}

const ADMIN: [&str; 2] = ["--admin=admin", "--admin-password:env=PW"];

/// The rows of the result in JSON, by door, carrier and address.
struct Found(Value);

impl Found {
    fn of(ended: &Ended) -> Self {
        let found = serde_json::from_str(&ended.out);
        Self(found.unwrap_or_else(|error| panic!("{error}: {ended:?}")))
    }

    fn rows(&self) -> &[Value] {
        self.0["checks"].as_array().unwrap()
    }

    fn row(&self, door: &str, carrier: &str) -> &Value {
        let mut rows = self.rows().iter();
        let is_it = |row: &&Value| {
            row["door"].as_str().unwrap().contains(door)
                && row["carrier"].as_str().unwrap_or_default() == carrier
        };
        let found = rows.find(is_it);
        found.unwrap_or_else(|| panic!("{door}, {carrier}: {}", self.0))
    }
}

/// How many users and clients of the probe's own there are.
fn guests(server: &Server) -> usize {
    let token = server.login("admin", "admin").json();
    let more = format!(
        "Authorization: Bearer {}\r\n",
        token["access_token"].as_str().unwrap()
    );
    let count = |path: &str, name: &str| {
        let answer = http::request(&server.address, "GET", path, &more, "").json();
        let all = answer.as_array().unwrap().clone();
        let is_guest = |one: &&Value| one[name].as_str().unwrap().starts_with("prove-logout-");
        all.iter().filter(is_guest).count()
    };
    count("/admin/realms/shop/users?max=1000", "username")
        + count("/admin/realms/shop/clients", "clientId")
}

const DOORS: [&str; 4] = [
    "logout with the refresh token",
    "refresh token revoked",
    "access token revoked",
    "administrator ends the session",
];

#[test]
fn whoever_looks_at_revocations_is_shown_to_deny_and_nothing_is_left_behind() {
    let home = Home::new();
    let server = shop(&home);
    let api = Api::behind_the_gate(&server);
    let own = format!("--api={}", api.url);
    let options = [&ADMIN[..], &["--format=json", "--timeout=60", &own]].concat();
    let ended = run(&mut prove(&home, &server, &options));
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let found = Found::of(&ended);
    assert_eq!(found.0["proved"], true);
    for door in DOORS {
        let is_session = door != "access token revoked";
        for carrier in ["introspection", "userinfo", "gate", "live feed", "api"] {
            let row = found.row(door, carrier);
            assert_eq!(row["outcome"], "denied", "{row}");
            assert!(row["denied_after_ms"].as_f64().unwrap() > 0.0, "{row}");
            // These ask the database each time.
            assert!(
                carrier == "live feed" || row["accepted_after"] == 0,
                "{row}"
            );
        }
        let (list, receipt) = if is_session {
            ("denied", "verified")
        } else {
            ("not_told", "not_told")
        };
        assert_eq!(found.row(door, "status list")["outcome"], list, "{door}");
        assert_eq!(found.row(door, "receipt")["outcome"], receipt, "{door}");
    }
    let reason = found.row("administrator", "receipt")["reason"].as_str();
    assert!(reason.unwrap().contains("ended by admin"), "{reason:?}");
    assert!(!ended.out.contains("eyJ"), "no token is printed");
    assert_eq!(guests(&server), 0);
    server.stop();
}

#[test]
fn an_api_that_ignores_revocations_is_told_of_and_no_proof() {
    let home = Home::new();
    let server = shop(&home);
    let careless = Api::careless();
    let own = format!("--api={}", careless.url);
    let options = [&ADMIN[..], &["--timeout=1", &own]].concat();
    let ended = run(prove(&home, &server, &options).arg("--format=json"));
    assert_eq!(ended.code, Some(1), "{ended:?}");
    let found = Found::of(&ended);
    assert_eq!(found.0["proved"], false);
    for door in DOORS {
        let row = found.row(door, "api");
        assert_eq!(row["outcome"], "accepted", "{row}");
        assert_eq!(row["reason"], "still accepts the token", "{row}");
        assert!(row["accepted_after"].as_u64().unwrap() > 0, "{row}");
    }
    assert!(ended.err.contains("checks failed"), "{ended:?}");
    assert_eq!(guests(&server), 0);

    // Stopped in the middle, it cleans up as well.
    while careless.asked.try_recv().is_ok() {}
    let mut waiting = prove(
        &home,
        &server,
        &[&ADMIN[..], &["--timeout=600", &own]].concat(),
    );
    waiting
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let child = waiting.spawn().unwrap();
    careless.asked.recv().unwrap();
    assert_eq!(guests(&server), 2);
    let id = child.id().to_string();
    let told = Command::new("kill").args(["-s", "TERM", &id]).status();
    assert!(told.unwrap().success());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert_eq!(guests(&server), 0);

    // One that asks for no token at all proves nothing either, and is told apart.
    let open = Api::start(|_| 200);
    let own = format!("--api={}", open.url);
    let ended = run(&mut prove(
        &home,
        &server,
        &[&ADMIN[..], &["--timeout=1", &own]].concat(),
    ));
    assert_eq!(ended.code, Some(1), "{ended:?}");
    let line = ended.out.lines().find(|line| line.contains(&open.url));
    assert!(
        line.unwrap().contains("lets everybody in without a token"),
        "{ended:?}"
    );
    assert!(ended.out.contains("NOT PROVED"), "{ended:?}");
    server.stop();
}

#[test]
fn a_user_of_ones_own_is_enough_and_what_is_off_is_told_with_how_to_turn_it_on() {
    let home = Home::new();
    let server = shop(&home);
    let own = ["--username=probe", "--client-id=plain"];
    let with_input = |options: &[&str], input: &str| {
        let mut command = prove(&home, &server, options);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child
            .stdin
            .take()
            .unwrap()
            .write_all(input.as_bytes())
            .unwrap();
        let (mut out, mut err) = (String::new(), String::new());
        child
            .stdout
            .take()
            .unwrap()
            .read_to_string(&mut out)
            .unwrap();
        child
            .stderr
            .take()
            .unwrap()
            .read_to_string(&mut err)
            .unwrap();
        let code = child.wait().unwrap().code();
        Ended { code, out, err }
    };
    // The password comes from standard input.
    let ended = with_input(&own, "wonderland\n");
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let off = [
        ("introspection", "--client-secret:env"),
        ("live feed", "--client-secret:env"),
        ("status list", "status.list.enabled"),
        ("receipt", "give --admin"),
        ("", "no administrator is named"),
    ];
    for (carrier, how) in off {
        let is_it = |line: &&str| line.trim_start().starts_with(carrier) && line.contains(how);
        let line = ended.out.lines().find(is_it);
        let line = line.unwrap_or_else(|| panic!("{carrier}: {}", ended.out));
        assert!(line.contains("not configured: "), "{line}");
    }
    for carrier in ["userinfo", "gate"] {
        let is_it = |line: &&str| line.trim_start().starts_with(carrier);
        let line = ended.out.lines().find(is_it).unwrap();
        assert!(line.contains("denied after "), "{line}");
    }

    let wrong = with_input(&own, "wrong\n");
    assert_eq!(wrong.code, Some(1), "{wrong:?}");
    assert!(wrong.err.contains("probe cannot sign in: 400"), "{wrong:?}");
    let none = with_input(&own, "");
    assert_eq!(none.code, Some(2), "{none:?}");
    let refused = run(&mut prove(
        &home,
        &server,
        &["--admin=eve", "--admin-password:env=PW"],
    ));
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(
        refused
            .err
            .contains("the administrator cannot sign in: 400"),
        "{refused:?}"
    );
    server.stop();
}
