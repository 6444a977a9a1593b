//! HTTP as plain text: what these tests check must not be hidden by a client's kindness.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// An answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Answer {
    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }

    /// The body as JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// Sends text as it is, and reads until the server closes.
pub fn raw(address: &str, text: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_mins(1)))?;
    stream.write_all(text.as_bytes())?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

/// One request on a connection of its own.
pub fn request(address: &str, method: &str, target: &str, more: &str, body: &str) -> Answer {
    let text = written(address, method, target, more, body);
    read(&raw(address, &text).unwrap())
}

/// A request that asks the server to close afterwards.
pub fn written(host: &str, method: &str, target: &str, more: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "{method} {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\
         Content-Length: {length}\r\n{more}\r\n{body}"
    )
}

/// Takes an answer apart.
pub fn read(text: &str) -> Answer {
    let (head, body) = text
        .split_once("\r\n\r\n")
        .unwrap_or_else(|| panic!("no answer: {text:?}"));
    let status = head
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok());
    Answer {
        status: status.unwrap_or_else(|| panic!("no status: {head}")),
        head: head.to_owned(),
        body: body.to_owned(),
    }
}

/// A GET.
pub fn get(address: &str, target: &str) -> Answer {
    request(address, "GET", target, "", "")
}

/// A POST of a form.
pub fn post(address: &str, target: &str, form: &[(&str, &str)]) -> Answer {
    let pairs: Vec<String> = form
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    let kind = "Content-Type: application/x-www-form-urlencoded\r\n";
    request(address, "POST", target, kind, &pairs.join("&"))
}
