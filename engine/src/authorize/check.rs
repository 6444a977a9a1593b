//! The rules for authorization requests, in Keycloak's order: first where an answer may go, then how
//! it travels, then what is asked for. Each refusal is told in the last place that was found good.

use claviger_store::StoreError;
use url::Url;

use super::pkce;
use super::request::AuthorizationRequest;
use super::response::{ResponseMode, ResponseType};
use crate::client::Client;
use crate::events::EventBuilder;
use crate::profile::uri;
use crate::realm::Realm;
use crate::redirect::{RedirectUri, only_redirect_uri, redirect_uri};
use crate::scope;

/// No address that the client registered: nobody is sent anywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an address that the client registered")]
pub struct Misdirected;

/// A refusal to be told to the client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The error of the event.
    pub event_error: &'static str,
    /// Its reason, where it has one.
    pub reason: Option<String>,
    /// The error that the client reads (RFC 6749 §4.1.2.1).
    pub error: &'static str,
    /// What else it reads.
    pub description: Option<String>,
}

impl Refused {
    /// A request that is not as it should be; client and event are told the same.
    pub fn invalid(text: impl Into<String>) -> Self {
        let text = text.into();
        Self {
            event_error: "invalid_request",
            reason: Some(text.clone()),
            error: "invalid_request",
            description: Some(text),
        }
    }

    fn not_allowed(text: &str) -> Self {
        Self {
            event_error: "not_allowed",
            error: "unauthorized_client",
            ..Self::invalid(text)
        }
    }
}

/// Where the answer goes. OpenID Connect wants it named (Core §3.1.2.1); OAuth 2.0 lets it be where
/// there is only one (RFC 6749 §3.1.2.3).
///
/// # Errors
///
/// No address to go to.
pub fn redirect(
    client: &Client,
    base_url: &str,
    request: &AuthorizationRequest,
    event: &mut EventBuilder,
) -> Result<RedirectUri, Misdirected> {
    let asked = request.get("redirect_uri");
    event.detail("redirect_uri", asked.unwrap_or_default());
    let is_openid = scope::has_word(request.get("scope"), scope::OPENID);
    let found = match asked {
        Some(asked) => redirect_uri(client, base_url, asked),
        None if is_openid => None,
        None => only_redirect_uri(client, base_url),
    };
    found.ok_or(Misdirected)
}

/// What is to be answered, and how.
///
/// # Errors
///
/// A refusal, and the mode in which it is told.
pub fn response(
    client: &Client,
    request: &AuthorizationRequest,
    event: &mut EventBuilder,
) -> Result<(ResponseType, ResponseMode), (Refused, ResponseMode)> {
    let asked_mode = request.get("response_mode");
    let Some(asked) = request.get("response_type") else {
        let refused = Refused::invalid("Missing parameter: response_type");
        return Err((refused, ResponseMode::of_wrong_type(asked_mode)));
    };
    event.detail("response_type", asked);
    let kind = ResponseType::parse(asked).map_err(|reason| {
        let refused = Refused {
            error: "unsupported_response_type",
            description: None,
            ..Refused::invalid(reason)
        };
        (refused, ResponseMode::of_wrong_type(asked_mode))
    })?;
    let Some(mode) = ResponseMode::parse(asked_mode, kind) else {
        let refused = Refused::invalid("Invalid parameter: response_mode");
        return Err((refused, ResponseMode::QUERY));
    };
    delivery(client, kind, mode, event).map_err(|refused| (refused, mode))?;
    Ok((kind, mode))
}

/// Whether a client may be handed that, and in that way.
///
/// # Errors
///
/// A refusal.
pub(super) fn delivery(
    client: &Client,
    kind: ResponseType,
    mode: ResponseMode,
    event: &mut EventBuilder,
) -> Result<(), Refused> {
    let settings = &client.settings;
    let in_query = mode.delivery == crate::browser::Delivery::Query;
    // Tokens in a query end up in logs and histories (Multiple Response Types §3).
    if kind.is_implicit_or_hybrid() && in_query && !mode.jwt {
        let text = "Response_mode 'query' not allowed for implicit or hybrid flow";
        return Err(Refused::invalid(text));
    }
    event.detail("response_mode", mode.event_name());
    let is_sealed = ["alg", "enc"].iter().all(|part| {
        let name = format!("authorization.encrypted.response.{part}");
        settings.attribute(&name).is_some()
    });
    if kind.is_implicit_or_hybrid() && in_query && !is_sealed {
        return Err(Refused::invalid(
            "Response_mode 'query.jwt' is allowed only when the authorization response token is encrypted",
        ));
    }
    if !kind.is_implicit() && !settings.standard_flow_enabled {
        return Err(Refused::not_allowed(
            "Client is not allowed to initiate browser login with given response_type. \
             Standard flow is disabled for the client.",
        ));
    }
    if kind.is_implicit_or_hybrid() && settings.flag_attribute("dpop.bound.access.tokens", false) {
        return Err(Refused::not_allowed(
            "DPoP is not supported for implicit nor hybrid flows. \
             Client requires DPoP bound access tokens.",
        ));
    }
    if kind.is_implicit_or_hybrid() && !settings.implicit_flow_enabled {
        return Err(Refused::not_allowed(
            "Client is not allowed to initiate browser login with given response_type. \
             Implicit flow is disabled for the client.",
        ));
    }
    Ok(())
}

/// Refuses a browser's request where the realm or the client wants requests pushed (RFC 9126 §5).
///
/// # Errors
///
/// A refusal.
pub fn must_be_pushed(client: &Client, request: &AuthorizationRequest) -> Result<(), Refused> {
    let name = "require.pushed.authorization.requests";
    let required = client.settings.flag_attribute(name, false);
    if !required || request.pushed().is_some() {
        return Ok(());
    }
    Err(Refused::invalid(
        "Pushed Authorization Request is only allowed.",
    ))
}

/// Everything else.
///
/// # Errors
///
/// The store's, and inside, a refusal.
pub async fn rest(
    realm: &Realm,
    client: &Client,
    request: &AuthorizationRequest,
    kind: ResponseType,
) -> Result<Result<(), Refused>, StoreError> {
    if let Some(fault) = request.fault() {
        return Ok(Err(Refused {
            reason: None,
            ..Refused::invalid(fault)
        }));
    }
    let asked = request.get("scope");
    if !scope::is_valid(realm, client, asked).await? {
        let text = format!("Invalid scopes: {}", asked.unwrap_or_default());
        return Ok(Err(Refused {
            error: "invalid_scope",
            ..Refused::invalid(text)
        }));
    }
    Ok(resource(request)
        .and_then(|()| nonce(request, kind))
        .and_then(|()| challenge(client, request, kind)))
}

/// A resource is an absolute address without query and fragment (RFC 8707 §2).
fn resource(request: &AuthorizationRequest) -> Result<(), Refused> {
    let Some(resource) = request.get("resource") else {
        return Ok(());
    };
    let plain = |url: Url| url.fragment().is_none() && url.query().is_none();
    let is_good = uri::parse(resource).is_ok() && Url::parse(resource).is_ok_and(plain);
    if is_good {
        return Ok(());
    }
    Err(Refused {
        error: "invalid_target",
        description: Some(
            "The requested resource is invalid, missing, unknown, or malformed.".to_owned(),
        ),
        ..Refused::invalid(format!("Invalid resource: {resource}"))
    })
}

/// An ID token that travels through the browser is bound to the request by a nonce (Core §3.2.2.1).
fn nonce(request: &AuthorizationRequest, kind: ResponseType) -> Result<(), Refused> {
    if kind.has_id_token() && request.get("nonce").is_none() {
        return Err(Refused::invalid("Missing parameter: nonce"));
    }
    Ok(())
}

/// PKCE (RFC 7636 §4.3), as strict as the client's settings.
fn challenge(
    client: &Client,
    request: &AuthorizationRequest,
    kind: ResponseType,
) -> Result<(), Refused> {
    if kind.is_implicit() {
        return Ok(());
    }
    let enforced = client.settings.attribute("pkce.code.challenge.method");
    pkce::check(
        enforced,
        request.get("code_challenge"),
        request.get("code_challenge_method"),
    )
    .map_err(Refused::invalid)
}

#[cfg(test)]
mod tests {
    use claviger_wire::document::{Document, Kind};
    use serde_json::{Value, json};

    use super::*;

    fn client(more: &Value) -> Client {
        let mut body = json!({"id": "c", "clientId": "app",
            "redirectUris": ["http://app.example/cb"], "implicitFlowEnabled": true});
        let all = body.as_object_mut().unwrap();
        all.extend(more.as_object().unwrap().clone());
        let document = Document {
            kind: Kind::Client,
            id: "c".into(),
            parent: String::new(),
            unique_name: "app".into(),
            enabled: true,
            body: all.clone(),
        };
        Client::new(document, Vec::new(), Vec::new(), Vec::new())
    }

    fn request(pairs: &[(&str, &str)]) -> AuthorizationRequest {
        AuthorizationRequest::from_pairs(pairs.iter().copied())
    }

    fn event() -> EventBuilder {
        EventBuilder::new("LOGIN", "127.0.0.1")
    }

    #[test]
    fn openid_connect_wants_the_address_named() {
        let (client, base) = (client(&json!({})), "http://id.example");
        let at = |pairs: &[(&str, &str)]| {
            redirect(&client, base, &request(pairs), &mut event())
                .map(|uri| uri.as_str().to_owned())
        };
        assert_eq!(at(&[]).unwrap(), "http://app.example/cb");
        assert_eq!(at(&[("scope", "openid")]), Err(Misdirected));
        assert_eq!(
            at(&[("redirect_uri", "http://evil.example/cb")]),
            Err(Misdirected)
        );
        assert_eq!(at(&[("redirect_uri", "")]), Err(Misdirected));
    }

    #[test]
    fn tokens_travel_in_no_query_unless_they_are_sealed() {
        let bound = json!({"attributes": {"dpop.bound.access.tokens": "true"}});
        let sealed = json!({"attributes": {"authorization.encrypted.response.alg": "RSA-OAEP",
            "authorization.encrypted.response.enc": "A256GCM"}});
        let cases = [
            (
                json!({}),
                "token",
                Some("query"),
                "Response_mode 'query' not allowed",
            ),
            (
                json!({}),
                "code token",
                Some("query.jwt"),
                "is allowed only when",
            ),
            (sealed.clone(), "code token", Some("query.jwt"), ""),
            (
                sealed,
                "token",
                Some("query"),
                "Response_mode 'query' not allowed",
            ),
            (json!({}), "code", Some("query"), ""),
            (json!({}), "token", None, ""),
            (
                json!({"standardFlowEnabled": false}),
                "code",
                None,
                "Standard flow is disabled",
            ),
            (
                json!({"standardFlowEnabled": false}),
                "none",
                None,
                "Standard flow is disabled",
            ),
            (
                json!({"standardFlowEnabled": false}),
                "code token",
                None,
                "Standard flow",
            ),
            (json!({"standardFlowEnabled": false}), "token", None, ""),
            (
                json!({"implicitFlowEnabled": false}),
                "code id_token",
                None,
                "Implicit flow is",
            ),
            (json!({"implicitFlowEnabled": false}), "none", None, ""),
            (bound, "token", None, "DPoP is not supported"),
        ];
        for (more, kind, mode, expected) in cases {
            let mut pairs = vec![("response_type", kind)];
            pairs.extend(mode.map(|mode| ("response_mode", mode)));
            let found = response(&client(&more), &request(&pairs), &mut event());
            let text = match found {
                Ok(_) => String::new(),
                Err((refused, _)) => refused.description.unwrap_or_default(),
            };
            assert!(text.contains(expected), "{more} {kind}: {text}");
            assert_eq!(
                text.is_empty(),
                expected.is_empty(),
                "{more} {kind}: {text}"
            );
        }
    }

    #[test]
    fn a_resource_is_an_address_without_a_fragment() {
        for (resource, good) in [
            ("https://api.example/v1", true),
            ("urn:shop", true),
            ("https://api.example/#x", false),
            ("relative", false),
        ] {
            let found = super::resource(&request(&[("resource", resource)]));
            assert_eq!(found.is_ok(), good, "{resource}");
        }
    }
}
