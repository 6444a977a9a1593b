//! The gate before an API, asked by a real nginx with the recipe of `docs/logout.md`.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use crate::http;
use crate::program::{Home, Server};

const ISSUER: &str = "http://id.example.com";

/// A running nginx, stopped when it is dropped.
struct Nginx {
    child: Child,
    socket: PathBuf,
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The lines between the fences of the first block of that kind.
fn recipe(page: &str, kind: &str) -> String {
    let fence = format!("```{kind}\n");
    let (_, rest) = page.split_once(&fence).expect("the recipe");
    rest.split_once("```").expect("its end").0.to_owned()
}

impl Nginx {
    /// Starts it with the recipe, in which the names of the example stand for these addresses.
    fn start(folder: &Path, id: &str, api: &str) -> Self {
        let page = include_str!("../../../docs/logout.md");
        let locations = recipe(page, "nginx")
            .replace("https://id.example.com/", &format!("http://{id}/"))
            .replace("http://orders", &format!("http://{api}"));
        let socket = folder.join("nginx.sock");
        let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|name| format!("{name}_temp_path {}/{name};\n", folder.display()))
            .concat();
        let text = format!(
            "daemon off;\nmaster_process off;\npid {folder}/nginx.pid;\nerror_log stderr;\n\
             events {{}}\nhttp {{\naccess_log off;\n{temporary}server {{\n\
             listen unix:{};\n{locations}\n}}\n}}\n",
            socket.display(),
            folder = folder.display(),
        );
        let file = folder.join("nginx.conf");
        std::fs::write(&file, text).unwrap();
        let program = ["/usr/sbin/nginx", "/usr/local/sbin/nginx", "/usr/bin/nginx"];
        let program = program.into_iter().find(|path| Path::new(path).exists());
        let child = Command::new(program.unwrap_or("nginx"))
            .args(["-e", "stderr", "-p"])
            .arg(folder)
            .arg("-c")
            .arg(&file)
            .stdin(Stdio::null())
            .spawn()
            .expect("nginx");
        let nginx = Self { child, socket };
        for _ in 0..2_000 {
            if UnixStream::connect(&nginx.socket).is_ok() {
                return nginx;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("nginx does not listen");
    }

    fn ask(&self, method: &str, target: &str, more: &str, body: &str) -> http::Answer {
        let mut stream = UnixStream::connect(&self.socket).unwrap();
        let timeout = Some(Duration::from_mins(1));
        stream.set_read_timeout(timeout).unwrap();
        let text = http::written("api.example.com", method, target, more, body);
        stream.write_all(text.as_bytes()).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        http::read(&String::from_utf8_lossy(&answer))
    }
}

/// An API that answers with the request that came to it.
fn echo() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let _ = answer(stream);
        }
    });
    address
}

fn answer(mut stream: TcpStream) -> std::io::Result<()> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte)? > 0 {
        head.extend(byte);
    }
    let length = head.len();
    write!(
        stream,
        "HTTP/1.0 200 OK\r\nContent-Length: {length}\r\n\r\n"
    )?;
    stream.write_all(&head)
}

fn realm() -> Value {
    let audience = json!([{
        "name": "audience", "protocol": "openid-connect",
        "protocolMapper": "oidc-audience-mapper",
        "config": {"included.custom.audience": "orders", "access.token.claim": "true"},
    }]);
    let client = |name: &str, mappers: Value| {
        json!({
            "clientId": name, "secret": "secret", "directAccessGrantsEnabled": true,
            "protocolMappers": mappers,
        })
    };
    json!({
        "realm": "shop", "enabled": true, "attributes": {"gateway.check.enabled": "true"},
        "clients": [client("web", audience), client("other", json!([]))],
        "users": [{
            "username": "alice", "enabled": true, "email": "alice@shop.example",
            "firstName": "Alice", "lastName": "Liddell",
            "credentials": [{"type": "password", "value": "wonderland"}],
        }],
    })
}

fn signed_in(server: &Server, client: &str) -> Value {
    let form = [
        ("grant_type", "password"),
        ("client_id", client),
        ("client_secret", "secret"),
        ("username", "alice"),
        ("password", "wonderland"),
    ];
    let path = "/realms/shop/protocol/openid-connect/token";
    server.post(path, &form).json()
}

fn bearer(tokens: &Value) -> String {
    let token = tokens["access_token"].as_str().unwrap();
    format!("Authorization: Bearer {token}\r\n")
}

/// A server with the shop.
fn shop(home: &Home) -> Server {
    home.write("data/import/shop-realm.json", &realm().to_string());
    let hostname = format!("--hostname={ISSUER}");
    Server::start(home, &[&hostname, "--import-realm"])
}

#[test]
fn a_real_proxy_lets_pass_who_is_signed_in_and_refuses_at_once_who_is_not_any_more() {
    let home = Home::new();
    let server = shop(&home);
    let nginx = Nginx::start(home.path(), &server.address, &echo());

    let tokens = signed_in(&server, "web");
    let made_up = "X-Auth-Subject: root\r\nX-Auth-Username: root\r\nX-Auth-Roles: admin\r\n";
    let passed = nginx.ask(
        "GET",
        "/orders/7?audience=x",
        &(bearer(&tokens) + made_up),
        "",
    );
    assert_eq!(passed.status, 200, "{passed:?}");
    let seen = passed.body.to_ascii_lowercase();
    assert!(seen.starts_with("get /orders/7?audience=x http/"), "{seen}");
    assert!(seen.contains("\r\nx-auth-username: alice\r\n"), "{seen}");
    assert!(
        !seen.contains("root") && !seen.contains("x-auth-roles: admin"),
        "{seen}"
    );
    let posted = nginx.ask(
        "POST",
        "/orders",
        &bearer(&tokens),
        "a body of the caller's",
    );
    assert_eq!(posted.status, 200, "{posted:?}");

    for more in [
        "",
        "Authorization: Bearer x.y.z\r\n",
        "Authorization: Basic YTpi\r\n",
    ] {
        let refused = nginx.ask("GET", "/orders", more, "");
        assert_eq!(refused.status, 401, "{more}: {refused:?}");
        assert!(refused.header("www-authenticate").is_some(), "{refused:?}");
    }
    let not_meant = nginx.ask("GET", "/orders", &bearer(&signed_in(&server, "other")), "");
    assert_eq!(not_meant.status, 401, "{not_meant:?}");

    let refresh = tokens["refresh_token"].as_str().unwrap();
    let form = [
        ("client_id", "web"),
        ("client_secret", "secret"),
        ("refresh_token", refresh),
    ];
    let left = server.post("/realms/shop/protocol/openid-connect/logout", &form);
    assert_eq!(left.status, 204, "{left:?}");
    let refused = nginx.ask("GET", "/orders", &bearer(&tokens), "");
    assert_eq!(refused.status, 401, "{refused:?}");

    drop(nginx);
    server.stop();
}

/// What Traefik and Caddy send along, and how Envoy asks.
#[test]
fn other_proxies_ask_in_their_own_ways() {
    let home = Home::new();
    let server = shop(&home);
    let tokens = signed_in(&server, "web");
    let forwarded = "X-Forwarded-Method: POST\r\nX-Forwarded-Proto: https\r\n\
                     X-Forwarded-Host: api.example.com\r\nX-Forwarded-Uri: /orders?scope=none\r\n\
                     X-Forwarded-For: 203.0.113.9\r\n";
    let gate = "/realms/shop/gate";
    for (method, path, more, status) in [
        ("GET", format!("{gate}?audience=orders"), forwarded, 200),
        (
            "DELETE",
            format!("{gate}/orders/7?x=1"),
            "X-Gate-Audience: orders\r\n",
            200,
        ),
        (
            "PATCH",
            format!("{gate}/orders"),
            "X-Gate-Audience: bills\r\n",
            401,
        ),
    ] {
        let more = bearer(&tokens) + more;
        let answer = http::request(&server.address, method, &path, &more, "");
        assert_eq!(answer.status, status, "{method} {path}: {answer:?}");
    }
    server.stop();
}
