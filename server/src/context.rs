//! Who is asking, and under which address the server is known to them.
//!
//! Headers that name the caller, the scheme or the host are believed only if the operator says
//! that a proxy sets them, and only from that proxy (RFC 7239 §8). What cannot be read is refused
//! at once: nothing later meets a host that is none.

use std::net::IpAddr;
use std::sync::Arc;

use http::header::{FORWARDED, HOST, HeaderMap};
use http::{HeaderName, Uri};

use claviger_engine::request::RequestContext;

use crate::listener::Peer;
use crate::settings::Settings;
use crate::settings::hostname::{Elsewhere, Hostname, Mounts};
use crate::settings::proxy::{Headers, Proxy};

/// How many entries of a list of proxies are read.
const MOST_HOPS: usize = 32;

const FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const XHOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const PORT: HeaderName = HeaderName::from_static("x-forwarded-port");
const PREFIX: HeaderName = HeaderName::from_static("x-forwarded-prefix");

/// Why a request is refused before anybody reads it: `400`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ContextError {
    /// RFC 9112 §3.2: exactly one, and it must be a host.
    #[error("the Host header is missing, repeated or no host")]
    Host,
    /// A trusted proxy sent what cannot be.
    #[error("the {0} header cannot be read")]
    Forwarded(&'static str),
}

/// What the settings say about addresses.
#[derive(Debug)]
pub struct Addresses {
    hostname: Hostname,
    mounts: Mounts,
    proxy: Option<Proxy>,
    help_links: bool,
    elsewhere: Elsewhere,
    /// The base paths as callers see them whose proxy adds nothing.
    plain_paths: Arc<[String]>,
}

/// What a proxy says about a request; nothing where it is silent.
#[derive(Debug, Default, PartialEq, Eq)]
struct Told {
    address: Option<IpAddr>,
    scheme: Option<&'static str>,
    host: Option<String>,
    port: Option<u16>,
    prefix: String,
}

impl Addresses {
    /// Takes over what the settings say.
    pub fn new(settings: &Settings) -> Self {
        Self {
            hostname: settings.hostname.clone(),
            plain_paths: settings.mounts.paths().into(),
            mounts: settings.mounts.clone(),
            proxy: settings.proxy.clone(),
            elsewhere: settings.elsewhere.clone(),
            help_links: settings.help_links,
        }
    }

    /// These addresses.
    #[cfg(test)]
    pub fn of(hostname: Hostname, mounts: Mounts, proxy: Option<Proxy>) -> Self {
        Self {
            hostname,
            plain_paths: mounts.paths().into(),
            mounts,
            proxy,
            help_links: true,
            elsewhere: Elsewhere::default(),
        }
    }

    /// The paths under which the routes are served.
    pub fn mounts(&self) -> &Mounts {
        &self.mounts
    }

    /// The context of a request that came from `peer` and asks for something below `mount`.
    pub fn context(
        &self,
        peer: &Peer,
        uri: &Uri,
        headers: &HeaderMap,
        mount: &str,
    ) -> Result<RequestContext, ContextError> {
        let mut told = match &self.proxy {
            Some(proxy) if proxy.trusts(peer.address) => told(proxy, headers)?,
            Some(_) | None => Told::default(),
        };
        let own_scheme = if peer.secure { "https" } else { "http" };
        told.scheme.get_or_insert(own_scheme);
        let ip_address = told
            .address
            .unwrap_or(peer.address)
            .to_canonical()
            .to_string();
        let mut backchannel_url = None;
        let (origin, prefix, fixed) = match &self.hostname {
            Hostname::Url {
                scheme,
                authority,
                path,
            } => {
                host(uri, headers)?;
                let origin = format!("{scheme}://{authority}");
                if self.elsewhere.backchannel_dynamic {
                    let asked = self.asked(uri, headers, &told)?;
                    let url = || format!("{asked}{}{mount}", told.prefix);
                    backchannel_url = (asked != origin).then(url);
                }
                (origin, String::new(), Some(path))
            }
            Hostname::Name(_) | Hostname::OfRequest => {
                (self.asked(uri, headers, &told)?, told.prefix, None)
            }
        };
        let (base_path, base_paths) = match fixed {
            Some(path) => (path.to_owned(), Arc::from([path.to_owned()])),
            None => (format!("{prefix}{mount}"), self.base_paths(&prefix)),
        };
        Ok(RequestContext {
            backchannel_url,
            admin_url: self.elsewhere.admin.clone(),
            base_url: format!("{origin}{base_path}"),
            base_path,
            secure: origin.starts_with("https:"),
            origin,
            base_paths,
            ip_address,
            help_links: self.help_links,
        })
    }

    /// All base paths as the caller sees them.
    fn base_paths(&self, prefix: &str) -> Arc<[String]> {
        if prefix.is_empty() {
            return Arc::clone(&self.plain_paths);
        }
        let paths = self.mounts.paths().iter();
        paths.map(|path| format!("{prefix}{path}")).collect()
    }

    /// Scheme, host and port to which the request was sent, as far as it and the proxy tell.
    fn asked(&self, uri: &Uri, headers: &HeaderMap, told: &Told) -> Result<String, ContextError> {
        let own = host(uri, headers)?;
        let scheme = told.scheme.unwrap_or("http");
        let (name, port) = match &told.host {
            Some(told) => split_port(told).ok_or(ContextError::Forwarded("forwarded host"))?,
            None => split_port(&own).ok_or(ContextError::Host)?,
        };
        let name = match &self.hostname {
            Hostname::Name(name) => name.as_str(),
            Hostname::OfRequest | Hostname::Url { .. } => name,
        };
        let usual = if scheme == "https" { 443 } else { 80 };
        let port = told.port.or(port).filter(|port| *port != usual);
        Ok(match port {
            Some(port) => format!("{scheme}://{name}:{port}"),
            None => format!("{scheme}://{name}"),
        })
    }
}

/// The host that the request names: in its target (RFC 9112 §3.2.2), else in its one header.
fn host(uri: &Uri, headers: &HeaderMap) -> Result<String, ContextError> {
    let mut given = headers.get_all(HOST).iter();
    let (first, second) = (given.next(), given.next());
    let text = match (uri.authority(), first, second) {
        (_, _, Some(_)) | (None, None, None) => return Err(ContextError::Host),
        (Some(authority), _, None) => authority.as_str(),
        (None, Some(header), None) => header.to_str().map_err(|_| ContextError::Host)?,
    };
    split_port(text)
        .map(|_| text.to_owned())
        .ok_or(ContextError::Host)
}

/// A host as it may stand in a URL, and its port. Letters, digits and `-._` only: what is put into
/// links and headers must not carry anything else.
fn split_port(text: &str) -> Option<(&str, Option<u16>)> {
    let (name, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let end = rest.find(']')?;
            let (address, after) = rest.split_at(end);
            address.parse::<std::net::Ipv6Addr>().ok()?;
            let after = after.strip_prefix(']')?;
            (
                text.get(..end + 2)?,
                after.strip_prefix(':').or(after.is_empty().then_some(""))?,
            )
        }
        None => text.split_once(':').unwrap_or((text, "")),
    };
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
    let bracketed = name.starts_with('[');
    if name.is_empty() || name.len() > 255 || !(bracketed || name.chars().all(plain)) {
        return None;
    }
    if port.is_empty() {
        return (!text.ends_with(':')).then_some((name, None));
    }
    let digits = port.chars().all(|c| c.is_ascii_digit());
    digits
        .then(|| port.parse().ok())
        .flatten()
        .map(|port| (name, Some(port)))
}

fn told(proxy: &Proxy, headers: &HeaderMap) -> Result<Told, ContextError> {
    match proxy.headers {
        Headers::XForwarded => x_forwarded(proxy, headers),
        Headers::Forwarded => forwarded(proxy, headers),
    }
}

/// The elements of a header that is a list, over all its lines.
fn elements<'a>(
    headers: &'a HeaderMap,
    name: &HeaderName,
    shown: &'static str,
) -> Result<Vec<&'a str>, ContextError> {
    let mut all = Vec::new();
    for line in headers.get_all(name) {
        let line = line.to_str().map_err(|_| ContextError::Forwarded(shown))?;
        all.extend(
            line.split(',')
                .map(str::trim)
                .filter(|item| !item.is_empty()),
        );
    }
    if all.len() > MOST_HOPS {
        return Err(ContextError::Forwarded(shown));
    }
    Ok(all)
}

fn x_forwarded(proxy: &Proxy, headers: &HeaderMap) -> Result<Told, ContextError> {
    let first = |name: &HeaderName, shown| {
        elements(headers, name, shown).map(|items| items.first().copied())
    };
    let hops = elements(headers, &FOR, "X-Forwarded-For")?;
    let port = first(&PORT, "X-Forwarded-Port")?;
    let port = port.map(|text| {
        text.parse()
            .map_err(|_| ContextError::Forwarded("X-Forwarded-Port"))
    });
    Ok(Told {
        address: caller(proxy, &hops),
        scheme: first(&PROTO, "X-Forwarded-Proto")?
            .map(scheme)
            .transpose()?,
        host: first(&XHOST, "X-Forwarded-Host")?.map(str::to_owned),
        port: port.transpose()?,
        prefix: match first(&PREFIX, "X-Forwarded-Prefix")? {
            Some(text) => prefix(text)?,
            None => String::new(),
        },
    })
}

/// `Forwarded: for=192.0.2.60;proto=https;host=id.example, …` (RFC 7239 §4).
fn forwarded(proxy: &Proxy, headers: &HeaderMap) -> Result<Told, ContextError> {
    let mut hops = Vec::new();
    let mut told = Told::default();
    for element in elements(headers, &FORWARDED, "Forwarded")? {
        for pair in element.split(';') {
            let Some((name, value)) = pair.split_once('=') else {
                return Err(ContextError::Forwarded("Forwarded"));
            };
            let value = value.trim().trim_matches('"');
            match name.trim().to_ascii_lowercase().as_str() {
                "for" => hops.push(value),
                "proto" if told.scheme.is_none() => told.scheme = Some(scheme(value)?),
                "host" if told.host.is_none() => told.host = Some(value.to_owned()),
                _ => {}
            }
        }
    }
    told.address = caller(proxy, &hops);
    Ok(told)
}

/// Each proxy adds at the end whom it heard. From there backwards, what trusted proxies say is
/// believed; the first that is not trusted is the caller. What stands before it the caller made up.
/// Names that hide an address (RFC 7239 §6) end the search.
fn caller(proxy: &Proxy, hops: &[&str]) -> Option<IpAddr> {
    let mut found = None;
    for hop in hops.iter().rev() {
        let Some(address) = address(hop) else { break };
        found = Some(address);
        if !proxy.trusts(address) {
            break;
        }
    }
    found
}

/// `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]:80`.
fn address(text: &str) -> Option<IpAddr> {
    let bracketed = || {
        let (inside, _) = text.strip_prefix('[')?.split_once(']')?;
        inside.parse().ok()
    };
    let with_port = || text.rsplit_once(':')?.0.parse().ok();
    text.parse().ok().or_else(bracketed).or_else(with_port)
}

fn scheme(text: &str) -> Result<&'static str, ContextError> {
    match text.to_ascii_lowercase().as_str() {
        "https" => Ok("https"),
        "http" => Ok("http"),
        _ => Err(ContextError::Forwarded("forwarded proto")),
    }
}

fn prefix(text: &str) -> Result<String, ContextError> {
    let path = text.trim_end_matches('/');
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_' | '~' | '/');
    let sound = path.is_empty() || (path.starts_with('/') && path.chars().all(plain));
    let dots = path.split('/').any(|segment| matches!(segment, "." | ".."));
    if !sound || dots || path.contains("//") || path.len() > 255 {
        return Err(ContextError::Forwarded("X-Forwarded-Prefix"));
    }
    Ok(path.to_owned())
}

#[cfg(test)]
mod tests;
