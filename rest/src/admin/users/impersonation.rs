//! Impersonation: the administrator's browser is signed in as the user.

use axum::http::header;
use claviger_engine::impersonation::{Impersonator, impersonate};
use claviger_engine::login::LoginError;
use claviger_store::Tx;
use claviger_surface::Answer;
use claviger_surface::browser::cookie_headers;
use serde_json::json;

use super::super::sessions::user;
use crate::call::{AdminCall, json as answer};
use crate::problem::{Problem, done};

/// Answers with the cookies of the new session, and where it leads to.
pub(super) async fn begin(call: AdminCall) -> Result<Answer, Problem> {
    let user = user(&call).await?;
    if !user.enabled {
        return Err(Problem::bad_request("User is disabled"));
    }
    if user.service_account_of.is_some() {
        return Err(Problem::bad_request(
            "Service accounts cannot be impersonated",
        ));
    }
    let by = Impersonator {
        realm: &call.admin.realm,
        user: &call.admin.person.user,
        session: call.admin.session.as_ref(),
    };
    let mut tx = Tx::new();
    let begun = impersonate(&call.app, &call.realm, &call.context, &mut tx, (by, &user)).await;
    let (cookies, is_same_realm) = begun.map_err(|error| match error {
        LoginError::Store(error) => error.into(),
        LoginError::NoKey | LoginError::Busy | LoginError::Hasher(_) | LoginError::Answer(_) => {
            tracing::error!("nobody can be impersonated: {error}");
            Problem::unknown()
        }
    })?;
    done(call.app.commit(tx).await?)?;
    let account = format!("{}/account", call.context.issuer(&call.realm_segment()));
    let told = answer(&json!({"sameRealm": is_same_realm, "redirect": account})).no_cache();
    let cookies = cookie_headers(&cookies, &call.realm, &call.context, &call.headers);
    Ok(cookies
        .into_iter()
        .fold(told, |told, cookie| told.and(header::SET_COOKIE, cookie)))
}
