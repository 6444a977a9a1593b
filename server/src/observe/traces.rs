//! A span for each request, sent to a collector by OTLP; a caller's trace is gone on with (W3C Trace
//! Context).
//!
//! What a span tells is what the metrics tell, and the path; no query, no body, no header that could
//! hold a secret.

use anyhow::Context as _;
use claviger_outbound::Collector;
use http::{HeaderMap, Request, StatusCode};
use opentelemetry::propagation::{Extractor, TextMapPropagator as _};
use opentelemetry::trace::{
    Span as _, SpanId, SpanKind, Status, TraceContextExt as _, Tracer as _, TracerProvider as _,
};
use opentelemetry::{Context, KeyValue};
use opentelemetry_otlp::{SpanExporter, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{Sampler, SdkTracer, SdkTracerProvider, Span};

use super::requests::keycloaks_uri;
use crate::VERSION;
use crate::listener::Peer;
use crate::settings::traces::{Sampling, Tracing};

/// The longest text of a span that a caller chose, in characters.
const LONGEST: usize = 256;

/// Makes spans.
#[derive(Clone)]
pub struct Traces {
    provider: SdkTracerProvider,
    tracer: SdkTracer,
}

/// One request's span.
pub struct RequestSpan {
    span: Span,
    parent: SpanId,
}

/// Reads headers for the propagator.
struct Headers<'a>(&'a HeaderMap);

impl Extractor for Headers<'_> {
    fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.to_str().ok()
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(http::HeaderName::as_str).collect()
    }
}

impl Traces {
    /// Sends spans as the settings say, on the runtime that this is called from.
    pub fn start(tracing: &Tracing) -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Handle::current();
        let collector = Collector::new(
            &tracing.endpoint,
            tracing.protocol,
            &tracing.headers,
            runtime,
        )
        .context("cannot prepare calls to the collector of traces")?;
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(collector)
            .build()
            .context("cannot prepare the export of traces")?;
        let mut attributes = vec![KeyValue::new("service.version", VERSION)];
        let more = tracing.attributes.iter();
        attributes.extend(more.map(|(name, value)| KeyValue::new(name.clone(), value.clone())));
        let resource = Resource::builder_empty()
            .with_service_name(tracing.service.clone())
            .with_attributes(attributes)
            .build();
        let provider = SdkTracerProvider::builder()
            .with_sampler(sampler(&tracing.sampling))
            .with_resource(resource)
            .with_batch_exporter(exporter)
            .build();
        let tracer = provider.tracer("claviger");
        Ok(Self { provider, tracer })
    }

    /// Begins the span of a request.
    pub fn begin<B>(&self, peer: &Peer, request: &Request<B>) -> RequestSpan {
        let headers = Headers(request.headers());
        let parent = TraceContextPropagator::new().extract_with_context(&Context::new(), &headers);
        let cut = |text: &str| text.chars().take(LONGEST).collect::<String>();
        let agent = request.headers().get(http::header::USER_AGENT);
        let agent = agent
            .and_then(|agent| agent.to_str().ok())
            .unwrap_or_default();
        let scheme = if peer.secure { "https" } else { "http" };
        let attributes = vec![
            KeyValue::new("http.request.method", cut(request.method().as_str())),
            KeyValue::new("url.path", cut(request.uri().path())),
            KeyValue::new("url.scheme", scheme),
            KeyValue::new("client.address", peer.address.to_string()),
            KeyValue::new("user_agent.original", cut(agent)),
        ];
        let builder = self
            .tracer
            .span_builder(cut(request.method().as_str()))
            .with_kind(SpanKind::Server)
            .with_attributes(attributes);
        let span = self.tracer.build_with_context(builder, &parent);
        let parent = parent.span().span_context().span_id();
        RequestSpan { span, parent }
    }

    /// Sends what is left. It may take seconds, in which the thread waits.
    pub fn stop(&self) {
        if let Err(error) = self.provider.shutdown() {
            tracing::warn!("the last traces could not be sent: {error}");
        }
    }
}

impl RequestSpan {
    /// Notes in a span of the log to which trace its lines belong.
    pub fn tell(&self, log: &tracing::Span) {
        let context = self.span.span_context();
        log.record("traceId", context.trace_id().to_string());
        log.record("spanId", context.span_id().to_string());
        if self.parent != SpanId::INVALID {
            log.record("parentId", self.parent.to_string());
        }
        log.record("sampled", context.is_sampled().to_string());
    }

    /// Ends the span with what became of the request.
    pub fn end(mut self, method: &http::Method, route: Option<&str>, status: StatusCode) {
        if let Some(route) = route {
            let route = keycloaks_uri(route);
            self.span.update_name(format!("{method} {route}"));
            self.span.set_attribute(KeyValue::new("http.route", route));
        }
        let code = i64::from(status.as_u16());
        let code = KeyValue::new("http.response.status_code", code);
        self.span.set_attribute(code);
        if status.is_server_error() {
            self.span.set_status(Status::error(""));
        }
        self.span.end();
    }
}

fn sampler(sampling: &Sampling) -> Sampler {
    match sampling {
        Sampling::Always => Sampler::AlwaysOn,
        Sampling::Never => Sampler::AlwaysOff,
        Sampling::Ratio(ratio) => Sampler::TraceIdRatioBased(*ratio),
        Sampling::ByParent(otherwise) => Sampler::ParentBased(Box::new(sampler(otherwise))),
    }
}
