//! Client authentication (RFC 6749 §2.3, RFC 7523 §2.2, OpenID Connect Core §9).
//!
//! The realm's flow for client authentication names the methods that are tried, in order. Each
//! method looks whom the request is about and judges whether that client has proven itself. The
//! judgement counts only where the method is the one that the client is registered for: a client
//! that signs cannot be entered with a secret left over from former days. A public client proves
//! itself by its name alone, by the method that takes secrets.

mod assertion;
mod secret;

use std::sync::Arc;

use axum::http::{StatusCode, header};
use claviger_engine::client::Client;
use claviger_engine::events::EventBuilder;
use claviger_engine::realm::Realm;
use claviger_store::StoreError;
use claviger_wire::client::ClientSettings;
use claviger_wire::flow::{Execution, Requirement, Step};

use crate::Help;
use crate::call::Call;
use crate::cors::Readers;
use crate::problem::Problem;
pub use assertion::take as take_assertion;

/// The flow of realms that bind none.
const DEFAULT_FLOW: &str = "clients";
/// What a client reads whose name or proof is not accepted.
const INVALID: &str = "Invalid client or Invalid client credentials";

/// Finds out which client calls from a page that it is known to have, or from no page at all.
///
/// After a refusal by [`identify`] every origin may read the answer. After a success the client's
/// own origins may, and a page of another one is refused.
pub async fn authenticate(
    call: &mut Call,
    event: &mut EventBuilder,
) -> Result<Arc<Client>, Problem> {
    let client = identify(call, event).await?;
    call.check_origin(&client)?;
    Ok(client)
}

/// Finds out which client calls, wherever from, and lets nobody in who has not proven to be it.
///
/// After a refusal, which is recorded as the failure of `event`, every origin may read the answer:
/// it tells nothing that is secret.
pub async fn identify(call: &mut Call, event: &mut EventBuilder) -> Result<Arc<Client>, Problem> {
    let client = match prove(call, event).await {
        Ok(client) => client,
        Err(Failure::Refused(refusal)) => {
            call.readers = Readers::All;
            return Err(call
                .refuse(event, refusal.event_error, refusal.problem)
                .await);
        }
        Err(Failure::Store(error)) => {
            call.readers = Readers::All;
            return Err(error.into());
        }
    };
    if !client.settings.is_openid_connect() {
        call.readers = Readers::All;
        let help = Help::ClientProtocol;
        let problem = Problem::bad_request(help, "invalid_client", "Wrong client protocol.");
        return Err(call.refuse(event, "invalid_client", problem).await);
    }
    Ok(client)
}

/// A way for a client to prove itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Method {
    /// A shared secret, in the `Authorization` header or the form.
    Secret,
    /// An assertion signed with the client's private key.
    PrivateKeyJwt,
    /// An assertion signed with the shared secret.
    SecretJwt,
    /// The certificate of the TLS connection (RFC 8705 §2).
    Certificate,
    /// An assertion that somebody else issued about the client.
    FederatedJwt,
}

/// What a method found.
#[derive(Debug)]
enum Verdict {
    /// The client is who it says.
    Proven,
    /// It is not, or did not say it in the right way.
    Refused(Refusal),
    /// The request does not use this method.
    NotUsed,
}

/// A refusal, with the error that its event tells.
#[derive(Debug)]
struct Refusal {
    event_error: &'static str,
    problem: Problem,
}

/// Why nobody was authenticated.
#[derive(Debug)]
enum Failure {
    /// By a rule.
    Refused(Refusal),
    /// For want of the database.
    Store(StoreError),
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl Refusal {
    /// No client of this name, or none that any method of the flow would accept.
    fn not_found(help: Help) -> Self {
        Self {
            event_error: "client_not_found",
            problem: Problem::unauthorized(help, "invalid_client", INVALID),
        }
    }

    /// The client is switched off. The caller is not told, the event and the log are.
    fn disabled() -> Self {
        Self {
            event_error: "client_disabled",
            ..Self::not_found(Help::ClientNotAccepted).because(Help::ClientDisabled)
        }
    }

    /// The client did not use its method.
    fn not_proven(cause: Help) -> Self {
        Self {
            event_error: "invalid_client_credentials",
            ..Self::not_found(Help::ClientNotAccepted).because(cause)
        }
    }

    /// The same with a closer cause for the log.
    fn because(self, cause: Help) -> Self {
        Self {
            problem: self.problem.because(cause),
            ..self
        }
    }

    /// A secret that is wrong or missing.
    fn wrong_secret(help: Help) -> Self {
        Self::unauthorized(help, INVALID)
    }

    /// A secret for a client that no secret can be right for. To its caller it is a wrong one.
    fn no_secret_is_right() -> Self {
        Self::wrong_secret(Help::ClientSecretWrong).because(Help::ClientSecretUnusable)
    }

    /// A secret that came in a way that the client does not use.
    fn unauthorized(help: Help, description: impl Into<String>) -> Self {
        Self {
            event_error: "invalid_client_credentials",
            problem: Problem::unauthorized(help, "unauthorized_client", description),
        }
    }

    /// A request that is not as it should be.
    fn malformed(help: Help, error: &str, description: impl Into<String>) -> Self {
        Self {
            event_error: "invalid_client_credentials",
            problem: Problem::bad_request(help, error, description),
        }
    }

    /// A challenge for HTTP's own authentication (RFC 7617).
    fn challenge(realm: &Realm) -> Self {
        let value = format!("Basic realm=\"{}\"", realm.name);
        let (help, status) = (Help::BasicMalformed, StatusCode::UNAUTHORIZED);
        Self {
            event_error: "invalid_client_credentials",
            problem: Problem::challenge(help, status, value),
        }
    }
}

/// Where help is for a request that names no client that is there. It is chosen by the request
/// alone: who guesses names must not learn from it which ones there are.
fn help_with_nobody(call: &Call, event: &EventBuilder) -> Help {
    let sent = |name: &str| call.form.get(name).filter(|text| !text.is_empty());
    if sent("client_id").is_some() {
        return Help::ClientNotAccepted;
    }
    let header = call.header(header::AUTHORIZATION).unwrap_or_default();
    let scheme = header.split(' ').next().unwrap_or_default();
    if scheme.eq_ignore_ascii_case("bearer") {
        return if event.is_of("LOGOUT") {
            Help::LogoutWithAccessToken
        } else {
            Help::AccessTokenInsteadOfClient
        };
    }
    if scheme.eq_ignore_ascii_case("basic") {
        return if secret::is_readable(header) {
            Help::ClientNotAccepted
        } else {
            Help::BasicMalformed
        };
    }
    match sent("client_assertion") {
        None => Help::ClientIdMissing,
        Some(text) if assertion::is_readable(text, sent("client_assertion_type")) => {
            Help::ClientNotAccepted
        }
        Some(_) => Help::AssertionMalformed,
    }
}

impl Method {
    const ALL: [Self; 5] = [
        Self::Secret,
        Self::PrivateKeyJwt,
        Self::SecretJwt,
        Self::Certificate,
        Self::FederatedJwt,
    ];

    /// The name in flows, in clients' `clientAuthenticatorType` and in events.
    const fn id(self) -> &'static str {
        match self {
            Self::Secret => "client-secret",
            Self::PrivateKeyJwt => "client-jwt",
            Self::SecretJwt => "client-secret-jwt",
            Self::Certificate => "client-x509",
            Self::FederatedJwt => "federated-jwt",
        }
    }

    fn from_id(id: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|method| method.id() == id)
    }

    /// Whether a client is registered for this method.
    fn is_of(self, client: &ClientSettings) -> bool {
        if client.public_client {
            return self == Self::Secret;
        }
        client.client_authenticator_type == self.id()
    }

    /// Tries the method. Whom the request is about is noted in `known`, proven or not.
    async fn attempt(
        self,
        call: &Call,
        event: &mut EventBuilder,
        known: &mut Option<Arc<Client>>,
    ) -> Result<Verdict, Failure> {
        match self {
            Self::Secret => secret::attempt(call, event, known).await,
            Self::PrivateKeyJwt => {
                assertion::attempt(assertion::Signer::PrivateKey, call, event, known).await
            }
            Self::SecretJwt => {
                assertion::attempt(assertion::Signer::Secret, call, event, known).await
            }
            Self::Certificate => without_certificate(call, event, known).await,
            // No identity provider vouches for clients yet, and so nobody's assertion is known.
            Self::FederatedJwt => Ok(Verdict::NotUsed),
        }
    }
}

async fn prove(call: &Call, event: &mut EventBuilder) -> Result<Arc<Client>, Failure> {
    let mut known: Option<Arc<Client>> = None;
    for method in methods(&call.realm).await? {
        // To pass over what is not understood would weaken a flow that demands it.
        let method = method.ok_or_else(|| Refusal::not_proven(Help::ClientMethodDiffers))?;
        let verdict = method.attempt(call, event, &mut known).await?;
        let Some(client) = &known else { continue };
        if !method.is_of(&client.settings) {
            continue;
        }
        return match verdict {
            Verdict::Proven => {
                event.detail("client_auth_method", method.id());
                Ok(Arc::clone(client))
            }
            Verdict::Refused(refusal) => Err(refusal.into()),
            Verdict::NotUsed => Err(Refusal::not_proven(Help::ClientMethodDiffers).into()),
        };
    }
    Err(match &known {
        // The client is there, but registered for a method that no step of the flow is.
        Some(_) => Refusal::not_found(Help::ClientNotAccepted)
            .because(Help::ClientMethodDiffers)
            .into(),
        None => Refusal::not_found(help_with_nobody(call, event)).into(),
    })
}

/// The methods that the realm's flow lets clients use, in order; none in place of one that is not
/// known here.
async fn methods(realm: &Realm) -> Result<Vec<Option<Method>>, Failure> {
    let alias = realm
        .settings
        .flows
        .client_authentication
        .as_deref()
        .unwrap_or(DEFAULT_FLOW);
    let Some(flow) = realm.flow(alias).await? else {
        tracing::error!(
            realm = realm.name,
            "the realm has no flow {alias:?} to let clients in by"
        );
        return Err(Refusal::not_proven(Help::ClientMethodDiffers).into());
    };
    Ok(chosen(&flow.executions)
        .into_iter()
        .map(method_of)
        .collect())
}

/// What of a flow is executed: the first required step alone, or else all alternatives.
fn chosen(executions: &[Execution]) -> Vec<&Execution> {
    let of = |wanted: Requirement| {
        executions
            .iter()
            .filter(move |execution| execution.requirement == wanted)
    };
    match of(Requirement::Required).next() {
        Some(required) => vec![required],
        None => of(Requirement::Alternative).collect(),
    }
}

fn method_of(execution: &Execution) -> Option<Method> {
    match &execution.step {
        Step::Authenticator(id) => {
            let method = Method::from_id(id);
            if method.is_none() {
                tracing::error!("client authentication by {id:?} is not supported");
            }
            method
        }
        Step::Flow { alias, .. } => {
            tracing::error!("client authentication by the flow {alias:?} is not supported");
            None
        }
    }
}

/// Without a certificate the method finds out whom the request is about, and nothing else. TLS that
/// ends here does not ask for certificates yet, so there never is one.
async fn without_certificate(
    call: &Call,
    event: &mut EventBuilder,
    known: &mut Option<Arc<Client>>,
) -> Result<Verdict, Failure> {
    let Some(id) = call
        .form
        .get("client_id")
        .or_else(|| call.query.get("client_id"))
    else {
        let text = "Missing client_id parameter";
        let refusal = Refusal::malformed(Help::ClientIdMissing, "invalid_client", text);
        return Ok(Verdict::Refused(refusal));
    };
    let Some(client) = call.realm.client(id).await? else {
        let refusal = Refusal::not_found(Help::ClientNotAccepted);
        return Ok(Verdict::Refused(refusal));
    };
    event.client(id);
    let enabled = client.settings.enabled;
    if enabled && Method::Certificate.is_of(&client.settings) {
        tracing::warn!(
            client = id,
            "the client has to show a certificate: not supported yet"
        );
    }
    *known = Some(client);
    Ok(if enabled {
        Verdict::NotUsed
    } else {
        Verdict::Refused(Refusal::disabled())
    })
}

#[cfg(test)]
mod tests {
    use claviger_wire::flow::FlowView;
    use serde_json::json;

    use super::*;

    fn chosen_of(executions: &serde_json::Value) -> Vec<Option<Method>> {
        let body = json!({"id": "f", "alias": "clients", "authenticationExecutions": executions});
        let flow = FlowView::from_body(body.as_object().unwrap());
        chosen(&flow.executions)
            .into_iter()
            .map(method_of)
            .collect()
    }

    #[test]
    fn alternatives_are_tried_by_priority_and_disabled_ones_not() {
        let methods = chosen_of(&json!([
            {"authenticator": "client-jwt", "requirement": "ALTERNATIVE", "priority": 20},
            {"authenticator": "client-x509", "requirement": "DISABLED", "priority": 15},
            {"authenticator": "client-secret", "requirement": "ALTERNATIVE", "priority": 10},
        ]));
        assert_eq!(methods, [Some(Method::Secret), Some(Method::PrivateKeyJwt)]);
    }

    #[test]
    fn a_required_method_is_the_only_one() {
        let methods = chosen_of(&json!([
            {"authenticator": "client-secret", "requirement": "ALTERNATIVE", "priority": 10},
            {"authenticator": "client-jwt", "requirement": "REQUIRED", "priority": 20},
            {"authenticator": "client-x509", "requirement": "REQUIRED", "priority": 30},
        ]));
        assert_eq!(methods, [Some(Method::PrivateKeyJwt)]);
    }

    #[test]
    fn what_is_not_known_is_not_passed_over() {
        let methods = chosen_of(&json!([
            {"authenticator": "retina-scan", "requirement": "REQUIRED", "priority": 10},
            {"authenticator": "client-secret", "requirement": "ALTERNATIVE", "priority": 20},
        ]));
        assert_eq!(methods, [None]);
        let flows = chosen_of(&json!([
            {"authenticatorFlow": true, "flowAlias": "x", "requirement": "ALTERNATIVE"},
        ]));
        assert_eq!(flows, [None]);
    }

    #[test]
    fn the_page_of_flows_tells_which_ways_there_are() {
        let page = include_str!("../../docs/flows.md");
        let (_, part) = page.split_once("## Ways for clients").unwrap();
        let part = part.split("\n## ").next().unwrap();
        let rows = part.lines().filter_map(|line| {
            let (id, rest) = line.strip_prefix("| `")?.split_once("` | ")?;
            Some((id, rest.starts_with("built |")))
        });
        let rows: Vec<(&str, bool)> = rows.collect();
        assert_eq!(rows.len(), 6, "as many as Keycloak has");
        for (id, is_built) in &rows {
            let proves = |method| !matches!(method, Method::Certificate | Method::FederatedJwt);
            assert_eq!(Method::from_id(id).is_some_and(proves), *is_built, "{id}");
        }
        for method in Method::ALL {
            assert!(rows.iter().any(|(id, _)| *id == method.id()), "{method:?}");
        }
    }

    #[test]
    fn a_method_counts_only_for_its_clients() {
        let client = |body: serde_json::Value| ClientSettings::from_body(body.as_object().unwrap());
        let cases = [
            (json!({"clientId": "a"}), Some(Method::Secret)),
            (
                json!({"clientAuthenticatorType": "client-jwt"}),
                Some(Method::PrivateKeyJwt),
            ),
            (
                json!({"clientAuthenticatorType": "client-secret-jwt"}),
                Some(Method::SecretJwt),
            ),
            (
                json!({"clientAuthenticatorType": "client-x509"}),
                Some(Method::Certificate),
            ),
            (json!({"clientAuthenticatorType": "retina-scan"}), None),
            (
                json!({"clientAuthenticatorType": "client-jwt", "publicClient": true}),
                Some(Method::Secret),
            ),
        ];
        for (body, expected) in cases {
            let settings = client(body.clone());
            let of: Vec<Method> = Method::ALL
                .into_iter()
                .filter(|method| method.is_of(&settings))
                .collect();
            assert_eq!(of, Vec::from_iter(expected), "{body}");
        }
    }
}
