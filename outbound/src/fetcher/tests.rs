mod tls;
mod told;

use std::collections::VecDeque;
use std::io::{self, Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Mutex;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use rustls::pki_types::CertificateDer;

use super::*;

const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const METADATA: IpAddr = IpAddr::V4(Ipv4Addr::new(169, 254, 169, 254));

/// A server on its own port that gives each connection the same bytes, then closes it or, if
/// `hang`, keeps it open. It remembers what it was asked.
struct Server {
    address: SocketAddr,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Server {
    async fn start(answer: impl Into<Vec<u8>>, hang: bool) -> Self {
        let listener = TcpListener::bind((LOOPBACK, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (answer, seen) = (answer.into(), Arc::clone(&requests));
        tokio::spawn(async move {
            let mut open = Vec::new();
            while let Ok((mut stream, _)) = listener.accept().await {
                let request = request(&mut stream).await;
                seen.lock().unwrap().push(request);
                // The client may have gone: an oversized answer is not read to its end.
                let _ = stream.write_all(&answer).await;
                if hang {
                    open.push(stream);
                }
            }
        });
        Self { address, requests }
    }

    async fn answering(status: &str, headers: &str, body: &str) -> Self {
        let length = body.len();
        let answer = format!(
            "HTTP/1.1 {status}\r\n{headers}connection: close\r\ncontent-length: {length}\r\n\r\n{body}"
        );
        Self::start(answer, false).await
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

/// Head and body of one request.
async fn request(stream: &mut tokio::net::TcpStream) -> String {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "))
                .map_or(0, |length| length.parse().unwrap());
            if body.len() >= length {
                return text;
            }
        }
        let mut piece = [0; 4096];
        match stream.read(&mut piece).await {
            Ok(read @ 1..) => bytes.extend_from_slice(&piece[..read]),
            Ok(0) | Err(_) => return text,
        }
    }
}

fn options() -> FetcherOptions {
    FetcherOptions {
        connect_timeout: Duration::from_secs(5),
        total_timeout: Duration::from_secs(5),
        response_bytes_max: 1000,
        ..FetcherOptions::default()
    }
}

fn fetcher() -> Fetcher {
    Fetcher::new(&options()).unwrap()
}

/// Names that resolve as a script says, one answer for each time they are asked.
#[derive(Default)]
struct Script {
    answers: Mutex<VecDeque<Vec<IpAddr>>>,
    asked: Mutex<Vec<String>>,
}

impl Script {
    fn new(answers: impl IntoIterator<Item = Vec<IpAddr>>) -> Arc<Self> {
        let answers = Mutex::new(answers.into_iter().collect());
        Arc::new(Self {
            answers,
            asked: Mutex::default(),
        })
    }
}

impl Lookup for Script {
    fn lookup(&self, name: String) -> Boxed<'static, io::Result<Vec<IpAddr>>> {
        self.asked.lock().unwrap().push(name);
        let answer = self.answers.lock().unwrap().pop_front();
        Box::pin(async move { answer.ok_or_else(|| io::Error::other("no such name")) })
    }
}

#[tokio::test]
async fn the_body_of_a_200() {
    let server = Server::answering("200 OK", "", r#"{"keys":[]}"#).await;
    let body = fetcher().get_json(&server.url("/certs?x=1")).await.unwrap();
    assert_eq!(body, br#"{"keys":[]}"#);
    let request = server.requests().remove(0).to_lowercase();
    assert!(
        request.starts_with("get /certs?x=1 http/1.1\r\n"),
        "{request}"
    );
    assert!(
        request.contains("accept: application/json\r\n"),
        "{request}"
    );
    assert!(
        !request.contains("accept-encoding"),
        "a compressed answer could be a bomb: {request}"
    );

    // The same through the engine's eyes.
    let network: &dyn Network = &fetcher();
    assert_eq!(
        network.get(server.url("/")).await.unwrap(),
        br#"{"keys":[]}"#
    );
}

#[tokio::test]
async fn another_status_is_an_error_for_get_and_an_answer_for_post() {
    let server = Server::answering("404 Not Found", "", "gone").await;
    let error = fetcher().get(&server.url("/")).await.unwrap_err();
    assert!(
        matches!(error, FetchError::Status { status: 404, .. }),
        "{error}"
    );
    let answer = fetcher().post_form(&server.url("/"), &[]).await.unwrap();
    assert_eq!(
        answer,
        Answer {
            status: 404,
            body: b"gone".to_vec()
        }
    );
}

#[tokio::test]
async fn a_form_is_posted() {
    let server = Server::answering("204 No Content", "", "").await;
    let fields = [("logout_token", "a.b.c"), ("x", "ä &=+")];
    let answer = fetcher()
        .post_form(&server.url("/logout"), &fields)
        .await
        .unwrap();
    assert_eq!(answer.status, 204);
    let request = server.requests().remove(0);
    assert!(
        request.starts_with("POST /logout HTTP/1.1\r\n"),
        "{request}"
    );
    assert!(
        request.contains("content-type: application/x-www-form-urlencoded\r\n"),
        "{request}"
    );
    assert!(
        request.ends_with("\r\n\r\nlogout_token=a.b.c&x=%C3%A4+%26%3D%2B"),
        "{request}"
    );
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let target = Server::answering("200 OK", "", "secret").await;
    for status in [
        "301 Moved",
        "302 Found",
        "303 See Other",
        "307 Temporary",
        "308 Permanent",
    ] {
        let location = format!("location: {}\r\n", target.url("/"));
        let server = Server::answering(status, &location, "").await;
        let error = fetcher().get(&server.url("/")).await.unwrap_err();
        assert!(matches!(error, FetchError::Redirect { .. }), "{error}");
        let error = fetcher()
            .post_form(&server.url("/"), &[("a", "b")])
            .await
            .unwrap_err();
        assert!(matches!(error, FetchError::Redirect { .. }), "{error}");
    }
    assert_eq!(target.requests(), Vec::<String>::new());
}

#[tokio::test]
async fn long_answers_are_refused_however_they_come() {
    let announced = Server::answering("200 OK", "", &"x".repeat(1001)).await;
    // More announced than sent: refused without waiting for it.
    let boasting =
        Server::start("HTTP/1.1 200 OK\r\ncontent-length: 99999999\r\n\r\nx", true).await;
    let until_close = Server::start(
        format!("HTTP/1.1 200 OK\r\n\r\n{}", "x".repeat(1001)),
        false,
    )
    .await;
    let chunk = format!("1f4\r\n{}\r\n", "x".repeat(500));
    let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    let chunked = Server::start(format!("{head}{}", chunk.repeat(3)), true).await;
    for server in [announced, boasting, until_close, chunked] {
        let error = fetcher().get(&server.url("/")).await.unwrap_err();
        assert!(
            matches!(error, FetchError::TooLarge { limit: 1000, .. }),
            "{error}"
        );
    }
    let just_fits = Server::answering("200 OK", "", &"x".repeat(1000)).await;
    assert_eq!(
        fetcher().get(&just_fits.url("/")).await.unwrap().len(),
        1000
    );
}

/// A bomb stays packed: nothing is unpacked, and nobody is asked to pack.
#[tokio::test]
async fn packed_answers_stay_packed() {
    let headers = "content-encoding: gzip\r\ncontent-type: application/json\r\n";
    let server = Server::answering("200 OK", headers, "\u{1f}not really gzip").await;
    let body = fetcher().get(&server.url("/")).await.unwrap();
    assert_eq!(body, "\u{1f}not really gzip".as_bytes());
    let asked = server.requests().concat().to_ascii_lowercase();
    assert!(!asked.contains("accept-encoding"), "{asked}");
}

#[tokio::test]
async fn slow_answers_are_given_up() {
    let silent = Server::start("", true).await;
    let half = Server::start("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nx", true).await;
    let total_timeout = Duration::from_millis(200);
    let fetcher = Fetcher::new(&FetcherOptions {
        total_timeout,
        ..options()
    })
    .unwrap();
    for server in [silent, half] {
        let error = fetcher.get(&server.url("/")).await.unwrap_err();
        assert!(matches!(error, FetchError::TimedOut { .. }), "{error}");
    }
}

#[tokio::test]
async fn waiting_for_a_place_counts_too() {
    let silent = Server::start("", true).await;
    let total_timeout = Duration::from_millis(300);
    let options = FetcherOptions {
        total_timeout,
        concurrency_max: 1,
        ..options()
    };
    let fetcher = Fetcher::new(&options).unwrap();
    let url = silent.url("/");
    let (first, second) = tokio::join!(fetcher.get(&url), fetcher.get(&url));
    assert!(matches!(first, Err(FetchError::TimedOut { .. })));
    assert!(matches!(second, Err(FetchError::TimedOut { .. })));
    // The places are free again.
    let server = Server::answering("200 OK", "", "x").await;
    assert_eq!(fetcher.get(&server.url("/")).await.unwrap(), b"x");
}

#[tokio::test]
async fn nobody_there_and_no_http() {
    let listener = TcpListener::bind((LOOPBACK, 0)).await.unwrap();
    let closed = listener.local_addr().unwrap();
    drop(listener);
    let garbled = Server::start("nonsense\r\n\r\n", false).await;
    for url in [
        format!("http://{closed}/?token=secret"),
        garbled.url("/?token=secret"),
    ] {
        let error = fetcher().get(&url).await.unwrap_err();
        assert!(matches!(error, FetchError::Failed { .. }), "{error}");
        assert!(!error.to_string().contains("secret"), "{error}");
        assert!(!NetworkError::from(error).to_string().contains("secret"));
    }
}

#[tokio::test]
async fn urls_that_cannot_be_called() {
    for url in [
        "",
        "certs",
        "//host/certs",
        "ftp://host/",
        "file:///etc/passwd",
        "gopher://127.0.0.1:6379/_x",
        "data:text/plain,x",
        "http://",
        "http://[::1",
        &format!("http://host/{}", "x".repeat(URL_BYTES_MAX)),
    ] {
        let error = fetcher().get(url).await.unwrap_err();
        assert!(matches!(error, FetchError::Url { .. }), "{url:.40} {error}");
    }
}

/// Every way to write a forbidden address, and no connection for any of them.
#[tokio::test]
async fn addresses_in_urls_are_checked() {
    for host in [
        "169.254.169.254",
        "0xa9fea9fe",
        "2852039166",
        "0251.0376.0251.0376",
        "169.254.43518",
        "[::ffff:169.254.169.254]",
        "[fd00:ec2::254]",
        "0.0.0.0",
        "0",
        "[::]",
    ] {
        let error = fetcher()
            .get(&format!("http://{host}/latest/"))
            .await
            .unwrap_err();
        let never = matches!(
            error,
            FetchError::Refused {
                reason: AddressRefusal::Never(_),
                ..
            }
        );
        assert!(never, "{host}: {error}");
    }
}

#[tokio::test]
async fn private_addresses_are_refused_when_denied() {
    let server = Server::answering("200 OK", "", "inside").await;
    let policy = AddressPolicy {
        deny_private: true,
        allow: Vec::new(),
    };
    let denying = FetcherOptions {
        policy,
        ..options()
    };
    let fetcher = Fetcher::new(&denying).unwrap();
    let port = server.address.port();
    for host in [
        "127.0.0.1",
        "127.1",
        "localhost",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "10.0.0.1",
    ] {
        let error = fetcher
            .get(&format!("http://{host}:{port}/"))
            .await
            .unwrap_err();
        let private = matches!(
            error,
            FetchError::Refused {
                reason: AddressRefusal::Private(_),
                ..
            }
        );
        assert!(private, "{host}: {error}");
    }
    assert_eq!(server.requests(), Vec::<String>::new());

    let policy = AddressPolicy {
        deny_private: true,
        allow: vec!["127.0.0.0/8".parse().unwrap()],
    };
    let fetcher = Fetcher::new(&FetcherOptions {
        policy,
        ..options()
    })
    .unwrap();
    assert_eq!(fetcher.get(&server.url("/")).await.unwrap(), b"inside");
}

/// A name that points to an allowed address when it is checked and to a forbidden one a moment
/// later: each connection asks once, and goes where the answer that was checked points.
#[tokio::test]
async fn dns_rebinding() {
    let server = Server::answering("200 OK", "", "x").await;
    let script = Script::new([vec![LOOPBACK], vec![METADATA], vec![METADATA]]);
    let fetcher = Fetcher::with_lookup(&options(), Arc::clone(&script) as _).unwrap();
    let url = format!("http://rebind.example:{}/", server.address.port());
    assert_eq!(fetcher.get(&url).await.unwrap(), b"x");
    assert_eq!(
        script.asked.lock().unwrap().len(),
        1,
        "one look-up for one connection"
    );
    let error = fetcher.get(&url).await.unwrap_err();
    assert!(matches!(error, FetchError::Refused { .. }), "{error}");
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn forbidden_addresses_beside_allowed_ones_are_left_out() {
    let server = Server::answering("200 OK", "", "x").await;
    let script = Script::new([vec![METADATA, LOOPBACK], Vec::new()]);
    let fetcher = Fetcher::with_lookup(&options(), Arc::clone(&script) as _).unwrap();
    let url = format!("http://mixed.example:{}/", server.address.port());
    assert_eq!(fetcher.get(&url).await.unwrap(), b"x");
    for _ in 0..2 {
        // First a name without addresses, then no such name.
        let error = fetcher.get(&url).await.unwrap_err();
        assert!(matches!(error, FetchError::Failed { .. }), "{error}");
    }
}

#[tokio::test]
async fn urls_are_shown_without_secrets() {
    let server = Server::answering("500 Oops", "", "").await;
    let url = format!(
        "http://user:hunter2@{}/path?code=hunter2#hunter2",
        server.address
    );
    let error = fetcher().get(&url).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("http://{}/path answered 500", server.address)
    );
    let error = fetcher().get("nonsense?code=hunter2").await.unwrap_err();
    assert!(!error.to_string().contains("hunter2"));
}
