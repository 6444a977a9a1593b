//! What a provider publishes about itself, as settings of an identity provider: OpenID Connect
//! Discovery 1.0 §3, RFC 8414 §2.

use claviger_wire::broker::{Family, provider};
use claviger_wire::document::Json;
use serde_json::{Map, json};

use crate::network::{Network, NetworkError};

/// How long a description may be, in bytes.
const LENGTH_MAX: usize = 1024 * 1024;

/// Why a description gave no settings.
#[derive(Debug, thiserror::Error)]
pub enum DiscoveryError {
    /// There is no such kind of identity provider.
    #[error("there is no such kind of identity provider")]
    NoSuchKind,
    /// Nobody of this kind publishes anything that could be read.
    #[error("providers of this kind do not describe themselves")]
    Speechless,
    /// Metadata of SAML, which this server does not read yet.
    #[error("metadata of SAML is not read yet")]
    Saml,
    /// It is no JSON object with texts in it, or too long.
    #[error("it is no description of an OpenID Connect provider")]
    Unreadable,
    /// Nobody gave it.
    #[error(transparent)]
    Network(#[from] NetworkError),
}

/// Settings by what each is called in a description.
const COMMON: [(&str, &str); 5] = [
    ("issuer", "issuer"),
    ("authorizationUrl", "authorization_endpoint"),
    ("tokenUrl", "token_endpoint"),
    ("userInfoUrl", "userinfo_endpoint"),
    ("tokenIntrospectionUrl", "introspection_endpoint"),
];

/// The settings of an identity provider of this kind, as a description has them.
pub fn settings(kind: &str, description: &[u8]) -> Result<Json, DiscoveryError> {
    let known = provider(kind).ok_or(DiscoveryError::NoSuchKind)?;
    let is_plain = !known.types.is_empty();
    match known.family {
        Family::Saml => return Err(DiscoveryError::Saml),
        Family::Kubernetes | Family::JwtGrant => return Err(DiscoveryError::Speechless),
        // Everything that matters of those is known.
        Family::OpenIdConnect | Family::OAuth2 | Family::Google if !is_plain => {
            return Ok(Json::new());
        }
        Family::OpenIdConnect | Family::OAuth2 | Family::Google | Family::Generic => {}
    }
    if description.len() > LENGTH_MAX {
        return Err(DiscoveryError::Unreadable);
    }
    let found: Json =
        serde_json::from_slice(description).map_err(|_| DiscoveryError::Unreadable)?;
    let text = |name: &str| match found.get(name) {
        None => Ok(None),
        Some(value) if value.is_null() => Ok(None),
        Some(value) => value.as_str().map(Some).ok_or(DiscoveryError::Unreadable),
    };
    let mut settings = Map::new();
    for (setting, name) in COMMON {
        if let Some(value) = text(name)? {
            settings.insert(setting.to_owned(), json!(value));
        }
    }
    if known.family == Family::Generic {
        return Ok(settings);
    }
    if let Some(value) = text("end_session_endpoint")? {
        settings.insert("logoutUrl".to_owned(), json!(value));
    }
    if let Some(value) = text("jwks_uri")? {
        settings.insert("jwksUrl".to_owned(), json!(value));
        settings.insert("useJwksUrl".to_owned(), json!("true"));
        settings.insert("validateSignature".to_owned(), json!("true"));
    }
    Ok(settings)
}

/// The same from where the description is published, with the address of it. It is called only if
/// something can become of it.
pub async fn fetch(
    network: &dyn Network,
    kind: &str,
    address: &str,
) -> Result<Json, DiscoveryError> {
    settings(kind, b"{}")?;
    let description = network.get(address.to_owned()).await?;
    let mut found = settings(kind, &description)?;
    found.insert("metadataDescriptorUrl".to_owned(), json!(address));
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_description_becomes_settings() {
        let found = json!({
            "issuer": "https://i", "authorization_endpoint": "https://a", "token_endpoint": "https://t",
            "jwks_uri": "https://j", "end_session_endpoint": "https://l", "introspection_endpoint": null,
            "scopes_supported": ["openid"],
        });
        let found = found.to_string();
        let oidc = json!({
            "issuer": "https://i", "authorizationUrl": "https://a", "tokenUrl": "https://t",
            "jwksUrl": "https://j", "useJwksUrl": "true", "validateSignature": "true",
            "logoutUrl": "https://l",
        });
        let oauth2 = json!({"issuer": "https://i", "authorizationUrl": "https://a", "tokenUrl": "https://t"});
        for (kind, expected) in [
            ("oidc", &oidc),
            ("keycloak-oidc", &oidc),
            ("oauth2", &oauth2),
            ("github", &json!({})),
            ("google", &json!({})),
        ] {
            let settings = settings(kind, found.as_bytes()).unwrap();
            assert_eq!(&json!(settings), expected, "{kind}");
        }
    }

    #[test]
    fn what_is_no_description_gives_nothing() {
        for text in ["", "[]", "nonsense", r#"{"issuer": 7}"#] {
            let found = settings("oidc", text.as_bytes());
            assert!(matches!(found, Err(DiscoveryError::Unreadable)), "{text}");
        }
        let long = format!(r#"{{"issuer": "{}"}}"#, "x".repeat(LENGTH_MAX));
        assert!(matches!(
            settings("oidc", long.as_bytes()),
            Err(DiscoveryError::Unreadable)
        ));
        assert!(matches!(settings("saml", b"{}"), Err(DiscoveryError::Saml)));
        assert!(matches!(
            settings("kubernetes", b"{}"),
            Err(DiscoveryError::Speechless)
        ));
        assert!(matches!(
            settings("magic", b"{}"),
            Err(DiscoveryError::NoSuchKind)
        ));
    }
}
