//! Shared signals: `/ssf/transmitter/*` for receivers of ours, `/ssf/receiver/*` for transmitters
//! that we listen to, and `.well-known/ssf-configuration` (OpenID Shared Signals Framework 1.0).

mod caller;
mod discovery;
mod poll;
mod receive;
mod status;
mod streams;
mod subjects;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::{get, post};
use claviger_engine::App;
use claviger_engine::signal::change::StreamError;
use serde::de::DeserializeOwned;

use crate::Help;
use crate::call::Call;
use crate::problem::Problem;

/// All endpoints of shared signals.
pub fn router() -> Router<App> {
    let at = |path: &str| format!("/realms/{{realm}}/ssf/transmitter/{path}");
    Router::new()
        .route(
            "/realms/{realm}/.well-known/ssf-configuration",
            get(discovery::show),
        )
        .route(
            "/.well-known/ssf-configuration/realms/{realm}",
            get(discovery::show),
        )
        .route(
            &at("streams"),
            get(streams::show)
                .post(streams::create)
                .patch(streams::patch)
                .put(streams::replace)
                .delete(streams::delete),
        )
        .route(
            &at("streams/status"),
            get(status::show).post(status::change),
        )
        .route(&at("subjects/add"), post(subjects::add))
        .route(&at("subjects/remove"), post(subjects::remove))
        .route(&at("verify"), post(status::verify))
        .route(
            &at("receivers/{client}/streams/{stream}/poll"),
            post(poll::poll),
        )
        .route(
            "/realms/{realm}/ssf/receiver/{transmitter}",
            post(receive::receive),
        )
}

/// What a receiver has sent.
fn sent<T: DeserializeOwned>(call: &Call) -> Result<T, Problem> {
    serde_json::from_slice(&call.body).map_err(|error| {
        let text = if error.is_data() {
            format!("Invalid JSON representation: {error}")
        } else {
            "Cannot parse the JSON".to_owned()
        };
        Problem::bad_request(Help::SignalStream, "invalid_request", text)
    })
}

/// `400` of a request about a stream.
fn refused(text: &str) -> Problem {
    Problem::bad_request(Help::SignalStream, "stream_error", text)
}

/// `404`: there is no such stream, or it is somebody else's.
fn no_stream() -> Problem {
    let status = StatusCode::NOT_FOUND;
    Problem::new(
        Help::SignalStream,
        status,
        "stream_error",
        "Stream not found",
    )
}

impl From<StreamError> for Problem {
    fn from(error: StreamError) -> Self {
        match error {
            StreamError::Invalid(text) => refused(&text),
            StreamError::TooMany => {
                let status = StatusCode::CONFLICT;
                Self::new(
                    Help::SignalStream,
                    status,
                    "stream_error",
                    error.to_string(),
                )
            }
            StreamError::Store(error) => error.into(),
        }
    }
}
