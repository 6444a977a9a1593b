//! Options as people give them.

use crate::program::{Home, Server, command, run};

#[test]
fn a_misspelt_option_is_refused_with_the_nearest_name() {
    let ended = run(&mut command(&Home::new(), &["start-dev", "--htp-port=1"]));
    assert_eq!(ended.code, Some(2));
    let text = "ERROR: Unknown option: '--htp-port'. Possible solutions: --http-port";
    assert!(ended.err.starts_with(text), "{ended:?}");
}

#[test]
fn what_cannot_be_done_is_refused() {
    let cases: &[(&[&str], &str)] = &[
        (
            &["start"],
            "ERROR: Key material not provided to setup HTTPS.",
        ),
        (
            &["start", "--http-enabled=true"],
            "hostname is not configured",
        ),
        (
            &["start-dev", "--https-certificate-file=x"],
            "You must specify the key files when specifying the certificate files",
        ),
        (&["start-dev", "--db=oracle"], "oracle is not supported"),
        (
            &["start-dev", "-cf", "nowhere.conf"],
            "configuration file nowhere.conf cannot be read",
        ),
        (
            &["start-dev", "-cf", "x.txt"],
            "must have the '.conf' extension",
        ),
        (&["import"], "Must specify either --dir or --file options."),
        (
            &["bootstrap-admin", "user", "--no-prompt"],
            "No password provided",
        ),
        (&["frobnicate"], "Unknown command: 'frobnicate'"),
    ];
    for (arguments, text) in cases {
        let ended = run(&mut command(&Home::new(), arguments));
        assert_eq!(ended.code, Some(2), "{arguments:?}: {ended:?}");
        assert!(ended.err.contains(text), "{arguments:?}: {ended:?}");
        let errors = ended.err.lines().filter(|line| line.starts_with("ERROR: "));
        assert_eq!(errors.count(), 1, "{arguments:?}: {ended:?}");
    }
}

#[test]
fn file_environment_and_arguments_are_read_in_this_order() {
    let home = Home::new();
    home.write(
        "conf/keycloak.conf",
        "# a comment\ndb=dev-mem\nhostname=file.example\nhttp-relative-path=/file\n",
    );
    let mut command = command(
        &home,
        &["start-dev", "--http-port=0", "--hostname=argument.example"],
    );
    command
        .env("KC_HTTP_RELATIVE_PATH", "/environment")
        .env("KC_HTTP_HOST", "127.0.0.1");
    let server = Server::of(&mut command);
    let port = server.address.rsplit(':').next().unwrap().to_owned();
    let answer = server.get("/environment/");
    let location = format!("http://argument.example:{port}/environment/admin/");
    assert_eq!(
        answer.header("location"),
        Some(location.as_str()),
        "{answer:?}"
    );
    assert_eq!(server.get("/file/").status, 404);
    assert!(!home.path().join("data").exists(), "dev-mem makes no files");
}

#[test]
fn secrets_are_not_shown() {
    let home = Home::new();
    let mut show = command(&home, &["show-config", "--db-username=kc", "--db=postgres"]);
    let ended = run(show
        .env("KC_DB_PASSWORD", "hunter2")
        .env("KC_DB_PASWORD", "hunter2"));
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(
        ended.out.contains("kc.db-username =  kc (command line)"),
        "{ended:?}"
    );
    assert!(
        ended
            .out
            .contains("kc.db-password =  ******* (KC_DB_PASSWORD)"),
        "{ended:?}"
    );
    assert!(
        ended.err.contains("did you mean KC_DB_PASSWORD?"),
        "{ended:?}"
    );
    assert!(!format!("{ended:?}").contains("hunter2"), "{ended:?}");
}

#[test]
fn what_has_no_effect_yet_is_said() {
    let ended = run(&mut command(
        &Home::new(),
        &["build", "--cache=ispn", "-Dx=y"],
    ));
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let text = "WARNING: option cache (command line) is accepted but has no effect yet";
    assert!(ended.err.contains(text), "{ended:?}");
    assert!(
        ended.err.contains("arguments for a Java machine"),
        "{ended:?}"
    );
}

#[test]
fn the_log_can_be_json_and_has_levels() {
    let home = Home::new();
    let options = [
        "--db=dev-mem",
        "--log-console-output=json",
        "--log-level=info",
    ];
    let server = Server::start(&home, &options);
    let line: serde_json::Value = serde_json::from_str(server.seen.last().unwrap()).unwrap();
    assert_eq!(line["level"], "INFO");
    assert_eq!(line["loggerName"], "claviger");
    assert!(
        line["message"].as_str().unwrap().contains("Listening on: "),
        "{line}"
    );
}
