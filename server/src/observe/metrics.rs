//! What the server counts, under the names that dashboards for Keycloak use.

use std::fmt;
use std::sync::atomic::{AtomicI64, AtomicU64};
use std::time::Duration;

use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder};
use prometheus_client::metrics::family::{Family, MetricConstructor};
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

/// Bounds of the request durations, in seconds.
const BOUNDS: [f64; 12] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0,
];

/// Everything counted.
pub struct Metrics {
    registry: Registry,
    requests: Family<RequestLabels, Histogram, NewHistogram>,
    /// Requests being answered.
    pub active_requests: Gauge,
    /// Connections open.
    pub active_connections: Gauge,
    uptime: Gauge<f64, AtomicU64>,
    started: jiff::Timestamp,
}

#[derive(Clone)]
struct NewHistogram;

impl MetricConstructor<Histogram> for NewHistogram {
    fn new_metric(&self) -> Histogram {
        Histogram::new(BOUNDS)
    }
}

/// What is told apart. The path is the route's pattern, never the caller's text: strangers must not
/// choose how many series there are.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    method: Method,
    outcome: &'static str,
    status: u16,
    uri: String,
}

/// A method as label; strangers can make up names.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Method(&'static str);

impl EncodeLabelValue for Method {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> fmt::Result {
        EncodeLabelValue::encode(&self.0, encoder)
    }
}

impl Metrics {
    /// Nothing counted yet.
    pub fn new() -> Self {
        let mut registry = Registry::default();
        let requests = Family::new_with_constructor(NewHistogram);
        registry.register_with_unit(
            "http_server_requests",
            "HTTP requests by route, and how long they took",
            Unit::Seconds,
            requests.clone(),
        );
        let active_requests = Gauge::<i64, AtomicI64>::default();
        registry.register(
            "http_server_active_requests",
            "HTTP requests being answered",
            active_requests.clone(),
        );
        let active_connections = Gauge::<i64, AtomicI64>::default();
        registry.register(
            "http_server_active_connections",
            "Connections open",
            active_connections.clone(),
        );
        let started = jiff::Timestamp::now();
        let start = Gauge::<f64, AtomicU64>::default();
        start.set(started.as_duration().as_secs_f64());
        let help = "When the process started, since 1970";
        registry.register_with_unit("process_start_time", help, Unit::Seconds, start);
        let uptime = Gauge::<f64, AtomicU64>::default();
        let help = "How long the process has been running";
        registry.register_with_unit("process_uptime", help, Unit::Seconds, uptime.clone());
        Self {
            registry,
            requests,
            active_requests,
            active_connections,
            uptime,
            started,
        }
    }

    /// Counts an answered request. `route` is the pattern of the route, if one matched.
    pub fn answered(
        &self,
        method: &http::Method,
        route: Option<&str>,
        status: http::StatusCode,
        took: Duration,
    ) {
        let labels = RequestLabels {
            method: known_method(method),
            outcome: outcome(status),
            status: status.as_u16(),
            uri: route.unwrap_or("NOT_FOUND").to_owned(),
        };
        self.requests
            .get_or_create(&labels)
            .observe(took.as_secs_f64());
    }

    /// Everything counted, in the text form of OpenMetrics 1.0.
    pub fn encode(&self) -> Result<String, fmt::Error> {
        self.uptime.set(
            jiff::Timestamp::now()
                .duration_since(self.started)
                .as_secs_f64(),
        );
        let mut text = String::new();
        encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

fn known_method(method: &http::Method) -> Method {
    Method(match method.as_str() {
        "GET" => "GET",
        "POST" => "POST",
        "PUT" => "PUT",
        "DELETE" => "DELETE",
        "HEAD" => "HEAD",
        "OPTIONS" => "OPTIONS",
        "PATCH" => "PATCH",
        _ => "OTHER",
    })
}

fn outcome(status: http::StatusCode) -> &'static str {
    match status.as_u16() {
        100..200 => "INFORMATIONAL",
        200..300 => "SUCCESS",
        300..400 => "REDIRECTION",
        400..500 => "CLIENT_ERROR",
        _ => "SERVER_ERROR",
    }
}

#[cfg(test)]
mod tests {
    use http::{Method as HttpMethod, StatusCode};

    use super::*;

    #[test]
    fn requests_are_counted_by_route() {
        let metrics = Metrics::new();
        let took = Duration::from_millis(3);
        let route = Some("/realms/{realm}");
        metrics.answered(&HttpMethod::GET, route, StatusCode::OK, took);
        metrics.answered(&HttpMethod::GET, route, StatusCode::OK, took);
        let odd = HttpMethod::from_bytes(b"ODD").unwrap();
        metrics.answered(&odd, None, StatusCode::NOT_FOUND, took);
        let text = metrics.encode().unwrap();
        let known = "http_server_requests_seconds_count{method=\"GET\",outcome=\"SUCCESS\",\
                     status=\"200\",uri=\"/realms/{realm}\"} 2";
        let other = "http_server_requests_seconds_count{method=\"OTHER\",outcome=\"CLIENT_ERROR\",\
                     status=\"404\",uri=\"NOT_FOUND\"} 1";
        assert!(text.contains(known), "{text}");
        assert!(text.contains(other), "{text}");
        assert!(text.contains("\nprocess_uptime_seconds "), "{text}");
        assert!(text.ends_with("# EOF\n"), "{text}");
    }
}
