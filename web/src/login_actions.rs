//! `/realms/{realm}/login-actions/…`: where the forms and links of a login's pages go.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, RawQuery};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, RequestPartsExt, Router};
use claviger_engine::App;
use claviger_engine::browser::{Browser, Outcome};
use claviger_engine::locale::{self, Wishes};
use claviger_engine::login::{self, LoginError, Submission, Unasked, detached};
use claviger_engine::page::{Fault, Message, Page, Severity, View};
use claviger_engine::realm::Realm;
use claviger_engine::request::RequestContext;
use claviger_model::Secret;
use claviger_surface::answer::Answer;
use claviger_surface::browser::{NO_STORE, browser, respond};
use claviger_surface::form::Form;
use claviger_surface::headers::secure;
use claviger_surface::{Help, body};

/// How many bytes a form has at most.
const FORM_BYTES_MAX: usize = 256 * 1024;
/// Fields that are taken byte by byte.
const SECRETS: [&str; 6] = [
    "password",
    "password-new",
    "password-confirm",
    "otp",
    "totp",
    "totpSecret",
];

/// The actions that are no part of this server yet, and what they are.
const UNBUILT: [(&str, &str); 3] = [
    ("first-broker-login", "Signing in at an identity provider"),
    ("post-broker-login", "Signing in at an identity provider"),
    ("action-token", "Following a link of a mail"),
];

/// The routes.
pub fn router() -> Router<App> {
    let at = |action: &str| format!("/realms/{{realm}}/login-actions/{action}");
    let mut router = Router::new()
        .route(
            &at("authenticate"),
            get(async |call: Call| call.resume("authenticate").await)
                .post(async |call: Call| call.resume("authenticate").await),
        )
        .route(
            &at("required-action"),
            get(async |call: Call| call.resume("required-action").await)
                .post(async |call: Call| call.resume("required-action").await),
        )
        .route(
            &at("registration"),
            get(async |call: Call| call.resume("registration").await)
                .post(async |call: Call| call.resume("registration").await),
        )
        .route(
            &at("reset-credentials"),
            get(async |call: Call| call.reset_credentials().await)
                .post(async |call: Call| call.resume("reset-credentials").await),
        )
        .route(
            &at("consent"),
            get(async |call: Call| call.nothing())
                .post(async |call: Call| call.resume("consent").await),
        )
        .route(
            &at("restart"),
            get(async |call: Call| call.resume("restart").await)
                .post(async |call: Call| call.nothing()),
        )
        .route(
            &at("detached-info"),
            get(async |call: Call| call.detached_info().await)
                .post(async |call: Call| call.nothing()),
        );
    for (action, what) in UNBUILT {
        let answer = async move |call: Call| call.unbuilt(what).await;
        router = router.route(&at(action), get(answer).post(answer));
    }
    router
}

/// A request to a login of a realm.
struct Call {
    app: App,
    realm: Arc<Realm>,
    context: RequestContext,
    headers: HeaderMap,
    method: Method,
    query: Form,
    form: Form,
}

impl axum::extract::FromRequest<App> for Call {
    type Rejection = Response;

    async fn from_request(
        request: axum::extract::Request,
        app: &App,
    ) -> Result<Self, Self::Rejection> {
        let (mut parts, body) = request.into_parts();
        let path: Result<Path<BTreeMap<String, String>>, _> = parts.extract().await;
        let name = path.ok().and_then(|Path(mut path)| path.remove("realm"));
        let context: Result<Extension<RequestContext>, _> = parts.extract().await;
        let Ok(Extension(context)) = context else {
            return Err(StatusCode::INTERNAL_SERVER_ERROR.into_response());
        };
        let realm = match app.realm(&name.unwrap_or_default()).await {
            Ok(Some(realm)) => realm,
            Ok(None) => return Err(no_realm()),
            Err(error) => {
                tracing::error!("a login is not answered: {error}");
                return Err(StatusCode::INTERNAL_SERVER_ERROR.into_response());
            }
        };
        let RawQuery(query) = RawQuery(parts.uri.query().map(str::to_owned));
        let query = Form::parse(query.unwrap_or_default().as_bytes());
        let form = read_form(&parts.headers, body).await;
        let mut call = Self {
            app: app.clone(),
            realm,
            context,
            headers: parts.headers,
            method: parts.method,
            query,
            form: Form::default(),
        };
        let Ok(form) = form else {
            let page = call.error(Fault::BadRequest, "invalidRequestMessage");
            return Err(call.respond(page).await);
        };
        call.form = form;
        Ok(call)
    }
}

/// Reads a form; a body of another kind is none.
async fn read_form(headers: &HeaderMap, body: Body) -> Result<Form, ()> {
    if body::media_type(headers).as_deref() != Some("application/x-www-form-urlencoded") {
        return Ok(Form::default());
    }
    let bytes = body::read(headers, body, FORM_BYTES_MAX)
        .await
        .map_err(|_| ())?;
    let mut form = Form::read(&bytes, body::charset(headers)).map_err(|_| ())?;
    form.clean(&SECRETS);
    Ok(form)
}

/// What is answered where there is no such realm.
fn no_realm() -> Response {
    let body = serde_json::json!({ "error": "Realm does not exist" });
    Answer::json(StatusCode::NOT_FOUND, &body)
        .helped(Help::PathUnknown)
        .into_response()
}

impl Call {
    fn browser(&self) -> Browser {
        browser(&self.headers)
    }

    async fn respond(&self, outcome: Outcome) -> Response {
        let state = self.query.get(detached::STATE);
        let outcome = detached::offer(&self.app, &self.realm, outcome, state).await;
        respond(outcome, &self.realm, &self.context, &self.headers)
    }

    fn text(&self, name: &str) -> Option<String> {
        self.query.get(name).map(str::to_owned)
    }

    /// Goes on with a login.
    async fn resume(self, path: &'static str) -> Response {
        let code = self.query.get("session_code");
        // The page that asks for a consent has its code in the form.
        let code = code.or_else(|| self.form.get("code").filter(|_| path == "consent"));
        let mut form: login::Form = BTreeMap::new();
        if self.method == Method::POST {
            for (name, value) in self.form.iter() {
                form.entry(name.to_owned())
                    .or_default()
                    .push(value.to_owned());
            }
        }
        let sent = Submission {
            path,
            session_code: code.filter(|code| !code.is_empty()).map(Secret::new),
            execution: self.text("execution"),
            client_id: self.text("client_id"),
            tab_id: self.text("tab_id"),
            client_data: self.text("client_data"),
            locale: self.text("kc_locale"),
            mode: self.text("mode"),
            skip_logout: self.query.get("skip_logout") == Some("true"),
            form,
        };
        let browser = self.browser();
        let outcome = login::resume(&self.app, &self.realm, &self.context, &browser, &sent).await;
        let outcome = outcome.unwrap_or_else(|error| self.failed(&error));
        self.respond(outcome).await
    }

    /// The page for forgotten credentials; applications may send people here without a login of theirs.
    async fn reset_credentials(self) -> Response {
        let names = ["session_code", "tab_id", "client_data"];
        if names.iter().any(|name| self.query.get(name).is_some()) {
            return self.resume("reset-credentials").await;
        }
        let sent = Unasked {
            client_id: self.text("client_id"),
            redirect_uri: self.text("redirect_uri"),
        };
        let browser = self.browser();
        let outcome =
            login::reset_credentials(&self.app, &self.realm, &self.context, &browser, &sent).await;
        let outcome = outcome.unwrap_or_else(|error| self.failed(&error));
        self.respond(outcome).await
    }

    /// A page that said how something ended says it again.
    async fn detached_info(self) -> Response {
        let asked = (self.query.get(detached::STATE), self.query.get("kc_locale"));
        let browser = self.browser();
        let outcome = detached::show(&self.app, &self.realm, &self.context, &browser, asked).await;
        let outcome = outcome.unwrap_or_else(|error| self.failed(&error));
        self.respond(outcome).await
    }

    /// There is an action of this name, and none by this method.
    fn nothing(&self) -> Response {
        let body = serde_json::json!({ "error": "HTTP 404 Not Found" });
        let mut response = Answer::json(StatusCode::NOT_FOUND, &body)
            .helped(Help::PathUnknown)
            .into_response();
        let headers = response.headers_mut();
        headers.insert(header::CACHE_CONTROL, NO_STORE);
        let settings = &self.realm.settings.browser_security_headers;
        secure(headers, &self.headers, settings);
        response
    }

    /// An action that is no part of this server yet.
    async fn unbuilt(self, what: &str) -> Response {
        let text = format!("{what} is not part of this server yet");
        let page = self.error(Fault::NotFound, &text);
        self.respond(page).await
    }

    fn error(&self, fault: Fault, key: &str) -> Outcome {
        let known = browser(&self.headers);
        let wishes = Wishes {
            cookie: known.locale.as_deref(),
            accept: known.accept_language.as_deref(),
            ..Wishes::default()
        };
        let locale = locale::choose(&self.realm, wishes);
        let page = Page::Error { fault, back: None };
        let view = View::new(&self.realm, &self.context.base_url, &locale, page);
        Outcome::page(view.saying(Severity::Error, Message::new(key)))
    }

    /// What people are told of a failure of ours; its cause goes to the log.
    fn failed(&self, error: &LoginError) -> Outcome {
        let fault = match error {
            LoginError::Busy | LoginError::Hasher(_) => {
                tracing::warn!("a login is refused: {error}");
                Fault::Unavailable
            }
            LoginError::NoKey | LoginError::Answer(_) | LoginError::Store(_) => {
                tracing::error!("a login is not answered: {error}");
                Fault::Internal
            }
        };
        self.error(fault, "internalServerError")
    }
}
