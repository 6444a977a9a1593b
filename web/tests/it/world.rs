//! The shop, and people who walk through its pages with a browser.

use std::collections::BTreeMap;

use axum::http::Method;
use axum::response::Response;
use claviger_engine::login::{self, Asks, Entry, FlowPath};
use claviger_model::session::SessionKind;
use claviger_model::{Event, User, UserSession};
use claviger_surface::browser::{browser, respond};
use claviger_testkit::Stage;
use claviger_testkit::stage::context;
use serde_json::{Value, json};

/// Where the application of the shop is answered.
pub const CB: &str = "http://app.example/cb";

/// The shop's realm file.
pub fn realm() -> Value {
    let person = |name: &str, first: &str| {
        json!({
            "username": name, "enabled": true, "email": format!("{name}@shop.example"),
            "firstName": first, "lastName": "Liddell",
            "credentials": [{"type": "password", "value": "wonderland"}],
        })
    };
    json!({
        "realm": "shop",
        "enabled": true,
        "eventsEnabled": true,
        "resetPasswordAllowed": true,
        "roles": {"realm": [{"name": "customer"}]},
        "clients": [
            {"clientId": "app", "publicClient": true, "redirectUris": ["http://app.example/*"],
             "baseUrl": "http://app.example/"},
            {"clientId": "web", "publicClient": true, "redirectUris": ["http://app.example/*"]},
        ],
        "users": [person("alice", "Alice"), person("bob", "Bob")],
    })
}

/// A stage with a realm on it.
pub async fn stage(realm: Value) -> Stage {
    let stage = Stage::open(claviger_web::router()).await;
    stage.import(realm).await;
    stage
}

/// The shop as it is.
pub async fn shop() -> Stage {
    stage(realm()).await
}

/// What a browser got.
#[derive(Clone, Debug)]
pub struct Got {
    pub status: u16,
    pub location: String,
    pub html: String,
    /// The names of cookies that were set, those that were taken away with a minus in front.
    pub cookies: Vec<String>,
    pub headers: axum::http::HeaderMap,
}

impl Got {
    /// Where the page's form goes, without the origin.
    #[track_caller]
    pub fn action(&self) -> String {
        let at = self.html.find("action=\"").expect("a form");
        let rest = &self.html[at + 8..];
        let url = rest.split('"').next().expect("an end");
        let url = url.replace("&amp;", "&").replace("&#x2f;", "/");
        path_of(&url)
    }

    /// Where the link with this text leads, without the origin.
    #[track_caller]
    pub fn link(&self, to: &str) -> String {
        let links = self.html.split("href=\"").skip(1);
        let mut links = links.filter_map(|rest| rest.split('"').next());
        let link = links.find(|link| link.contains(to)).expect("a link");
        path_of(&link.replace("&amp;", "&").replace("&#x2f;", "/"))
    }

    /// A parameter of where it is sent.
    pub fn parameter(&self, name: &str) -> Option<String> {
        parameter(&self.location, name)
    }

    /// Whether it is an answer with a code for the application.
    pub fn has_code(&self) -> bool {
        self.location.starts_with(CB) && self.parameter("code").is_some()
    }

    #[track_caller]
    pub fn is(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{} {}", self.location, self.html);
        self
    }

    /// Checks that the page says something above itself, or at a field: what, is for the language.
    #[track_caller]
    pub fn warns(self) -> Self {
        self.says("kc-feedback-text")
    }

    #[track_caller]
    pub fn says(self, text: &str) -> Self {
        assert!(self.html.contains(text), "not `{text}`: {}", self.html);
        self
    }
}

/// A parameter of an address.
pub fn parameter(address: &str, name: &str) -> Option<String> {
    let query = address.split_once('?')?.1;
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    pairs
        .into_iter()
        .find(|(known, _)| *known == name)
        .map(|(_, value)| value.to_owned())
}

fn path_of(url: &str) -> String {
    url.strip_prefix("http://localhost")
        .unwrap_or(url)
        .to_owned()
}

/// Somebody with a browser.
#[derive(Clone)]
pub struct Visitor {
    pub stage: Stage,
    pub jar: BTreeMap<String, String>,
    /// What is sent as the header `Authorization`.
    pub authorization: Option<String>,
    /// Another header that every request has.
    pub header: Option<(&'static str, String)>,
}

impl Visitor {
    pub fn new(stage: &Stage) -> Self {
        Self {
            stage: stage.clone(),
            jar: BTreeMap::new(),
            authorization: None,
            header: None,
        }
    }

    fn cookies(&self) -> String {
        let pairs = self
            .jar
            .iter()
            .map(|(name, value)| format!("{name}={value}"));
        pairs.collect::<Vec<_>>().join("; ")
    }

    /// The headers of a request that is not sent through the router.
    pub fn headers(&self) -> axum::http::HeaderMap {
        let mut headers = axum::http::HeaderMap::new();
        let cookies = self.cookies();
        headers.insert("cookie", cookies.parse().expect("a header"));
        if let Some(text) = &self.authorization {
            headers.insert("authorization", text.parse().expect("a header"));
        }
        if let Some((name, value)) = &self.header {
            headers.insert(*name, value.parse().expect("a header"));
        }
        headers
    }

    fn take(&mut self, headers: &axum::http::HeaderMap) -> Vec<String> {
        let mut seen = Vec::new();
        for header in headers.get_all("set-cookie") {
            let text = header.to_str().expect("text");
            let (name, rest) = text.split_once('=').expect("a cookie");
            let value = rest.split(';').next().unwrap_or_default();
            if rest.contains("Max-Age=0") {
                self.jar.remove(name);
                seen.push(format!("-{name}"));
            } else {
                self.jar.insert(name.to_owned(), value.to_owned());
                seen.push(name.to_owned());
            }
        }
        seen.sort();
        seen
    }

    /// Comes from the application: what its authorization request begins.
    pub async fn begin(&mut self, client: &str, asks: Asks) -> Got {
        self.begin_with(client, asks, &[]).await
    }

    /// The same at the first page of another flow.
    pub async fn begin_at(&mut self, client: &str, path: FlowPath) -> Got {
        self.begin_flow(client, Asks::default(), &[], path).await
    }

    /// The same with further parameters, in place of the usual ones.
    pub async fn begin_with(&mut self, client: &str, asks: Asks, more: &[(&str, &str)]) -> Got {
        self.begin_flow(client, asks, more, FlowPath::Authenticate)
            .await
    }

    async fn begin_flow(
        &mut self,
        client: &str,
        asks: Asks,
        more: &[(&str, &str)],
        path: FlowPath,
    ) -> Got {
        let app = &self.stage.app;
        let realm = app.realm("shop").await.expect("store").expect("realm");
        let client = realm.client(client).await.expect("store").expect("client");
        let notes = [
            ("response_type", "code"),
            ("redirect_uri", CB),
            ("scope", "openid"),
            ("state", "s-1"),
        ];
        let entry = Entry {
            client,
            protocol: "openid-connect",
            redirect_uri: Some(CB.to_owned()),
            client_notes: notes
                .into_iter()
                .chain(more.iter().copied())
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
            asks: Asks {
                auth_type: Some("code".to_owned()),
                ..asks
            },
        };
        let headers = self.headers();
        let (context, browser) = (context("/"), browser(&headers));
        let outcome = login::begin_at(app, &realm, &context, &browser, (entry, path))
            .await
            .expect("an outcome");
        let response = respond(outcome, &realm, &context, &headers);
        self.got(response).await
    }

    pub async fn got(&mut self, response: Response) -> Got {
        let (parts, body) = response.into_parts();
        let html = axum::body::to_bytes(body, usize::MAX)
            .await
            .expect("a body");
        let cookies = self.take(&parts.headers);
        let location = parts.headers.get("location");
        Got {
            status: parts.status.as_u16(),
            location: location
                .map_or("", |text| text.to_str().expect("text"))
                .to_owned(),
            html: String::from_utf8(html.to_vec()).expect("text"),
            cookies,
            headers: parts.headers.clone(),
        }
    }

    async fn send(&mut self, method: Method, path: &str, form: Option<&[(&str, &str)]>) -> Got {
        let mut call = self.stage.call(method, path);
        if !self.jar.is_empty() {
            call = call.header("cookie", &self.cookies());
        }
        if let Some((name, value)) = &self.header {
            call = call.header(name, value);
        }
        if let Some(form) = form {
            call = call.form(form);
        }
        let reply = call.send().await;
        let cookies = self.take(&reply.headers);
        Got {
            status: reply.status.as_u16(),
            location: reply.header("location"),
            html: reply.text(),
            cookies,
            headers: reply.headers.clone(),
        }
    }

    /// Loads a page.
    pub async fn get(&mut self, address: &str) -> Got {
        self.send(Method::GET, &path_of(address), None).await
    }

    /// Sends a form.
    pub async fn post(&mut self, address: &str, form: &[(&str, &str)]) -> Got {
        self.send(Method::POST, &path_of(address), Some(form)).await
    }

    /// Signs in from the beginning.
    pub async fn sign_in(&mut self, client: &str, name: &str, password: &str) -> Got {
        let page = self.begin(client, Asks::default()).await;
        let form = [("username", name), ("password", password)];
        self.post(&page.action(), &form).await
    }

    /// The id of this browser's login, as its cookie has it.
    pub fn root(&self) -> claviger_model::SessionId {
        let cookie = self.jar.get("AUTH_SESSION_ID").expect("a cookie");
        let text = claviger_crypto::encoding::decode_base64url(cookie).expect("base64url");
        let text = String::from_utf8(text).expect("text");
        let (id, _) = text.split_once('.').expect("a signature");
        claviger_model::SessionId::new(id)
    }

    /// The sessions of a user of the shop.
    pub async fn sessions_of(&self, name: &str) -> Vec<UserSession> {
        let app = &self.stage.app;
        let realm = app.realm("shop").await.expect("store").expect("realm");
        let user = app.store.user_by_username(&realm.id, name).await;
        let user = user.expect("store").expect("a user");
        app.store
            .sessions_of_user(&realm.id, SessionKind::Online, &user.id)
            .await
            .expect("store")
    }

    /// A user of the shop, if there is one of this name.
    pub async fn user(&self, name: &str) -> Option<User> {
        let app = &self.stage.app;
        let realm = app.realm("shop").await.expect("store").expect("realm");
        let user = app.store.user_by_username(&realm.id, name).await;
        user.expect("store")
    }

    /// The kinds and errors of the events so far, the newest in front.
    pub async fn told(&self) -> Vec<(String, Option<String>)> {
        let events = self.events().await.into_iter();
        events.map(|event| (event.kind, event.error)).collect()
    }

    /// The events so far, the newest in front.
    pub async fn events(&self) -> Vec<Event> {
        let app = &self.stage.app;
        let realm = app.realm("shop").await.expect("store").expect("realm");
        let query = claviger_store::EventQuery {
            max: 100,
            ..claviger_store::EventQuery::default()
        };
        app.store.events(&realm.id, &query).await.expect("store")
    }
}
