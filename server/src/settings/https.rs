//! Keys, certificates and the rules of TLS, for both listeners.
//!
//! Each option of the listener of operators (`https-management-…`) falls back to that of the
//! listener for everybody (`https-…`).

use std::path::{Path, PathBuf};
use std::time::Duration;

use claviger_model::Secret;
use rustls::crypto::aws_lc_rs::ALL_CIPHER_SUITES;
use rustls::{CipherSuite, SupportedCipherSuite};

use super::value::{Values, duration_up_to};
use super::{Notices, UsageError};

/// Where Keycloak looks for a key store that nobody named, below the home directory.
const KEY_STORE: &str = "conf/server.keystore";
/// The shortest and the longest time between two looks at the files.
const RELOAD: std::ops::RangeInclusive<Duration> =
    Duration::from_secs(1)..=Duration::from_hours(24 * 366);

/// How TLS is spoken on one listener.
#[derive(Clone, Debug, PartialEq)]
pub struct Tls {
    /// Where the server's key and certificates are.
    pub keys: Keys,
    /// Versions that are spoken; at least one.
    pub protocols: Vec<Protocol>,
    /// Cipher suites that are spoken; none: all that rustls has.
    pub cipher_suites: Option<Vec<SupportedCipherSuite>>,
    /// Whether callers show a certificate.
    pub client_auth: ClientAuth,
    /// Whose certificates are believed; none: those of the system's authorities.
    pub trust: Option<StoreFile>,
    /// How often the files are looked at for a change; none: never.
    pub reload: Option<Duration>,
}

/// Where the server's key and certificates are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Keys {
    /// Two PEM files; they may be one and the same.
    Pem {
        /// The certificate, followed by those of its authorities.
        certificates: PathBuf,
        /// The private key.
        key: PathBuf,
    },
    /// A PKCS#12 file with both.
    Store(StoreFile),
}

/// A file that may be encrypted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreFile {
    /// The file.
    pub path: PathBuf,
    /// Its password; may be empty.
    pub password: Secret,
}

/// A version of TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// RFC 5246.
    Tls12,
    /// RFC 8446.
    Tls13,
}

/// Whether callers show a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientAuth {
    /// They are not asked for one.
    None,
    /// They are asked; without one they are served, with a wrong one they are not.
    Request,
    /// Without a certificate that is believed there is no connection.
    Required,
}

/// Which listener's options are read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Public,
    Management,
}

impl Tls {
    /// Of the listener for everybody; none if there is no key.
    pub(super) fn public(
        values: &Values<'_>,
        home: &Path,
        notices: &mut Notices,
    ) -> Result<Option<Self>, UsageError> {
        Given::new(values, Side::Public).tls(home, notices)
    }

    /// Of the listener of operators; none if it speaks plain HTTP.
    pub(super) fn management(
        values: &Values<'_>,
        home: &Path,
        notices: &mut Notices,
    ) -> Result<Option<Self>, UsageError> {
        if values.text("http-management-scheme") == Some("http") {
            return Ok(None);
        }
        Given::new(values, Side::Management).tls(home, notices)
    }
}

/// The options of one listener.
struct Given<'a> {
    values: &'a Values<'a>,
    side: Side,
    /// Key and certificates are named for this listener alone: nothing is mixed in from the other.
    own_keys: bool,
}

impl<'a> Given<'a> {
    fn new(values: &'a Values<'a>, side: Side) -> Self {
        let own = ["certificate-file", "certificate-key-file", "key-store-file"];
        let given = |part: &str| values.text(&format!("https-management-{part}")).is_some();
        let own_keys = side == Side::Management && own.into_iter().any(given);
        Self {
            values,
            side,
            own_keys,
        }
    }

    /// The name of the option that decides: this listener's, if somebody gave it.
    fn name(&self, part: &str) -> String {
        let own = format!("https-management-{part}");
        let given = self.values.is_given(&own) && self.values.text(&own).is_some();
        if self.side == Side::Management && given {
            own
        } else {
            format!("https-{part}")
        }
    }

    /// The name of an option about keys.
    fn key_name(&self, part: &str) -> String {
        if self.own_keys {
            format!("https-management-{part}")
        } else {
            format!("https-{part}")
        }
    }

    fn tls(&self, home: &Path, notices: &mut Notices) -> Result<Option<Tls>, UsageError> {
        let Some(keys) = self.keys(home, notices)? else {
            return Ok(None);
        };
        let client_auth = self.client_auth();
        let trust = self.trust()?;
        if client_auth != ClientAuth::None && trust.is_none() && self.side == Side::Public {
            notices.warn(
                "https-client-auth is set without https-trust-store-file: certificates of every \
                 authority that the system trusts are accepted"
                    .to_owned(),
            );
        }
        Ok(Some(Tls {
            keys,
            protocols: self.protocols(),
            cipher_suites: self.cipher_suites()?,
            client_auth,
            trust,
            reload: self.reload()?,
        }))
    }

    fn keys(&self, home: &Path, notices: &mut Notices) -> Result<Option<Keys>, UsageError> {
        let named = |part: &str| self.values.text(&self.key_name(part)).map(PathBuf::from);
        let store = named("key-store-file").or_else(|| {
            let usual = home.join(KEY_STORE);
            (!self.own_keys && usual.is_file()).then_some(usual)
        });
        match (named("certificate-file"), named("certificate-key-file")) {
            (Some(certificates), Some(key)) => Ok(Some(Keys::Pem { certificates, key })),
            (Some(_), None) => Err(UsageError(format!(
                "You must specify the key files when specifying the certificate files: {} is not \
                 set",
                self.key_name("certificate-key-file")
            ))),
            (None, key) => {
                if key.is_some() {
                    let (key, file) = ("certificate-key-file", "certificate-file");
                    let (key, file) = (self.key_name(key), self.key_name(file));
                    notices.warn(format!("option {key} has no effect without {file}"));
                }
                store.map(|path| self.key_store(path)).transpose()
            }
        }
    }

    fn key_store(&self, path: PathBuf) -> Result<Keys, UsageError> {
        self.check_type("key-store-type", &["PKCS12", "JKS"])?;
        let password = self.password("key-store-password");
        Ok(Keys::Store(StoreFile { path, password }))
    }

    fn trust(&self) -> Result<Option<StoreFile>, UsageError> {
        let Some(path) = self.values.text(&self.name("trust-store-file")) else {
            return Ok(None);
        };
        self.check_type("trust-store-type", &["PKCS12", "JKS", "PEM"])?;
        Ok(Some(StoreFile {
            path: path.into(),
            password: self.password("trust-store-password"),
        }))
    }

    fn password(&self, part: &str) -> Secret {
        Secret::new(self.values.text(&self.name(part)).unwrap_or_default())
    }

    /// What a file is, its first bytes tell: Java, too, reads PKCS#12 where somebody says JKS. Types
    /// that nothing here could read are refused before the file is.
    fn check_type(&self, part: &str, types: &[&str]) -> Result<(), UsageError> {
        let name = self.name(part);
        let Some(text) = self.values.text(&name) else {
            return Ok(());
        };
        if types.iter().any(|known| known.eq_ignore_ascii_case(text)) {
            return Ok(());
        }
        Err(UsageError(format!(
            "Invalid value for option '--{name}': {text}. Expected values are: {}",
            types.join(", ")
        )))
    }

    fn client_auth(&self) -> ClientAuth {
        match self.values.text(&self.name("client-auth")) {
            Some("required") => ClientAuth::Required,
            Some("request") => ClientAuth::Request,
            Some(_) | None => ClientAuth::None,
        }
    }

    fn protocols(&self) -> Vec<Protocol> {
        let asked: Vec<&str> = self.values.list(&self.name("protocols")).collect();
        let known = [("TLSv1.3", Protocol::Tls13), ("TLSv1.2", Protocol::Tls12)];
        let chosen = known
            .iter()
            .filter(|(name, _)| asked.is_empty() || asked.contains(name));
        chosen.map(|(_, protocol)| *protocol).collect()
    }

    fn cipher_suites(&self) -> Result<Option<Vec<SupportedCipherSuite>>, UsageError> {
        let name = self.name("cipher-suites");
        let mut suites = Vec::new();
        for asked in self.values.list(&name) {
            let found = ALL_CIPHER_SUITES
                .iter()
                .find(|suite| iana_name(suite.suite()).as_deref() == Some(asked));
            let Some(found) = found else {
                let all: Vec<String> = ALL_CIPHER_SUITES
                    .iter()
                    .filter_map(|suite| iana_name(suite.suite()))
                    .collect();
                return Err(UsageError(format!(
                    "Invalid value for option '--{name}': {asked}. Expected values are: {}",
                    all.join(", ")
                )));
            };
            suites.push(*found);
        }
        if suites.is_empty() {
            return Ok(None);
        }
        let speakable = |suite: &SupportedCipherSuite| {
            let version = match suite {
                SupportedCipherSuite::Tls12(_) => Protocol::Tls12,
                SupportedCipherSuite::Tls13(_) => Protocol::Tls13,
            };
            self.protocols().contains(&version)
        };
        if !suites.iter().any(speakable) {
            let protocols = self.name("protocols");
            return Err(UsageError(format!(
                "option {name} has no cipher suite for the versions of {protocols}"
            )));
        }
        Ok(Some(suites))
    }

    fn reload(&self) -> Result<Option<Duration>, UsageError> {
        let name = self.name("certificates-reload-period");
        let text = self.values.text(&name).unwrap_or("-1");
        // Keycloak's word for never.
        if text == "-1" {
            return Ok(None);
        }
        let period = duration_up_to(text, *RELOAD.end()).ok_or_else(|| {
            UsageError(format!(
                "Invalid duration format '{text}' of option '--{name}'. May be an ISO 8601 \
                 duration value, an integer number of seconds, or an integer followed by one of \
                 [ms, h, m, s, d]; -1 turns reloading off."
            ))
        })?;
        if period < *RELOAD.start() {
            return Err(UsageError(format!("option {name}: at least one second")));
        }
        Ok(Some(period))
    }
}

/// Why key stores of another type than PKCS#12 are not read.
pub(super) fn only_java(path: &Path, option: &str) -> UsageError {
    UsageError(format!(
        "option {option}: only PKCS12 is read here, other types only by Java; convert the file: \
         keytool -importkeystore -srckeystore {path} -destkeystore {path}.p12 -deststoretype PKCS12",
        path = path.display()
    ))
}

/// The name of a cipher suite in the registry of IANA, which Java uses, too. rustls puts the version
/// before those of TLS 1.3.
fn iana_name(suite: CipherSuite) -> Option<String> {
    let name = suite.as_str()?;
    Some(match name.strip_prefix("TLS13_") {
        Some(rest) => format!("TLS_{rest}"),
        None => name.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cipher_suites_have_the_registered_names() {
        let names: Vec<Option<String>> = ALL_CIPHER_SUITES
            .iter()
            .map(|suite| iana_name(suite.suite()))
            .collect();
        for name in [
            "TLS_AES_256_GCM_SHA384",
            "TLS_AES_128_GCM_SHA256",
            "TLS_CHACHA20_POLY1305_SHA256",
            "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
            "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
        ] {
            assert!(names.contains(&Some(name.to_owned())), "{name}: {names:?}");
        }
    }
}
