//! `/protocol/openid-connect/logout`: the door that the project began with.
//!
//! With a `refresh_token` it is the back-channel way of applications: the client authenticates, the
//! session ends, `204`. Without, it is RP-Initiated Logout 1.0: the browser comes with an
//! `id_token_hint`, the session ends, and the browser is sent to an address that the client
//! registered. The pages of that way (confirmation, errors, "you are logged out") are plain here.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use claviger_engine::events::EventBuilder;
use claviger_engine::logout::end_session;
use claviger_engine::redirect::{PostLogoutUri, post_logout_uri};
use claviger_engine::refresh::{self, Age, RefreshError};
use claviger_engine::session::is_alive;
use claviger_engine::token::TokenClaims;
use claviger_model::session::{EndReason, SessionKind};
use claviger_model::{Seconds, UserSession};
use claviger_store::{StoreError, Tx};

use crate::Help;
use crate::answer::Answer;
use crate::call::Call;
use crate::client_auth;
use crate::cors::DEFAULT_METHODS;
use crate::form::Form;
use crate::grant::tell_refresh_error;
use crate::problem::Problem;
use crate::token::commit;

/// Keycloak's words for a token that is older than the session; the spelling is theirs.
const OLDER: &str = "Toked issued before the user session started";

/// Answers a preflight request.
pub async fn preflight(call: Call) -> Response {
    call.respond_to_preflight(DEFAULT_METHODS)
}

/// `GET`: RP-Initiated Logout.
pub async fn by_browser(call: Call) -> Response {
    let outcome = by_hint(&call, &call.query).await;
    call.respond(outcome)
}

/// `POST`: by refresh token if there is one, else RP-Initiated Logout.
pub async fn by_post(mut call: Call) -> Response {
    // A large state: kept in one place, for the layers outside move the handler's about.
    let outcome = if call.form.has("refresh_token") {
        Box::pin(by_refresh_token(&mut call)).await
    } else {
        by_hint(&call, &call.form).await
    };
    call.respond(outcome)
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
    end(call, &session, &mut event).await?;
    Ok(done())
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

async fn end(call: &Call, session: &UserSession, event: &mut EventBuilder) -> Result<(), Problem> {
    let mut tx = Tx::new();
    end_session(&call.app, &call.realm, &mut tx, session, EndReason::Logout).await?;
    event
        .user(session.user.as_str())
        .session(Some(session.id.as_str()));
    event.success(&call.app, &call.realm, &mut tx);
    commit(call, tx).await
}

/// RP-Initiated Logout, as far as no page has to be asked.
async fn by_hint(call: &Call, sent: &Form) -> Result<Answer, Problem> {
    let mut event = call.event("LOGOUT");
    let hint = sent.get("id_token_hint").filter(|text| !text.is_empty());
    let client_id = sent.get("client_id");
    let asked = sent.get("post_logout_redirect_uri");
    if asked.is_some() && hint.is_none() && client_id.is_none() {
        let text = "Either the parameter 'client_id' or the parameter 'id_token_hint' is required \
                    when 'post_logout_redirect_uri' is used.";
        event.detail("reason", text);
        let text = "Missing parameters: id_token_hint";
        let help = Help::IdTokenHintMissing;
        return failed(call, &event, help, "invalid_request", text).await;
    }
    let read = match hint {
        None => Ok(None),
        Some(text) => read_hint(call, text, client_id, &mut event)
            .await?
            .map(Some),
    };
    let token = match read {
        Ok(token) => token,
        Err(reason) => {
            event.detail("reason", reason);
            let text = "Invalid parameter: id_token_hint";
            let help = Help::IdTokenHintInvalid;
            return failed(call, &event, help, "invalid_token", text).await;
        }
    };
    let issued_for = token.as_ref().and_then(|token| token.issued_for.as_deref());
    let client = match client_id.or(issued_for) {
        Some(id) => call.realm.client(id).await?,
        None => None,
    };
    if let Some(client) = &client {
        event.client(&client.client_id);
    }
    let target = match asked {
        None => None,
        Some(asked) => {
            let checked = client
                .as_deref()
                .and_then(|client| post_logout_uri(client, &call.context.base_url, asked));
            let Some(checked) = checked else {
                event.detail("redirect_uri", asked);
                let (help, text) = (Help::PostLogoutRedirectUri, "Invalid redirect uri");
                return failed(call, &event, help, "invalid_redirect_uri", text).await;
            };
            Some(checked)
        }
    };
    let Some(token) = token.filter(|_| client.is_some()) else {
        // Without a hint and without a session in the browser there is nothing to end. A hint for
        // a client that is gone proves nothing about who asks: its user would have to be asked.
        return match (&client, &target) {
            (Some(_), Some(target)) => Ok(redirect(target, sent.get("state"))),
            _ => Ok(page(
                StatusCode::BAD_REQUEST,
                "To log out without a question, send the parameter id_token_hint. The page that \
                 asks for a confirmation is not part of this server yet.",
            )
            .helped(Help::IdTokenHintMissing)),
        };
    };
    log_out(call, &token, target, sent.get("state"), event).await
}

async fn log_out(
    call: &Call,
    token: &TokenClaims,
    target: Option<PostLogoutUri>,
    state: Option<&str>,
    mut event: EventBuilder,
) -> Result<Answer, Problem> {
    if let Some(target) = &target {
        event.detail("redirect_uri", target.as_str());
    }
    if end_hinted(call, token, &mut event).await? == Hinted::Older {
        event.forget("redirect_uri");
        event.detail("reason", OLDER);
        let (help, text) = (Help::SessionNotActive, "Session not active");
        return failed(call, &event, help, "invalid_token", text).await;
    }
    Ok(match &target {
        Some(target) => redirect(target, state),
        None => page(StatusCode::OK, "You are logged out"),
    })
}

/// Reads an ID token of this realm; it may be over, as its user may come back after hours.
async fn read_hint(
    call: &Call,
    text: &str,
    client_id: Option<&str>,
    event: &mut EventBuilder,
) -> Result<Result<TokenClaims, String>, StoreError> {
    let ring = call.realm.keys().await?;
    let Some(token) = TokenClaims::verify(&ring, text) else {
        return Ok(Err("Invalid IDToken".to_owned()));
    };
    if token.kind != "ID" {
        let kind = &token.kind;
        return Ok(Err(format!(
            "Token type is incorrect. Expected '[ID]' but was '{kind}'"
        )));
    }
    if !call.context.is_issuer(&token.issuer, &call.realm.name) {
        return Ok(Err("Invalid IDToken".to_owned()));
    }
    if let (Some(client_id), Some(issued_for)) = (client_id, &token.issued_for)
        && client_id != issued_for
    {
        event.client(client_id);
        let text =
            "Parameter client_id is different than the client for which ID Token was issued.";
        return Ok(Err(text.to_owned()));
    }
    Ok(Ok(token))
}

/// What became of the session of a hint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hinted {
    /// It is gone, if it was there at all.
    Gone,
    /// It began after the hint was issued: it is another one.
    Older,
}

async fn end_hinted(
    call: &Call,
    token: &TokenClaims,
    event: &mut EventBuilder,
) -> Result<Hinted, Problem> {
    let kind = SessionKind::Online;
    let session = match &token.session {
        Some(id) => {
            call.app
                .store
                .user_session(&call.realm.id, kind, id)
                .await?
        }
        None => None,
    };
    let Some(session) = session else {
        let mut tx = Tx::new();
        event.forget("redirect_uri");
        call.note(
            event,
            "session_expired",
            Help::SessionNotActive.into(),
            &mut tx,
        );
        commit(call, tx).await?;
        return Ok(Hinted::Gone);
    };
    if token.issued_at + Seconds(1) < session.started_at.seconds() {
        return Ok(Hinted::Older);
    }
    end(call, &session, event).await?;
    Ok(Hinted::Gone)
}

fn redirect(target: &PostLogoutUri, state: Option<&str>) -> Answer {
    Answer::empty(StatusCode::FOUND)
        .no_cache()
        .with_text(header::LOCATION, &target.with_state(state))
}

async fn failed(
    call: &Call,
    event: &EventBuilder,
    help: Help,
    error: &str,
    text: &'static str,
) -> Result<Answer, Problem> {
    let mut tx = Tx::new();
    call.note(event, error, help.into(), &mut tx);
    commit(call, tx).await?;
    Ok(page(StatusCode::BAD_REQUEST, text).helped(help))
}

/// A sentence for a person, until there are pages.
fn page(status: StatusCode, text: &'static str) -> Answer {
    Answer::text(status, text).with(
        header::CACHE_CONTROL,
        HeaderValue::from_static("no-store, must-revalidate, max-age=0"),
    )
}
