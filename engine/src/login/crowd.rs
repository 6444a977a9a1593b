//! How many logins a realm has under way at most. Whoever loads the login page has a row, and nobody has to
//! say who they are for that: without a bound, a stranger fills the database within minutes.
//!
//! What gives way is a login in which nobody has said who they are yet, the oldest first. Whoever that was
//! loses nothing but time: their browser keeps the request (`KC_RESTART`), and the login begins anew from it.

use claviger_store::{StoreError, Tx};

use crate::app::App;

/// How many logins a realm keeps, finished ones not counted: four such logins a second, each given up and
/// kept for half an hour, are 7,200.
pub const TABS_OF_A_REALM: i64 = 250_000;
/// Rows thrown away in one write: a short one, for others wait behind it.
const ROWS: i64 = 500;
/// Writes between two looks at how many are left, which other nodes throw away as well.
const WRITES: usize = 20;
/// Looks in a row at most: what is left waits for the next turn.
const LOOKS: usize = 50;

/// Throws away what realms have beyond `tabs_max` logins. Returns how many rows were to go.
///
/// # Errors
///
/// The store's.
pub async fn thin_out(app: &App, tabs_max: i64) -> Result<i64, StoreError> {
    let mut gone = 0;
    for _ in 0..LOOKS {
        let crowds = app.store.crowds(tabs_max).await?;
        if crowds.is_empty() {
            break;
        }
        for crowd in crowds {
            let mut excess = crowd.tabs - tabs_max;
            let mut anonymous = crowd.tabs - crowd.known;
            tracing::warn!(
                realm = crowd.realm.as_str(),
                excess,
                "too many logins are under way: the oldest are given up"
            );
            for _ in 0..WRITES {
                if excess <= 0 {
                    break;
                }
                let is_anonymous = anonymous > 0;
                let left = if is_anonymous { anonymous } else { excess };
                let rows = excess.min(left).min(ROWS);
                let realm = &crowd.realm;
                let until = app.store.crowd_until(realm, is_anonymous, rows).await?;
                let Some(until) = until else {
                    break;
                };
                let mut tx = Tx::new();
                tx.thin_out(realm, is_anonymous, until);
                if !app.commit(tx).await?.is_done() {
                    break;
                }
                excess -= rows;
                anonymous -= rows;
                gone += rows;
                tokio::task::yield_now().await;
            }
        }
    }
    Ok(gone)
}
