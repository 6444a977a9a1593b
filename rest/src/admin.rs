//! The endpoints below `/admin`, a file for each noun.

mod clients;
mod consents;
mod events;
mod realms;
mod search;
mod sessions;

use crate::route::Route;

/// All rows of the table.
pub fn routes() -> Vec<Route> {
    [
        realms::routes(),
        clients::routes(),
        sessions::routes(),
        consents::routes(),
        events::routes(),
    ]
    .concat()
}
