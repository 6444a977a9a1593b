//! The refusals of this surface: three shapes, each where Keycloak has it, and one way into HTTP.

use axum::http::{HeaderValue, StatusCode, header};
use claviger_engine::token::MintError;
use claviger_store::{Commit, StoreError};
use claviger_surface::help::Pointer;
use claviger_surface::{Answer, Help};
use claviger_wire::document::Json;
use claviger_wire::schema::JsonProblem;
use serde_json::{Value, json};

use crate::guard::Right;

/// A refusal.
#[derive(Debug)]
pub struct Problem {
    status: StatusCode,
    body: Json,
    retry_after: bool,
    pointer: Pointer,
}

/// Where help is for what a status says. Refusals of this surface that need more say it themselves:
/// who asks, and with what right.
fn help_with(status: StatusCode) -> Help {
    match status.as_u16() {
        401 => Help::AdminTokenNotAccepted,
        403 => Help::AdminRoleMissing,
        404 => Help::AdminNotFound,
        405 => Help::MethodNotAllowed,
        409 => Help::AdminConflict,
        415 => Help::AdminContentType,
        501 => Help::NotBuilt,
        503 => Help::Busy,
        500.. => Help::Failed,
        0..500 => Help::AdminRequestInvalid,
    }
}

fn object(pairs: &[(&str, Value)]) -> Json {
    pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), value.clone()))
        .collect()
}

impl Problem {
    /// `{"error": text}`: not found, not allowed, not routed.
    pub fn error(status: StatusCode, text: &str) -> Self {
        Self {
            status,
            body: object(&[("error", json!(text))]),
            retry_after: false,
            pointer: help_with(status).into(),
        }
    }

    /// `{"error": code, "error_description": text}`.
    pub fn described(status: StatusCode, error: &str, text: &str) -> Self {
        let body = object(&[("error", json!(error)), ("error_description", json!(text))]);
        Self {
            status,
            body,
            retry_after: false,
            pointer: help_with(status).into(),
        }
    }

    /// `{"errorMessage": text}`: validation and conflicts.
    pub fn message(status: StatusCode, text: &str) -> Self {
        Self {
            status,
            body: object(&[("errorMessage", json!(text))]),
            retry_after: false,
            pointer: help_with(status).into(),
        }
    }

    /// Any body that an endpoint has of its own.
    pub fn with_body(status: StatusCode, body: Json) -> Self {
        Self {
            status,
            body,
            retry_after: false,
            pointer: help_with(status).into(),
        }
    }

    /// `404` with `{"error": text}`.
    pub fn not_found(text: &str) -> Self {
        Self::error(StatusCode::NOT_FOUND, text)
    }

    /// `400` with `{"errorMessage": text}`.
    pub fn bad_request(text: &str) -> Self {
        Self::message(StatusCode::BAD_REQUEST, text)
    }

    /// `409` with `{"errorMessage": text}`.
    pub fn conflict(text: &str) -> Self {
        Self::message(StatusCode::CONFLICT, text)
    }

    /// `409` where Keycloak has no words of its own for a name or an id that is taken.
    pub fn duplicate() -> Self {
        Self::described(StatusCode::CONFLICT, "conflict", "Duplicate resource error")
    }

    /// `404`: no such realm.
    pub fn no_realm() -> Self {
        Self::not_found("Realm not found.").helped(Help::AdminRealmNotFound)
    }

    /// `401`: nobody whom this server knows. One text stands for every cause; help is chosen by
    /// what was sent.
    pub fn unauthorized(help: Help) -> Self {
        Self::error(StatusCode::UNAUTHORIZED, "HTTP 401 Unauthorized").helped(help)
    }

    /// `403`: somebody who may not, whatever their roles.
    pub fn forbidden() -> Self {
        Self::error(StatusCode::FORBIDDEN, "HTTP 403 Forbidden")
    }

    /// `403`: somebody without any of some rights. Help begins at the one to see things, which is
    /// the least that is of use, or else at the first.
    pub fn lacks(rights: &[Right]) -> Self {
        let mut roles = rights.iter().map(|right| right.role());
        let first = roles.clone().next();
        Self::lacks_role(roles.find(|role| role.starts_with("view-")).or(first))
    }

    /// The same for a role that is no [`Right`].
    pub fn lacks_role(role: Option<&'static str>) -> Self {
        let mut problem = Self::forbidden();
        problem.pointer.place = role;
        problem
    }

    /// The same with a closer cause for the log.
    #[must_use]
    pub const fn because(mut self, cause: Help) -> Self {
        self.pointer.cause = Some(cause);
        self
    }

    /// The same with other help.
    #[must_use]
    pub fn helped(self, help: Help) -> Self {
        Self {
            pointer: help.into(),
            ..self
        }
    }

    /// `500`: what went wrong is in the log alone.
    pub fn unknown() -> Self {
        let status = StatusCode::INTERNAL_SERVER_ERROR;
        let text = "For more on this error consult the server log.";
        Self::described(status, "unknown_error", text)
    }

    /// Too much at once: come again.
    pub fn busy() -> Self {
        let text = "The server is busy. Try again later.";
        let mut problem = Self::described(
            StatusCode::SERVICE_UNAVAILABLE,
            "temporarily_unavailable",
            text,
        );
        problem.retry_after = true;
        problem
    }

    /// Where help is.
    pub const fn pointer(&self) -> Pointer {
        self.pointer
    }

    /// The status.
    pub const fn status(&self) -> StatusCode {
        self.status
    }

    /// The body.
    pub const fn body(&self) -> &Json {
        &self.body
    }

    /// The answer that tells it.
    pub fn into_answer(self) -> Answer {
        let answer = Answer::json(self.status, &self.body).helped(self.pointer);
        if self.retry_after {
            answer.with(header::RETRY_AFTER, HeaderValue::from_static("1"))
        } else {
            answer
        }
    }
}

impl From<MintError> for Problem {
    fn from(error: MintError) -> Self {
        match error {
            MintError::Store(error) => error.into(),
            MintError::NoKey(_) | MintError::Signature(_) | MintError::Sealing(_) => {
                tracing::error!("no token: {error}");
                Self::unknown()
            }
        }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        let mut text = error.to_string();
        let mut next = std::error::Error::source(&error);
        while let Some(source) = next {
            text.push_str(": ");
            text.push_str(&source.to_string());
            next = source.source();
        }
        if error.is_unavailable() {
            tracing::warn!("refused for want of the database: {text}");
            return Self::busy();
        }
        if matches!(error, StoreError::Refused { .. }) {
            tracing::info!("refused, as it cannot be kept: {text}");
            let text = "A value is too long, or has a character that cannot be kept";
            return Self::described(StatusCode::BAD_REQUEST, "invalid_request", text);
        }
        tracing::error!("database failure: {text}");
        Self::unknown()
    }
}

/// Takes a written job for granted, or tells that somebody else was faster.
pub fn done(commit: Commit) -> Result<(), Problem> {
    match commit {
        Commit::Done => Ok(()),
        Commit::Missed(step) | Commit::Conflict(step) => {
            tracing::info!("{step}: somebody else changed the same rows meanwhile");
            let text = "The resource was changed by somebody else. Read it again and repeat.";
            Err(Problem::conflict(text))
        }
    }
}

impl From<JsonProblem> for Problem {
    fn from(problem: JsonProblem) -> Self {
        let text = problem.to_string();
        let status = StatusCode::BAD_REQUEST;
        match problem {
            JsonProblem::Unrecognized { .. } => Self::error(status, &text),
            JsonProblem::Broken => Self::described(status, "invalid_request", &text),
            JsonProblem::BrokenWithin => Self::described(status, "HTTP 400 Bad Request", &text),
            JsonProblem::WrongType => Self::described(status, "unknown_error", &text),
            JsonProblem::TooLarge => Self::error(StatusCode::PAYLOAD_TOO_LARGE, &text),
            // Keycloak fails with 500 here; who sends nothing is told so.
            JsonProblem::Empty => Self::described(status, "invalid_request", "The body is empty"),
        }
    }
}
