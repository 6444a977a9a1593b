//! `POST /protocol/openid-connect/token` (RFC 6749 §3.2): the steps that every grant shares.

use axum::http::{StatusCode, header};
use axum::response::Response;
use claviger_engine::client::Client;
use claviger_engine::events::EventBuilder;
use claviger_engine::scope::Granted;
use claviger_engine::token::{MintError, Minted};
use claviger_model::session::SessionKind;
use claviger_store::Tx;
use claviger_wire::document::Json;
use serde::Serialize;

use crate::Help;
use crate::answer::Answer;
use crate::call::Call;
use crate::client_auth;
use crate::grant::Grant;
use crate::problem::{Problem, chain};

/// How long one parameter may be; a longer one counts as absent, as in Keycloak.
const PARAMETER_MAX: usize = 4_000;
/// How long a parameter that holds a token may be.
const TOKEN_PARAMETER_MAX: usize = 20_000;
/// Parameters by which a user or a client proves who it is: taken as they are, to the last byte.
const CREDENTIALS: [&str; 6] = [
    "client_id",
    "client_secret",
    "username",
    "password",
    "otp",
    "totp",
];
/// Parameters that hold tokens.
const TOKEN_PARAMETERS: [&str; 5] = [
    "refresh_token",
    "client_assertion",
    "assertion",
    "subject_token",
    "actor_token",
];

/// Answers a token request.
pub async fn grant(mut call: Call) -> Response {
    // A large state: kept in one place, for the layers outside move the handler's about.
    match Box::pin(run(&mut call)).await {
        Ok(answer) => call.respond(Ok(answer.no_store())),
        Err(problem) => call.respond(Ok(problem.into_answer().no_store())),
    }
}

/// Answers a preflight request.
pub async fn preflight(call: Call) -> Response {
    call.respond_to_preflight("POST, OPTIONS")
}

async fn run(call: &mut Call) -> Result<Answer, Problem> {
    call.check_ssl()?;
    call.check_realm()?;
    call.form.clean(&CREDENTIALS);
    let Some(name) = call.form.get("grant_type").map(str::to_owned) else {
        let text = "Missing form parameter: grant_type";
        let help = Help::GrantTypeMissing;
        return Err(Problem::bad_request(help, "invalid_request", text));
    };
    let Some(grant) = Grant::from_name(&name) else {
        return Err(Problem::bad_request(
            Help::GrantTypeUnknown,
            "unsupported_grant_type",
            "Unsupported grant_type",
        ));
    };
    let mut event = call.event(grant.event_kind());
    event.detail("grant_type", &*name);
    let client = client_auth::authenticate(call, &mut event).await?;
    if client.settings.bearer_only {
        return Err(Problem::bad_request(
            Help::ClientBearerOnly,
            "invalid_client",
            "Bearer-only not allowed",
        ));
    }
    if call.form.has_repeated_but(grant.repeatable()) {
        return Err(Problem::bad_request(
            Help::ParameterRepeated,
            "invalid_request",
            "duplicated parameter",
        ));
    }
    call.form.retain(|name, value| {
        let max = match name {
            _ if TOKEN_PARAMETERS.contains(&name) => TOKEN_PARAMETER_MAX,
            _ if CREDENTIALS.contains(&name) => return true,
            _ => PARAMETER_MAX,
        };
        // No text has more letters than bytes.
        value.len() <= max || value.chars().count() <= max
    });
    grant.run(call, &client, event).await
}

/// The kind of session that a first token begins. Who asks for offline access without the right
/// to it is refused as a whole, and nothing begins; with an offline token in hand the online
/// session would have no use.
pub async fn kind_to_begin(
    call: &Call,
    event: &mut EventBuilder,
    granted: &Granted,
    with_refresh: bool,
) -> Result<SessionKind, Problem> {
    if !with_refresh || !granted.offline_requested {
        return Ok(SessionKind::Online);
    }
    if granted.offline_permitted() {
        return Ok(SessionKind::Offline);
    }
    let text = "Offline tokens not allowed for the user or client";
    event.detail("reason", text);
    let problem = Problem::bad_request(Help::OfflineAccess, "not_allowed", text);
    Err(call.refuse(event, "not_allowed", problem).await)
}

/// Checks the `scope` parameter against what the client may ask for.
pub async fn requested_scope(
    call: &Call,
    client: &Client,
    event: &mut EventBuilder,
) -> Result<Option<String>, Problem> {
    let scope = call.form.get("scope");
    if claviger_engine::scope::is_valid(&call.realm, client, scope).await? {
        return Ok(scope.map(str::to_owned));
    }
    let text = format!("Invalid scopes: {}", scope.unwrap_or_default());
    event.detail("reason", &*text);
    let problem = Problem::bad_request(Help::ScopeInvalid, "invalid_scope", text);
    Err(call.refuse(event, "invalid_request", problem).await)
}

/// The answer of RFC 6749 §5.1, with Keycloak's additions.
#[derive(Serialize)]
struct TokenAnswer<'a> {
    access_token: &'a str,
    expires_in: i64,
    refresh_expires_in: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<&'a str>,
    token_type: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    id_token: Option<&'a str>,
    #[serde(rename = "not-before-policy")]
    not_before_policy: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    session_state: Option<&'a str>,
    scope: &'a str,
    #[serde(flatten)]
    further: &'a Json,
}

/// Tells what was minted.
pub fn answer(minted: &Minted) -> Answer {
    let refresh = minted.refresh_token.as_ref();
    let refresh_end = refresh.and_then(|(_, _, _, span)| *span);
    Answer::json(
        StatusCode::OK,
        &TokenAnswer {
            access_token: &minted.access_token,
            expires_in: minted.expires_in.0,
            refresh_expires_in: refresh_end.map_or(0, |span| span.0),
            refresh_token: refresh.map(|(token, _, _, _)| token.as_str()),
            token_type: &minted.token_type,
            id_token: minted.id_token.as_deref(),
            not_before_policy: minted.not_before_policy.0,
            session_state: minted.session_state.as_deref(),
            scope: &minted.scope,
            further: &minted.further,
        },
    )
}

/// Notes in the event what was minted.
pub fn note(event: &mut EventBuilder, minted: &Minted) {
    event.detail("token_id", &*minted.access_token_id);
    if let Some((_, id, kind, _)) = &minted.refresh_token {
        let name = if event.has("refresh_token_id") {
            "updated_refresh_token_id"
        } else {
            "refresh_token_id"
        };
        event.detail(name, &**id);
        event.detail("refresh_token_type", kind.as_str());
    }
    event.detail("scope", &*minted.scope);
}

impl From<MintError> for Problem {
    fn from(error: MintError) -> Self {
        match error {
            MintError::Store(error) => error.into(),
            MintError::NoKey(_) | MintError::Signature(_) | MintError::Sealing(_) => {
                tracing::error!("no token could be made: {}", chain(&error));
                Self::new(
                    Help::Failed,
                    StatusCode::INTERNAL_SERVER_ERROR,
                    "unknown_error",
                    "For more on this error consult the server log.",
                )
            }
        }
    }
}

/// Writes a job that nothing can stand in the way of, or refuses.
pub async fn commit(call: &Call, tx: Tx) -> Result<(), Problem> {
    use claviger_store::Commit;
    match call.app.commit(tx).await? {
        Commit::Done => Ok(()),
        Commit::Missed(step) | Commit::Conflict(step) => {
            tracing::warn!("{step}: somebody else changed the same rows; the request is refused");
            Err(Problem::busy())
        }
    }
}

/// The cookie in which Keycloak remembers a user's language.
pub fn locale_cookie(call: &Call, answer: Answer, locale: &str) -> Answer {
    if locale.is_empty()
        || !locale
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "-_".contains(c))
    {
        return answer;
    }
    let path = format!("{}/realms/{}/", call.context.base_path, call.realm.name);
    let cookie =
        format!("KEYCLOAK_LOCALE={locale};Version=1;Path={path};Secure;HttpOnly;SameSite=None");
    answer.with_text(header::SET_COOKIE, &cookie)
}
