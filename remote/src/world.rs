//! What is outside of the commands: the network, the terminal, variables and the clock.

use std::path::PathBuf;

use claviger_model::Secret;

/// Whose certificates are believed beside the system's.
#[derive(Clone, Debug, Default)]
pub struct Trust {
    /// A file of certificates: PEM, or a key store of Java (PKCS#12).
    pub file: Option<PathBuf>,
    /// What opens a key store.
    pub password: Option<Secret>,
}

/// What is sent. `Debug` shows no header and no body: they hold secrets.
pub struct Request {
    /// The method, in capitals.
    pub method: &'static str,
    /// The whole address.
    pub url: String,
    /// Headers in order.
    pub headers: Vec<(String, String)>,
    /// The body; empty if there is none.
    pub body: String,
}

/// What came back. A redirect is an answer like others, and is not followed.
#[derive(Clone, PartialEq, Eq)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// Headers in order.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Answer {
    /// The first header of this name, whatever its case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut all = self.headers.iter();
        let found = all.find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }
}

/// A client of HTTP.
pub trait Web {
    /// Sends a request and waits for the answer. An error is a text for whoever typed the command; it
    /// shows no query and no body.
    fn call(&self, request: &Request) -> Result<Answer, String>;
}

/// What a command may touch.
pub trait World {
    /// A client of HTTP that believes the system's authorities and these.
    fn web(&self, trust: &Trust) -> Result<Box<dyn Web>, String>;
    /// A variable of the environment.
    fn variable(&self, name: &str) -> Option<String>;
    /// Milliseconds since 1970.
    fn now(&self) -> i64;
    /// What a person types unseen, or the next line of standard input.
    fn secret(&self, prompt: &str) -> Result<Secret, String>;
    /// All of standard input.
    fn input(&self) -> Result<String, String>;
    /// What a person answers to a question; none if nobody is at a terminal.
    fn confirm(&self, question: &str) -> Result<Option<bool>, String>;
    /// To standard output, with a new line at its end.
    fn print(&self, text: &str);
    /// To standard error, with a new line at its end.
    fn tell(&self, text: &str);
}
