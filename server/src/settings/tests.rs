mod administrators;
mod https;
mod logging;
mod traces;

use std::time::Duration;

use claviger_store::{Database, Tls, Verification};
use tracing::level_filters::LevelFilter;

use super::raw::Sources;
use super::*;

/// Options, as name and value.
type Options<'a> = &'a [(&'a str, &'a str)];

/// Checks options as arguments of a command.
fn check(mode: Mode, options: &[(&str, &str)]) -> Result<(Settings, Vec<String>), UsageError> {
    let pair = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    let arguments: Vec<(String, String)> = options.iter().map(pair).collect();
    let table = Table::load();
    let mut notices = Notices::default();
    let sources = Sources {
        arguments: &arguments,
        home: "/kc",
        ..Sources::default()
    };
    let mut raw = RawOptions::gather(&table, &sources, &mut notices)?;
    legacy::apply(&mut raw, &table, &[], &mut notices)?;
    let settings = Settings::check(&raw, &table, mode, Path::new("/kc"), &mut notices)?;
    Ok((settings, notices.lines().map(str::to_owned).collect()))
}

fn settings(mode: Mode, options: &[(&str, &str)]) -> Settings {
    check(mode, options).unwrap().0
}

fn refusal(mode: Mode, options: &[(&str, &str)]) -> String {
    match check(mode, options) {
        Err(error) => error.to_string(),
        Ok((settings, _)) => panic!("{options:?}: {settings:?}"),
    }
}

#[test]
fn development_needs_no_options() {
    let (settings, notices) = check(Mode::Development, &[]).unwrap();
    assert_eq!(notices, Vec::<String>::new());
    let http = Http {
        host: "localhost".into(),
        port: Some(8080),
        https: None,
        max_requests: None,
    };
    assert_eq!(settings.http, http);
    assert_eq!(settings.hostname, Hostname::OfRequest);
    assert_eq!(settings.mounts.paths(), ["/auth", ""]);
    assert_eq!(settings.management, None);
    assert_eq!(settings.proxy, None);
    assert_eq!(settings.logging.root, LevelFilter::INFO);
    let shutdown = Shutdown {
        delay: Duration::from_secs(1),
        timeout: Duration::from_secs(10),
    };
    assert_eq!(settings.shutdown, shutdown);
    let Database::Sqlite { path } = settings.database.database else {
        panic!()
    };
    assert_eq!(path, Path::new("/kc/data/claviger.db"));
    assert!(settings.bootstrap.user.is_none());
}

#[test]
fn production_asks_for_a_host_name_and_for_plain_http() {
    let text = refusal(Mode::Production, &[("http-enabled", "true")]);
    assert_eq!(
        text,
        "hostname is not configured; either configure hostname, or set hostname-strict to false"
    );
    let text = refusal(Mode::Production, &[("hostname", "id.example")]);
    assert!(
        text.starts_with("Key material not provided to setup HTTPS. ")
            && text.contains("start-dev"),
        "{text}"
    );

    let sound = [
        ("hostname", "https://id.example"),
        ("http-enabled", "true"),
        ("proxy-headers", "xforwarded"),
        ("db", "dev-file"),
    ];
    let (settings, notices) = check(Mode::Production, &sound).unwrap();
    assert_eq!(settings.http.host, "0.0.0.0");
    assert_eq!(notices, Vec::<String>::new());

    let open = [
        ("hostname", "id.example"),
        ("http-enabled", "true"),
        ("db", "dev-mem"),
    ];
    let (_, notices) = check(Mode::Production, &open).unwrap();
    assert!(
        notices.iter().any(|line| line.contains("plain HTTP")),
        "{notices:?}"
    );

    let any = [("hostname-strict", "false"), ("http-enabled", "true")];
    let (_, notices) = check(Mode::Production, &any).unwrap();
    assert!(
        notices
            .iter()
            .any(|line| line.contains("explicitly set the db")),
        "{notices:?}"
    );
}

#[test]
fn base_paths_follow_what_is_asked_for() {
    let cases: &[(Options<'_>, &[&str])] = &[
        (&[], &["/auth", ""]),
        (&[("hostname", "id.example")], &[""]),
        (&[("http-relative-path", "/auth")], &["/auth"]),
        (&[("http-relative-path", "/")], &[""]),
        (&[("http-relative-path", "sso/")], &["/sso"]),
        (&[("hostname", "https://id.example")], &[""]),
        (&[("hostname", "https://id.example/auth")], &["/auth", ""]),
        (
            &[
                ("hostname", "https://id.example/x"),
                ("http-relative-path", "/y"),
            ],
            &["/y"],
        ),
    ];
    for (options, paths) in cases {
        let settings = settings(Mode::Development, options);
        assert_eq!(settings.mounts.paths(), *paths, "{options:?}");
    }
}

#[test]
fn databases_are_read() {
    let base = [
        ("db", "postgres"),
        ("db-username", "kc"),
        ("db-password", "pw"),
    ];
    let server = |more: &[(&str, &str)]| {
        let options: Vec<(&str, &str)> = base.iter().chain(more).copied().collect();
        match settings(Mode::Development, &options).database.database {
            Database::Postgres(server) => server,
            Database::Sqlite { .. } | Database::SqliteMemory | Database::Mysql(_) => panic!(),
        }
    };
    let usual = server(&[]);
    assert_eq!(
        (usual.host.as_str(), usual.port, usual.database.as_str()),
        ("localhost", 5432, "keycloak")
    );
    assert_eq!(
        (usual.user.as_str(), usual.password.reveal(), usual.tls),
        ("kc", "pw", Tls::Disabled)
    );

    let parts = server(&[
        ("db-url-host", "db.example"),
        ("db-url-port", "6543"),
        ("db-url-database", "x"),
        ("db-schema", "s"),
        ("db-tls-mode", "verify-server"),
        ("db-tls-trust-store-file", "/ca.pem"),
    ]);
    assert_eq!(
        (parts.host.as_str(), parts.port, parts.database.as_str()),
        ("db.example", 6543, "x")
    );
    assert_eq!(parts.schema.as_deref(), Some("s"));
    assert_eq!(parts.tls, Tls::VerifyServer(Verification::default()));

    let url = server(&[(
        "db-url",
        "jdbc:aws-wrapper:postgresql://u/d?user=a&password=b",
    )]);
    assert_eq!((url.host.as_str(), url.user.as_str()), ("u", "kc"));

    for vendor in ["mysql", "mariadb"] {
        let database = settings(Mode::Development, &[("db", vendor)]).database;
        let Database::Mysql(server) = database.database else {
            panic!("{vendor}")
        };
        assert_eq!(server.port, 3306);
    }
    let memory = settings(
        Mode::Development,
        &[("db", "dev-mem"), ("db-pool-max-size", "5")],
    );
    assert!(matches!(memory.database.database, Database::SqliteMemory));
    assert_eq!(memory.database.pool_size, 5);
}

#[test]
fn databases_that_cannot_be_are_refused_and_say_why() {
    let cases: &[(Options<'_>, &str)] = &[
        (&[("db", "oracle")], "oracle is not supported"),
        (&[("db", "tidb")], "tidb is not supported"),
        (
            &[("db", "sqlserver")],
            "Expected values are: dev-file, dev-mem",
        ),
        (
            &[("db-url", "jdbc:postgresql://h/d")],
            "set db to postgres as well",
        ),
        (&[("db-url", "jdbc:h2:mem:x")], "there is no H2 here"),
        (
            &[("db", "postgres"), ("db-url", "jdbc:mysql://h/d")],
            "set db to mysql or mariadb",
        ),
        (
            &[("db", "postgres"), ("db-mtls-key-store-file", "/x")],
            "needs db-tls-mode=verify-server",
        ),
        (
            &[
                ("db-tls-trust-store-file", "/x"),
                ("db-tls-trust-store-type", "JKS"),
            ],
            "keytool -importkeystore",
        ),
        (
            &[("db-pool-max-size", "0")],
            "Expected a whole number above zero",
        ),
        (&[("db-pool-max-size", "5000")], "at most 1000"),
    ];
    refused(cases);
}

/// Checks that each case is refused with a text that has this in it.
fn refused(cases: &[(Options<'_>, &str)]) {
    for (options, why) in cases {
        let text = refusal(Mode::Development, options);
        assert!(text.contains(why), "{options:?}: {text}");
    }
}

#[test]
fn hosts_that_differ_need_a_url_of_their_own() {
    let cases: &[(Options<'_>, &str)] = &[
        (
            &[("hostname-admin", "https://a")],
            "hostname must be set to a URL when hostname-admin is set",
        ),
        (
            &[("hostname", "https://a"), ("hostname-admin", "a")],
            "hostname-admin is not a valid URL",
        ),
        (
            &[("hostname", "a"), ("hostname-backchannel-dynamic", "true")],
            "is not provided as full URL",
        ),
    ];
    for (options, text) in cases {
        let refusal = refusal(Mode::Development, options);
        assert!(refusal.contains(text), "{options:?}: {refusal}");
    }
}

#[test]
fn values_that_cannot_be_are_refused_and_say_why() {
    let cases: &[(Options<'_>, &str)] = &[
        (
            &[("https-certificate-file", "/x")],
            "You must specify the key files when specifying the certificate files",
        ),
        (&[("vault", "file")], "given without vault-dir"),
        (
            &[("vault", "keystore"), ("vault-file", "/x")],
            "given without vault-pass",
        ),
        (
            &[
                ("vault", "keystore"),
                ("vault-file", "/x"),
                ("vault-pass", "p"),
                ("vault-type", "JKS"),
            ],
            "keytool -importkeystore",
        ),
        (
            &[
                ("vault", "file"),
                ("vault-dir", "/x"),
                ("spi-vault--file--key-resolvers", "FOO"),
            ],
            "there are REALM_UNDERSCORE_KEY",
        ),
        (&[("fips-mode", "strict")], "would be a lie"),
        (&[("proxy-protocol-enabled", "true")], "use --proxy-headers"),
        (
            &[("proxy-headers", "foo")],
            "Expected values are: forwarded, xforwarded",
        ),
        (
            &[("proxy-trusted-addresses", "x")],
            "nor valid CIDR notation",
        ),
        (&[("http-port", "abc")], "got \"abc\""),
        (&[("http-port", "65536")], "got \"65536\""),
        (
            &[("http-enabled", "yes")],
            "Expected values are: true, false",
        ),
        (
            &[("shutdown-timeout", "foo")],
            "Invalid duration format 'foo'",
        ),
        (&[("shutdown-timeout", "2d")], "at most one day"),
        (
            &[("hostname", "a b")],
            "neither a plain hostname nor a valid URL",
        ),
        (&[("http-relative-path", "/a;b")], "Expected a path"),
        (&[("log-level", "foo")], "Invalid log category format: foo."),
        (
            &[("log-level", "a:b:c")],
            "Invalid log category format: a:b:c.",
        ),
        (
            &[("log-level-x", "loud")],
            "Invalid log category format: loud.",
        ),
        (&[("cache", "redis")], "Expected values are: ispn, local"),
        (&[("cache-remote-port", "x")], "Expected an integer value"),
    ];
    refused(cases);
}

#[test]
fn what_has_no_effect_is_told_once_with_the_reason() {
    let options = [
        ("cache-stack", "kubernetes"),
        ("cache-remote-host", "x"),
        ("spi-x--y--z", "secret!"),
    ];
    let (_, notices) = check(Mode::Development, &options).unwrap();
    let expected = [
        "option spi-x--y--z (command line) has no effect here: no part here has this setting; \
         extensions in Java do not run",
        "options cache-remote-host (command line), cache-stack (command line) have no effect here: \
         there is no Infinispan: nodes share the database and nothing else",
    ];
    assert_eq!(notices, expected);
}

#[test]
fn defaults_are_accepted_whatever_becomes_of_the_option() {
    let options = [
        ("https-client-auth", "none"),
        ("fips-mode", "disabled"),
        ("https-port", "8443"),
    ];
    let (_, notices) = check(Mode::Development, &options).unwrap();
    assert_eq!(notices, Vec::<String>::new());
}

#[test]
fn options_of_listeners_do_not_stop_commands_that_serve_nobody() {
    let options = [("https-certificate-file", "/x"), ("db", "dev-mem")];
    assert!(check(Mode::Offline, &options).is_ok());
    assert!(check(Mode::Offline, &[("vault", "file")]).is_err());
}

#[test]
fn the_management_listener_follows_health_and_metrics() {
    let management = |options: &[(&str, &str)]| settings(Mode::Development, options).management;
    assert_eq!(management(&[]), None);
    let usual = Management {
        host: "localhost".into(),
        port: 9000,
        path: String::new(),
        tls: None,
    };
    assert_eq!(
        management(&[("health-enabled", "true")]),
        Some(usual.clone())
    );
    assert_eq!(management(&[("metrics-enabled", "true")]), Some(usual));
    let options = [
        ("metrics-enabled", "true"),
        ("http-host", "10.0.0.1"),
        ("http-relative-path", "/auth"),
        ("http-management-port", "0"),
    ];
    let inherited = Management {
        host: "10.0.0.1".into(),
        port: 0,
        path: "/auth".into(),
        tls: None,
    };
    assert_eq!(management(&options), Some(inherited));
    let on_main = [
        ("health-enabled", "true"),
        ("http-management-health-enabled", "false"),
    ];
    assert_eq!(management(&on_main), None);
    assert_eq!(
        settings(Mode::Development, &on_main).observe.health,
        Some(Port::Public)
    );
}

#[test]
fn the_queue_adds_to_the_pool() {
    let options = [
        ("http-max-queued-requests", "10"),
        ("http-pool-max-threads", "5"),
    ];
    assert_eq!(
        settings(Mode::Development, &options).http.max_requests,
        Some(15)
    );
    assert_eq!(
        settings(Mode::Development, &options[1..]).http.max_requests,
        None
    );
}

#[test]
fn patience_with_the_database_is_as_asked_for() {
    let database = |mode, options: &[(&str, &str)]| settings(mode, options).database;
    let usual = database(Mode::Development, &[]);
    assert_eq!(usual.slow, Some(Duration::from_secs(10)));
    assert_eq!(usual.connect_timeout, Duration::from_secs(10));
    let asked = [
        ("db-connect-timeout", "3"),
        ("db-pool-max-lifetime", "30m"),
        ("db-pool-acquisition-timeout", "2s"),
        ("db-log-slow-queries-threshold", "0"),
        ("transaction-default-timeout", "PT1M"),
        ("transaction-setup-timeout", "1h"),
    ];
    let serving = database(Mode::Development, &asked);
    assert_eq!(serving.connect_timeout, Duration::from_secs(3));
    assert_eq!(serving.connection_lifetime, Some(Duration::from_mins(30)));
    assert_eq!(serving.acquire_timeout, Duration::from_secs(2));
    assert_eq!(serving.slow, None);
    assert_eq!(serving.write_timeout, Duration::from_mins(1));
    assert_eq!(serving.read_timeout, Duration::from_mins(1));
    let offline = database(Mode::Offline, &asked);
    assert_eq!(offline.write_timeout, Duration::from_hours(1));
}

#[test]
fn a_file_that_is_not_there_is_told() {
    let environment = [(
        "KEYCLOAK_PASSWORD_FILE".to_owned(),
        "/no/such/file".to_owned(),
    )];
    let mut raw = RawOptions::default();
    let (table, mut notices) = (Table::load(), Notices::default());
    let error = legacy::apply(&mut raw, &table, &environment, &mut notices).unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("KEYCLOAK_PASSWORD_FILE: /no/such/file:"),
        "{error}"
    );
}

#[test]
fn transfers_name_one_place() {
    use super::transfer::{Place, Users};
    let transfer = |options: &[(&str, &str)]| settings(Mode::Offline, options).transfer;
    assert_eq!(
        transfer(&[("file", "x")]).place().unwrap(),
        Place::File("x".into())
    );
    let dir = transfer(&[("dir", "d"), ("users", "skip"), ("override", "false")]);
    assert_eq!(dir.place().unwrap(), Place::Dir("d".into()));
    assert_eq!(
        (dir.users, dir.users_per_file, dir.replace),
        (Users::Skip, 50, false)
    );
    assert!(transfer(&[]).place().is_err());
    assert!(transfer(&[("dir", "d"), ("file", "x")]).place().is_err());
    let text = refusal(Mode::Offline, &[("file", "x"), ("users", "skip")]);
    assert!(text.contains("'same_file'"), "{text}");
}

#[test]
fn nothing_secret_is_printed() {
    let options = [
        ("db", "postgres"),
        ("db-password", "hunter2"),
        ("bootstrap-admin-password", "hunter2"),
    ];
    assert!(!format!("{:?}", settings(Mode::Development, &options)).contains("hunter2"));
}
