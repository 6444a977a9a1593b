//! Where a browser may be sent: only to addresses that the client registered.
//!
//! This is the one place that compares redirect URIs (RFC 9700 §4.1.1). An address compares by
//! exact text, or by prefix where the client registered a `*` at its end. What parsers disagree
//! about (user info, backslashes, encoded dots) never meets a wildcard: those disagreements are
//! what open redirects are made of (CVE-2024-8883 and its family).

use url::Url;

use crate::client::Client;

/// How long an address may be.
const LENGTH_MAX: usize = 4_000;

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
                    url.query_pairs_mut().append_pair("state", state);
                }
                url.into()
            }
            Err(_) => self.0.clone(),
        }
    }
}

/// Checks an address asked for with a logout. `post.logout.redirect.uris` lists what is allowed:
/// `+` stands for the redirect URIs, as a missing list does, and `-` for none.
pub fn post_logout_uri(client: &Client, origin: &str, asked: &str) -> Option<PostLogoutUri> {
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
    let root = settings.root_url.as_deref().filter(|url| !url.is_empty());
    is_allowed(asked, &allowed, root.unwrap_or(origin)).then(|| PostLogoutUri(asked.to_owned()))
}

/// Whether an address is a redirect URI that the client registered (RFC 6749 §3.1.2.3). Mails to
/// users bring people back to such addresses.
pub fn is_redirect_uri(client: &Client, origin: &str, asked: &str) -> bool {
    let settings = &client.settings;
    let registered: Vec<&str> = settings.redirect_uris.iter().map(String::as_str).collect();
    let root = settings.root_url.as_deref().filter(|url| !url.is_empty());
    is_allowed(asked, &registered, root.unwrap_or(origin))
}

/// Whether an address is one of the registered ones; relative ones hang on `root`.
fn is_allowed(asked: &str, registered: &[&str], root: &str) -> bool {
    let is_odd = |c: char| c.is_control() || c.is_whitespace();
    if asked.len() > LENGTH_MAX || asked.contains(is_odd) || has_broken_escape(asked) {
        return false;
    }
    let Ok(url) = Url::parse(asked) else {
        return false;
    };
    if brings_answer(&url) {
        return false;
    }
    if matches_any(asked, &url, registered, root) {
        return true;
    }
    // A native application listens on whatever port is free (RFC 8252 §7.3).
    let loopback = ["localhost", "127.0.0.1", "[::1]"];
    let is_loopback =
        url.scheme() == "http" && url.host_str().is_some_and(|host| loopback.contains(&host));
    let mut portless = url;
    if !is_loopback || portless.port().is_none() || portless.set_port(None).is_err() {
        return false;
    }
    matches_any(portless.as_str(), &portless, registered, root)
}

/// Whether the address, as it is written, is one of the registered ones.
fn matches_any(asked: &str, url: &Url, registered: &[&str], root: &str) -> bool {
    let web = matches!(url.scheme(), "http" | "https");
    let plain = is_plain(asked, url);
    registered.iter().any(|entry| {
        let entry = if entry.starts_with('/') {
            format!("{}{entry}", root.trim_end_matches('/'))
        } else {
            (*entry).to_owned()
        };
        if entry == "*" {
            return web && plain;
        }
        if entry == asked {
            return true;
        }
        // Another scheme must be written out before the wildcard: `app:*`, not `*`.
        plain && matches_wildcard(asked, &entry) && (web || has_scheme(&entry, url.scheme()))
    })
}

/// Whether there is a `%` without two hexadecimal digits after it.
fn has_broken_escape(asked: &str) -> bool {
    let is_escape = |rest: &str| {
        let digits = rest.as_bytes().get(..2);
        digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    };
    !asked.split('%').skip(1).all(is_escape)
}

fn has_scheme(entry: &str, scheme: &str) -> bool {
    entry
        .split_once(':')
        .is_some_and(|(own, _)| own.eq_ignore_ascii_case(scheme))
}

/// Whether the address can be compared by prefix: every parser reads it alike.
fn is_plain(asked: &str, url: &Url) -> bool {
    let lower = asked.to_ascii_lowercase();
    let authority = asked.split_once("://").map_or("", |(_, rest)| rest);
    let authority = authority.split(['/', '?', '#']).next().unwrap_or_default();
    let encoded = ["%2e", "%252e", "%2f", "%5c", "%00", "%0a", "%0d", "%09"];
    url.username().is_empty()
        && url.password().is_none()
        && !authority.contains(['@', '\\', '*'])
        && !asked.contains('\\')
        && !path_of(&lower)
            .split('/')
            .any(|part| part.trim_end_matches(';') == "..")
        && !encoded.iter().any(|code| path_of(&lower).contains(code))
}

fn path_of(asked: &str) -> &str {
    let end = asked.find(['?', '#']).unwrap_or(asked.len());
    asked.get(..end).unwrap_or_default()
}

/// Whether `entry` ends in a wildcard on its path that the address falls under.
fn matches_wildcard(asked: &str, entry: &str) -> bool {
    let Some(prefix) = entry.strip_suffix('*') else {
        return false;
    };
    if prefix.contains(['?', '#']) {
        return false;
    }
    // `http://host*` could reach `http://host.evil.example`: the wildcard begins with the path.
    let after_scheme = prefix.split_once("://").map_or("", |(_, rest)| rest);
    let prefix = if prefix.contains("://") && !after_scheme.contains('/') {
        format!("{prefix}/")
    } else {
        prefix.to_owned()
    };
    let path = path_of(asked);
    path.starts_with(&prefix) || path == prefix.trim_end_matches('/')
}

/// Whether the address brings a parameter of an answer along, in its query or fragment.
fn brings_answer(url: &Url) -> bool {
    let reserved = |text: Option<&str>| {
        let pairs = url::form_urlencoded::parse(text.unwrap_or_default().as_bytes());
        let mut names = pairs.map(|(name, _)| name.to_ascii_lowercase());
        names.any(|name| RESERVED.contains(&name.as_str()))
    };
    reserved(url.query()) || reserved(url.fragment())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOT: &str = "https://app.example";

    #[test]
    fn registered_addresses_pass() {
        let cases = [
            ("https://app.example/bye", "https://app.example/bye"),
            (
                "https://app.example/out/*",
                "https://app.example/out/page?x=1",
            ),
            ("https://app.example/out/*", "https://app.example/out"),
            ("https://app.example*", "https://app.example/anything"),
            ("/bye", "https://app.example/bye"),
            ("/*", "https://app.example/deep/page"),
            ("*", "http://anywhere.example/x"),
            ("com.example.app:/cb", "com.example.app:/cb"),
            ("com.example.app:*", "com.example.app:/cb"),
        ];
        for (registered, asked) in cases {
            assert!(
                is_allowed(asked, &[registered], ROOT),
                "{asked} by {registered}"
            );
        }
    }

    #[test]
    fn everything_else_is_refused() {
        let cases = [
            ("https://app.example/bye", "https://app.example/bye/"),
            ("https://app.example/out/*", "https://app.example/outer"),
            ("https://app.example/*", "https://app.example.evil.example/"),
            ("https://app.example*", "https://app.example.evil.example/"),
            ("https://app.example/*", "https://app.example@evil.example/"),
            (
                "https://app.example/*",
                "https://app.example\\@evil.example/",
            ),
            ("https://app.example/*", "https://app.example/../x"),
            (
                "https://app.example/in/*",
                "https://app.example/in/%2e%2e/x",
            ),
            ("https://app.example/in/*", "https://app.example/in/..%2fx"),
            (
                "https://app.example/in/*",
                "https://app.example/in/%252e%252e/x",
            ),
            ("https://app.example/*", "https://app.example/x?code=1"),
            (
                "https://app.example/*",
                "https://app.example/x#access_token=1",
            ),
            ("https://app.example/*", "http://app.example/"),
            ("*", "javascript:alert(1)"),
            ("*", "data:text/html,x"),
            ("*", "com.example.app:/cb"),
            ("*", "//evil.example"),
            ("*", "https://user@evil.example/"),
            ("https://app.example/*", "https://app.example/a b"),
            ("https://app.example/*", "https://app.example/a\nb"),
            ("https://app.example/?x=*", "https://app.example/?x=1"),
        ];
        for (registered, asked) in cases {
            assert!(
                !is_allowed(asked, &[registered], ROOT),
                "{asked} by {registered}"
            );
        }
    }

    #[test]
    fn state_is_appended_and_encoded() {
        let uri = PostLogoutUri("https://app.example/bye?a=1".into());
        assert_eq!(
            uri.with_state(Some("s 1&")),
            "https://app.example/bye?a=1&state=s+1%26"
        );
    }
}
