//! What a browser that is to log out was sent with, and what of it is true (OpenID Connect
//! RP-Initiated Logout 1.0 §2, §3).

use std::sync::Arc;

use claviger_model::{Seconds, SessionId};
use claviger_store::StoreError;

use super::scope::{LogoutScope, PARAMETER};
use crate::app::App;
use crate::client::Client;
use crate::events::EventBuilder;
use crate::page::Message;
use crate::realm::Realm;
use crate::redirect::{PostLogoutUri, post_logout_uri};
use crate::request::RequestContext;
use crate::token::TokenClaims;

/// The parameters of a request; those that are empty are none.
#[derive(Clone, Default)]
pub struct Asked {
    /// `id_token_hint`.
    pub hint: Option<String>,
    /// `client_id`.
    pub client_id: Option<String>,
    /// `post_logout_redirect_uri`.
    pub redirect_uri: Option<String>,
    /// `redirect_uri`, as it was called before the standard was made.
    pub legacy_redirect_uri: Option<String>,
    /// `state`.
    pub state: Option<String>,
    /// `ui_locales`.
    pub ui_locales: Option<String>,
    /// `initiating_idp`: the identity provider at which the logout began, which is not told again.
    pub initiating_idp: Option<String>,
    /// `logout_scope`: how far the logout is to reach ([`LogoutScope`]).
    pub scope: Option<String>,
}

/// Tokens are not for logs.
impl std::fmt::Debug for Asked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Asked")
            .field("client_id", &self.client_id)
            .finish_non_exhaustive()
    }
}

/// Why a browser is not logged out. Its event says more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// An address without anything that tells whose it is.
    HintMissing,
    /// The hint is no ID token of this realm, or another client's.
    HintInvalid,
    /// The client has not registered the address.
    RedirectUri,
    /// The hint is older than the session that it names.
    NotActive,
    /// The question whether to log out is over, or was never asked.
    Over,
    /// No such scope of a logout.
    Scope,
}

impl Refusal {
    /// The event's `error`.
    pub const fn error(self) -> &'static str {
        match self {
            Self::HintMissing | Self::Scope => "invalid_request",
            Self::HintInvalid | Self::NotActive => "invalid_token",
            Self::RedirectUri => "invalid_redirect_uri",
            Self::Over => "session_expired",
        }
    }

    /// What the person is told.
    pub fn message(self) -> Message {
        match self {
            Self::HintMissing => Message::with("missingParameterMessage", &["id_token_hint"]),
            Self::HintInvalid => Message::with("invalidParameterMessage", &["id_token_hint"]),
            Self::RedirectUri => Message::new("invalidRedirectUriMessage"),
            Self::NotActive => Message::new("sessionNotActiveMessage"),
            Self::Over => Message::new("failedLogout"),
            Self::Scope => Message::with("invalidParameterMessage", &[PARAMETER]),
        }
    }
}

/// What a request comes to before it is known who sits there.
#[derive(Clone, Debug)]
pub(super) struct Checked {
    /// Who sent the browser.
    pub client: Option<Arc<Client>>,
    /// What the hint says.
    pub hint: Option<Hint>,
    /// Where to, afterwards.
    pub target: Option<PostLogoutUri>,
    /// Whether the request itself shows that its client wants it: else the person is asked.
    pub is_vouched_for: bool,
    /// How far.
    pub scope: LogoutScope,
}

/// An ID token that was issued here, whether or not its time is over: people come back after hours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Hint {
    /// `sid`.
    pub session: Option<SessionId>,
    /// `iat`.
    pub issued_at: Seconds,
}

/// Checks a request in Keycloak's order.
pub(super) async fn check(
    app: &App,
    realm: &Realm,
    context: &RequestContext,
    asked: &Asked,
    event: &mut EventBuilder,
) -> Result<Result<Checked, Refusal>, StoreError> {
    let Some(scope) = asked
        .scope
        .as_deref()
        .map_or(Some(LogoutScope::default()), LogoutScope::parse)
    else {
        return Ok(Err(Refusal::Scope));
    };
    let legacy = asked
        .legacy_redirect_uri
        .as_deref()
        .filter(|_| app.takes_legacy_redirect_uri());
    let (hint, client_id) = (asked.hint.as_deref(), asked.client_id.as_deref());
    if asked.redirect_uri.is_some() && hint.is_none() && client_id.is_none() {
        let text = "Either the parameter 'client_id' or the parameter 'id_token_hint' is required \
                    when 'post_logout_redirect_uri' is used.";
        event.detail("reason", text);
        return Ok(Err(Refusal::HintMissing));
    }
    let token = match hint {
        None => None,
        Some(text) => match read(realm, context, text, client_id, event).await? {
            Ok(token) => Some(token),
            Err(reason) => {
                event.detail("reason", reason);
                return Ok(Err(Refusal::HintInvalid));
            }
        },
    };
    let issued_for = token.as_ref().and_then(|token| token.issued_for.as_deref());
    let client = match client_id.or(issued_for) {
        Some(id) => realm.client(id).await?,
        None => None,
    };
    if let Some(client) = &client {
        event.client(&client.client_id);
    }
    let wanted = asked.redirect_uri.as_deref().or(legacy);
    let target = match (wanted, &client) {
        (Some(wanted), Some(client)) => post_logout_uri(client, &context.base_url, wanted),
        (Some(wanted), None) if client_id.is_none() && asked.redirect_uri.is_none() => {
            anybodys(app, realm, context, wanted).await?
        }
        (Some(_) | None, _) => None,
    };
    if let (Some(wanted), None) = (wanted, &target) {
        event.detail("redirect_uri", wanted);
        return Ok(Err(Refusal::RedirectUri));
    }
    Ok(Ok(Checked {
        is_vouched_for: client.is_some() && issued_for.is_some(),
        hint: token.map(|token| Hint {
            session: token.session,
            issued_at: token.issued_at,
        }),
        client,
        target,
        scope,
    }))
}

/// An address that any client of the realm has registered: all there is to go by where nothing but
/// the old `redirect_uri` was sent.
async fn anybodys(
    app: &App,
    realm: &Realm,
    context: &RequestContext,
    wanted: &str,
) -> Result<Option<PostLogoutUri>, StoreError> {
    let kind = claviger_wire::document::Kind::Client;
    for document in app.store.documents(&realm.id, kind).await? {
        let Some(client) = realm.client(&document.unique_name).await? else {
            continue;
        };
        let usable = client.settings.enabled && !client.settings.bearer_only;
        let found = usable.then(|| post_logout_uri(&client, &context.base_url, wanted));
        if let Some(target) = found.flatten() {
            return Ok(Some(target));
        }
    }
    Ok(None)
}

/// Reads an ID token of this realm.
async fn read(
    realm: &Realm,
    context: &RequestContext,
    text: &str,
    client_id: Option<&str>,
    event: &mut EventBuilder,
) -> Result<Result<TokenClaims, String>, StoreError> {
    let ring = realm.keys().await?;
    let Some(token) = TokenClaims::verify(&ring, text) else {
        return Ok(Err("Invalid IDToken".to_owned()));
    };
    if token.kind != "ID" {
        let kind = &token.kind;
        return Ok(Err(format!(
            "Token type is incorrect. Expected '[ID]' but was '{kind}'"
        )));
    }
    if !context.is_issuer(&token.issuer, &realm.name) {
        return Ok(Err("Invalid IDToken".to_owned()));
    }
    if let (Some(client_id), Some(issued_for)) = (client_id, &token.issued_for)
        && client_id != issued_for
    {
        event.client_said(client_id);
        let text =
            "Parameter client_id is different than the client for which ID Token was issued.";
        return Ok(Err(text.to_owned()));
    }
    Ok(Ok(token))
}
