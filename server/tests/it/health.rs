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
                   status=\"200\",uri=\"/realms/{realm}\"} 1.0";
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

#[test]
fn what_users_do_is_counted_as_dashboards_ask_for_it() {
    let options = [
        "--event-metrics-user-enabled=true",
        "--event-metrics-user-tags=realm,clientId",
        "--http-metrics-histograms-enabled=true",
        "--http-metrics-slos=5,250",
    ];
    let options: Vec<&str> = ON.iter().copied().chain(options).collect();
    let server = Server::start(&Home::new(), &options);
    let management = server.management.clone().unwrap();
    server.login("admin", "admin");
    server.login("admin", "wrong");
    let text = http::get(&management, "/metrics").body;
    for line in [
        "keycloak_user_events_total{client_id=\"admin-cli\",error=\"\",event=\"login\",\
         realm=\"master\"} 1.0\n",
        "keycloak_user_events_total{client_id=\"admin-cli\",error=\"invalid_user_credentials\",\
         event=\"login\",realm=\"master\"} 1.0\n",
        "keycloak_credentials_password_hashing_validations_total{algorithm=\"argon2\",\
         hashing_strength=\"Argon2id-1.3[m=7168,t=5,p=1]\",outcome=\"valid\",realm=\"master\"} 1.0\n",
        "outcome=\"invalid\",realm=\"master\"} 1.0\n",
        "http_server_requests_seconds_bucket{method=\"POST\",outcome=\"SUCCESS\",status=\"200\",\
         uri=\"/realms/{realm}/protocol/{protocol}/token\",le=\"0.25\"} ",
        "\nagroal_available_count{datasource=\"default\"} ",
        "\nprocess_resident_memory_bytes ",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
    // What nobody routes is one row, whatever strangers ask for.
    for number in 0..5 {
        server.get(&format!("/made-up/{number}"));
        server.get(&format!("/realms/made-up-{number}"));
    }
    let text = http::get(&management, "/metrics").body;
    assert!(!text.contains("made-up"), "{text}");
    let line = "status=\"404\",uri=\"NOT_FOUND\"} 5.0\n";
    assert!(text.contains(line), "{text}");
    server.stop();
}
