//! The endpoints below `/admin`, a file for each noun.

mod consents;
mod events;
mod realms;
mod sessions;

use crate::route::Route;

/// All rows of the table.
pub fn routes() -> Vec<Route> {
    [realms::routes(), sessions::routes(), consents::routes(), events::routes()].concat()
}
