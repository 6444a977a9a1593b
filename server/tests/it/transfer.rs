//! Realms carried in and out.

use crate::program::{Home, Server, command, run};

const SHOP: &str = r#"{
    "realm": "shop", "enabled": true, "sslRequired": "${SSL:none}",
    "clients": [{"clientId": "web", "publicClient": true, "directAccessGrantsEnabled": true}],
    "users": [{
        "username": "ann", "enabled": true, "email": "ann@example.com",
        "firstName": "Ann", "lastName": "Other", "emailVerified": true,
        "credentials": [{"type": "password", "value": "${ANN_PASSWORD}"}]
    }]
}"#;

fn login(server: &Server, password: &str) -> u16 {
    let form = [
        ("grant_type", "password"),
        ("client_id", "web"),
        ("username", "ann"),
        ("password", password),
    ];
    server
        .post("/realms/shop/protocol/openid-connect/token", &form)
        .status
}

#[test]
fn a_realm_goes_in_by_command_and_out_and_in_elsewhere() {
    let home = Home::new();
    let file = home.write("shop.json", SHOP);
    let file = format!("--file={}", file.display());
    let ended = run(command(&home, &["import", &file]).env("ANN_PASSWORD", "pw"));
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.out.contains("Realm 'shop' imported"), "{ended:?}");
    let server = Server::start(&home, &[]);
    assert_eq!(login(&server, "pw"), 200);
    server.stop();

    let dir = home.path().join("out");
    let to = format!("--dir={}", dir.display());
    let ended = run(&mut command(&home, &["export", &to, "--realm=shop"]));
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let mut names: Vec<String> = std::fs::read_dir(&dir)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["shop-realm.json", "shop-users-0.json"]);

    let elsewhere = Home::new();
    let ended = run(&mut command(&elsewhere, &["import", &to]));
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let server = Server::start(&elsewhere, &[]);
    assert_eq!(login(&server, "pw"), 200);
    server.stop();
}

#[test]
fn an_import_replaces_unless_told_otherwise() {
    let home = Home::new();
    let file = home.write("shop.json", SHOP);
    let file = format!("--file={}", file.display());
    for (more, password, said) in [
        ("--override=true", "first", "Realm 'shop' imported"),
        (
            "--override=false",
            "second",
            "Realm 'shop' already exists. Import skipped",
        ),
        ("--override=true", "third", "Realm 'shop' imported"),
    ] {
        let ended = run(command(&home, &["import", &file, more]).env("ANN_PASSWORD", password));
        assert_eq!(ended.code, Some(0), "{ended:?}");
        assert!(ended.out.contains(said), "{ended:?}");
    }
    let server = Server::start(&home, &[]);
    assert_eq!(
        (login(&server, "second"), login(&server, "third")),
        (400, 200)
    );
}

#[test]
fn a_broken_file_changes_nothing() {
    let home = Home::new();
    let good = home.write("good.json", SHOP);
    let bad = home.write("bad.json", &SHOP.replace("\"web\"", "{}"));
    let file = |path: &std::path::Path| format!("--file={}", path.display());
    let ended = run(command(&home, &["import", &file(&good)]).env("ANN_PASSWORD", "pw"));
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let ended = run(command(&home, &["import", &file(&bad)]).env("ANN_PASSWORD", "pw"));
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.err.contains("bad.json"), "{ended:?}");
    let server = Server::start(&home, &[]);
    assert_eq!(login(&server, "pw"), 200);
}

#[test]
fn realms_are_imported_at_the_start_and_kept_afterwards() {
    let home = Home::new();
    home.write("data/import/shop.json", SHOP);
    let start = |password: &str| {
        let options = [
            "start-dev",
            "--http-host=127.0.0.1",
            "--http-port=0",
            "--import-realm",
        ];
        Server::of(command(&home, &options).env("ANN_PASSWORD", password))
    };
    let server = start("first");
    assert_eq!(login(&server, "first"), 200);
    server.stop();
    let server = start("second");
    assert!(
        server
            .seen
            .iter()
            .any(|line| line.contains("Import skipped")),
        "{:#?}",
        server.seen
    );
    assert_eq!(login(&server, "first"), 200);
    server.stop();
}

#[test]
fn one_file_holds_everything() {
    let home = Home::new();
    let file = home.path().join("all.json");
    let to = format!("--file={}", file.display());
    let missing = run(&mut command(&home, &["import", &to]));
    assert_eq!(missing.code, Some(1), "{missing:?}");
    Server::start(&home, &[]).stop();
    let ended = run(&mut command(&home, &["export", &to]));
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let realms: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
    assert_eq!(realms[0]["realm"], "master");
    assert_eq!(realms[0]["users"][0]["username"], "admin");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(&file).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{mode:o}");
    }
}
