//! What makes a token dead before its time: not-before cuts, and the one source of records from
//! which everybody outside learns of an end.
//!
//! Inside, the gate decides by what is there: a session that is gone, a cut, a token by its id. For
//! those outside every such end is written down once more, in the same job: [`record`] says what,
//! [`follow`] tells it on. A realm's or a client's end is one record for all of its sessions.

pub mod follow;
pub mod record;

use claviger_model::{Seconds, User};

use crate::client::Client;
use crate::realm::Realm;

/// Tokens issued before this second are refused: the latest of the cuts that concern them.
///
/// The realm's cut holds for every token, the client's for tokens issued to it, the user's for
/// tokens about it. A token of the very second of a cut is good, as `iat` counts whole seconds.
pub fn revoked_before(realm: &Realm, client: Option<&Client>, user: Option<&User>) -> Seconds {
    let client = client.map_or(Seconds(0), Client::not_before);
    let user = user.map_or(Seconds(0), |user| user.not_before);
    realm.not_before().max(client).max(user)
}
