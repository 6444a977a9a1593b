//! Refusals of every kind at every door: none is without help, and no help tells a secret.

use std::collections::BTreeSet;

use claviger_surface::Help;
use serde_json::json;

use super::pointed;
use super::world::World;
use crate::http;
use crate::program::{Home, Server};

const FORM: &str = "Content-Type: application/x-www-form-urlencoded\r\n";
const ENDPOINTS: [&str; 9] = [
    "/realms/myrealm/protocol/openid-connect/token",
    "/realms/myrealm/protocol/openid-connect/logout",
    "/realms/myrealm/protocol/openid-connect/revoke",
    "/realms/myrealm/protocol/openid-connect/token/introspect",
    "/realms/myrealm/protocol/openid-connect/userinfo",
    "/realms/myrealm/protocol/openid-connect/certs",
    "/realms/myrealm/.well-known/openid-configuration",
    "/realms/myrealm",
    "/realms/myrealm/protocol/openid-connect/nothing",
];
const ADMIN: [&str; 7] = [
    "/admin/realms",
    "/admin/realms/myrealm",
    "/admin/realms/myrealm/users",
    "/admin/realms/myrealm/users/nobody",
    "/admin/realms/myrealm/clients/nothing/roles",
    "/admin/realms/myrealm/events",
    "/admin/realms/nowhere/users",
];

/// Every way to ask that has a word to say, right or wrong.
fn bodies(token: &str) -> Vec<String> {
    let clients = [
        "",
        "&client_id=",
        "&client_id=nobody",
        "&client_id=myclient",
        "&client_id=myclient&client_secret=wrong",
        "&client_id=mypublicclient",
        "&client_id=myclient&client_assertion=x&client_assertion_type=y",
    ];
    let asked = [
        String::new(),
        "x=%".to_owned(),
        "grant_type=password&username=nobody&password=x".to_owned(),
        "grant_type=password&password=x".to_owned(),
        "grant_type=client_credentials&scope=nothing".to_owned(),
        "grant_type=refresh_token".to_owned(),
        format!("grant_type=refresh_token&refresh_token={token}"),
        "grant_type=authorization_code&code=x".to_owned(),
        "grant_type=urn:ietf:params:oauth:grant-type:token-exchange".to_owned(),
        "grant_type=urn:ietf:params:oauth:grant-type:jwt-bearer".to_owned(),
        "grant_type=urn:openid:params:grant-type:ciba".to_owned(),
        "grant_type=nothing".to_owned(),
        "token=x&token=y".to_owned(),
        format!("token={token}&token_type_hint=nothing"),
        "refresh_token=x".to_owned(),
        "id_token_hint=x".to_owned(),
        "post_logout_redirect_uri=https://elsewhere.example/".to_owned(),
    ];
    let all = asked
        .iter()
        .flat_map(|asked| clients.map(|client| format!("{asked}{client}")));
    all.collect()
}

/// Somebody who tries all doors.
struct Walker {
    address: String,
    seen: BTreeSet<Help>,
    refused: u32,
}

impl Walker {
    fn look(&mut self, method: &str, path: &str, more: &str, body: &str) {
        let answer = http::request(&self.address, method, path, more, body);
        if answer.status < 400 {
            return;
        }
        self.refused += 1;
        let asked = format!("{method} {path} {more}{body}");
        let page = pointed(&answer).unwrap_or_else(|| panic!("{asked}: {answer:?}"));
        let help = Help::from_slug(&page).unwrap_or_else(|| panic!("{asked}: {page}"));
        assert!(
            ![Help::Failed, Help::Busy].contains(&help),
            "{asked}: {answer:?}"
        );
        self.seen.insert(help);
    }

    fn protocols(&mut self, access: &str, forged: &str) {
        let (access, forged) = (bearer(access), bearer(forged));
        let page = "Origin: https://elsewhere.example\r\n";
        for path in ENDPOINTS {
            for method in ["GET", "PUT", "PATCH", "DELETE"] {
                self.look(method, path, "", "");
            }
            self.look("GET", &path.replace("myrealm", "nowhere"), "", "");
            self.look("POST", path, "Content-Type: application/json\r\n", "{}");
            for header in [
                "Basic !",
                "Basic bXljbGllbnQ=",
                "Bearer x",
                "Digest x",
                "Bearer",
                "",
            ] {
                self.look(
                    "POST",
                    path,
                    &format!("{FORM}Authorization: {header}\r\n"),
                    "token=x",
                );
            }
            for more in [&access.repeat(2), &forged, &format!("{access}{page}")] {
                self.look("GET", path, more, "");
            }
            let body = "client_id=mypublicclient&grant_type=password";
            self.look("POST", path, &format!("{FORM}{page}"), body);
        }
    }

    fn administration(&mut self, access: &str, forged: &str, admin: &str) {
        for path in ADMIN {
            for header in ["", "Bearer x", "Basic eDp5"] {
                self.look("GET", path, &format!("Authorization: {header}\r\n"), "");
            }
            for token in [access, forged] {
                self.look("GET", path, &bearer(token), "");
                self.look("DELETE", path, &bearer(token), "");
            }
            let more = bearer(admin);
            self.look("GET", path, &more, "");
            self.look("PATCH", path, &more, "");
            self.look(
                "POST",
                path,
                &format!("{more}Content-Type: text/plain\r\n"),
                "x",
            );
            let json = format!("{more}Content-Type: application/json\r\n");
            self.look("POST", path, &json, "{\"x\":");
        }
    }
}

fn bearer(token: &str) -> String {
    format!("Authorization: Bearer {token}\r\n")
}

#[test]
fn no_refusal_is_without_help() {
    let home = Home::new();
    let mut world = World::new(Server::start(&home, &[]));
    world.open("");
    let access = world.value("", "ACCESS_TOKEN");
    let forged = world.value("", "FORGED_ACCESS_TOKEN");
    let mut walker = Walker {
        address: world.server.address.clone(),
        seen: BTreeSet::new(),
        refused: 0,
    };
    walker.protocols(&access, &forged);
    for path in ENDPOINTS.iter().take(5) {
        for body in bodies(&forged) {
            walker.look("POST", path, FORM, &body);
        }
    }
    let admin = world.value("", "ADMIN_TOKEN");
    walker.administration(&access, &forged, &admin);
    let Walker { seen, refused, .. } = walker;
    assert!(
        refused > 500 && seen.len() > 30,
        "{refused} refusals, {seen:?}"
    );
    world.server.stop();
}

/// All that a caller sees of an answer.
fn told(answer: &http::Answer) -> String {
    let is_date = |line: &&str| line.to_lowercase().starts_with("date:");
    let head: Vec<&str> = answer.head.lines().filter(|line| !is_date(line)).collect();
    format!("{}\n\n{}", head.join("\n"), answer.body)
}

#[track_caller]
fn assert_same(answers: &[http::Answer]) {
    for pair in answers.windows(2) {
        assert!(pair[0].header("link").is_some(), "{pair:?}");
        assert_eq!(told(&pair[0]), told(&pair[1]));
    }
}

#[test]
fn help_tells_nothing_that_the_body_hides() {
    let home = Home::new();
    let mut world = World::new(Server::start(&home, &[]));
    world.open("account-locked");
    for client in [
        json!({"clientId": "off", "secret": "s", "enabled": false}),
        json!({"clientId": "signs", "secret": "s", "clientAuthenticatorType": "client-x509"}),
    ] {
        world.admin("POST", "/admin/realms/myrealm/clients", Some(&client));
    }
    let token = "/realms/myrealm/protocol/openid-connect/token";
    let server = &world.server;

    // Which clients there are.
    let ask = |id: &str, more: &[(&str, &str)]| {
        let mut form = vec![("client_id", id), ("grant_type", "client_credentials")];
        form.extend(more);
        server.post(token, &form)
    };
    for more in [&[][..], &[("client_secret", "s")]] {
        assert_same(&["nobody", "off", "signs"].map(|id| ask(id, more)));
    }
    // Who has an account: alice is locked, and this is her password.
    let sign_in = |name: &str, password: &str| {
        let form = [
            ("grant_type", "password"),
            ("username", name),
            ("password", password),
        ];
        world.token(&form)
    };
    assert_same(&[
        sign_in("nobody", "x"),
        sign_in("alice", "wonderland"),
        sign_in("alice", "x"),
        sign_in("service-account-myclient", "x"),
    ]);

    // What became of a token's session.
    world.open("");
    let revoked = world.value("", "REVOKED_ACCESS_TOKEN");
    let ended = world.value("", "OLD_ACCESS_TOKEN");
    let forged = world.value("", "FORGED_ACCESS_TOKEN");
    let tokens = [&forged, &revoked, &ended];
    assert_same(&tokens.map(|token| world.post("token/introspect", &[("token", token)])));
    assert_same(&[&forged, &ended].map(|token| world.post("revoke", &[("token", token)])));
    let shown = |path: &str, token: &str| {
        http::request(&world.server.address, "GET", path, &bearer(token), "")
    };
    let userinfo = "/realms/myrealm/protocol/openid-connect/userinfo";
    assert_same(&[shown(userinfo, &forged), shown(userinfo, &revoked)]);
    assert_same(&tokens.map(|token| shown("/admin/realms/myrealm/users", token)));
    // Not even those for whom a token is not meant learn that its session has ended.
    let live = world.value("", "ACCESS_TOKEN");
    let stranger = |token: &str| {
        let secret = "otherclient-secret";
        let form = [
            ("client_id", "otherclient"),
            ("client_secret", secret),
            ("token", token),
        ];
        world.server.post(
            "/realms/myrealm/protocol/openid-connect/token/introspect",
            &form,
        )
    };
    assert_same(&[&live, &ended, &forged].map(|token| stranger(token)));
    world.server.stop();
}

#[test]
fn the_role_that_is_missing_is_the_place_on_the_page() {
    let home = Home::new();
    let mut world = World::new(Server::start(&home, &[]));
    world.open("");
    let token = world.value("", "ACCESS_TOKEN");
    let page = Help::AdminRoleMissing.markdown();
    for (method, path, role) in [
        ("GET", "/admin/realms/myrealm/users", "view-users"),
        ("GET", "/admin/realms/myrealm/events", "view-events"),
        ("DELETE", "/admin/realms/myrealm", "manage-realm"),
        ("POST", "/admin/realms", "create-realm"),
    ] {
        let more = format!("Authorization: Bearer {token}\r\n");
        let answer = http::request(&world.server.address, method, path, &more, "");
        let address = &world.server.address;
        let link =
            format!("<http://{address}/help/errors/admin-role-missing#{role}>; rel=\"help\"");
        assert_eq!(
            answer.header("link"),
            Some(link.as_str()),
            "{method} {path}: {answer:?}"
        );
        assert!(page.contains(&format!("\n### {role}\n")), "{role}");
    }
    let shown = world.server.get("/help/errors/admin-role-missing");
    assert!(
        shown.body.contains("<h3 id=\"view-users\">"),
        "{}",
        shown.body
    );
    world.server.stop();
}
