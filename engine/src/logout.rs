//! The end of sessions: two verbs, for whichever door it comes through.
//!
//! Both write into the caller's job, so that the end, what has to be told to others and the door's
//! event stand or fall together. The event belongs to the door. After the job is committed no
//! endpoint finds the session any more, on any node; ending it again changes nothing.

use std::collections::BTreeSet;

use claviger_model::session::{EndReason, SessionKind};
use claviger_model::{ClientSession, ClientUuid, Millis, UserId, UserSession};
use claviger_store::{Concerned, StoreError, Tx};

use crate::app::App;
use crate::client::Client;
use crate::outbox::ledger::Letter;
use crate::realm::Realm;
use crate::revocation::record;
use crate::signal;

pub mod adapter;
mod address;
mod asked;
pub(crate) mod backchannel;
pub mod browser;
mod ending;
mod farewell;
pub mod global;
pub mod notice;
mod question;
pub mod receipt;
pub mod scope;

use notice::Channel;

/// How many sessions one job ends at most; a longer list takes several jobs.
const BATCH: i64 = 200;

/// Ends one session: it and every client's part in it go, and those who asked to be told are told.
///
/// An offline session takes the online session of the same id with it, as its tokens are of one
/// family; the other way round the offline session stays, for it is meant to outlive the browser.
pub async fn end_session(
    app: &App,
    realm: &Realm,
    tx: &mut Tx,
    session: &UserSession,
    reason: EndReason,
) -> Result<(), StoreError> {
    let kinds: &[SessionKind] = match session.kind {
        SessionKind::Online => &[SessionKind::Online],
        SessionKind::Offline => &SessionKind::ALL,
    };
    let mut told = BTreeSet::new();
    let mut concerned = Vec::new();
    for kind in kinds.iter().rev() {
        for part in app
            .store
            .client_sessions(&realm.id, *kind, &session.id)
            .await?
        {
            // Whoever has a part in both is told once: to them it is one session.
            if told.insert(part.client.clone()) {
                concerned.extend(tell(app, realm, tx, session, &part, reason).await?);
            }
        }
        tx.delete_user_session(&realm.id, *kind, &session.id);
    }
    record::session_ended(app, realm, tx, session, reason).await?;
    ending::keep(app, realm, tx, session, (true, reason), concerned);
    signal::emit::session_revoked(app, realm, tx, session, reason).await?;
    // Nobody signs in under its id in another tab of its browser (CVE-2025-12390).
    tx.shorten_authentication_sessions(&realm.id, &session.id, app.now());
    Ok(())
}

/// Drops an online session that has turned into an offline one of the same id at a client, with the
/// logins of its browser. Nobody is told, for nobody is signed out; and nobody else goes on under its
/// id. Should another client have joined meanwhile, its tokens hang on nothing from now on.
pub async fn turn_offline(
    app: &App,
    realm: &Realm,
    tx: &mut Tx,
    session: &UserSession,
    client: &ClientUuid,
) -> Result<(), StoreError> {
    let kind = SessionKind::Online;
    let parts = app.store.client_sessions(&realm.id, kind, &session.id);
    for part in parts.await?.iter().filter(|part| part.client != *client) {
        record::part_ended(app, realm, tx, part, EndReason::Expired).await?;
    }
    tx.delete_user_session(&realm.id, kind, &session.id);
    tx.delete_authentication_sessions(&realm.id, &session.id);
    Ok(())
}

/// Ends one client's part in a session; the session itself lives on.
pub async fn end_client_session(
    app: &App,
    realm: &Realm,
    tx: &mut Tx,
    session: &UserSession,
    client: &ClientUuid,
    reason: EndReason,
) -> Result<(), StoreError> {
    let part = app
        .store
        .client_session(&realm.id, session.kind, &session.id, client)
        .await?;
    if let Some(part) = part {
        let concerned = tell(app, realm, tx, session, &part, reason).await?;
        let concerned = concerned.into_iter().collect();
        ending::keep(app, realm, tx, session, (false, reason), concerned);
        tx.delete_client_session(&realm.id, session.kind, &session.id, client);
        record::part_ended(app, realm, tx, &part, reason).await?;
    }
    Ok(())
}

/// Ends all of a user's sessions of some kinds. Of a user who is disabled or goes, every token is
/// taken back, those without a session too. Where all kinds end, other servers are asked for the same.
pub async fn end_sessions_of_user(
    app: &App,
    realm: &Realm,
    tx: &mut Tx,
    user: &UserId,
    kinds: &[SessionKind],
    reason: EndReason,
) -> Result<(), StoreError> {
    if matches!(reason, EndReason::UserDeleted | EndReason::UserDisabled) {
        record::user_ended(app, realm, tx, user, reason).await?;
    }
    for kind in kinds {
        for session in app.store.sessions_of_user(&realm.id, *kind, user).await? {
            end_session(app, realm, tx, &session, reason).await?;
        }
    }
    // What another server has asked for is passed on by whoever took it.
    if *kinds == SessionKind::ALL && reason != EndReason::Upstream {
        global::ask(app, realm, tx, (user, reason), None).await?;
    }
    Ok(())
}

/// Ends one client's part in all sessions of a user.
pub async fn end_client_sessions_of_user(
    app: &App,
    realm: &Realm,
    tx: &mut Tx,
    user: &UserId,
    client: &ClientUuid,
    reason: EndReason,
) -> Result<(), StoreError> {
    for kind in SessionKind::ALL {
        for session in app.store.sessions_of_user(&realm.id, kind, user).await? {
            end_client_session(app, realm, tx, &session, client, reason).await?;
        }
    }
    Ok(())
}

/// Ends what a client has that is about to go: first all tokens issued to it are taken back.
pub async fn end_client(app: &App, realm: &Realm, client: &Client) -> Result<u64, StoreError> {
    let reason = EndReason::ClientDeleted;
    let mut tx = Tx::new();
    record::client_ended(app, realm, &mut tx, client, reason).await?;
    let _done = app.commit(tx).await?;
    end_sessions_of_client(app, realm, &client.uuid, reason).await
}

/// Ends one client's part in every session, in jobs of bounded size, and returns how many. That the
/// client is disabled, or goes, is recorded with its own change: once, not for each session.
pub async fn end_sessions_of_client(
    app: &App,
    realm: &Realm,
    client: &ClientUuid,
    reason: EndReason,
) -> Result<u64, StoreError> {
    let mut ended = 0;
    for kind in SessionKind::ALL {
        loop {
            let some = app
                .store
                .sessions_of_client(&realm.id, kind, client, 0, BATCH)
                .await?;
            if some.is_empty() {
                break;
            }
            let mut tx = Tx::new();
            for session in &some {
                end_client_session(app, realm, &mut tx, session, client, reason).await?;
                ended += 1;
            }
            let _done = app.commit(tx).await?;
        }
    }
    Ok(ended)
}

/// Ends every session of some kinds in a realm, in jobs of bounded size, and returns how many. That
/// the realm is disabled, or goes, is recorded by itself: once, not for each session.
pub async fn end_sessions_of_realm(
    app: &App,
    realm: &Realm,
    kinds: &[SessionKind],
    reason: EndReason,
) -> Result<u64, StoreError> {
    let mut ended = 0;
    for kind in kinds {
        loop {
            let some = app.store.sessions_of_realm(&realm.id, *kind, BATCH).await?;
            if some.is_empty() {
                break;
            }
            let mut tx = Tx::new();
            for session in &some {
                end_session(app, realm, &mut tx, session, reason).await?;
                ended += 1;
            }
            let _done = app.commit(tx).await?;
        }
    }
    Ok(ended)
}

/// Ends sessions whose time is over, at most a batch of them, and returns how many there were.
///
/// A candidate is found by the time written into its row and judged by today's settings: what was
/// prolonged since gets its new time, what is over ends like by any other door.
pub async fn end_expired(app: &App, now: Millis) -> Result<u64, StoreError> {
    let mut seen = 0;
    for (realm_id, session) in app.store.expired_sessions(now, BATCH).await? {
        seen += 1;
        let mut tx = Tx::new();
        match app.realm_by_id(&realm_id).await? {
            Some(realm) if crate::session::is_alive(&realm, &session, now) => {
                let end = crate::session::end(&realm.settings.lifespans, &session);
                let last = session.last_refresh;
                tx.refresh_user_session(&realm_id, session.kind, &session.id, last, end);
            }
            Some(realm) => {
                tx.claim_user_session(&realm_id, &session);
                end_session(app, &realm, &mut tx, &session, EndReason::Expired).await?;
            }
            None => tx.delete_user_session(&realm_id, session.kind, &session.id),
        }
        // A miss means that a refresh was faster: then the session is not over. Or another node was:
        // then it has told everybody, and nobody is told twice.
        let _done = app.commit(tx).await?;
    }
    Ok(seen)
}

/// Puts what a client has to be told into the outbox, if the client wants to be told at all. Gives
/// the client, if it is still there, with the delivery by which it is told.
async fn tell(
    app: &App,
    realm: &Realm,
    tx: &mut Tx,
    session: &UserSession,
    part: &ClientSession,
    reason: EndReason,
) -> Result<Option<Concerned>, StoreError> {
    let Some(client) = realm.client_by_uuid(&part.client).await? else {
        return Ok(None);
    };
    let mut concerned = Concerned {
        client: client.client_id.clone(),
        delivery: None,
    };
    if reason == EndReason::TokenRevoked {
        // It is the client itself that threw its tokens away, and nobody has logged out.
        return Ok(Some(concerned));
    }
    // A client with a back channel is told there alone, as Keycloak has it.
    let has_back_channel = client
        .settings
        .attribute("backchannel.logout.url")
        .is_some();
    let (channel, notice) = if has_back_channel {
        let notice = backchannel::notice(realm, &client, session, part, reason);
        (Channel::BackChannel, notice)
    } else {
        let notice = adapter::notice(realm, &client, session, part, reason);
        (Channel::AdapterLogout, notice)
    };
    if let Some(notice) = &notice {
        let client = &client;
        let letter = Letter {
            client,
            channel,
            notice,
        };
        concerned.delivery = Some(letter.post(app, realm, tx));
    }
    Ok(Some(concerned))
}
