//! What a browser shows: HTML of the facts of a page, in the person's language.
//!
//! The facts come from the engine ([`claviger_engine::page`]); texts are Keycloak's keys, looked up in
//! message files; templates can be replaced by a theme's folder. Nothing here knows HTTP.

pub mod bundles;
pub mod console;
mod form_post;
mod format;
mod look;
mod model;
mod profile;
mod properties;
pub mod resources;
mod said;
mod sanitize;
mod templates;
mod texts;
pub mod themes;
mod totp;

pub use claviger_engine::locale;

use claviger_engine::browser::ClientAnswer;
use claviger_engine::page::{Page, View};

/// The HTML of a page, as we make it; [`themes::Themes`] makes those of themes.
pub fn render(view: &View) -> String {
    let texts = texts::Texts::new(&view.realm, &view.locale, None);
    templates::render(
        &format!("{}.html", model::name(&view.page)),
        &model::context(view, &texts, &look::Look::own(view)),
    )
}

/// The origins whose frames a page has, as sources of a policy; none where it has no frames.
pub fn frame_sources(view: &View) -> Option<String> {
    let Page::FrontChannelLogout { clients, .. } = &view.page else {
        return None;
    };
    let mut sources: Vec<String> = Vec::new();
    for client in clients {
        let source = model::origin(&client.address);
        // Without its scheme, as Keycloak writes it: that of the page, or the safer one.
        let host = source.split_once("://").map_or(&*source, |(_, host)| host);
        if !sources.iter().any(|known| known == host) {
            sources.push(host.to_owned());
        }
    }
    (!sources.is_empty()).then(|| sources.join(" "))
}

/// The HTML of an answer that the browser sends to a client by itself (OAuth 2.0 Form Post Response
/// Mode), below a base path.
pub fn form_post(answer: &ClientAnswer, base_path: &str) -> String {
    form_post::html(answer, &resources::script(base_path, "form-post.js"))
}

/// The name of a page, as Keycloak's templates have it: `login`, `login-oauth-grant`.
pub const fn page_id(page: &Page) -> &'static str {
    model::name(page)
}

/// A text that administrators give, in a language: a key of the message files in `${…}`, the realm's own
/// texts first, or the text itself.
pub fn text(
    realm: &std::sync::Arc<claviger_engine::realm::Realm>,
    locale: &str,
    text: &str,
) -> String {
    texts::Texts::new(realm, locale, None).advanced(text, &[])
}

/// The languages of pages that the server was built with, as message files name them: `de`, `pt_BR`.
/// None, where those were not fetched before the build: then pages speak English of our own.
pub fn languages() -> Vec<&'static str> {
    bundles::languages(bundles::Kind::Login).collect()
}
