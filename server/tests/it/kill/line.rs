//! One client's connection, kept open: a killed server shows as a lost line, never as an answer.

use std::io::{BufRead, BufReader, Error, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use crate::http::Answer;

/// The connection broke before the whole answer was there: nobody knows what was done.
#[derive(Debug)]
pub struct Lost;

/// A connection, made when it is needed.
pub struct Line {
    address: String,
    stream: Option<BufReader<TcpStream>>,
    /// The bearer token for requests to the Admin API.
    pub admin: String,
}

impl Line {
    pub fn new(address: &str) -> Self {
        Self {
            address: address.to_owned(),
            stream: None,
            admin: String::new(),
        }
    }

    /// The same as another client.
    pub fn another(&self) -> Self {
        let mut line = Self::new(&self.address);
        line.admin.clone_from(&self.admin);
        line
    }

    /// A POST of a form to a realm's endpoint.
    pub fn form(
        &mut self,
        realm: &str,
        endpoint: &str,
        form: &[(&str, &str)],
    ) -> Result<Answer, Lost> {
        let pairs: Vec<String> = form
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let target = format!("/realms/{realm}/protocol/openid-connect/{endpoint}");
        let kind = "Content-Type: application/x-www-form-urlencoded\r\n";
        self.send("POST", &target, kind, &pairs.join("&"))
    }

    /// A request to the Admin API. On a machine that is busy a token may have run out meanwhile: then
    /// its bearer signs in again, once.
    pub fn admin(&mut self, method: &str, target: &str, body: &str) -> Result<Answer, Lost> {
        let answer = self.try_admin(method, target, body)?;
        if answer.status != 401 {
            return Ok(answer);
        }
        self.sign_in()?;
        self.try_admin(method, target, body)
    }

    /// Gets the administrator a token.
    pub fn sign_in(&mut self) -> Result<(), Lost> {
        let form = [
            ("grant_type", "password"),
            ("client_id", "admin-cli"),
            ("username", "admin"),
            ("password", "admin"),
        ];
        let answer = self.form("master", "token", &form)?;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()["access_token"]
            .as_str()
            .unwrap()
            .clone_into(&mut self.admin);
        Ok(())
    }

    fn try_admin(&mut self, method: &str, target: &str, body: &str) -> Result<Answer, Lost> {
        let mut more = format!("Authorization: Bearer {}\r\n", self.admin);
        if !body.is_empty() {
            more += "Content-Type: application/json\r\n";
        }
        self.send(method, &format!("/admin/realms/{target}"), &more, body)
    }

    /// Sends a request and reads its answer. An answer that blames the server is a defect.
    pub fn send(
        &mut self,
        method: &str,
        target: &str,
        more: &str,
        body: &str,
    ) -> Result<Answer, Lost> {
        let answer = self.exchange(method, target, more, body).map_err(|_| {
            self.stream = None;
            Lost
        })?;
        assert!(answer.status < 500, "{method} {target}: {answer:?}");
        Ok(answer)
    }

    fn exchange(
        &mut self,
        method: &str,
        target: &str,
        more: &str,
        body: &str,
    ) -> Result<Answer, Error> {
        let stream = match &mut self.stream {
            Some(stream) => stream,
            none => {
                let stream = TcpStream::connect(&self.address)?;
                stream.set_nodelay(true)?;
                stream.set_read_timeout(Some(Duration::from_mins(1)))?;
                none.insert(BufReader::new(stream))
            }
        };
        let (host, length) = (&self.address, body.len());
        let text = format!(
            "{method} {target} HTTP/1.1\r\nHost: {host}\r\nContent-Length: {length}\r\n\
             {more}\r\n{body}"
        );
        stream.get_mut().write_all(text.as_bytes())?;
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if stream.read_line(&mut head)? == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
        }
        let mut answer = Answer {
            status: head.split(' ').nth(1).unwrap().parse().unwrap(),
            head: head.trim_end().replace("\r\n", "\n"),
            body: String::new(),
        };
        let length = answer.header("content-length");
        assert!(length.is_some() || answer.status == 204, "{answer:?}");
        let length = length.map_or(0, |length| length.parse().unwrap());
        let mut body = vec![0; length];
        stream.read_exact(&mut body)?;
        answer.body = String::from_utf8(body).unwrap();
        Ok(answer)
    }
}
