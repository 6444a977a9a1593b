//! Pages by the operator's themes: where a realm or a client names one, its HTML takes the place of ours.

use axum::body::Body;
use axum::extract::State;
use axum::http::header;
use axum::response::Response;
use claviger_pages::themes::Themes;
use claviger_surface::browser::Themed;

/// Puts a theme's page in place of ours. Cookies, headers and status stay; a theme that is not there,
/// or fails, leaves the page as it is.
pub async fn dress(State(themes): State<Themes>, mut response: Response) -> Response {
    let Some(Themed(view)) = response.extensions_mut().remove::<Themed>() else {
        return response;
    };
    let made = tokio::task::spawn_blocking(move || themes.render(&view)).await;
    if let Ok(Some(html)) = made {
        response.headers_mut().remove(header::CONTENT_LENGTH);
        *response.body_mut() = Body::from(html);
    }
    response
}
