//! Traces, told to a collector of the test.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, channel};

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value::Value};
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;

use crate::http;
use crate::program::{Home, Server};

/// A caller's trace, as in W3C Trace Context.
const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const PARENT: &str = "b7ad6b7169203331";

/// One call of the collector: its head, and what it was sent.
struct Call {
    head: String,
    body: ExportTraceServiceRequest,
}

/// Takes calls of OTLP/HTTP for as long as the test lives.
fn collector() -> (String, Receiver<Call>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (sender, calls) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let mut stream = BufReader::new(stream);
            let mut head = String::new();
            while !head.ends_with("\r\n\r\n") && stream.read_line(&mut head).unwrap() > 0 {}
            let head = head.to_ascii_lowercase();
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "));
            let mut body = vec![0; length.map_or(0, |length| length.trim().parse().unwrap())];
            stream.read_exact(&mut body).unwrap();
            let answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
            stream.get_mut().write_all(answer.as_bytes()).unwrap();
            let body = ExportTraceServiceRequest::decode(body.as_slice()).unwrap();
            if sender.send(Call { head, body }).is_err() {
                break;
            }
        }
    });
    (address, calls)
}

fn attribute(attributes: &[KeyValue], name: &str) -> String {
    let found = attributes.iter().find(|pair| pair.key == name);
    let value = found.and_then(|pair| pair.value.clone()?.value);
    match value {
        Some(Value::StringValue(text)) => text,
        Some(Value::IntValue(number)) => number.to_string(),
        other => panic!("{name}: {other:?} in {attributes:?}"),
    }
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut text = String::new();
    for byte in bytes {
        write!(text, "{byte:02x}").unwrap();
    }
    text
}

/// All spans that came, each call and each resource being what it has to be.
fn spans(calls: &Receiver<Call>) -> Vec<Span> {
    let mut spans: Vec<Span> = Vec::new();
    for Call { head, body } in calls.try_iter() {
        assert!(head.starts_with("post /v1/traces http/1.1\r\n"), "{head}");
        assert!(head.contains("\r\nx-key: collector-secret\r\n"), "{head}");
        assert!(
            head.contains("\r\ncontent-type: application/x-protobuf\r\n"),
            "{head}"
        );
        let text = format!("{body:?}");
        assert!(
            !text.contains("wrong-secret") && !text.contains("hidden"),
            "{text}"
        );
        for resource in body.resource_spans {
            let attributes = resource.resource.unwrap().attributes;
            assert_eq!(attribute(&attributes, "service.name"), "shop-login");
            assert_eq!(attribute(&attributes, "deployment"), "blue");
            spans.extend(
                resource
                    .scope_spans
                    .into_iter()
                    .flat_map(|scope| scope.spans),
            );
        }
    }
    spans
}

#[test]
fn requests_are_told_to_the_collector_within_their_callers_trace() {
    let (address, calls) = collector();
    let endpoint = format!("--tracing-endpoint=http://{address}");
    let options = [
        "--db=dev-mem",
        "--tracing-enabled=true",
        "--tracing-protocol=http/protobuf",
        &endpoint,
        "--tracing-headers=x-key=collector-secret",
        "--tracing-service-name=shop-login",
        "--tracing-resource-attributes=deployment=blue",
    ];
    let mut server = Server::start(&Home::new(), &options);
    let traced = format!("traceparent: 00-{TRACE}-{PARENT}-01\r\n");
    let form = "grant_type=password&client_id=admin-cli&username=admin&password=wrong-secret";
    let path = "/realms/master/protocol/openid-connect/token";
    let more = format!("{traced}Content-Type: application/x-www-form-urlencoded\r\n");
    let answer = http::request(
        &server.address,
        "POST",
        &format!("{path}?hidden=1"),
        &more,
        form,
    );
    assert_eq!(answer.status, 400, "{answer:?}");
    let line = server.wait_for("LOGIN_ERROR");
    let told = format!("traceId={TRACE}, parentId={PARENT}, spanId=");
    assert!(
        line.contains(&told) && line.contains(", sampled=true WARN "),
        "{line}"
    );
    server.get("/realms/nobody");
    // What is queued is sent before the end.
    server.stop();

    let spans = spans(&calls);
    let named = |name: &str| {
        let found = spans.iter().find(|span| span.name == name);
        found.unwrap_or_else(|| panic!("{name}: {spans:?}"))
    };
    let login = named("POST /realms/{realm}/protocol/{protocol}/token");
    assert_eq!(
        (hex(&login.trace_id), hex(&login.parent_span_id)),
        (TRACE.into(), PARENT.into())
    );
    for (name, value) in [
        ("http.request.method", "POST"),
        ("http.route", "/realms/{realm}/protocol/{protocol}/token"),
        ("http.response.status_code", "400"),
        ("url.path", path),
        ("url.scheme", "http"),
        ("client.address", "127.0.0.1"),
    ] {
        assert_eq!(attribute(&login.attributes, name), value);
    }
    assert!(login.end_time_unix_nano >= login.start_time_unix_nano);
    let lost = named("GET /realms/{realm}");
    assert_eq!(
        attribute(&lost.attributes, "http.response.status_code"),
        "404"
    );
    assert_eq!(lost.parent_span_id, [0_u8; 0]);
}

#[test]
fn a_collector_that_is_not_there_keeps_nobody_waiting() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    drop(listener);
    let endpoint = format!("--tracing-endpoint=http://{address}");
    let options = ["--db=dev-mem", "--tracing-enabled=true", &endpoint];
    let server = Server::start(&Home::new(), &options);
    assert_eq!(server.login("admin", "admin").status, 200);
    server.stop();
}
