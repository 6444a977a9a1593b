//! What must not be in the log, nor in what a start says that fails.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};

use base64::Engine as _;
use serde_json::json;

use super::{JWT, TOKEN, bearer, unsigned};
use crate::http;
use crate::program::{Home, Server, command, run};

/// A server whose log misses nothing.
fn talkative() -> Server {
    Server::start(&Home::new(), &["--db=dev-mem", "--log-level=debug"])
}

/// Secrets are sent wherever secrets are taken, in requests that fail in every way; then the whole log,
/// at the level of debugging, is read.
#[test]
fn cve_2020_1698_no_secret_that_was_sent_is_in_the_log() {
    let mut server = talkative();
    let canary = "C4naryOfSecrets";
    let address = server.address.clone();
    let send = |method: &str, target: &str, more: &str, body: &str| {
        http::request(&address, method, target, more, body)
    };
    let kind = "Content-Type: application/x-www-form-urlencoded\r\n";
    let signed = unsigned(&json!({"iss": "admin-cli", "sub": "admin-cli", "exp": 1}));
    let canary_token = format!("{signed}{canary}");
    for form in [
        format!("grant_type=password&client_id=admin-cli&username=admin&password={canary}"),
        format!("grant_type=password&client_id=admin-cli&username=nobody&password={canary}"),
        format!(
            "grant_type=password&client_id=admin-cli&username=admin&password={canary}&otp={canary}&password={canary}2"
        ),
        format!("grant_type=client_credentials&client_id=admin-cli&client_secret={canary}"),
        format!("grant_type=client_credentials&client_id=nobody&client_secret={canary}"),
        format!(
            "grant_type=authorization_code&client_id=admin-cli&code={canary}&code_verifier={canary}&redirect_uri=http://x"
        ),
        format!("grant_type=refresh_token&client_id=admin-cli&refresh_token={canary_token}"),
        format!(
            "grant_type=urn:ietf:params:oauth:grant-type:device_code&client_id=admin-cli&device_code={canary}"
        ),
        format!(
            "grant_type=urn:ietf:params:oauth:grant-type:token-exchange&client_id=admin-cli&subject_token={canary_token}"
        ),
        format!("grant_type=password&client_assertion_type={JWT}&client_assertion={canary_token}"),
        format!("grant_type=password&client_id=admin-cli&username=admin&password=%{canary}"),
    ] {
        assert!(send("POST", TOKEN, kind, &form).status >= 400, "{form}");
    }
    let basic = base64::prelude::BASE64_STANDARD.encode(format!("admin-cli:{canary}"));
    let basic_head = format!("Authorization: Basic {basic}\r\n{kind}");
    send("POST", TOKEN, &basic_head, "grant_type=client_credentials");
    let oidc = "/realms/master/protocol/openid-connect";
    for (target, form) in [
        (
            "revoke",
            format!("client_id=admin-cli&token={canary_token}"),
        ),
        (
            "token/introspect",
            format!("client_id=admin-cli&client_secret={canary}&token={canary_token}"),
        ),
        (
            "logout",
            format!("client_id=admin-cli&refresh_token={canary_token}"),
        ),
        ("userinfo", format!("access_token={canary_token}")),
        (
            "ext/par/request",
            format!("client_id=admin-cli&client_secret={canary}&code_challenge={canary}"),
        ),
    ] {
        send("POST", &format!("{oidc}/{target}"), kind, &form);
    }
    send(
        "GET",
        &format!("{oidc}/userinfo"),
        &bearer(&canary_token),
        "",
    );
    send(
        "GET",
        &format!("{oidc}/logout?id_token_hint={canary_token}"),
        "",
        "",
    );
    sign_in_wrongly(&server, canary);
    change_things_wrongly(&server, canary);
    // Whatever is written is written in order: the last line is the last.
    server.signal("TERM");
    server.wait_for("Claviger stopped in ");
    assert!(server.seen.len() > 20, "{:#?}", server.seen);
    for secret in [canary, basic.as_str()] {
        let told: Vec<_> = server
            .seen
            .iter()
            .filter(|line| line.contains(secret))
            .collect();
        assert!(told.is_empty(), "{told:#?}");
    }
}

/// The forms of the login page, and cookies that are none.
fn sign_in_wrongly(server: &Server, canary: &str) {
    let query = format!(
        "client_id=security-admin-console&response_type=code&scope=openid&\
         redirect_uri=http%3A%2F%2F{}%2Fadmin%2Fmaster%2Fconsole%2F&code_challenge_method=S256&\
         code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWBuGJSstw-cM",
        server.address.replace(':', "%3A")
    );
    let target = format!("/realms/master/protocol/openid-connect/auth?{query}");
    let cookies = format!("Cookie: KEYCLOAK_IDENTITY={canary}; KC_RESTART={canary}\r\n");
    let page = http::request(&server.address, "GET", &target, &cookies, "");
    assert_eq!(page.status, 200, "{page:?}");
    let (_, rest) = page.body.split_once("action=\"").unwrap();
    let action = rest.split('"').next().unwrap().replace("&amp;", "&");
    let action = action
        .split_once(&server.address)
        .map_or(action.as_str(), |(_, path)| path);
    let kept: Vec<&str> = page
        .head
        .lines()
        .filter_map(|line| line.strip_prefix("set-cookie: "))
        .filter_map(|line| line.split(';').next())
        .collect();
    let head = format!(
        "Cookie: {}\r\nContent-Type: application/x-www-form-urlencoded\r\n",
        kept.join("; ")
    );
    for name in ["admin", "nobody"] {
        let form = format!("username={name}&password={canary}&otp={canary}&credentialId={canary}");
        let answer = http::request(&server.address, "POST", action, &head, &form);
        assert!(answer.status < 500, "{answer:?}");
    }
}

/// What administrators send, and what is wrong with it.
fn change_things_wrongly(server: &Server, canary: &str) {
    let tokens = server.login("admin", "admin").json();
    let token = tokens["access_token"].as_str().unwrap();
    let users = "/admin/realms/master/users";
    let secret = json!({"type": "password", "value": canary, "temporary": "maybe"});
    for (method, target, body) in [
        ("POST", users.to_owned(), format!(r#"{{"username": "admin", "credentials": [{{"type": "password", "value": "{canary}"}}]}}"#)),
        ("POST", users.to_owned(), format!(r#"{{"username": "eve", "credentials": [{{"value": "{canary}"}}]}}"#)),
        ("POST", users.to_owned(), format!(r#"{{"username": "eve", "credentials": [{{"value": "{canary}""#)),
        ("POST", users.to_owned(), json!({"username": "mallory", "credentials": [secret]}).to_string()),
        ("PUT", format!("{users}/nobody/reset-password"), json!({"type": "password", "value": canary}).to_string()),
        ("POST", "/admin/realms/master/clients".to_owned(), json!({"clientId": "admin-cli", "secret": canary}).to_string()),
        ("POST", "/admin/realms/master/clients".to_owned(), json!({"clientId": "new", "secret": canary, "webOrigins": 5}).to_string()),
        ("POST", "/admin/realms".to_owned(), json!({"realm": "master", "smtpServer": {"password": canary}}).to_string()),
        ("POST", "/admin/realms".to_owned(), json!({"realm": "second", "clients": [{"clientId": "a", "secret": canary, "protocolMappers": 3}]}).to_string()),
        ("POST", "/admin/realms/master/components".to_owned(), json!({"name": "k", "providerId": "rsa", "providerType": "org.keycloak.keys.KeyProvider", "config": {"privateKey": [canary]}}).to_string()),
        ("POST", "/admin/realms/master/identity-provider/instances".to_owned(), json!({"alias": "x", "config": {"clientSecret": canary}}).to_string()),
    ] {
        let answer = http::request(&server.address, method, &target, &bearer(token), &body);
        assert_ne!(answer.status, 500, "{target}: {answer:?}");
    }
    let stranger =
        bearer(&unsigned(&json!({"iss": canary, "typ": "Bearer"})).replace("c2ln", canary));
    http::request(&server.address, "GET", users, &stranger, "");
}

/// A PostgreSQL that asks for the password as it is, and does not like it: it gives back which it was.
fn suspicious_postgres() -> (u16, std::thread::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let played = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut startup = message(&mut stream);
        if startup.len() == 4 {
            // SSLRequest: not here.
            stream.write_all(b"N").unwrap();
            startup = message(&mut stream);
        }
        assert!(!startup.is_empty());
        stream.write_all(&[b'R', 0, 0, 0, 8, 0, 0, 0, 3]).unwrap();
        let mut kind = [0];
        stream.read_exact(&mut kind).unwrap();
        let given = message(&mut stream);
        let text = "SFATAL\0C28P01\0Mpassword authentication failed for user \"keycloak\"\0\0";
        let length = u32::try_from(text.len() + 4).unwrap().to_be_bytes();
        let answer = [b"E".as_slice(), &length, text.as_bytes()].concat();
        stream.write_all(&answer).unwrap();
        String::from_utf8_lossy(&given)
            .trim_end_matches('\0')
            .to_owned()
    });
    (port, played)
}

/// What comes behind four bytes of length.
fn message(stream: &mut TcpStream) -> Vec<u8> {
    let mut length = [0; 4];
    stream.read_exact(&mut length).unwrap();
    let mut bytes = vec![0; u32::from_be_bytes(length) as usize - 4];
    stream.read_exact(&mut bytes).unwrap();
    bytes
}

/// A start that fails for want of its database tells why, and nothing of the secrets it was given.
#[test]
fn cve_2025_0736_a_start_that_fails_tells_no_secret() {
    let secrets = [
        "SecretOfTheDatabase",
        "SecretOfTheAdmin",
        "SecretOfTheStore",
        "SecretOfTheUrl",
    ];
    let start = |url: &str, password: Option<&str>| {
        let home = Home::new();
        let arguments = [
            "start-dev",
            "--http-port=0",
            "--log-level=debug",
            "--db=postgres",
        ];
        let mut command = command(&home, &arguments);
        command
            .env("KC_DB_URL", url)
            .env("KC_DB_USERNAME", "keycloak")
            .env("KC_BOOTSTRAP_ADMIN_USERNAME", "admin")
            .env("KC_BOOTSTRAP_ADMIN_PASSWORD", secrets[1])
            .env("KC_HTTPS_KEY_STORE_PASSWORD", secrets[2]);
        if let Some(password) = password {
            command.env("KC_DB_PASSWORD", password);
        }
        let ended = run(&mut command);
        assert!(matches!(ended.code, Some(1 | 2)), "{ended:?}");
        assert!(!ended.err.is_empty() || !ended.out.is_empty());
        for secret in secrets {
            let told = [&ended.out, &ended.err];
            assert!(
                !told.iter().any(|text| text.contains(secret)),
                "{secret}: {ended:#?}"
            );
        }
        format!("{}{}", ended.out, ended.err)
    };
    let (port, played) = suspicious_postgres();
    let url = format!("jdbc:postgresql://127.0.0.1:{port}/keycloak");
    let told = start(&url, Some(secrets[0]));
    assert_eq!(played.join().unwrap(), secrets[0], "{told}");
    assert!(told.contains("password authentication failed"), "{told}");
    // A password within the URL, a server that is not there, and URLs that are none.
    let gone = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    for url in [
        format!("jdbc:postgresql://{gone}/keycloak?password={}", secrets[3]),
        format!("postgres://keycloak:{}@{gone}/keycloak", secrets[3]),
        format!(
            "jdbc:postgresql://{gone}/keycloak?password={}&sslmode=perhaps",
            secrets[3]
        ),
        format!("jdbc:postgresql:/{}", secrets[3]),
        format!("{}://x", secrets[3]),
    ] {
        start(&url, Some(secrets[0]));
        start(&url, None);
    }
}
