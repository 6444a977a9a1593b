//! What is kept of an end, so that it can be proven: what ended, why, and whom it concerned.

use claviger_model::UserSession;
use claviger_model::session::EndReason;
use claviger_store::{Concerned, Ending, Tx};

use crate::app::App;
use crate::outbox::ledger::KEPT;
use crate::realm::Realm;

/// Puts it into the job that ends a session, or one client's part in it.
pub(super) fn keep(
    app: &App,
    realm: &Realm,
    tx: &mut Tx,
    session: &UserSession,
    (whole, reason): (bool, EndReason),
    clients: Vec<Concerned>,
) {
    let now = app.now();
    tx.insert_logout_ending(&Ending {
        id: app.random.uuid(),
        realm: realm.id.clone(),
        session: session.id.clone(),
        user: session.user.clone(),
        kind: session.kind,
        whole,
        reason: reason.as_str().to_owned(),
        clients,
        ended_at: now,
        expires_at: now + KEPT,
    });
}
