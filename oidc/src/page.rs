//! Pages of this surface: what went wrong, told to a person, and codes to be copied.

use std::sync::Arc;

use axum::http::header;
use axum::response::Response;
use claviger_engine::browser::Outcome;
use claviger_engine::client::Client;
use claviger_engine::events::EventBuilder;
use claviger_engine::login::detached::offer;
use claviger_engine::mapper::origin::below_root;
use claviger_engine::page::{Fault, Message, Page, Severity, View};
use claviger_engine::request::RequestContext;
use claviger_store::{StoreError, Tx};
use claviger_surface::browser::{browser, respond};
use claviger_surface::help::Pointer;
use claviger_surface::locale::{Wishes, choose};

use crate::Help;
use crate::call::Call;

/// What a person is told.
#[derive(Debug)]
pub struct Told {
    client: Option<Arc<Client>>,
    fault: Fault,
    message: Message,
    help: Help,
}

impl Told {
    /// Something that went wrong, at a client if it is known.
    pub fn new(client: Option<&Arc<Client>>, fault: Fault, message: Message, help: Help) -> Self {
        Self {
            client: client.cloned(),
            fault,
            message,
            help,
        }
    }

    /// Where help is.
    pub const fn help(&self) -> Help {
        self.help
    }
}

/// Records a failure by itself.
///
/// # Errors
///
/// The store's.
pub async fn record(
    call: &Call,
    event: &EventBuilder,
    error: &str,
    help: Help,
) -> Result<(), StoreError> {
    let mut tx = Tx::new();
    call.note(event, error, help.into(), &mut tx);
    call.app.commit(tx).await.map(drop)
}

/// The page that tells what went wrong, with a way back to the application.
pub async fn show(call: &Call, told: &Told) -> Response {
    let base_url = &call.context.base_url;
    let back = told.client.as_ref().and_then(|client| {
        let start = client.settings.base_url.as_deref()?;
        Some(below_root(client, base_url, start).into_owned())
    });
    let page = Page::Error {
        fault: told.fault,
        back,
    };
    let mut view = view(call, page).saying(Severity::Error, told.message.clone());
    view.client.clone_from(&told.client);
    let outcome = offer(&call.app, &call.realm, Outcome::page(view), None).await;
    let mut response = answer(call, outcome);
    point(&mut response, told.help, &call.context);
    response
}

/// The page that shows a code, or an error, to be copied.
pub fn code(call: &Call, code: Option<String>, error: Option<String>) -> Response {
    let view = view(call, Page::Code { code, error });
    answer(call, Outcome::page(view))
}

/// Points to the page of help.
pub fn point(response: &mut Response, help: Help, context: &RequestContext) {
    Pointer::from(help).write(response.headers_mut(), context);
}

fn view(call: &Call, page: Page) -> View {
    let known = browser(&call.headers);
    let wishes = Wishes {
        chosen: call.query.get("kc_locale"),
        client: call.query.get("ui_locales"),
        cookie: known.locale.as_deref(),
        accept: known.accept_language.as_deref(),
        ..Wishes::default()
    };
    let locale = choose(&call.realm, wishes);
    View::new(&call.realm, &call.context.base_url, &locale, page)
}

fn answer(call: &Call, outcome: Outcome) -> Response {
    let mut response = respond(outcome, &call.realm, &call.context, &call.headers);
    // As Keycloak has it: no login is under way that a page in a history could go on with.
    response.headers_mut().remove(header::CACHE_CONTROL);
    response
}
