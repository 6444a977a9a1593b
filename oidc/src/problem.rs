//! The refusals of this surface, in the one shape of RFC 6749 §5.2, and their one way into HTTP.

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use claviger_store::StoreError;
use claviger_surface::headers::secure;
use claviger_surface::help::Pointer;
use serde::Serialize;

use crate::Help;
use crate::answer::Answer;
use crate::call::Call;

/// A refusal: status, code and a text that tells the client what is wrong.
#[derive(Debug)]
pub struct Problem {
    status: StatusCode,
    error: String,
    description: Option<String>,
    /// A challenge, with an empty body in place of JSON.
    challenge: Option<String>,
    /// Sent as JSON without `Cache-Control`, wherever it is raised.
    retry_after: bool,
    /// Where help is.
    pointer: Pointer,
}

#[derive(Serialize)]
struct Body<'a> {
    error: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_description: Option<&'a str>,
}

impl Problem {
    /// An OAuth error.
    pub fn new(
        help: Help,
        status: StatusCode,
        error: &str,
        description: impl Into<String>,
    ) -> Self {
        Self {
            status,
            error: error.to_owned(),
            description: Some(description.into()),
            challenge: None,
            retry_after: false,
            pointer: help.into(),
        }
    }

    /// `400` with an OAuth error.
    pub fn bad_request(help: Help, error: &str, description: impl Into<String>) -> Self {
        Self::new(help, StatusCode::BAD_REQUEST, error, description)
    }

    /// `401` with an OAuth error.
    pub fn unauthorized(help: Help, error: &str, description: impl Into<String>) -> Self {
        Self::new(help, StatusCode::UNAUTHORIZED, error, description)
    }

    /// A single text, as of routing.
    pub fn plain(help: Help, status: StatusCode, error: &str) -> Self {
        Self {
            status,
            error: error.to_owned(),
            description: None,
            challenge: None,
            retry_after: false,
            pointer: help.into(),
        }
    }

    /// A challenge of RFC 6750 or RFC 7617: all is in `WWW-Authenticate`.
    pub fn challenge(help: Help, status: StatusCode, value: String) -> Self {
        Self {
            status,
            error: String::new(),
            description: None,
            challenge: Some(value),
            retry_after: false,
            pointer: help.into(),
        }
    }

    /// Too much at once: come again.
    pub fn busy() -> Self {
        let mut problem = Self::new(
            Help::Busy,
            StatusCode::SERVICE_UNAVAILABLE,
            "temporarily_unavailable",
            "The server is busy. Try again later.",
        );
        problem.retry_after = true;
        problem
    }

    /// What went wrong is in the log alone.
    pub fn failed() -> Self {
        let status = StatusCode::INTERNAL_SERVER_ERROR;
        Self::new(
            Help::Failed,
            status,
            "server_error",
            "Unexpected server error",
        )
    }

    /// The same, with a closer cause for the log. The caller reads what it reads without: causes
    /// that share a body share their help.
    #[must_use]
    pub const fn because(mut self, cause: Help) -> Self {
        self.pointer.cause = Some(cause);
        self
    }

    /// The same in the words of another endpoint, with the same help.
    #[must_use]
    pub fn reworded(mut self, error: &str, description: &str) -> Self {
        error.clone_into(&mut self.error);
        self.description = Some(description.to_owned());
        self
    }

    /// The same with another status, and its words in the body.
    #[must_use]
    pub fn answering(mut self, status: StatusCode) -> Self {
        self.status = status;
        self.challenge = None;
        self
    }

    /// Where help is.
    pub const fn pointer(&self) -> Pointer {
        self.pointer
    }

    /// The status.
    pub const fn status(&self) -> StatusCode {
        self.status
    }

    /// Whether it is an OAuth error of this code.
    pub fn is(&self, error: &str) -> bool {
        self.error == error
    }

    /// The answer that tells it.
    pub fn into_answer(self) -> Answer {
        let pointer = self.pointer;
        if let Some(challenge) = &self.challenge {
            return Answer::text(self.status, "")
                .with_text(header::WWW_AUTHENTICATE, challenge)
                .helped(pointer);
        }
        let description = self.description.as_deref();
        let body = Body {
            error: &self.error,
            error_description: description,
        };
        let answer = Answer::json(self.status, &body).helped(pointer);
        if self.retry_after {
            answer.with(header::RETRY_AFTER, HeaderValue::from_static("1"))
        } else {
            answer
        }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        if error.is_unavailable() {
            tracing::warn!("refused for want of the database: {}", chain(&error));
            return Self::busy();
        }
        tracing::error!("database failure: {}", chain(&error));
        Self::failed()
    }
}

/// An error and what it comes from, in one line, for the log.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        text.push_str(": ");
        text.push_str(&source.to_string());
        next = source.source();
    }
    text
}

/// A refusal before there is a realm.
impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.into_answer().into_response();
        let settings = std::collections::BTreeMap::new();
        secure(response.headers_mut(), &HeaderMap::new(), &settings);
        response
    }
}

/// What a path answers that exists, but not for this method.
pub async fn method_not_allowed() -> Problem {
    Problem::plain(
        Help::MethodNotAllowed,
        StatusCode::METHOD_NOT_ALLOWED,
        "HTTP 405 Method Not Allowed",
    )
}

/// What a path answers that exists for one method only, to all others.
pub async fn not_found() -> Problem {
    let help = Help::MethodNotAllowed;
    Problem::plain(help, StatusCode::NOT_FOUND, "HTTP 404 Not Found")
}

/// What a realm answers for a path that it does not have; `path` is what stands behind its name.
pub fn unknown(call: &Call, path: &str) -> Response {
    let text = if path.starts_with("protocol/") && !path.starts_with("protocol/openid-connect") {
        "Protocol not found"
    } else {
        "HTTP 404 Not Found"
    };
    let help = Help::PathUnknown;
    call.respond(Err(Problem::plain(help, StatusCode::NOT_FOUND, text)))
}
