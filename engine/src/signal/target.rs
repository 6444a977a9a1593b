//! Where a stream may push to: only where an administrator has said that the client listens.

use url::{Host, Url};

use crate::client::Client;
use crate::realm::Realm;
use claviger_wire::realm::SslRequired;

/// The client attribute with the addresses that may be named, as in Keycloak; `*` at the end stands
/// for any rest.
pub const VALID_PUSH_URLS: &str = "ssf.validPushUrls";
/// The longest address.
const URL_MAX: usize = 512;

/// Checks an address that a receiver names. Which hosts may be called at all is decided when they
/// are called, by the address that the name stands for then.
pub fn check(realm: &Realm, client: &Client, text: &str) -> Result<(), String> {
    let invalid = |what: &str| format!("Invalid stream configuration: {what}");
    if text.len() > URL_MAX {
        return Err(invalid("delivery endpoint URL is too long"));
    }
    let Ok(url) = Url::parse(text) else {
        return Err(invalid("delivery endpoint URL is malformed"));
    };
    if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
        return Err(invalid("delivery endpoint URL is malformed"));
    }
    if url.fragment().is_some() || !url.username().is_empty() || url.password().is_some() {
        return Err(invalid(
            "delivery endpoint URL must have no fragment and no user",
        ));
    }
    let Some(valid) = client.settings.attribute(VALID_PUSH_URLS) else {
        let why =
            "delivery method 'push' requires the receiver client to declare ssf.validPushUrls";
        return Err(why.to_owned());
    };
    // Compared as it will be called: `a.example/x/../y` is `a.example/y`.
    let normal = url.as_str();
    let patterns = valid
        .split("##")
        .flat_map(|part| part.split([',', ' ', '\n']));
    let mut patterns = patterns
        .map(str::trim)
        .filter(|pattern| !pattern.is_empty());
    if !patterns.any(|pattern| fits(pattern, normal)) {
        return Err("delivery.endpoint_url does not match ssf.validPushUrls".to_owned());
    }
    let is_plain = url.scheme() == "http";
    if is_plain && needs_tls(realm.settings.ssl_required, &url) {
        return Err("delivery.endpoint_url must use https".to_owned());
    }
    Ok(())
}

/// Whether an address is meant by a pattern: itself, or with `*` at the end, below it. A host is
/// never left open.
fn fits(pattern: &str, address: &str) -> bool {
    let Some(prefix) = pattern.strip_suffix('*') else {
        return Url::parse(pattern).is_ok_and(|exact| exact.as_str() == address);
    };
    let Ok(parsed) = Url::parse(prefix) else {
        return false;
    };
    let host_is_closed = prefix
        .split_once("://")
        .is_some_and(|(_, rest)| rest.contains('/'));
    host_is_closed && parsed.host().is_some() && address.starts_with(parsed.as_str())
}

/// What the realm asks of those who call it is asked of those whom it calls.
fn needs_tls(required: SslRequired, url: &Url) -> bool {
    match required {
        SslRequired::None => false,
        SslRequired::All => true,
        SslRequired::External => !match url.host() {
            Some(Host::Domain(name)) => name == "localhost",
            Some(Host::Ipv4(address)) => address.is_loopback() || address.is_private(),
            Some(Host::Ipv6(address)) => address.is_loopback() || address.is_unique_local(),
            None => false,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_declared_may_be_pushed_to() {
        for (pattern, address, expected) in [
            ("https://a.example/set", "https://a.example/set", true),
            ("https://a.example/set", "https://a.example/set/x", false),
            ("https://a.example/*", "https://a.example/set", true),
            (
                "https://a.example/*",
                "https://a.example.evil.example/",
                false,
            ),
            (
                "https://a.example*",
                "https://a.example.evil.example/",
                false,
            ),
            ("https://*", "https://a.example/", false),
            ("*", "https://a.example/", false),
            ("https://a.example/in/*", "https://a.example/other", false),
            ("http://a.example/*", "https://a.example/", false),
        ] {
            let normal = Url::parse(address).unwrap();
            assert_eq!(
                fits(pattern, normal.as_str()),
                expected,
                "{pattern} {address}"
            );
        }
        let up = Url::parse("https://a.example/in/../other").unwrap();
        assert!(!fits("https://a.example/in/*", up.as_str()));
    }

    #[test]
    fn plain_http_is_for_the_neighbourhood() {
        for (address, external) in [
            ("http://localhost:1/", false),
            ("http://127.0.0.1/", false),
            ("http://10.1.2.3/", false),
            ("http://[::1]/", false),
            ("http://a.example/", true),
            ("http://93.184.216.34/", true),
        ] {
            let url = Url::parse(address).unwrap();
            assert_eq!(
                needs_tls(SslRequired::External, &url),
                external,
                "{address}"
            );
            assert!(needs_tls(SslRequired::All, &url) && !needs_tls(SslRequired::None, &url));
        }
    }
}
