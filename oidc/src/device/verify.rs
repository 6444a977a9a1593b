//! `/realms/{realm}/device` (RFC 8628 §3.3): a person types the code that a device shows, and signs in
//! to say yes or no. `/realms/{realm}/device/status` tells what came of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::http::header;
use axum::response::Response;
use claviger_engine::browser::Outcome;
use claviger_engine::client::Client;
use claviger_engine::device::{self, Device, NotPending, VERIFIED_USER_CODE, guesses};
use claviger_engine::login::detached::offer;
use claviger_engine::login::{self, Asks, Entry, LoginError};
use claviger_engine::page::{Fault, Message, Page, Severity, View};
use claviger_store::{StoreError, Tx};
use claviger_surface::browser::{browser, locale, respond};

use crate::call::Call;
use crate::problem::chain;

/// What people read where too many codes were wrong.
const TOO_MANY: &str = "Too many codes were wrong. Please wait ten minutes, and type the code that \
    your device shows then.";

/// `GET /realms/{realm}/device`, perhaps with the code in the address.
pub async fn show(call: Call) -> Response {
    let code = call.query.get("user_code").map(str::to_owned);
    run(call, code.as_deref()).await
}

/// `POST /realms/{realm}/device`, with the code that was typed.
pub async fn take(call: Call) -> Response {
    let code = call.form.get("device_user_code").map(str::to_owned);
    run(call, code.as_deref()).await
}

async fn run(mut call: Call, code: Option<&str>) -> Response {
    let fault = if call.check_ssl().is_err() {
        Some("httpsRequiredMessage")
    } else if call.check_realm().is_err() {
        Some("realmNotEnabledMessage")
    } else {
        None
    };
    if let Some(key) = fault {
        let page = Page::Error {
            fault: Fault::BadRequest,
            back: None,
        };
        let view = view(&call, page).saying(Severity::Error, Message::new(key));
        return answer(&call, Outcome::page(view)).await;
    }
    let outcome = match code.filter(|code| !code.is_empty()) {
        None => Ok(Outcome::page(question(&call))),
        Some(code) => verify(&call, code).await,
    };
    match outcome {
        Ok(outcome) => answer(&call, outcome).await,
        Err(error) => failed(&call, &error).await,
    }
}

async fn answer(call: &Call, outcome: Outcome) -> Response {
    let outcome = offer(&call.app, &call.realm, outcome, None).await;
    respond(outcome, &call.realm, &call.context, &call.headers)
}

async fn failed(call: &Call, error: &LoginError) -> Response {
    tracing::error!("a device's code is not answered: {}", chain(error));
    let page = Page::Error {
        fault: Fault::Unavailable,
        back: None,
    };
    let message = Message::new("unexpectedErrorHandlingRequestMessage");
    let view = view(call, page).saying(Severity::Error, message);
    answer(call, Outcome::page(view)).await
}

fn view(call: &Call, page: Page) -> View {
    let locale = locale(&call.realm, &browser(&call.headers));
    View::new(&call.realm, &call.context.base_url, &locale, page)
}

fn address(call: &Call) -> String {
    format!(
        "{}/realms/{}/device",
        call.context.base_url, call.realm.name
    )
}

/// The page that asks for the code.
fn question(call: &Call) -> View {
    let page = Page::DeviceCode {
        user_code: String::new(),
    };
    let mut view = view(call, page);
    view.action = address(call);
    view
}

/// Looks the code up, and sends the browser to sign in for its device.
async fn verify(call: &Call, typed: &str) -> Result<Outcome, LoginError> {
    let mut event = call.event("OAUTH2_DEVICE_VERIFY_USER_CODE");
    let mut tx = Tx::new();
    let Some(guess) = guesses::count(&call.app, &call.realm, &call.context.ip_address).await?
    else {
        event.detail("reason", "too many wrong device codes");
        event.error(&call.app, &call.realm, "invalid_oauth2_user_code", &mut tx);
        let _ = call.app.commit(tx).await?;
        let fault = Fault::TooMany;
        let page = view(call, Page::Error { fault, back: None });
        return Ok(Outcome::page(
            page.saying(Severity::Error, Message::new(TOO_MANY)),
        ));
    };
    let (device, code, client) = match find(call, typed).await? {
        Ok(found) => {
            guess.was_right(&call.app, &call.realm).await?;
            found
        }
        Err(why) => {
            let (reason, key) = told(&why);
            if let NotPending::Used(session) = &why {
                event.detail("device_code_user_session_id", session.as_str());
            }
            event.detail("reason", reason);
            event.error(&call.app, &call.realm, "invalid_oauth2_user_code", &mut tx);
            let _ = call.app.commit(tx).await?;
            let page = question(call).saying(Severity::Error, Message::new(key));
            return Ok(Outcome::page(page));
        }
    };
    let scope = device.scope.unwrap_or_default();
    event.client(&client.client_id).detail("scope", &*scope);
    event.success(&call.app, &call.realm, &mut tx);
    let _ = call.app.commit(tx).await?;
    let mut notes = BTreeMap::from([(VERIFIED_USER_CODE.to_owned(), code)]);
    if !scope.is_empty() {
        notes.insert("scope".to_owned(), scope);
    }
    let entry = Entry {
        client,
        protocol: "openid-connect",
        redirect_uri: None,
        client_notes: notes,
        asks: Asks::default(),
    };
    let browser = browser(&call.headers);
    login::open(&call.app, &call.realm, &call.context, &browser, entry).await
}

type Found = (Device, String, Arc<Client>);

/// The device that waits for this code. One whose client is gone, switched off, or no longer switched
/// on for the grant waits in vain.
async fn find(call: &Call, typed: &str) -> Result<Result<Found, NotPending>, StoreError> {
    let found = device::verify(&call.app, &call.realm, typed).await?;
    let (device, code) = match found {
        Ok(found) => found,
        Err(why) => return Ok(Err(why)),
    };
    let client = call.realm.client(&device.client_id).await?;
    let client = client.filter(|client| client.settings.enabled && device::is_enabled(client));
    Ok(match client {
        Some(client) => Ok((device, code, client)),
        None => Err(NotPending::Unknown),
    })
}

/// The reason that the event tells, and what the person reads.
const fn told(why: &NotPending) -> (&'static str, &'static str) {
    const INVALID: &str = "oauth2DeviceInvalidUserCodeMessage";
    match why {
        NotPending::Unknown => (
            "device code not found (it may already have been used)",
            INVALID,
        ),
        NotPending::Used(_) => ("device code already used and not yet deleted", INVALID),
        NotPending::Denied => ("device code denied", INVALID),
        NotPending::Expired => ("device code expired", "oauth2DeviceExpiredUserCodeMessage"),
    }
}

/// `GET /realms/{realm}/device/status`: what came of it.
pub async fn status(call: Call) -> Response {
    let error = call.query.get("error").filter(|error| !error.is_empty());
    let (header, severity, message) = match error {
        None => (
            "oauth2DeviceVerificationCompleteHeader",
            Severity::Success,
            "oauth2DeviceVerificationCompleteMessage",
        ),
        Some(error) => (
            "oauth2DeviceVerificationFailedHeader",
            Severity::Error,
            match error {
                "access_denied" => "oauth2DeviceConsentDeniedMessage",
                "expired_token" => "oauth2DeviceExpiredUserCodeMessage",
                _ => "oauth2DeviceVerificationFailedMessage",
            },
        ),
    };
    let page = Page::Info {
        header: Some(Message::new(header)),
        required_actions: Vec::new(),
        back: None,
        proceed: error.map(|_| address(&call)),
    };
    let view = view(&call, page).saying(severity, Message::new(message));
    let mut response = answer(&call, Outcome::page(view)).await;
    // It says the same to everybody.
    response.headers_mut().remove(header::CACHE_CONTROL);
    response
}
