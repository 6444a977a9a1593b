//! Where clients are told: addresses of their configuration, made absolute.

use std::collections::BTreeMap;

use claviger_model::{ClientSession, Seconds};
use serde_json::Value;
use url::Url;

use crate::client::Client;
use crate::mapper::origin::{base_of, below_root};

/// Stands in a client's address for the node that serves the user, as its adapter named it.
const HOST: &str = "${application.session.host}";
/// Note of a client's part in a session: the adapter's own session there.
pub const ADAPTER_SESSION: &str = "client_session_state";
/// Note of a client's part in a session: the adapter's node.
pub const ADAPTER_HOST: &str = "client_session_host";

/// A client's address: what begins with a slash is below its root URL, or else this server's.
/// `issuer` tells at which address that is.
pub(super) fn resolved(client: &Client, issuer: &str, address: &str) -> String {
    below_root(client, base_of(issuer), address).into_owned()
}

/// Whether an address does not ask for a session's node.
pub(super) fn is_for_all_sessions(url: &str) -> bool {
    !url.contains(HOST)
}

/// The address with the session's node in it, where it asks for one. None if nobody named a node
/// that belongs to the client: a stranger's host must not be called (CVE-2026-4874).
pub(super) fn at_host_of_session(
    client: &Client,
    issuer: &str,
    url: String,
    part: &ClientSession,
) -> Option<String> {
    if !url.contains(HOST) {
        return Some(url);
    }
    let host = part.notes.get(ADAPTER_HOST)?;
    is_node(client, issuer, host).then(|| url.replace(HOST, host))
}

/// Whether a host, perhaps with a port, is a registered node of the client, or that of its admin
/// URL.
pub(super) fn is_node(client: &Client, issuer: &str, host: &str) -> bool {
    let Ok(url) = Url::parse(&format!("https://{host}")) else {
        return false;
    };
    // Nothing but a host: no user, no path, no query.
    let plain = url.username().is_empty()
        && url.password().is_none()
        && url.path() == "/"
        && url.query().is_none()
        && url.fragment().is_none()
        && !host.ends_with('/');
    let Some(name) = url.host_str().filter(|_| plain) else {
        return false;
    };
    let admin = client.settings.admin_url.as_deref();
    let admin = admin.and_then(|admin| Url::parse(&resolved(client, issuer, admin)).ok());
    let admin = admin.as_ref().and_then(Url::host_str);
    let nodes = nodes(client);
    let mut known = nodes.keys().map(String::as_str).chain(admin);
    known.any(|known| known.eq_ignore_ascii_case(name))
}

/// The nodes that the client registered, with the second at which each did so last.
fn nodes(client: &Client) -> BTreeMap<String, i64> {
    let nodes = client
        .body
        .get("registeredNodes")
        .and_then(Value::as_object);
    let nodes = nodes.into_iter().flatten();
    nodes
        .map(|(host, at)| (host.clone(), at.as_i64().unwrap_or(0)))
        .collect()
}

/// The client's admin URL at each of its nodes; without nodes, the URL itself. A node that has not
/// registered again in time is left out.
pub(super) fn admin_urls(client: &Client, issuer: &str, now: Seconds) -> Vec<String> {
    let Some(configured) = client.settings.admin_url.as_deref() else {
        return Vec::new();
    };
    let base = resolved(client, issuer, configured);
    let nodes = nodes(client);
    if nodes.is_empty() {
        return vec![base];
    }
    let timeout = client.body.get("nodeReRegistrationTimeout");
    let timeout = timeout.and_then(Value::as_i64).unwrap_or(-1);
    let there = nodes
        .iter()
        .filter(|(_, at)| timeout <= 0 || at.saturating_add(timeout) >= now.0);
    there
        .filter_map(|(host, _)| {
            let mut url = Url::parse(&base).ok()?;
            url.set_host(Some(host)).ok()?;
            Some(String::from(url))
        })
        .collect()
}

/// An address below another.
pub(super) fn below(url: &str, path: &str) -> String {
    match Url::parse(url) {
        Ok(mut parsed) => {
            let whole = format!("{}/{path}", parsed.path().trim_end_matches('/'));
            parsed.set_path(&whole);
            parsed.into()
        }
        // Refused where it is to be called.
        Err(_) => format!("{}/{path}", url.trim_end_matches('/')),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::mapper::testing::client;

    const ISSUER: &str = "https://id.example/auth/realms/shop";

    #[test]
    fn addresses_are_made_absolute() {
        let none = json!({});
        let root = json!({"rootUrl": "https://app.example/x"});
        let ours = json!({"rootUrl": "${authBaseUrl}"});
        for (body, address, expected) in [
            (&none, "https://a.example/out", "https://a.example/out"),
            (&none, "/out", "https://id.example/out"),
            (&root, "/out", "https://app.example/x/out"),
            (&root, "https://a.example/out", "https://a.example/out"),
            (&ours, "/out", "https://id.example/auth/out"),
        ] {
            let client = client(body);
            assert_eq!(resolved(&client, ISSUER, address), expected, "{body}");
        }
        for (url, expected) in [
            ("https://a.example", "https://a.example/k_logout"),
            ("https://a.example/x/", "https://a.example/x/k_logout"),
            (
                "https://a.example/x?y=1",
                "https://a.example/x/k_logout?y=1",
            ),
            ("rubbish/", "rubbish/k_logout"),
        ] {
            assert_eq!(below(url, "k_logout"), expected, "{url}");
        }
    }

    #[test]
    fn a_host_that_the_client_does_not_own_is_nobodys() {
        let client = client(&json!({
            "adminUrl": "https://App.example:8443/admin",
            "registeredNodes": {"node-1.example": 7},
        }));
        for (host, expected) in [
            ("app.example", true),
            ("app.example:9000", true),
            ("node-1.example", true),
            ("NODE-1.example:80", true),
            ("node-2.example", false),
            ("evil.example", false),
            ("evil.example#node-1.example", false),
            ("node-1.example@evil.example", false),
            ("evil.example/node-1.example", false),
            ("node-1.example/x", false),
            ("node-1.example/", false),
            ("node-1.example?x", false),
            ("user@node-1.example", false),
            ("", false),
            ("a b", false),
        ] {
            assert_eq!(is_node(&client, ISSUER, host), expected, "{host}");
        }
    }

    #[test]
    fn nodes_that_did_not_come_back_are_left_out() {
        let body = |timeout: i64| {
            client(&json!({
                "adminUrl": "http://app.example:81/admin", "nodeReRegistrationTimeout": timeout,
                "registeredNodes": {"a.example": 100, "b.example": 200, "no host": 300},
            }))
        };
        let (a, b) = ("http://a.example:81/admin", "http://b.example:81/admin");
        let urls = |timeout| admin_urls(&body(timeout), ISSUER, Seconds(260));
        assert_eq!(urls(-1), [a, b]);
        assert_eq!(urls(160), [a, b]);
        assert_eq!(urls(159), [b]);
        let plain = client(&json!({"adminUrl": "/admin"}));
        let told = admin_urls(&plain, ISSUER, Seconds(0));
        assert_eq!(told, ["https://id.example/admin"]);
        assert!(admin_urls(&client(&json!({})), ISSUER, Seconds(0)).is_empty());
    }
}
