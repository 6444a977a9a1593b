//! Where the forms of our pages go (`/realms/{realm}/login-actions/`), and the files that pages need.

mod login_actions;
mod resources;
pub mod themes;

use axum::Router;
use axum::routing::get;
use claviger_engine::App;

/// All endpoints of this surface, below one base path.
pub fn router() -> Router<App> {
    Router::new()
        .route(
            "/resources/{version}/{kind}/{theme}/{*path}",
            get(resources::show),
        )
        .merge(login_actions::router())
}
