//! RP-Initiated Logout 1.0: a client sends a browser here whose user wants to leave. The user is asked
//! where nothing vouches for that, and comes to a page, or back to the client, in any case.

use std::sync::Arc;

use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::Response;
use claviger_engine::browser::{Browser, Outcome, Reply as Next};
use claviger_engine::client::Client;
use claviger_engine::events::EventBuilder;
use claviger_engine::locale::{Wishes, choose};
use claviger_engine::login::LoginError;
use claviger_engine::login::detached::offer;
use claviger_engine::logout::browser::{
    self as engine, Asked, Reached, Refusal, Reply, Scene, Shown,
};
use claviger_engine::logout::scope::PARAMETER;
use claviger_engine::mapper::origin::below_root;
use claviger_engine::page::{Fault, Message, Page, Severity, View};
use claviger_surface::browser::{browser, respond};
use claviger_surface::help::Pointer;

use crate::Help;
use crate::call::Call;
use crate::problem::Problem;
use crate::token::commit;

/// How answers of this address are kept, as Keycloak has it.
const NO_CACHE: HeaderValue = HeaderValue::from_static("no-cache");

/// `GET` and `POST /protocol/openid-connect/logout`.
pub async fn begin(call: Call) -> Response {
    let sent = if call.method == Method::POST {
        &call.form
    } else {
        &call.query
    };
    let text = |name: &str| {
        let text = sent.get(name).filter(|text| !text.is_empty());
        text.map(str::to_owned)
    };
    let asked = Asked {
        hint: text("id_token_hint"),
        client_id: text("client_id"),
        redirect_uri: text("post_logout_redirect_uri"),
        legacy_redirect_uri: text("redirect_uri"),
        state: text("state"),
        ui_locales: text("ui_locales"),
        initiating_idp: text("initiating_idp"),
        scope: text(PARAMETER),
    };
    let (mut event, brought) = (call.event("LOGOUT"), browser(&call.headers));
    let reached = Box::pin(engine::begin(scene(&call, &brought), asked, &mut event)).await;
    let mut response = answer(&call, &brought, &event, reached).await;
    // An application that expected its access token to say enough, and got a page for people.
    if response.status() == StatusCode::OK && matches!(call.bearer(), Ok(Some(_))) {
        Pointer::from(Help::LogoutWithAccessToken).write(response.headers_mut(), &call.context);
    }
    response
}

/// `POST /protocol/openid-connect/logout/logout-confirm`: the person says yes.
pub async fn confirmed(call: Call) -> Response {
    let (mut event, brought) = (call.event("LOGOUT"), browser(&call.headers));
    let reply = reply(&call);
    let reached = Box::pin(engine::confirmed(scene(&call, &brought), reply, &mut event)).await;
    answer(&call, &brought, &event, reached).await
}

/// `GET /protocol/openid-connect/logout/logout-confirm`: the question once more, in another language.
pub async fn question(call: Call) -> Response {
    let (event, brought) = (call.event("LOGOUT"), browser(&call.headers));
    let reached = engine::question(scene(&call, &brought), reply(&call)).await;
    answer(&call, &brought, &event, reached).await
}

const fn scene<'a>(call: &'a Call, browser: &'a Browser) -> Scene<'a> {
    Scene {
        app: &call.app,
        realm: &call.realm,
        context: &call.context,
        browser,
    }
}

fn reply(call: &Call) -> Reply {
    let query = |name: &str| call.query.get(name).map(str::to_owned);
    Reply {
        code: call.form.get("session_code").map(str::to_owned),
        client_id: query("client_id"),
        tab: query("tab_id"),
        locale: query("kc_locale"),
    }
}

async fn answer(
    call: &Call,
    browser: &Browser,
    event: &EventBuilder,
    reached: Result<Reached, LoginError>,
) -> Response {
    match reached {
        Ok(Reached::Shown(shown)) => show(call, browser, *shown).await,
        Ok(Reached::Refused(refusal, client)) => {
            refuse(call, browser, event, refusal, client).await
        }
        Err(LoginError::Store(error)) => call.respond(Err(Problem::from(error))),
        Err(error) => {
            tracing::error!("nobody can log out: {error}");
            call.respond(Err(Problem::failed()))
        }
    }
}

async fn show(call: &Call, browser: &Browser, mut shown: Shown) -> Response {
    if let Next::Page(view) = &mut shown.outcome.reply {
        let wishes = Wishes {
            chosen: shown.chosen.as_deref(),
            profile: shown.profile.as_deref(),
            client: shown.ui_locales.as_deref(),
            cookie: browser.locale.as_deref(),
            accept: browser.accept_language.as_deref(),
        };
        view.locale = choose(&call.realm, wishes);
    }
    let outcome = offer(&call.app, &call.realm, shown.outcome, None).await;
    let mut response = respond(outcome, &call.realm, &call.context, &call.headers);
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, NO_CACHE);
    response
}

/// A page that says why not, with the way back to the application.
async fn refuse(
    call: &Call,
    browser: &Browser,
    event: &EventBuilder,
    refusal: Refusal,
    client: Option<Arc<Client>>,
) -> Response {
    let help = help(refusal);
    let mut tx = claviger_store::Tx::new();
    call.note(event, refusal.error(), help.into(), &mut tx);
    if let Err(problem) = commit(call, tx).await {
        return call.respond(Err(problem));
    }
    let back = client.as_deref().and_then(|client| {
        let start = client.settings.base_url.as_deref()?;
        Some(below_root(client, &call.context.base_url, start).into_owned())
    });
    let page = Page::Error {
        fault: Fault::BadRequest,
        back,
    };
    let mut view = View::new(&call.realm, &call.context.base_url, "en", page);
    view.client = client;
    let message: Message = refusal.message();
    let shown = Shown {
        outcome: Outcome::page(view.saying(Severity::Error, message)),
        chosen: call.query.get("kc_locale").map(str::to_owned),
        profile: None,
        ui_locales: call.query.get("ui_locales").map(str::to_owned),
    };
    let mut response = show(call, browser, shown).await;
    Pointer::from(help).write(response.headers_mut(), &call.context);
    response
}

const fn help(refusal: Refusal) -> Help {
    match refusal {
        Refusal::HintMissing => Help::IdTokenHintMissing,
        Refusal::HintInvalid => Help::IdTokenHintInvalid,
        Refusal::RedirectUri => Help::PostLogoutRedirectUri,
        Refusal::NotActive => Help::SessionNotActive,
        Refusal::Over => Help::LogoutQuestionOver,
        Refusal::Scope => Help::LogoutScope,
    }
}
