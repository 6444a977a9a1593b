//! `POST /protocol/openid-connect/auth/device` (RFC 8628 §3.1): a device begins. Where its person
//! answers is in [`verify`].

pub mod verify;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use claviger_engine::authorize::{Pkce, check_challenge};
use claviger_engine::client::Client;
use claviger_engine::device::{self, Asked, Begun};
use claviger_engine::events::EventBuilder;
use serde::Serialize;

use crate::Help;
use crate::answer::Answer;
use crate::call::Call;
use crate::client_auth;
use crate::problem::Problem;

/// The realm's attribute with an address that is shorter to type than ours, and leads there.
const SHORT_ADDRESS: &str = "shortVerificationUri";
/// How long a parameter may be.
const PARAMETER_MAX: usize = 4_000;
/// The parameters that are read.
const CREDENTIALS: [&str; 2] = ["client_id", "client_secret"];

/// The answer of §3.2.
#[derive(Serialize)]
struct DeviceAnswer<'a> {
    device_code: &'a str,
    user_code: &'a str,
    verification_uri: &'a str,
    verification_uri_complete: String,
    expires_in: i64,
    interval: i64,
}

/// Answers a preflight request.
pub async fn preflight(call: Call) -> Response {
    call.respond_to_preflight("POST, OPTIONS")
}

/// Answers a device.
pub async fn begin(mut call: Call) -> Response {
    // A large state: kept in one place, for the layers outside move the handler's about.
    let outcome = Box::pin(run(&mut call)).await;
    call.respond(outcome)
}

async fn run(call: &mut Call) -> Result<Answer, Problem> {
    let mut event = call.event("OAUTH2_DEVICE_AUTH");
    call.check_ssl()?;
    call.check_realm()?;
    call.form.clean(&CREDENTIALS);
    let client = client_auth::authenticate(call, &mut event).await?;
    event.client(&client.client_id);
    permit(call, &client, &mut event).await?;
    if call.form.has_repeated() {
        let text = "duplicated parameter";
        event.detail("reason", text);
        let problem = Problem::bad_request(Help::ParameterRepeated, "invalid_grant", text);
        return Err(call.refuse(&event, "invalid_request", problem).await);
    }
    call.form
        .retain(|_, value| value.chars().count() <= PARAMETER_MAX);
    let asked = Asked {
        scope: call.form.get("scope"),
        nonce: call.form.get("nonce"),
        pkce: challenge(call, &client, &mut event).await?,
    };
    let begun = device::begin(&call.app, &call.realm, &client, asked).await?;
    let Some(begun) = begun else {
        return Err(Problem::busy());
    };
    Ok(tell(call, &begun))
}

async fn permit(call: &Call, client: &Client, event: &mut EventBuilder) -> Result<(), Problem> {
    if client.settings.bearer_only {
        return Err(Problem::bad_request(
            Help::ClientBearerOnly,
            "invalid_client",
            "Bearer-only not allowed",
        ));
    }
    if device::is_enabled(client) {
        return Ok(());
    }
    let text = "Client is not allowed to initiate OAuth 2.0 Device Authorization Grant. \
                The flow is disabled for the client.";
    event.detail("reason", text);
    let problem = Problem::bad_request(Help::GrantNotEnabled, "unauthorized_client", text);
    Err(call.refuse(event, "not_allowed", problem).await)
}

/// What the device binds its codes to (RFC 7636), as strict as the client's settings.
async fn challenge(
    call: &Call,
    client: &Client,
    event: &mut EventBuilder,
) -> Result<Option<Pkce>, Problem> {
    let enforced = client.settings.attribute("pkce.code.challenge.method");
    let challenge = call.form.get("code_challenge");
    let method = call.form.get("code_challenge_method");
    if let Err(text) = check_challenge(enforced, challenge, method) {
        event.detail("reason", &*text);
        let problem = Problem::bad_request(Help::DeviceCode, "invalid_request", text);
        return Err(call.refuse(event, "invalid_request", problem).await);
    }
    Ok(challenge.map(|challenge| Pkce {
        challenge: challenge.to_owned(),
        method: method.map(str::to_owned),
    }))
}

fn tell(call: &Call, begun: &Begun) -> Answer {
    let own = format!(
        "{}/realms/{}/device",
        call.context.base_url, call.realm.name
    );
    let address = call.realm.settings.attribute(SHORT_ADDRESS);
    let address = address.unwrap_or(&own);
    let answer = DeviceAnswer {
        device_code: &begun.device_code,
        user_code: &begun.user_code,
        verification_uri: address,
        verification_uri_complete: format!("{address}?user_code={}", begun.user_code),
        expires_in: begun.expires_in.0,
        interval: begun.interval.0,
    };
    let never = HeaderValue::from_static("no-store, must-revalidate, max-age=0");
    Answer::json(StatusCode::OK, &answer).with(header::CACHE_CONTROL, never)
}
