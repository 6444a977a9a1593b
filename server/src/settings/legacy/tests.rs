use std::path::Path;

use super::super::raw::Sources;
use super::super::{Mode, Settings};
use super::*;

/// What older variables and a configuration file come to, and what is said about it.
fn options(environment: &[(&str, &str)], file: &str) -> (RawOptions, Vec<String>) {
    let pair = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    let environment: Vec<(String, String)> = environment.iter().map(pair).collect();
    let (table, mut notices) = (Table::load(), Notices::default());
    let sources = Sources {
        environment: &environment,
        file,
        ..Sources::default()
    };
    let mut raw = RawOptions::gather(&table, &sources, &mut notices).unwrap();
    apply(&mut raw, &table, &environment, &mut notices).unwrap();
    (raw, notices.lines().map(str::to_owned).collect())
}

/// Variables and a file, and the options that they come to.
type Case<'a> = (&'a [(&'a str, &'a str)], &'a str, &'a [(&'a str, &'a str)]);

fn check(cases: &[Case<'_>]) {
    let table = Table::load();
    for (environment, file, expected) in cases {
        let (raw, notices) = options(environment, file);
        let found: Vec<(&str, &str)> = raw
            .iter()
            .filter(|(name, _)| {
                table
                    .find(name)
                    .is_some_and(|row| row.class != Class::Replaced)
            })
            .map(|(name, given)| (name, given.value.reveal()))
            .collect();
        assert_eq!(found, *expected, "{environment:?} {file}");
        let deprecated = notices.iter().any(|line| line.contains("deprecated"));
        assert!(
            deprecated || expected.is_empty(),
            "{environment:?}: {notices:?}"
        );
    }
}

#[test]
fn the_oldest_images_name_their_database() {
    check(&[
        (
            &[
                ("DB_VENDOR", "POSTGRES"),
                ("DB_ADDR", "db1"),
                ("DB_PORT", "5433"),
                ("DB_DATABASE", "kc"),
                ("DB_SCHEMA", "s"),
                ("DB_USER", "u"),
                ("DB_PASSWORD", "p"),
                ("JDBC_PARAMS", "connectTimeout=30"),
            ],
            "",
            &[
                ("db", "postgres"),
                ("db-password", "p"),
                ("db-schema", "s"),
                ("db-url-database", "kc"),
                ("db-url-host", "db1"),
                ("db-url-port", "5433"),
                ("db-url-properties", "?connectTimeout=30"),
                ("db-username", "u"),
            ],
        ),
        (
            &[
                ("MYSQL_ADDR", "db2"),
                ("MYSQL_USER", "u"),
                ("MYSQL_PASSWORD", "p"),
            ],
            "",
            &[
                ("db", "mysql"),
                ("db-password", "p"),
                ("db-url-host", "db2"),
                ("db-username", "u"),
            ],
        ),
        (
            &[("DB_VENDOR", "mariadb"), ("DB_ADDR", "db3")],
            "",
            &[
                ("db", "mariadb"),
                ("db-url-host", "db3"),
                ("db-username", "keycloak"),
            ],
        ),
        (
            &[("DB_VENDOR", "h2"), ("DB_USER", "x")],
            "",
            &[("db", "dev-file")],
        ),
    ]);
}

#[test]
fn variables_of_others_are_left_alone() {
    // Compose files share them with the database's own image.
    let others = [
        ("DB_PASSWORD", "p"),
        ("DB_USER", "u"),
        ("POSTGRES_USER", "u"),
        ("POSTGRES_PASSWORD", "p"),
    ];
    let (raw, notices) = options(&others, "");
    assert_eq!(raw.iter().count(), 0);
    assert_eq!(notices, Vec::<String>::new());

    let beside = [
        ("DB_VENDOR", "mysql"),
        ("DB_ADDR", "x"),
        ("DB_PASSWORD", "old"),
        ("KC_DB", "postgres"),
    ];
    let (raw, _) = options(&beside, "");
    assert_eq!(raw.iter().count(), 1);

    let (_, notices) = options(&[("DB_ADDR", "x")], "");
    assert_eq!(
        notices,
        ["variable DB_ADDR has no effect without KC_DB or DB_VENDOR"]
    );
}

#[test]
fn the_oldest_images_name_host_proxy_levels_and_files() {
    check(&[
        (
            &[("PROXY_ADDRESS_FORWARDING", "true")],
            "",
            &[("proxy-headers", "xforwarded")],
        ),
        (&[("PROXY_ADDRESS_FORWARDING", "false")], "", &[]),
        (
            &[("KEYCLOAK_FRONTEND_URL", "https://id.example/auth")],
            "",
            &[("hostname", "https://id.example/auth")],
        ),
        (
            &[("KEYCLOAK_HOSTNAME", "id.example")],
            "",
            &[("hostname", "id.example")],
        ),
        (
            &[
                ("KEYCLOAK_HOSTNAME", "id.example"),
                ("KEYCLOAK_ALWAYS_HTTPS", "true"),
            ],
            "",
            &[("hostname", "https://id.example/auth")],
        ),
        (
            &[
                ("KEYCLOAK_HOSTNAME", "id.example"),
                ("KEYCLOAK_HTTP_PORT", "8080"),
            ],
            "",
            &[("hostname", "http://id.example:8080/auth")],
        ),
        (
            &[("KEYCLOAK_LOGLEVEL", "DEBUG"), ("ROOT_LOGLEVEL", "WARN")],
            "",
            &[("log-level", "warn"), ("log-level-org.keycloak", "debug")],
        ),
        (
            &[("KEYCLOAK_STATISTICS", "all")],
            "",
            &[("metrics-enabled", "true")],
        ),
        (&[("BIND", "127.0.0.1")], "", &[("http-host", "127.0.0.1")]),
        (
            &[("X509_CA_BUNDLE", "/a.pem /b.pem")],
            "",
            &[("truststore-paths", "/a.pem,/b.pem")],
        ),
    ]);
    let (raw, notices) = options(&[("KEYCLOAK_IMPORT", "/a.json, /b.json")], "");
    assert_eq!(raw.imports(), ["/a.json", "/b.json"]);
    assert!(
        notices
            .iter()
            .any(|line| line.contains("use --import-realm")),
        "{notices:?}"
    );
}

#[test]
fn host_and_proxy_of_releases_before_25_are_read_as_they_were() {
    check(&[
        (
            &[("KC_PROXY", "edge")],
            "",
            &[("http-enabled", "true"), ("proxy-headers", "xforwarded")],
        ),
        (&[], "proxy=reencrypt", &[("proxy-headers", "xforwarded")]),
        (&[("KC_PROXY", "passthrough")], "", &[]),
        (
            &[("KC_PROXY", "edge"), ("KC_PROXY_HEADERS", "forwarded")],
            "http-enabled=false",
            &[("http-enabled", "false"), ("proxy-headers", "forwarded")],
        ),
        (
            &[
                ("KC_HOSTNAME_URL", "https://id.example"),
                ("KC_HOSTNAME_ADMIN_URL", "https://a.example"),
            ],
            "",
            &[
                ("hostname", "https://id.example"),
                ("hostname-admin", "https://a.example"),
            ],
        ),
        (
            &[
                ("KC_HOSTNAME", "id.example"),
                ("KC_HOSTNAME_PORT", "8443"),
                ("KC_HOSTNAME_PATH", "/auth"),
            ],
            "",
            &[("hostname", "https://id.example:8443/auth")],
        ),
        (
            &[
                ("KC_HOSTNAME", "id.example"),
                ("KC_HOSTNAME_PORT", "81"),
                ("KC_HOSTNAME_STRICT_HTTPS", "false"),
            ],
            "",
            &[("hostname", "http://id.example:81/")],
        ),
        (
            &[
                ("KC_HOSTNAME_STRICT_BACKCHANNEL", "false"),
                ("KC_HOSTNAME_URL", "https://id.example"),
            ],
            "",
            &[
                ("hostname", "https://id.example"),
                ("hostname-backchannel-dynamic", "true"),
            ],
        ),
    ]);
}

#[test]
fn a_proxy_mode_that_never_was_is_refused() {
    let table = Table::load();
    let file = Sources {
        file: "proxy=egde",
        ..Sources::default()
    };
    let mut raw = RawOptions::gather(&table, &file, &mut Notices::default()).unwrap();
    let error = apply(&mut raw, &table, &[], &mut Notices::default()).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("egde. Expected values are: none, edge"),
        "{error}"
    );
}

#[test]
fn every_variable_that_counts_names_an_option_and_the_others_a_reason() {
    let table = Table::load();
    for variable in variables() {
        let name = variable.name;
        assert!(!variable.about.is_empty(), "{name}");
        let known = table.find(variable.option).is_some();
        let imports = name == "KEYCLOAK_IMPORT";
        assert_eq!(known, variable.counts && !imports, "{name}");
        if !variable.counts {
            let (raw, notices) = options(&[(name, "x")], "");
            assert_eq!(raw.iter().count(), 0, "{name}");
            assert!(notices[0].contains("has no effect here"), "{name}");
        }
    }
}

#[test]
fn what_older_names_say_is_checked_as_if_it_had_the_new_one() {
    let (raw, _) = options(&[("DB_VENDOR", "oracle"), ("DB_ADDR", "x")], "");
    let (table, mut notices) = (Table::load(), Notices::default());
    let refused = Settings::check(
        &raw,
        &table,
        Mode::Development,
        Path::new("/kc"),
        &mut notices,
    );
    assert!(
        refused
            .unwrap_err()
            .to_string()
            .contains("oracle is not supported")
    );
}
