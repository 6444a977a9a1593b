//! The listener of operators.

use std::net::TcpStream;

use crate::http;
use crate::program::{Home, Server};

const ON: [&str; 4] = [
    "--db=dev-mem",
    "--health-enabled=true",
    "--metrics-enabled=true",
    "--http-management-port=0",
];

#[test]
fn health_and_metrics_are_on_a_port_of_their_own() {
    let server = Server::start(&Home::new(), &ON);
    let management = server.management.clone().unwrap();
    for path in [
        "/health",
        "/health/ready",
        "/health/live",
        "/health/started",
    ] {
        let answer = http::get(&management, path);
        assert_eq!(
            (answer.status, &answer.json()["status"]),
            (200, &"UP".into()),
            "{path}"
        );
        assert_eq!(server.get(path).status, 404, "{path}");
    }
    server.get("/realms/master");
    let metrics = http::get(&management, "/metrics");
    let counted = "http_server_requests_seconds_count{method=\"GET\",outcome=\"SUCCESS\",\
                   status=\"200\",uri=\"/realms/{realm}\"} 1";
    assert!(metrics.body.contains(counted), "{metrics:?}");
    server.stop();
}

#[test]
fn readiness_is_denied_before_the_listener_closes() {
    let options: Vec<&str> = ON.iter().copied().chain(["--shutdown-delay=10m"]).collect();
    let mut server = Server::start(&Home::new(), &options);
    let management = server.management.clone().unwrap();
    server.signal("TERM");
    while http::get(&management, "/health/ready").status == 200 {
        std::thread::yield_now();
    }
    let answer = http::get(&management, "/health/ready");
    assert_eq!(
        (answer.status, &answer.json()["status"]),
        (503, &"DOWN".into())
    );
    assert_eq!(server.get("/realms/master").status, 200);
    server.signal("TERM");
    server.wait_for("Claviger stopped in ");
    assert!(TcpStream::connect(&management).is_err());
}

#[test]
fn without_health_and_metrics_there_is_no_second_port() {
    let server = Server::start(&Home::new(), &["--db=dev-mem"]);
    assert_eq!(server.management, None);
}

#[test]
fn the_older_place_is_still_there_for_who_asks() {
    let options = [
        "--db=dev-mem",
        "--health-enabled=true",
        "--legacy-observability-interface=true",
    ];
    let server = Server::start(&Home::new(), &options);
    assert_eq!(server.management, None);
    assert_eq!(server.get("/health").status, 200);
    assert_eq!(server.get("/auth/health/live").status, 200);
    assert_eq!(server.get("/metrics").status, 404);
}
