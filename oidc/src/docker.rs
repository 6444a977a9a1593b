//! `GET /realms/{realm}/protocol/docker-v2/auth`: where a registry sends Docker clients for a token. Off,
//! as in Keycloak, unless `features` has `docker`.
//!
//! The parameter `service` names the client, which is the registry; `scope`, perhaps several times, what
//! is asked for; the header `Authorization` has the user's name and password.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use claviger_engine::authenticate::{
    DirectGrant, Door, LoginError, LoginRefused, SignedIn, direct_grant,
};
use claviger_engine::browser::basic_credentials;
use claviger_engine::client::Client;
use claviger_engine::docker::{self, Access};
use claviger_engine::events::EventBuilder;
use claviger_model::Secret;
use claviger_store::Tx;
use serde_json::json;

use crate::Help;
use crate::answer::Answer;
use crate::call::Call;
use crate::problem::{Problem, chain, unknown};

/// What a client reads whose user is not let in: why, only if it is for its user to know.
const UNAUTHORIZED: &str = "Invalid username or password.";
const NOT_SET_UP: &str = "Account is not fully set up";

/// Answers a Docker client.
pub async fn show(mut call: Call) -> Response {
    if !call.app.speaks_docker() {
        return unknown(&call, "protocol/docker-v2/auth");
    }
    let outcome = Box::pin(run(&mut call)).await;
    call.respond(outcome.map(Answer::no_store))
}

async fn run(call: &mut Call) -> Result<Answer, Problem> {
    call.check_ssl()?;
    call.check_realm()?;
    let mut event = call.event("LOGIN");
    let client = service(call, &mut event).await?;
    event.detail("auth_method", "docker-v2");
    let scopes = call.query.iter().filter(|(name, _)| *name == "scope");
    let asked = docker::requested(scopes.map(|(_, value)| value));
    let Ok(asked) = asked else {
        let text = "The parameter scope is type:name:actions, with up to a hundred resources";
        let problem = Problem::bad_request(Help::ScopeInvalid, "invalid_scope", text);
        return Err(call.refuse(&event, "invalid_request", problem).await);
    };
    let Some((name, password)) = call
        .header(header::AUTHORIZATION)
        .and_then(basic_credentials)
    else {
        let refused = refusal(call, &asked, UNAUTHORIZED);
        let pointer = Help::BasicMalformed.into();
        let mut tx = Tx::new();
        call.note(&event, "invalid_user_credentials", pointer, &mut tx);
        let _ = call.app.commit(tx).await?;
        return Ok(refused);
    };
    let mut tx = Tx::new();
    let sent = (name, password);
    let user = match authenticate(call, &client, sent, &mut event, &mut tx).await? {
        Ok(SignedIn { user, .. }) => user,
        Err(LoginRefused::NotSetUp) => return Ok(refusal(call, &asked, NOT_SET_UP)),
        Err(_) => return Ok(refusal(call, &asked, UNAUTHORIZED)),
    };
    let issuer = call.context.issuer(&call.realm.name);
    let token = docker::token(&call.app, &call.realm, &client, (&issuer, &user, &asked)).await;
    let token = token.map_err(|error| {
        tracing::error!("a Docker client gets no token: {}", chain(&error));
        Problem::failed()
    })?;
    event.detail("consent", "no_consent_required");
    event.success(&call.app, &call.realm, &mut tx);
    let _ = call.app.commit(tx).await?;
    let body = json!({
        "token": token.token,
        "expires_in": token.expires_in.0,
        "issued_at": token.issued_at,
    });
    Ok(Answer::json(StatusCode::OK, &body))
}

/// The registry that is asked for.
async fn service(call: &Call, event: &mut EventBuilder) -> Result<std::sync::Arc<Client>, Problem> {
    let refuse = async |event: &mut EventBuilder, error: (&str, &str), reason: &str, text: &str| {
        event.detail("reason", reason);
        let help = match error.1 {
            "invalid_request" => Help::ClientIdMissing,
            _ => Help::ClientNotAccepted,
        };
        let problem = Problem::bad_request(help, error.1, text);
        Err(call.refuse(event, error.0, problem).await)
    };
    let Some(service) = call.query.get("service") else {
        let reason = "Missing parameter: service";
        let text = "service parameter must be provided";
        return refuse(event, ("invalid_request", "invalid_request"), reason, text).await;
    };
    event.client_said(service);
    let Some(client) = call.realm.client(service).await? else {
        let text = "Client specified by 'service' parameter does not exist";
        return refuse(event, ("client_not_found", "invalid_client"), text, text).await;
    };
    event.client(&client.client_id);
    if !client.settings.enabled {
        let text = "Client specified by 'service' is disabled";
        return refuse(event, ("client_disabled", "invalid_client"), text, text).await;
    }
    if !client.settings.is_docker() {
        let text = "Wrong client protocol.";
        return refuse(event, ("invalid_client", "invalid_client"), text, text).await;
    }
    if client.settings.consent_required {
        // There is no page on which a user could say yes.
        let text = "Client requires user consent";
        return refuse(event, ("consent_denied", "invalid_client"), text, text).await;
    }
    Ok(client)
}

async fn authenticate(
    call: &Call,
    client: &std::sync::Arc<Client>,
    (name, password): (String, Secret),
    event: &mut EventBuilder,
    tx: &mut Tx,
) -> Result<Result<SignedIn, LoginRefused>, Problem> {
    let sent = DirectGrant {
        door: Door::Docker,
        username: Some(name),
        password: Some(password),
        client: Some(std::sync::Arc::clone(client)),
        ..DirectGrant::default()
    };
    match direct_grant(&call.app, &call.realm, &sent, event, tx).await {
        Ok(outcome) => Ok(outcome),
        Err(LoginError::Hasher(error)) => {
            tracing::warn!("a sign-in is refused: {error}");
            Err(Problem::busy())
        }
        Err(LoginError::Store(error)) => Err(error.into()),
    }
}

/// The error of the registry's API, with the header that asks for a name and a password.
fn refusal(call: &Call, asked: &[Access], message: &str) -> Answer {
    let body = json!({
        "errors": [{"code": "UNAUTHORIZED", "message": message, "detail": asked}],
    });
    let answer = Answer::json(StatusCode::UNAUTHORIZED, &body).helped(Help::UserCredentialsWrong);
    let challenge = format!("Basic realm=\"{}\"", call.realm.name);
    match HeaderValue::from_str(&challenge) {
        Ok(value) => answer.with(header::WWW_AUTHENTICATE, value),
        Err(_) => answer,
    }
}
