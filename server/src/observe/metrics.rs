//! What the server counts, under the names that dashboards for Keycloak use.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use claviger_engine::watch::Watcher;
use claviger_store::Store;

use super::exposition::{Format, Kind, Text};
use super::happenings::Happenings;
use super::process;
use super::requests::{Requests, Row, keycloaks_uri};
use crate::settings::metering::Metering;

/// Everything counted.
pub struct Metrics {
    requests: Requests,
    happenings: Arc<Happenings>,
    /// Requests being answered.
    pub active_requests: Gauge,
    /// Connections open.
    pub active_connections: Gauge,
    read: Sizes,
    written: Sizes,
    started: jiff::Timestamp,
    store: Option<Store>,
}

/// A number that goes up and down. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Gauge(Arc<AtomicI64>);

impl Gauge {
    /// One more.
    pub fn inc(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// One less.
    pub fn dec(&self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }

    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
    fn get(&self) -> f64 {
        self.0.load(Ordering::Relaxed) as f64
    }
}

/// How many bodies there were, and their bytes.
#[derive(Debug, Default)]
struct Sizes {
    count: AtomicU64,
    bytes: AtomicU64,
}

impl Sizes {
    fn add(&self, bytes: u64) {
        if bytes > 0 {
            self.count.fetch_add(1, Ordering::Relaxed);
            self.bytes.fetch_add(bytes, Ordering::Relaxed);
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
    fn write(&self, text: &mut Text, name: &str, help: &str) {
        text.family(name, Kind::Summary, help);
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed) as f64;
        text.sample(&format!("{name}_count"), &[], read(&self.count));
        text.sample(&format!("{name}_sum"), &[], read(&self.bytes));
    }
}

/// A request that was answered.
#[derive(Debug)]
pub struct Answered<'a> {
    /// Its method.
    pub method: &'a http::Method,
    /// The pattern of the route, if one matched.
    pub route: Option<&'a str>,
    /// The status of the answer.
    pub status: http::StatusCode,
    /// How long it took.
    pub took: Duration,
    /// Bytes of the body that came, as far as they were announced.
    pub read: u64,
    /// Bytes of the body that went.
    pub written: u64,
}

impl Metrics {
    /// Nothing counted yet.
    pub fn new(metering: &Metering, store: Option<Store>) -> Self {
        Self {
            requests: Requests::new(&metering.requests),
            happenings: Arc::new(Happenings::new(metering.events.clone())),
            active_requests: Gauge::default(),
            active_connections: Gauge::default(),
            read: Sizes::default(),
            written: Sizes::default(),
            started: jiff::Timestamp::now(),
            store,
        }
    }

    /// Whoever has to be told what users do.
    pub fn watcher(&self) -> Arc<dyn Watcher> {
        Arc::clone(&self.happenings) as Arc<dyn Watcher>
    }

    /// Counts an answered request.
    pub fn answered(&self, answered: &Answered<'_>) {
        let status = answered.status;
        let uri = match (answered.route, status.as_u16()) {
            (Some(route), _) => keycloaks_uri(route),
            (None, 300..400) => "REDIRECTION".to_owned(),
            (None, _) => "NOT_FOUND".to_owned(),
        };
        let row = Row {
            method: known_method(answered.method),
            outcome: outcome(status),
            status: status.as_u16(),
            uri,
        };
        self.requests.count(row, answered.took);
        self.read.add(answered.read);
        self.written.add(answered.written);
    }

    /// Everything counted, as text.
    pub fn encode(&self, format: Format) -> String {
        let mut text = Text::new(format);
        self.requests.write(&mut text);
        let active = self.active_requests.get();
        let help = "HTTP requests being answered";
        text.single("http_server_active_requests", Kind::Gauge, help, active);
        let active = self.active_connections.get();
        let help = "Number of opened connections to the HTTP Server";
        text.single("http_server_active_connections", Kind::Gauge, help, active);
        let help = "Number of bytes received by the server";
        self.read.write(&mut text, "http_server_bytes_read", help);
        let help = "Number of bytes sent by the server";
        self.written
            .write(&mut text, "http_server_bytes_written", help);
        self.happenings.write(&mut text);
        if let Some(store) = &self.store {
            write_load(store, &mut text);
        }
        let started = self.started.as_duration().as_secs_f64();
        let help = "Start time of the process since unix epoch.";
        text.single("process_start_time_seconds", Kind::Gauge, help, started);
        let uptime = jiff::Timestamp::now().duration_since(self.started);
        let help = "The uptime of the process";
        text.single(
            "process_uptime_seconds",
            Kind::Gauge,
            help,
            uptime.as_secs_f64(),
        );
        process::write(&mut text);
        text.finish()
    }
}

/// The database's connections, under the names of Keycloak's pool.
fn write_load(store: &Store, text: &mut Text) {
    let load = store.load();
    for (name, help, value) in [
        (
            "agroal_active_count",
            "Connections to the database that are in use",
            load.open.saturating_sub(load.idle),
        ),
        (
            "agroal_available_count",
            "Connections to the database that are idle",
            load.idle,
        ),
        (
            "agroal_awaiting_count",
            "Reads that wait for a connection to the database",
            load.waiting,
        ),
    ] {
        text.family(name, Kind::Gauge, help);
        #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
        text.sample(name, &[("datasource", "default")], value as f64);
    }
    let help = "Writes that wait for their turn";
    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
    text.single(
        "claviger_writes_waiting",
        Kind::Gauge,
        help,
        load.writes_waiting as f64,
    );
}

fn known_method(method: &http::Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "POST" => "POST",
        "PUT" => "PUT",
        "DELETE" => "DELETE",
        "HEAD" => "HEAD",
        "OPTIONS" => "OPTIONS",
        "PATCH" => "PATCH",
        _ => "UNKNOWN",
    }
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
    use http::{Method, StatusCode};

    use super::*;

    #[test]
    fn requests_are_counted_by_route() {
        let metrics = Metrics::new(&Metering::default(), None);
        let odd = Method::from_bytes(b"ODD").unwrap();
        let answered = |method, route, status| {
            metrics.answered(&Answered {
                method,
                route,
                status,
                took: Duration::from_millis(3),
                read: 0,
                written: 10,
            });
        };
        let route = Some("/realms/{realm}");
        answered(&Method::GET, route, StatusCode::OK);
        answered(&Method::GET, route, StatusCode::OK);
        answered(&odd, None, StatusCode::NOT_FOUND);
        let text = metrics.encode(Format::OpenMetrics);
        for line in [
            "http_server_requests_seconds_count{method=\"GET\",outcome=\"SUCCESS\",\
             status=\"200\",uri=\"/realms/{realm}\"} 2.0\n",
            "http_server_requests_seconds_count{method=\"UNKNOWN\",outcome=\"CLIENT_ERROR\",\
             status=\"404\",uri=\"NOT_FOUND\"} 1.0\n",
            "http_server_bytes_written_sum 30.0\n",
            "http_server_bytes_read_count 0.0\n",
            "\nprocess_uptime_seconds ",
        ] {
            assert!(text.contains(line), "{line}: {text}");
        }
        assert!(text.ends_with("# EOF\n"), "{text}");
    }
}
