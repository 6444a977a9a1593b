//! `POST /protocol/openid-connect/token/introspect` (RFC 7662): is this token still good?
//!
//! Keycloak's audience rule: only a client in the token's `aud` is told; everybody else reads
//! `active: false`. The session is read each time, so a logout shows at the very next question.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use claviger_engine::client::Client;
use claviger_engine::events::EventBuilder;
use claviger_engine::gate::{GateError, Usable};
use claviger_engine::mapper::Target;
use claviger_engine::revocation::revoked_before;
use claviger_engine::session;
use claviger_engine::token::{Expected, TokenClaims, apparent_audience, sign};
use claviger_store::{StoreError, Tx};
use claviger_surface::help::Pointer;
use claviger_wire::document::Json;
use serde_json::{Value, json};

use crate::Help;
use crate::answer::Answer;
use crate::call::Call;
use crate::client_auth;
use crate::mapped::put_mapped;
use crate::problem::Problem;
use crate::revoke::session_error;

/// Tells the methods; there is nothing for pages here, and so no answer to a preflight request.
pub async fn options(call: Call) -> Response {
    let allow = HeaderValue::from_static("HEAD, POST, OPTIONS");
    call.respond(Ok(Answer::empty(StatusCode::OK).with(header::ALLOW, allow)))
}

/// Answers an introspection request.
pub async fn introspect(mut call: Call) -> Response {
    // A large state: kept in one place, for the layers outside move the handler's about.
    let outcome = Box::pin(run(&mut call)).await;
    // Resource servers ask from the back, never from a page of another origin.
    call.readers = crate::cors::Readers::Nobody;
    call.respond(outcome.map(Answer::no_cache))
}

async fn run(call: &mut Call) -> Result<Answer, Problem> {
    let mut event = call.event("INTROSPECT_TOKEN");
    call.check_ssl()?;
    call.check_realm()?;
    let asking = client_auth::identify(call, &mut event)
        .await
        .map_err(softened)?;
    event.client(&asking.client_id);
    if asking.settings.public_client {
        let (help, status) = (Help::IntrospectionPublic, StatusCode::FORBIDDEN);
        let problem = Problem::new(help, status, "invalid_request", "Client not allowed.");
        return Err(call.refuse(&event, "invalid_request", problem).await);
    }
    if call.form.has_repeated() {
        let problem = Problem::bad_request(
            Help::ParameterRepeated,
            "invalid_request",
            "duplicated parameter",
        );
        return Err(call.refuse(&event, "invalid_request", problem).await);
    }
    let Some(text) = call.form.get("token").map(str::to_owned) else {
        let problem = Problem::bad_request(
            Help::TokenParameterMissing,
            "invalid_request",
            "Token not provided.",
        );
        return Err(call.refuse(&event, "invalid_request", problem).await);
    };
    let hint = call.form.get("token_type_hint").unwrap_or("access_token");
    let is_refresh = match hint {
        "access_token" | "requesting_party_token" => false,
        "refresh_token" => true,
        other => {
            event.detail("token_type", other);
            let (help, text) = (Help::TokenTypeUnsupported, "Unsupported token type.");
            let problem = Problem::bad_request(help, "invalid_request", text);
            return Err(call.refuse(&event, "invalid_request", problem).await);
        }
    };
    let mut tx = Tx::new();
    let answer = match examine(call, &asking, &text, is_refresh, &mut event).await? {
        Ok(told) => {
            event.success(&call.app, &call.realm, &mut tx);
            Answer::json(StatusCode::OK, &told)
        }
        Err(inactive) => {
            let pointer = Pointer {
                cause: inactive.cause,
                ..help(call, &asking, &text, is_refresh).into()
            };
            call.note(&event, inactive.error, pointer, &mut tx);
            Answer::json(StatusCode::OK, &json!({"active": false})).helped(pointer)
        }
    };
    crate::token::commit(call, tx).await?;
    Ok(answer)
}

/// Introspection words a refused secret in its own way.
fn softened(problem: Problem) -> Problem {
    if problem.is("unauthorized_client") && problem.status() == StatusCode::UNAUTHORIZED {
        return problem.reworded("invalid_client", "Client authentication failed.");
    }
    problem
}

/// Where help is for a token that is told to be inactive. One body stands for everything that the
/// server knows of it, and so does the help: it is chosen by what the asking client can read in the
/// token itself.
fn help(call: &Call, asking: &Client, text: &str, is_refresh: bool) -> Help {
    let expected = if is_refresh {
        Expected::Refresh
    } else {
        Expected::Access
    };
    let help = call.help_with_token(text, expected, Help::IntrospectionInactive);
    let named = apparent_audience(text);
    if help == Help::IntrospectionInactive
        && !is_refresh
        && !passes_without_audience(asking)
        && named.is_some_and(|audience| !audience.contains(&asking.client_id))
    {
        return Help::NotInAudience;
    }
    help
}

/// A token of which nothing is told.
#[derive(Clone, Copy, Debug)]
struct Inactive {
    /// The error of the event.
    error: &'static str,
    /// Why, for the log.
    cause: Option<Help>,
}

impl Inactive {
    /// A token that is not good by itself.
    const INVALID: Self = Self {
        error: "invalid_token",
        cause: None,
    };

    const fn because(error: &'static str, cause: Help) -> Self {
        Self {
            error,
            cause: Some(cause),
        }
    }
}

/// What can be told of a token, or why nothing is.
async fn examine(
    call: &Call,
    asking: &Client,
    text: &str,
    is_refresh: bool,
    event: &mut EventBuilder,
) -> Result<Result<Json, Inactive>, Problem> {
    let ring = call.realm.keys().await?;
    let known = TokenClaims::verify(&ring, text)
        .filter(|token| call.context.is_issuer(&token.issuer, &call.realm.name))
        .filter(|token| is_refresh == token.is_refresh())
        .filter(|token| token.is_refresh() || matches!(token.kind.as_str(), "Bearer" | "DPoP"));
    let Some(token) = known else {
        event.detail("reason", "Access token JWT check failed");
        return Ok(Err(Inactive::INVALID));
    };
    event.detail("token_id", &*token.id);
    event.detail("token_type", &*token.kind);
    let issued_for = token.issued_for.clone().unwrap_or_default();
    event.detail("client_id", &*issued_for);
    let Some(client) = call.realm.client(&issued_for).await? else {
        event.detail("reason", format!("Could not find client for {issued_for}"));
        let inactive = Inactive::because("client_not_found", Help::TokenRevoked);
        return Ok(Err(inactive));
    };
    if !client.settings.enabled {
        let text = format!("Client with clientId {issued_for} is disabled");
        event.detail("reason", text);
        let inactive = Inactive::because("client_disabled", Help::ClientDisabled);
        return Ok(Err(inactive));
    }
    if let Some(inactive) = withdrawn(call, &client, &token).await? {
        let text = format!("Introspection access token for {issued_for} client: JWT check failed");
        event.detail("reason", text);
        return Ok(Err(inactive));
    }
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
                let error = session_error(&reason);
                let text = format!("Introspection access token for {issued_for} client: {error}");
                event.detail("reason", text);
                return Ok(Err(Inactive::because(error, Help::of_unusable(&reason))));
            }
        };
    event.user(usable.user().id.as_str());
    let claims = claims(call, &client, &token, &usable).await?;
    if !may_know(asking, &token, &claims, is_refresh) {
        let text = format!("Client '{}' is not in the token audience", asking.client_id);
        event.detail("reason", text);
        return Ok(Err(Inactive::because("invalid_token", Help::NotInAudience)));
    }
    let token_of_claims = as_jwt(call, asking, &claims).await?;
    let mut told = tell(&token, &usable, claims);
    told.extend(token_of_claims.map(|jwt| ("jwt".to_owned(), Value::String(jwt))));
    Ok(Ok(told))
}

/// Whether a token is over, revoked, or older than a not-before.
async fn withdrawn(
    call: &Call,
    client: &Client,
    token: &TokenClaims,
) -> Result<Option<Inactive>, StoreError> {
    let store = &call.app.store;
    Ok(if store.token_revoked(&call.realm.id, &token.id).await? {
        Some(Inactive::because("invalid_token", Help::TokenRevoked))
    } else if token.issued_at < revoked_before(&call.realm, Some(client), None) {
        Some(Inactive::because("invalid_token", Help::TokenBeforeCut))
    } else if token.is_active(call.app.now()) {
        None
    } else {
        Some(Inactive::INVALID)
    })
}

/// A token of the claims, signed anew, if the client asks for a JWT alone and its settings allow
/// it: so a proxy can hand on a full token in place of a lightweight one.
async fn as_jwt(call: &Call, asking: &Client, claims: &Json) -> Result<Option<String>, Problem> {
    let accepted = call.headers.get(header::ACCEPT);
    let is_asked = accepted.is_some_and(|kinds| kinds == "application/jwt");
    let allowed = "client.introspection.response.allow.jwt.claim.enabled";
    if !is_asked || !asking.settings.flag_attribute(allowed, false) {
        return Ok(None);
    }
    let algorithm = sign::algorithm(&call.realm, asking, sign::ACCESS_TOKEN);
    let typ = sign::access_token_type(asking);
    let token = sign::signed(&call.app, &call.realm, algorithm, typ, claims).await?;
    Ok(Some(token))
}

/// Whether the asking client is one that the token is meant for.
fn may_know(asking: &Client, token: &TokenClaims, claims: &Json, is_refresh: bool) -> bool {
    if is_refresh {
        return token.issued_for.as_deref() == Some(asking.client_id.as_str());
    }
    let named = |value: Option<&Value>| match value {
        Some(Value::String(one)) => *one == asking.client_id,
        Some(Value::Array(many)) => many.iter().any(|one| *one == asking.client_id),
        _ => false,
    };
    let in_audience = if token.audience.is_empty() {
        named(claims.get("aud"))
    } else {
        token.audience.contains(&asking.client_id)
    };
    in_audience || passes_without_audience(asking)
}

/// Whether a client may know of every token.
fn passes_without_audience(asking: &Client) -> bool {
    asking
        .settings
        .flag_attribute("allow.token.introspection.without.audience.check", false)
}

/// The claims of the token: what hangs on it itself, and what mappers say today.
async fn claims(
    call: &Call,
    client: &Client,
    token: &TokenClaims,
    usable: &Usable,
) -> Result<Json, StoreError> {
    let mut told = Json::with_capacity(32);
    let own = [
        "exp", "iat", "jti", "iss", "aud", "sub", "typ", "azp", "nonce", "sid", "scope", "cnf",
    ];
    for name in own {
        if let Some(value) = token.all.get(name) {
            told.insert(name.to_owned(), value.clone());
        }
    }
    put_mapped(
        call,
        client,
        token,
        usable,
        Target::Introspection,
        &mut told,
    )
    .await?;
    if token.is_exchanged() {
        // It may be narrower than what mappers say of its client (RFC 8693 §2.1), and stays so.
        for name in ["aud", "resource_access"] {
            let own = token.all.get(name);
            told.extend(own.map(|value| (name.to_owned(), value.clone())));
        }
    }
    Ok(told)
}

/// The claims, and what introspection adds to them (RFC 7662 §2.2).
fn tell(token: &TokenClaims, usable: &Usable, mut told: Json) -> Json {
    told.insert("client_id".into(), json!(token.issued_for));
    if told
        .get("scope")
        .and_then(Value::as_str)
        .is_some_and(|text| text.trim().is_empty())
    {
        told.remove("scope");
    }
    if !told.contains_key("username") {
        let name = told.get("preferred_username").cloned();
        told.insert(
            "username".into(),
            name.unwrap_or_else(|| json!(usable.user().username)),
        );
    }
    told.insert("token_type".into(), json!(token.kind));
    told.insert("active".into(), json!(true));
    told
}
