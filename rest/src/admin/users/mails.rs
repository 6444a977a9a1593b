//! Mails to a user with a link to required actions.
//!
//! What would be refused in any case is refused as Keycloak does; mails themselves are not sent
//! by this server yet.

use axum::http::{Method, StatusCode};
use claviger_engine::redirect::is_redirect_uri;
use claviger_model::User;
use claviger_surface::Answer;
use claviger_wire::fields::Fields;

use super::MANAGE;
use super::change::REQUIRED_ACTIONS;
use crate::admin::sessions::user;
use crate::call::AdminCall;
use crate::problem::Problem;
use crate::route::{Route, route};

const ACTIONS: &str = "/admin/realms/{realm}/users/{user}/execute-actions-email";
const RESET: &str = "/admin/realms/{realm}/users/{user}/reset-password-email";
const VERIFY: &str = "/admin/realms/{realm}/users/{user}/send-verify-email";
/// Why a mail without a sender is not sent.
const NO_SENDER: &str = "Invalid sender address 'null'. If the address contains UTF-8 characters \
                         in the local part please ensure the SMTP server supports the SMTPUTF8 \
                         extension and enable 'Allow UTF-8' in the email realm configuration.";

/// The rows of this file.
pub(super) fn routes() -> Vec<Route> {
    vec![
        route(Method::PUT, ACTIONS, MANAGE, execute_actions),
        route(Method::PUT, RESET, MANAGE, reset_password),
        route(Method::PUT, VERIFY, MANAGE, verify_email),
    ]
}

async fn execute_actions(call: AdminCall) -> Result<Answer, Problem> {
    let user = user(&call).await?;
    check(&call, &user).await?;
    if !call.is_nothing() {
        let actions = call.texts()?;
        if !actions
            .iter()
            .all(|action| REQUIRED_ACTIONS.contains(&action.as_str()))
        {
            return Err(Problem::bad_request("Provided invalid required actions"));
        }
    }
    Err(unsent(
        &call,
        &format!("Failed to send execute actions email: {NO_SENDER}"),
    ))
}

async fn reset_password(call: AdminCall) -> Result<Answer, Problem> {
    let user = user(&call).await?;
    check(&call, &user).await?;
    Err(unsent(
        &call,
        &format!("Failed to send execute actions email: {NO_SENDER}"),
    ))
}

async fn verify_email(call: AdminCall) -> Result<Answer, Problem> {
    let user = user(&call).await?;
    check(&call, &user).await?;
    Err(unsent(&call, "Failed to send verify email"))
}

/// What has to be so before a mail is written: an address, and a place to come back to.
async fn check(call: &AdminCall, user: &User) -> Result<(), Problem> {
    let bad = Problem::bad_request;
    call.number("lifespan")?;
    if user.email.is_none() {
        return Err(bad("User email missing"));
    }
    if !user.enabled {
        return Err(bad("User is disabled"));
    }
    let redirect = call.query.get("redirect_uri");
    let Some(client_id) = call.query.get("client_id") else {
        return if redirect.is_some() {
            Err(bad("Client id missing"))
        } else {
            Ok(())
        };
    };
    let client = call.realm.client(client_id).await?;
    let client = client.ok_or_else(|| bad("Client doesn't exist"))?;
    if !client.settings.enabled {
        return Err(bad("Client is not enabled"));
    }
    let base_url = &call.context.base_url;
    if redirect.is_some_and(|redirect| !is_redirect_uri(&client, base_url, redirect)) {
        return Err(bad("Invalid redirect uri."));
    }
    Ok(())
}

/// Without a sender Keycloak's failure; with one, the truth.
pub(in crate::admin) fn unsent(call: &AdminCall, text: &str) -> Problem {
    let smtp = Fields::of(&call.realm.body).object("smtpServer");
    let sender = smtp.and_then(|smtp| Fields::of(smtp).filled_text("from"));
    if sender.is_some() {
        let status = StatusCode::NOT_IMPLEMENTED;
        return Problem::message(status, "Sending mail is not available on this server");
    }
    Problem::message(StatusCode::INTERNAL_SERVER_ERROR, text)
}
