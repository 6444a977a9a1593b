//! Logout tokens (OpenID Connect Back-Channel Logout 1.0): which client gets one, and what it says.

use claviger_model::session::EndReason;
use claviger_model::{ClientSession, UserSession};
use claviger_wire::document::Json;
use serde_json::{Value, json};

use super::address;
use super::notice::Notice;
use crate::client::Client;
use crate::mapper;
use crate::realm::Realm;
use crate::token::sign;

/// The event that a logout token tells of (§2.4).
const LOGOUT: &str = "http://schemas.openid.net/event/backchannel-logout";
/// Keycloak's own beside it: offline tokens of this user are to be thrown away as well.
const REVOKE_OFFLINE: &str = "revoke_offline_access";

/// Where a client is told, if that is the same for all its sessions.
pub(crate) fn address(client: &Client, issuer: &str) -> Option<String> {
    let configured = client.settings.attribute("backchannel.logout.url")?;
    let url = address::resolved(client, issuer, configured);
    address::is_for_all_sessions(&url).then_some(url)
}

/// What a client has to be told of the end of a session, or of its part in one, if it has a
/// `backchannel.logout.url`.
pub(super) fn notice(
    realm: &Realm,
    client: &Client,
    session: &UserSession,
    part: &ClientSession,
    reason: EndReason,
) -> Option<Notice> {
    let settings = &client.settings;
    let configured = settings.attribute("backchannel.logout.url")?;
    // Written when the session began: nobody knows later under which name the server was called.
    let issuer = part.notes.get("iss")?;
    let url = address::resolved(client, issuer, configured);
    let url = address::at_host_of_session(client, issuer, url, part)?;
    let mut claims = Json::new();
    claims.insert("iss".into(), json!(issuer));
    claims.insert("aud".into(), json!(client.client_id));
    claims.insert(
        "sub".into(),
        json!(mapper::subject_of(client, &session.user)),
    );
    claims.insert("typ".into(), json!("Logout"));
    if settings.flag_attribute("backchannel.logout.session.required", false) {
        claims.insert("sid".into(), json!(session.id.as_str()));
    }
    let mut events = Json::new();
    events.insert(LOGOUT.into(), json!({}));
    if settings.flag_attribute("backchannel.logout.revoke.offline.tokens", false) {
        events.insert(REVOKE_OFFLINE.into(), json!(true));
    }
    claims.insert("events".into(), Value::Object(events));
    Some(Notice {
        url,
        realm: realm.name.clone(),
        client: client.client_id.clone(),
        sid: Some(session.id.as_str().to_owned()),
        user: Some(session.user.as_str().to_owned()),
        reason: Some(reason.as_str().to_owned()),
        algorithm: sign::algorithm(realm, client, sign::ID_TOKEN).to_owned(),
        claims,
        body: None,
        token: None,
    })
}
