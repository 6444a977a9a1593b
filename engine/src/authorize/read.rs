//! Reading a request from wherever its parameters are.

use std::sync::Arc;

use claviger_store::StoreError;

use super::object;
use super::pushed;
use super::request::{AuthorizationRequest, Precedence};
use crate::app::App;
use crate::client::Client;
use crate::realm::Realm;
use crate::redirect;
use crate::request::RequestContext;
use crate::scope;

/// Where a request came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Door {
    /// The authorization endpoint, through a browser.
    Browser,
    /// The endpoint for pushed requests.
    Pushed,
}

/// Why a request cannot be read. The text is for the event and for clients that push.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// By a rule.
    #[error("{0}")]
    Refused(String),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

fn refused(text: impl Into<String>) -> ReadError {
    ReadError::Refused(text.into())
}

/// Reads the request of a client: its parameters, and the request object that they hold or lead to.
/// `parameters` has `request` and `request_uri` as well.
///
/// # Errors
///
/// What cannot be read, or is not to be believed.
pub async fn read(
    app: &App,
    realm: &Realm,
    context: &RequestContext,
    client: &Arc<Client>,
    (door, parameters): (Door, &[(String, String)]),
) -> Result<AuthorizationRequest, ReadError> {
    let first = |wanted: &str| {
        let found = parameters.iter().find(|(name, _)| name == wanted);
        found.map(|(_, value)| value.as_str())
    };
    let (by_value, by_reference) = (first("request"), first("request_uri"));
    let mut request = AuthorizationRequest::from_pairs(
        parameters
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str())),
    );
    let is_pushed = by_reference.is_some_and(pushed::is_pushed);
    let is_openid = scope::has_word(request.get("scope"), scope::OPENID);
    if door == Door::Browser && is_openid && !is_pushed && request.get("response_type").is_none() {
        // Named outside the object as well (OpenID Connect Core §6.1).
        request.blame("Missing parameter: response_type");
    }
    check_number(&request)?;
    if request.fault().is_some() {
        return Ok(request);
    }
    require(client, door, by_value.is_some(), by_reference.is_some())?;
    let context = (context, client);
    let object = match (by_value, by_reference) {
        (None, None) => return Ok(request),
        (Some(_), Some(_)) => {
            let text = "Illegal to use both 'request' and 'request_uri' parameters together";
            return Err(refused(text));
        }
        (None, Some(uri)) if is_pushed => {
            let pushed = pushed::find(app, realm, client, uri)
                .await?
                .map_err(refused)?;
            request.set_pushed(uri);
            pushed
        }
        (Some(text), None) => from_object(app, realm, context, text).await?,
        (None, Some(uri)) => {
            let text = fetch(app, context, uri).await?;
            from_object(app, realm, context, &text).await?
        }
    };
    let precedence = match door {
        Door::Browser => Precedence::Wins,
        Door::Pushed => Precedence::Alone,
    };
    let taken = request.take(object, precedence);
    taken.map_err(|error| refused(error.to_string()))?;
    check_number(&request)?;
    Ok(request)
}

fn check_number(request: &AuthorizationRequest) -> Result<(), ReadError> {
    let checked = request.max_age();
    checked
        .map(drop)
        .map_err(|text| refused(format!("For input string: \"{text}\"")))
}

/// Whether the request comes as the client is registered for (`request.object.required`).
fn require(client: &Client, door: Door, value: bool, reference: bool) -> Result<(), ReadError> {
    let missing = match client.settings.attribute("request.object.required") {
        Some("request or request_uri") if !value && !reference => match door {
            Door::Browser => "'request' or 'request_uri'",
            Door::Pushed => "'request'",
        },
        Some("request only") if !value => "'request'",
        Some("request_uri only") if !reference && door == Door::Browser => "'request_uri'",
        Some(_) | None => return Ok(()),
    };
    Err(refused(format!(
        "Client is required to use {missing} parameter."
    )))
}

type Asking<'a> = (&'a RequestContext, &'a Arc<Client>);

async fn from_object(
    app: &App,
    realm: &Realm,
    asking: Asking<'_>,
    text: &str,
) -> Result<AuthorizationRequest, ReadError> {
    let claims = object::open(app, realm, asking, text).await;
    let claims = claims.map_err(|error| {
        if let object::ObjectError::Store(error) = error {
            return ReadError::Store(error);
        }
        refused(error.to_string())
    })?;
    Ok(AuthorizationRequest::from_claims(&claims))
}

/// Fetches a request object from an address that the client registered (OpenID Connect Core §6.2),
/// by the one way out, with its limits.
async fn fetch(app: &App, (context, client): Asking<'_>, uri: &str) -> Result<String, ReadError> {
    let address = redirect::request_uri(client, &context.base_url, uri)
        .ok_or_else(|| refused("Specified 'request_uri' not allowed for this client."))?;
    // A fragment tells versions apart, and is not sent (§6.2).
    let address = address.split('#').next().unwrap_or_default().to_owned();
    let body = app.network.get(address).await.map_err(|error| {
        tracing::warn!(client = client.client_id, "no request object: {error}");
        refused("The request object could not be fetched")
    })?;
    String::from_utf8(body).map_err(|_| refused("Failed to parse JWT header"))
}
