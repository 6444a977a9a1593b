//! What strangers may cost.

use crate::http;
use crate::program::{Home, Server};

#[test]
fn what_is_too_large_or_means_another_path_is_refused() {
    let server = Server::start(&Home::new(), &["--db=dev-mem"]);
    let token = "/realms/master/protocol/openid-connect/token";
    let cases = [
        (
            "GET /realms//master HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n".to_owned(),
            "400",
        ),
        (
            "GET /realms/..;/admin HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n".to_owned(),
            "400",
        ),
        (
            "GET / HTTP/1.1\r\nConnection: close\r\n\r\n".to_owned(),
            "400",
        ),
        (
            "GET / HTTP/1.1\r\nHost: a b\r\nConnection: close\r\n\r\n".to_owned(),
            "400",
        ),
        (
            "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\nConnection: close\r\n\r\n".to_owned(),
            "400",
        ),
        (
            format!("GET / HTTP/1.1\r\n{}\r\n", "A: b\r\n".repeat(200)),
            "431",
        ),
        (
            format!("POST {token} HTTP/1.1\r\nHost: h\r\nContent-Length: 20000000\r\n\r\n"),
            "413",
        ),
    ];
    for (text, status) in cases {
        let answer = http::raw(&server.address, &text).unwrap();
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{text:.60}: {answer}"
        );
    }
    assert_eq!(server.get("/realms/master").status, 200);
}

#[test]
fn beyond_the_queue_requests_are_told_to_come_back() {
    let options = [
        "--db=dev-mem",
        "--http-pool-max-threads=1",
        "--http-max-queued-requests=1",
    ];
    let server = Server::start(&Home::new(), &options);
    let slow: Vec<_> = (0..2)
        .map(|_| crate::stop::half_a_request(&server.address))
        .collect();
    let answer = server.get("/realms/master");
    assert_eq!(
        (answer.status, answer.header("retry-after")),
        (503, Some("1"))
    );
    drop(slow);
    while server.get("/realms/master").status == 503 {
        std::thread::yield_now();
    }
}
