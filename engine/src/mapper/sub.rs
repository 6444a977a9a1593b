//! Mappers of the subject (OpenID Connect Core §8): the user's id, or a pseudonym of it.

use claviger_crypto::digest::sha256;
use claviger_model::UserId;
use claviger_wire::client::ClientSettings;
use md5::{Digest, Md5};
use serde_json::Value;

use super::kind::Kind;
use super::{Claims, Mapper, Subject};
use crate::client::Client;

/// `oidc-sub-mapper`: the user's id.
pub(super) fn user_id(subject: &Subject<'_>, claims: &mut Claims) {
    set(claims, subject.person.user.id.as_str().to_owned());
}

/// `oidc-sha256-pairwise-sub-mapper`: an id that differs from sector to sector, so that clients
/// cannot find out together whom they know (Core §8.1).
pub(super) fn pairwise(mapper: &Mapper, subject: &Subject<'_>, claims: &mut Claims) {
    let user = &subject.person.user.id;
    set(claims, pseudonym_at(mapper, subject.client, user));
}

/// What a client knows a user as, by the client's own mappers: all that is left to go by when the
/// user has to be named after they are gone.
pub(super) fn at_client(client: &Client, user: &UserId) -> String {
    let mut mappers = client.mappers.iter();
    let pairwise = mappers.find(|mapper| mapper.kind == Some(Kind::PairwiseSub));
    match pairwise {
        Some(mapper) => pseudonym_at(mapper, client, user),
        None => user.as_str().to_owned(),
    }
}

fn pseudonym_at(mapper: &Mapper, client: &Client, user: &UserId) -> String {
    let sector = match mapper.config("sectorIdentifierUri") {
        Some(uri) => host(uri),
        None => only_host(&client.settings),
    };
    // Administration refuses clients without a sector. Should there be one all the same, it becomes
    // a sector of its own: falling back to the user's id would give away what is to be hidden.
    let sector = sector.unwrap_or(&client.client_id);
    let salt = mapper
        .config("pairwiseSubAlgorithmSalt")
        .unwrap_or_default();
    pseudonym(sector, user.as_str(), salt)
}

fn set(claims: &mut Claims, sub: String) {
    claims.insert("sub", Value::String(sub));
}

/// SHA-256 over sector, user id and salt, given the form of a UUID of version 3: hashed once more,
/// with MD5, which hides nothing here and only shortens.
fn pseudonym(sector: &str, user_id: &str, salt: &str) -> String {
    let hash = sha256([sector, user_id, salt].concat().as_bytes());
    let shortened: [u8; 16] = Md5::digest(&hash).into();
    let mut bits = u128::from_be_bytes(shortened);
    bits = (bits & !(0xf << 76)) | (3 << 76);
    bits = (bits & !(0b11 << 62)) | (0b10 << 62);
    let hex = format!("{bits:032x}");
    let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
    [
        part(0, 8),
        part(8, 12),
        part(12, 16),
        part(16, 20),
        part(20, 32),
    ]
    .join("-")
}

/// The host that all redirect URIs share, if they do.
fn only_host(settings: &ClientSettings) -> Option<&str> {
    let root = settings.root_url.as_deref().and_then(host);
    let hosts = settings.redirect_uris.iter().map(String::as_str);
    let mut hosts = hosts.filter_map(|uri| {
        if uri.starts_with('/') {
            root
        } else {
            host(uri)
        }
    });
    let first = hosts.next()?;
    hosts.all(|other| other == first).then_some(first)
}

/// The host of an absolute URI, in the letter case in which it is written: pseudonyms depend on it.
fn host(uri: &str) -> Option<&str> {
    let (_, rest) = uri.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let host = authority
        .rsplit_once('@')
        .map_or(authority, |(_, host)| host);
    let host = match host.find(']') {
        Some(end) => host.get(..=end)?,
        None => host.split(':').next()?,
    };
    (!host.is_empty()).then_some(host)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::{World, client, ready};
    use super::*;

    #[test]
    fn pseudonyms_are_those_that_keycloak_makes() {
        let user = "bec7dfd8-dbe4-458e-9ca7-32375a0448e7";
        let expected = "18cf6a14-8806-3d41-b8b9-e7fe800b46c6";
        assert_eq!(pseudonym("app.example", user, "salt"), expected);
    }

    #[test]
    fn hosts_of_uris() {
        let cases = [
            ("http://App.example/*", Some("App.example")),
            ("https://user@app.example:8443?x", Some("app.example")),
            ("http://[::1]:80/", Some("[::1]")),
            ("myapp:/cb", None),
            ("https:///x", None),
            ("*", None),
        ];
        for (uri, expected) in cases {
            assert_eq!(host(uri), expected, "{uri}");
        }
    }

    #[test]
    fn sectors_come_from_the_setting_or_from_redirect_uris() {
        let sub = |body: Value, config: &[(&str, &str)]| {
            let world = World {
                client: client(&body),
                ..World::new()
            };
            let mut claims = Claims::default();
            let mapper = ready("oidc-sha256-pairwise-sub-mapper", config);
            pairwise(&mapper, &world.subject(), &mut claims);
            claims.get("sub").unwrap().as_str().unwrap().to_owned()
        };
        let salt = ("pairwiseSubAlgorithmSalt", "salt");
        let user = World::new().person.user.id;
        let of = |sector: &str| pseudonym(sector, user.as_str(), "salt");
        let one_host = json!({"redirectUris": ["http://a.example/x", "https://a.example/*"]});
        assert_eq!(sub(one_host.clone(), &[salt]), of("a.example"));
        let setting = ("sectorIdentifierUri", "https://sector.example/list.json");
        assert_eq!(sub(one_host, &[salt, setting]), of("sector.example"));
        let relative = json!({"rootUrl": "http://r.example/", "redirectUris": ["/x"]});
        assert_eq!(sub(relative, &[salt]), of("r.example"));
        let hosts = json!({"redirectUris": ["http://a.example/", "http://b.example/"]});
        assert_eq!(sub(hosts, &[salt]), of("app"));
    }
}
