//! The endpoints below `/admin`, a file for each noun.

use crate::route::Route;

/// All rows of the table.
pub fn routes() -> Vec<Route> {
    Vec::new()
}
