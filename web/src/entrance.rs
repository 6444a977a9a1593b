//! The ways to the administrators' console: redirects to where it is, the way out of it, and the names of
//! languages that it is offered in.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use axum::routing::get;
use axum::{Extension, Router};
use claviger_engine::App;
use claviger_engine::locale::OWN_NAMES;
use claviger_engine::realm::Realm;
use claviger_engine::request::RequestContext;
use claviger_surface::Help;
use claviger_surface::answer::Answer;
use claviger_surface::headers::secure;
use serde_json::{Value, json};

/// The endpoints.
pub fn router() -> Router<App> {
    Router::new()
        .route("/admin", get(to_console))
        .route("/admin/", get(to_console))
        .route("/admin/index.html", get(to_console))
        .route("/admin/{realm}/console", get(to_page))
        .route("/admin/{realm}/console/index.html", get(to_page))
        .route("/admin/{realm}/console/logout", get(logout))
        .route("/admin/{realm}/console/messages.json", get(messages))
}

fn found(address: &str) -> Answer {
    Answer::empty(StatusCode::FOUND).with_text(header::LOCATION, address)
}

async fn to_console(Extension(context): Extension<RequestContext>, headers: HeaderMap) -> Response {
    let address = format!("{}/admin/master/console/", context.admin());
    respond(found(&address), None, &headers)
}

async fn to_page(
    State(app): State<App>,
    Path(name): Path<String>,
    Extension(context): Extension<RequestContext>,
    headers: HeaderMap,
) -> Response {
    let realm = match realm(&app, &name).await {
        Ok(realm) => realm,
        Err(refusal) => return respond(refusal, None, &headers),
    };
    let address = format!("{}/", console(&context, &realm));
    respond(found(&address).no_cache(), Some(&realm), &headers)
}

/// The end of the session in the browser, and back.
async fn logout(
    State(app): State<App>,
    Path(name): Path<String>,
    Extension(context): Extension<RequestContext>,
    headers: HeaderMap,
) -> Response {
    let realm = match realm(&app, &name).await {
        Ok(realm) => realm,
        Err(refusal) => return respond(refusal, None, &headers),
    };
    let back = console(&context, &realm);
    let base = context.admin();
    let address = format!(
        "{base}/realms/{}/protocol/openid-connect/logout?post_logout_redirect_uri={}",
        encoded(&realm.name),
        encoded(&back)
    );
    respond(found(&address).no_cache(), Some(&realm), &headers)
}

/// What languages call themselves, whatever `lang` asks for. The texts of the console itself are its own.
async fn messages(
    State(app): State<App>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Response {
    let realm = match realm(&app, &name).await {
        Ok(realm) => realm,
        Err(refusal) => return respond(refusal, None, &headers),
    };
    let names = OWN_NAMES.iter();
    let names: Value = names
        .map(|(tag, name)| (format!("locale_{tag}"), json!(name)))
        .collect();
    let kind = HeaderValue::from_static("application/json;charset=UTF-8");
    let answer = Answer::json(StatusCode::OK, &names).with(header::CONTENT_TYPE, kind);
    respond(answer, Some(&realm), &headers)
}

async fn realm(app: &App, name: &str) -> Result<Arc<Realm>, Answer> {
    match app.realm(name).await {
        Ok(Some(realm)) => Ok(realm),
        Ok(None) => {
            let text = "Realm not found.  Did you type in a bad URL?";
            let told = json!({ "error": text });
            Err(Answer::json(StatusCode::NOT_FOUND, &told).helped(Help::AdminRealmNotFound))
        }
        Err(error) => {
            tracing::warn!("the way to the console is not shown: {error}");
            let told = json!({
                "error": "temporarily_unavailable",
                "error_description": "The server is busy. Try again later.",
            });
            Err(Answer::json(StatusCode::SERVICE_UNAVAILABLE, &told).helped(Help::Busy))
        }
    }
}

/// Where a realm's console is, without a slash at the end.
fn console(context: &RequestContext, realm: &Realm) -> String {
    let base = context.admin();
    format!("{base}/admin/{}/console", encoded(&realm.name))
}

fn encoded(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes())
        .collect::<String>()
        .replace('+', "%20")
}

fn respond(answer: Answer, realm: Option<&Realm>, request: &HeaderMap) -> Response {
    let mut response = answer.into_response();
    let none = std::collections::BTreeMap::new();
    let settings = realm.map_or(&none, |realm| &realm.settings.browser_security_headers);
    secure(response.headers_mut(), request, settings);
    response
}
