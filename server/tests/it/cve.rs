//! Attacks that worked elsewhere and show in the log, in the metrics, or at the start: each under the
//! number it became known by.

#![expect(clippy::too_many_lines, reason = "a table is as long as its cases")]

mod logs;

use std::collections::BTreeSet;

use base64::Engine as _;
use serde_json::json;

use crate::http;
use crate::program::{Home, Server};

const TOKEN: &str = "/realms/master/protocol/openid-connect/token";
const JWT: &str = "urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer";

fn base64(text: &str) -> String {
    base64::prelude::BASE64_URL_SAFE_NO_PAD.encode(text)
}

/// A token that nobody has signed.
fn unsigned(claims: &serde_json::Value) -> String {
    let head = base64(r#"{"alg":"RS256","kid":"x"}"#);
    format!("{head}.{}.{}", base64(&claims.to_string()), base64("sig"))
}

fn bearer(token: &str) -> String {
    format!("Authorization: Bearer {token}\r\nContent-Type: application/json\r\n")
}

/// Everything that tells metrics apart: their names and labels without the numbers.
fn labels(management: &str) -> BTreeSet<String> {
    let text = http::get(management, "/metrics").body;
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .filter_map(|line| line.rsplit_once(' '))
        .map(|(labels, _)| labels.to_owned())
        .collect()
}

/// Goes to every door with names that are not there.
fn knock(server: &Server, id_token: &str, name: &str) {
    let assertion = unsigned(&json!({"iss": name, "sub": name, "jti": name, "exp": 1}));
    let form = |more: &str| format!("client_id={name}&client_secret={name}&{more}");
    let basic = base64::prelude::BASE64_STANDARD.encode(format!("{name}:{name}"));
    let oidc = "/realms/master/protocol/openid-connect";
    let admin = "client_id=admin-cli";
    for (method, target, more, body) in [
        (
            "POST",
            TOKEN.to_owned(),
            "",
            form("grant_type=client_credentials"),
        ),
        (
            "POST",
            TOKEN.to_owned(),
            "",
            form(&format!("grant_type={name}")),
        ),
        (
            "POST",
            TOKEN.to_owned(),
            basic.as_str(),
            "grant_type=password".to_owned(),
        ),
        (
            "POST",
            TOKEN.to_owned(),
            "",
            format!("grant_type=password&client_assertion_type={JWT}&client_assertion={assertion}"),
        ),
        (
            "POST",
            TOKEN.to_owned(),
            "",
            format!("{admin}&grant_type=password&username={name}&password={name}&scope={name}"),
        ),
        (
            "POST",
            TOKEN.to_owned(),
            "",
            format!("{admin}&grant_type=authorization_code&code={name}&redirect_uri={name}"),
        ),
        (
            "POST",
            TOKEN.to_owned(),
            "",
            format!("{admin}&grant_type=refresh_token&refresh_token={name}"),
        ),
        ("POST", format!("{oidc}/revoke"), "", form("token=x")),
        (
            "POST",
            format!("{oidc}/token/introspect"),
            "",
            form("token=x"),
        ),
        (
            "POST",
            format!("{oidc}/auth/device"),
            "",
            form("scope=openid"),
        ),
        (
            "POST",
            format!("{oidc}/ext/par/request"),
            "",
            form("response_type=code"),
        ),
        (
            "POST",
            format!("{oidc}/ext/ciba/auth"),
            "",
            form("login_hint=x"),
        ),
        (
            "POST",
            format!("{oidc}/logout"),
            "",
            form(&format!("refresh_token={name}")),
        ),
        (
            "GET",
            format!("{oidc}/auth?client_id={name}&response_type={name}"),
            "",
            String::new(),
        ),
        (
            "GET",
            format!("{oidc}/auth?client_id=admin-cli&kc_idp_hint={name}&response_mode={name}"),
            "",
            String::new(),
        ),
        (
            "GET",
            format!("{oidc}/logout?client_id={name}"),
            "",
            String::new(),
        ),
        (
            "GET",
            format!("{oidc}/logout?client_id={name}&id_token_hint={id_token}"),
            "",
            String::new(),
        ),
        (
            "GET",
            format!("/realms/{name}/protocol/openid-connect/certs"),
            "",
            String::new(),
        ),
        (
            "GET",
            format!("/realms/master/protocol/{name}"),
            "",
            String::new(),
        ),
        (
            "GET",
            format!("/realms/master/login-actions/{name}"),
            "",
            String::new(),
        ),
        (
            "GET",
            format!("/realms/master/login-actions/authenticate?client_id={name}&tab_id={name}"),
            "",
            String::new(),
        ),
        (
            "GET",
            format!("/realms/master/protocol/docker-v2/auth?service={name}"),
            "",
            String::new(),
        ),
        ("GET", format!("/realms/master/{name}"), "", String::new()),
        (
            "GET",
            format!("/admin/realms/{name}/users/{name}"),
            "",
            String::new(),
        ),
        (
            "GET",
            format!("/resources/{name}/login/{name}/x.css"),
            "",
            String::new(),
        ),
    ] {
        let proof = if more.is_empty() {
            String::new()
        } else {
            format!("Authorization: Basic {more}\r\n")
        };
        let head = format!("Content-Type: application/x-www-form-urlencoded\r\n{proof}");
        let answer = http::request(&server.address, method, &target, &head, &body);
        assert_ne!(answer.status, 500, "{method} {target}: {answer:?}");
    }
}

/// What strangers make up becomes no label of a metric: neither names of clients, realms, users and
/// providers, nor paths.
#[test]
fn cve_2026_16100_no_made_up_name_becomes_a_label() {
    let server = Server::start(
        &Home::new(),
        &[
            "--db=dev-mem",
            "--metrics-enabled=true",
            "--http-management-port=0",
            "--event-metrics-user-enabled=true",
            "--event-metrics-user-tags=realm,idp,clientId",
        ],
    );
    let management = server.management.clone().unwrap();
    let form = [
        ("grant_type", "password"),
        ("client_id", "admin-cli"),
        ("username", "admin"),
        ("password", "admin"),
        ("scope", "openid"),
    ];
    let tokens = server.post(TOKEN, &form).json();
    let id_token = tokens["id_token"].as_str().unwrap();
    knock(&server, id_token, "made-up-0");
    labels(&management);
    let before = labels(&management);
    for number in 1..40 {
        knock(&server, id_token, &format!("made-up-{number}"));
    }
    let after = labels(&management);
    let more: Vec<_> = after.difference(&before).collect();
    assert!(more.is_empty(), "{more:#?}");
    let found: Vec<_> = after
        .iter()
        .filter(|line| line.contains("made-up"))
        .collect();
    assert!(found.is_empty(), "{found:#?}");
    assert!(
        after
            .iter()
            .any(|line| line.contains("client_id=\"unknown\"")),
        "{after:#?}"
    );
    server.stop();
}

/// A reference into the vault stays one, wherever secrets are shown: the rotated one, too.
#[test]
fn cve_2026_17048_a_rotated_secret_of_the_vault_is_shown_as_its_reference() {
    let home = Home::new();
    let reference = "${vault.till_secret}";
    let client = json!({
        "clientId": "till", "secret": "${vault.till_new}", "serviceAccountsEnabled": true,
        "attributes": {
            "client.secret.rotated": reference,
            "client.secret.rotated.creation.time": "1",
            "client.secret.rotated.expiration.time": "99999999999",
        },
    });
    let realm = json!({"realm": "my_shop", "enabled": true, "clients": [client]});
    home.write("data/import/my_shop-realm.json", &realm.to_string());
    home.write("secrets/my__shop_till__secret", "hunter2");
    home.write("secrets/my__shop_till__new", "hunter3");
    let folder = format!("--vault-dir={}", home.path().join("secrets").display());
    let options = ["--db=dev-mem", "--import-realm", "--vault=file", &folder];
    let server = Server::start(&home, &options);
    // It counts as what it stands for ...
    for (secret, status) in [("hunter2", 200), ("hunter3", 200), (reference, 401)] {
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", "till"),
            ("client_secret", secret),
        ];
        let path = "/realms/my_shop/protocol/openid-connect/token";
        assert_eq!(server.post(path, &form).status, status, "{secret}");
    }
    // ... and nobody is shown more than the reference.
    let tokens = server.login("admin", "admin").json();
    let token = bearer(tokens["access_token"].as_str().unwrap());
    let get = |path: &str| {
        let target = format!("/admin/realms/my_shop{path}");
        let answer = http::request(&server.address, "GET", &target, &token, "");
        assert_eq!(answer.status, 200, "{answer:?}");
        assert!(!answer.body.contains("hunter"), "{answer:?}");
        answer
    };
    let clients = get("/clients?clientId=till").json();
    let id = clients[0]["id"].as_str().unwrap();
    let rotated = get(&format!("/clients/{id}/client-secret/rotated"));
    assert_eq!(rotated.json()["value"], reference);
    let own = get(&format!("/clients/{id}/client-secret"));
    assert_eq!(own.json()["value"], "${vault.till_new}");
    get(&format!("/clients/{id}"));
    get("/clients");
    server.stop();
}
