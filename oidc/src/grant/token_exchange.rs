//! Token exchange (RFC 8693): an access token that a client was handed, for tokens of its own.

use std::collections::BTreeSet;

use axum::http::StatusCode;
use claviger_engine::client::Client;
use claviger_engine::consent;
use claviger_engine::events::EventBuilder;
use claviger_engine::gate::Usable;
use claviger_engine::person::Person;
use claviger_engine::scope::Granted;
use claviger_engine::token::{Company, Expected, GrantCode, Issue, Minted, Refresh, mint_with};
use claviger_engine::token_exchange::{
    Subject, SubjectError, TokenType, is_enabled, subject as read_subject,
};
use claviger_store::Tx;
use serde_json::json;

use crate::Help;
use crate::answer::Answer;
use crate::call::Call;
use crate::problem::Problem;
use crate::token::{answer, commit, note, requested_scope};

/// How many clients one request may name as the audience.
const AUDIENCE_MAX: usize = 100;
/// Parameters of exchanges that are not standard (RFC 8693 has none of them).
const NOT_STANDARD: [&str; 3] = ["requested_subject", "requested_issuer", "subject_issuer"];

/// A refusal, with the error that its event tells and what more it tells.
struct Refused {
    event_error: &'static str,
    details: Vec<(&'static str, String)>,
    problem: Problem,
}

impl Refused {
    /// Reason and problem say the same.
    fn told(event_error: &'static str, help: Help, error: &str, text: &str) -> Self {
        Self {
            event_error,
            details: vec![("reason", text.to_owned())],
            problem: Problem::bad_request(help, error, text),
        }
    }

    fn request(help: Help, text: &str) -> Self {
        Self::told("invalid_request", help, "invalid_request", text)
    }
}

/// Runs the grant.
pub async fn run(call: &Call, client: &Client, mut event: EventBuilder) -> Result<Answer, Problem> {
    event.detail("auth_method", "token_exchange");
    let text = match parameters(call, client) {
        Ok(text) => text,
        Err(refused) => return Err(refuse(call, &mut event, refused).await),
    };
    if let Some(wanted) = call.form.get("requested_token_type") {
        event.detail("requested_token_type", wanted);
    }
    let subject = match subject(call, text).await? {
        Ok(subject) => subject,
        Err(refused) => return Err(refuse(call, &mut event, refused).await),
    };
    if let Err(refused) = check_binding(client, &subject) {
        return Err(refuse(call, &mut event, refused).await);
    }
    event.user(subject.usable.user().id.as_str());
    event.detail("username", &*subject.usable.user().username);
    let session = subject.token.session.as_ref();
    event.session(session.map(claviger_model::SessionId::as_str));
    event.detail("subject_token_client_id", &*subject.client.client_id);
    let (wanted, audience) = match wishes(call, client, &subject, &mut event).await? {
        Ok(wishes) => wishes,
        Err(refused) => return Err(refuse(call, &mut event, refused).await),
    };
    let scope = requested_scope(call, client, &mut event).await?;
    let exchange = Exchange {
        call,
        client,
        subject,
        wanted,
        audience,
        scope,
    };
    let mut tx = Tx::new();
    let mut minted = match exchange.carry_out(&mut tx).await? {
        Ok(minted) => minted,
        Err(refused) => return Err(refuse(call, &mut event, refused).await),
    };
    note(&mut event, &minted);
    if !minted.audience.is_empty() {
        event.detail("audience", minted.audience.join(" "));
    }
    event.success(&call.app, &call.realm, &mut tx);
    commit(call, tx).await?;
    let kind = json!(wanted.as_str());
    minted.further.insert("issued_token_type".to_owned(), kind);
    Ok(answer(&minted))
}

async fn refuse(call: &Call, event: &mut EventBuilder, refused: Refused) -> Problem {
    for (name, value) in refused.details {
        event.detail(name, value);
    }
    call.refuse(event, refused.event_error, refused.problem)
        .await
}

/// The subject token, of a request that has what an exchange needs.
fn parameters<'a>(call: &'a Call, client: &Client) -> Result<&'a str, Refused> {
    let help = Help::ExchangeRequest;
    if let Some(name) = NOT_STANDARD.iter().find(|name| call.form.has(name)) {
        let text = format!("Parameter '{name}' is not supported for standard token exchange");
        return Err(Refused::request(help, &text));
    }
    if !is_enabled(client) {
        let text = "Standard token exchange is not enabled for the requested client";
        return Err(Refused::request(Help::GrantNotEnabled, text));
    }
    let needed = |name: &str| {
        let text = format!("Parameter '{name}' required for standard token exchange");
        call.form
            .get(name)
            .ok_or_else(|| Refused::request(help, &text))
    };
    let token = needed("subject_token")?;
    if needed("subject_token_type")? != TokenType::Access.as_str() {
        let text = "Parameter 'subject_token' supports access tokens only";
        return Err(Refused::request(help, text));
    }
    Ok(token)
}

async fn subject(call: &Call, text: &str) -> Result<Result<Subject, Refused>, Problem> {
    let cause = match read_subject(&call.app, &call.realm, &call.context, text).await {
        Ok(subject) => return Ok(Ok(subject)),
        Err(SubjectError::Store(error)) => return Err(error.into()),
        Err(SubjectError::Unusable(reason)) => Some(Help::of_unusable(&reason)),
        Err(SubjectError::Invalid) => None,
    };
    let help = call.help_with_token(text, Expected::Access, Help::ExchangeSubject);
    let problem = Problem::bad_request(help, "invalid_request", "Invalid token");
    Ok(Err(Refused {
        event_error: "invalid_token",
        details: vec![("reason", "subject_token validation failure".to_owned())],
        problem: match cause {
            Some(cause) => problem.because(cause),
            None => problem,
        },
    }))
}

/// A token that is bound to a key is not for those who were handed it (RFC 7800). Its owner would
/// have to prove that it has the key, and proofs are not read yet.
fn check_binding(client: &Client, subject: &Subject) -> Result<(), Refused> {
    if !subject.is_sender_constrained() {
        return Ok(());
    }
    let help = Help::DpopProof;
    if subject.client.uuid != client.uuid {
        let text = "Sender-constrained token exchange rejected as the token was not issued for \
                    the requesting client";
        return Err(Refused::request(help, text));
    }
    let text = "DPoP proof is missing";
    let error = "invalid_dpop_proof";
    Err(Refused::told(error, help, "invalid_request", text))
}

type Wishes = (TokenType, Option<BTreeSet<String>>);

/// The kind of token and the audience that are asked for, if the client may ask for them.
async fn wishes(
    call: &Call,
    client: &Client,
    subject: &Subject,
    event: &mut EventBuilder,
) -> Result<Result<Wishes, Refused>, Problem> {
    const SAML: &str = "urn:ietf:params:oauth:token-type:saml2";
    let name = call.form.get("requested_token_type");
    let name = name.unwrap_or(TokenType::Access.as_str());
    let wanted = TokenType::for_client(client, name);
    let unsupported =
        || Refused::request(Help::ExchangeRequest, "requested_token_type unsupported");
    if wanted.is_none() && name != SAML {
        return Ok(Err(unsupported()));
    }
    event.detail("requested_token_type", name);
    let named: BTreeSet<String> = call.form.all("audience").map(str::to_owned).collect();
    if named.len() > AUDIENCE_MAX {
        let text = "Too many audiences";
        return Ok(Err(Refused::request(Help::ExchangeAudience, text)));
    }
    let mut disabled = None;
    for name in &named {
        let Some(target) = call.realm.client(name).await? else {
            return Ok(Err(of_audience(
                "client_not_found",
                "audience not found",
                name,
            )));
        };
        if !target.settings.enabled {
            disabled = Some(name);
        }
    }
    if client.settings.public_client {
        let text = "Public client is not allowed to exchange token";
        let (help, error) = (Help::ExchangePublic, "invalid_client");
        return Ok(Err(Refused::told(error, help, error, text)));
    }
    if let Some(name) = disabled {
        return Ok(Err(of_audience(
            "client_disabled",
            "audience client disabled",
            name,
        )));
    }
    if !subject.is_for(client) {
        let text = "Client is not within the token audience";
        let (help, status) = (Help::ExchangeNotInAudience, StatusCode::FORBIDDEN);
        return Ok(Err(Refused {
            event_error: "not_allowed",
            details: vec![(
                "reason",
                "client is not within the token audience".to_owned(),
            )],
            problem: Problem::new(help, status, "access_denied", text),
        }));
    }
    let audience = (!named.is_empty()).then_some(named);
    Ok(wanted
        .map(|wanted| (wanted, audience))
        .ok_or_else(unsupported))
}

/// A client that was asked for, and is not there or switched off.
fn of_audience(event_error: &'static str, reason: &str, name: &str) -> Refused {
    let text = match event_error {
        "client_disabled" => "Client disabled",
        _ => "Audience not found",
    };
    let help = Help::ExchangeAudience;
    Refused {
        event_error,
        details: vec![("reason", reason.to_owned()), ("audience", name.to_owned())],
        problem: Problem::bad_request(help, "invalid_client", text),
    }
}

/// An exchange that the client may ask for.
struct Exchange<'a> {
    call: &'a Call,
    client: &'a Client,
    subject: Subject,
    wanted: TokenType,
    audience: Option<BTreeSet<String>>,
    scope: Option<String>,
}

impl Exchange<'_> {
    /// Makes the tokens, with everything that has to be written for them in the job.
    async fn carry_out(&self, tx: &mut Tx) -> Result<Result<Minted, Refused>, Problem> {
        let (call, client) = (self.call, self.client);
        let scope = self.scope.as_deref();
        let asked = (self.wanted, scope);
        let led = self
            .subject
            .lead_to(&call.app, &call.realm, client, asked, tx);
        let Some(usable) = led.await? else {
            let text = "Refresh token not valid as requested_token_type because creating a new \
                        session is needed";
            return Ok(Err(Refused::request(Help::ExchangeRequest, text)));
        };
        let person = Person::load(&call.app.store, &call.realm, usable.user().clone()).await?;
        let audience = self.audience.clone();
        let granted = Granted::narrowed(&call.realm, client, &person, scope, audience).await?;
        if self.wanted == TokenType::Refresh && granted.offline_permitted() {
            let text = "Scope offline_access not allowed for token exchange";
            return Ok(Err(Refused::request(Help::ExchangeRequest, text)));
        }
        let user = &usable.user().id;
        if !consent::is_given(&call.app, &call.realm, client, user, scope).await? {
            let name = &client.client_id;
            let text = format!("Missing consents for Token Exchange in client {name}");
            let (help, error) = (Help::ConsentRequired, "invalid_scope");
            return Ok(Err(Refused::told("consent_denied", help, error, &text)));
        }
        let minted = self.mint(&usable, &person, &granted).await?;
        let wanted = self.audience.iter().flatten();
        let missing: Vec<&str> = wanted
            .filter(|name| !minted.audience.contains(name))
            .map(String::as_str)
            .collect();
        if !missing.is_empty() {
            let text = format!("Requested audience not available: {}", missing.join(", "));
            return Ok(Err(Refused::request(Help::ExchangeAudience, &text)));
        }
        Ok(Ok(minted))
    }

    async fn mint(
        &self,
        usable: &Usable,
        person: &Person,
        granted: &Granted,
    ) -> Result<Minted, Problem> {
        let realm = &self.call.realm;
        let rotating = realm.settings.lifespans.revoke_refresh_token;
        let base_path = &usable.session().base_path;
        let issue = Issue {
            realm,
            client: self.client,
            usable,
            person,
            granted,
            issuer: self.call.context.issuer_at(base_path, &realm.name),
            code: GrantCode::TokenExchange,
            transient: self.subject.token.is_stateless(),
            nonce: None,
            refresh: if self.wanted == TokenType::Refresh {
                let reuse_id = rotating.then(|| self.call.app.random.uuid());
                Refresh::First { reuse_id }
            } else {
                Refresh::No
            },
            id_token: self.wanted == TokenType::Id || granted.is_openid(),
            front: None,
        };
        if self.wanted != TokenType::Id {
            return Ok(mint_with(&self.call.app, &issue, Company::AccessToken).await?);
        }
        // An ID token goes where an access token would (RFC 8693 §2.2.1).
        let mut minted = mint_with(&self.call.app, &issue, Company::None).await?;
        minted.access_token = minted.id_token.take().unwrap_or_default();
        "N_A".clone_into(&mut minted.token_type);
        Ok(minted)
    }
}
