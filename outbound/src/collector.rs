//! The way to a collector of traces, which the operator names: OTLP over HTTP, or over gRPC, which is
//! one call here and needs no library of its own.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use bytes::{BufMut as _, Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, header};
use opentelemetry_http::{HttpClient, HttpError};
use reqwest::{Client, redirect};
use tokio::runtime::Handle;
use url::Url;

use crate::fetcher::SetupError;
use crate::tls::{self, NameCheck};

/// How long sending may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// The longest answer that is read, in bytes.
const ANSWER_BYTES_MAX: usize = 64 * 1024;
/// The flag and the length before a message (gRPC over HTTP/2, "Length-Prefixed-Message").
const PREFIX: usize = 5;

/// How spans go to the collector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// OTLP/gRPC.
    Grpc,
    /// OTLP/HTTP with protobuf.
    Http,
}

/// Sends spans to one collector.
pub struct Collector {
    client: Client,
    url: Url,
    protocol: Protocol,
    headers: HeaderMap,
    runtime: Handle,
}

/// Headers are secrets.
impl fmt::Debug for Collector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Collector").finish_non_exhaustive()
    }
}

impl Collector {
    /// For a collector at this base URL. Calls are made on `runtime`, whoever asks for them.
    pub fn new(
        endpoint: &Url,
        protocol: Protocol,
        headers: &[(HeaderName, HeaderValue)],
        runtime: Handle,
    ) -> Result<Self, SetupError> {
        let mut config = tls::client_config(&[], NameCheck::Host)?;
        let builder = Client::builder()
            .redirect(redirect::Policy::none())
            .connect_timeout(PATIENCE)
            .timeout(PATIENCE);
        let (builder, path) = match protocol {
            Protocol::Grpc => {
                config.alpn_protocols = vec![b"h2".to_vec()];
                let path = "opentelemetry.proto.collector.trace.v1.TraceService/Export";
                (builder.http2_prior_knowledge(), path)
            }
            Protocol::Http => (builder, "v1/traces"),
        };
        let client = builder
            .tls_backend_preconfigured(config)
            .build()
            .map_err(SetupError::Client)?;
        let mut url = endpoint.clone();
        url.set_path(&format!("{}/{path}", endpoint.path().trim_end_matches('/')));
        Ok(Self {
            client,
            url,
            protocol,
            headers: headers.iter().cloned().collect(),
            runtime,
        })
    }

    fn call(&self, message: &Bytes) -> reqwest::RequestBuilder {
        let mut headers = self.headers.clone();
        let (kind, body) = match self.protocol {
            Protocol::Grpc => {
                headers.insert(header::TE, HeaderValue::from_static("trailers"));
                ("application/grpc", framed(message))
            }
            Protocol::Http => ("application/x-protobuf", message.clone()),
        };
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
        self.client
            .post(self.url.clone())
            .headers(headers)
            .body(body)
    }
}

/// A message that is not compressed, with its length.
fn framed(message: &Bytes) -> Bytes {
    let mut body = BytesMut::with_capacity(PREFIX + message.len());
    body.put_u8(0);
    body.put_u32(u32::try_from(message.len()).unwrap_or(u32::MAX));
    body.extend_from_slice(message);
    body.freeze()
}

async fn send(
    call: reqwest::RequestBuilder,
    protocol: Protocol,
) -> Result<Response<Bytes>, HttpError> {
    let mut told = call.send().await?;
    let mut body = BytesMut::new();
    while let Some(chunk) = told.chunk().await? {
        if body.len() + chunk.len() > ANSWER_BYTES_MAX {
            return Err("the collector's answer is too long".into());
        }
        body.extend_from_slice(&chunk);
    }
    let mut status = told.status();
    let mut body = body.freeze();
    if protocol == Protocol::Grpc {
        // A refusal without a message has its code in the headers.
        let code = told.headers().get("grpc-status");
        if code.is_some_and(|code| code != "0") {
            status = StatusCode::SERVICE_UNAVAILABLE;
        }
        body = body.slice(PREFIX.min(body.len())..);
    }
    let mut response = Response::new(body);
    *response.status_mut() = status;
    Ok(response)
}

impl HttpClient for Collector {
    fn send_bytes<'a, 'b>(
        &'a self,
        request: Request<Bytes>,
    ) -> Pin<Box<dyn Future<Output = Result<Response<Bytes>, HttpError>> + Send + 'b>>
    where
        'a: 'b,
        Self: 'b,
    {
        let sending = send(self.call(request.body()), self.protocol);
        let task = self.runtime.spawn(sending);
        Box::pin(async move { task.await? })
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    /// Answers one call of gRPC, and returns what it was.
    async fn one_call(listener: TcpListener, status: &'static str) -> (Request<()>, Bytes) {
        let (stream, _) = listener.accept().await.unwrap();
        let mut connection = h2::server::handshake(stream).await.unwrap();
        let (request, mut respond) = connection.accept().await.unwrap().unwrap();
        let (head, mut stream) = request.into_parts();
        let answering = async move {
            let mut body = BytesMut::new();
            while let Some(chunk) = stream.data().await {
                let chunk = chunk.unwrap();
                let _ = stream.flow_control().release_capacity(chunk.len());
                body.extend_from_slice(&chunk);
            }
            let answer = Response::builder().header("content-type", "application/grpc");
            if status == "0" {
                let mut sending = respond
                    .send_response(answer.body(()).unwrap(), false)
                    .unwrap();
                sending.send_data(framed(&Bytes::new()), false).unwrap();
                let mut trailers = HeaderMap::new();
                trailers.insert("grpc-status", HeaderValue::from_static("0"));
                sending.send_trailers(trailers).unwrap();
            } else {
                let answer = answer.header("grpc-status", status).body(()).unwrap();
                respond.send_response(answer, true).unwrap();
            }
            body.freeze()
        };
        let answering = tokio::spawn(answering);
        // The connection goes on until the caller has what it wants.
        while connection.accept().await.is_some_and(|next| next.is_ok()) {}
        (Request::from_parts(head, ()), answering.await.unwrap())
    }

    async fn told(status: &'static str) -> (Response<Bytes>, Request<()>, Bytes) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}/base/", listener.local_addr().unwrap());
        let key = HeaderValue::from_static("secret");
        let collector = Collector::new(
            &endpoint.parse().unwrap(),
            Protocol::Grpc,
            &[(HeaderName::from_static("x-key"), key)],
            Handle::current(),
        )
        .unwrap();
        let server = tokio::spawn(one_call(listener, status));
        let message = Bytes::from_static(b"spans");
        let response = collector.send_bytes(Request::new(message)).await.unwrap();
        drop(collector);
        let (request, body) = server.await.unwrap();
        (response, request, body)
    }

    #[tokio::test]
    async fn spans_go_out_as_one_message_of_grpc() {
        let (response, request, body) = told("0").await;
        assert_eq!(
            (response.status(), response.body().len()),
            (StatusCode::OK, 0)
        );
        let path = "/base/opentelemetry.proto.collector.trace.v1.TraceService/Export";
        assert_eq!(request.uri().path(), path);
        assert_eq!(request.headers()["content-type"], "application/grpc");
        assert_eq!(request.headers()["te"], "trailers");
        assert_eq!(request.headers()["x-key"], "secret");
        assert_eq!(body, b"\0\0\0\0\x05spans".as_slice());
    }

    #[tokio::test]
    async fn a_refusal_in_grpc_is_one_in_http() {
        let (response, _, _) = told("14").await;
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    }
}
