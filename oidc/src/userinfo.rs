//! `/protocol/openid-connect/userinfo` (OpenID Connect Core §5.3): who is it that this token is of?

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use claviger_engine::client::Client;
use claviger_engine::events::EventBuilder;
use claviger_engine::gate::{GateError, Unusable, Usable};
use claviger_engine::mapper::Target;
use claviger_engine::revocation::revoked_before;
use claviger_engine::scope::{OPENID, has_word};
use claviger_engine::session;
use claviger_engine::token::encrypt::{SealError, Sealed, encrypted};
use claviger_engine::token::{TokenClaims, sign};
use claviger_store::{StoreError, Tx};
use claviger_wire::document::Json;
use serde_json::{Value, json};

use crate::Help;
use crate::answer::Answer;
use crate::bearer::{self, challenge};
use crate::call::Call;
use crate::cors::{DEFAULT_METHODS, Readers};
use crate::mapped::put_mapped;
use crate::problem::{Problem, chain};
use crate::revoke::session_error;

/// What scripts may read of a refusal: also why a token was refused.
const EXPOSED_WITH_CHALLENGE: &str = "Access-Control-Allow-Methods, WWW-Authenticate";

/// Answers a preflight request.
pub async fn preflight(call: Call) -> Response {
    call.respond_to_preflight(DEFAULT_METHODS)
}

/// `GET`: the token is in the header.
pub async fn get(call: Call) -> Response {
    let token = call.bearer().map(|token| token.map(str::to_owned));
    answer(call, token).await
}

/// `POST`: the token is in the header or in the form, not in both (RFC 6750 §2).
pub async fn post(call: Call) -> Response {
    let token = one_token(&call);
    answer(call, token).await
}

async fn answer(mut call: Call, token: Result<Option<String>, Problem>) -> Response {
    let outcome = match token {
        // A large state: kept in one place, for the layers outside move the handler's about.
        Ok(token) => Box::pin(run(&mut call, token)).await,
        Err(problem) => {
            call.readers = Readers::All;
            Err(problem)
        }
    };
    let answer = outcome.unwrap_or_else(|problem| {
        call.exposed = Some(EXPOSED_WITH_CHALLENGE);
        problem.into_answer().no_store()
    });
    call.respond(Ok(answer))
}

fn one_token(call: &Call) -> Result<Option<String>, Problem> {
    let in_header = call.bearer()?;
    let in_form: Vec<&str> = call
        .form
        .iter()
        .filter(|(name, _)| *name == "access_token")
        .map(|(_, v)| v)
        .collect();
    match (in_header, in_form.as_slice()) {
        (header, []) => Ok(header.map(str::to_owned)),
        (None, [one]) => Ok(Some((*one).to_owned())),
        (Some(_), [_]) => Err(invalid_request(
            call,
            "More than one method used for including an access token",
        )),
        (_, [_, ..]) => Err(invalid_request(call, "Duplicate parameter")),
    }
}

fn invalid_request(call: &Call, text: &str) -> Problem {
    let (help, status) = (Help::AccessTokenTwice, StatusCode::BAD_REQUEST);
    challenge(call, help, status, ("invalid_request", text))
}

fn invalid_token(call: &Call, help: Help, text: &str) -> Problem {
    let status = StatusCode::UNAUTHORIZED;
    challenge(call, help, status, ("invalid_token", text))
}

async fn run(call: &mut Call, token: Option<String>) -> Result<Answer, Problem> {
    call.readers = Readers::All;
    let mut event = call.event("USER_INFO_REQUEST");
    event.detail("auth_method", "validate_access_token");
    let Some(text) = token else {
        event.detail("reason", "Missing token");
        let realm = &call.realm.name;
        let value = format!("Bearer realm=\"{realm}\"");
        let (help, status) = (Help::AccessTokenMissing, StatusCode::UNAUTHORIZED);
        let problem = Problem::challenge(help, status, value);
        return Err(call.refuse(&event, "invalid_token", problem).await);
    };
    let (token, client) = read(call, &text, &mut event).await?;
    event.session(
        token
            .session
            .as_ref()
            .map(claviger_model::SessionId::as_str),
    );
    let usable =
        match session::of_token(&call.app, &call.realm, &call.context, &client, &token).await {
            Ok(usable) => usable,
            Err(GateError::Store(error)) => return Err(error.into()),
            Err(GateError::Unusable(reason)) => {
                let (error, text) = tell(&reason, token.is_stateless());
                let problem = invalid_token(call, Help::of_unusable(&reason), text);
                return Err(call.refuse(&event, error, problem).await);
            }
        };
    event.user(usable.user().id.as_str());
    event.detail("username", &*usable.user().username);
    let allowed = "allow.userinfo.with.lightweight.access.token";
    if token.is_lightweight() && !client.settings.flag_attribute(allowed, false) {
        let text = "Lightweight access token not allowed for userinfo endpoint";
        event.detail("reason", text);
        let problem = invalid_token(call, Help::LightweightToken, text);
        return Err(call.refuse(&event, "invalid_token", problem).await);
    }
    let claims = claims(call, &client, &token, &usable).await?;
    let answer = tell_as_wanted(call, &client, claims, &mut event).await?;
    let mut tx = Tx::new();
    event.success(&call.app, &call.realm, &mut tx);
    crate::token::commit(call, tx).await?;
    Ok(answer.no_store().with(
        header::CACHE_CONTROL,
        HeaderValue::from_static("no-store, no-cache"),
    ))
}

/// The claims as JSON, or signed, or encrypted, or both, as the client wants (Core §5.3.2).
async fn tell_as_wanted(
    call: &Call,
    client: &Client,
    mut claims: Json,
    event: &mut EventBuilder,
) -> Result<Answer, Problem> {
    let issuer = call.context.issuer(&call.realm.name);
    let is_sealed = Sealed::UserInfo.is_wanted(client);
    let signature = client.settings.attribute(sign::USER_INFO);
    let required = signature.is_some().to_string();
    event.detail("signature_required", required);
    let (content, cty) = if let Some(algorithm) = signature {
        event.detail("signature_algorithm", algorithm);
        claims.insert("iss".into(), json!(issuer));
        claims.insert("aud".into(), json!(client.client_id));
        let token = sign::signed(&call.app, &call.realm, algorithm, "JWT", &claims).await?;
        (token, Some("JWT"))
    } else if is_sealed {
        (Value::Object(claims).to_string(), None)
    } else {
        return Ok(Answer::json(StatusCode::OK, &claims));
    };
    let content = if is_sealed {
        let content = (content.as_str(), cty);
        let sealed = encrypted(&call.app, client, Sealed::UserInfo, &issuer, content).await;
        sealed.map_err(|error| not_sealed(call, client, &error))?
    } else {
        content
    };
    let kind = HeaderValue::from_static("application/jwt");
    Ok(Answer::text(StatusCode::OK, &content).with(header::CONTENT_TYPE, kind))
}

/// What cannot be encrypted is not told.
fn not_sealed(call: &Call, client: &Client, error: &SealError) -> Problem {
    tracing::error!(
        client = client.client_id,
        "userinfo cannot be encrypted: {}",
        chain(error)
    );
    let realm = &call.realm.name;
    let value = format!("Bearer realm=\"{realm}\"");
    Problem::challenge(Help::Failed, StatusCode::INTERNAL_SERVER_ERROR, value)
}

/// Verifies the token and finds the client that it was issued to.
async fn read(
    call: &mut Call,
    text: &str,
    event: &mut EventBuilder,
) -> Result<(TokenClaims, std::sync::Arc<Client>), Problem> {
    let Some(token) = bearer::genuine(call, text).await? else {
        return Err(unverified(call, text, None, event).await);
    };
    if !has_word(token.scope.as_deref(), OPENID) {
        event.detail("reason", "Missing openid scope");
        let (help, status) = (Help::OpenidScopeMissing, StatusCode::FORBIDDEN);
        let text = "Missing openid scope";
        let problem = challenge(call, help, status, ("insufficient_scope", text));
        return Err(call.refuse(event, "access_denied", problem).await);
    }
    let id = token.issued_for.clone().unwrap_or_default();
    let Some(client) = call.realm.client(&id).await? else {
        let cause = Some(Help::TokenRevoked);
        return Err(unverified(call, text, cause, event).await);
    };
    call.check_origin(&client)?;
    let revoked = call
        .app
        .store
        .token_revoked(&call.realm.id, &token.id)
        .await?;
    if revoked || token.issued_at < revoked_before(&call.realm, Some(&client), None) {
        let cause = if revoked {
            Help::TokenRevoked
        } else {
            Help::TokenBeforeCut
        };
        return Err(unverified(call, text, Some(cause), event).await);
    }
    if !client.settings.is_openid_connect() {
        event.detail("reason", "Wrong client protocol");
        let problem = invalid_token(call, Help::ClientProtocol, "Wrong client protocol");
        return Err(call.refuse(event, "invalid_client", problem).await);
    }
    event.client(&client.client_id);
    Ok((token, client))
}

/// Refuses a token in the words that stand for many causes.
async fn unverified(
    call: &Call,
    text: &str,
    cause: Option<Help>,
    event: &mut EventBuilder,
) -> Problem {
    event.detail("reason", "Token verification failed");
    let problem = bearer::refused(call, text, cause);
    call.refuse(event, "invalid_token", problem).await
}

/// Event error and text for what cannot be used. Of a token without a session only the code is
/// told.
const fn tell(reason: &Unusable, stateless: bool) -> (&'static str, &'static str) {
    match reason {
        Unusable::UserDisabled | Unusable::UserNotFound if stateless => {
            let code = session_error(reason);
            (code, code)
        }
        Unusable::ClientDisabled => ("client_disabled", "Client disabled"),
        Unusable::UserDisabled => ("user_disabled", "User disabled"),
        Unusable::UserNotFound => ("user_not_found", "User not found"),
        Unusable::Stale => ("invalid_user", "User not valid"),
        Unusable::RealmDisabled
        | Unusable::SessionNotFound
        | Unusable::SessionExpired(_)
        | Unusable::PartNotFound
        | Unusable::PartExpired(_)
        | Unusable::OlderThanSession
        | Unusable::OlderThanPart => {
            let code = session_error(reason);
            (code, code)
        }
    }
}

async fn claims(
    call: &Call,
    client: &Client,
    token: &TokenClaims,
    usable: &Usable,
) -> Result<Json, StoreError> {
    let mut claims = Json::with_capacity(16);
    claims.insert("sub".into(), json!(usable.user().id.as_str()));
    put_mapped(call, client, token, usable, Target::UserInfo, &mut claims).await?;
    Ok(claims)
}
