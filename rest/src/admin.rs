//! The endpoints below `/admin`, a file for each noun.

mod consents;
mod events;
mod sessions;

use crate::route::Route;

/// All rows of the table.
pub fn routes() -> Vec<Route> {
    [sessions::routes(), consents::routes(), events::routes()].concat()
}
