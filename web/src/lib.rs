//! Where the forms of our pages go (`/realms/{realm}/login-actions/`), and the files that pages need.

use axum::Router;
use claviger_engine::App;

/// All endpoints of this surface, below one base path.
pub fn router() -> Router<App> {
    Router::new()
}
