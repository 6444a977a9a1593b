//! The endpoints below `/admin`, a file for each noun.

mod clients;
mod consents;
mod events;
mod realms;
mod role_mappings;
mod search;
mod sessions;
mod user_profile;
mod users;

use crate::route::Route;

/// All rows of the table.
pub fn routes() -> Vec<Route> {
    [
        realms::routes(),
        clients::routes(),
        sessions::routes(),
        consents::routes(),
        events::routes(),
        users::routes(),
        role_mappings::routes(),
        user_profile::routes(),
    ]
    .concat()
}
