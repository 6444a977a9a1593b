//! Token Status List (draft-ietf-oauth-status-list): access tokens name a place in a list that the realm
//! publishes, and an API that keeps the list sees there that a token's session has ended.
//!
//! A place belongs to a client's part in a session, and is given by chance, so that neighbours in a
//! list tell nothing of each other (§12.5 of the draft). It is given again only when the last token that
//! names it has expired. Lists are read from the database when somebody asks: no node has to be told of
//! anything, and a logout shows on all of them at once.

pub mod publish;

use claviger_model::{Millis, Seconds, StatusIndex};
use claviger_store::{CANDIDATES, Commit, StoreError, Tx};
use serde_json::{Value, json};

pub use publish::{Form, Published, StatusLists, published};

use crate::app::App;
use crate::client::Client;
use crate::gate::Usable;
use crate::realm::Realm;

/// A client's attribute: its access tokens name a place in a status list.
pub const ENABLED: &str = "status.list.enabled";
/// How many places a list has: so many that one more list is rarely needed, so few that one is fetched
/// in a moment (128 kB of bits).
pub const PLACES: i32 = 1 << 20;
/// How many lists a realm has at most: half a billion sessions.
const LISTS_MAX: i32 = 1_000;
/// How often a place is looked for.
const TRIES: u32 = 8;
/// How much longer than its last token a place is kept: so it is prolonged once an hour and session.
const MARGIN: Seconds = Seconds(3_600);

/// The address of a list.
pub fn uri(issuer: &str, list: i32) -> String {
    format!("{issuer}/status-lists/{list}")
}

/// The claim `status` of an access token that ends then, for a client that wants it. None where the
/// session is not kept, for such a token hangs on nothing that could end.
///
/// # Errors
///
/// The store's; [`StoreError::Unavailable`] where no place is free.
pub async fn claim(
    app: &App,
    realm: &Realm,
    part: (&Client, &Usable),
    issuer: &str,
    end: Millis,
) -> Result<Option<Value>, StoreError> {
    let (client, usable) = part;
    if !client.settings.flag_attribute(ENABLED, false) {
        return Ok(None);
    }
    let place = place(app, realm, client, usable, end).await?;
    let claim = json!({"status_list": {"idx": place.index, "uri": uri(issuer, place.list)}});
    Ok(Some(claim))
}

/// The place of a client's part in a session, kept until then at least.
async fn place(
    app: &App,
    realm: &Realm,
    client: &Client,
    usable: &Usable,
    end: Millis,
) -> Result<StatusIndex, StoreError> {
    let session = &usable.session().id;
    let known = app
        .store
        .status_index(&realm.id, session, &client.client_id)
        .await?;
    let until = end + MARGIN;
    if let Some(known) = known {
        // What expires soon could be given to another while the token lives.
        if known.expires_at < end + Seconds(60) {
            let mut tx = Tx::new();
            tx.prolong_status_index(&realm.id, known.index, until);
            if !app.commit(tx).await?.is_done() {
                return find(app, realm, client, usable, until).await;
            }
        }
        return Ok(known.index);
    }
    find(app, realm, client, usable, until).await
}

/// Finds a free place by chance, and takes it. A list where many are taken is left for the next.
async fn find(
    app: &App,
    realm: &Realm,
    client: &Client,
    usable: &Usable,
    until: Millis,
) -> Result<StatusIndex, StoreError> {
    let mut lists = app
        .store
        .last_status_list(&realm.id)
        .await?
        .saturating_add(1);
    for _ in 0..TRIES {
        let list = chance(app, lists.min(LISTS_MAX));
        let candidates = [(); CANDIDATES].map(|()| chance(app, PLACES));
        let taken = app
            .store
            .taken_status_indices(&realm.id, list, &candidates)
            .await?;
        let Some(index) = candidates.into_iter().find(|index| !taken.contains(index)) else {
            lists = lists.saturating_add(1);
            continue;
        };
        let place = StatusIndex { list, index };
        let mut tx = Tx::new();
        let part = (&usable.session().id, &*client.client_id, &usable.user().id);
        tx.insert_status_index(&realm.id, place, part, until);
        match app.commit(tx).await? {
            Commit::Done => return Ok(place),
            // Somebody took it in this moment.
            Commit::Missed(_) | Commit::Conflict(_) => {}
        }
    }
    Err(StoreError::Unavailable {
        reason: "a place in a status list",
        source: None,
    })
}

/// A number from 0, below a limit; limits are so small that the remainder favours none.
fn chance(app: &App, limit: i32) -> i32 {
    let number = u64::from_le_bytes(app.random.bytes()) >> 1;
    let limit = u64::try_from(limit.max(1)).unwrap_or(1);
    i32::try_from(number % limit).unwrap_or(0)
}
