//! What an endpoint answers, before the headers that every answer gets.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;
use serde::Serialize;

use crate::help::Pointer;

/// How many headers an answer has room for from the start.
const HEADERS: usize = 16;
/// How many bytes an answer of JSON has room for from the start: with tokens it has some thousand.
const JSON_BYTES: usize = 4096;

/// An answer in the making.
#[derive(Debug)]
pub struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
    help: Option<Pointer>,
}

impl Answer {
    /// An answer without a body.
    pub fn empty(status: StatusCode) -> Self {
        Self {
            status,
            headers: HeaderMap::with_capacity(HEADERS),
            body: Vec::new(),
            help: None,
        }
    }

    /// An answer of JSON.
    pub fn json(status: StatusCode, value: &impl Serialize) -> Self {
        let mut body = Vec::with_capacity(JSON_BYTES);
        match serde_json::to_writer(&mut body, value) {
            Ok(()) => Self {
                body,
                ..Self::empty(status)
            }
            .with(
                header::CONTENT_TYPE,
                HeaderValue::from_static("application/json"),
            ),
            Err(error) => {
                tracing::error!("an answer could not be written as JSON: {error}");
                Self::empty(StatusCode::INTERNAL_SERVER_ERROR)
            }
        }
    }

    /// An answer of plain text.
    pub fn text(status: StatusCode, text: &str) -> Self {
        let kind = HeaderValue::from_static("text/plain;charset=utf-8");
        Self {
            body: text.as_bytes().to_vec(),
            ..Self::empty(status)
        }
        .with(header::CONTENT_TYPE, kind)
    }

    /// An answer of bytes, whose type the caller names.
    pub fn bytes(status: StatusCode, body: Vec<u8>) -> Self {
        Self {
            body,
            ..Self::empty(status)
        }
    }

    /// The same with a header, in place of one of the same name.
    #[must_use]
    pub fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    /// The same with a header beside those of the same name.
    #[must_use]
    pub fn and(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.append(name, value);
        self
    }

    /// The same with a header whose text is made of checked parts. Text that is no header value
    /// leaves the header out.
    #[must_use]
    pub fn with_text(self, name: HeaderName, value: &str) -> Self {
        match HeaderValue::from_str(value) {
            Ok(value) => self.with(name, value),
            Err(_) => self,
        }
    }

    /// The same, not to be kept by anybody (RFC 6749 §5.1).
    #[must_use]
    pub fn no_store(self) -> Self {
        self.with(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))
            .with(header::PRAGMA, HeaderValue::from_static("no-cache"))
    }

    /// The same, to be asked for anew each time.
    #[must_use]
    pub fn no_cache(self) -> Self {
        self.with(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"))
    }

    /// The same, pointing to help. The server writes the address, which it knows.
    #[must_use]
    pub fn helped(mut self, pointer: impl Into<Pointer>) -> Self {
        self.help = Some(pointer.into());
        self
    }

    /// The HTTP response.
    pub fn into_response(self) -> Response {
        let mut response = Response::new(Body::from(self.body));
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers;
        if let Some(pointer) = self.help {
            response.extensions_mut().insert(pointer);
        }
        response
    }
}
