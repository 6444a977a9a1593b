//! What the engine wants to know of the request at hand, whatever the protocol.

use std::net::IpAddr;
use std::sync::Arc;

use claviger_wire::realm::SslRequired;

/// Where a request came in and from whom. The server puts it beside every request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestContext {
    /// Scheme, host, port and base path as the caller sees them, without a slash at the end:
    /// `https://id.example/auth`.
    pub base_url: String,
    /// The base path alone: `""` or `"/auth"`.
    pub base_path: String,
    /// The same server's address without any base path: `https://id.example`.
    pub origin: String,
    /// All base paths that are served, this one included: tokens of each are accepted at each.
    pub base_paths: Arc<[String]>,
    /// Address of the caller, after trusted proxies.
    pub ip_address: String,
    /// Whether the caller used TLS, as far as the server can tell.
    pub secure: bool,
    /// Whether refusals point to the pages of help that this server shows.
    pub help_links: bool,
    /// The base address for what clients call without a browser, where it is another one.
    pub backchannel_url: Option<String>,
    /// The base address of the administration console, where it is another one.
    pub admin_url: Option<String>,
}

impl RequestContext {
    /// The issuer of a realm at the base path of this request.
    pub fn issuer(&self, realm: &str) -> String {
        format!("{}/realms/{realm}", self.base_url)
    }

    /// The base address of endpoints that clients call without a browser. Where it follows the
    /// request, whoever sends one chooses it: it is for telling, not for believing.
    pub fn backchannel(&self) -> &str {
        self.backchannel_url.as_deref().unwrap_or(&self.base_url)
    }

    /// The base address of the administration console.
    pub fn admin(&self) -> &str {
        self.admin_url.as_deref().unwrap_or(&self.base_url)
    }

    /// The issuer of a realm at the base path on which a session began. A path that is no longer
    /// served gives way to the request's own.
    pub fn issuer_at(&self, base_path: &str, realm: &str) -> String {
        if self.base_paths.iter().any(|path| path == base_path) {
            format!("{}{base_path}/realms/{realm}", self.origin)
        } else {
            self.issuer(realm)
        }
    }

    /// The address of a page of help, if this server shows them.
    pub fn help(&self, slug: &str) -> Option<String> {
        self.help_links
            .then(|| format!("{}/help/errors/{slug}", self.base_url))
    }

    /// Whether the caller has to use TLS, and did not.
    pub fn lacks_tls(&self, setting: SslRequired) -> bool {
        !self.secure && is_required(setting, self.ip_address.parse().ok())
    }

    /// Whether `issuer` is this realm's, at any base path that is served.
    pub fn is_issuer(&self, issuer: &str, realm: &str) -> bool {
        self.base_paths
            .iter()
            .any(|path| self.issuer_at(path, realm) == issuer)
    }
}

/// Whether a caller from an address has to use TLS.
fn is_required(setting: SslRequired, address: Option<IpAddr>) -> bool {
    match setting {
        SslRequired::None => false,
        SslRequired::All => true,
        SslRequired::External => !address.is_some_and(is_local),
    }
}

/// Loopback, link-local and private ranges (RFC 1918, RFC 4193).
pub(crate) fn is_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_loopback() || v4.is_private() || v4.is_link_local(),
        IpAddr::V6(v6) => match v6.to_ipv4_mapped() {
            Some(v4) => is_local(IpAddr::V4(v4)),
            None => v6.is_loopback() || v6.is_unique_local() || v6.is_unicast_link_local(),
        },
    }
}

/// The certificate that the caller proved to own in the TLS handshake, in DER (X.509): verified
/// against the operator's trust store. The server puts it beside requests that came with one.
///
/// Behind a proxy that ends TLS and opens its own it is the proxy's, not the caller's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientCertificate(Arc<[u8]>);

impl ClientCertificate {
    /// A certificate that was verified.
    pub fn new(der: &[u8]) -> Self {
        Self(der.into())
    }

    /// Its DER encoding.
    pub fn der(&self) -> &[u8] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn context() -> RequestContext {
        RequestContext {
            base_url: "http://id.example/auth".into(),
            base_path: "/auth".into(),
            origin: "http://id.example".into(),
            base_paths: [String::new(), "/auth".into()].into(),
            ip_address: "127.0.0.1".into(),
            secure: false,
            help_links: true,
            backchannel_url: None,
            admin_url: None,
        }
    }

    #[test]
    fn both_issuers_of_a_realm_are_accepted() {
        let context = context();
        assert!(context.is_issuer("http://id.example/realms/shop", "shop"));
        assert!(context.is_issuer("http://id.example/auth/realms/shop", "shop"));
        assert!(!context.is_issuer("http://id.example/auth/realms/other", "shop"));
        assert!(!context.is_issuer("http://evil.example/realms/shop", "shop"));
    }

    #[test]
    fn a_session_keeps_the_issuer_of_its_base_path() {
        assert_eq!(
            context().issuer_at("", "shop"),
            "http://id.example/realms/shop"
        );
        assert_eq!(
            context().issuer_at("/gone", "shop"),
            "http://id.example/auth/realms/shop"
        );
    }

    #[test]
    fn external_means_neither_loopback_nor_private() {
        let cases = [
            ("127.0.0.1", false),
            ("10.1.2.3", false),
            ("192.168.0.9", false),
            ("::1", false),
            ("fd00::1", false),
            ("::ffff:10.0.0.1", false),
            ("203.0.113.7", true),
            ("2001:db8::1", true),
            ("unknown", true),
        ];
        for (address, required) in cases {
            let caller = RequestContext {
                ip_address: address.to_owned(),
                ..context()
            };
            assert_eq!(
                caller.lacks_tls(SslRequired::External),
                required,
                "{address}"
            );
            assert!(caller.lacks_tls(SslRequired::All), "{address}");
            assert!(!caller.lacks_tls(SslRequired::None), "{address}");
        }
    }
}
