//! A browser: it keeps cookies, and may be signed in already.

use axum::http::Method;
use claviger_engine::login::session_cookies;
use claviger_engine::session::{self, Beginning};
use claviger_model::session::SessionKind;
use claviger_store::Tx;
use claviger_testkit::{Reply, Stage};
use form_urlencoded::Serializer;

use crate::world::oidc;

/// A browser with its cookies.
#[derive(Clone, Default)]
pub struct Browser {
    cookies: Vec<(String, String)>,
}

impl Browser {
    /// One in which a user has signed in, a minute after midnight.
    pub async fn signed_in(stage: &Stage, username: &str) -> Self {
        let app = &stage.app;
        let realm = app.realm("shop").await.unwrap().unwrap();
        let client = realm.client("account").await.unwrap().unwrap();
        let user = app.store.user_by_username(&realm.id, username).await;
        let user = user.unwrap().unwrap();
        let usable = session::begin(
            app,
            &realm,
            SessionKind::Online,
            Beginning {
                user: &user,
                client: &client,
                ip_address: "127.0.0.1",
                base_path: "",
                auth_method: "openid-connect",
                notes: vec![("AUTH_TIME", app.now().seconds().0.to_string())],
                part_notes: Vec::new(),
            },
        );
        let mut tx = Tx::new();
        session::keep(&realm, &mut tx, &usable);
        assert!(app.commit(tx).await.unwrap().is_done());
        let issuer = "http://localhost/realms/shop";
        let cookies = session_cookies(app, &realm, issuer, usable.session(), username).await;
        let cookies = cookies.unwrap().into_iter().filter_map(|cookie| {
            let value = cookie.value?.reveal().to_owned();
            Some((cookie.name.as_str().to_owned(), value))
        });
        Self {
            cookies: cookies.collect(),
        }
    }

    /// Opens an address, as it is sent there.
    pub async fn open(&mut self, stage: &Stage, path: &str) -> Reply {
        self.send(stage, Method::GET, path, &[]).await
    }

    /// Sends a form.
    pub async fn post(&mut self, stage: &Stage, path: &str, form: &[(&str, &str)]) -> Reply {
        self.send(stage, Method::POST, path, form).await
    }

    async fn send(
        &mut self,
        stage: &Stage,
        method: Method,
        path: &str,
        form: &[(&str, &str)],
    ) -> Reply {
        let pairs: Vec<String> = self
            .cookies
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let mut call = stage.call(method.clone(), path);
        if method == Method::POST {
            call = call.form(form);
        }
        if !pairs.is_empty() {
            call = call.header("cookie", &pairs.join("; "));
        }
        let reply = call.send().await;
        for line in reply.headers.get_all("set-cookie") {
            let line = line.to_str().unwrap();
            let (pair, rest) = line.split_once(';').unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            self.cookies.retain(|(known, _)| known != name);
            if !rest.contains("Max-Age=0") {
                self.cookies.push((name.to_owned(), value.to_owned()));
            }
        }
        reply
    }

    /// Asks the authorization endpoint; a later parameter replaces an earlier one of its name, an empty
    /// one leaves it out.
    pub async fn ask(&mut self, stage: &Stage, request: &[(&str, &str)]) -> Reply {
        self.open(stage, &address(request)).await
    }
}

/// The usual request of the public client, with other parameters.
pub fn request<'a>(more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let mut request = vec![
        ("client_id", "app"),
        ("response_type", "code"),
        ("redirect_uri", "http://app.example/cb"),
        ("scope", "openid"),
        ("state", "s&1"),
    ];
    for (name, value) in more {
        request.retain(|(known, _)| known != name);
        if !value.is_empty() {
            request.push((name, value));
        }
    }
    request
}

/// The address of such a request.
pub fn address(more: &[(&str, &str)]) -> String {
    let mut query = Serializer::new(String::new());
    query.extend_pairs(request(more));
    format!("{}?{}", oidc("auth"), query.finish())
}

/// Where an answer goes, and what it holds: of a redirect's query or fragment.
pub fn answer(reply: &Reply) -> (String, Vec<(String, String)>) {
    let location = reply.header("location");
    assert!(reply.status == 302, "{}: {}", reply.status, reply.text());
    let at = location.find(['?', '#']).unwrap_or(location.len());
    let (address, rest) = location.split_at(at);
    let pairs = form_urlencoded::parse(rest.get(1..).unwrap_or_default().as_bytes());
    (address.to_owned(), pairs.into_owned().collect())
}

/// One parameter of an answer.
pub fn parameter(reply: &Reply, name: &str) -> String {
    let (_, parameters) = answer(reply);
    let found = parameters.iter().find(|(known, _)| known == name);
    found.map(|(_, value)| value.clone()).unwrap_or_default()
}

/// The claims of a token, believed.
pub fn claims(token: &str) -> serde_json::Value {
    let payload = token.split('.').nth(1).unwrap_or_default();
    let bytes = claviger_crypto::encoding::decode_base64url(payload).unwrap();
    serde_json::from_slice(&bytes).unwrap()
}
