use claviger_store::{FaultPlan, Options, Store};
use http_body_util::BodyExt;

use super::*;
use crate::settings::metering::Metering;

const ALL: Observe = Observe {
    health: Some(Port::Management),
    metrics: Some(Port::Management),
};

async fn observed() -> Observed {
    let store = Store::open(&Options::sqlite_memory()).await.unwrap();
    Observed {
        health: Arc::new(Health::new(store)),
        metrics: Arc::new(Metrics::new(&Metering::default(), None)),
    }
}

async fn get(management: &Management, path: &str) -> (StatusCode, String, String) {
    let request = Request::get(path).body(Body::empty()).unwrap();
    let response = management.handle(request).await;
    let status = response.status();
    let kind = response.headers()[header::CONTENT_TYPE]
        .to_str()
        .unwrap()
        .to_owned();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, kind, String::from_utf8(body.to_vec()).unwrap())
}

#[tokio::test]
async fn health_is_keycloaks_byte_for_byte() {
    let management = management(ALL, "", &observed().await);
    let (status, kind, body) = get(&management, "/health").await;
    assert_eq!(
        (status, kind.as_str()),
        (StatusCode::OK, "application/json; charset=UTF-8")
    );
    let check = |name: &str| {
        format!(
            "        {{\n            \"name\": \"{name}\",\n            \"status\": \"UP\"\n        }}"
        )
    };
    let names = [
        "Graceful Shutdown",
        "Keycloak Initialized",
        "Keycloak database connections async health check",
    ];
    let checks: Vec<String> = names.iter().map(|name| check(name)).collect();
    let expected = format!(
        "{{\n    \"status\": \"UP\",\n    \"checks\": [\n{}\n    ]\n}}",
        checks.join(",\n")
    );
    assert_eq!(body, expected);
    for path in ["/health/ready", "/health/"] {
        assert_eq!(get(&management, path).await.2, expected, "{path}");
    }
    for path in [
        "/health/live",
        "/health/live/",
        "/health/started",
        "/health/well",
        "/health/group",
        "/health/group/any",
    ] {
        assert!(
            get(&management, path)
                .await
                .2
                .ends_with("\"checks\": [\n    ]\n}"),
            "{path}"
        );
    }
}

#[tokio::test]
async fn a_stopping_server_is_alive_and_not_ready() {
    let observed = observed().await;
    observed.health.stop();
    let management = management(ALL, "", &observed);
    let (status, _, body) = get(&management, "/health/ready").await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(body.starts_with("{\n    \"status\": \"DOWN\""), "{body}");
    assert_eq!(get(&management, "/health/live").await.0, StatusCode::OK);
}

#[tokio::test]
async fn a_failing_database_is_told_until_it_answers_again() {
    let plan = Arc::new(FaultPlan::default());
    let options = Options {
        fault: Some(Arc::clone(&plan)),
        ..Options::sqlite_memory()
    };
    let store = Store::open(&options).await.unwrap();
    let health = Arc::new(Health::new(store));
    let management = management(
        ALL,
        "",
        &Observed {
            health,
            ..observed().await
        },
    );
    plan.fail_at(1);
    let (status, _, body) = get(&management, "/health/ready").await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(body.contains("\"Failing since\": \"20"), "{body}");
    let (status, _, body) = get(&management, "/health/ready").await;
    assert_eq!(status, StatusCode::OK);
    assert!(!body.contains("Failing since"), "{body}");
}

#[tokio::test]
async fn only_what_is_switched_on_is_served() {
    let metrics_only = Observe {
        health: None,
        metrics: Some(Port::Management),
    };
    let management = management(metrics_only, "/manage", &observed().await);
    assert_eq!(
        get(&management, "/manage/health").await.0,
        StatusCode::NOT_FOUND
    );
    assert_eq!(get(&management, "/metrics").await.0, StatusCode::NOT_FOUND);
    let (status, kind, body) = get(&management, "/manage/metrics").await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(
        kind,
        "application/openmetrics-text; version=1.0.0; charset=utf-8"
    );
    assert!(body.ends_with("# EOF\n"));
    let (_, _, page) = get(&management, "/manage").await;
    assert!(
        page.contains("/manage/metrics") && !page.contains("health"),
        "{page}"
    );
}

#[tokio::test]
async fn scrapers_choose_the_form() {
    let management = management(ALL, "", &observed().await);
    for (accept, status, kind) in [
        (
            "*/*",
            200,
            "application/openmetrics-text; version=1.0.0; charset=utf-8",
        ),
        (
            "text/plain",
            200,
            "text/plain; version=0.0.4; charset=utf-8",
        ),
        ("application/json", 406, ""),
    ] {
        for path in ["/metrics", "/metrics/", "/metrics/application"] {
            let request = Request::get(path).header(header::ACCEPT, accept);
            let response = management
                .handle(request.body(Body::empty()).unwrap())
                .await;
            assert_eq!(response.status(), status, "{accept}");
            let told = response.headers().get(header::CONTENT_TYPE);
            let told = told.map_or("", |value| value.to_str().unwrap());
            assert_eq!(told, kind, "{accept}");
        }
    }
}
