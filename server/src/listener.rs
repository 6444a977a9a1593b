//! Sockets and connections: HTTP/1.1, plain or over TLS, bounded in everything that a stranger can make large or slow.
//!
//! What a connection costs: at most [`Limits::header_bytes`] of buffer, and a place among
//! [`Limits::connections`]; when all are taken, further ones wait in the system's queue. A peer that
//! sends its headers slowly (slowloris), or nothing, is cut off after [`Limits::header_timeout`],
//! one that is slow in the handshake of TLS after [`Limits::handshake_timeout`]; one that does not take its answer, where the system can tell, after half a minute.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use axum::body::Body;
use claviger_engine::request::ClientCertificate;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;

use crate::tls::Acceptor;

/// How long accepting rests after the system refused (no file descriptors left).
const REST: Duration = Duration::from_millis(100);

/// How long a peer may leave an answer untaken.
#[cfg(target_os = "linux")]
const UNREAD: Duration = Duration::from_secs(30);

/// What a peer may cost.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connections at once, over all addresses of the listener.
    pub connections: usize,
    /// Header lines of a request; more are answered 431.
    pub headers: usize,
    /// Bytes of a request's first line and headers together; twice as many, and sometimes less,
    /// are answered 431.
    pub header_bytes: usize,
    /// How long headers may take to come; also how long an idle connection is kept.
    pub header_timeout: Duration,
    /// How long the handshake of TLS may take.
    pub handshake_timeout: Duration,
}

impl Limits {
    /// For the listener that everybody reaches.
    pub const PUBLIC: Self = Self {
        connections: 10_000,
        headers: 100,
        header_bytes: 64 * 1024,
        header_timeout: Duration::from_secs(30),
        handshake_timeout: Duration::from_secs(10),
    };

    /// For the listener of operators and their probes.
    pub const MANAGEMENT: Self = Self {
        connections: 100,
        headers: 100,
        header_bytes: 16 * 1024,
        header_timeout: Duration::from_secs(10),
        handshake_timeout: Duration::from_secs(10),
    };
}

/// Who is at the other end of a connection, and how it came.
#[derive(Clone, Debug)]
pub struct Peer {
    /// Its address.
    pub address: IpAddr,
    /// Whether the connection is one of TLS.
    pub secure: bool,
    /// What it proved to be in the handshake.
    pub certificate: Option<ClientCertificate>,
}

/// What answers requests.
pub trait Answer: Clone + Send + Sync + 'static {
    /// The answer to one request from `peer`. It does not fail: failures are answers, too.
    fn answer(
        &self,
        peer: &Peer,
        request: Request<Incoming>,
    ) -> impl Future<Output = Response<Body>> + Send;

    /// A connection was accepted, until the returned value is dropped.
    fn connected(&self) -> impl Send + 'static {}
}

/// Bound sockets that do not listen yet to what comes.
#[derive(Debug)]
pub struct Listener {
    sockets: Vec<TcpListener>,
    tls: Option<Acceptor>,
    url: String,
}

impl Listener {
    /// Binds every address of `host`. Port 0 takes a free one. Without `tls` it is plain HTTP.
    pub async fn bind(host: &str, port: u16, tls: Option<Acceptor>) -> anyhow::Result<Self> {
        let failed = || format!("cannot listen on {host}, port {port}");
        let name = host.trim_matches(['[', ']']);
        let found = tokio::net::lookup_host((name, port))
            .await
            .with_context(failed)?;
        let mut addresses: Vec<SocketAddr> = found.collect();
        // Older clients try 127.0.0.1 for `localhost`: it is the address that must work.
        addresses.sort_by_key(SocketAddr::is_ipv6);
        addresses.dedup();
        let mut addresses = addresses.into_iter();
        let first = addresses.next().with_context(failed)?;
        let first = TcpListener::bind(first).await.with_context(failed)?;
        let address = first.local_addr().with_context(failed)?;
        let mut sockets = vec![first];
        for mut other in addresses {
            other.set_port(address.port());
            match TcpListener::bind(other).await {
                Ok(socket) => sockets.push(socket),
                Err(error) => tracing::debug!("not listening on {other}: {error}"),
            }
        }
        let shown = if name.contains(':') {
            format!("[{name}]")
        } else {
            name.to_owned()
        };
        let scheme = if tls.is_some() { "https" } else { "http" };
        let url = format!("{scheme}://{shown}:{}", address.port());
        Ok(Self { sockets, tls, url })
    }

    /// The first address that is bound.
    #[cfg(test)]
    pub fn address(&self) -> SocketAddr {
        self.sockets[0].local_addr().unwrap()
    }

    /// Where it is reached: `http://localhost:8080`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Answers requests until `stop` turns true; then lets the running ones end, for at most
    /// `patience`. Returns how many connections were cut off.
    pub async fn serve<A: Answer>(
        self,
        answer: A,
        limits: Limits,
        stop: watch::Receiver<bool>,
        patience: Duration,
    ) -> usize {
        let places = Arc::new(Semaphore::new(limits.connections));
        let graceful = Arc::new(GracefulShutdown::new());
        let mut loops = JoinSet::new();
        let shared = Arc::new(Shared {
            answer,
            limits,
            tls: self.tls,
        });
        for socket in self.sockets {
            loops.spawn(accept(
                socket,
                Arc::clone(&shared),
                Arc::clone(&places),
                Arc::clone(&graceful),
                stop.clone(),
            ));
        }
        // Each loop ends, and drops its socket, when told to stop.
        while loops.join_next().await.is_some() {}
        let Ok(graceful) = Arc::try_unwrap(graceful) else {
            return 0;
        };
        match tokio::time::timeout(patience, graceful.shutdown()).await {
            Ok(()) => 0,
            Err(_) => limits
                .connections
                .saturating_sub(places.available_permits()),
        }
    }
}

/// What all connections of a listener have in common.
struct Shared<A> {
    answer: A,
    limits: Limits,
    tls: Option<Acceptor>,
}

async fn accept<A: Answer>(
    socket: TcpListener,
    shared: Arc<Shared<A>>,
    places: Arc<Semaphore>,
    graceful: Arc<GracefulShutdown>,
    mut stop: watch::Receiver<bool>,
) {
    loop {
        let next = next_connection(&socket, &places);
        let (accepted, place) = tokio::select! {
            biased;
            _ = stop.wait_for(|stop| *stop) => return,
            next = next => match next {
                Some(next) => next,
                None => return,
            },
        };
        match accepted {
            Ok((stream, peer)) => {
                let (shared, watcher) = (Arc::clone(&shared), graceful.watcher());
                let stop = stop.clone();
                tokio::spawn(async move {
                    let mark = shared.answer.connected();
                    connection(stream, peer.ip(), &shared, watcher, stop).await;
                    drop((mark, place));
                });
            }
            Err(error) if is_of_peer(&error) => {}
            Err(error) => {
                tracing::warn!("cannot accept connections: {error}");
                tokio::time::sleep(REST).await;
            }
        }
    }
}

/// The next connection, once there is a place for it.
async fn next_connection(
    socket: &TcpListener,
    places: &Arc<Semaphore>,
) -> Option<(io::Result<(TcpStream, SocketAddr)>, OwnedSemaphorePermit)> {
    let place = Arc::clone(places).acquire_owned().await.ok()?;
    Some((socket.accept().await, place))
}

/// The peer went away between the system's accepting and ours.
fn is_of_peer(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset
    )
}

/// Answers go out at once; a peer that does not take them is given up.
fn prepare(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    #[cfg(target_os = "linux")]
    socket2::SockRef::from(stream).set_tcp_user_timeout(Some(UNREAD))?;
    Ok(())
}

/// Serves a connection to its end.
async fn connection<A: Answer>(
    stream: TcpStream,
    address: IpAddr,
    shared: &Shared<A>,
    watcher: Watcher,
    mut stop: watch::Receiver<bool>,
) {
    if let Err(error) = prepare(&stream) {
        tracing::debug!("connection from {address}: {error}");
    }
    let mut peer = Peer {
        address,
        secure: false,
        certificate: None,
    };
    let Some(tls) = &shared.tls else {
        return exchange(stream, peer, shared, watcher).await;
    };
    let patience = shared.limits.handshake_timeout;
    let shaken = tokio::select! {
        biased;
        // Nothing was asked yet: nothing is lost.
        _ = stop.wait_for(|stop| *stop) => return,
        shaken = tokio::time::timeout(patience, tls.handshake(stream)) => shaken,
    };
    let stream = match shaken {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => return tracing::debug!("no handshake with {address}: {error}"),
        Err(_) => return tracing::debug!("no handshake with {address} in {patience:?}"),
    };
    peer.secure = true;
    let (_, session) = stream.get_ref();
    // Shown and believed; without a verifier none is asked for.
    peer.certificate = session
        .peer_certificates()
        .and_then(<[_]>::first)
        .map(|certificate| ClientCertificate::new(certificate));
    exchange(stream, peer, shared, watcher).await;
}

/// Answers all requests that come on a connection.
async fn exchange<A: Answer, S>(stream: S, peer: Peer, shared: &Shared<A>, watcher: Watcher)
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let address = peer.address;
    let answer = shared.answer.clone();
    let service = service_fn(move |request| {
        let (answer, peer) = (answer.clone(), peer.clone());
        async move { Ok::<_, Infallible>(answer.answer(&peer, request).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(shared.limits.header_timeout)
        .max_headers(shared.limits.headers)
        .max_buf_size(shared.limits.header_bytes)
        .serve_connection(TokioIo::new(stream), service);
    if let Err(error) = watcher.watch(connection).await {
        tracing::debug!("connection from {address}: {error}");
    }
}

#[cfg(test)]
mod tests;
