//! One request about a client's registration, with everything that its endpoint may look at.

use std::collections::HashMap;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, RawPathParams, Request};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use claviger_engine::App;
use claviger_engine::client_registration::Site;
use claviger_engine::events::EventBuilder;
use claviger_engine::realm::Realm;
use claviger_engine::request::RequestContext;
use claviger_store::Tx;
use claviger_surface::body::{BodyError, read};
use claviger_surface::cors::{self, Readers};
use claviger_surface::{Answer, Help};
use claviger_wire::document::Json;
use claviger_wire::schema;

use crate::admin::clients::body::without_nulls;
use crate::admin::clients::write::Clients;
use crate::call::{consumes, respond};
use crate::problem::Problem;

/// How large a description of a client may be, in bytes.
const BODY_MAX: usize = 1024 * 1024;

/// A request to a realm that exists.
#[derive(Debug)]
pub(super) struct Call {
    /// The server.
    pub(super) app: App,
    /// The realm.
    pub(super) realm: Arc<Realm>,
    /// Where the request came in.
    pub(super) context: RequestContext,
    /// The request's headers.
    pub(super) headers: HeaderMap,
    /// The `clientId` that the path names, if it names one.
    pub(super) client_id: String,
    /// What happens, as it will be told.
    pub(super) event: EventBuilder,
    /// Whose pages may read the answer.
    pub(super) readers: Readers,
    body: Bytes,
}

impl FromRequest<App> for Call {
    type Rejection = Response;

    async fn from_request(request: Request, app: &App) -> Result<Self, Response> {
        let headers = request.headers().clone();
        Self::arrive(request, app)
            .await
            .map_err(|problem| respond(Err(problem), None, &headers))
    }
}

impl Call {
    async fn arrive(request: Request, app: &App) -> Result<Self, Problem> {
        let (mut parts, body) = request.into_parts();
        let no_realm = || Problem::not_found("Realm does not exist").helped(Help::RealmNotFound);
        let raw = RawPathParams::from_request_parts(&mut parts, &()).await;
        let raw = raw.map_err(|_| no_realm())?;
        let mut params: HashMap<String, String> = raw
            .iter()
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        let name = params.remove("realm").unwrap_or_default();
        let realm = app.realm(&name).await?.ok_or_else(no_realm)?;
        let Some(context) = parts.extensions.remove::<RequestContext>() else {
            tracing::error!("a request came in without its context");
            return Err(Problem::busy());
        };
        let body = read(&parts.headers, body, BODY_MAX).await;
        let body = body.map_err(|error| {
            let text = match error {
                BodyError::TooLong => "The request is longer than 1 MiB",
                BodyError::Broken => "The request broke off",
            };
            Problem::described(StatusCode::PAYLOAD_TOO_LARGE, "invalid_request", text)
                .helped(Help::RequestMalformed)
        })?;
        Ok(Self {
            app: app.clone(),
            realm,
            event: EventBuilder::new("CLIENT_INFO", &context.ip_address),
            context,
            headers: parts.headers,
            client_id: params.remove("client").unwrap_or_default(),
            readers: Readers::Nobody,
            body,
        })
    }

    /// Refuses a caller without TLS where the realm asks for it, and a realm that is switched off.
    pub(super) fn open(&self) -> Result<(), Problem> {
        let status = StatusCode::FORBIDDEN;
        if self.context.lacks_tls(self.realm.settings.ssl_required) {
            let problem = Problem::described(status, "invalid_request", "HTTPS required");
            return Err(problem.helped(Help::HttpsRequired));
        }
        if !self.realm.enabled {
            let problem = Problem::described(status, "access_denied", "Realm not enabled");
            return Err(problem.helped(Help::RealmDisabled));
        }
        Ok(())
    }

    /// The body as a representation of a class.
    pub(super) fn json(&self, class: &str) -> Result<Json, Problem> {
        consumes(&self.headers, "application/json")
            .map_err(|problem| problem.helped(Help::RegistrationMetadata))?;
        let given = schema::parse(class, &self.body);
        given
            .map(without_nulls)
            .map_err(|error| Problem::from(error).helped(Help::RegistrationMetadata))
    }

    /// Where policies find the request to come from.
    pub(super) fn site(&self) -> Site<'_> {
        Site {
            app: &self.app,
            realm: &self.realm,
            ip_address: &self.context.ip_address,
        }
    }

    /// The realm's clients, to be changed.
    pub(super) fn clients(&self) -> Clients<'_> {
        Clients {
            app: &self.app,
            realm: &self.realm,
        }
    }

    /// Records a failure, by itself, and returns the refusal that tells it.
    pub(super) async fn refuse(&self, error: &str, problem: Problem) -> Problem {
        let mut tx = Tx::new();
        let mut event = self.event.clone();
        event
            .helped(problem.pointer().for_log(&self.context))
            .error(&self.app, &self.realm, error, &mut tx);
        match self.app.commit(tx).await {
            Ok(_) => problem,
            Err(error) => error.into(),
        }
    }

    /// `401`, and the event that tells why.
    pub(super) async fn unauthorized(&mut self, text: &str) -> Problem {
        self.event.detail("reason", text);
        let problem = Problem::described(StatusCode::UNAUTHORIZED, "invalid_token", text);
        let problem = problem.helped(Help::RegistrationToken);
        self.refuse("invalid_token", problem).await
    }

    /// `403`, and the event.
    pub(super) async fn forbidden(&self, text: &str) -> Problem {
        let problem = Problem::described(StatusCode::FORBIDDEN, "insufficient_scope", text);
        let problem = problem.helped(Help::RegistrationRefused);
        self.refuse("not_allowed", problem).await
    }

    /// `404` for somebody who may know, and the event.
    pub(super) async fn no_client(&self) -> Problem {
        let status = StatusCode::NOT_FOUND;
        let problem = Problem::described(status, "invalid_request", "Client not found");
        self.refuse("client_not_found", problem).await
    }

    /// `400` for a description that cannot be. Nothing has happened, and nothing is told.
    pub(super) fn invalid(error: &str, text: &str) -> Problem {
        Problem::described(StatusCode::BAD_REQUEST, error, text).helped(Help::RegistrationMetadata)
    }

    /// `400`: the metadata are no client's.
    pub(super) fn metadata(text: &str) -> Problem {
        Self::invalid("invalid_client_metadata", text)
    }

    /// Lets pages of some web origins read the answer, and refuses others.
    pub(super) fn check_origin(&mut self, origins: Vec<String>) -> Result<(), Problem> {
        let Some(origin) = self.headers.get(header::ORIGIN) else {
            return Ok(());
        };
        let readers = if origins.iter().any(|origin| origin == "*") {
            Readers::All
        } else {
            Readers::Origins(origins.into_iter().collect())
        };
        let origin = origin.to_str().unwrap_or_default();
        if !readers.include(origin) && origin != self.context.origin {
            let problem = Problem::error(StatusCode::FORBIDDEN, "Invalid origin");
            return Err(problem.helped(Help::OriginNotAllowed));
        }
        self.readers = readers;
        Ok(())
    }

    /// The response to an answer or a refusal, with what every answer of this realm carries. Pages
    /// read answers, not refusals.
    pub(super) fn respond(&self, outcome: Result<Answer, Problem>) -> Response {
        let is_answer = outcome.is_ok();
        let mut response = respond(outcome, Some(&self.realm), &self.headers);
        if is_answer {
            let asking = self.headers.get(header::ORIGIN);
            cors::write(response.headers_mut(), asking, &self.readers, None);
        }
        response
    }

    /// The response to a preflight request.
    pub(super) fn respond_to_preflight(&self) -> Response {
        let answer = Ok(Answer::empty(StatusCode::OK));
        let mut response = respond(answer, Some(&self.realm), &self.headers);
        let asking = self.headers.get(header::ORIGIN);
        let methods = "DELETE, POST, GET, OPTIONS, PUT";
        cors::write_preflight(response.headers_mut(), asking, methods);
        response
    }
}
