//! What anybody can read off a token, without a key and without asking the server for more than
//! its name. Good for telling a caller what is wrong with a token that was refused already: it
//! depends on nothing but the request, and so gives nothing away.

use claviger_crypto::jws::Unverified;
use claviger_model::Millis;

use super::TokenClaims;
use crate::request::RequestContext;

/// The kind of token that an endpoint takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// An access token.
    Access,
    /// A refresh token, online or offline.
    Refresh,
    /// An ID token.
    Id,
}

/// The first thing that stands out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Apparent {
    /// It is no JWT.
    NoToken,
    /// It is good only with a proof of possession of a key.
    BoundToKey,
    /// It says to be of another kind.
    OtherKind,
    /// It says to be of another realm of this server.
    OtherRealm,
    /// It says to be of another server, or of this one under another name.
    OtherIssuer,
    /// It says that its time is over.
    Over,
    /// Nothing stands out.
    Unremarkable,
}

/// Looks at a token that somebody sent to a realm.
pub fn apparent(
    text: &str,
    expected: Expected,
    request: &RequestContext,
    realm: &str,
    now: Millis,
) -> Apparent {
    let claims = Unverified::parse(text).and_then(|token| token.unverified_claims());
    let Ok(claims) = claims else {
        return Apparent::NoToken;
    };
    let token = TokenClaims::from_json(claims);
    let kind_fits = match expected {
        Expected::Access => matches!(token.kind.as_str(), "Bearer" | "DPoP"),
        Expected::Refresh => token.is_refresh(),
        Expected::Id => token.kind == "ID",
    };
    if !kind_fits {
        return Apparent::OtherKind;
    }
    if !request.is_issuer(&token.issuer, realm) {
        let named = token.issuer.rsplit_once("/realms/");
        let here = named.is_some_and(|(_, name)| request.is_issuer(&token.issuer, name));
        return if here {
            Apparent::OtherRealm
        } else {
            Apparent::OtherIssuer
        };
    }
    if !token.is_active(now) {
        return Apparent::Over;
    }
    if token.is_bound_to_a_key() {
        return Apparent::BoundToKey;
    }
    Apparent::Unremarkable
}

/// For whom a token says to be meant (RFC 7519 §4.1.3); none if it does not say.
pub fn apparent_audience(text: &str) -> Option<Vec<String>> {
    let claims = Unverified::parse(text).and_then(|token| token.unverified_claims());
    let audience = TokenClaims::from_json(claims.ok()?).audience;
    (!audience.is_empty()).then_some(audience)
}

#[cfg(test)]
mod tests {
    use claviger_crypto::encoding::base64url;
    use serde_json::{Value, json};

    use super::*;

    fn request() -> RequestContext {
        RequestContext {
            base_url: "http://id.example".into(),
            base_path: String::new(),
            origin: "http://id.example".into(),
            base_paths: [String::new(), "/auth".into()].into(),
            ip_address: "127.0.0.1".into(),
            secure: false,
            help_links: true,
            backchannel_url: None,
            admin_url: None,
        }
    }

    fn token(claims: &Value) -> String {
        let part = |text: &str| base64url(text.as_bytes());
        format!(
            "{}.{}.c2ln",
            part(r#"{"alg":"RS256"}"#),
            part(&claims.to_string())
        )
    }

    #[test]
    fn a_token_tells_by_itself_what_is_wrong_with_it() {
        let here = "http://id.example/realms/shop";
        let cases = [
            (
                json!({"typ": "Bearer", "iss": here, "exp": 20}),
                Apparent::Unremarkable,
            ),
            (
                json!({"typ": "Bearer", "iss": here, "exp": 10}),
                Apparent::Over,
            ),
            (
                json!({"typ": "Refresh", "iss": here, "exp": 20}),
                Apparent::OtherKind,
            ),
            (
                json!({"typ": "ID", "iss": here, "exp": 20}),
                Apparent::OtherKind,
            ),
            (
                json!({"typ": "Bearer", "iss": "http://id.example/auth/realms/shop", "exp": 20}),
                Apparent::Unremarkable,
            ),
            (
                json!({"typ": "Bearer", "iss": "http://id.example/realms/bank", "exp": 20}),
                Apparent::OtherRealm,
            ),
            (
                json!({"typ": "Bearer", "iss": "http://keycloak:8080/realms/shop", "exp": 20}),
                Apparent::OtherIssuer,
            ),
            (
                json!({"typ": "Bearer", "iss": here, "exp": 20, "cnf": {"jkt": "x"}}),
                Apparent::BoundToKey,
            ),
            (json!({}), Apparent::OtherKind),
        ];
        let look =
            |text: &str| apparent(text, Expected::Access, &request(), "shop", Millis(10_000));
        for (claims, expected) in cases {
            assert_eq!(look(&token(&claims)), expected, "{claims}");
        }
        for text in ["", "x", "a.b.c", "Bearer x"] {
            assert_eq!(look(text), Apparent::NoToken, "{text}");
        }
    }
}
