use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Notify;

use super::*;

/// Answers `/slow` when it is told to, everything else at once.
#[derive(Clone, Default)]
struct Fixed {
    asked: Arc<AtomicUsize>,
    go_on: Arc<Notify>,
}

impl Answer for Fixed {
    async fn answer(&self, peer: &Peer, request: Request<Incoming>) -> Response<Body> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        if request.uri().path() == "/slow" {
            self.go_on.notified().await;
        }
        Response::new(Body::from(format!("{} {}", request.uri(), peer.address)))
    }
}

struct Served {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    task: tokio::task::JoinHandle<usize>,
    fixed: Fixed,
}

async fn serve(limits: Limits, patience: Duration) -> Served {
    serve_over(None, limits, patience).await
}

async fn serve_over(tls: Option<Acceptor>, limits: Limits, patience: Duration) -> Served {
    let listener = Listener::bind("127.0.0.1", 0, tls).await.unwrap();
    let address = listener.address();
    let (stop, stopped) = watch::channel(false);
    let fixed = Fixed::default();
    let task = tokio::spawn(listener.serve(fixed.clone(), limits, stopped, patience));
    Served {
        address,
        stop,
        task,
        fixed,
    }
}

impl Served {
    /// Sends text, and returns all that comes until the server closes.
    async fn talk(&self, text: String) -> String {
        let address = self.address;
        tokio::task::spawn_blocking(move || {
            let mut stream = TcpStream::connect(address).unwrap();
            // A server that refuses may close before it has read everything.
            let _ = stream.write_all(text.as_bytes());
            let mut answer = Vec::new();
            let _ = stream.read_to_end(&mut answer);
            String::from_utf8(answer).unwrap()
        })
        .await
        .unwrap()
    }
}

const SHORT: Limits = Limits {
    header_timeout: Duration::from_millis(200),
    handshake_timeout: Duration::from_millis(200),
    ..Limits::PUBLIC
};

#[tokio::test(flavor = "multi_thread")]
async fn a_request_is_answered_with_a_date() {
    let served = serve(Limits::PUBLIC, Duration::ZERO).await;
    let answer = served
        .talk("GET /x HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n".into())
        .await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(answer.contains("\r\ndate: "), "{answer}");
    assert!(answer.ends_with("/x 127.0.0.1"), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn many_and_long_headers_are_refused() {
    let served = serve(SHORT, Duration::ZERO).await;
    let many = "A: b\r\n".repeat(Limits::PUBLIC.headers + 1);
    let long = format!("A: {}\r\n", "b".repeat(2 * Limits::PUBLIC.header_bytes));
    for headers in [many, long] {
        let answer = served
            .talk(format!("GET / HTTP/1.1\r\n{headers}\r\n"))
            .await;
        assert!(
            answer.is_empty() || answer.starts_with("HTTP/1.1 431 "),
            "{answer}"
        );
    }
    assert_eq!(served.fixed.asked.load(Ordering::SeqCst), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_headers_and_idle_connections_are_cut_off() {
    let served = serve(SHORT, Duration::ZERO).await;
    // Returns only because the server closes.
    served.talk("GET / HTTP/1.1\r\nHost: h\r\nA:".into()).await;
    served.talk(String::new()).await;
    assert_eq!(served.fixed.asked.load(Ordering::SeqCst), 0);
    let answer = served
        .talk("GET /kept HTTP/1.1\r\nHost: h\r\n\r\n".into())
        .await;
    assert!(answer.ends_with("/kept 127.0.0.1"), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn further_connections_wait_for_a_place() {
    let served = serve(
        Limits {
            connections: 1,
            ..Limits::PUBLIC
        },
        Duration::ZERO,
    )
    .await;
    let mut first = TcpStream::connect(served.address).unwrap();
    first
        .write_all(b"GET /slow HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
        .unwrap();
    while served.fixed.asked.load(Ordering::SeqCst) == 0 {
        tokio::task::yield_now().await;
    }
    let second = "GET /second HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n".to_owned();
    let second = served.talk(second);
    tokio::pin!(second);
    let waited = tokio::time::timeout(Duration::from_millis(100), &mut second).await;
    assert!(waited.is_err(), "there was no place for it");
    served.fixed.go_on.notify_one();
    assert!(second.await.ends_with("/second 127.0.0.1"));
}

#[tokio::test(flavor = "multi_thread")]
async fn stopping_lets_running_requests_end() {
    let served = serve(Limits::PUBLIC, Duration::from_secs(20)).await;
    let idle = TcpStream::connect(served.address).unwrap();
    let mut stream = TcpStream::connect(served.address).unwrap();
    stream
        .write_all(b"GET /slow HTTP/1.1\r\nHost: h\r\n\r\n")
        .unwrap();
    while served.fixed.asked.load(Ordering::SeqCst) == 0 {
        tokio::task::yield_now().await;
    }
    served.stop.send(true).unwrap();
    while TcpStream::connect(served.address).is_ok() {
        tokio::task::yield_now().await;
    }
    assert!(!served.task.is_finished());
    served.fixed.go_on.notify_one();
    assert_eq!(served.task.await.unwrap(), 0);
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.ends_with("/slow 127.0.0.1"), "{answer}");
    drop(idle);
}

#[tokio::test(flavor = "multi_thread")]
async fn patience_ends() {
    let served = serve(Limits::PUBLIC, Duration::from_millis(50)).await;
    let mut stream = TcpStream::connect(served.address).unwrap();
    stream
        .write_all(b"GET /slow HTTP/1.1\r\nHost: h\r\n\r\n")
        .unwrap();
    while served.fixed.asked.load(Ordering::SeqCst) == 0 {
        tokio::task::yield_now().await;
    }
    served.stop.send(true).unwrap();
    assert_eq!(served.task.await.unwrap(), 1);
}

/// The beginning of a handshake that never goes on: a record of 512 bytes is announced.
const HALF_A_HELLO: &str = "\x16\x03\x01\x02\x00\x01\x00";

#[tokio::test(flavor = "multi_thread")]
async fn slow_handshakes_are_cut_off() {
    let tls = Some(crate::tls::tests::acceptor());
    let served = serve_over(tls, SHORT, Duration::ZERO).await;
    // Each returns only because the server closes.
    assert_eq!(served.talk(String::new()).await, "");
    assert_eq!(served.talk(HALF_A_HELLO.to_owned()).await, "");
    assert_eq!(served.fixed.asked.load(Ordering::SeqCst), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn stopping_does_not_wait_for_handshakes() {
    let tls = Some(crate::tls::tests::acceptor());
    let limits = Limits {
        connections: 1,
        handshake_timeout: Duration::from_hours(1),
        ..Limits::PUBLIC
    };
    let served = serve_over(tls, limits, Duration::from_hours(1)).await;
    let mut stream = TcpStream::connect(served.address).unwrap();
    stream.write_all(HALF_A_HELLO.as_bytes()).unwrap();
    served.stop.send(true).unwrap();
    assert_eq!(served.task.await.unwrap(), 0);
    assert!(matches!(stream.read(&mut [0]), Ok(0) | Err(_)));
}

#[tokio::test]
async fn a_name_and_a_taken_port() {
    let first = Listener::bind("localhost", 0, None).await.unwrap();
    assert!(first.address().ip().is_loopback());
    assert_eq!(
        first.url(),
        format!("http://localhost:{}", first.address().port())
    );
    let taken = Listener::bind("localhost", first.address().port(), None)
        .await
        .unwrap_err();
    assert!(
        format!("{taken:#}").contains("cannot listen on localhost"),
        "{taken:#}"
    );
    assert!(
        Listener::bind("no-such-host.invalid", 0, None)
            .await
            .is_err()
    );
}
