use std::path::Path;

use axum::Extension;
use axum::routing::{get, post};
use claviger_engine::request::{ClientCertificate, RequestContext};
use claviger_pages::themes::Themes;
use http_body_util::BodyExt;

use crate::around::Around;
use crate::settings::hostname::{Hostname, Mounts};

use super::*;
use crate::observe::exposition::Format;
use crate::settings::metering::Metering;

async fn broken() {
    panic!("on purpose");
}

fn front(most: Option<usize>) -> Front {
    let say = |Extension(context): Extension<RequestContext>, uri: Uri| async move {
        format!("{uri} at {} from {}", context.base_url, context.ip_address)
    };
    let routes = Router::new()
        .route("/realms/{realm}", get(say))
        .route("/", get(say))
        .route(
            "/body",
            post(|body: Bytes| async move { body.len().to_string() }),
        )
        .route("/never", get(std::future::pending::<()>))
        .route("/broken", get(broken))
        .fallback(|| async { crate::routes::not_found() })
        .layer(Around {
            themes: Themes::open(Path::new("no-themes"), false),
        });
    let addresses = Addresses::of(Hostname::OfRequest, Mounts::of(&["/auth", ""]), None);
    Front::new(
        addresses,
        routes,
        Arc::new(Metrics::new(&Metering::default(), None)),
        None,
        most,
    )
}

fn peer(address: &str) -> Peer {
    Peer {
        address: address.parse().unwrap(),
        secure: false,
        certificate: None,
    }
}

async fn ask(front: &Front, target: &str) -> (StatusCode, String) {
    let request = Request::get(target)
        .header("host", "h")
        .body(Body::empty())
        .unwrap();
    read(front.counted(&peer("192.0.2.1"), request).await).await
}

async fn read(response: Response) -> (StatusCode, String) {
    let status = response.status();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

#[tokio::test]
async fn routes_are_served_under_both_base_paths() {
    let front = front(None);
    let cases = [
        ("/realms/shop", "/realms/shop at http://h from 192.0.2.1"),
        (
            "/auth/realms/shop",
            "/realms/shop at http://h/auth from 192.0.2.1",
        ),
        (
            "/auth/realms/shop/?a=/b//c;d",
            "/realms/shop?a=/b//c;d at http://h/auth from 192.0.2.1",
        ),
        ("/realms/a%2Fb", "/realms/a%2Fb at http://h from 192.0.2.1"),
        ("/auth", "/ at http://h/auth from 192.0.2.1"),
        ("/auth/", "/ at http://h/auth from 192.0.2.1"),
        ("/", "/ at http://h from 192.0.2.1"),
    ];
    for (target, expected) in cases {
        assert_eq!(
            ask(&front, target).await,
            (StatusCode::OK, expected.to_owned()),
            "{target}"
        );
    }
}

#[tokio::test]
async fn unknown_paths_are_answered_as_keycloak_does() {
    let body = r#"{"error":"Unable to find matching target resource method"}"#;
    for target in ["/nope", "/realms", "/auth/nope", "/authority/realms/x"] {
        let expected = (StatusCode::NOT_FOUND, body.to_owned());
        assert_eq!(ask(&front(None), target).await, expected, "{target}");
    }
}

#[tokio::test]
async fn paths_that_mean_another_are_refused() {
    let normalize =
        r#"{"error":"missingNormalization","error_description":"Request path not normalized"}"#;
    let semicolon = r#"{"error":"invalidCharacter","error_description":"Request path contains invalid character ';'"}"#;
    let cases = [
        ("/realms//shop", normalize),
        ("//realms/shop", normalize),
        ("/realms/../shop", normalize),
        ("/realms/./shop", normalize),
        ("/realms/..", normalize),
        ("/realms/%6Daster", normalize),
        ("/realms/%2e%2E/x", normalize),
        ("/auth//realms", normalize),
        ("/realms/..;/admin", semicolon),
        ("/realms/shop;a=1", semicolon),
        ("/realms/a%zz", ""),
        ("/realms/a%2", ""),
        ("/realms/a%+1", ""),
    ];
    for (target, body) in cases {
        let expected = (StatusCode::BAD_REQUEST, body.to_owned());
        assert_eq!(ask(&front(None), target).await, expected, "{target}");
    }
    assert_eq!(ask(&front(None), "/realms/...").await.0, StatusCode::OK);
}

#[tokio::test]
async fn a_host_that_is_none_is_refused() {
    let request = Request::get("/")
        .header("host", "a b")
        .body(Body::empty())
        .unwrap();
    let (status, body) = read(front(None).counted(&peer("::1"), request).await).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(body.contains("invalid_request"), "{body}");
}

fn post_body(body: Body) -> Request<Body> {
    Request::post("/body")
        .header("host", "h")
        .body(body)
        .unwrap()
}

#[tokio::test]
async fn bodies_are_bounded_announced_or_not() {
    let front = front(None);
    let peer = &peer("192.0.2.1");
    let announced = Body::from(vec![b'x'; BODY_BYTES + 1]);
    let (status, _) = read(front.counted(peer, post_body(announced)).await).await;
    assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);

    let chunk = || Ok::<_, std::io::Error>(Frame::data(Bytes::from(vec![b'x'; 1024 * 1024])));
    let chunks: Vec<_> = (0..=10).map(|_| chunk()).collect();
    let streamed = Body::new(http_body_util::StreamBody::new(futures_util::stream::iter(
        chunks,
    )));
    let (status, _) = read(front.counted(peer, post_body(streamed)).await).await;
    assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);

    let small = Body::from("12345");
    let answer = read(front.counted(peer, post_body(small)).await).await;
    assert_eq!(answer, (StatusCode::OK, "5".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_come_is_given_up() {
    let endless = Body::new(http_body_util::StreamBody::new(
        futures_util::stream::pending::<Result<Frame<Bytes>, std::io::Error>>(),
    ));
    let peer = &peer("192.0.2.1");
    let since = Instant::now();
    let (status, _) = read(front(None).counted(peer, post_body(endless)).await).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert_eq!(since.elapsed().as_secs(), BODY_PATIENCE.as_secs());
}

#[tokio::test(start_paused = true)]
async fn a_request_that_takes_too_long_is_given_up() {
    let (status, _) = ask(&front(None), "/never").await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test(start_paused = true)]
async fn beyond_the_limit_requests_are_refused_at_once() {
    let front = front(Some(1));
    let first = ask(&front, "/never");
    tokio::pin!(first);
    assert!(
        tokio::time::timeout(Duration::from_secs(1), &mut first)
            .await
            .is_err()
    );
    let request = Request::get("/")
        .header("host", "h")
        .body(Body::empty())
        .unwrap();
    let refused = front.counted(&peer("192.0.2.1"), request).await;
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(refused.headers()[header::RETRY_AFTER], "1");
    assert_eq!(first.await.0, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(ask(&front, "/").await.0, StatusCode::OK);
}

#[tokio::test]
async fn requests_are_counted_under_their_route() {
    let front = front(None);
    ask(&front, "/auth/realms/shop").await;
    ask(&front, "/nope/with/anything").await;
    let text = front.0.metrics.encode(Format::OpenMetrics);
    assert!(
        text.contains("status=\"200\",uri=\"/realms/{realm}\"} 1"),
        "{text}"
    );
    assert!(
        text.contains("status=\"404\",uri=\"NOT_FOUND\"} 1"),
        "{text}"
    );
    assert!(text.contains("\nhttp_server_active_requests 0"), "{text}");
}

#[tokio::test]
async fn a_route_that_fails_is_an_answer() {
    let (status, body) = ask(&front(None), "/broken").await;
    assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
    assert!(body.starts_with(r#"{"error":"unknown_error""#), "{body}");
    front(None).idle().await;
}

#[tokio::test]
async fn a_request_is_carried_through_when_the_caller_hangs_up() {
    let (reached, mut told) = tokio::sync::mpsc::channel(1);
    let go_on = Arc::new(tokio::sync::Notify::new());
    let done = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let (wait, mark) = (Arc::clone(&go_on), Arc::clone(&done));
    let slow = move || async move {
        reached.send(()).await.unwrap();
        wait.notified().await;
        mark.store(true, std::sync::atomic::Ordering::SeqCst);
    };
    let addresses = Addresses::of(Hostname::OfRequest, Mounts::of(&[""]), None);
    let routes = Router::new().route("/slow", get(slow));
    let front = Front::new(
        addresses,
        routes,
        Arc::new(Metrics::new(&Metering::default(), None)),
        None,
        None,
    );
    let asking = tokio::spawn({
        let front = front.clone();
        async move { ask(&front, "/slow").await }
    });
    told.recv().await.unwrap();
    asking.abort();
    assert!(asking.await.unwrap_err().is_cancelled());
    assert!(!done.load(std::sync::atomic::Ordering::SeqCst));
    go_on.notify_one();
    front.idle().await;
    assert!(done.load(std::sync::atomic::Ordering::SeqCst));
}

#[tokio::test]
async fn what_the_caller_proved_to_be_stands_beside_the_request() {
    let say = |certificate: Option<Extension<ClientCertificate>>| async move {
        certificate.map_or(Bytes::from_static(b"none"), |Extension(certificate)| {
            Bytes::copy_from_slice(certificate.der())
        })
    };
    let addresses = Addresses::of(Hostname::OfRequest, Mounts::of(&[""]), None);
    let routes = Router::new().route("/", get(say));
    let front = Front::new(
        addresses,
        routes,
        Arc::new(Metrics::new(&Metering::default(), None)),
        None,
        None,
    );
    let mut peer = peer("192.0.2.1");
    for (certificate, expected) in [(None, "none"), (Some(&b"der"[..]), "der")] {
        peer.certificate = certificate.map(ClientCertificate::new);
        let request = Request::get("/").header("host", "h");
        let request = request.body(Body::empty()).unwrap();
        let answer = read(front.counted(&peer, request).await).await;
        assert_eq!(answer, (StatusCode::OK, expected.to_owned()));
    }
}
