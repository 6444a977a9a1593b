//! The end of a user, whoever decides it.

use std::sync::Arc;

use claviger_model::UserId;
use claviger_model::session::{EndReason, SessionKind};
use claviger_store::{StoreError, Tx};
use claviger_wire::signal::EventType;

use crate::app::App;
use crate::logout::end_sessions_of_user;
use crate::realm::Realm;
use crate::signal::people::of_account;
use crate::signal::set::Initiator;

/// Puts the end of a user, who must be there, into a job: sessions end in the same job, so that no
/// client is left untold.
pub async fn put_end(
    app: &App,
    realm: &Arc<Realm>,
    tx: &mut Tx,
    user: &UserId,
    by: Initiator,
) -> Result<(), StoreError> {
    let (kinds, reason) = (&SessionKind::ALL, EndReason::UserDeleted);
    end_sessions_of_user(app, realm, tx, user, kinds, reason).await?;
    of_account(app, realm, tx, user, (EventType::AccountPurged, by)).await?;
    tx.delete_user(&realm.id, user);
    Ok(())
}
