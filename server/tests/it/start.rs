//! Starting.

use crate::program::{Home, Server, command, run};

#[test]
fn a_server_says_where_it_listens_and_answers() {
    let home = Home::new();
    let server = Server::start(&home, &[]);
    assert!(server.seen[0].starts_with("Running the server in development mode."));
    let line = server.seen.last().unwrap();
    assert!(
        line.contains(" INFO  [claviger] (main) Claviger "),
        "{line}"
    );
    assert!(line.contains(" started in "), "{line}");
    let answer = server.get("/realms/master");
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.json()["realm"], "master");
    assert!(answer.header("date").is_some(), "{answer:?}");
    let file = home.path().join("data/claviger.db");
    assert!(file.is_file());
    server.stop();
}

#[cfg(unix)]
#[test]
fn data_are_for_their_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let home = Home::new();
    Server::start(&home, &[]).stop();
    let mode = std::fs::metadata(home.path().join("data"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o077, 0, "{mode:o}");
}

#[test]
fn a_taken_port_is_a_clear_failure() {
    let home = Home::new();
    let server = Server::start(&home, &["--db=dev-mem"]);
    let port = format!("--http-port={}", server.address.rsplit(':').next().unwrap());
    let host = "--http-host=127.0.0.1";
    let ended = run(&mut command(
        &Home::new(),
        &["start-dev", "--db=dev-mem", host, &port],
    ));
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(
        ended
            .err
            .contains("ERROR: cannot listen on 127.0.0.1, port "),
        "{ended:?}"
    );
    assert_eq!(ended.err.trim_end().lines().count(), 1, "{ended:?}");
}

#[test]
fn a_database_that_is_not_there_is_a_clear_failure() {
    let options = [
        "start-dev",
        "--db=postgres",
        "--db-url-host=127.0.0.1",
        "--db-url-port=1",
    ];
    let mut command = command(&Home::new(), &options);
    let ended = run(command.env("KC_DB_PASSWORD", "hunter2"));
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(
        ended.err.contains("ERROR: cannot open the database: "),
        "{ended:?}"
    );
    assert!(!ended.err.contains("hunter2"), "{ended:?}");
}

#[test]
fn production_is_strict_and_serves() {
    let home = Home::new();
    let options = [
        "start",
        "--optimized",
        "--db=dev-mem",
        "--http-enabled=true",
        "--hostname=https://id.example",
        "--proxy-headers=xforwarded",
        "--http-host=127.0.0.1",
        "--http-port=0",
    ];
    let server = Server::of(&mut command(&home, &options));
    let answer = server.get("/");
    assert_eq!(answer.status, 302);
    assert_eq!(answer.header("location"), Some("https://id.example/admin/"));
    server.stop();
}
