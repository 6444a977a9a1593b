//! Token exchange (RFC 8693): a client that was handed an access token gets one of its own for the
//! same user, to call whom it has to call.
//!
//! The new token hangs on the session of the old one, and ends with it. A client that has no part
//! in that session gets none by an exchange, unless it asks for a refresh token: what it gets hangs
//! on the session alone. Who exchanged whose token is remembered with the client's part, so that
//! revoking the one takes the other along.

use std::collections::BTreeSet;
use std::sync::Arc;

use claviger_model::session::SessionKind;
use claviger_model::{ClientSession, UserSession};
use claviger_store::{StoreError, Tx};
use serde_json::Value;

use crate::app::App;
use crate::authorize::ISSUER;
use crate::client::Client;
use crate::gate::{GateError, Unusable, Usable};
use crate::mapper::Claims;
use crate::realm::Realm;
use crate::request::RequestContext;
use crate::session::{is_client_alive, of_token};
use crate::token::TokenClaims;

/// Begins the name of the note that tells whose token a client has exchanged.
const SUBJECT_CLIENT: &str = "token_exchange_subject_client";

/// What can be asked for (RFC 8693 §3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenType {
    /// An access token.
    Access,
    /// An ID token.
    Id,
    /// A refresh token, beside the access token.
    Refresh,
}

impl TokenType {
    /// All.
    pub const ALL: [Self; 3] = [Self::Access, Self::Id, Self::Refresh];

    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Access => "urn:ietf:params:oauth:token-type:access_token",
            Self::Id => "urn:ietf:params:oauth:token-type:id_token",
            Self::Refresh => "urn:ietf:params:oauth:token-type:refresh_token",
        }
    }

    /// The type of this name that a client may ask for. Refresh tokens are switched on by an
    /// attribute of their own.
    pub fn for_client(client: &Client, name: &str) -> Option<Self> {
        let known = Self::ALL.into_iter().find(|known| known.as_str() == name)?;
        match known {
            Self::Access | Self::Id => Some(known),
            Self::Refresh => {
                let attribute = "standard.token.exchange.enableRefreshRequestedTokenType";
                let allowed = client.settings.attribute(attribute) == Some("SAME_SESSION");
                (allowed && client.uses_refresh_tokens()).then_some(known)
            }
        }
    }
}

/// Whether a client may exchange tokens.
pub fn is_enabled(client: &Client) -> bool {
    let attribute = "standard.token.exchange.enabled";
    client.settings.flag_attribute(attribute, false)
}

/// Whose token is exchanged, and what it hangs on.
#[derive(Debug)]
pub struct Subject {
    /// The token.
    pub token: TokenClaims,
    /// The client that it was issued to.
    pub client: Arc<Client>,
    /// What it hangs on.
    pub usable: Usable,
}

/// Why a token is not exchanged.
#[derive(Debug, thiserror::Error)]
pub enum SubjectError {
    /// It is no access token of this realm that is good now.
    #[error("not a good access token")]
    Invalid,
    /// What it hangs on cannot be used.
    #[error("not usable: {0:?}")]
    Unusable(Unusable),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Reads a `subject_token`: an access token that is good at this very moment.
///
/// # Errors
///
/// The token is not good, what it hangs on is not usable, or the store failed.
pub async fn subject(
    app: &App,
    realm: &Realm,
    context: &RequestContext,
    text: &str,
) -> Result<Subject, SubjectError> {
    let ring = realm.keys().await?;
    let now = app.now();
    let token = TokenClaims::verify(&ring, text)
        .filter(|token| matches!(token.kind.as_str(), "Bearer" | "DPoP"))
        .filter(|token| context.is_issuer(&token.issuer, &realm.name))
        .filter(|token| token.is_active(now))
        .ok_or(SubjectError::Invalid)?;
    let name = token.issued_for.as_deref().unwrap_or_default();
    let client = realm.client(name).await?.ok_or(SubjectError::Invalid)?;
    if app.store.token_revoked(&realm.id, &token.id).await? {
        return Err(SubjectError::Invalid);
    }
    match of_token(app, realm, context, &client, &token).await {
        Ok(usable) => Ok(Subject {
            token,
            client,
            usable,
        }),
        Err(GateError::Unusable(reason)) => Err(SubjectError::Unusable(reason)),
        Err(GateError::Store(error)) => Err(error.into()),
    }
}

impl Subject {
    /// Whether the token is good only with a proof of possession (RFC 7800).
    pub fn is_sender_constrained(&self) -> bool {
        self.token.all.get("cnf").is_some_and(Value::is_object) || self.token.is_bound_to_a_key()
    }

    /// Whether a client may exchange the token: it was issued to it, or for it.
    pub fn is_for(&self, client: &Client) -> bool {
        self.client.uuid == client.uuid || self.token.audience.contains(&client.client_id)
    }

    /// What the new tokens hang on, with everything that has to be written for it in the job. None
    /// if a refresh token is wanted, and the session is none that could be refreshed.
    ///
    /// # Errors
    ///
    /// The store's.
    pub async fn lead_to(
        &self,
        app: &App,
        realm: &Realm,
        client: &Client,
        (wanted, scope): (TokenType, Option<&str>),
        tx: &mut Tx,
    ) -> Result<Option<Usable>, StoreError> {
        let session = self.usable.session();
        let lasts = session.kind == SessionKind::Online
            && self.usable.is_part_kept()
            && !self.token.is_stateless();
        let refreshing = wanted == TokenType::Refresh;
        if !lasts {
            return Ok((!refreshing).then(|| self.usable.without_part(client)));
        }
        let known = app
            .store
            .client_session(&realm.id, session.kind, &session.id, &client.uuid)
            .await?;
        if known.is_none() && !refreshing {
            return Ok(Some(self.usable.without_part(client)));
        }
        let now = app.now();
        let alive = known
            .as_ref()
            .filter(|part| is_client_alive(realm, client, session, part, now));
        let mut part = alive.cloned().unwrap_or_else(|| ClientSession {
            started_at: now,
            last_refresh: session.last_refresh,
            notes: scope
                .map(|scope| ("scope".to_owned(), scope.to_owned()))
                .into_iter()
                .collect(),
            ..self.usable.without_part(client).part().clone()
        });
        let is_news = self.remember(&mut part);
        match &known {
            None => {
                let issuer = self.token.issuer.clone();
                part.notes.insert(ISSUER.to_owned(), issuer);
                Self::still_there(realm, session, tx);
                tx.insert_client_session(&realm.id, &part);
            }
            // A refresh at the same moment must not be undone.
            Some(before) if is_news || alive.is_none() => {
                tx.refresh_client_session(&realm.id, &part, Some(before.into()));
            }
            Some(_) => {}
        }
        Ok(Some(self.usable.with_part(part)))
    }

    /// The job misses if the session has ended since it was read.
    fn still_there(realm: &Realm, session: &UserSession, tx: &mut Tx) {
        tx.refresh_user_session(
            &realm.id,
            session.kind,
            &session.id,
            session.last_refresh,
            session.expires_at,
        );
    }

    /// Remembers with a client's part whose token it has exchanged, and whose token that one was
    /// exchanged for. Whether anything of it is new.
    fn remember(&self, part: &mut ClientSession) -> bool {
        let own = format!("{SUBJECT_CLIENT}{}", self.client.client_id);
        let inherited = self.usable.part().notes.iter();
        let inherited = inherited
            .filter(|(name, _)| self.token.is_exchanged() && name.starts_with(SUBJECT_CLIENT))
            .map(|(name, id)| (name.clone(), id.clone()));
        let mut is_news = false;
        for (name, id) in inherited.chain([(own, self.token.id.clone())]) {
            is_news |= !part.notes.contains_key(&name);
            part.notes.entry(name).or_insert(id);
        }
        is_news
    }
}

/// Whether a client has come by its part in a session with a token of another one, or has exchanged
/// such a token since.
pub fn is_heir(part: &ClientSession, client_id: &str) -> bool {
    let name = format!("{SUBJECT_CLIENT}{client_id}");
    part.notes.contains_key(&name)
}

/// Narrows the claims of an access token to the clients that were asked for: it is for no others,
/// and tells them no roles.
pub(crate) fn narrow(claims: &mut Claims, wanted: &BTreeSet<String>) {
    let is_wanted = |name: &Value| name.as_str().is_some_and(|name| wanted.contains(name));
    let mut kept = match claims.remove("aud") {
        Some(Value::Array(names)) => names,
        Some(name) => vec![name],
        None => Vec::new(),
    };
    kept.retain(is_wanted);
    if let Some(Value::Object(clients)) = claims.get_mut("resource_access") {
        clients.retain(|name, _| kept.iter().any(|kept| kept == name));
    }
    if kept.len() > 1 {
        claims.insert("aud", kept);
    } else if let Some(only) = kept.pop() {
        claims.insert("aud", only);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn narrowed(claims: Value, wanted: &[&str]) -> Value {
        let Value::Object(claims) = claims else {
            panic!("an object")
        };
        let mut claims = Claims::from(claims);
        let wanted = wanted.iter().map(|name| (*name).to_owned()).collect();
        narrow(&mut claims, &wanted);
        Value::Object(claims.into_json())
    }

    #[test]
    fn a_narrowed_token_is_for_those_who_were_asked_for_and_were_in_it() {
        let roles = json!({"a": {"roles": ["x"]}, "b": {"roles": ["y"]}});
        let cases = [
            (json!({"aud": "a"}), &["a"][..], json!({"aud": "a"})),
            (json!({"aud": "a"}), &["b"], json!({})),
            (json!({}), &["a"], json!({})),
            (
                json!({"aud": ["a", "b", "c"], "resource_access": roles}),
                &["a", "c", "d"],
                json!({"aud": ["a", "c"], "resource_access": {"a": {"roles": ["x"]}}}),
            ),
            (
                json!({"aud": ["b", "c"], "resource_access": {"a": {}}}),
                &["c"],
                json!({"aud": "c", "resource_access": {}}),
            ),
        ];
        for (claims, wanted, expected) in cases {
            assert_eq!(narrowed(claims.clone(), wanted), expected, "{claims}");
        }
    }
}
