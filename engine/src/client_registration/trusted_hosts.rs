//! The policy about hosts: who may call, and where a client's addresses may lie.
//!
//! A name that begins with `*.` stands for a domain and all below it. Names are compared whole, or
//! behind a dot: `evilexample.com` is not in `example.com` (CVE-2023-6544). The name that an address
//! says it has counts only if it leads back to that address, for whoever owns an address may call
//! it as they please.

use std::net::IpAddr;

use claviger_wire::component::ComponentView;
use claviger_wire::document::Json;
use claviger_wire::fields::Fields;

use super::{Policy, PolicyError, Site};
use crate::profile::uri;

/// How many names are looked up at most, one after the other.
const NAMES_MAX: usize = 100;

fn trusted(component: &ComponentView) -> &[String] {
    component.config_list("trusted-hosts")
}

/// Refuses callers from elsewhere.
pub(super) async fn caller(policy: &Policy, site: Site<'_>) -> Result<(), PolicyError> {
    let component = &policy.component;
    if !component.flag("host-sending-registration-request-must-match", true) {
        return Ok(());
    }
    let list = trusted(component);
    if let Ok(address) = site.ip_address.parse::<IpAddr>()
        && is_trusted(site, list, address.to_canonical()).await
    {
        return Ok(());
    }
    Err(policy.refused("Host not trusted."))
}

async fn is_trusted(site: Site<'_>, list: &[String], caller: IpAddr) -> bool {
    let network = &site.app.network;
    for name in list.iter().take(NAMES_MAX) {
        if name.starts_with("*.") {
            continue;
        }
        let found = match name.parse::<IpAddr>() {
            Ok(address) => vec![address],
            Err(_) => network.addresses(name.clone()).await.unwrap_or_default(),
        };
        if found.iter().any(|found| found.to_canonical() == caller) {
            return true;
        }
    }
    if caller.is_loopback() {
        return is_in(list, "localhost");
    }
    if !list.iter().any(|name| name.starts_with("*.")) {
        return false;
    }
    let Ok(name) = network.host_name(caller).await else {
        return false;
    };
    if !is_in(list, &name) {
        return false;
    }
    let back = network.addresses(name).await.unwrap_or_default();
    back.iter().any(|back| back.to_canonical() == caller)
}

/// Refuses addresses of a client that lie elsewhere.
pub(super) fn addresses(policy: &Policy, given: &Json) -> Result<(), PolicyError> {
    let component = &policy.component;
    if !component.flag("client-uris-must-match", true) {
        return Ok(());
    }
    let list = trusted(component);
    let fields = Fields::of(given);
    let root = fields.text("rootUrl").unwrap_or_default();
    // A relative address without a root is below this server's own.
    let whole = |address: String| match address.strip_prefix('/') {
        Some(_) if !root.is_empty() => format!("{root}{address}"),
        Some(_) | None => address,
    };
    for member in ["rootUrl", "baseUrl", "adminUrl"] {
        let Some(address) = fields.filled_text(member) else {
            continue;
        };
        let address = whole(address);
        if root.is_empty() && address.starts_with('/') {
            continue;
        }
        match host(&address) {
            None => return Err(policy.refused("URL is malformed")),
            Some(host) if is_in(list, host) => {}
            Some(_) => {
                let text = "URL doesn't match any trusted host or trusted domain";
                return Err(policy.refused(text));
            }
        }
    }
    for address in fields.texts("redirectUris") {
        let address = whole(address);
        if uri::parse(&address).is_err() {
            return Err(policy.refused("URI is malformed"));
        }
        if !host(&address).is_some_and(|host| is_in(list, host)) {
            let text = "URI doesn't match any trusted host or trusted domain";
            return Err(policy.refused(text));
        }
    }
    Ok(())
}

/// Whether a host is one of a list, or lies in a domain of it.
fn is_in(list: &[String], host: &str) -> bool {
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    list.iter().any(|name| {
        let name = name.trim().to_ascii_lowercase();
        match name.strip_prefix("*.") {
            Some(domain) => {
                let below = host.strip_suffix(domain);
                !domain.is_empty()
                    && below.is_some_and(|below| below.is_empty() || below.ends_with('.'))
            }
            None => host == name,
        }
    })
}

/// The host of an address (RFC 3986 §3.2.2), if nothing about it is in doubt: browsers and
/// libraries read backslashes and user information differently.
fn host(address: &str) -> Option<&str> {
    uri::parse(address).ok()?;
    let (_, rest) = address.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    if authority.contains(['@', '\\', '%', '*']) {
        return None;
    }
    let host = match authority.strip_prefix('[') {
        Some(v6) => v6.split_once(']')?.0,
        None => authority
            .rsplit_once(':')
            .map_or(authority, |(host, _)| host),
    };
    (!host.is_empty()).then_some(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_compared_whole_or_behind_a_dot() {
        let list = ["example.com".to_owned(), "*.shop.example".to_owned()];
        for (host, trusted) in [
            ("example.com", true),
            ("EXAMPLE.com.", true),
            ("evilexample.com", false),
            ("a.example.com", false),
            ("example.com.evil", false),
            ("shop.example", true),
            ("a.b.shop.example", true),
            ("evilshop.example", false),
            ("", false),
        ] {
            assert_eq!(is_in(&list, host), trusted, "{host}");
        }
        assert!(!is_in(&["*.".to_owned()], "anything"));
        assert!(!is_in(&[String::new()], "anything"));
    }

    #[test]
    fn hosts_that_could_be_read_in_two_ways_are_none() {
        for (address, expected) in [
            ("https://a.example/cb?x#y", Some("a.example")),
            ("http://a.example:8080", Some("a.example")),
            ("http://[::1]:80/", Some("::1")),
            ("https://good.example@evil.example/", None),
            ("https://evil.example\\@good.example/", None),
            ("https://*.example/", None),
            ("app:/callback", None),
            ("https:///x", None),
        ] {
            assert_eq!(host(address), expected, "{address}");
        }
    }
}
