//! TLS: who we are, whom we believe, and the handshake.
//!
//! Keys and certificates are files, looked at again from time to time: who renews them need not
//! restart anything. A new file that cannot be used leaves the old ones in place.

mod client;
mod material;

use std::fmt;
use std::io;
use std::sync::{Arc, PoisonError, RwLock};

use anyhow::Context as _;
use rustls::server::NoServerSessionStorage;
use rustls::{ServerConfig, SupportedProtocolVersion};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::settings::https::{ClientAuth, Protocol, Tls};
use material::Files;

/// Category of what is said about keys and certificates.
const CATEGORY: &str = "claviger.tls";

/// Shakes hands for a listener, with the newest usable keys. Cloning is cheap.
#[derive(Clone)]
pub struct Acceptor(Arc<Shared>);

struct Shared {
    settings: Tls,
    current: RwLock<Current>,
}

struct Current {
    config: Arc<ServerConfig>,
    /// What the files were when they were read.
    print: Vec<u8>,
}

impl fmt::Debug for Acceptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Acceptor").field(&self.0.settings).finish()
    }
}

impl Acceptor {
    /// Reads keys and certificates.
    pub fn load(settings: &Tls) -> anyhow::Result<Self> {
        let current = read(settings, None)
            .and_then(|current| current.context("there is nothing to read"))
            .context("Failed to load 'https-*' material")?;
        Ok(Self(Arc::new(Shared {
            settings: settings.clone(),
            current: RwLock::new(current),
        })))
    }

    /// One handshake. The caller sets the time limit.
    pub async fn handshake(&self, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        TlsAcceptor::from(self.config()).accept(stream).await
    }

    fn config(&self) -> Arc<ServerConfig> {
        let current = self.0.current.read();
        Arc::clone(&current.unwrap_or_else(PoisonError::into_inner).config)
    }

    /// Takes changed files over, until the server stops.
    pub async fn follow(self, mut stop: watch::Receiver<bool>) {
        let Some(every) = self.0.settings.reload else {
            return;
        };
        let mut told = None;
        loop {
            tokio::select! {
                biased;
                _ = stop.wait_for(|stop| *stop) => return,
                () = tokio::time::sleep(every) => {}
            }
            // Files may be slow to read, and PKCS#12 is slow to decrypt on purpose.
            let this = self.clone();
            match tokio::task::spawn_blocking(move || this.reload()).await {
                Ok(Ok(changed)) => {
                    told = None;
                    if changed {
                        tracing::info!(target: CATEGORY, "new HTTPS key material is in use");
                    }
                }
                Ok(Err(error)) => {
                    let text = format!("{error:#}");
                    // Told once for each reason, not at every look.
                    if told.as_ref() != Some(&text) {
                        tracing::error!(
                            target: CATEGORY,
                            "changed HTTPS key material cannot be used, the old one stays: {text}"
                        );
                        told = Some(text);
                    }
                }
                Err(error) => tracing::error!(target: CATEGORY, "reloading failed: {error}"),
            }
        }
    }

    /// Looks at the files once. Returns whether there was something new.
    fn reload(&self) -> anyhow::Result<bool> {
        let known = {
            let current = self
                .0
                .current
                .read()
                .unwrap_or_else(PoisonError::into_inner);
            current.print.clone()
        };
        let Some(new) = read(&self.0.settings, Some(&known))? else {
            return Ok(false);
        };
        *self
            .0
            .current
            .write()
            .unwrap_or_else(PoisonError::into_inner) = new;
        Ok(true)
    }
}

/// Reads the files; none if they are still what they were.
fn read(settings: &Tls, known: Option<&[u8]>) -> anyhow::Result<Option<Current>> {
    let files = Files::read(settings)?;
    let print = files.print();
    if known == Some(print.as_slice()) {
        return Ok(None);
    }
    let config = Arc::new(config(settings, &files)?);
    Ok(Some(Current { config, print }))
}

fn config(settings: &Tls, files: &Files) -> anyhow::Result<ServerConfig> {
    let mut provider = rustls::crypto::aws_lc_rs::default_provider();
    if let Some(suites) = &settings.cipher_suites {
        provider.cipher_suites.clone_from(suites);
    }
    let provider = Arc::new(provider);
    let versions: Vec<&SupportedProtocolVersion> = settings
        .protocols
        .iter()
        .map(|protocol| match protocol {
            Protocol::Tls12 => &rustls::version::TLS12,
            Protocol::Tls13 => &rustls::version::TLS13,
        })
        .collect();
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&versions)
        .context("https-protocols and https-cipher-suites do not fit")?;
    let builder = match settings.client_auth {
        ClientAuth::None => builder.with_no_client_auth(),
        asked @ (ClientAuth::Request | ClientAuth::Required) => {
            let trusted = files.trusted(settings)?;
            builder.with_client_cert_verifier(client::verifier(asked, trusted, provider)?)
        }
    };
    let (certificates, key) = files.identity(settings)?;
    let mut config = builder
        .with_single_cert(certificates, key)
        .context("certificate and private key cannot be used together")?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    if settings.client_auth != ClientAuth::None {
        // A resumed session would go on with a certificate that is checked no more.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
    }
    Ok(config)
}

#[cfg(test)]
pub mod tests;
