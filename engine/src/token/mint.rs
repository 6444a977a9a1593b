//! Handing out tokens: claims by mappers, signed inline (260 µs; a hand-over would cost more).

use std::borrow::Cow;

use claviger_crypto::algorithm::Algorithm;
use claviger_crypto::digest::left_half;
use claviger_crypto::key_ring::KeyRing;
use claviger_model::{Millis, Seconds};
use claviger_store::StoreError;
use claviger_wire::document::Json;
use serde_json::{Value, json};

use super::encrypt::{SealError, Sealed, encrypted};
use super::lifespan::{access_end, is_offline, refresh_end};
use super::sign::{self, access_token_type, algorithm, sign};
use super::{GrantCode, REQUESTED_AUDIENCE};
use crate::app::App;
use crate::client::Client;
use crate::gate::Usable;
use crate::keys::ring_for;
use crate::mapper::{self, Claims, Subject, Target};
use crate::person::Person;
use crate::realm::Realm;
use crate::revocation::revoked_before;
use crate::scope::Granted;
use crate::status_list;
use crate::token_exchange;

/// What is asked for.
#[derive(Debug)]
pub struct Issue<'a> {
    /// The realm that issues.
    pub realm: &'a Realm,
    /// The client that gets the tokens.
    pub client: &'a Client,
    /// The session that they hang on.
    pub usable: &'a Usable,
    /// The session's user with groups and roles.
    pub person: &'a Person,
    /// What they may carry.
    pub granted: &'a Granted,
    /// `iss`: of the base path on which the session began.
    pub issuer: String,
    /// How they are come by.
    pub code: GrantCode,
    /// Whether the session is kept; if not, tokens carry no `sid`.
    pub transient: bool,
    /// `nonce` of the authorization request.
    pub nonce: Option<&'a str>,
    /// Whether and how a refresh token comes with them.
    pub refresh: Refresh<'a>,
    /// Whether an ID token comes with them.
    pub id_token: bool,
    /// What travels through the browser with them, if they do.
    pub front: Option<Front<'a>>,
}

/// What travels through the browser beside an ID token, which is bound to it by hashes (OpenID
/// Connect Core §3.3.2.11, FAPI 1.0 Advanced §5.1.1).
#[derive(Clone, Copy, Debug)]
pub struct Front<'a> {
    /// Whether the access token does.
    pub access_token: bool,
    /// The code.
    pub code: Option<&'a str>,
    /// `state` of the request.
    pub state: Option<&'a str>,
    /// Whether the ID token is there for its signature alone, and tells nothing of the user.
    pub is_detached: bool,
}

/// Whether and how a refresh token is issued.
#[derive(Debug)]
pub enum Refresh<'a> {
    /// None.
    No,
    /// The first of its family.
    First {
        /// Links the tokens of one family under rotation.
        reuse_id: Option<String>,
    },
    /// The next of a family: same scope, same kind.
    Next {
        /// `scope` of the token that it follows.
        scope: &'a str,
        /// Links the tokens of one family under rotation.
        reuse_id: Option<String>,
    },
}

/// The kind of a refresh token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefreshKind {
    /// `Refresh`: ends with the online session.
    Refresh,
    /// `Offline`: hangs on an offline session.
    Offline,
}

impl RefreshKind {
    /// The token's `typ`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Refresh => "Refresh",
            Self::Offline => "Offline",
        }
    }
}

/// The tokens of one answer, and what the answer and the event tell of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Minted {
    /// The access token.
    pub access_token: String,
    /// Its `jti`.
    pub access_token_id: String,
    /// Its `aud`.
    pub audience: Vec<String>,
    /// Its remaining life.
    pub expires_in: Seconds,
    /// Its life from issue to end.
    pub access_token_lifespan: Seconds,
    /// The refresh token, its `jti`, kind and remaining life (none if it has no end).
    pub refresh_token: Option<(String, String, RefreshKind, Option<Seconds>)>,
    /// The ID token.
    pub id_token: Option<String>,
    /// `Bearer`, in the letter case that the client wants.
    pub token_type: String,
    /// `scope` of the answer.
    pub scope: String,
    /// `session_state` of the answer.
    pub session_state: Option<String>,
    /// Tokens from before this second are refused.
    pub not_before_policy: Seconds,
    /// What mappers add to the answer itself.
    pub further: Json,
}

/// Why no token could be made.
#[derive(Debug, thiserror::Error)]
pub enum MintError {
    /// The realm has no active key for an algorithm that it or the client asks for.
    #[error("no active key for algorithm {0}")]
    NoKey(String),
    /// The signature failed.
    #[error("signing failed: {0}")]
    Signature(String),
    /// The client wants an encrypted ID token, and it cannot be encrypted.
    #[error("encrypting failed")]
    Sealing(#[from] SealError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Whether an ID token goes out beside the access token, to which it is then bound by a hash, or in
/// its place (RFC 8693 §2.2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Company {
    /// Beside it.
    AccessToken,
    /// In its place.
    None,
}

/// Makes the tokens that are asked for. Nothing is stored here.
///
/// # Errors
///
/// No key, no signature, nothing to encrypt with, or the store's.
pub async fn mint(app: &App, issue: &Issue<'_>) -> Result<Minted, MintError> {
    mint_with(app, issue, Company::AccessToken).await
}

/// Makes the tokens that are asked for, for an ID token in this company. Nothing is stored here.
///
/// # Errors
///
/// As of [`mint`].
pub async fn mint_with(
    app: &App,
    issue: &Issue<'_>,
    company: Company,
) -> Result<Minted, MintError> {
    let ring = ring_for(app, issue.realm, &wanted(issue)).await?;
    let now = app.now();
    let access_end = access_end(issue, now);
    let mut access = access_claims(app, issue, access_end, now);
    if !issue.transient {
        let part = (issue.client, issue.usable);
        let claim = status_list::claim(app, issue.realm, part, &issue.issuer, access_end);
        if let Some(claim) = claim.await? {
            access.insert("status", claim);
        }
    }
    let access_token_id = access.text("jti").unwrap_or_default().to_owned();
    let access_token = sign(
        &ring,
        algorithm(issue.realm, issue.client, sign::ACCESS_TOKEN),
        access_token_type(issue.client),
        &access,
        now,
    )?;
    let refresh = |scope: &str, reuse_id: Option<&str>| {
        refresh_token(app, issue, &ring, &access, scope, reuse_id)
    };
    let refresh_token = match &issue.refresh {
        Refresh::No => None,
        Refresh::First { reuse_id } => {
            let scope = issue.granted.full_scope_text();
            Some(refresh(&scope, reuse_id.as_deref())?)
        }
        Refresh::Next { scope, reuse_id } => Some(refresh(scope, reuse_id.as_deref())?),
    };
    let id_token = if issue.id_token {
        let beside = issue.front.is_none_or(|front| front.access_token);
        let beside = (beside && company == Company::AccessToken).then_some(access_token.as_str());
        let signed = id_token(app, issue, &ring, beside, (access_end, now))?;
        Some(sealed(app, issue, signed).await?)
    } else {
        None
    };
    let mut further = Claims::default();
    map(app, issue, Target::TokenResponse, &mut further, now);
    let lower = issue
        .client
        .settings
        .flag_attribute("token.response.type.bearer.lower-case", false);
    Ok(Minted {
        access_token,
        access_token_id,
        audience: audience(&access),
        expires_in: access_end.seconds() - now.seconds(),
        access_token_lifespan: access_end.seconds() - now.seconds(),
        refresh_token,
        id_token,
        token_type: if lower {
            "bearer".to_owned()
        } else {
            "Bearer".to_owned()
        },
        scope: issue.granted.scope_text(),
        session_state: (!issue.transient).then(|| issue.usable.session().id.as_str().to_owned()),
        not_before_policy: revoked_before(
            issue.realm,
            Some(issue.client),
            Some(issue.usable.user()),
        ),
        further: further.into_json(),
    })
}

fn is_lightweight(client: &Client) -> bool {
    client
        .settings
        .flag_attribute("client.use.lightweight.access.token.enabled", false)
}

pub(super) fn access_claims(app: &App, issue: &Issue<'_>, end: Millis, now: Millis) -> Claims {
    let lightweight = is_lightweight(issue.client);
    let presence = match (is_offline(issue), issue.usable.is_part_kept()) {
        _ if issue.transient => "tr",
        (true, true) => "of",
        (false, true) => "on",
        (true, false) => "ft",
        (false, false) => "nt",
    };
    let weight = if lightweight { "lt" } else { "rt" };
    let mut claims = Claims::with_capacity(32);
    claims.insert("exp", end.seconds().0);
    claims.insert("iat", now.seconds().0);
    let id = format!(
        "{presence}{weight}{}:{}",
        issue.code.as_str(),
        app.random.uuid()
    );
    claims.insert("jti", id);
    claims.insert("iss", issue.issuer.clone());
    if issue.transient {
        claims.insert("sub", issue.usable.user().id.as_str());
    }
    claims.insert("typ", "Bearer");
    claims.insert("azp", issue.client.client_id.as_str());
    if !issue.transient {
        claims.insert("sid", issue.usable.session().id.as_str());
    }
    claims.insert("scope", issue.granted.scope_text());
    let target = if lightweight {
        Target::LightweightAccess
    } else {
        Target::Access
    };
    map(app, issue, target, &mut claims, now);
    if let Some(audience) = &issue.granted.audience {
        token_exchange::narrow(&mut claims, audience);
    }
    claims
}

fn id_token(
    app: &App,
    issue: &Issue<'_>,
    ring: &KeyRing,
    access_token: Option<&str>,
    (end, now): (Millis, Millis),
) -> Result<String, MintError> {
    let algorithm = algorithm(issue.realm, issue.client, sign::ID_TOKEN);
    let hash = Algorithm::from_name(algorithm);
    let half = |value: Option<&str>| Some(left_half(hash?, value?));
    let at_hash = half(access_token);
    let mut claims = id_claims(app, issue, at_hash, end, now);
    if let Some(front) = issue.front {
        let hashes = [("c_hash", front.code), ("s_hash", front.state)];
        for (name, value) in hashes {
            if let Some(hash) = half(value) {
                claims.insert(name, hash);
            }
        }
    }
    sign(ring, algorithm, "JWT", &claims, now)
}

/// The same token, encrypted if the client wants it so.
async fn sealed(app: &App, issue: &Issue<'_>, token: String) -> Result<String, MintError> {
    let (client, kind) = (issue.client, Sealed::IdToken);
    if !kind.is_wanted(client) {
        return Ok(token);
    }
    let content = (token.as_str(), Some("JWT"));
    Ok(encrypted(app, client, kind, &issue.issuer, content).await?)
}

/// The claims of an ID token; `hash` is its `at_hash`.
pub(super) fn id_claims(
    app: &App,
    issue: &Issue<'_>,
    hash: Option<String>,
    end: Millis,
    now: Millis,
) -> Claims {
    let mut claims = Claims::with_capacity(32);
    claims.insert("exp", end.seconds().0);
    claims.insert("iat", now.seconds().0);
    claims.insert("jti", app.random.uuid());
    claims.insert("iss", issue.issuer.clone());
    claims.insert("aud", issue.client.client_id.as_str());
    claims.insert("sub", issue.usable.user().id.as_str());
    claims.insert("typ", "ID");
    claims.insert("azp", issue.client.client_id.as_str());
    if let Some(nonce) = issue.nonce {
        claims.insert("nonce", nonce);
    }
    if !issue.transient {
        claims.insert("sid", issue.usable.session().id.as_str());
    }
    if let Some(hash) = hash {
        claims.insert("at_hash", hash);
    }
    if !issue.front.is_some_and(|front| front.is_detached) {
        map(app, issue, Target::Id, &mut claims, now);
    }
    claims
}

fn refresh_token(
    app: &App,
    issue: &Issue<'_>,
    ring: &KeyRing,
    access: &Claims,
    scope: &str,
    reuse_id: Option<&str>,
) -> Result<(String, String, RefreshKind, Option<Seconds>), MintError> {
    let now = app.now();
    let offline = crate::scope::has_word(Some(scope), crate::scope::OFFLINE_ACCESS);
    let kind = if offline {
        RefreshKind::Offline
    } else {
        RefreshKind::Refresh
    };
    let end = refresh_end(issue, kind);
    let id = app.random.uuid();
    let mut claims = Claims::with_capacity(16);
    if let Some(end) = end {
        claims.insert("exp", end.seconds().0);
    }
    claims.insert("iat", now.seconds().0);
    claims.insert("jti", id.as_str());
    claims.insert("iss", issue.issuer.clone());
    claims.insert("aud", issue.issuer.clone());
    let copy = |from: &str| access.get(from).cloned();
    for (name, value) in [
        ("sub", copy("sub")),
        ("azp", copy("azp")),
        ("nonce", copy("nonce")),
    ] {
        if let Some(value) = value {
            claims.insert(name, value);
        }
    }
    claims.insert("typ", kind.as_str());
    claims.insert("sid", issue.usable.session().id.as_str());
    claims.insert("scope", scope);
    if let Some(reuse_id) = reuse_id {
        claims.insert("reuse_id", reuse_id);
    }
    if let Some(audience) = &issue.granted.audience {
        claims.insert(REQUESTED_AUDIENCE, json!(audience));
    }
    if let Some(audience) = copy("aud") {
        claims.insert("aud_x", audience);
    }
    claims.insert("prov", "default");
    let token = sign(ring, Algorithm::Hs512.name(), "JWT", &claims, now)?;
    Ok((
        token,
        id,
        kind,
        end.map(|end| end.seconds() - now.seconds()),
    ))
}

pub(super) fn map(app: &App, issue: &Issue<'_>, target: Target, claims: &mut Claims, now: Millis) {
    let mut subject = Subject {
        realm: issue.realm,
        client: issue.client,
        person: issue.person,
        session: issue.usable.session(),
        part: issue.usable.part(),
        roles: Cow::Borrowed(&issue.granted.role_names),
        issuer: &issue.issuer,
        nonce: issue.nonce,
        methods: &issue.granted.methods,
        scripts: &app.scripts,
        now,
    };
    mapper::apply(&issue.granted.mappers, target, &mut subject, claims);
}

/// The algorithms of all tokens that are asked for.
fn wanted(issue: &Issue<'_>) -> Vec<Algorithm> {
    let mut asked = vec![algorithm(issue.realm, issue.client, sign::ACCESS_TOKEN)];
    if issue.id_token {
        asked.push(algorithm(issue.realm, issue.client, sign::ID_TOKEN));
    }
    let named = asked.iter().filter_map(|name| Algorithm::from_name(name));
    let internal = (!matches!(issue.refresh, Refresh::No)).then_some(Algorithm::Hs512);
    named.chain(internal).collect()
}

fn audience(claims: &Claims) -> Vec<String> {
    let names = match claims.get("aud") {
        Some(Value::Array(names)) => names.as_slice(),
        Some(name) => std::slice::from_ref(name),
        None => &[],
    };
    let names = names.iter().filter_map(Value::as_str);
    names.map(str::to_owned).collect()
}
