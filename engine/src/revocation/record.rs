//! Records of what was taken back: what each end looks like from outside, put into the job that
//! ends it.
//!
//! A record never says less than the gate does. Where it cannot say exactly the same, it says more:
//! then a client is refused once, and gets a new token with its refresh token.

use claviger_model::session::{EndReason, SessionKind};
use claviger_model::{
    ClientSession, Millis, RealmId, Revocation, Seconds, SessionId, UserId, UserSession,
};
use claviger_store::{StoreError, Tx};
use claviger_wire::client::ClientSettings;
use claviger_wire::document::Json;
use claviger_wire::realm::RealmSettings;

use crate::app::App;
use crate::client::Client;
use crate::mapper::subject_of;
use crate::realm::Realm;

/// How far the clock of another node may be ahead: tokens that it has issued for a session are dead
/// with the session, although they look younger. Ids of sessions are never used again.
const SKEW: Seconds = Seconds(60);

/// A record of now that names nothing yet: everything in the realm.
async fn blank(app: &App, realm: &Realm, reason: EndReason) -> Result<Revocation, StoreError> {
    let now = app.now();
    Ok(Revocation {
        realm: realm.id.clone(),
        client: None,
        user: None,
        session: None,
        jti: None,
        before: now,
        // A large state, for what is loaded once.
        until: now + Box::pin(realm.horizon()).await?,
        at: now,
        reason,
    })
}

/// A session has ended, with all tokens that hang on it. Where an offline session of the same id
/// lives on, its tokens of before are taken for the ended one's, and it gets new ones.
pub async fn session_ended(
    app: &App,
    realm: &Realm,
    tx: &mut Tx,
    session: &UserSession,
    reason: EndReason,
) -> Result<(), StoreError> {
    if is_of_all(reason) {
        return Ok(());
    }
    let mut record = blank(app, realm, reason).await?;
    let store = &app.store;
    let lives_on = session.kind == SessionKind::Online
        && store
            .user_session(&realm.id, SessionKind::Offline, &session.id)
            .await?
            .is_some();
    record.before = record.before.max(session.last_refresh);
    if !lives_on {
        record.before = record.before + SKEW;
    }
    record.session = Some(session.id.clone());
    tx.insert_revocation(&record);
    Ok(())
}

/// Whether such an end is told by one record for all of the realm's sessions.
const fn is_of_all(reason: EndReason) -> bool {
    matches!(reason, EndReason::RealmDeleted | EndReason::RealmDisabled)
}

/// A client's part in a session has ended, with the tokens that hang on it. It may take part again.
pub async fn part_ended(
    app: &App,
    realm: &Realm,
    tx: &mut Tx,
    part: &ClientSession,
    reason: EndReason,
) -> Result<(), StoreError> {
    // A client's own end is one record for all of its parts.
    if is_of_all(reason) || matches!(reason, EndReason::ClientDeleted | EndReason::ClientDisabled) {
        return Ok(());
    }
    let Some(client) = realm.client_by_uuid(&part.client).await? else {
        return Ok(());
    };
    let mut record = blank(app, realm, reason).await?;
    record.before = record.before.max(part.last_refresh);
    record.session = Some(part.session.clone());
    record.client = Some(client.client_id.clone());
    tx.insert_revocation(&record);
    Ok(())
}

/// One token was revoked (RFC 7009); by its own end the record is over.
pub fn token_revoked(app: &App, realm: &Realm, tx: &mut Tx, jti: &str, end: Millis) {
    let now = app.now();
    tx.insert_revocation(&Revocation {
        realm: realm.id.clone(),
        client: None,
        user: None,
        session: None,
        jti: Some(jti.to_owned()),
        before: now + SKEW,
        until: end,
        at: now,
        reason: EndReason::TokenRevoked,
    });
}

/// All tokens about a user are dead: they were disabled or deleted.
pub async fn user_ended(
    app: &App,
    realm: &Realm,
    tx: &mut Tx,
    user: &UserId,
    reason: EndReason,
) -> Result<(), StoreError> {
    let mut record = blank(app, realm, reason).await?;
    record.user = Some(user.clone());
    tx.insert_revocation(&record);
    Ok(())
}

/// A user is disabled whose sessions stay, to be used again when the user is let in again.
pub async fn user_locked(
    app: &App,
    realm: &Realm,
    tx: &mut Tx,
    user: &UserId,
) -> Result<(), StoreError> {
    let record = blank(app, realm, EndReason::UserDisabled).await?;
    of_user(app, realm, tx, user, record).await
}

/// Tokens about a user from before a second are refused.
pub async fn user_cut(
    app: &App,
    realm: &Realm,
    tx: &mut Tx,
    (user, reason): (&UserId, EndReason),
    not_before: Seconds,
) -> Result<(), StoreError> {
    let record = cut(blank(app, realm, reason).await?, not_before);
    of_user(app, realm, tx, user, record).await
}

/// The same for all tokens about a user, by the user's id and, where a client knows the user by a
/// pseudonym, by the session.
async fn of_user(
    app: &App,
    realm: &Realm,
    tx: &mut Tx,
    user: &UserId,
    mut record: Revocation,
) -> Result<(), StoreError> {
    record.user = Some(user.clone());
    tx.insert_revocation(&record);
    record.user = None;
    for kind in SessionKind::ALL {
        for session in app.store.sessions_of_user(&realm.id, kind, user).await? {
            if has_pseudonym(app, realm, kind, &session.id, user).await? {
                record.session = Some(session.id);
                tx.insert_revocation(&record);
            }
        }
    }
    Ok(())
}

async fn has_pseudonym(
    app: &App,
    realm: &Realm,
    kind: SessionKind,
    session: &SessionId,
    user: &UserId,
) -> Result<bool, StoreError> {
    for part in app.store.client_sessions(&realm.id, kind, session).await? {
        let client = realm.client_by_uuid(&part.client).await?;
        if client.is_some_and(|client| subject_of(&client, user) != user.as_str()) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Tokens of the very second of a cut are good.
fn cut(mut record: Revocation, not_before: Seconds) -> Revocation {
    let at = not_before.millis();
    // A cut may lie ahead: it concerns tokens that are not issued yet.
    let life = record.until.0.saturating_sub(record.at.0);
    record.until = record.until.max(Millis(at.0.saturating_add(life)));
    record.before = Millis(at.0.saturating_sub(1));
    record
}

/// What a realm's new settings take back: all of it if it is disabled, what is older than a new
/// not-before. What was issued under longer lifespans is remembered for as long as it lives.
pub async fn realm_changed(
    app: &App,
    realm: &Realm,
    tx: &mut Tx,
    changed: &Json,
) -> Result<(), StoreError> {
    let after = RealmSettings::from_body(changed);
    if realm.settings.lifespans != after.lifespans {
        tx.stretch_revocations(&realm.id, app.now() + realm.horizon().await?);
    }
    if realm.enabled && !after.enabled {
        realm_ended(app, realm, tx, EndReason::RealmDisabled).await?;
    }
    if after.not_before > realm.settings.not_before {
        let record = blank(app, realm, EndReason::NotBefore).await?;
        tx.insert_revocation(&cut(record, after.not_before));
    }
    Ok(())
}

/// All tokens of a realm are dead: it was disabled, or goes.
pub async fn realm_ended(
    app: &App,
    realm: &Realm,
    tx: &mut Tx,
    reason: EndReason,
) -> Result<(), StoreError> {
    tx.insert_revocation(&blank(app, realm, reason).await?);
    Ok(())
}

/// A realm's place is taken by another of its name: nothing of before is alive there.
pub async fn realm_replaced(
    app: &App,
    old: &Realm,
    tx: &mut Tx,
    new: &RealmId,
) -> Result<(), StoreError> {
    let mut record = blank(app, old, EndReason::RealmDeleted).await?;
    record.realm = new.clone();
    tx.insert_revocation(&record);
    Ok(())
}

/// What a client's new settings take back: see [`realm_changed`]. A client of another name is
/// another client.
pub async fn client_changed(
    app: &App,
    realm: &Realm,
    tx: &mut Tx,
    client: &Client,
    changed: &Json,
) -> Result<(), StoreError> {
    let after = ClientSettings::from_body(changed);
    let own = |settings: &ClientSettings| settings.integer_attribute(LIFESPAN);
    if own(&client.settings) != own(&after) {
        tx.stretch_revocations(&realm.id, app.now() + realm.horizon().await?);
    }
    let renamed = changed.get("clientId").and_then(serde_json::Value::as_str);
    if renamed.is_some_and(|name| name != client.client_id) {
        client_ended(app, realm, tx, client, EndReason::Admin).await?;
    } else if client.settings.enabled && !after.enabled {
        client_ended(app, realm, tx, client, EndReason::ClientDisabled).await?;
    }
    if after.not_before > client.settings.not_before {
        let record = blank(app, realm, EndReason::NotBefore).await?;
        let mut record = cut(record, after.not_before);
        record.client = Some(client.client_id.clone());
        tx.insert_revocation(&record);
    }
    Ok(())
}

/// All tokens issued to a client are dead: it was disabled, or goes.
pub async fn client_ended(
    app: &App,
    realm: &Realm,
    tx: &mut Tx,
    client: &Client,
    reason: EndReason,
) -> Result<(), StoreError> {
    let mut record = blank(app, realm, reason).await?;
    if client.settings.integer_attribute(LIFESPAN).is_some() {
        tx.stretch_revocations(&realm.id, record.until);
    }
    record.client = Some(client.client_id.clone());
    tx.insert_revocation(&record);
    Ok(())
}

/// A client's own lifespan of access tokens.
const LIFESPAN: &str = "access.token.lifespan";

/// How long an access token of a realm lives at most: of all clients, in all flows.
pub(crate) fn horizon(realm: &RealmSettings, clients: &[Json]) -> Seconds {
    let lifespans = &realm.lifespans;
    // As long as a session, if a setting says so (-1).
    let session = lifespans
        .sso_session_max_lifespan
        .max(lifespans.sso_session_max_lifespan_remember_me)
        .max(if lifespans.offline_session_max_lifespan_enabled {
            lifespans.offline_session_max_lifespan
        } else {
            Seconds(0)
        });
    let own = clients
        .iter()
        .filter_map(|body| ClientSettings::from_body(body).integer_attribute(LIFESPAN));
    own.map(Seconds)
        .chain([
            lifespans.access_token_lifespan,
            lifespans.access_token_lifespan_for_implicit_flow,
        ])
        .map(|span| if span.0 < 0 { session } else { span })
        .max()
        .unwrap_or(session)
        .min(LONGEST)
}

/// Nothing is remembered for longer: a hundred years.
const LONGEST: Seconds = Seconds(100 * 365 * 86_400);

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(value: serde_json::Value) -> Json {
        let serde_json::Value::Object(object) = value else {
            panic!("an object")
        };
        object
    }

    #[test]
    fn the_longest_life_counts() {
        let own = |span: &str| object(json!({"attributes": {LIFESPAN: span}}));
        let plain = json!({"accessTokenLifespan": 60, "accessTokenLifespanForImplicitFlow": 900});
        let session = json!({"accessTokenLifespan": -1, "ssoSessionMaxLifespan": 7000});
        let offline = json!({
            "accessTokenLifespan": -1, "ssoSessionMaxLifespan": 7000,
            "offlineSessionMaxLifespanEnabled": true, "offlineSessionMaxLifespan": 9000,
        });
        for (realm, clients, expected) in [
            (&plain, vec![], 900),
            (&plain, vec![own("30"), own("3600")], 3_600),
            (&plain, vec![own("rubbish")], 900),
            (&plain, vec![own("-1")], 36_000),
            (&session, vec![], 7_000),
            (&offline, vec![], 9_000),
            (&plain, vec![own(&i64::MAX.to_string())], LONGEST.0),
        ] {
            let settings = RealmSettings::from_body(&object(realm.clone()));
            assert_eq!(horizon(&settings, &clients), Seconds(expected), "{realm}");
        }
    }

    #[test]
    fn a_token_of_the_second_of_a_cut_is_good() {
        let record = Revocation {
            realm: "r".into(),
            client: None,
            user: None,
            session: None,
            jti: None,
            before: Millis(50_000),
            until: Millis(80_000),
            at: Millis(50_000),
            reason: EndReason::NotBefore,
        };
        let now = cut(record.clone(), Seconds(50));
        assert_eq!((now.before, now.until), (Millis(49_999), Millis(80_000)));
        let ahead = cut(record.clone(), Seconds(100));
        assert_eq!(
            (ahead.before, ahead.until),
            (Millis(99_999), Millis(130_000))
        );
        let long_ago = cut(record, Seconds(1));
        assert_eq!(
            (long_ago.before, long_ago.until),
            (Millis(999), Millis(80_000))
        );
    }
}
