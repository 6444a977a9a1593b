//! The log on its way to a syslog server: RFC 5424 or the older RFC 3164, over UDP (RFC 5426), TCP
//! (RFC 6587) or TLS (RFC 5425).
//!
//! A thread of its own writes; when the server cannot be reached, lines wait in a queue, and those
//! that find no room are counted and told once it is back.

use std::io::{self, Write};
use std::net::{TcpStream, ToSocketAddrs, UdpSocket};
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::fmt::strtime;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};
use tracing::Level;

use super::sink::{Out, Record};

/// How long connecting and writing may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long after a failure the next attempt is made.
const REST: Duration = Duration::from_secs(1);
/// The longest name of an application, and of a kind of message (RFC 5424 §6.2.5, §6.2.7).
const LONGEST_APP: usize = 48;
const LONGEST_KIND: usize = 32;
/// The facility of what users' programs say (RFC 5424 §6.2.1), as a multiple of eight.
const USER: u8 = 8;

/// Where to, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// Name or address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// What is below.
    pub protocol: Protocol,
    /// How a message looks.
    pub kind: Kind,
    /// Whether the length of a message stands before it (RFC 6587 §3.4.1).
    pub counted: bool,
    /// Who we are.
    pub app: String,
    /// The longest message, in bytes.
    pub longest: usize,
}

/// What carries messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// TLS over TCP, with the authorities that the system trusts.
    Tls,
}

/// How a message looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// RFC 5424.
    Rfc5424,
    /// RFC 3164.
    Rfc3164,
}

/// A connection that is made when it is needed.
pub struct Syslog {
    server: Server,
    host: String,
    pid: u32,
    tls: Option<Arc<ClientConfig>>,
    open: Option<Connection>,
    failed: Option<Instant>,
    lost: u64,
}

enum Connection {
    Udp(UdpSocket),
    Tcp(TcpStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

impl Syslog {
    /// Not connected yet. Fails if TLS is asked for and cannot be had.
    pub fn new(server: Server, host: &str) -> anyhow::Result<Self> {
        let tls = match server.protocol {
            Protocol::Tls => Some(Arc::new(client_config()?)),
            Protocol::Tcp | Protocol::Udp => None,
        };
        Ok(Self {
            server,
            host: host.to_owned(),
            pid: std::process::id(),
            tls,
            open: None,
            failed: None,
            lost: 0,
        })
    }

    fn try_put(&mut self, record: &Record) -> io::Result<()> {
        let connection = match &mut self.open {
            Some(connection) => connection,
            none => none.insert(connect(&self.server, self.tls.as_ref())?),
        };
        if self.lost > 0 {
            let told = Record {
                text: format!(
                    "{} lines of the log were lost on their way here\n",
                    self.lost
                ),
                at: record.at.clone(),
                level: Level::WARN,
                category: "claviger".to_owned(),
            };
            connection.send(&self.server.frame(&told, &self.host, self.pid))?;
            self.lost = 0;
        }
        connection.send(&self.server.frame(record, &self.host, self.pid))
    }
}

impl Out for Syslog {
    #[expect(
        clippy::disallowed_methods,
        reason = "rests between attempts, whatever the clock says"
    )]
    fn put(&mut self, record: &Record) {
        if self.failed.is_some_and(|at| at.elapsed() < REST) {
            self.lost = self.lost.saturating_add(1);
            return;
        }
        let mut result = self.try_put(record);
        if result.is_err() && self.open.take().is_some() {
            // The server may have closed a connection that it had no use for.
            result = self.try_put(record);
        }
        match result {
            Ok(()) => self.failed = None,
            Err(error) => {
                if self.failed.is_none() && self.lost == 0 {
                    let Server { host, port, .. } = &self.server;
                    eprintln!("ERROR: the syslog server {host}:{port} cannot be reached: {error}");
                }
                self.open = None;
                self.failed = Some(Instant::now());
                self.lost = self.lost.saturating_add(1);
            }
        }
    }

    fn lost(&mut self, lines: u64) {
        self.lost = self.lost.saturating_add(lines);
    }
}

fn client_config() -> anyhow::Result<ClientConfig> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    anyhow::ensure!(!roots.is_empty(), "the system trusts no authority");
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(config)
}

fn connect(server: &Server, tls: Option<&Arc<ClientConfig>>) -> io::Result<Connection> {
    let mut addresses = (server.host.as_str(), server.port).to_socket_addrs()?;
    let address = addresses
        .next()
        .ok_or_else(|| io::Error::other("the name has no address"))?;
    if server.protocol == Protocol::Udp {
        let own = if address.is_ipv4() {
            "0.0.0.0:0"
        } else {
            "[::]:0"
        };
        let socket = UdpSocket::bind(own)?;
        socket.connect(address)?;
        return Ok(Connection::Udp(socket));
    }
    let stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let Some(tls) = tls else {
        return Ok(Connection::Tcp(stream));
    };
    let name = ServerName::try_from(server.host.clone()).map_err(io::Error::other)?;
    let session = ClientConnection::new(Arc::clone(tls), name).map_err(io::Error::other)?;
    Ok(Connection::Tls(Box::new(StreamOwned::new(session, stream))))
}

impl Connection {
    fn send(&mut self, message: &[u8]) -> io::Result<()> {
        match self {
            Self::Udp(socket) => socket.send(message).map(|_| ()),
            Self::Tcp(stream) => stream.write_all(message),
            Self::Tls(stream) => stream.write_all(message).and_then(|()| stream.flush()),
        }
    }
}

impl Server {
    /// A message as it goes out.
    fn frame(&self, record: &Record, host: &str, pid: u32) -> Vec<u8> {
        let priority = USER + severity(record.level);
        let app = plain(&self.app, LONGEST_APP);
        let mut text = match self.kind {
            Kind::Rfc5424 => {
                let at = strtime::format("%Y-%m-%dT%H:%M:%S", &record.at).unwrap_or_default();
                let millis = record.at.millisecond();
                let zone = strtime::format("%:z", &record.at).unwrap_or_default();
                let kind = plain(&record.category, LONGEST_KIND);
                // A byte order mark says that the text is UTF-8 (§6.4).
                format!("<{priority}>1 {at}.{millis:03}{zone} {host} {app} {pid} {kind} - \u{feff}")
            }
            Kind::Rfc3164 => {
                let at = strtime::format("%b %e %H:%M:%S", &record.at).unwrap_or_default();
                format!("<{priority}>{at} {host} {app}[{pid}]: ")
            }
        };
        text.push_str(&record.text);
        if text.len() > self.longest {
            text.truncate(text.floor_char_boundary(self.longest.saturating_sub(1)));
            text.push('\n');
        }
        if self.counted {
            text.insert_str(0, &format!("{} ", text.len()));
        } else if self.protocol != Protocol::Udp && !text.ends_with('\n') {
            text.push('\n');
        }
        text.into_bytes()
    }
}

const fn severity(level: Level) -> u8 {
    match level {
        Level::ERROR => 3,
        Level::WARN => 4,
        Level::INFO => 6,
        Level::DEBUG | Level::TRACE => 7,
    }
}

/// Printable ASCII without blanks, which is all that a header may hold.
fn plain(text: &str, longest: usize) -> String {
    let kept: String = text
        .chars()
        .filter(char::is_ascii_graphic)
        .take(longest)
        .collect();
    if kept.is_empty() {
        "-".to_owned()
    } else {
        kept
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::net::TcpListener;

    use jiff::Timestamp;
    use jiff::tz::TimeZone;

    use super::*;

    fn server(protocol: Protocol, kind: Kind, port: u16) -> Server {
        Server {
            host: "127.0.0.1".to_owned(),
            port,
            protocol,
            kind,
            counted: protocol != Protocol::Udp,
            app: "keycloak".to_owned(),
            longest: 2048,
        }
    }

    fn record(text: &str) -> Record {
        let at: Timestamp = "2026-11-03T06:29:24.548Z".parse().unwrap();
        Record {
            text: text.to_owned(),
            at: at.to_zoned(TimeZone::UTC),
            level: Level::WARN,
            category: "org.keycloak.events".to_owned(),
        }
    }

    fn framed(server: &Server, text: &str) -> String {
        String::from_utf8(server.frame(&record(text), "vm", 42)).unwrap()
    }

    #[test]
    fn messages_have_the_form_of_their_standard() {
        let message = "<12>1 2026-11-03T06:29:24.548+00:00 vm keycloak 42 org.keycloak.events - \
                       \u{feff}hi\n";
        let tcp = server(Protocol::Tcp, Kind::Rfc5424, 0);
        assert_eq!(framed(&tcp, "hi\n"), format!("{} {message}", message.len()));
        let mut lines = tcp.clone();
        lines.counted = false;
        assert_eq!(framed(&lines, "hi"), message);
        let udp = server(Protocol::Udp, Kind::Rfc3164, 0);
        assert_eq!(
            framed(&udp, "hi"),
            "<12>Nov  3 06:29:24 vm keycloak[42]: hi"
        );
    }

    #[test]
    fn long_messages_are_cut() {
        let mut udp = server(Protocol::Udp, Kind::Rfc3164, 0);
        udp.longest = 60;
        let text = framed(&udp, &"é".repeat(100));
        assert!(text.len() <= 60 && text.ends_with("é\n"), "{text}");
    }

    #[test]
    fn names_cannot_forge_a_header() {
        let mut udp = server(Protocol::Udp, Kind::Rfc3164, 0);
        udp.app = "a b\n<0>é".to_owned();
        assert!(framed(&udp, "hi").contains(" ab<0>[42]: hi"));
        assert_eq!(plain("é", 9), "-");
    }

    #[test]
    fn lines_that_were_lost_are_told_when_the_server_is_back() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let mut syslog = Syslog::new(server(Protocol::Tcp, Kind::Rfc5424, port), "vm").unwrap();
        syslog.put(&record("lost\n"));
        syslog.lost(2);
        let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
        syslog.failed = None;
        syslog.put(&record("back\n"));
        drop(syslog);
        let mut text = String::new();
        listener
            .accept()
            .unwrap()
            .0
            .read_to_string(&mut text)
            .unwrap();
        let (told, back) = text.split_once("lost on their way here\n").unwrap();
        assert!(told.ends_with("\u{feff}3 lines of the log were "), "{told}");
        assert!(back.ends_with("back\n"), "{back}");
    }

    #[test]
    fn datagrams_are_sent() {
        let receiver = UdpSocket::bind("127.0.0.1:0").unwrap();
        receiver.set_read_timeout(Some(PATIENCE)).unwrap();
        let port = receiver.local_addr().unwrap().port();
        let mut syslog = Syslog::new(server(Protocol::Udp, Kind::Rfc3164, port), "vm").unwrap();
        syslog.put(&record("hi\n"));
        let mut bytes = [0; 256];
        let count = receiver.recv(&mut bytes).unwrap();
        assert!(bytes[..count].ends_with(b": hi\n"));
    }
}
