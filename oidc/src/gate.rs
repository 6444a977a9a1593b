//! `/realms/{realm}/gate`: may this request pass? For a proxy that asks before it lets a request
//! through to an API: nginx (`auth_request`), Traefik and Caddy (`ForwardAuth`), Envoy (`ext_authz`).
//!
//! The token is looked at as introspection looks at it, session and all: what has ended is refused at
//! the very next request. Conditions can come from the address and from headers; all of them must
//! hold, so that whoever manages to add one gains nothing. Behind a longer path the query is that of
//! the request in question, and is not looked at.

use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::Response;
use claviger_engine::scope::has_word;
use claviger_engine::token::TokenClaims;
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde_json::Value;

use crate::Help;
use crate::answer::Answer;
use crate::bearer::{self, Accepted, challenge};
use crate::call::Call;
use crate::problem::Problem;

/// The realm's attribute that switches it on.
pub const ENABLED: &str = "gateway.check.enabled";

/// What is escaped in the name of a role or of its client: what stands between the two as well, so that
/// no role of the realm reads like one of a client.
const ESCAPED_IN_ROLES: &AsciiSet = &ESCAPED.add(b'/').add(b' ');

/// What is escaped in a header's value, so that a name can neither end a list nor be read in another
/// charset. Everything that is not ASCII is escaped as well.
const ESCAPED: &AsciiSet = &CONTROLS.add(b'%').add(b',').add(b'"').add(b'\\');

/// Answers at the address itself.
pub async fn show(call: Call) -> Response {
    let outcome = Box::pin(run(&call, true)).await;
    call.respond(outcome.map(Answer::no_store))
}

/// Answers below it, for proxies that put the address before the path of the request in question.
pub async fn below(call: Call) -> Response {
    let outcome = Box::pin(run(&call, false)).await;
    call.respond(outcome.map(Answer::no_store))
}

/// What a token must fulfil: every one of them.
#[derive(Debug, Default)]
struct Conditions<'a> {
    audience: Vec<&'a str>,
    scope: Vec<&'a str>,
    client: Vec<&'a str>,
}

impl<'a> Conditions<'a> {
    /// Reads the address' query, if it is the gate's own, and the headers.
    fn of(call: &'a Call, asks_in_query: bool) -> Result<Self, Problem> {
        let mut all = Self::default();
        for (list, parameter, header) in [
            (&mut all.audience, "audience", "x-gate-audience"),
            (&mut all.scope, "scope", "x-gate-scope"),
            (&mut all.client, "client_id", "x-gate-client"),
        ] {
            let asked = call.query.iter().filter(|(name, _)| *name == parameter);
            let asked = asked.filter(|_| asks_in_query).map(|(_, value)| value);
            for value in asked {
                list.extend(value.split_whitespace());
            }
            for value in call.headers.get_all(header) {
                // A condition that cannot be read is not left out.
                let value = value.to_str().map_err(|_| {
                    let text = "A condition in a header is no text";
                    Problem::bad_request(Help::RequestMalformed, "invalid_request", text)
                })?;
                list.extend(
                    value
                        .split([' ', ',', '\t'])
                        .filter(|word| !word.is_empty()),
                );
            }
        }
        Ok(all)
    }

    fn check(&self, call: &Call, token: &TokenClaims) -> Result<(), Problem> {
        let has_audience = |name: &&str| token.audience.iter().any(|known| known == name);
        if !self.audience.iter().all(has_audience) {
            let told = ("invalid_token", "The token is not meant for this API");
            let (help, status) = (Help::GateAudience, StatusCode::UNAUTHORIZED);
            return Err(challenge(call, help, status, told));
        }
        let client = token.issued_for.as_deref();
        if !self.client.iter().all(|name| client == Some(*name)) {
            let told = ("invalid_token", "The token was issued to another client");
            let (help, status) = (Help::GateAudience, StatusCode::UNAUTHORIZED);
            return Err(challenge(call, help, status, told));
        }
        let scope = token.scope.as_deref();
        if !self.scope.iter().all(|word| has_word(scope, word)) {
            let told = ("insufficient_scope", "The token lacks a scope");
            let (help, status) = (Help::GateScope, StatusCode::FORBIDDEN);
            return Err(challenge(call, help, status, told));
        }
        Ok(())
    }
}

async fn run(call: &Call, asks_in_query: bool) -> Result<Answer, Problem> {
    let is_on = call.realm.settings.attribute(ENABLED);
    if is_on.is_none_or(|text| !text.eq_ignore_ascii_case("true")) {
        let text = "The gate is not switched on for this realm";
        let help = Help::GateOff;
        return Err(Problem::new(
            help,
            StatusCode::FORBIDDEN,
            "access_denied",
            text,
        ));
    }
    let conditions = Conditions::of(call, asks_in_query)?;
    let accepted = bearer::accept(call).await?;
    conditions.check(call, &accepted.token)?;
    Ok(told(&accepted))
}

/// Who it is. Every header is always there, empty where nothing is known: a proxy that copies them
/// must not let one of the caller's own stand.
fn told(accepted: &Accepted) -> Answer {
    let (token, user) = (&accepted.token, accepted.usable.user());
    let session = token
        .session
        .as_ref()
        .map_or("", |session| session.as_str());
    let email = user
        .email
        .as_deref()
        .filter(|_| has_word(token.scope.as_deref(), "email"));
    let mut answer = Answer::empty(StatusCode::OK);
    for (name, value) in [
        (
            "x-auth-subject",
            token.subject.as_deref().unwrap_or(user.id.as_str()),
        ),
        ("x-auth-username", &*user.username),
        ("x-auth-email", email.unwrap_or_default()),
        ("x-auth-client", &*accepted.client.client_id),
        ("x-auth-scope", token.scope.as_deref().unwrap_or_default()),
        ("x-auth-session", session),
    ] {
        answer = answer.with(HeaderName::from_static(name), header_value(value));
    }
    let roles = HeaderValue::from_str(&roles(token).join(","));
    let roles = roles.unwrap_or(HeaderValue::from_static(""));
    answer.with(HeaderName::from_static("x-auth-roles"), roles)
}

/// A text as a header's value. Blanks around a value belong to no value (RFC 9110 §5.5): those of a
/// name are escaped, or its owner would be read as another.
fn header_value(text: &str) -> HeaderValue {
    let inner = text.trim_matches(' ');
    let (before, after) = text
        .split_once(inner)
        .filter(|_| !inner.is_empty())
        .unwrap_or((text, ""));
    let blanks = |around: &str| "%20".repeat(around.len());
    let inner = utf8_percent_encode(inner, ESCAPED);
    let value = format!("{}{inner}{}", blanks(before), blanks(after));
    HeaderValue::from_str(&value).unwrap_or(HeaderValue::from_static(""))
}

/// The roles that the token carries, escaped: the realm's by name, a client's as `client/role`.
fn roles(token: &TokenClaims) -> Vec<String> {
    let escaped = |text: &str| utf8_percent_encode(text, ESCAPED_IN_ROLES).to_string();
    let listed = |holder: &Value| -> Vec<String> {
        let roles = holder.get("roles").and_then(Value::as_array);
        let roles = roles.into_iter().flatten().filter_map(Value::as_str);
        roles.map(escaped).collect()
    };
    let mut all: Vec<String> = token
        .all
        .get("realm_access")
        .map(listed)
        .unwrap_or_default();
    let clients = token.all.get("resource_access").and_then(Value::as_object);
    for (client, holder) in clients.into_iter().flatten() {
        let own = listed(holder).into_iter();
        let client = escaped(client);
        all.extend(own.map(|role| format!("{client}/{role}")));
    }
    all
}
