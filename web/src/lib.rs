//! Where the forms of our pages go (`/realms/{realm}/login-actions/`), the files that pages need, and
//! the page for administrators.

mod console;
mod entrance;
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
        .route(
            "/admin/{realm}/console/logout-deliveries",
            get(console::show),
        )
        .merge(entrance::router())
        .merge(login_actions::router())
}
