//! Not-before: the one rule that refuses tokens by their age alone.

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
