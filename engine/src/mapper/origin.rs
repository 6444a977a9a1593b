//! Web origins: which pages may call with a client's tokens.

use std::borrow::Cow;
use std::collections::BTreeSet;

use serde_json::Value;

use super::{Claims, Subject};
use crate::client::Client;

/// Among web origins: those of the redirect URIs.
const OF_REDIRECT_URIS: &str = "+";

/// `oidc-allowed-origins-mapper`: `allowed-origins`, if the client has web origins at all.
pub(super) fn allowed(subject: &Subject<'_>, claims: &mut Claims) {
    if subject.client.settings.web_origins.is_empty() {
        return;
    }
    let origins = web_origins(subject.client, base_of(subject.issuer));
    let origins = origins
        .into_iter()
        .map(|origin| Value::String(origin.into_owned()));
    claims.insert("allowed-origins", Value::Array(origins.collect()));
}

/// A client's web origins, with `+` replaced by the origins of its redirect URIs. `base_url` is the
/// server's address with its base path: what relative redirect URIs are below of without a root
/// URL of the client.
pub fn web_origins<'a>(client: &'a Client, base_url: &'a str) -> BTreeSet<Cow<'a, str>> {
    let settings = &client.settings;
    let named = settings.web_origins.iter().map(String::as_str);
    let mut origins: BTreeSet<Cow<'a, str>> = named.map(Cow::Borrowed).collect();
    if !origins.remove(OF_REDIRECT_URIS) {
        return origins;
    }
    for uri in &settings.redirect_uris {
        let absolute = below_root(client, base_url, uri);
        if absolute.starts_with("http://") || absolute.starts_with("https://") {
            origins.insert(match absolute {
                Cow::Borrowed(uri) => Cow::Borrowed(origin(uri)),
                Cow::Owned(uri) => Cow::Owned(origin(&uri).to_owned()),
            });
        }
    }
    origins
}

/// An address in a client's settings; one that is relative is below the client's root URL, or else
/// below the server's, which an issuer of it tells.
pub fn absolute<'a>(client: &Client, issuer: &str, uri: &'a str) -> Cow<'a, str> {
    below_root(client, base_of(issuer), uri)
}

/// An address in a client's settings; one that is relative is below the client's root URL, or else
/// below the server's.
pub fn below_root<'a>(client: &Client, base_url: &str, uri: &'a str) -> Cow<'a, str> {
    if uri.starts_with('/') {
        let root = root_url(client.settings.root_url.as_deref(), base_url);
        Cow::Owned(format!("{root}{uri}"))
    } else {
        Cow::Borrowed(uri)
    }
}

/// What relative addresses of a client are below of.
fn root_url<'a>(root_url: Option<&'a str>, base_url: &'a str) -> &'a str {
    match root_url {
        None | Some("") => origin(base_url),
        Some("${authBaseUrl}" | "${authAdminUrl}") => base_url,
        Some(root) => root,
    }
}

/// An address up to the slash after its host.
fn origin(uri: &str) -> &str {
    let scheme_end = uri.find("://").map_or(0, |index| index + 3);
    let host = uri.get(scheme_end..).unwrap_or_default();
    let end = host.find('/').map_or(uri.len(), |index| scheme_end + index);
    uri.get(..end).unwrap_or(uri)
}

/// The server's address with its base path, out of an issuer.
pub fn base_of(issuer: &str) -> &str {
    issuer
        .rsplit_once("/realms/")
        .map_or(issuer, |(base, _)| base)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::World;
    use super::*;

    fn allowed_origins(client: &Value) -> Value {
        let world = World {
            client: super::super::testing::client(client),
            ..World::new()
        };
        let mut claims = Claims::default();
        allowed(&world.subject(), &mut claims);
        claims.remove("allowed-origins").unwrap_or_default()
    }

    #[test]
    fn plus_stands_for_the_origins_of_redirect_uris() {
        let cases = [
            (
                json!({"redirectUris": ["http://app.example/*"]}),
                Value::Null,
            ),
            (json!({"webOrigins": []}), Value::Null),
            (json!({"webOrigins": ["*"]}), json!(["*"])),
            (
                json!({"webOrigins": ["+"], "redirectUris": ["myapp://x", "*"]}),
                json!([]),
            ),
            (
                json!({
                    "webOrigins": ["+", "http://o.example"],
                    "redirectUris": [
                        "/rel/*",
                        "https://a.example:44/x/*",
                        "https://a.example*",
                        "http://o.example/",
                    ],
                }),
                json!([
                    "http://id.example",
                    "http://o.example",
                    "https://a.example*",
                    "https://a.example:44",
                ]),
            ),
            (
                json!({
                    "webOrigins": ["+"],
                    "rootUrl": "http://root.example/x",
                    "redirectUris": ["/rel/*"],
                }),
                json!(["http://root.example"]),
            ),
            (
                json!({
                    "webOrigins": ["+"],
                    "rootUrl": "${authAdminUrl}",
                    "redirectUris": ["/admin/shop/console/*"],
                }),
                json!(["http://id.example"]),
            ),
        ];
        for (client, expected) in cases {
            assert_eq!(allowed_origins(&client), expected, "{client}");
        }
    }
}
