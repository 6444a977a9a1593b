//! The first administrator.

use crate::program::{Home, Server, command, run};

#[test]
fn the_first_start_makes_the_administrator_that_was_asked_for() {
    let home = Home::new();
    let mut server = Server::start(&home, &[]);
    let made = "KC-SERVICES0077: Created temporary admin user with username admin";
    assert!(
        server.seen.iter().any(|line| line.contains(made)),
        "{:#?}",
        server.seen
    );
    assert_eq!(server.login("admin", "admin").status, 200);
    assert_eq!(server.login("admin", "wrong").status, 400);
    let refused = server.wait_for("LOGIN_ERROR");
    assert!(
        refused.contains("WARN  [org.keycloak.events] (executor-thread-"),
        "{refused}"
    );
    assert!(refused.contains("ipAddress=\"127.0.0.1\""), "{refused}");
    server.stop();

    let again = Server::start(&home, &[]);
    assert!(
        !again
            .seen
            .iter()
            .any(|line| line.contains("KC-SERVICES0077")),
        "{:#?}",
        again.seen
    );
    again.stop();
}

#[test]
fn nobody_is_made_unasked() {
    let home = Home::new();
    let options = [
        "start-dev",
        "--db=dev-mem",
        "--http-host=127.0.0.1",
        "--http-port=0",
    ];
    let server = Server::of(&mut command(&home, &options));
    for (name, password) in [("admin", "admin"), ("temp-admin", "temp-admin")] {
        assert_eq!(server.login(name, password).status, 400, "{name}");
    }
}

#[test]
fn an_administrator_is_made_as_long_as_there_is_no_user() {
    let home = Home::new();
    let options = ["start-dev", "--http-host=127.0.0.1", "--http-port=0"];
    Server::of(&mut command(&home, &options)).stop();
    let server = Server::start(&home, &[]);
    assert_eq!(server.login("admin", "admin").status, 200);
    server.stop();

    let mut later = command(&home, &options);
    later
        .env("KC_BOOTSTRAP_ADMIN_USERNAME", "eve")
        .env("KC_BOOTSTRAP_ADMIN_PASSWORD", "pw");
    let server = Server::of(&mut later);
    assert_eq!(server.login("eve", "pw").status, 400);
}

#[test]
fn older_variables_still_work_and_are_told_to_go() {
    let home = Home::new();
    let options = [
        "start-dev",
        "--db=dev-mem",
        "--http-host=127.0.0.1",
        "--http-port=0",
    ];
    let mut command = command(&home, &options);
    command
        .env("KEYCLOAK_USER", "ann")
        .env("KEYCLOAK_PASSWORD", "pw");
    let server = Server::of(&mut command);
    assert_eq!(server.login("ann", "pw").status, 200);
}

#[test]
fn commands_make_administrators() {
    let home = Home::new();
    let user = [
        "bootstrap-admin",
        "user",
        "--username=bob",
        "--password:env=PW",
        "--no-prompt",
    ];
    let ended = run(command(&home, &user).env("PW", "secret"));
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(
        ended
            .out
            .contains("Created temporary admin user with username bob"),
        "{ended:?}"
    );
    let again = run(command(&home, &user).env("PW", "other"));
    assert_eq!(again.code, Some(1), "{again:?}");
    assert!(again.err.contains("bob exists already"), "{again:?}");
    let service = [
        "bootstrap-admin",
        "service",
        "--client-id=robot",
        "--client-secret:env=PW",
    ];
    let ended = run(command(&home, &service)
        .arg("--no-prompt")
        .env("PW", "secret"));
    assert_eq!(ended.code, Some(0), "{ended:?}");

    let server = Server::start(&home, &[]);
    assert_eq!(server.login("bob", "secret").status, 200);
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", "robot"),
        ("client_secret", "secret"),
    ];
    let answer = server.post("/realms/master/protocol/openid-connect/token", &form);
    assert_eq!(answer.status, 200, "{answer:?}");
    server.stop();
}

#[test]
fn of_two_administrators_both_are_made_or_none() {
    let home = Home::new();
    let options = ["start-dev", "--http-host=127.0.0.1", "--http-port=0"];
    let start = |client: &str| {
        let mut start = command(&home, &options);
        start.env("KC_BOOTSTRAP_ADMIN_USERNAME", "admin");
        start.env("KC_BOOTSTRAP_ADMIN_PASSWORD", "admin");
        start.env("KC_BOOTSTRAP_ADMIN_CLIENT_ID", client);
        start.env("KC_BOOTSTRAP_ADMIN_CLIENT_SECRET", "secret");
        start
    };
    // The name is taken by a client that every realm has.
    let refused = run(&mut start("admin-cli"));
    assert_eq!(refused.code, Some(1), "{refused:?}");
    let told = format!("{}{}", refused.out, refused.err);
    assert!(told.contains("admin or admin-cli exists already"), "{told}");

    let server = Server::of(&mut start("keeper"));
    assert_eq!(server.login("admin", "admin").status, 200);
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", "keeper"),
        ("client_secret", "secret"),
    ];
    let answer = server.post("/realms/master/protocol/openid-connect/token", &form);
    assert_eq!(answer.status, 200, "{answer:?}");
}
