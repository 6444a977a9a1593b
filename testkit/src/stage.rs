//! A server in memory, and requests to it.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{Method, Request, header};
use claviger_crypto::{PasswordHasher, Random};
use claviger_engine::App;
use claviger_engine::clock::Clock;
use claviger_engine::request::RequestContext;
use claviger_model::{Millis, Seconds};
use http_body_util::BodyExt;
use serde_json::Value;
use tower::ServiceExt;

use crate::database::Ground;
use crate::network::Script;
use crate::reply::Reply;

/// The instant at which every stage begins: 2026-11-23T00:00:00Z.
pub const MORNING: Millis = Millis(1_795_392_000_000);
/// The base paths that a stage serves.
const BASE_PATHS: [&str; 2] = ["", "/auth"];

/// A small world.
#[derive(Clone)]
pub struct Stage {
    /// The server.
    pub app: App,
    /// What the network answers.
    pub network: Script,
    router: Router,
    /// Held as long as anybody uses the server: a database on a server is thrown away with it.
    _ground: Ground,
}

impl Stage {
    /// A server with the master realm in an empty database ([`Ground`]), answering by the given
    /// router. Time stands still until [`Stage::wait`].
    ///
    /// # Panics
    /// If the database cannot be opened.
    pub async fn open(router: Router<App>) -> Self {
        Self::over(Ground::new(), router).await
    }

    /// The same in a database that the test has chosen.
    ///
    /// # Panics
    /// If the database cannot take the master realm.
    pub async fn over(ground: Ground, router: Router<App>) -> Self {
        Self::with(ground, router, |app| app).await
    }

    /// The same with a server that was set up otherwise.
    ///
    /// # Panics
    /// If the database cannot take the master realm.
    pub async fn with(ground: Ground, router: Router<App>, set_up: fn(App) -> App) -> Self {
        let store = ground.store().await;
        let random = Random::system();
        let hasher = PasswordHasher::with_threads(2, 256, &random).expect("threads start");
        let network = Script::default();
        let clock = Clock::frozen(MORNING);
        let app = App::new(store, clock, random, hasher, Arc::new(network.clone()));
        let app = set_up(app);
        claviger_engine::realms::ensure_master(&app)
            .await
            .expect("the master realm is made");
        let mut both = Router::new();
        for base in BASE_PATHS {
            both = match base {
                "" => both.merge(router.clone()),
                path => both.nest(path, router.clone()),
            };
        }
        let router = both.with_state(app.clone());
        Self {
            app,
            network,
            router,
            _ground: ground,
        }
    }

    /// Imports a realm file.
    ///
    /// # Panics
    /// If the file is refused.
    pub async fn import(&self, realm: Value) {
        let Value::Object(file) = realm else {
            panic!("a realm file is an object")
        };
        claviger_engine::realms::create(&self.app, &file)
            .await
            .expect("the realm is good");
    }

    /// Moves time on.
    pub fn wait(&self, span: Seconds) {
        self.app.clock.advance(span);
    }

    /// Begins a request, `POST /realms/shop/…`.
    pub fn call(&self, method: Method, path: &str) -> Call {
        Call {
            stage: self.clone(),
            method,
            path: path.to_owned(),
            headers: Vec::new(),
            body: Vec::new(),
        }
    }

    /// `POST` with a form.
    pub async fn post(&self, path: &str, form: &[(&str, &str)]) -> Reply {
        self.call(Method::POST, path).form(form).send().await
    }

    /// `GET`.
    pub async fn get(&self, path: &str) -> Reply {
        self.call(Method::GET, path).send().await
    }
}

/// A request in the making.
#[derive(Clone)]
#[must_use = "a request is nothing until it is sent"]
pub struct Call {
    stage: Stage,
    method: Method,
    path: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Call {
    /// Adds a header.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Sends a bearer token.
    pub fn bearer(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    /// Sends a name and a password by HTTP Basic.
    pub fn basic(self, name: &str, password: &str) -> Self {
        let pair = format!("{name}:{password}");
        let pair = claviger_crypto::encoding::base64(pair.as_bytes());
        self.header("authorization", &format!("Basic {pair}"))
    }

    /// Sends a form.
    pub fn form(mut self, form: &[(&str, &str)]) -> Self {
        let mut text = form_urlencoded::Serializer::new(String::new());
        text.extend_pairs(form);
        self.body = text.finish().into_bytes();
        self.header("content-type", "application/x-www-form-urlencoded")
    }

    /// Sends JSON.
    pub fn json(mut self, value: &Value) -> Self {
        self.body = value.to_string().into_bytes();
        self.header("content-type", "application/json")
    }

    /// Sends bytes as they are.
    pub fn bytes(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// Sends the request and reads the answer to its end.
    ///
    /// # Panics
    /// If the request is no request, or the answer breaks off.
    pub async fn send(self) -> Reply {
        let mut request = Request::builder().method(self.method).uri(&self.path);
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        let mut request = request
            .header(header::HOST, "localhost")
            .body(Body::from(self.body))
            .expect("a request");
        request.extensions_mut().insert(context(&self.path));
        let answer = self.stage.router.oneshot(request).await.expect("an answer");
        let (parts, body) = answer.into_parts();
        let body = body
            .collect()
            .await
            .expect("a whole answer")
            .to_bytes()
            .to_vec();
        Reply {
            status: parts.status,
            headers: parts.headers,
            body,
        }
    }
}

/// The context that the server would put beside a request to this path.
pub fn context(path: &str) -> RequestContext {
    let base = if path.starts_with("/auth/") {
        "/auth"
    } else {
        ""
    };
    RequestContext {
        base_url: format!("http://localhost{base}"),
        base_path: base.to_owned(),
        origin: "http://localhost".to_owned(),
        base_paths: BASE_PATHS.map(str::to_owned).into(),
        ip_address: "127.0.0.1".to_owned(),
        secure: false,
        help_links: true,
        backchannel_url: None,
        admin_url: None,
    }
}
