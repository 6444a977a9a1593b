//! A server as an administrator sees it: who is signed in there, and what its Admin API answers.

pub mod book;
pub mod login;

use std::cell::RefCell;

use claviger_model::Secret;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value};

use crate::world::{Answer, Request, Web, World};
use crate::{Failure, failed};
use login::Login;

/// What stands for itself in a part of a path.
const IN_PATH: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// One part of a path, whatever is in it.
pub fn segment(text: &str) -> String {
    // Parts that are nothing but dots would be taken for steps up.
    match text {
        "." => "%2E".to_owned(),
        ".." => "%2E%2E".to_owned(),
        text => utf8_percent_encode(text, IN_PATH).to_string(),
    }
}

/// A server and somebody who may administer it.
pub struct Site<'a> {
    world: &'a dyn World,
    web: Box<dyn Web>,
    /// Address of the Admin API, without a slash at the end.
    root: String,
    /// The realm that is administered.
    realm: String,
    login: RefCell<Login>,
}

/// What is asked of the Admin API.
pub struct Call<'a> {
    /// The method, in capitals.
    pub method: &'static str,
    /// The whole address.
    pub url: &'a str,
    /// Headers beside the token.
    pub headers: &'a [(String, String)],
    /// The body; empty if there is none.
    pub body: &'a str,
}

impl<'a> Site<'a> {
    /// A server with its Admin API elsewhere, if that is told.
    pub fn new(
        world: &'a dyn World,
        web: Box<dyn Web>,
        login: Login,
        realm: &str,
        root: Option<&str>,
    ) -> Self {
        let root = root.map_or_else(|| format!("{}/admin", login.server), str::to_owned);
        Self {
            world,
            web,
            root: root.trim_end_matches('/').to_owned(),
            realm: realm.to_owned(),
            login: RefCell::new(login),
        }
    }

    /// The realm that is administered.
    pub fn realm(&self) -> &str {
        &self.realm
    }

    /// Administers another realm from now on.
    pub fn turn_to(&mut self, realm: &str) {
        realm.clone_into(&mut self.realm);
    }

    /// Where something is: below the realm, unless it says another place itself.
    pub fn url(&self, place: &str) -> String {
        if place.starts_with("http://") || place.starts_with("https://") {
            return place.to_owned();
        }
        let place = place.trim_start_matches('/');
        let first = place.split(['/', '?']).next().unwrap_or_default();
        match first {
            "realms" | "serverinfo" => format!("{}/{place}", self.root),
            _ if self.realm.is_empty() => format!("{}/realms/{place}", self.root),
            _ => format!("{}/realms/{}/{place}", self.root, segment(&self.realm)),
        }
    }

    /// Where something is that an answer names: at the same server, however that calls itself.
    pub fn own(&self, location: &str) -> Option<String> {
        let (_, place) = location.split_once("/admin/")?;
        Some(format!("{}/{place}", self.root))
    }

    /// Asks with the token of whoever is signed in; any status is an answer. The token is shown to no
    /// other server than the one that the command line names.
    pub fn call(&self, call: &Call<'_>) -> Result<Answer, Failure> {
        let mut headers = call.headers.to_vec();
        let own = |name: &str| {
            headers
                .iter()
                .any(|(known, _)| known.eq_ignore_ascii_case(name))
        };
        let (accepts, says) = (own("accept"), own("content-type"));
        if !own("authorization") {
            let token = self.token()?;
            headers.push(("Authorization".into(), format!("Bearer {}", token.reveal())));
        }
        if !accepts {
            headers.push(("Accept".into(), "application/json".into()));
        }
        if !says && !call.body.is_empty() {
            headers.push(("Content-Type".into(), "application/json".into()));
        }
        let request = Request {
            method: call.method,
            url: call.url.to_owned(),
            headers,
            body: call.body.to_owned(),
        };
        let answer = self.web.call(&request);
        answer.map_err(|told| Failure::Failed(format!("HTTP request error: {told}")))
    }

    fn token(&self) -> Result<Secret, Failure> {
        self.login.borrow_mut().token(self.world, self.web.as_ref())
    }

    /// The JSON that something answers with success.
    pub fn get(&self, place: &str) -> Result<Value, Failure> {
        let url = self.url(place);
        let answer = self.call(&Call {
            method: "GET",
            url: &url,
            headers: &[],
            body: "",
        })?;
        let answer = succeeded(&url, answer)?;
        serde_json::from_slice(&answer.body)
            .or_else(|_| failed(format!("Failed to read JSON response of {url}")))
    }

    /// As [`Site::get`]; none if nothing is there.
    pub fn find(&self, place: &str) -> Result<Option<Value>, Failure> {
        let url = self.url(place);
        let answer = self.call(&Call {
            method: "GET",
            url: &url,
            headers: &[],
            body: "",
        })?;
        if answer.status == 404 {
            return Ok(None);
        }
        let answer = succeeded(&url, answer)?;
        serde_json::from_slice(&answer.body)
            .map(Some)
            .or_else(|_| failed(format!("Failed to read JSON response of {url}")))
    }

    /// The objects that something lists.
    pub fn list(&self, place: &str) -> Result<Vec<Map<String, Value>>, Failure> {
        match self.get(place)? {
            Value::Array(items) => Ok(items.into_iter().filter_map(object).collect()),
            _ => failed(format!("{} is no list", self.url(place))),
        }
    }

    /// Sends JSON, which has to succeed.
    pub fn send(&self, method: &'static str, place: &str, body: &Value) -> Result<Answer, Failure> {
        let url = self.url(place);
        let body = match body {
            Value::Null => String::new(),
            body => body.to_string(),
        };
        let answer = self.call(&Call {
            method,
            url: &url,
            headers: &[],
            body: &body,
        })?;
        succeeded(&url, answer)
    }
}

/// A value that is an object.
pub fn object(value: Value) -> Option<Map<String, Value>> {
    match value {
        Value::Object(members) => Some(members),
        _ => None,
    }
}

/// An answer of success; of any other, what it says.
pub fn succeeded(url: &str, answer: Answer) -> Result<Answer, Failure> {
    match answer.status {
        200..=299 => Ok(answer),
        404 => failed(format!("Resource not found for url: {url}")),
        _ => failed(refusal(&answer)),
    }
}

/// What an answer says of why it refuses.
pub fn refusal(answer: &Answer) -> String {
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let text = |name: &str| body.get(name).and_then(Value::as_str);
    if let Some(message) = text("errorMessage") {
        return message.to_owned();
    }
    let bulk = body.get("errors").and_then(Value::as_array);
    let messages: Vec<&str> = bulk
        .into_iter()
        .flatten()
        .filter_map(|error| error.get("errorMessage")?.as_str())
        .collect();
    if !messages.is_empty() {
        return messages.join("; ");
    }
    match (text("error_description"), text("error")) {
        (Some(description), Some(error)) => format!("{description} [{error}]"),
        (Some(only), None) | (None, Some(only)) => only.to_owned(),
        (None, None) => format!("HTTP error - {}", status(answer.status)),
    }
}

/// A status with its name.
pub fn status(code: u16) -> String {
    let name = match code {
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        204 => "No Content",
        301 => "Moved Permanently",
        302 => "Found",
        303 => "See Other",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        406 => "Not Acceptable",
        409 => "Conflict",
        413 => "Content Too Large",
        415 => "Unsupported Media Type",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        _ => return code.to_string(),
    };
    format!("{code} {name}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &str) -> Answer {
        Answer {
            status,
            headers: Vec::new(),
            body: body.as_bytes().to_vec(),
        }
    }

    #[test]
    fn refusals_are_told_in_the_words_of_the_server() {
        for (status, body, told) in [
            (
                400,
                r#"{"errorMessage":"em","error":"er","error_description":"ed"}"#,
                "em",
            ),
            (400, r#"{"error":"er","error_description":"ed"}"#, "ed [er]"),
            (400, r#"{"error":"er"}"#, "er"),
            (
                400,
                r#"{"errors":[{"field":"f","errorMessage":"a"},{"errorMessage":"b"}]}"#,
                "a; b",
            ),
            (400, "plain", "HTTP error - 400 Bad Request"),
            (500, "", "HTTP error - 500 Internal Server Error"),
            (302, "", "HTTP error - 302 Found"),
            (404, r#"{"error":"x"}"#, "Resource not found for url: u"),
        ] {
            let refused = succeeded("u", answer(status, body)).err().unwrap();
            assert_eq!(refused, Failure::Failed(told.to_owned()));
        }
    }

    #[test]
    fn a_part_of_a_path_stays_one() {
        assert_eq!(segment("a/b c?d%"), "a%2Fb%20c%3Fd%25");
        assert_eq!(segment(".."), "%2E%2E");
        assert_eq!(segment("a.b-c_d~"), "a.b-c_d~");
    }
}
