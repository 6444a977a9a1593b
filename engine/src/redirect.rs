//! Where a browser may be sent: only to addresses that the client registered.
//!
//! This is the one place that compares redirect URIs (RFC 9700 §4.1.1). An address compares by
//! exact text, or by prefix where the client registered a `*` at its end. What parsers disagree
//! about (user info, backslashes, encoded dots) never meets a wildcard: those disagreements are
//! what open redirects are made of (CVE-2024-8883 and its family).
//!
//! `redirect/corpus.json` holds what Keycloak says of some hundred addresses. Nothing passes here
//! that it refuses; the few that it lets through and we do not are named in the tests.

use std::net::Ipv4Addr;

use percent_encoding::percent_decode_str;
use url::Url;

use crate::client::Client;
use crate::mapper::origin::below_root;
use crate::profile::uri;

/// How long an address may be.
const LENGTH_MAX: usize = 4_000;

/// How often an address may be encoded over: as often is looked for what it hides.
const ENCODINGS_MAX: usize = 3;

/// Schemes that a browser runs as script (RFC 9700 §4.1), whoever registered them.
const SCRIPTS: [&str; 3] = ["javascript", "data", "vbscript"];

/// Hosts on which a native application listens (RFC 8252 §7.3).
const LOOPBACK: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];

/// Parameters of answers: an address that brings one along could forge an answer.
const RESERVED: [&str; 13] = [
    "code",
    "id_token",
    "access_token",
    "token_type",
    "expires_in",
    "state",
    "iss",
    "error",
    "error_description",
    "session_state",
    "response",
    "kc_action",
    "kc_action_status",
];

/// Where the browser goes with the answer to an authorization request. Exists only if the client
/// registered it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RedirectUri(String);

impl RedirectUri {
    /// The address as it was asked for, or registered.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Checks a `redirect_uri` (RFC 6749 §3.1.2.3). Relative ones that the client registered are below
/// its root URL, or this server's `base_url`.
pub fn redirect_uri(client: &Client, base_url: &str, asked: &str) -> Option<RedirectUri> {
    is_redirect_uri(client, base_url, asked).then(|| RedirectUri(asked.to_owned()))
}

/// The address of a client that registered one and asks for none (RFC 6749 §3.1.2.3; OpenID Connect
/// wants it named). Of one with a wildcard, what stands before it.
pub fn only_redirect_uri(client: &Client, base_url: &str) -> Option<RedirectUri> {
    let [only] = client.settings.redirect_uris.as_slice() else {
        return None;
    };
    let plain = only.split("/*").next().unwrap_or_default();
    let address = below_root(client, base_url, plain);
    redirect_uri(client, base_url, &address)
}

/// Where the browser goes after logout. Exists only if the client registered it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PostLogoutUri(String);

impl PostLogoutUri {
    /// The address as it was asked for.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The address with the `state` that the client sent (RP-Initiated Logout 1.0 §3), in the
    /// letters that a header may have.
    pub fn with_state(&self, state: Option<&str>) -> String {
        let state = state.filter(|state| !state.is_empty());
        if state.is_none() && self.0.is_ascii() {
            return self.0.clone();
        }
        match Url::parse(&self.0) {
            Ok(mut url) => {
                if let Some(state) = state {
                    forget(&mut url, "state");
                    url.query_pairs_mut().append_pair("state", state);
                }
                url.into()
            }
            Err(_) => self.0.clone(),
        }
    }
}

/// Takes a parameter out of an address, and leaves the others as they are written.
fn forget(url: &mut Url, name: &str) {
    let is_it = |part: &&str| {
        let mut pairs = url::form_urlencoded::parse(part.as_bytes());
        pairs.next().is_some_and(|(found, _)| found == name)
    };
    let query = url.query().unwrap_or_default();
    if query.split('&').any(|part| is_it(&part)) {
        let kept: Vec<&str> = query.split('&').filter(|part| !is_it(part)).collect();
        let kept = kept.join("&");
        url.set_query((!kept.is_empty()).then_some(&kept));
    }
}

/// Checks an address asked for with a logout. `post.logout.redirect.uris` lists what is allowed:
/// `+` stands for the redirect URIs, as a missing list does, and `-` for none. Relative ones are below
/// the client's root URL, or this server's `base_url`.
pub fn post_logout_uri(client: &Client, base_url: &str, asked: &str) -> Option<PostLogoutUri> {
    let settings = &client.settings;
    let redirect_uris = || settings.redirect_uris.iter().map(String::as_str);
    let listed = settings.list_attribute("post.logout.redirect.uris");
    let allowed: Vec<&str> = match listed.first() {
        None => redirect_uris().collect(),
        Some(&"-") => Vec::new(),
        Some(_) if listed.contains(&"+") => listed
            .into_iter()
            .filter(|uri| *uri != "+")
            .chain(redirect_uris())
            .collect(),
        Some(_) => listed,
    };
    is_allowed(asked, &absolute(client, base_url, &allowed))
        .then(|| PostLogoutUri(asked.to_owned()))
}

/// Where a request object is fetched from, if the client registered the address (`request.uris`,
/// OpenID Connect Core §6.2).
pub fn request_uri(client: &Client, base_url: &str, asked: &str) -> Option<String> {
    let listed = client.settings.list_attribute("request.uris");
    is_allowed(asked, &absolute(client, base_url, &listed)).then(|| asked.to_owned())
}

/// Whether an address is a redirect URI that the client registered. Mails to users bring people back
/// to such addresses.
pub fn is_redirect_uri(client: &Client, base_url: &str, asked: &str) -> bool {
    let uris = client.settings.redirect_uris.iter();
    let registered: Vec<&str> = uris.map(String::as_str).collect();
    is_allowed(asked, &absolute(client, base_url, &registered))
}

fn absolute(client: &Client, base_url: &str, registered: &[&str]) -> Vec<String> {
    let registered = registered.iter();
    registered
        .map(|uri| below_root(client, base_url, uri).into_owned())
        .collect()
}

/// Whether an address is one of the registered ones, which are absolute.
fn is_allowed(asked: &str, registered: &[String]) -> bool {
    let is_odd = |c: char| c.is_control() || c.is_whitespace();
    if asked.len() > LENGTH_MAX || asked.contains(is_odd) {
        return false;
    }
    // Two parsers take it, that of Java's adapters and that of browsers.
    let (Ok(_), Ok(url)) = (uri::parse(asked), Url::parse(asked)) else {
        return false;
    };
    // A browser would run the first, and goes nowhere by a `*` that was taken for a host.
    let is_script = SCRIPTS.contains(&url.scheme());
    if is_script || authority(asked).is_some_and(|host| host.contains('*')) || brings_answer(&url) {
        return false;
    }
    let matches = |asked: &str| registered.iter().any(|entry| matches(asked, &url, entry));
    matches(asked) || without_loopback_port(asked).is_some_and(|asked| matches(&asked))
}

/// Whether the address, as it is written, is the registered one or falls under its wildcard.
fn matches(asked: &str, url: &Url, entry: &str) -> bool {
    let web = matches!(url.scheme(), "http" | "https");
    if entry == "*" {
        // Wherever, but not under a false flag.
        return web && url.has_host() && url.username().is_empty() && url.password().is_none();
    }
    entry == asked || (is_plain(asked, url) && matches_wildcard(asked, entry))
}

/// The address of a native application, which listens on whatever port is free (RFC 8252 §7.3),
/// without its port.
fn without_loopback_port(asked: &str) -> Option<String> {
    let rest = asked.strip_prefix("http://")?;
    let host = LOOPBACK.iter().find(|host| rest.starts_with(**host))?;
    let port = rest.strip_prefix(*host)?.strip_prefix(':')?;
    let after = port.trim_start_matches(|c: char| c.is_ascii_digit());
    let ends = after.is_empty() || after.starts_with(['/', '?', '#']);
    ends.then(|| format!("http://{host}{after}"))
}

/// Whether the address can be compared by prefix: every parser reads it alike.
fn is_plain(asked: &str, url: &Url) -> bool {
    let host = match authority(asked) {
        Some(authority) => is_plain_authority(authority, url),
        None => !url.has_host(),
    };
    host && !leads_elsewhere(path_of(asked))
}

/// The part between `//` and the path.
fn authority(asked: &str) -> Option<&str> {
    let (_, rest) = asked.split_once(':')?;
    rest.strip_prefix("//")?.split(['/', '?', '#']).next()
}

/// Whether an authority is a host and perhaps a port, and the host is the one that a browser takes.
fn is_plain_authority(authority: &str, url: &Url) -> bool {
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (authority, None),
    };
    let digits = |port: &str| !port.is_empty() && port.bytes().all(|digit| digit.is_ascii_digit());
    let known = url.host_str().unwrap_or_default();
    port.is_none_or(digits) && is_host(host) && host.eq_ignore_ascii_case(known)
}

/// Whether this is a host by the older and stricter rules (RFC 2396 §3.2.2): no user info, no
/// encoding, no letters beyond ASCII, no underscore.
fn is_host(host: &str) -> bool {
    if host.starts_with('[') {
        return host.ends_with(']');
    }
    if host.parse::<Ipv4Addr>().is_ok() {
        return true;
    }
    let is_label = |label: &str| {
        let inner = |c: char| c.is_ascii_alphanumeric() || c == '-';
        !label.is_empty()
            && label.chars().all(inner)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let labels: Vec<&str> = host.strip_suffix('.').unwrap_or(host).split('.').collect();
    let top = labels.last().copied().unwrap_or_default();
    labels.iter().all(|label| is_label(label)) && top.starts_with(|c: char| c.is_ascii_alphabetic())
}

/// Whether a path climbs up, or hides a control character, under however many encodings.
fn leads_elsewhere(path: &str) -> bool {
    let mut path = path.to_owned();
    for _ in 0..=ENCODINGS_MAX {
        let climbs = |part: &str| part.split(';').next() == Some("..");
        if path.contains(char::is_control) || path.split(['/', '\\']).any(climbs) {
            return true;
        }
        let decoded = percent_decode_str(&path).decode_utf8_lossy().into_owned();
        if decoded == path {
            return false;
        }
        path = decoded;
    }
    // Encoded more often than anybody has a reason to.
    true
}

fn path_of(asked: &str) -> &str {
    let end = asked.find(['?', '#']).unwrap_or(asked.len());
    asked.get(..end).unwrap_or_default()
}

/// Whether `entry` ends in a wildcard that the address falls under.
fn matches_wildcard(asked: &str, entry: &str) -> bool {
    let Some(prefix) = entry.strip_suffix('*') else {
        return false;
    };
    if prefix.contains(['?', '#']) {
        return false;
    }
    let address = path_of(asked);
    let bare_authority = prefix
        .split_once("://")
        .map(|(_, authority)| authority)
        .filter(|authority| !authority.contains('/'));
    let prefix = match bare_authority {
        // Any host, or any port of a host.
        Some("") => return address.len() > prefix.len() && address.starts_with(prefix),
        Some(host) if host.ends_with(':') => return address.starts_with(prefix),
        // `http://host*` could reach `http://host.evil.example`: the wildcard begins with the path.
        Some(_) => format!("{prefix}/"),
        None => prefix.to_owned(),
    };
    let base = prefix.strip_suffix('/').unwrap_or(&prefix);
    address.starts_with(&prefix) || address == base
}

/// Whether the address brings a parameter of an answer along, in its query or fragment.
fn brings_answer(url: &Url) -> bool {
    let reserved = |text: Option<&str>| {
        let pairs = url::form_urlencoded::parse(text.unwrap_or_default().as_bytes());
        let mut names = pairs.map(|(name, _)| {
            let name = name.chars().filter(|c| !c.is_control());
            name.collect::<String>().to_ascii_lowercase()
        });
        names.any(|name| RESERVED.contains(&name.as_str()))
    };
    reserved(url.query()) || reserved(url.fragment())
}

#[cfg(test)]
mod tests;
