//! An application that has to be told of logouts, and fails half of the time.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use serde_json::Value;

use super::super::random::Random;

/// What it wrote down: by session, what it answered each time; 0 stands for nothing.
type Log = Arc<Mutex<BTreeMap<String, Vec<u16>>>>;

/// It, its own log, and where it is told.
pub struct Receiver {
    pub url: String,
    log: Log,
    well: Arc<AtomicBool>,
}

impl Receiver {
    pub fn new(mut random: Random) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/out", listener.local_addr().unwrap());
        let (log, well) = (Log::default(), Arc::new(AtomicBool::new(false)));
        let receiver = Self {
            url,
            log: Arc::clone(&log),
            well: Arc::clone(&well),
        };
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let ill = !well.load(Ordering::SeqCst) && random.below(2) == 0;
                let answer = if ill {
                    [0, 404, 500, 503][random.below(4)]
                } else {
                    204
                };
                let log = Arc::clone(&log);
                std::thread::spawn(move || serve(stream.unwrap(), answer, &log));
            }
        });
        receiver
    }

    /// From now on it does not fail.
    pub fn recover(&self) {
        self.well.store(true, Ordering::SeqCst);
    }

    /// What it answered when it was told of a session.
    pub fn heard(&self, session: &str) -> Vec<u16> {
        let log = self.log.lock().unwrap();
        log.get(session).cloned().unwrap_or_default()
    }

    /// How often it was told anything.
    pub fn calls(&self) -> usize {
        self.log.lock().unwrap().values().map(Vec::len).sum()
    }
}

/// Reads a whole request, writes down what it answers, then answers.
fn serve(mut stream: TcpStream, answer: u16, log: &Log) {
    let (mut text, mut piece) = (String::new(), [0; 4096]);
    let session = loop {
        match stream.read(&mut piece) {
            // Who is killed within a request has told nothing.
            Ok(0) | Err(_) => return,
            Ok(read) => text.push_str(&String::from_utf8_lossy(&piece[..read])),
        }
        if let Some(session) = session(&text) {
            break session;
        }
    };
    log.lock().unwrap().entry(session).or_default().push(answer);
    if answer != 0 {
        let head = format!("HTTP/1.1 {answer} X\r\nConnection: close\r\n");
        let length = if answer == 204 {
            ""
        } else {
            "Content-Length: 0\r\n"
        };
        let _ = stream.write_all(format!("{head}{length}\r\n").as_bytes());
    }
}

/// The session that a whole request tells of.
fn session(request: &str) -> Option<String> {
    let (head, body) = request.split_once("\r\n\r\n")?;
    let head = head.to_ascii_lowercase();
    let length = head.split("content-length: ").nth(1)?.lines().next()?;
    if body.len() < length.trim().parse().unwrap() {
        return None;
    }
    let token = body.strip_prefix("logout_token=").unwrap();
    let payload = token.split('.').nth(1).unwrap();
    let payload = base64::prelude::BASE64_URL_SAFE_NO_PAD
        .decode(payload)
        .unwrap();
    let claims: Value = serde_json::from_slice(&payload).unwrap();
    Some(claims["sid"].as_str().unwrap().to_owned())
}
