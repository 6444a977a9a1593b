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
fn what_has_no_effect_is_said() {
    let ended = run(&mut command(
        &Home::new(),
        &["build", "--cache=ispn", "-Dx=y"],
    ));
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let text = "WARNING: option cache (command line) has no effect here: nodes share the database";
    assert!(ended.err.contains(text), "{ended:?}");
    assert!(
        ended.err.contains("arguments for a Java machine"),
        "{ended:?}"
    );
}

#[test]
fn the_configuration_is_shown_with_and_without_what_nobody_gave() {
    let home = Home::new();
    home.write("conf/keycloak.conf", "db=dev-mem\n");
    let shown = |arguments: &[&str]| {
        let ended = run(command(&home, arguments).env("KC_HTTP_PORT", "1234"));
        assert_eq!(ended.code, Some(0), "{ended:?}");
        ended.out
    };
    let given = shown(&["show-config"]);
    assert!(given.starts_with("Current Configuration:\n"), "{given}");
    assert!(
        given.contains("\tkc.db =  dev-mem (configuration file)\n"),
        "{given}"
    );
    assert!(
        given.contains("\tkc.http-port =  1234 (KC_HTTP_PORT)\n"),
        "{given}"
    );
    assert!(!given.contains("https-port"), "{given}");
    let all = shown(&["show-config", "all"]);
    assert!(all.contains("\tkc.https-port =  8443 (default)\n"), "{all}");
    assert!(
        all.contains("\tkc.https-key-store-password =  ******* (default)\n"),
        "{all}"
    );
}

#[test]
fn shells_complete_what_is_typed() {
    for arguments in [["completion", "zsh"], ["tools", "completion"]] {
        let ended = run(&mut command(&Home::new(), &arguments));
        assert_eq!(ended.code, Some(0), "{ended:?}");
        assert!(ended.out.contains("bootstrap-admin"), "{arguments:?}");
        assert_eq!(ended.err, "");
    }
}

#[test]
fn options_are_kept_in_a_key_store() {
    use p12_keystore::secret::{Secret, SecretKeyType};
    use p12_keystore::{KeyStore, KeyStoreEntry};
    let home = Home::new();
    let mut store = KeyStore::new();
    for (name, value) in [("kc.db-password", "hunter2"), ("kc.hostname", "id.example")] {
        let secret = Secret::builder(SecretKeyType::Aes)
            .with_key(value.as_bytes().to_vec())
            .with_local_key_id(name.as_bytes())
            .build()
            .unwrap();
        store.add_entry(name, KeyStoreEntry::Secret(secret));
    }
    let path = home.path().join("options.p12");
    std::fs::write(&path, store.writer("changeit").write().unwrap()).unwrap();
    let option = format!("--config-keystore={}", path.display());
    let ended =
        run(command(&home, &["show-config", &option])
            .env("KC_CONFIG_KEYSTORE_PASSWORD", "changeit"));
    assert!(
        ended
            .out
            .contains("\tkc.db-password =  ******* (config-keystore)"),
        "{ended:?}"
    );
    assert!(
        ended
            .out
            .contains("\tkc.hostname =  id.example (config-keystore)"),
        "{ended:?}"
    );
    let refused =
        run(command(&home, &["show-config", &option]).env("KC_CONFIG_KEYSTORE_PASSWORD", "x"));
    assert!(refused.err.contains("the password is wrong"), "{refused:?}");
    let refused = run(&mut command(&home, &["show-config", &option]));
    assert_eq!(refused.code, Some(2), "{refused:?}");
    assert!(
        refused
            .err
            .contains("config-keystore-password must be specified"),
        "{refused:?}"
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

#[test]
fn slow_writes_are_logged_by_name() {
    // To make the master realm takes longer than this on any disk.
    let server = Server::start(&Home::new(), &["--db-log-slow-queries-threshold=1"]);
    let slow = "INFO  [org.hibernate.SQL_SLOW]";
    let told = server
        .seen
        .iter()
        .any(|line| line.contains(slow) && line.contains("[a write]"));
    assert!(told, "{:#?}", server.seen);
}
