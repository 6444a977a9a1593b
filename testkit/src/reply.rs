//! What a server answered, with the checks that tests make.

use axum::http::{HeaderMap, StatusCode};
use serde_json::Value;

/// An answer, read to its end.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Vec<u8>,
}

impl Reply {
    /// Checks the status and hands the reply on.
    ///
    /// # Panics
    /// If the status is another one; the body is shown.
    #[track_caller]
    #[expect(
        clippy::return_self_not_must_use,
        reason = "the check may be all that a test wants"
    )]
    pub fn is(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "answered: {}", self.text());
        self
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON; `null` if it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    /// A text member of the JSON body; empty if there is none.
    pub fn member(&self, name: &str) -> String {
        self.json()
            .get(name)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    }

    /// A header's text; empty if there is none.
    pub fn header(&self, name: &str) -> String {
        let value = self.headers.get(name).and_then(|value| value.to_str().ok());
        value.unwrap_or_default().to_owned()
    }

    /// Checks an OAuth error and its text.
    ///
    /// # Panics
    /// If the body tells another one.
    #[track_caller]
    pub fn says(&self, error: &str, description: &str) {
        let told = (self.member("error"), self.member("error_description"));
        assert_eq!(
            told,
            (error.to_owned(), description.to_owned()),
            "{}",
            self.text()
        );
    }
}
