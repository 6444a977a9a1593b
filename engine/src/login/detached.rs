//! Pages that say how something ended, and that no login stands behind any more: `/login-actions/detached-info`.
//!
//! What such a page says is kept by the browser, signed, so that it can be said again in another language.
//! Keycloak has the same cookie, in the same form.

use std::sync::Arc;

use claviger_crypto::Algorithm;
use claviger_crypto::jws::{self, Unverified};
use claviger_crypto::key_ring::KeyRing;
use claviger_model::ClientUuid;
use serde::{Deserialize, Serialize};

use super::cookies::keys;
use super::scene::url_segment;
use super::{LoginError, scene};
use crate::app::App;
use crate::browser::{Browser, CookieChange, CookieName, Outcome, Reply};
use crate::locale::{self, Wishes};
use crate::page::{Fault, Message, Page, Severity, View};
use crate::realm::Realm;
use crate::request::RequestContext;

/// The parameter that says which of a browser's pages is meant.
pub const STATE: &str = "kc_state_checker";
/// How many characters of it are remembered.
const STATE_MAX: usize = 64;
/// How many bytes of a cookie every browser keeps (RFC 6265 §6.1), with room for its name and attributes.
const COOKIE_BYTES_MAX: usize = 3_800;

/// What a page says, as `KC_STATE_CHECKER` keeps it.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Kept {
    #[serde(rename = "mky")]
    key: String,
    #[serde(rename = "mty")]
    severity: Said,
    #[serde(rename = "mpar", default)]
    args: Vec<String>,
    #[serde(rename = "stat", default, skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(rename = "clid", default, skip_serializing_if = "Option::is_none")]
    client: Option<String>,
    /// The state in the address that the browser shows.
    #[serde(rename = "st1", default, skip_serializing_if = "Option::is_none")]
    current: Option<String>,
    /// The state in the addresses on the page.
    #[serde(rename = "st2")]
    rendered: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum Said {
    Success,
    Info,
    Warning,
    Error,
}

impl From<Severity> for Said {
    fn from(severity: Severity) -> Self {
        match severity {
            Severity::Success => Self::Success,
            Severity::Info => Self::Info,
            Severity::Warning => Self::Warning,
            Severity::Error => Self::Error,
        }
    }
}

impl From<Said> for Severity {
    fn from(said: Said) -> Self {
        match said {
            Said::Success => Self::Success,
            Said::Info => Self::Info,
            Said::Warning => Self::Warning,
            Said::Error => Self::Error,
        }
    }
}

/// The statuses of error pages.
const STATUSES: [(Fault, u16); 7] = [
    (Fault::BadRequest, 400),
    (Fault::Unauthorized, 401),
    (Fault::Forbidden, 403),
    (Fault::NotFound, 404),
    (Fault::TooMany, 429),
    (Fault::Internal, 500),
    (Fault::Unavailable, 503),
];

/// Offers a page that ends something in the realm's other languages. `current` is the [`STATE`] of the
/// request. A page that cannot be kept is shown as it is.
pub async fn offer(
    app: &App,
    realm: &Realm,
    mut outcome: Outcome,
    current: Option<&str>,
) -> Outcome {
    let locales = &realm.settings.locales;
    if !locales.enabled || locales.supported.len() < 2 {
        return outcome;
    }
    let Reply::Page(view) = &mut outcome.reply else {
        return outcome;
    };
    let Some(kept) = kept(app, view, current) else {
        return outcome;
    };
    let cookie = match sign(app, realm, &kept).await {
        Ok(cookie) if cookie.len() <= COOKIE_BYTES_MAX => cookie,
        Ok(_) => return outcome,
        Err(error) => {
            tracing::warn!("a page is offered in no other language: {error}");
            return outcome;
        }
    };
    let address = format!(
        "{}/realms/{}/login-actions/detached-info?{STATE}={}",
        view.base_url,
        url_segment(&realm.name),
        kept.rendered
    );
    view.languages = scene::languages(realm, &address);
    let lifespan = realm.settings.lifespans.access_code_lifespan_user_action;
    outcome.with(CookieChange::set(CookieName::StateChecker, cookie).lasting(lifespan))
}

/// What there is to keep of a page, if it is one of these.
fn kept(app: &App, view: &View, current: Option<&str>) -> Option<Kept> {
    let status = if let Page::Error { fault, .. } = &view.page {
        let known = STATUSES.iter().find(|(known, _)| known == fault);
        known.map(|(_, status)| *status)
    } else if matches!(view.page, Page::Info { .. }) {
        None
    } else {
        return None;
    };
    let (severity, message) = view.message.as_ref()?;
    let current = current.filter(|state| !state.is_empty() && state.len() <= STATE_MAX);
    view.languages.is_empty().then(|| Kept {
        key: message.key.clone(),
        severity: (*severity).into(),
        args: message.args.clone(),
        status,
        client: view
            .client
            .as_ref()
            .map(|client| client.uuid.as_str().to_owned()),
        current: current.map(str::to_owned),
        rendered: app.random.token(18),
    })
}

async fn sign(app: &App, realm: &Realm, kept: &Kept) -> Result<String, LoginError> {
    let ring = keys(app, realm).await?;
    let key = ring
        .active(Algorithm::Hs512, app.now())
        .ok_or(LoginError::NoKey)?;
    let payload = serde_json::to_vec(kept).map_err(|_| LoginError::NoKey)?;
    jws::sign(key, Some("JWT"), &payload).map_err(|_| LoginError::NoKey)
}

/// Reads the cookie, if the realm signed it and it is of the page that is asked for. Nobody has a page
/// of ours say what they like.
fn read(ring: &KeyRing, cookie: &str, state: &str) -> Option<Kept> {
    if cookie.len() > COOKIE_BYTES_MAX {
        return None;
    }
    let token = Unverified::parse(cookie).ok()?;
    let key = ring.verifying(token.header().kid()?, Algorithm::Hs512)?;
    let verified = token.verify(key).ok()?;
    let kept: Kept = serde_json::from_slice(verified.payload()).ok()?;
    let is_meant = kept.rendered == state || kept.current.as_deref() == Some(state);
    is_meant.then_some(kept)
}

/// Says again what a page said, in the language that was chosen on it.
///
/// # Errors
///
/// The store's.
pub async fn show(
    app: &App,
    realm: &Arc<Realm>,
    context: &RequestContext,
    browser: &Browser,
    (state, chosen): (Option<&str>, Option<&str>),
) -> Result<Outcome, LoginError> {
    let mut kept = None;
    if let (Some(cookie), Some(state)) = (&browser.state_checker, state) {
        kept = read(&*keys(app, realm).await?, cookie.reveal(), state);
    }
    let chosen = chosen.and_then(|tag| locale::supported(realm, tag));
    let chosen = chosen.filter(|_| kept.is_some());
    let wishes = Wishes {
        chosen,
        cookie: browser.locale.as_deref(),
        accept: browser.accept_language.as_deref(),
        ..Wishes::default()
    };
    let locale = locale::choose(realm, wishes);
    let Some(kept) = kept else {
        let fault = Fault::BadRequest;
        let page = Page::Error { fault, back: None };
        let view = View::new(realm, &context.base_url, &locale, page);
        let message = Message::new("expiredActionTokenNoSessionMessage");
        return Ok(Outcome::page(view.saying(Severity::Error, message)));
    };
    let client = match kept.client {
        Some(uuid) => realm.client_by_uuid(&ClientUuid::new(uuid)).await?,
        None => None,
    };
    let back = client.as_ref().and_then(|client| scene::back(client));
    let page = if kept.severity == Said::Error {
        let known = STATUSES.iter().find(|(_, code)| Some(*code) == kept.status);
        let fault = known.map_or(Fault::BadRequest, |(fault, _)| *fault);
        Page::Error { fault, back }
    } else {
        Page::Info {
            header: None,
            required_actions: Vec::new(),
            back,
            proceed: None,
        }
    };
    let message = Message {
        key: kept.key,
        args: kept.args,
    };
    let mut view = View::new(realm, &context.base_url, &locale, page);
    view.client = client;
    let outcome = Outcome::page(view.saying(kept.severity.into(), message));
    Ok(match chosen {
        Some(tag) => outcome.with(CookieChange::set(CookieName::Locale, tag)),
        None => outcome,
    })
}
