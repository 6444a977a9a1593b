//! Telling a client that its login came to nothing (RFC 6749 §4.1.2.1, OpenID Connect Core §3.1.2.6).

use std::sync::Arc;

use claviger_model::AuthenticationSession;

use super::answer::{AnswerError, Answerer};
use super::check;
use super::client_data::ClientData;
use super::oob;
use super::request::AuthorizationRequest;
use super::response::{ResponseMode, ResponseType};
use crate::app::App;
use crate::browser::ClientAnswer;
use crate::client::Client;
use crate::events::EventBuilder;
use crate::realm::Realm;
use crate::request::RequestContext;

/// Why a login came to nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Nobody is signed in, and nobody may be asked (`prompt=none`).
    LoginRequired,
    /// Somebody is signed in, and would have to be asked something (`prompt=none`).
    InteractionRequired,
    /// The person did not consent.
    ConsentDenied,
    /// The person, or a rule of the flow, broke it off, with a word on it.
    AccessDenied(Option<String>),
    /// The person does not want to do what the application asked for.
    ActionCancelled,
    /// The login was over before it was finished: another tab was faster, or the time was up.
    Expired,
    /// The server failed.
    Failed,
}

impl Refusal {
    const fn error(&self) -> &'static str {
        match self {
            Self::LoginRequired => "login_required",
            Self::InteractionRequired => "interaction_required",
            Self::ConsentDenied | Self::AccessDenied(_) | Self::ActionCancelled => "access_denied",
            Self::Expired => "temporarily_unavailable",
            Self::Failed => "server_error",
        }
    }

    fn description(&self) -> Option<&str> {
        match self {
            Self::AccessDenied(text) => text.as_deref(),
            Self::ActionCancelled => Some("User cancelled application-initiated action."),
            Self::Expired => Some("authentication_expired"),
            Self::LoginRequired
            | Self::InteractionRequired
            | Self::ConsentDenied
            | Self::Failed => None,
        }
    }
}

/// The parameters of a refusal, in Keycloak's order.
pub(super) fn parameters(
    answerer: &Answerer<'_>,
    error: &str,
    description: Option<&str>,
    state: Option<&str>,
) -> Vec<(String, String)> {
    let issuer = answerer.names_issuer().then_some(answerer.issuer.as_str());
    let all = [
        ("error", Some(error)),
        ("error_description", description),
        ("state", state),
        ("iss", issuer),
    ];
    all.into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned())))
        .collect()
}

impl Answerer<'_> {
    /// The answer that tells a refusal.
    ///
    /// # Errors
    ///
    /// A signature or encryption that failed.
    pub async fn refusal(
        &self,
        app: &App,
        error: &str,
        description: Option<&str>,
        state: Option<&str>,
    ) -> Result<ClientAnswer, AnswerError> {
        let parameters = parameters(self, error, description, state);
        self.answer(app, parameters).await
    }
}

/// Tells the client of a tab that its login came to nothing. The tab is the caller's to end, and so
/// is the event.
///
/// # Errors
///
/// A signature or encryption that failed.
pub async fn refuse(
    app: &App,
    realm: &Realm,
    context: &RequestContext,
    (client, tab): (&Arc<Client>, &AuthenticationSession),
    refusal: &Refusal,
) -> Result<ClientAnswer, AnswerError> {
    let note = |name: &str| tab.client_notes.get(name).map(String::as_str);
    let kind = note("response_type").and_then(|text| ResponseType::parse(text).ok());
    let mode = ResponseMode::parse(note("response_mode"), kind.unwrap_or_default());
    let answerer = Answerer {
        realm,
        client,
        redirect_uri: tab.redirect_uri.as_deref().unwrap_or_default(),
        mode: mode.unwrap_or(ResponseMode::QUERY),
        issuer: context.issuer_at(&tab.base_path, &realm.name),
    };
    answerer
        .refusal(app, refusal.error(), refusal.description(), note("state"))
        .await
}

/// Tells a client whose tab is gone, by what the browser's address still says of it; none if that is
/// not an answer that the client may be given. Nothing of `data` is believed: it was sent by the
/// browser.
///
/// # Errors
///
/// A signature or encryption that failed.
pub async fn refuse_stale(
    app: &App,
    realm: &Realm,
    context: &RequestContext,
    (client, data): (&Arc<Client>, &ClientData),
    refusal: &Refusal,
) -> Result<Option<ClientAnswer>, AnswerError> {
    let asked = data.redirect_uri.as_deref().unwrap_or_default();
    let Some(to) = oob::registered(context, realm, client, asked) else {
        return Ok(None);
    };
    // The same rules as for a request: what is not handed out to this client is not pretended either.
    let said = [
        ("response_type", &data.response_type),
        ("response_mode", &data.response_mode),
    ];
    let said = said
        .iter()
        .filter_map(|(name, value)| Some((*name, value.as_deref()?)));
    let request = AuthorizationRequest::from_pairs(said);
    let mut unheard = EventBuilder::new("LOGIN", &context.ip_address);
    let Ok((_, mode)) = check::response(client, &request, &mut unheard) else {
        return Ok(None);
    };
    let answerer = Answerer {
        realm,
        client,
        redirect_uri: &to,
        mode,
        issuer: context.issuer(&realm.name),
    };
    let state = data.state.as_deref();
    answerer
        .refusal(app, refusal.error(), refusal.description(), state)
        .await
        .map(Some)
}
