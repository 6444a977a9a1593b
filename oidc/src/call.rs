//! One request to a realm, with everything that its endpoint may look at.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{FromRequest, RawPathParams, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use claviger_engine::App;
use claviger_engine::client::Client;
use claviger_engine::events::EventBuilder;
use claviger_engine::realm::Realm;
use claviger_engine::request::RequestContext;
use claviger_engine::token::{Expected, apparent};
use claviger_store::Tx;
use claviger_surface::body::{BodyError, charset, media_type, read};
use claviger_surface::headers::secure;
use claviger_surface::help::Pointer;

use crate::Help;
use crate::answer::Answer;
use crate::cors::{self, Readers};
use crate::form::{Charset, Form, FormError};
use crate::problem::Problem;

/// How large a form may be.
const BODY_MAX: usize = 256 * 1024;

/// A request to a realm that exists.
#[derive(Debug)]
pub struct Call {
    /// The server.
    pub app: App,
    /// The realm.
    pub realm: Arc<Realm>,
    /// Where the request came in.
    pub context: RequestContext,
    /// The method.
    pub method: Method,
    /// The request's headers.
    pub headers: HeaderMap,
    /// The query's parameters.
    pub query: Form,
    /// The form's parameters; empty if the body is of another type.
    pub form: Form,
    /// The body as it came.
    pub body: Bytes,
    /// Whether the body is a form.
    pub is_form: bool,
    /// Who may read the answer.
    pub readers: Readers,
    /// Which of the answer's headers their scripts may read.
    pub exposed: Option<&'static str>,
}

impl FromRequest<App> for Call {
    type Rejection = Response;

    async fn from_request(request: Request, app: &App) -> Result<Self, Response> {
        let (mut parts, body) = request.into_parts();
        let name = realm_name(&mut parts).await?;
        let found = app
            .realm(&name)
            .await
            .map_err(|error| Problem::from(error).into_response())?;
        let Some(realm) = found else {
            return Err(no_realm());
        };
        let Some(context) = parts.extensions.remove::<RequestContext>() else {
            tracing::error!("a request came in without its context");
            return Err(StatusCode::INTERNAL_SERVER_ERROR.into_response());
        };
        let query = read_query(parts.uri.query().unwrap_or_default())?;
        let is_form = media_type(&parts.headers)
            .is_some_and(|media| media == "application/x-www-form-urlencoded");
        let body = read(&parts.headers, body, BODY_MAX).await.map_err(unread)?;
        let form = if is_form {
            read_form(&body, charset(&parts.headers))?
        } else {
            Form::default()
        };
        Ok(Self {
            app: app.clone(),
            realm,
            context,
            method: parts.method,
            query,
            form,
            is_form,
            body,
            headers: parts.headers,
            readers: Readers::Nobody,
            exposed: Some(cors::EXPOSED),
        })
    }
}

async fn realm_name(parts: &mut Parts) -> Result<String, Response> {
    use axum::extract::FromRequestParts;
    let params = RawPathParams::from_request_parts(parts, &()).await;
    // A name that is no text is the name of no realm.
    let params = params.map_err(|_| no_realm())?;
    let name = params
        .iter()
        .find(|(name, _)| *name == "realm")
        .map(|(_, value)| value.to_owned());
    name.ok_or_else(no_realm)
}

fn no_realm() -> Response {
    let help = Help::RealmNotFound;
    Problem::plain(help, StatusCode::NOT_FOUND, "Realm does not exist").into_response()
}

fn unread(error: BodyError) -> Response {
    match error {
        BodyError::TooLong => too_large(),
        BodyError::Broken => invalid("The request broke off"),
    }
}

fn too_large() -> Response {
    let text = "HTTP 413 Request Entity Too Large";
    let help = Help::RequestMalformed;
    Problem::plain(help, StatusCode::PAYLOAD_TOO_LARGE, text).into_response()
}

fn invalid(text: &str) -> Response {
    Problem::bad_request(Help::RequestMalformed, "invalid_request", text).into_response()
}

fn read_form(body: &[u8], charset: Charset) -> Result<Form, Response> {
    Form::read(body, charset).map_err(|error| match error {
        FormError::TooLong => too_large(),
        FormError::TooMany => invalid("The request has too many parameters"),
        FormError::BadEscape => invalid("The request is not form-encoded: a % without two digits"),
    })
}

/// Reads a query. Control characters but blanks are refused, as by Keycloak: they have no place in
/// an address, and could confuse whoever logs it.
fn read_query(text: &str) -> Result<Form, Response> {
    let query = read_form(text.as_bytes(), Charset::Utf8)?;
    let is_blocked = |letter: char| letter < ' ' && !matches!(letter, '\t' | '\n' | '\r');
    if query
        .iter()
        .any(|(name, value)| name.contains('\0') || value.contains(is_blocked))
    {
        let text = "Blocking invalid query parameter value";
        let help = Help::RequestMalformed;
        return Err(Problem::plain(help, StatusCode::BAD_REQUEST, text).into_response());
    }
    Ok(query)
}

impl Call {
    /// An event of this request.
    pub fn event(&self, kind: &'static str) -> EventBuilder {
        EventBuilder::new(kind, &self.context.ip_address)
    }

    /// Records a failure, by itself, and returns the refusal that tells it.
    pub async fn refuse(&self, event: &EventBuilder, error: &str, problem: Problem) -> Problem {
        let mut tx = Tx::new();
        self.note(event, error, problem.pointer(), &mut tx);
        match self.app.commit(tx).await {
            Ok(_) => problem,
            Err(error) => error.into(),
        }
    }

    /// Records a failure with a job, and in the log where help is.
    pub fn note(&self, event: &EventBuilder, error: &str, pointer: Pointer, tx: &mut Tx) {
        let mut event = event.clone();
        event
            .helped(pointer.for_log(&self.context))
            .error(&self.app, &self.realm, error, tx);
    }

    /// Where help is for a token that was refused, by what anybody can read off it; `otherwise`
    /// where that tells nothing.
    pub fn help_with_token(&self, text: &str, expected: Expected, otherwise: Help) -> Help {
        let now = self.app.now();
        let seen = apparent(text, expected, &self.context, &self.realm.name, now);
        Help::of_token(seen, expected, otherwise)
    }

    /// A header's text.
    pub fn header(&self, name: header::HeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Refuses plain HTTP where the realm asks for TLS.
    pub fn check_ssl(&mut self) -> Result<(), Problem> {
        if !self.context.lacks_tls(self.realm.settings.ssl_required) {
            return Ok(());
        }
        self.readers = Readers::All;
        Err(Problem::new(
            Help::HttpsRequired,
            StatusCode::FORBIDDEN,
            "invalid_request",
            "HTTPS required",
        ))
    }

    /// Refuses a disabled realm.
    pub fn check_realm(&mut self) -> Result<(), Problem> {
        if self.realm.enabled {
            return Ok(());
        }
        self.readers = Readers::All;
        Err(Problem::new(
            Help::RealmDisabled,
            StatusCode::FORBIDDEN,
            "access_denied",
            "Realm not enabled",
        ))
    }

    /// Lets the client's web origins read the answer, and refuses others.
    pub fn check_origin(&mut self, client: &Client) -> Result<(), Problem> {
        self.readers = Readers::of(client, &self.context.base_url);
        let Some(origin) = self.header(header::ORIGIN) else {
            return Ok(());
        };
        if self.readers.include(origin) || origin == self.context.origin {
            return Ok(());
        }
        let help = Help::OriginNotAllowed;
        Err(Problem::plain(
            help,
            StatusCode::FORBIDDEN,
            "Invalid origin",
        ))
    }

    /// The bearer token of the `Authorization` header (RFC 6750 §2.1). What is not exactly one word
    /// after the scheme is none; a second header could be read in place of the first.
    pub fn bearer(&self) -> Result<Option<&str>, Problem> {
        let mut headers = self.headers.get_all(header::AUTHORIZATION).iter();
        let Some(only) = headers.next() else {
            return Ok(None);
        };
        if headers.next().is_some() {
            return Err(Problem::plain(
                Help::AccessTokenTwice,
                StatusCode::UNAUTHORIZED,
                "HTTP 401 Unauthorized",
            ));
        }
        let parts = only.to_str().ok().and_then(|text| text.split_once(' '));
        let token = parts.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
        Ok(token
            .map(|(_, token)| token)
            .filter(|token| !token.is_empty() && !token.contains(' ')))
    }

    /// The response to an answer or a refusal, with what every answer of this realm carries.
    pub fn respond(&self, outcome: Result<Answer, Problem>) -> Response {
        let answer = outcome.unwrap_or_else(Problem::into_answer);
        let mut response = answer.into_response();
        let asking = self.headers.get(header::ORIGIN);
        cors::write(response.headers_mut(), asking, &self.readers, self.exposed);
        self.secure(response.headers_mut());
        response
    }

    /// The response to a preflight request.
    pub fn respond_to_preflight(&self, methods: &'static str) -> Response {
        let mut response = Answer::empty(StatusCode::OK).into_response();
        let asking = self.headers.get(header::ORIGIN);
        cors::write_preflight(response.headers_mut(), asking, methods);
        self.secure(response.headers_mut());
        response
    }

    /// The security headers of a page that anybody may put into a frame.
    pub fn secure_frame(&self, headers: &mut HeaderMap) {
        self.secure(headers);
        headers.remove(header::X_FRAME_OPTIONS);
        let Some(policy) = headers.get(header::CONTENT_SECURITY_POLICY) else {
            return;
        };
        let directives = policy.to_str().unwrap_or_default().split(';');
        let kept: Vec<&str> = directives
            .map(str::trim)
            .filter(|directive| !directive.starts_with("frame-ancestors") && !directive.is_empty())
            .collect();
        match HeaderValue::from_str(&format!("{};", kept.join("; "))) {
            Ok(policy) => headers.insert(header::CONTENT_SECURITY_POLICY, policy),
            Err(_) => headers.remove(header::CONTENT_SECURITY_POLICY),
        };
    }

    fn secure(&self, headers: &mut HeaderMap) {
        secure(
            headers,
            &self.headers,
            &self.realm.settings.browser_security_headers,
        );
    }
}
