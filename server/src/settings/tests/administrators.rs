//! Who becomes the first administrator, by options and by variables of older releases.

use super::*;

/// Options, who becomes administrator, and how many lines are said.
type Administrator<'a> = (Options<'a>, Option<(&'a str, &'a str)>, usize);

#[test]
fn the_first_administrator_needs_a_password() {
    let bootstrap = |options: &[(&str, &str)]| check(Mode::Development, options).unwrap();
    let (settings, _) = bootstrap(&[("bootstrap-admin-password", "pw")]);
    let user = settings.bootstrap.user.unwrap();
    assert_eq!((user.0.as_str(), user.1.reveal()), ("temp-admin", "pw"));
    let (settings, notices) = bootstrap(&[("bootstrap-admin-username", "ann")]);
    assert!(settings.bootstrap.user.is_none());
    assert!(
        notices[0].contains("has no effect without bootstrap-admin-password"),
        "{notices:?}"
    );
    let (settings, _) = bootstrap(&[("bootstrap-admin-client-secret", "s")]);
    assert_eq!(settings.bootstrap.service.unwrap().0, "temp-admin");
}

#[test]
fn older_variables_name_the_first_administrator() {
    let file = std::env::temp_dir().join(format!("claviger-legacy-{}", std::process::id()));
    std::fs::write(&file, "from file\n").unwrap();
    let path = file.to_str().unwrap();
    let cases: &[Administrator<'_>] = &[
        (
            &[("KEYCLOAK_USER", "a"), ("KEYCLOAK_PASSWORD", "b")],
            Some(("a", "b")),
            2,
        ),
        (
            &[("KEYCLOAK_ADMIN", "a"), ("KEYCLOAK_ADMIN_PASSWORD", "b")],
            Some(("a", "b")),
            2,
        ),
        (
            &[("KEYCLOAK_USER", "a"), ("KEYCLOAK_PASSWORD_FILE", path)],
            Some(("a", "from file")),
            2,
        ),
        (
            &[
                ("KC_BOOTSTRAP_ADMIN_PASSWORD", "new"),
                ("KEYCLOAK_PASSWORD", "old"),
            ],
            Some(("temp-admin", "new")),
            1,
        ),
        (&[("KEYCLOAK_USER", "a")], None, 2),
        (&[], None, 0),
    ];
    for (variables, user, lines) in cases {
        let environment: Vec<(String, String)> = variables
            .iter()
            .map(|(name, value)| ((*name).into(), (*value).into()))
            .collect();
        let table = Table::load();
        let mut notices = Notices::default();
        let sources = Sources {
            environment: &environment,
            ..Sources::default()
        };
        let mut raw = RawOptions::gather(&table, &sources, &mut notices).unwrap();
        legacy::apply(&mut raw, &table, &environment, &mut notices).unwrap();
        let home = Path::new("/kc");
        let settings =
            Settings::check(&raw, &table, Mode::Development, home, &mut notices).unwrap();
        let found = settings.bootstrap.user;
        let found = found
            .as_ref()
            .map(|(name, secret)| (name.as_str(), secret.reveal()));
        assert_eq!(found, *user, "{variables:?}");
        assert_eq!(notices.lines().count(), *lines, "{variables:?}");
    }
    std::fs::remove_file(file).unwrap();
}
