//! The log of the real program: where it goes, and how it looks.

use std::io::Read;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use crate::program::{Home, Server, command, run};

/// A name that tries to be a line of its own.
const FORGER: &str = "eve%0A2026-11-23%2001%3A07%3A31%2C066%20ERROR%20%5Bforged%5D%20%1B%5B31m";

fn started(home: &Home, options: &[&str]) -> Server {
    let mut all = vec!["--db=dev-mem"];
    all.extend(options);
    Server::start(home, &all)
}

/// Signs in with a wrong name, and waits until that was answered.
fn fail_to_sign_in(server: &Server) {
    let answer = server.login(FORGER, "a-secret-password");
    assert_eq!(answer.status, 400, "{answer:?}");
}

/// What the log has to say of [`fail_to_sign_in`], in its message.
fn assert_told(message: &str) {
    assert!(
        message.starts_with("type=\"LOGIN_ERROR\", realmId=\""),
        "{message}"
    );
    for part in [
        "realmName=\"master\", clientId=\"admin-cli\", userId=\"null\", ipAddress=\"127.0.0.1\", \
         error=\"user_not_found\"",
        "username=\"eve\\n2026-11-23 01:07:31,066 ERROR [forged] ",
    ] {
        assert!(message.contains(part), "{message}");
    }
    assert!(!message.contains("a-secret-password"), "{message}");
}

#[test]
fn events_are_told_as_keycloak_tells_them_and_forge_nothing() {
    let mut server = started(
        &Home::new(),
        &["--log-level=info,org.keycloak.events:debug"],
    );
    server.login("admin", "admin");
    let success = server.wait_for("org.keycloak.events");
    assert!(
        success.contains(" DEBUG [org.keycloak.events] (executor-thread-"),
        "{success}"
    );
    assert!(
        success.contains(") type=\"LOGIN\", realmId=\""),
        "{success}"
    );
    fail_to_sign_in(&server);
    let failure = server.wait_for("org.keycloak.events");
    let (head, message) = failure.split_once(") ").unwrap();
    assert!(
        head.contains(" WARN  [org.keycloak.events] (executor-thread-"),
        "{failure}"
    );
    assert_told(message);
    server.stop();
}

#[test]
fn lines_are_objects_where_json_is_asked_for() {
    let options = ["--log-console-output=json", "--log-mdc-enabled=true"];
    for (layout, category, level) in [
        ("default", "loggerName", "level"),
        ("ecs", "log.logger", "log.level"),
    ] {
        let layout = format!("--log-console-json-format={layout}");
        let mut server = started(&Home::new(), &[options[0], options[1], &layout]);
        fail_to_sign_in(&server);
        let line = server.wait_for("LOGIN_ERROR");
        let line: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(line[category], "org.keycloak.events");
        assert_eq!(line[level], "WARN");
        assert_eq!(line["service.name"], "keycloak");
        assert_eq!(line["mdc"]["kc.realmName"], "master");
        assert_eq!(line["mdc"]["kc.clientId"], "admin-cli");
        assert_told(line["message"].as_str().unwrap());
        // From the first line to the last, but for the one that scripts wait for.
        server.signal("TERM");
        server.wait_for("Claviger stopped in ");
        for line in server.seen.iter().skip(1) {
            serde_json::from_str::<Value>(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        }
    }
}

/// The lines of a file.
fn lines(path: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().map(str::to_owned).collect()
}

#[test]
fn a_file_keeps_what_the_console_keeps_and_is_put_aside_at_each_start() {
    let home = Home::new();
    let options = [
        "--log=console,file",
        "--log-async=true",
        "--log-file-format=%p|%c|%s%n",
    ];
    for _ in 0..2 {
        let server = started(&home, &options);
        fail_to_sign_in(&server);
        server.stop();
    }
    let folder = home.path().join("data/log");
    for name in ["keycloak.log", "keycloak.log.1"] {
        let lines = lines(&folder.join(name));
        let event = lines
            .iter()
            .find(|line| line.contains("LOGIN_ERROR"))
            .unwrap();
        assert_told(event.strip_prefix("WARN|org.keycloak.events|").unwrap());
        let last = lines.last().unwrap();
        assert!(
            last.starts_with("INFO|claviger|Claviger stopped in "),
            "{last}"
        );
    }
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 2);
}

#[test]
fn a_file_that_cannot_be_written_is_told_before_anybody_is_served() {
    let home = Home::new();
    let file = home.write("occupied", "");
    let option = format!("--log-file={}/kc.log", file.display());
    let arguments = [
        "start-dev",
        "--db=dev-mem",
        "--http-port=0",
        "--log=file",
        &option,
    ];
    let ended = run(&mut command(&home, &arguments));
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.err.contains("cannot open the log file"), "{ended:?}");
}

#[test]
fn a_syslog_server_is_told_and_nobody_waits_for_it() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let endpoint = format!("--log-syslog-endpoint=127.0.0.1:{port}");
    let server = started(&Home::new(), &["--log=console,syslog", &endpoint]);
    fail_to_sign_in(&server);
    let mut stream: TcpStream = listener.accept().unwrap().0;
    stream
        .set_read_timeout(Some(Duration::from_mins(1)))
        .unwrap();
    let mut text = String::new();
    while !text.contains("LOGIN_ERROR") || !text.ends_with('\n') {
        let mut bytes = [0; 4096];
        let count = stream.read(&mut bytes).unwrap();
        assert!(count > 0, "{text}");
        text.push_str(std::str::from_utf8(&bytes[..count]).unwrap());
    }
    let (before, message) = text.split_once("(executor-thread-").unwrap();
    let header = before.lines().last().unwrap();
    let (length, header) = header.split_once(' ').unwrap();
    assert!(length.parse::<usize>().is_ok(), "{length}");
    assert!(header.starts_with("<12>1 "), "{header}");
    assert!(
        header.contains(" org.keycloak.events - \u{feff}"),
        "{header}"
    );
    assert_told(message.split_once(") ").unwrap().1);
    // The server goes away: the program goes on, and ends when it is told to.
    drop((stream, listener));
    fail_to_sign_in(&server);
    server.stop();
}
