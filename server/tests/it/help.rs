//! The pages of help keep what they promise: every request that a page shows is played.

pub mod curl;
mod walk;
mod world;

use claviger_surface::Help;

use crate::http;
use crate::program::{Home, Server};
use world::World;

/// Pages of which no refusal can be made at will.
const UNPLAYED: [Help; 2] = [Help::Busy, Help::Failed];
/// Pages whose way out leads through a browser, or is another server's to go: its token is signed there.
const BY_OTHERS: [Help; 2] = [Help::CodeInvalid, Help::SignalEvent];
/// Pages for the log alone, and those to which the caller is sent.
const LOG_ONLY: [(Help, Help); 5] = [
    (Help::ClientDisabled, Help::ClientNotAccepted),
    (Help::ClientMethodDiffers, Help::ClientNotAccepted),
    (Help::ClientSecretUnusable, Help::ClientSecretWrong),
    (Help::AccountLocked, Help::UserCredentialsWrong),
    (Help::TokenRevoked, Help::AccessTokenNotAccepted),
];

/// The page that an answer points to, without the place on it.
pub fn pointed(answer: &http::Answer) -> Option<String> {
    let link = answer.header("link")?;
    let address = link.strip_prefix('<')?.strip_suffix(">; rel=\"help\"")?;
    let (_, page) = address.split_once("/help/errors/")?;
    Some(page.split('#').next().unwrap_or(page).to_owned())
}

/// The scripts of a page: those that are refused, and those that work.
pub fn scripts(page: &str) -> (Vec<String>, Vec<String>) {
    let (mut refused, mut works) = (Vec::new(), Vec::new());
    let mut heading = "";
    let mut script: Option<String> = None;
    for line in page.lines() {
        match (&mut script, line) {
            (None, "```sh") => script = Some(String::new()),
            (Some(_), "```") => {
                let done = script.take().unwrap();
                let list = if heading == "## Refused" {
                    &mut refused
                } else {
                    &mut works
                };
                list.push(done);
            }
            (Some(text), line) => {
                text.push_str(line);
                text.push('\n');
            }
            (None, line) if line.starts_with("## ") => heading = line,
            (None, _) => {}
        }
    }
    (refused, works)
}

fn play(world: &mut World, page: &str, script: &str) -> Vec<http::Answer> {
    let address = world.server.address.clone();
    curl::commands(script, &mut |name| world.value(page, name))
        .iter()
        .map(|command| curl::play(command, &address))
        .collect()
}

#[test]
fn every_page_explains_the_refusal_that_leads_to_it_and_shows_a_request_that_works() {
    let home = Home::new();
    let mut world = World::new(Server::start(&home, &[]));
    for help in Help::ALL.iter().filter(|help| !UNPLAYED.contains(help)) {
        let slug = help.slug();
        let (refused, works) = scripts(help.markdown());
        assert_eq!(refused.len(), 1, "{slug}");
        assert!(!works.is_empty() || BY_OTHERS.contains(help), "{slug}");
        world.open(slug);
        let answers = play(&mut world, slug, &refused[0]);
        let [answer] = answers.as_slice() else {
            panic!("{slug}: {answers:?}")
        };
        let status = help.title().split(' ').next().unwrap();
        assert_eq!(answer.status.to_string(), status, "{slug}: {answer:?}");
        let log_only = LOG_ONLY.iter().find(|(page, _)| page == help);
        let expected = log_only.map_or(*help, |(_, told)| *told);
        assert_eq!(
            pointed(answer).as_deref(),
            Some(expected.slug()),
            "{answer:?}"
        );
        if log_only.is_some() {
            let address = &world.server.address;
            let line = format!("help=\"http://{address}/help/errors/{slug}\"");
            world.server.wait_for(&line);
        }
        for script in works {
            for answer in play(&mut world, slug, &script) {
                assert!(
                    (200..400).contains(&answer.status),
                    "{slug}: {script}{answer:?}"
                );
                assert_eq!(pointed(&answer), None, "{slug}: {script}{answer:?}");
            }
        }
    }
    world.server.stop();
}

#[test]
fn pages_are_shown_as_pages_ought_to_be() {
    let home = Home::new();
    let server = Server::start(&home, &[]);
    let address = server.address.clone();
    for base in ["", "/auth"] {
        let list = server.get(&format!("{base}/help"));
        assert_eq!(list.status, 200, "{list:?}");
        for help in Help::ALL {
            let path = format!("href=\"{base}/help/errors/{}\"", help.slug());
            assert!(list.body.contains(&path), "{path}");
        }
        let path = format!("{base}/help/errors/logout-with-access-token");
        let page = server.get(&path);
        assert_eq!(
            page.header("content-type"),
            Some("text/html; charset=utf-8")
        );
        assert_eq!(page.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(page.header("cache-control"), Some("no-cache"));
        let policy = page.header("content-security-policy").unwrap();
        assert!(
            policy.starts_with("default-src 'none'; style-src 'sha256-"),
            "{policy}"
        );
        assert!(
            page.body
                .contains(&format!("http://{address}{base}/realms/myrealm"))
        );
        let head = http::request(&address, "HEAD", &path, "", "");
        assert_eq!((head.status, head.body.as_str()), (200, ""));
        assert_eq!(head.header("etag"), page.header("etag"));
        let known = format!("If-None-Match: \"x\", {}\r\n", page.header("etag").unwrap());
        let again = http::request(&address, "GET", &path, &known, "");
        assert_eq!((again.status, again.body.as_str()), (304, ""));
        let written = server.get(&format!("{path}.md"));
        assert_eq!(
            written.header("content-type"),
            Some("text/markdown; charset=utf-8")
        );
        assert!(
            written.body.starts_with("# 401 invalid_client"),
            "{written:?}"
        );
    }
    let evil = server.get("/help/errors/%3Cscript%3Ealert(1)%3C%2Fscript%3E");
    assert_eq!(evil.status, 404, "{evil:?}");
    assert!(!evil.body.contains("script"), "{evil:?}");
    assert_eq!(http::request(&address, "POST", "/help", "", "").status, 405);
    server.stop();
}

#[test]
fn help_can_be_switched_off() {
    let home = Home::new();
    let mut server = Server::start(&home, &["--help-links=false"]);
    let refused = server.login("admin", "wrong");
    assert_eq!(refused.status, 400, "{refused:?}");
    assert_eq!(refused.header("link"), None, "{refused:?}");
    let line = server.wait_for("LOGIN_ERROR");
    assert!(!line.contains("help="), "{line}");
    for path in ["/help", "/help/errors/user-credentials-wrong", "/auth/help"] {
        assert_eq!(server.get(path).status, 404, "{path}");
    }
    server.stop();
}
