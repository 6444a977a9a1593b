//! Devices that cannot show a login page (RFC 8628): a device asks for a pair of codes, polls with the
//! long one, and shows the short one, with which a person signs in elsewhere and says yes.
//!
//! A device's request is one value in the store, kept under the digest of its long code and found by its
//! short one; whoever changes it takes the old value away in the same job, so that it is answered once.

pub mod guesses;

use claviger_crypto::digest::sha256;
use claviger_crypto::encoding::base64url;
use claviger_model::{AuthenticationSession, Millis, Seconds, SessionId};
use claviger_store::{Commit, StoreError, Tx};
use serde::{Deserialize, Serialize};

use crate::app::App;
use crate::authorize::Pkce;
use crate::client::Client;
use crate::realm::Realm;

/// The client note of a tab in which a person answers for a device: the device's short code.
pub const VERIFIED_USER_CODE: &str = "OAUTH2_DEVICE_VERIFIED_USER_CODE";
/// The attribute by which a client is switched on for this grant.
const ENABLED: &str = "oauth2.device.authorization.grant.enabled";
/// What short codes are made of: letters alone, so that nobody takes a 0 for an O (§6.1).
const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ";
/// How many letters a short code has: 26^8 of them are too many to guess at within minutes (§5.1).
const LETTERS: usize = 8;
/// Where the dash stands in a short code.
const MIDDLE: usize = 4;
/// How many characters of a typed code, or of a long one, are looked at.
const LENGTH_MAX: usize = 100;
/// How much longer than it is good a request is remembered, so that a late device is told what happened.
const REMEMBERED: Seconds = Seconds(10);
/// How many bytes a long code has.
const CODE_BYTES: usize = 32;
/// How often a short code is drawn that somebody else has at the moment.
const DRAWS_MAX: usize = 4;

/// What a device asks for. It was checked.
#[derive(Clone, Debug, Default)]
pub struct Asked<'a> {
    /// `scope`.
    pub scope: Option<&'a str>,
    /// `nonce`.
    pub nonce: Option<&'a str>,
    /// `code_challenge` and `code_challenge_method`.
    pub pkce: Option<Pkce>,
}

/// What a device is given (§3.2).
#[derive(Clone)]
pub struct Begun {
    /// `device_code`.
    pub device_code: String,
    /// `user_code`, as people type it: `ABCD-EFGH`.
    pub user_code: String,
    /// How long both are good.
    pub expires_in: Seconds,
    /// How long the device waits between two polls.
    pub interval: Seconds,
}

/// Codes are not for logs.
impl std::fmt::Debug for Begun {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Begun")
            .field("expires_in", &self.expires_in)
            .field("interval", &self.interval)
            .finish_non_exhaustive()
    }
}

/// What has become of a device's request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum State {
    Pending,
    Denied,
    /// With the session that the device may use.
    Approved(String),
}

/// A device's request.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Device {
    /// `clientId` of the client.
    pub client_id: String,
    /// `scope` of the request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    /// `nonce` of the request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nonce: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    challenge: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    challenge_method: Option<String>,
    /// In milliseconds.
    expires_at: i64,
    /// In seconds.
    interval: i64,
    state: State,
    /// The digest of the long code.
    #[serde(skip)]
    digest: String,
}

impl std::fmt::Debug for Device {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Device")
            .field("client_id", &self.client_id)
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

/// Why a short code is no good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotPending {
    /// No device shows it, or not any more.
    Unknown,
    /// Somebody has said yes with it, in this session.
    Used(SessionId),
    /// Somebody has said no with it.
    Denied,
    /// Its time is over.
    Expired,
}

/// What a device that polls is told (§3.5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Polled {
    /// There is no such code.
    Unknown,
    /// It is another client's.
    OtherClient,
    /// Its time is over.
    Expired,
    /// The device did not wait between two polls.
    TooSoon,
    /// The person said no.
    Denied,
    /// The person has not said anything yet.
    Pending,
    /// The person said yes, in this session.
    Approved(Box<Device>, SessionId),
}

/// Whether a client may ask.
pub fn is_enabled(client: &Client) -> bool {
    client.settings.flag_attribute(ENABLED, false)
}

/// Whether a person answers for a device in this tab.
pub fn is_verification(tab: &AuthenticationSession) -> bool {
    tab.client_notes.contains_key(VERIFIED_USER_CODE)
}

fn by_digest(digest: &str) -> String {
    format!("device:{digest}")
}

fn by_user_code(code: &str) -> String {
    format!("device-user:{code}")
}

fn by_poll(digest: &str) -> String {
    format!("device-poll:{digest}")
}

fn digest(device_code: &str) -> String {
    base64url(&sha256(device_code.as_bytes()))
}

/// A short code as it is kept, whatever the person typed around its letters; none for what is none.
fn typed(text: &str) -> Option<String> {
    if text.len() > LENGTH_MAX {
        return None;
    }
    let is_letter = |letter: &char| *letter != '-' && !letter.is_whitespace();
    let code: String = text
        .chars()
        .filter(is_letter)
        .map(|letter| letter.to_ascii_uppercase())
        .collect();
    let is_one = code.len() == LETTERS && code.bytes().all(|byte| ALPHABET.contains(&byte));
    is_one.then_some(code)
}

/// Begins: keeps what a device asks for under two new codes. None if all codes that were drawn are in
/// use.
///
/// # Errors
///
/// The store's.
pub async fn begin(
    app: &App,
    realm: &Realm,
    client: &Client,
    asked: Asked<'_>,
) -> Result<Option<Begun>, StoreError> {
    let lifespans = &realm.settings.lifespans;
    let own = |name: &str| client.settings.integer_attribute(name).map(Seconds);
    let expires_in = own("oauth2.device.code.lifespan");
    let expires_in = expires_in.unwrap_or(lifespans.oauth2_device_code_lifespan);
    let interval = own("oauth2.device.polling.interval");
    let interval = interval.unwrap_or(lifespans.oauth2_device_polling_interval);
    let end = app.now() + expires_in;
    let (challenge, challenge_method) = match asked.pkce {
        Some(pkce) => (Some(pkce.challenge), pkce.method),
        None => (None, None),
    };
    let device = Device {
        client_id: client.client_id.clone(),
        scope: asked.scope.map(str::to_owned),
        nonce: asked.nonce.map(str::to_owned),
        challenge,
        challenge_method,
        expires_at: end.0,
        interval: interval.0,
        state: State::Pending,
        digest: String::new(),
    };
    for _ in 0..DRAWS_MAX {
        let device_code = app.random.token(CODE_BYTES);
        let user_code = app.random.characters(LETTERS, ALPHABET);
        let device = Device {
            digest: digest(&device_code),
            ..device.clone()
        };
        let mut tx = Tx::new();
        device.keep(realm, &mut tx);
        let key = by_user_code(&user_code);
        tx.use_once(&realm.id, &key, &device.digest, device.kept_until());
        match app.commit(tx).await? {
            Commit::Done => {
                let (front, back) = user_code.split_at(MIDDLE);
                return Ok(Some(Begun {
                    device_code,
                    user_code: format!("{front}-{back}"),
                    expires_in,
                    interval,
                }));
            }
            Commit::Conflict(_) | Commit::Missed(_) => {}
        }
    }
    Ok(None)
}

impl Device {
    fn keep(&self, realm: &Realm, tx: &mut Tx) {
        let value = serde_json::to_string(self).unwrap_or_default();
        let until = self.kept_until();
        tx.use_once(&realm.id, &by_digest(&self.digest), &value, until);
    }

    fn kept_until(&self) -> Millis {
        Millis(self.expires_at) + Seconds(self.interval.max(0)) + REMEMBERED
    }

    /// What the device's request is bound to (RFC 7636).
    pub fn pkce(&self) -> Option<Pkce> {
        let challenge = self.challenge.clone()?;
        Some(Pkce {
            challenge,
            method: self.challenge_method.clone(),
        })
    }

    /// Uses the request up: of two who have its code, one job is [`Commit::Missed`].
    pub fn use_up(&self, realm: &Realm, tx: &mut Tx) {
        tx.take_once(&realm.id, &by_digest(&self.digest));
    }

    /// Puts an answer in the place of the question.
    fn answered(mut self, realm: &Realm, state: State, tx: &mut Tx) {
        self.use_up(realm, tx);
        self.state = state;
        self.keep(realm, tx);
    }
}

async fn find(app: &App, realm: &Realm, digest: &str) -> Result<Option<Device>, StoreError> {
    let kept = app.store.single_use(&realm.id, &by_digest(digest)).await?;
    let device = kept.and_then(|kept| serde_json::from_str::<Device>(&kept.value).ok());
    Ok(device.map(|device| Device {
        digest: digest.to_owned(),
        ..device
    }))
}

/// The request whose short code a person has typed, with the code as it is kept.
///
/// # Errors
///
/// The store's, and inside, why the code is no good.
pub async fn verify(
    app: &App,
    realm: &Realm,
    text: &str,
) -> Result<Result<(Device, String), NotPending>, StoreError> {
    let Some(code) = typed(text) else {
        return Ok(Err(NotPending::Unknown));
    };
    let key = by_user_code(&code);
    let Some(kept) = app.store.single_use(&realm.id, &key).await? else {
        return Ok(Err(NotPending::Unknown));
    };
    let Some(device) = find(app, realm, &kept.value).await? else {
        return Ok(Err(NotPending::Unknown));
    };
    let over = Millis(device.expires_at) <= app.now();
    Ok(match &device.state {
        State::Approved(session) => Err(NotPending::Used(SessionId::new(session.clone()))),
        State::Denied => Err(NotPending::Denied),
        State::Pending if over => Err(NotPending::Expired),
        State::Pending => Ok((device, code)),
    })
}

/// The request for which a person answers in a tab, as long as it waits.
async fn of_tab(
    app: &App,
    realm: &Realm,
    tab: &AuthenticationSession,
) -> Result<Option<(Device, String)>, StoreError> {
    let code = tab.client_notes.get(VERIFIED_USER_CODE);
    let found = verify(app, realm, code.map_or("", String::as_str)).await?;
    Ok(found.ok())
}

/// The person has said yes: the device may use the session. Whether it still waited for that; if not,
/// nothing is written. The job is [`Commit::Missed`] if somebody else was faster.
///
/// # Errors
///
/// The store's.
pub async fn approve(
    app: &App,
    realm: &Realm,
    tab: &AuthenticationSession,
    session: &SessionId,
    tx: &mut Tx,
) -> Result<bool, StoreError> {
    let Some((device, code)) = of_tab(app, realm, tab).await? else {
        return Ok(false);
    };
    device.answered(realm, State::Approved(session.as_str().to_owned()), tx);
    tx.take_once(&realm.id, &by_user_code(&code));
    Ok(true)
}

/// The person has said no. Whether the device still waited for that.
///
/// # Errors
///
/// The store's.
pub async fn deny(
    app: &App,
    realm: &Realm,
    tab: &AuthenticationSession,
    tx: &mut Tx,
) -> Result<bool, StoreError> {
    let Some((device, _)) = of_tab(app, realm, tab).await? else {
        return Ok(false);
    };
    device.answered(realm, State::Denied, tx);
    Ok(true)
}

/// Where a browser is told that a device is, or is not, connected; `error` as at the token endpoint.
pub fn status_address(base_url: &str, realm: &Realm, error: Option<&str>) -> String {
    let query = error.map_or_else(String::new, |error| format!("?error={error}"));
    format!("{base_url}/realms/{}/device/status{query}", realm.name)
}

/// A device asks what has become of its request. Nothing is used up yet.
///
/// # Errors
///
/// The store's.
pub async fn poll(
    app: &App,
    realm: &Realm,
    client: &Client,
    device_code: &str,
) -> Result<Polled, StoreError> {
    if device_code.len() > LENGTH_MAX {
        return Ok(Polled::Unknown);
    }
    let Some(device) = find(app, realm, &digest(device_code)).await? else {
        return Ok(Polled::Unknown);
    };
    if device.client_id != client.client_id {
        return Ok(Polled::OtherClient);
    }
    if Millis(device.expires_at) < app.now() {
        return Ok(Polled::Expired);
    }
    if !may_poll(app, realm, &device).await? {
        return Ok(Polled::TooSoon);
    }
    Ok(match &device.state {
        State::Denied => Polled::Denied,
        State::Pending => Polled::Pending,
        State::Approved(session) => {
            let session = SessionId::new(session.clone());
            Polled::Approved(Box::new(device), session)
        }
    })
}

/// Whether the device has waited since its last poll that was let through, and notes this one.
async fn may_poll(app: &App, realm: &Realm, device: &Device) -> Result<bool, StoreError> {
    if device.interval <= 0 {
        return Ok(true);
    }
    let (key, now) = (by_poll(&device.digest), app.now());
    let mut tx = Tx::new();
    if let Some(last) = app.store.single_use(&realm.id, &key).await? {
        if last.expires_at > now {
            return Ok(false);
        }
        tx.take_once(&realm.id, &key);
    }
    let until = now + Seconds(device.interval);
    tx.use_once(&realm.id, &key, "", until);
    // Of two polls at the same time one was too soon.
    Ok(app.commit(tx).await?.is_done())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_type_codes_as_they_like() {
        let cases = [
            ("ABCD-EFGH", Some("ABCDEFGH")),
            ("abcd efgh", Some("ABCDEFGH")),
            (" a-b-c-d-e-f-g-h ", Some("ABCDEFGH")),
            ("ABCDEFG", None),
            ("ABCDEFGHI", None),
            ("ABCD-EFG1", None),
            ("ABCD-EFGß", None),
            ("", None),
        ];
        for (text, expected) in cases {
            assert_eq!(typed(text).as_deref(), expected, "{text}");
        }
        assert_eq!(typed(&"-".repeat(LENGTH_MAX + 1)), None);
    }
}
