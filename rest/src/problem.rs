//! The refusals of this surface: three shapes, each where Keycloak has it, and one way into HTTP.

use axum::http::{HeaderValue, StatusCode, header};
use claviger_store::{Commit, StoreError};
use claviger_surface::Answer;
use claviger_wire::document::Json;
use claviger_wire::schema::JsonProblem;
use serde_json::{Value, json};

/// A refusal.
#[derive(Debug)]
pub struct Problem {
    status: StatusCode,
    body: Json,
    retry_after: bool,
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
        }
    }

    /// `{"error": code, "error_description": text}`.
    pub fn described(status: StatusCode, error: &str, text: &str) -> Self {
        let body = object(&[("error", json!(error)), ("error_description", json!(text))]);
        Self {
            status,
            body,
            retry_after: false,
        }
    }

    /// `{"errorMessage": text}`: validation and conflicts.
    pub fn message(status: StatusCode, text: &str) -> Self {
        Self {
            status,
            body: object(&[("errorMessage", json!(text))]),
            retry_after: false,
        }
    }

    /// Any body that an endpoint has of its own.
    pub const fn with_body(status: StatusCode, body: Json) -> Self {
        Self {
            status,
            body,
            retry_after: false,
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

    /// `401`: nobody whom this server knows.
    pub fn unauthorized() -> Self {
        Self::error(StatusCode::UNAUTHORIZED, "HTTP 401 Unauthorized")
    }

    /// `403`: somebody without the right.
    pub fn forbidden() -> Self {
        Self::error(StatusCode::FORBIDDEN, "HTTP 403 Forbidden")
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
        let answer = Answer::json(self.status, &self.body);
        if self.retry_after {
            answer.with(header::RETRY_AFTER, HeaderValue::from_static("1"))
        } else {
            answer
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
