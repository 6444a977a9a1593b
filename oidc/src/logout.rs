//! `/protocol/openid-connect/logout`: the door that the project began with.
//!
//! With a `refresh_token` it is the back-channel way of applications: the client authenticates, the
//! session ends, `204`. Without, it is RP-Initiated Logout 1.0, told in `logout/browser.rs`; or, for a
//! client that is let, the access token alone says whose session ends: `logout/bearer.rs`.

use axum::http::StatusCode;
use axum::response::Response;
use claviger_engine::client::Client;
use claviger_engine::events::EventBuilder;
use claviger_engine::logout::browser::OLDER;
use claviger_engine::logout::end_session;
use claviger_engine::logout::scope::{self, LogoutScope};
use claviger_engine::refresh::{self, Age, RefreshError};
use claviger_engine::session::is_alive;
use claviger_engine::token::TokenClaims;
use claviger_model::session::EndReason;
use claviger_model::{ClientUuid, Seconds, UserSession};
use claviger_store::{StoreError, Tx};

use crate::Help;
use crate::answer::Answer;
use crate::call::Call;
use crate::client_auth;
use crate::cors::DEFAULT_METHODS;
use crate::grant::tell_refresh_error;
use crate::problem::Problem;
use crate::token::commit;

mod bearer;
pub mod browser;

/// Answers a preflight request.
pub async fn preflight(call: Call) -> Response {
    call.respond_to_preflight(DEFAULT_METHODS)
}

/// `POST`: by refresh token if there is one, else RP-Initiated Logout.
pub async fn by_post(mut call: Call) -> Response {
    // Large states: kept in one place, for the layers outside move the handler's about.
    match Box::pin(bearer::begin(&mut call)).await {
        Ok(Some(outcome)) => return call.respond(Ok(outcome)),
        Err(problem) => return call.respond(Err(problem)),
        Ok(None) => {}
    }
    if call.form.has("refresh_token") {
        let outcome = Box::pin(by_refresh_token(&mut call)).await;
        return call.respond(outcome);
    }
    browser::begin(call).await
}

async fn by_refresh_token(call: &mut Call) -> Result<Answer, Problem> {
    call.check_ssl()?;
    let mut event = call.event("LOGOUT");
    let client = client_auth::authenticate(call, &mut event).await?;
    if client.settings.bearer_only {
        return Err(Problem::bad_request(
            Help::ClientBearerOnly,
            "invalid_client",
            "Bearer-only not allowed",
        ));
    }
    let scope = wanted(call, &client, &mut event).await?;
    let text = call.form.get("refresh_token").unwrap_or_default();
    let now = call.app.now();
    let verified =
        refresh::verify(&call.realm, &client, &call.context, text, Age::Ignored, now).await;
    let token = match verified {
        Ok(token) => token,
        Err(error) => return Err(refuse(call, &mut event, error).await),
    };
    // A session that is gone already is as well: to end it again changes nothing.
    let Some(session) = session_of(call, &token).await? else {
        return Ok(done());
    };
    if !is_alive(&call.realm, &session, now) {
        expire(call, &session).await?;
        return Ok(done());
    }
    if token.issued_at + Seconds(1) < session.started_at.seconds() {
        event.detail("reason", OLDER);
        let problem = Problem::bad_request(Help::SessionNotActive, "invalid_grant", OLDER);
        return Err(call.refuse(&event, "invalid_token", problem).await);
    }
    end(call, (&session, Some(&client.uuid)), scope, &mut event).await?;
    Ok(done())
}

/// How far the client wants the logout to reach, and may.
async fn wanted(
    call: &Call,
    client: &Client,
    event: &mut EventBuilder,
) -> Result<LogoutScope, Problem> {
    let Some(word) = call.form.get(scope::PARAMETER) else {
        return Ok(LogoutScope::default());
    };
    let help = Help::LogoutScope;
    let Some(scope) = LogoutScope::parse(word) else {
        let text = "Invalid parameter: logout_scope is one of client, session, user, all";
        let problem = Problem::bad_request(help, "invalid_request", text);
        return Err(call.refuse(event, "invalid_request", problem).await);
    };
    if !scope::may(client, scope) {
        let text = "Client is not allowed to end all sessions of a user";
        let problem = Problem::bad_request(help, "unauthorized_client", text);
        return Err(call.refuse(event, "not_allowed", problem).await);
    }
    Ok(scope)
}

/// A session whose time was over already ends as that, and nobody has logged out.
async fn expire(call: &Call, session: &UserSession) -> Result<(), Problem> {
    let mut tx = Tx::new();
    end_session(&call.app, &call.realm, &mut tx, session, EndReason::Expired).await?;
    commit(call, tx).await
}

fn done() -> Answer {
    Answer::empty(StatusCode::NO_CONTENT).no_cache()
}

async fn refuse(call: &Call, event: &mut EventBuilder, error: RefreshError) -> Problem {
    match tell_refresh_error(call, error) {
        Ok((help, text)) => {
            event.detail("reason", &*text);
            let problem = Problem::bad_request(help, "invalid_grant", text);
            call.refuse(event, "invalid_token", problem).await
        }
        Err(problem) => problem,
    }
}

/// The session that a token names, alive or not.
async fn session_of(call: &Call, token: &TokenClaims) -> Result<Option<UserSession>, StoreError> {
    let Some(id) = &token.session else {
        return Ok(None);
    };
    for kind in token.presence().kinds() {
        let found = call
            .app
            .store
            .user_session(&call.realm.id, *kind, id)
            .await?;
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}

async fn end(
    call: &Call,
    from: (&UserSession, Option<&ClientUuid>),
    scope: LogoutScope,
    event: &mut EventBuilder,
) -> Result<(), Problem> {
    let mut tx = Tx::new();
    scope::end(&call.app, &call.realm, &mut tx, from, scope).await?;
    let (session, _) = from;
    if scope != LogoutScope::default() {
        event.detail(scope::PARAMETER, scope.as_str());
    }
    event
        .user(session.user.as_str())
        .session(Some(session.id.as_str()));
    event.success(&call.app, &call.realm, &mut tx);
    commit(call, tx).await
}
