//! Another server tells us (RFC 8935): a session that it has revoked, or an account that it has
//! closed, ends that person's sessions here.
//!
//! Each transmitter that a realm listens to has a name of the administrator's choice, and settings
//! among the realm's attributes: `ssf.receiver.NAME.issuer`, `.jwks.url` and `.audience`, without
//! which nobody is listened to, and `.authorization`, `.identity.provider`, `.email`, `.opaque`.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};

use claviger_crypto::digest::{equal, sha256};
use claviger_crypto::jws::Unverified;
use claviger_model::session::{EndReason, SessionKind};
use claviger_model::{Millis, Seconds, SessionId, User, UserId};
use claviger_store::{Commit, StoreError, Tx};
use claviger_wire::document::Json;
use claviger_wire::signal::{EventType, SET_TYPE};
use serde_json::Value;

use super::subject::{by_email, identifiers, is_sane};
use crate::app::App;
use crate::events::EventBuilder;
use crate::logout::{end_session, end_sessions_of_user, global};
use crate::published_keys::PublishedKeysError;
use crate::realm::Realm;

/// The longest token.
pub const TOKEN_MAX: usize = 64 * 1024;
/// How far in the future a token may have been issued: clocks differ.
const SKEW: Seconds = Seconds(60);
/// How old a token may be. Whoever tells at least once may have tried for a week.
const AGE_MAX: Seconds = Seconds(8 * 86_400);
/// How long a token is remembered as taken: longer than it could come again.
const REMEMBERED: Seconds = Seconds(9 * 86_400);
/// How many tokens of one transmitter one process looks at in a minute.
const RATE: u32 = 6_000;
/// The transmitters whose rate is watched; the least heard go first.
const WATCHED: u64 = 10_000;

/// A transmitter that a realm listens to.
#[derive(Clone, Debug)]
pub struct Upstream {
    name: String,
    issuer: String,
    jwks_url: String,
    audience: String,
    has_authorization: bool,
    provider: Option<String>,
    takes_email: bool,
    opaque: Opaque,
}

/// What an opaque id stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Opaque {
    Nothing,
    UserId,
    Username,
}

impl Upstream {
    /// The transmitter of this name, if the realm listens to one.
    pub fn named(realm: &Realm, name: &str) -> Option<Self> {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        if name.is_empty() || name.len() > 64 || !name.bytes().all(is_plain) {
            return None;
        }
        let set = |key: &str| {
            let key = format!("ssf.receiver.{name}.{key}");
            realm.settings.attribute(&key).map(str::to_owned)
        };
        Some(Self {
            name: name.to_owned(),
            issuer: set("issuer")?,
            jwks_url: set("jwks.url")?,
            audience: set("audience")?,
            has_authorization: set("authorization").is_some(),
            provider: set("identity.provider"),
            takes_email: set("email").as_deref() == Some("verified"),
            opaque: match set("opaque").as_deref() {
                Some("user-id") => Opaque::UserId,
                Some("username") => Opaque::Username,
                _ => Opaque::Nothing,
            },
        })
    }

    /// Whether `Authorization` says what the transmitter was told to send; without such a setting
    /// the signature alone counts.
    pub async fn admits(&self, app: &App, realm: &Realm, sent: Option<&[u8]>) -> bool {
        if !self.has_authorization {
            return true;
        }
        let key = format!("ssf.receiver.{}.authorization", self.name);
        let Some(configured) = realm.settings.attribute(&key) else {
            return false;
        };
        let expected = app.secret(&realm.name, configured).await;
        match (expected, sent) {
            (Some(expected), Some(sent)) => equal(expected.reveal().as_bytes(), sent),
            (_, _) => false,
        }
    }
}

/// How often each transmitter was heard in this minute. Cloning shares it.
#[derive(Clone)]
pub struct Rates(moka::sync::Cache<String, Arc<Mutex<(i64, u32)>>>);

impl Default for Rates {
    fn default() -> Self {
        Self(moka::sync::Cache::new(WATCHED))
    }
}

impl std::fmt::Debug for Rates {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Rates").field(&self.0.entry_count()).finish()
    }
}

impl Rates {
    /// Counts one more, unless there were too many.
    fn admit(&self, who: String, now: Millis) -> bool {
        let minute = now.0.div_euclid(60_000);
        let book = self.0.get_with(who, Arc::default);
        let mut book = book.lock().unwrap_or_else(PoisonError::into_inner);
        if book.0 != minute {
            *book = (minute, 0);
        }
        book.1 = book.1.saturating_add(1);
        book.1 <= RATE
    }
}

/// Why a token was not taken.
#[derive(Debug, thiserror::Error)]
pub enum ReceiveError {
    /// It is not right (RFC 8935 §2.4): the code, and what is wrong.
    #[error("{0}: {1}")]
    Refused(&'static str, &'static str),
    /// The transmitter's keys cannot be had now.
    #[error("the transmitter's keys cannot be had")]
    Keys(#[from] PublishedKeysError),
    /// Too many at once.
    #[error("too many security event tokens")]
    TooMany,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What became of a token that was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// Somebody's sessions were ended.
    Ended,
    /// It concerns nobody here, or nothing that we act upon.
    Noted,
    /// It came before.
    Again,
}

/// A token that was checked.
struct Checked {
    jti: String,
    event: Option<EventType>,
    subject: Value,
}

/// Takes a token: checks it, and does what it asks for. A token that comes again does nothing again.
///
/// # Errors
///
/// Why it was not taken.
pub async fn receive(
    app: &App,
    realm: &Realm,
    upstream: &Upstream,
    (text, ip_address): (&str, &str),
) -> Result<Taken, ReceiveError> {
    let who = format!("{}/{}", realm.id, upstream.name);
    if !app.heard.admit(who, app.now()) {
        return Err(ReceiveError::TooMany);
    }
    let checked = check(app, upstream, text).await?;
    let key = used(upstream, &checked.jti);
    if app.store.single_use(&realm.id, &key).await?.is_some() {
        return Ok(Taken::Again);
    }
    let mut tx = Tx::new();
    tx.use_once(&realm.id, &key, "", app.now() + REMEMBERED);
    let taken = act(app, realm, &mut tx, upstream, (&checked, ip_address)).await?;
    match app.commit(tx).await? {
        Commit::Done => Ok(taken),
        // The same token came twice at once, or a session ended meanwhile: it will be told again.
        Commit::Conflict("SINGLE_USE_INSERT") => Ok(Taken::Again),
        Commit::Conflict(_) | Commit::Missed(_) => Err(ReceiveError::TooMany),
    }
}

/// Under which key a token is remembered. Its id is the transmitter's, and may be long.
fn used(upstream: &Upstream, jti: &str) -> String {
    let digest = sha256(format!("{}\0{jti}", upstream.issuer).as_bytes());
    let key = String::with_capacity(68) + "set/";
    digest.iter().fold(key, |mut key, byte| {
        let _ = write!(key, "{byte:02x}");
        key
    })
}

/// Checks the form, the signature, and every claim that says from whom, for whom and when.
async fn check(app: &App, upstream: &Upstream, text: &str) -> Result<Checked, ReceiveError> {
    let refused = |code, why| Err(ReceiveError::Refused(code, why));
    if text.len() > TOKEN_MAX {
        return refused("invalid_request", "the token is too long");
    }
    let Ok(token) = Unverified::parse(text) else {
        return refused("invalid_request", "this is no signed JWT");
    };
    // Explicit typing keeps other JWTs of the same issuer out (RFC 8417 §4.6).
    let typ = token
        .header()
        .typ()
        .unwrap_or_default()
        .to_ascii_lowercase();
    if typ.strip_prefix("application/").unwrap_or(&typ) != SET_TYPE {
        return refused("invalid_request", "typ is not secevent+jwt");
    }
    let Some(algorithm) = token.header().algorithm() else {
        return refused("invalid_key", "the algorithm is not one of ours");
    };
    let kid = token.header().kid().map(str::to_owned);
    let keys = &app.published_keys;
    let choose = |set: &claviger_crypto::jwk::JwkSet| set.verifying(kid.as_deref(), algorithm);
    let (network, now) = (&*app.network, app.now());
    let key = keys
        .find(network, &upstream.jwks_url, now, None, choose)
        .await?;
    let Some(key) = key else {
        return refused("invalid_key", "the transmitter does not publish this key");
    };
    let claims = token.verify(&key).and_then(|verified| verified.claims());
    let Ok(claims) = claims else {
        return refused("authentication_failed", "the signature is not right");
    };
    check_claims(upstream, &claims, now)
}

fn check_claims(upstream: &Upstream, claims: &Json, now: Millis) -> Result<Checked, ReceiveError> {
    let refused = |code, why| Err(ReceiveError::Refused(code, why));
    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    if text("iss") != Some(&*upstream.issuer) {
        return refused("invalid_issuer", "iss is not the transmitter's");
    }
    let is_meant = match claims.get("aud") {
        Some(Value::String(one)) => *one == upstream.audience,
        Some(Value::Array(many)) => many
            .iter()
            .any(|one| one.as_str() == Some(&upstream.audience)),
        _ => false,
    };
    if !is_meant {
        return refused("invalid_audience", "aud does not name this receiver");
    }
    // SSF §4.1.2 and §4.1.7: what has an end, or a `sub`, is another kind of token.
    if claims.contains_key("exp") || claims.contains_key("sub") {
        return refused("invalid_request", "neither exp nor sub is allowed");
    }
    let Some(jti) = text("jti").filter(|jti| is_sane(jti)) else {
        return refused("invalid_request", "jti is missing");
    };
    let Some(issued) = claims.get("iat").and_then(Value::as_i64) else {
        return refused("invalid_request", "iat is missing");
    };
    let present = now.seconds().0;
    if issued > present.saturating_add(SKEW.0) || issued < present.saturating_sub(AGE_MAX.0) {
        return refused("invalid_request", "iat is in the future, or too long ago");
    }
    let events = claims.get("events").and_then(Value::as_object);
    let Some(events) = events.filter(|events| events.len() == 1) else {
        return refused("invalid_request", "events must have exactly one event");
    };
    let Some(subject) = claims.get("sub_id").filter(|subject| subject.is_object()) else {
        return refused("invalid_request", "sub_id is missing");
    };
    Ok(Checked {
        jti: jti.to_owned(),
        event: events.keys().next().and_then(|uri| EventType::named(uri)),
        subject: subject.clone(),
    })
}

/// Ends what is to be ended. Whether we know the subject is not for the transmitter to learn.
async fn act(
    app: &App,
    realm: &Realm,
    tx: &mut Tx,
    upstream: &Upstream,
    (checked, ip_address): (&Checked, &str),
) -> Result<Taken, StoreError> {
    let ends = matches!(
        checked.event,
        Some(EventType::SessionRevoked | EventType::AccountDisabled | EventType::AccountPurged)
    );
    if !ends {
        tracing::debug!("transmitter {} told what needs no deed", upstream.name);
        return Ok(Taken::Noted);
    }
    let Some(user) = whom(app, realm, upstream, &checked.subject).await? else {
        tracing::debug!("transmitter {} told of nobody whom we know", upstream.name);
        return Ok(Taken::Noted);
    };
    let reason = EndReason::Upstream;
    let mut event = EventBuilder::new("LOGOUT", ip_address);
    if let Some(session) = one_of_ours(app, realm, &user, checked).await? {
        event.session(Some(session.id.as_str()));
        end_session(app, realm, tx, &session, reason).await?;
    } else {
        // A session of theirs may stand behind any of ours: better one too many.
        end_sessions_of_user(app, realm, tx, &user.id, &SessionKind::ALL, reason).await?;
        global::pass_on(app, realm, tx, &user, None).await?;
    }
    event.user(user.id.as_str());
    event.detail("username", &*user.username);
    event.detail("logout_triggered_by_transmitter", &*upstream.name);
    event.success(app, realm, tx);
    Ok(Taken::Ended)
}

/// The session that the subject names, if it is one of ours and this user's.
async fn one_of_ours(
    app: &App,
    realm: &Realm,
    user: &User,
    checked: &Checked,
) -> Result<Option<claviger_model::UserSession>, StoreError> {
    let session = checked.subject.get("session");
    let id = session
        .and_then(|session| session.get("id"))
        .and_then(Value::as_str);
    let Some(id) = id.filter(|id| is_sane(id)) else {
        return Ok(None);
    };
    let id = SessionId::new(id);
    let found = app
        .store
        .user_session(&realm.id, SessionKind::Online, &id)
        .await?;
    Ok(found.filter(|session| session.user == user.id))
}

/// Who is meant, as far as the administrator trusts the transmitter to say it.
async fn whom(
    app: &App,
    realm: &Realm,
    upstream: &Upstream,
    subject: &Value,
) -> Result<Option<User>, StoreError> {
    let store = &app.store;
    for one in identifiers(subject) {
        let text = |name: &str| one.get(name).and_then(Value::as_str).filter(|t| is_sane(t));
        let (sub, id) = (text("sub"), text("id"));
        let found = match (text("format"), &upstream.provider) {
            // Nobody speaks of another issuer's people.
            (Some("iss_sub"), Some(provider)) if text("iss") == Some(&*upstream.issuer) => {
                let sub = sub.unwrap_or_default();
                store
                    .user_of_federated_identity(&realm.id, provider, sub)
                    .await?
            }
            (Some("email"), _) if upstream.takes_email => {
                by_email(app, realm, text("email").unwrap_or_default()).await?
            }
            (Some("opaque"), _) => match (upstream.opaque, id) {
                (Opaque::UserId, Some(id)) => store.user(&realm.id, &UserId::new(id)).await?,
                (Opaque::Username, Some(name)) => {
                    store
                        .user_by_username(&realm.id, &name.to_lowercase())
                        .await?
                }
                (_, _) => None,
            },
            (_, _) => None,
        };
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn upstream() -> Upstream {
        Upstream {
            name: "up".to_owned(),
            issuer: "https://idp.example.com/".to_owned(),
            jwks_url: "https://idp.example.com/keys".to_owned(),
            audience: "636C69656E745F6964".to_owned(),
            has_authorization: false,
            provider: None,
            takes_email: false,
            opaque: Opaque::Nothing,
        }
    }

    /// RFC 8417 figure 1, SSF 1.0 figure 2, in the words of CAEP 1.0 figure 1.
    fn example() -> Json {
        let claims = json!({
            "iss": "https://idp.example.com/",
            "jti": "24c63fb56e5a2d77a6b512616ca9fa24",
            "iat": 1_615_305_159,
            "aud": "636C69656E745F6964",
            "txn": "8675309",
            "sub_id": {
                "format": "complex",
                "session": {"format": "opaque", "id": "dMTlD|1600802906337.16|16008.16"},
            },
            "events": {"https://schemas.openid.net/secevent/caep/event-type/session-revoked": {
                "event_timestamp": 1_615_304_991
            }},
        });
        claims.as_object().cloned().unwrap()
    }

    #[test]
    fn the_example_is_taken_and_each_claim_counts() {
        let now = Millis(1_615_305_160_000);
        let checked = check_claims(&upstream(), &example(), now).unwrap();
        assert_eq!(checked.event, Some(EventType::SessionRevoked));
        let two = json!({"a": {}, "b": {}});
        let cases = [
            ("iss", json!("https://evil.example/"), "invalid_issuer"),
            ("iss", Value::Null, "invalid_issuer"),
            ("aud", json!("somebody"), "invalid_audience"),
            ("aud", json!(["a", "b"]), "invalid_audience"),
            ("aud", Value::Null, "invalid_audience"),
            ("exp", json!(1_915_305_159), "invalid_request"),
            ("sub", json!("jane"), "invalid_request"),
            ("jti", json!(""), "invalid_request"),
            ("jti", json!(7), "invalid_request"),
            ("iat", json!("yesterday"), "invalid_request"),
            ("iat", json!(1_615_305_160 + 61), "invalid_request"),
            (
                "iat",
                json!(1_615_305_160 - 8 * 86_400 - 1),
                "invalid_request",
            ),
            ("iat", json!(i64::MIN), "invalid_request"),
            ("events", two, "invalid_request"),
            ("events", json!({}), "invalid_request"),
            ("events", json!([]), "invalid_request"),
            ("sub_id", Value::Null, "invalid_request"),
            ("sub_id", json!("jane"), "invalid_request"),
        ];
        for (name, value, expected) in cases {
            let mut claims = example();
            claims.insert(name.to_owned(), value.clone());
            let refused = check_claims(&upstream(), &claims, now).err();
            let Some(ReceiveError::Refused(code, _)) = refused else {
                panic!("{name} {value} was taken");
            };
            assert_eq!(code, expected, "{name} {value}");
        }
        for (name, value) in [
            ("aud", json!(["x", "636C69656E745F6964"])),
            ("iat", json!(1_615_305_160 - 7 * 86_400)),
            ("events", json!({"urn:unknown": {}})),
        ] {
            let mut claims = example();
            claims.insert(name.to_owned(), value);
            assert!(check_claims(&upstream(), &claims, now).is_ok(), "{name}");
        }
    }

    #[test]
    fn whoever_talks_too_much_is_not_listened_to_for_the_rest_of_the_minute() {
        let rates = Rates::default();
        let admitted = |now| rates.admit("a".to_owned(), Millis(now));
        for _ in 0..RATE {
            assert!(admitted(59_999));
        }
        assert!(!admitted(59_999) && rates.admit("b".to_owned(), Millis(59_999)));
        assert!(admitted(60_000));
    }
}
