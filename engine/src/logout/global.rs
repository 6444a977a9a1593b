//! Everything that a person has ends at once, because another server asks for it, or here; then
//! others are asked for the same (Global Token Revocation, draft-parecki-oauth-global-token-revocation).
//!
//! Who may ask, and who is asked, is said by attributes: without them nobody may, and nobody is.

use claviger_model::session::{EndReason, SessionKind};
use claviger_model::{ClientUuid, Seconds, User, UserId};
use claviger_store::{StoreError, Tx};
use claviger_wire::document::Json;
use serde_json::{Value, json};

use super::end_sessions_of_user;
use super::notice::{Channel, Notice};
use super::{address, receipt};
use crate::app::App;
use crate::client::Client;
use crate::mapper;
use crate::outbox::ledger::Letter;
use crate::realm::Realm;
use crate::revocation::record;

pub mod subject;

/// The realm's attribute that opens the endpoint.
const ENABLED: &str = "global.token.revocation.enabled";
/// The client's attribute that lets it ask.
const ALLOWED: &str = "global.token.revocation.allowed";
/// The client's attribute that says where it wants to be asked.
const URL: &str = "global.token.revocation.url";
/// How the client knows people (RFC 9493): `iss_sub`, `email` or `opaque`.
const SUBJECT: &str = "global.token.revocation.subject";
/// As whom this server asks it, where that is not known otherwise.
const ISSUER: &str = "global.token.revocation.issuer";
/// How long nobody else is asked about a person of whom nothing is left: two servers that ask each
/// other come to rest.
const QUIET: Seconds = Seconds(3_600);

/// `typ` of the token by which this server proves who asks. The draft names none; this is the one
/// that receivers know.
pub(super) const TYP: &str = "global-token-revocation+jwt";

/// Whether the realm's endpoint is open.
pub fn is_on(realm: &Realm) -> bool {
    let set = realm.settings.attribute(ENABLED);
    set.is_some_and(|set| set.eq_ignore_ascii_case("true"))
}

/// Whether a client may ask.
pub fn may(client: &Client) -> bool {
    let settings = &client.settings;
    settings.enabled && !settings.public_client && settings.flag_attribute(ALLOWED, false)
}

/// Ends everything that a person has, as another server asks through a client: all sessions, offline
/// ones too, and every token from before, of which APIs are told by records.
///
/// # Errors
///
/// The store's.
pub async fn end(
    app: &App,
    realm: &Realm,
    tx: &mut Tx,
    user: &User,
    client: &Client,
) -> Result<(), StoreError> {
    let reason = EndReason::Upstream;
    let now = app.now().seconds();
    tx.set_user_not_before(&realm.id, &user.id, now);
    record::user_cut(app, realm, tx, (&user.id, reason), now).await?;
    end_sessions_of_user(app, realm, tx, &user.id, &SessionKind::ALL, reason).await?;
    pass_on(app, realm, tx, user, Some(&client.uuid)).await
}

/// Asks others for what another server has asked of us, but for the client that it came through;
/// nobody, if nothing was left to end here and the same was asked a short while ago.
///
/// # Errors
///
/// The store's.
pub(crate) async fn pass_on(
    app: &App,
    realm: &Realm,
    tx: &mut Tx,
    user: &User,
    from: Option<&ClientUuid>,
) -> Result<(), StoreError> {
    let mut has_sessions = false;
    for kind in SessionKind::ALL {
        let sessions = app.store.sessions_of_user(&realm.id, kind, &user.id);
        has_sessions |= !sessions.await?.is_empty();
    }
    if !has_sessions && user.not_before + QUIET > app.now().seconds() {
        return Ok(());
    }
    ask(app, realm, tx, (&user.id, EndReason::Upstream), from).await
}

/// Asks every client that wants to be asked, whether or not it has a session of theirs: what it has
/// issued itself may be older. Service accounts are nobody's to others.
///
/// # Errors
///
/// The store's.
pub(super) async fn ask(
    app: &App,
    realm: &Realm,
    tx: &mut Tx,
    (id, reason): (&UserId, EndReason),
    but: Option<&ClientUuid>,
) -> Result<(), StoreError> {
    let receivers = realm.asked_of_everything().await?;
    if receivers.is_empty() {
        return Ok(());
    }
    let user = app.store.user(&realm.id, id).await?;
    if user.as_ref().is_none_or(|u| u.service_account_of.is_some()) {
        return Ok(());
    }
    let seen = issuer_of_sessions(app, realm, id).await?;
    for name in receivers.iter() {
        let Some(client) = realm.client(name).await? else {
            continue;
        };
        if !client.settings.enabled || but == Some(&client.uuid) {
            continue;
        }
        let issuer = issuer(app, realm, &client).or_else(|| seen.clone());
        let Some(mut notice) = blank(realm, &client, id, reason) else {
            continue;
        };
        let email = user.as_ref().and_then(|user| user.email.as_deref());
        notice.body = sub_id(&client, (id, email), issuer.as_deref());
        address_to(&mut notice, &client, issuer.as_deref());
        let letter = Letter {
            client: &client,
            channel: Channel::GlobalRevocation,
            notice: &notice,
        };
        letter.post(app, realm, tx);
    }
    Ok(())
}

/// Gives a request the address that its client has today, and where it could not be written before,
/// because nobody knew this server's address, what it asks.
pub(crate) fn readdress(app: &App, realm: &Realm, client: &Client, notice: &mut Notice) {
    let told = notice.claims.get("iss").and_then(Value::as_str);
    let issuer = told
        .map(str::to_owned)
        .or_else(|| issuer(app, realm, client));
    if notice.body.is_none() {
        let user = notice.user.clone().map(UserId::from);
        notice.body = user.and_then(|user| sub_id(client, (&user, None), issuer.as_deref()));
    }
    if client.settings.attribute(URL).is_some() {
        address_to(notice, client, issuer.as_deref());
    }
}

/// The address under which the client knows this server, as far as configuration says it. A request
/// of an administrator does not: it may come in by another name.
fn issuer(app: &App, realm: &Realm, client: &Client) -> Option<String> {
    let own = client.settings.attribute(ISSUER).map(str::to_owned);
    own.or_else(|| Some(format!("{}/realms/{}", app.public_url()?, realm.name)))
}

/// The issuer of a session that the person has: the newest may be under another name than the first.
async fn issuer_of_sessions(
    app: &App,
    realm: &Realm,
    user: &UserId,
) -> Result<Option<String>, StoreError> {
    for kind in SessionKind::ALL {
        for session in app.store.sessions_of_user(&realm.id, kind, user).await? {
            let parts = app.store.client_sessions(&realm.id, kind, &session.id);
            let mut issuers = parts
                .await?
                .into_iter()
                .filter_map(|mut part| part.notes.remove("iss"));
            if let Some(issuer) = issuers.next() {
                return Ok(Some(issuer));
            }
        }
    }
    Ok(None)
}

fn blank(realm: &Realm, client: &Client, user: &UserId, reason: EndReason) -> Option<Notice> {
    Some(Notice {
        url: client.settings.attribute(URL)?.to_owned(),
        realm: realm.name.clone(),
        client: client.client_id.clone(),
        sid: None,
        user: Some(user.as_str().to_owned()),
        reason: Some(reason.as_str().to_owned()),
        algorithm: receipt::algorithm(realm).to_owned(),
        claims: Json::new(),
        body: None,
        token: None,
    })
}

/// Says where to, and as whom. The token is good at this address alone: who gets it cannot ask
/// anybody else with it.
fn address_to(notice: &mut Notice, client: &Client, issuer: Option<&str>) {
    let Some(configured) = client.settings.attribute(URL) else {
        return;
    };
    notice.url = address::resolved(client, issuer.unwrap_or_default(), configured);
    notice.claims.insert("aud".into(), json!(notice.url));
    notice.claims.insert("sub".into(), json!(client.client_id));
    if let Some(issuer) = issuer {
        notice.claims.insert("iss".into(), json!(issuer));
    }
}

/// A person as the client knows them; nothing, where that takes an issuer and there is none.
fn sub_id(client: &Client, user: (&UserId, Option<&str>), issuer: Option<&str>) -> Option<Json> {
    let (id, email) = user;
    let sub = mapper::subject_of(client, id);
    let said = match (client.settings.attribute(SUBJECT), email) {
        (Some("email"), Some(email)) => json!({"format": "email", "email": email}),
        (Some("opaque"), _) => json!({"format": "opaque", "id": sub}),
        (_, _) => json!({"format": "iss_sub", "iss": issuer?, "sub": sub}),
    };
    let mut body = Json::new();
    body.insert("sub_id".into(), said);
    Some(body)
}

/// Whether a request can be sent: it says who asks, and about whom.
pub(crate) fn is_complete(notice: &Notice) -> bool {
    notice.token.is_some() || (notice.claims.contains_key("iss") && notice.body.is_some())
}
