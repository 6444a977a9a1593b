//! Authorization codes (RFC 6749 §4.1.2): for one client, one address and one use. The database knows
//! them by their digest, and remembers for a day that one was used.

use claviger_crypto::digest::sha256;
use claviger_crypto::encoding::base64url;
use claviger_model::{ClientUuid, Millis, Seconds, SessionId};
use claviger_store::{StoreError, Tx};
use serde::{Deserialize, Serialize};

use super::pkce::Pkce;
use crate::app::App;
use crate::realm::Realm;

/// How long a second use is told from a code that never was.
const REMEMBERED: Seconds = Seconds(86_400);
/// How long a code is that is looked at.
const LENGTH_MAX: usize = 500;

/// What a code stands for.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Code {
    /// The session that the user signed in to.
    session: String,
    /// The client that the code is for.
    client: String,
    /// When it was issued, in milliseconds.
    issued_at: i64,
    /// From then on it is good for nothing, in milliseconds.
    expires_at: i64,
    /// `redirect_uri` of the request, which has to be repeated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redirect_uri: Option<String>,
    /// `nonce` of the request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nonce: Option<String>,
    /// `scope` of the request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    /// `code_challenge` of the request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    challenge: Option<String>,
    /// `code_challenge_method` of the request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    challenge_method: Option<String>,
    /// The thumbprint of the key that it is bound to (RFC 9449 §10).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dpop_jkt: Option<String>,
    /// The digest under which it is kept.
    #[serde(skip)]
    digest: String,
}

/// Codes are bound to secrets of requests.
impl std::fmt::Debug for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Code")
            .field("session", &self.session)
            .field("client", &self.client)
            .finish_non_exhaustive()
    }
}

/// What there is to a code that came in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It has not the form of a code.
    Malformed,
    /// There is no such code, or it is over. It names a session, which proves nothing.
    Unknown {
        /// The session that it names.
        session: String,
    },
    /// It was used: whoever comes now, or came before, was not meant to have it (§4.1.2).
    Used {
        /// The session that it was for.
        session: SessionId,
        /// The client that it was for.
        client: ClientUuid,
    },
    /// It is good, and has to be used up.
    Good(Box<Code>),
}

/// Issues a code to a client, as the notes of its request want it, and keeps it with the job.
pub fn issue(
    app: &App,
    realm: &Realm,
    (session, client): (&SessionId, &ClientUuid),
    note: impl Fn(&str) -> Option<String>,
    tx: &mut Tx,
) -> String {
    let now = app.now();
    let end = now + realm.settings.lifespans.access_code_lifespan;
    let id = app.random.uuid();
    let code = Code {
        session: session.as_str().to_owned(),
        client: client.as_str().to_owned(),
        issued_at: now.0,
        expires_at: end.0,
        redirect_uri: note("redirect_uri"),
        nonce: note("nonce"),
        scope: note("scope"),
        challenge: note("code_challenge"),
        challenge_method: note("code_challenge_method"),
        dpop_jkt: note("dpop_jkt"),
        digest: digest(&id),
    };
    let value = serde_json::to_string(&code).unwrap_or_default();
    tx.use_once(&realm.id, &kept(&code.digest), &value, end);
    format!("{id}.{}.{}", code.session, code.client)
}

/// Looks a code up. Nothing is used up yet.
///
/// # Errors
///
/// The store's.
pub async fn take(app: &App, realm: &Realm, text: &str) -> Result<Taken, StoreError> {
    let mut parts = text.splitn(3, '.');
    let (Some(id), Some(session), Some(client)) = (parts.next(), parts.next(), parts.next()) else {
        return Ok(Taken::Malformed);
    };
    let unknown = Taken::Unknown {
        session: session.to_owned(),
    };
    if text.len() > LENGTH_MAX {
        return Ok(unknown);
    }
    let digest = digest(id);
    let now = app.now();
    if let Some(found) = app.store.single_use(&realm.id, &kept(&digest)).await? {
        let Ok(code) = serde_json::from_str::<Code>(&found.value) else {
            return Ok(unknown);
        };
        // A code with another session or client in it was put together by somebody else.
        let is_whole = code.session == session && code.client == client;
        if !is_whole || Millis(code.expires_at) <= now {
            return Ok(unknown);
        }
        return Ok(Taken::Good(Box::new(Code { digest, ..code })));
    }
    let Some(used) = app.store.single_use(&realm.id, &used(&digest)).await? else {
        return Ok(unknown);
    };
    Ok(if used.value == format!("{session}.{client}") {
        Taken::Used {
            session: SessionId::new(session),
            client: ClientUuid::new(client),
        }
    } else {
        unknown
    })
}

impl Code {
    /// The session that it is for.
    pub fn session(&self) -> SessionId {
        SessionId::new(self.session.clone())
    }

    /// The client that it is for.
    pub fn client(&self) -> ClientUuid {
        ClientUuid::new(self.client.clone())
    }

    /// When it was issued.
    pub const fn issued_at(&self) -> Millis {
        Millis(self.issued_at)
    }

    /// What it is bound to.
    pub fn pkce(&self) -> Option<Pkce> {
        // A method without a challenge binds to nothing that could be shown, and so to nobody.
        let method = self.challenge_method.clone();
        let challenge = self.challenge.clone();
        if challenge.is_none() && method.is_none() {
            return None;
        }
        Some(Pkce {
            challenge: challenge.unwrap_or_default(),
            method,
        })
    }

    /// Uses it up with the job, whatever comes of it. [`claviger_store::Commit::Missed`] or
    /// `Conflict` if another request was faster: a second use.
    pub fn use_up(&self, app: &App, realm: &Realm, tx: &mut Tx) {
        tx.take_once(&realm.id, &kept(&self.digest));
        let value = format!("{}.{}", self.session, self.client);
        let end = app.now() + REMEMBERED;
        tx.use_once(&realm.id, &used(&self.digest), &value, end);
    }
}

fn digest(id: &str) -> String {
    base64url(&sha256(id.as_bytes()))
}

fn kept(digest: &str) -> String {
    format!("code:{digest}")
}

fn used(digest: &str) -> String {
    format!("code-used:{digest}")
}
