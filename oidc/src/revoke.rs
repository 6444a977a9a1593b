//! `POST /protocol/openid-connect/revoke` (RFC 7009): a client gives a token back.
//!
//! An access token dies alone; a refresh token takes the client's part in the session with it, and
//! the session too if nobody else is left in it. A token that is no good already is no failure.

use axum::http::StatusCode;
use axum::response::Response;
use claviger_engine::client::Client;
use claviger_engine::events::EventBuilder;
use claviger_engine::gate::{GateError, Unusable, usable, usable_user};
use claviger_engine::logout::{end_client_session, end_session};
use claviger_engine::revocation::record;
use claviger_engine::token::{Expected, TokenClaims};
use claviger_engine::token_exchange::is_heir;
use claviger_model::session::{EndReason, SessionKind};
use claviger_model::{ClientSession, Seconds};
use claviger_store::Tx;

use crate::Help;
use crate::answer::Answer;
use crate::call::Call;
use crate::client_auth;
use crate::problem::Problem;
use crate::token::commit;

/// Answers a preflight request.
pub async fn preflight(call: Call) -> Response {
    call.respond_to_preflight("POST, OPTIONS")
}

/// Answers a revocation request.
pub async fn revoke(mut call: Call) -> Response {
    // A large state: kept in one place, for the layers outside move the handler's about.
    let outcome = Box::pin(run(&mut call)).await;
    call.respond(outcome)
}

async fn run(call: &mut Call) -> Result<Answer, Problem> {
    let mut event = call.event("REVOKE_GRANT");
    call.check_ssl()?;
    call.check_realm()?;
    let client = client_auth::authenticate(call, &mut event).await?;
    event.client(&client.client_id);
    if client.settings.bearer_only {
        return Err(Problem::bad_request(
            Help::ClientBearerOnly,
            "invalid_client",
            "Bearer-only not allowed",
        ));
    }
    if call.form.has_repeated() {
        return Err(Problem::bad_request(
            Help::ParameterRepeated,
            "invalid_request",
            "duplicated parameter",
        ));
    }
    let token = read(call, &client, &mut event).await?;
    let found = find(call, &client, &token, &mut event).await?;
    event.user(&found);
    let mut tx = Tx::new();
    let heirs = if token.is_refresh() {
        let heirs = end_part(call, &client, &token, &mut tx).await?;
        event.detail("revoked_client", &*client.client_id);
        event.session(
            token
                .session
                .as_ref()
                .map(claviger_model::SessionId::as_str),
        );
        event.detail("refresh_token_id", &*token.id);
        event.detail("refresh_token_type", &*token.kind);
        heirs
    } else {
        // Kept until the token would be over anyway, and a little longer for slow clocks.
        let end = token
            .expires_at
            .map_or(Seconds(i64::MAX / 2000), |end| end + Seconds(60));
        tx.revoke_token(&call.realm.id, &token.id, end.millis());
        record::token_revoked(&call.app, &call.realm, &mut tx, &token.id, end.millis());
        event.detail("token_id", &*token.id);
        end_heirs(call, &client, &token, &mut tx).await?
    };
    if !heirs.is_empty() {
        event.detail("token_exchange_revoked_clients", heirs.join(","));
    }
    event.success(&call.app, &call.realm, &mut tx);
    commit(call, tx).await?;
    Ok(Answer::empty(StatusCode::OK))
}

async fn read(
    call: &Call,
    client: &Client,
    event: &mut EventBuilder,
) -> Result<TokenClaims, Problem> {
    let Some(text) = call.form.get("token") else {
        event.detail("reason", "Token not provided");
        let problem = Problem::bad_request(
            Help::TokenParameterMissing,
            "invalid_request",
            "Token not provided",
        );
        return Err(call.refuse(event, "invalid_request", problem).await);
    };
    let ring = call.realm.keys().await?;
    let Some(token) = TokenClaims::verify(&ring, text) else {
        return Err(call
            .refuse(event, "invalid_token", no_longer_good(call))
            .await);
    };
    if !(token.is_refresh() || matches!(token.kind.as_str(), "Bearer" | "DPoP")) {
        event.detail("reason", "Unsupported token type");
        let text = "Unsupported token type";
        let help = Help::TokenTypeUnsupported;
        let problem = Problem::bad_request(help, "unsupported_token_type", text);
        return Err(call.refuse(event, "invalid_token_type", problem).await);
    }
    if !call.context.is_issuer(&token.issuer, &call.realm.name) {
        return Err(call
            .refuse(event, "invalid_token", no_longer_good(call))
            .await);
    }
    match token.issued_for.as_deref() {
        None => {
            event.detail("reason", "Issued for not set");
            Err(call
                .refuse(event, "invalid_token", no_longer_good(call))
                .await)
        }
        Some(owner) if owner != client.client_id => {
            event.detail("reason", "Unmatching clients");
            let help = Help::TokenOfAnotherClient;
            let problem = Problem::bad_request(help, "invalid_request", "Unmatching clients");
            Err(call.refuse(event, "invalid_request", problem).await)
        }
        Some(_) => Ok(token),
    }
}

/// The user whose token it is, if it still hangs on something.
async fn find(
    call: &Call,
    client: &Client,
    token: &TokenClaims,
    event: &mut EventBuilder,
) -> Result<String, Problem> {
    let found = if token.is_stateless() {
        let user = usable_user(&call.app, &call.realm, client, &token.claim()).await;
        user.map(|user| user.id)
    } else {
        let usable = usable(&call.app, &call.realm, client, &token.claim()).await;
        usable.map(|usable| usable.user().id.clone())
    };
    match found {
        Ok(id) => Ok(id.into_string()),
        // What is given back must stay so when the user is enabled again, or the cut withdrawn.
        Err(GateError::Unusable(Unusable::UserDisabled | Unusable::Stale)) => {
            Ok(token.subject.clone().unwrap_or_default())
        }
        Err(GateError::Store(error)) => Err(error.into()),
        Err(GateError::Unusable(reason)) => {
            let error = session_error(&reason);
            let problem = no_longer_good(call).because(Help::of_unusable(&reason));
            Err(call.refuse(event, error, problem).await)
        }
    }
}

/// Event error, and text of a challenge, for a session that cannot be used.
pub const fn session_error(reason: &Unusable) -> &'static str {
    match reason {
        Unusable::SessionNotFound | Unusable::PartNotFound => "user_session_not_found",
        Unusable::SessionExpired(_) | Unusable::PartExpired(_) => "session_expired",
        Unusable::UserNotFound => "user_not_found",
        Unusable::UserDisabled => "user_disabled",
        Unusable::ClientDisabled => "client_disabled",
        Unusable::RealmDisabled => "realm_disabled",
        Unusable::OlderThanSession | Unusable::OlderThanPart | Unusable::Stale => "invalid_token",
    }
}

/// RFC 7009 §2.2: a token that is invalid is as revoked as it can be.
fn no_longer_good(call: &Call) -> Problem {
    let text = call.form.get("token").unwrap_or_default();
    let seen = |expected| call.help_with_token(text, expected, Help::RevocationInvalidToken);
    let as_access_token = seen(Expected::Access);
    let help = if as_access_token == Help::TokenKindWrong {
        seen(Expected::Refresh)
    } else {
        as_access_token
    };
    Problem::new(help, StatusCode::OK, "invalid_token", "Invalid token")
}

/// Ends the client's part in the session, and the parts of those that have exchanged its tokens,
/// whose names are returned. Where nobody is left, the session ends.
async fn end_part(
    call: &Call,
    client: &Client,
    token: &TokenClaims,
    tx: &mut Tx,
) -> Result<Vec<String>, Problem> {
    let mut heirs = Vec::new();
    let Some(id) = &token.session else {
        return Ok(heirs);
    };
    let reason = EndReason::TokenRevoked;
    // An offline token's online session goes too: its access tokens are of the same family.
    let kinds: &[SessionKind] = if token.kind == "Offline" {
        &SessionKind::ALL
    } else {
        &[SessionKind::Online]
    };
    for kind in kinds {
        let store = &call.app.store;
        let Some(session) = store.user_session(&call.realm.id, *kind, id).await? else {
            continue;
        };
        let parts = store.client_sessions(&call.realm.id, *kind, id).await?;
        let is_heir = |part: &ClientSession| is_heir(part, &client.client_id);
        let others = parts.iter().filter(|part| part.client != client.uuid);
        if others.clone().all(is_heir) {
            end_session(&call.app, &call.realm, tx, &session, reason).await?;
        } else {
            let (app, realm) = (&call.app, &call.realm);
            end_client_session(app, realm, tx, &session, &client.uuid, reason).await?;
            for part in others.clone().filter(|part| is_heir(part)) {
                end_client_session(app, realm, tx, &session, &part.client, reason).await?;
            }
        }
        for part in others.filter(|part| is_heir(part)) {
            heirs.push(name(call, part).await?);
        }
    }
    Ok(heirs)
}

/// Ends the parts of those that have exchanged a client's tokens; their names are returned.
async fn end_heirs(
    call: &Call,
    client: &Client,
    token: &TokenClaims,
    tx: &mut Tx,
) -> Result<Vec<String>, Problem> {
    let mut heirs = Vec::new();
    let (store, kind) = (&call.app.store, SessionKind::Online);
    let Some(id) = &token.session else {
        return Ok(heirs);
    };
    let Some(session) = store.user_session(&call.realm.id, kind, id).await? else {
        return Ok(heirs);
    };
    let parts = store.client_sessions(&call.realm.id, kind, id).await?;
    for part in parts.iter().filter(|part| is_heir(part, &client.client_id)) {
        let reason = EndReason::TokenRevoked;
        end_client_session(&call.app, &call.realm, tx, &session, &part.client, reason).await?;
        heirs.push(name(call, part).await?);
    }
    Ok(heirs)
}

async fn name(call: &Call, part: &ClientSession) -> Result<String, Problem> {
    let client = call.realm.client_by_uuid(&part.client).await?;
    Ok(client
        .map(|client| client.client_id.clone())
        .unwrap_or_default())
}
