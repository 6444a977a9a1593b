//! What is logged, where to, and how.

use tracing::level_filters::LevelFilter;

use super::*;
use crate::logging::{Form, Kind, Layout, Pattern, Protocol};
use crate::settings::logging::{Logging, Taker, Way};

fn logging(options: &[(&str, &str)]) -> Logging {
    settings(Mode::Development, options).logging
}

fn refused(options: &[(&str, &str)]) -> String {
    check(Mode::Development, options).unwrap_err().0
}

fn taker(logging: &Logging, is: impl Fn(&Way) -> bool) -> &Taker {
    logging.takers.iter().find(|taker| is(&taker.way)).unwrap()
}

#[test]
fn levels_are_read() {
    let logging = logging(&[
        ("log-level", "WARN,org.keycloak.events:debug,a:off"),
        ("log-level-a", "trace"),
        ("log-console-level", "error"),
        ("log-console-output", "json"),
    ]);
    assert_eq!(logging.root, LevelFilter::WARN);
    assert_eq!(
        logging.categories["org.keycloak.events"],
        LevelFilter::DEBUG
    );
    assert_eq!(logging.categories["a"], LevelFilter::TRACE);
    assert_eq!(logging.takers.len(), 1);
    assert_eq!(logging.takers[0].level, LevelFilter::ERROR);
    assert_eq!(logging.takers[0].form, Form::Json(Layout::Default));
}

#[test]
fn lines_go_to_the_console_at_once_if_nothing_is_said() {
    let logging = logging(&[]);
    let [console] = logging.takers.as_slice() else {
        panic!("{logging:?}")
    };
    assert_eq!((console.level, console.queue), (LevelFilter::TRACE, None));
    assert_eq!(console.way, Way::Console);
    assert_eq!(logging.context, [""; 0]);
}

#[test]
fn a_file_has_its_place_and_its_elders() {
    let at = |path: &str| {
        let options = [("log", "file,console"), ("log-file", path)];
        let logging = logging(&options);
        let file = taker(&logging, |way| matches!(way, Way::File { .. }));
        let Way::File { path, rotation } = file.way.clone() else {
            panic!()
        };
        (path.to_string_lossy().into_owned(), rotation.unwrap())
    };
    let (path, rotation) = at("/var/log/kc/");
    assert_eq!(path, "/var/log/kc/keycloak.log");
    assert_eq!((rotation.largest, rotation.keep), (10 << 20, 5));
    assert!(rotation.on_start && rotation.suffix.is_none());
    assert_eq!(at("kc.log").0, "kc.log");
    let usual = logging(&[("log", "file")]);
    let [file] = usual.takers.as_slice() else {
        panic!()
    };
    let Way::File { path, .. } = &file.way else {
        panic!()
    };
    assert!(
        path.is_absolute() && path.ends_with("data/log/keycloak.log"),
        "{path:?}"
    );
}

#[test]
fn syslog_is_read_with_the_defaults_of_its_protocol() {
    let logging = logging(&[
        ("log", "syslog"),
        ("log-syslog-endpoint", "[::1]:6514"),
        ("log-syslog-protocol", "udp"),
        ("log-syslog-type", "rfc3164"),
        ("log-syslog-output", "json"),
        ("log-syslog-json-format", "ecs"),
    ]);
    let [syslog] = logging.takers.as_slice() else {
        panic!()
    };
    let Way::Syslog(server) = &syslog.way else {
        panic!()
    };
    assert_eq!((server.host.as_str(), server.port), ("::1", 6514));
    assert_eq!(
        (server.protocol, server.kind),
        (Protocol::Udp, Kind::Rfc3164)
    );
    assert_eq!((server.counted, server.longest), (false, 1024));
    assert_eq!(syslog.form, Form::Json(Layout::Ecs));
    assert_eq!(syslog.queue, Some(512), "nobody waits for a network");
}

#[test]
fn what_is_known_of_a_request_is_shown_if_that_is_wanted() {
    let options = [
        ("log-mdc-enabled", "true"),
        ("log-mdc-keys", "clientId,realmName,org"),
    ];
    let shown = logging(&options);
    assert_eq!(shown.context, ["kc.realmName", "kc.clientId"]);
    let pattern = |text: &str| Form::Text(Pattern::parse(text).unwrap());
    let usual = "%d{yyyy-MM-dd HH:mm:ss,SSS} %X %-5p [%c] (%t) %s%e%n";
    assert_eq!(shown.takers[0].form, pattern(usual));
    let own = [options[0], ("log-console-format", "%s%n")];
    assert_eq!(logging(&own).takers[0].form, pattern("%s%n"));
}

#[test]
fn what_makes_no_sense_is_refused() {
    for (options, named) in [
        (
            [("log-console-format", "%q"), ("log", "console")],
            "log-console-format",
        ),
        (
            [("log-file-rotation-max-file-size", "1X"), ("log", "file")],
            "max-file-size",
        ),
        (
            [
                ("log-file-rotation-max-backup-index", "-1"),
                ("log", "file"),
            ],
            "max-backup-index",
        ),
        (
            [
                ("log-file-rotation-file-suffix", ".yyyy.gz"),
                ("log", "file"),
            ],
            "file-suffix",
        ),
        (
            [("log-syslog-endpoint", "nowhere"), ("log", "syslog")],
            "log-syslog-endpoint",
        ),
        (
            [("log-file-level", "loud"), ("log", "file")],
            "log-file-level",
        ),
        (
            [("log-level", "loud"), ("log", "console")],
            "Invalid log category",
        ),
    ] {
        let told = refused(&options);
        assert!(told.contains(named), "{options:?}: {told}");
    }
}

#[test]
fn settings_of_a_handler_that_is_not_there_are_told() {
    let (_, notices) = check(Mode::Development, &[("log-file", "/tmp/x.log")]).unwrap();
    assert_eq!(notices.len(), 1, "{notices:?}");
    assert!(
        notices[0].contains("log-file") && notices[0].contains("no effect"),
        "{notices:?}"
    );
}
