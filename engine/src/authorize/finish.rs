//! The good answer (RFC 6749 §4.1.2, OpenID Connect Core §3.1.2.5, §3.2.2.5, §3.3.2.5).

use std::collections::BTreeMap;
use std::sync::Arc;

use claviger_model::AuthenticationSession;
use claviger_store::{StoreError, Tx};

use super::answer::{AnswerError, Answerer};
use super::response::{ResponseMode, ResponseType};
use super::{ISSUER, PUSHED, check, code, pushed};
use crate::app::App;
use crate::browser::ClientAnswer;
use crate::client::Client;
use crate::events::EventBuilder;
use crate::gate::Usable;
use crate::person::Person;
use crate::realm::Realm;
use crate::request::RequestContext;
use crate::required_action::{KC_ACTION_STATUS, LAST_PROCESSED};
use crate::scope::{Granted, OFFLINE_ACCESS, has_word};
use crate::session;
use crate::token::{Front, GrantCode, Issue, MintError, Minted, Refresh, mint};

/// A note of a client's part: the session began with a wish for offline access, and has no use
/// beside it.
pub const FIRST_OFFLINE: &str = "first.offline.access";

/// A login that came to its end.
#[derive(Clone, Debug)]
pub struct Finishing<'a> {
    /// The client that asked for it.
    pub client: &'a Arc<Client>,
    /// The tab that it happened in.
    pub tab: &'a AuthenticationSession,
    /// The session that came of it with the client's part, kept by the same job.
    pub usable: &'a Usable,
}

impl From<StoreError> for AnswerError {
    fn from(error: StoreError) -> Self {
        Self::Mint(MintError::Store(error))
    }
}

fn note<'a>(tab: &'a AuthenticationSession, name: &str) -> Option<&'a str> {
    tab.client_notes.get(name).map(String::as_str)
}

/// What a tab's client wants, and how: checked when the tab began.
fn wanted(tab: &AuthenticationSession) -> (ResponseType, ResponseMode) {
    let kind = note(tab, "response_type").and_then(|text| ResponseType::parse(text).ok());
    let kind = kind.unwrap_or_default();
    let mode = ResponseMode::parse(note(tab, "response_mode"), kind);
    (kind, mode.unwrap_or(ResponseMode::QUERY))
}

/// Tells in an event what a tab's client asked for.
pub fn tell(tab: &AuthenticationSession, event: &mut EventBuilder) {
    event.detail("redirect_uri", tab.redirect_uri.clone().unwrap_or_default());
    event.detail("auth_method", &*tab.protocol);
    event.detail(
        "response_type",
        note(tab, "response_type").unwrap_or("code"),
    );
    event.detail("response_mode", wanted(tab).1.event_name());
}

/// The notes of a client's part in a session that a tab leads to: what was asked for, and at which
/// issuer. `is_first` says that nobody took part in the session before.
pub fn part_notes(
    context: &RequestContext,
    realm: &Realm,
    tab: &AuthenticationSession,
    is_first: bool,
) -> BTreeMap<String, String> {
    let mut notes = tab.client_notes.clone();
    notes.remove(PUSHED);
    let issuer = context.issuer_at(&tab.base_path, &realm.name);
    notes.insert(ISSUER.to_owned(), issuer);
    if is_first && has_word(note(tab, "scope"), OFFLINE_ACCESS) {
        notes.insert(FIRST_OFFLINE.to_owned(), "true".to_owned());
    }
    notes
}

/// Answers the client: with a code, with tokens, with both, or with the session's state alone. A
/// pushed request is used up by it: the job is [`claviger_store::Commit::Missed`] if it was before.
/// The event learns of tokens that go out.
///
/// # Errors
///
/// A token that could not be made, or the store's.
pub async fn finish(
    app: &App,
    realm: &Realm,
    context: &RequestContext,
    finishing: &Finishing<'_>,
    (event, tx): (&mut EventBuilder, &mut Tx),
) -> Result<ClientAnswer, AnswerError> {
    let Finishing {
        client,
        tab,
        usable,
    } = finishing;
    let (kind, mode) = wanted(tab);
    let answerer = Answerer {
        realm,
        client,
        redirect_uri: tab.redirect_uri.as_deref().unwrap_or_default(),
        mode,
        issuer: context.issuer_at(&tab.base_path, &realm.name),
    };
    // What was allowed when the login began may not be any more: a browser keeps a request for as long as
    // it is open (CVE-2026-7571).
    let mut aside = EventBuilder::new("LOGIN", &context.ip_address);
    if let Err(refused) = check::delivery(client, kind, mode, &mut aside) {
        let text = refused.description.as_deref();
        return answerer
            .refusal(app, refused.error, text, note(tab, "state"))
            .await;
    }
    if let Some(uri) = note(tab, PUSHED).filter(|uri| pushed::is_pushed(uri)) {
        pushed::use_up(realm, uri, tx);
    }
    let mut answer = Parameters::default();
    answer.put("state", note(tab, "state"));
    let settings = &client.settings;
    if !settings.flag_attribute("exclude.session.state.from.auth.response", false) {
        answer.put("session_state", Some(usable.session().id.as_str()));
    }
    if answerer.names_issuer() {
        answer.put("iss", Some(&answerer.issuer));
    }
    if let Some(status) = note(tab, KC_ACTION_STATUS) {
        answer.put(
            "kc_action",
            tab.auth_notes.get(LAST_PROCESSED).map(String::as_str),
        );
        answer.put("kc_action_status", Some(status));
    }
    let code = kind.has_code().then(|| {
        let whom = (&usable.session().id, &client.uuid);
        let note = |name: &str| tab.client_notes.get(name).cloned();
        code::issue(app, realm, whom, note, tx)
    });
    answer.put("code", code.as_deref());
    if kind.is_implicit_or_hybrid() {
        let minted = tokens(app, &answerer, finishing, (kind, code.as_deref()), tx).await?;
        event.detail("token_id", &*minted.access_token_id);
        event.detail("scope", &*minted.scope);
        if kind.has_id_token() {
            answer.put("id_token", minted.id_token.as_deref());
        }
        if kind.has_token() {
            answer.put("access_token", Some(&minted.access_token));
            answer.put("token_type", Some(&minted.token_type));
            answer.put("expires_in", Some(&minted.expires_in.0.to_string()));
        }
        if mode.jwt && note(tab, "response_type") == Some("token") {
            answer.put("scope", note(tab, "scope"));
        }
    }
    answerer.answer(app, answer.0).await
}

/// The tokens that travel through the browser.
async fn tokens(
    app: &App,
    answerer: &Answerer<'_>,
    finishing: &Finishing<'_>,
    (kind, code): (ResponseType, Option<&str>),
    tx: &mut Tx,
) -> Result<Minted, AnswerError> {
    let Finishing {
        client,
        tab,
        usable,
    } = finishing;
    let realm = answerer.realm;
    let person = Person::load(&app.store, realm, usable.user().clone()).await?;
    let granted = Granted::new(realm, client, &person, note(tab, "scope")).await?;
    let issue = Issue {
        realm,
        client,
        usable,
        person: &person,
        granted: &granted,
        issuer: answerer.issuer.clone(),
        code: GrantCode::FrontChannel,
        transient: false,
        nonce: note(tab, "nonce"),
        refresh: Refresh::No,
        id_token: kind.has_id_token(),
        front: Some(Front {
            access_token: kind.has_token(),
            code,
            state: note(tab, "state").filter(|state| !state.is_empty()),
            is_detached: client
                .settings
                .flag_attribute("id.token.as.detached.signature", false),
        }),
    };
    let minted = mint(app, &issue).await?;
    // The access token says that it hangs on an offline session, and may be used before the code is.
    if kind.has_code() && granted.offline_requested && granted.offline_permitted() {
        session::keep_offline(app, realm, usable, tx).await?;
    }
    Ok(minted)
}

/// Parameters in their order.
#[derive(Default)]
struct Parameters(Vec<(String, String)>);

impl Parameters {
    fn put(&mut self, name: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.0.push((name.to_owned(), value.to_owned()));
        }
    }
}
