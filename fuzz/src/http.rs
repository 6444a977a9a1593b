//! Requests as they arrive: forms, and whole requests to both surfaces of a server in memory.

use std::cell::RefCell;

use axum::http::{HeaderName, HeaderValue, Method, Uri};
use claviger_surface::form::{Charset, Form};
use claviger_testkit::Stage;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use super::{first_line, text};

/// After so many requests the server is a new one: they change it.
const REQUESTS_MAX: u32 = 2_000;
/// A key, so that no realm has to make one.
const KEY: &str = include_str!("../realm_key.txt");

/// Forms and queries. What was read and is written again is read as the same.
pub fn form(data: &[u8]) {
    let _ = Form::read(data, Charset::Latin1);
    let query = Form::parse(data);
    assert!(query.iter().count() <= 200);
    let Ok(form) = Form::read(data, Charset::Utf8) else {
        return;
    };
    let written: Vec<String> = form
        .iter()
        .map(|(name, value)| {
            let encode =
                |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect();
            let (name, value): (String, String) = (encode(name), encode(value));
            format!("{name}={value}")
        })
        .collect();
    let again = Form::read(written.join("&").as_bytes(), Charset::Utf8).expect("a form");
    assert!(form.iter().eq(again.iter()));
    for (name, _) in form.iter() {
        assert!(form.has(name) && form.get(name).is_some());
    }
}

/// One request: a line with method and target, header lines, an empty line, and the body.
///
/// `{admin}`, `{at}`, `{rt}` and `{idt}` stand for good tokens, `{app}` and `{alice}` for ids.
/// Nothing that anybody sends makes the server fail.
pub fn request(data: &[u8]) {
    let Some(text) = text(data) else { return };
    World::with(|world| {
        let Some(status) = world.send(text) else {
            return;
        };
        assert!(!matches!(status, 500 | 502 | 504), "answered {status}");
    });
}

/// A protocol mapper as an administrator writes it, and a token made with it.
pub fn mappers(data: &[u8]) {
    let Some(text) = text(data) else { return };
    let Ok(mapper @ Value::Object(_)) = serde_json::from_str::<Value>(text) else {
        return;
    };
    World::with(|world| {
        let path = "/admin/realms/shop/clients/{app}/protocol-mappers/models";
        let head = "authorization: Bearer {admin}\ncontent-type: application/json\n\n";
        if world.send(&format!("POST {path}\n{head}{mapper}")) != Some(201) {
            return;
        }
        world.requests += REQUESTS_MAX / 20;
        for what in ["access-token", "id-token", "userinfo"] {
            let path = "/admin/realms/shop/clients/{app}/evaluate-scopes/generate-example";
            let status = world.send(&format!("GET {path}-{what}?userId={{alice}}\n{head}"));
            assert_eq!(status, Some(200), "{what}");
        }
    });
}

/// A server with a shop, and what a caller may know of it.
struct World {
    runtime: Runtime,
    stage: Stage,
    known: Vec<(&'static str, String)>,
    requests: u32,
}

thread_local! {
    static WORLD: RefCell<Option<World>> = const { RefCell::new(None) };
}

impl World {
    /// Lends the present world, which is a new one from time to time.
    fn with(call: impl FnOnce(&mut Self)) {
        WORLD.with_borrow_mut(|slot| {
            if slot
                .as_ref()
                .is_none_or(|world| world.requests >= REQUESTS_MAX)
            {
                *slot = None;
            }
            call(slot.get_or_insert_with(Self::new));
        });
    }

    fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        let stage = runtime.block_on(async {
            let router = claviger_oidc::router().merge(claviger_rest::router());
            let stage = Stage::open(router).await;
            stage.import(shop()).await;
            stage
        });
        let mut world = Self {
            runtime,
            stage,
            known: Vec::new(),
            requests: 0,
        };
        world.learn();
        world
    }

    /// Signs everybody in.
    fn learn(&mut self) {
        let sign_in = |realm: &str, client: &str, user: &str| {
            let path = format!("/realms/{realm}/protocol/openid-connect/token");
            let form = [
                ("grant_type", "password"),
                ("client_id", client),
                ("username", user),
                ("password", "wonderland"),
                ("scope", "openid"),
            ];
            self.runtime
                .block_on(async { self.stage.post(&path, &form).await.is(200) })
        };
        let tokens = sign_in("shop", "app", "alice");
        let admin = sign_in("shop", "app", "root").member("access_token");
        let id = |path: &str| {
            let list = self.runtime.block_on(async {
                let call = self.stage.call(Method::GET, path).bearer(&admin);
                call.send().await.is(200).json()
            });
            list[0]["id"].as_str().unwrap_or_default().to_owned()
        };
        self.known = vec![
            ("{app}", id("/admin/realms/shop/clients?clientId=app")),
            ("{alice}", id("/admin/realms/shop/users?username=alice")),
            ("{at}", tokens.member("access_token")),
            ("{rt}", tokens.member("refresh_token")),
            ("{idt}", tokens.member("id_token")),
            ("{admin}", admin),
        ];
    }

    /// Sends a request if it is one that HTTP can carry; returns the status.
    fn send(&mut self, text: &str) -> Option<u16> {
        let mut text = text.to_owned();
        for (name, value) in &self.known {
            text = text.replace(name, value);
        }
        let (head, body) = text.split_once("\n\n").unwrap_or((&text, ""));
        let (line, headers) = first_line(head);
        let (method, path) = line.split_once(' ')?;
        let method = Method::from_bytes(method.as_bytes()).ok()?;
        let uri: Uri = path.parse().ok()?;
        // Keys take a second to make, and a realm that is gone has nothing to find.
        let is_slow =
            method != Method::GET && (path.contains("components") || path.contains("generate"));
        if !path.starts_with('/') || uri.authority().is_some() || is_slow {
            return None;
        }
        let mut call = self.stage.call(method, path).bytes(body.as_bytes());
        for header in headers.lines() {
            let (name, value) = header.split_once(':')?;
            HeaderName::from_bytes(name.as_bytes()).ok()?;
            HeaderValue::from_str(value.trim()).ok()?;
            if !name.eq_ignore_ascii_case("host") {
                call = call.header(name, value.trim());
            }
        }
        self.requests += 1;
        let reply = self.runtime.block_on(call.send());
        let status = reply.status.as_u16();
        assert!(
            status != 500 || reply.body.len() < 4_096,
            "an error tells too much"
        );
        Some(status)
    }
}

fn shop() -> Value {
    let password = json!([{"type": "password", "value": "wonderland"}]);
    let hash = "hashAlgorithm(pbkdf2-sha256) and hashIterations(1)";
    let mut user = json!({"username": "alice", "enabled": true, "email": "alice@shop.example",
        "firstName": "Alice", "lastName": "Liddell", "credentials": password,
        "attributes": {"floor": ["2", "3"]}, "realmRoles": ["customer"]});
    let alice = user.clone();
    user["username"] = json!("root");
    user["email"] = json!("root@shop.example");
    user["clientRoles"] = json!({"realm-management": ["realm-admin"]});
    let provider = |name: &str, id: &str, config: Value| json!({"name": name, "providerId": id, "config": config});
    json!({
        "realm": "shop", "enabled": true, "eventsEnabled": true, "adminEventsEnabled": true,
        "adminEventsDetailsEnabled": true, "passwordPolicy": hash,
        "roles": {"realm": [{"name": "customer"}]},
        "components": {"org.keycloak.keys.KeyProvider": [
            provider("rsa", "rsa", json!({"privateKey": [KEY.trim()]})),
            provider("hmac", "hmac-generated", json!({"algorithm": ["HS512"]})),
            provider("aes", "aes-generated", json!({})),
        ]},
        "clients": [
            {"clientId": "app", "publicClient": true, "directAccessGrantsEnabled": true,
             "redirectUris": ["https://app.example/*"], "webOrigins": ["+"]},
            {"clientId": "web", "secret": "web-secret", "serviceAccountsEnabled": true,
             "directAccessGrantsEnabled": true},
        ],
        "users": [alice, user],
    })
}
