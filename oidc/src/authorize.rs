//! `GET` and `POST /protocol/openid-connect/auth` (RFC 6749 §3.1, OpenID Connect Core §3.1.2): a
//! client sends a browser.
//!
//! Whatever is wrong before it is known where the client wants to be answered is told to the person,
//! on a page; what is wrong after that, to the client.

use std::sync::Arc;

use axum::http::Method;
use axum::response::Response;
use claviger_engine::authorize::{
    self, AnswerError, Answerer, AuthorizationRequest, Door, ReadError, Refused, ResponseMode,
};
use claviger_engine::browser::{ClientAnswer, Outcome};
use claviger_engine::client::Client;
use claviger_engine::events::EventBuilder;
use claviger_engine::login::detached::offer;
use claviger_engine::login::{self, Asks, Entry, FlowPath, LoginError};
use claviger_engine::page::{Fault, Message};
use claviger_model::Seconds;
use claviger_store::StoreError;
use claviger_surface::browser::{browser, respond};

use crate::Help;
use crate::call::Call;
use crate::page::{self, Told};
use crate::problem::chain;

/// `GET /protocol/openid-connect/auth`, with its parameters in the query.
pub async fn show(call: Call) -> Response {
    answered(call, FlowPath::Authenticate).await
}

/// `GET` and `POST /protocol/openid-connect/registrations`: the same, for people who have no account.
pub async fn register(call: Call) -> Response {
    if !call.realm.settings.login.registration_allowed {
        return page::show(&call, &registration_off()).await;
    }
    answered(call, FlowPath::Registration).await
}

/// `GET /protocol/openid-connect/forgot-credentials`: the same, for people who have forgotten theirs.
pub async fn forgot(call: Call) -> Response {
    if !call.realm.settings.login.reset_password_allowed {
        let message = Message::new("resetCredentialNotAllowedMessage");
        let told = Told::new(None, Fault::BadRequest, message, Help::ResetOff);
        return page::show(&call, &told).await;
    }
    answered(call, FlowPath::ResetCredentials).await
}

/// `GET /protocol/openid-connect/oauth/oob`: shows a code, or an error, to be copied.
pub async fn out_of_band(call: Call) -> Response {
    let sent = |name: &str| call.query.get(name).map(str::to_owned);
    page::code(&call, sent("code"), sent("error"))
}

/// Why nobody is signed in, and nobody answered.
enum Failure {
    /// The person is told.
    Told(Box<Told>),
    /// The client is told.
    Answered(Box<(ClientAnswer, Help)>),
    /// The server failed.
    Server(Help),
}

impl From<Told> for Failure {
    fn from(told: Told) -> Self {
        Self::Told(Box::new(told))
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        if error.is_unavailable() {
            tracing::warn!("refused for want of the database: {}", chain(&error));
            return Self::Server(Help::Busy);
        }
        tracing::error!("database failure: {}", chain(&error));
        Self::Server(Help::Failed)
    }
}

impl From<AnswerError> for Failure {
    fn from(error: AnswerError) -> Self {
        tracing::error!("a client cannot be answered: {}", chain(&error));
        Self::Server(Help::Failed)
    }
}

impl From<LoginError> for Failure {
    fn from(error: LoginError) -> Self {
        match error {
            LoginError::Store(error) => error.into(),
            LoginError::Busy | LoginError::Hasher(_) => {
                tracing::warn!("a login is refused: {}", chain(&error));
                Self::Server(Help::Busy)
            }
            LoginError::NoKey | LoginError::Answer(_) => {
                tracing::error!("nobody can sign in: {}", chain(&error));
                Self::Server(Help::Failed)
            }
        }
    }
}

async fn answered(call: Call, path: FlowPath) -> Response {
    let mut event = call.event(path.event());
    // A large state: kept in one place, for the layers outside move the handler's about.
    let outcome = Box::pin(run(&call, path, &mut event)).await;
    let respond = |outcome| respond(outcome, &call.realm, &call.context, &call.headers);
    match outcome {
        Ok((outcome, None)) => respond(offer(&call.app, &call.realm, outcome, None).await),
        Ok((outcome, Some(help))) => {
            let mut response = respond(offer(&call.app, &call.realm, outcome, None).await);
            page::point(&mut response, help, &call.context);
            response
        }
        Err(Failure::Answered(told)) => {
            let (answer, help) = *told;
            let mut response = respond(Outcome::answer(answer));
            page::point(&mut response, help, &call.context);
            response
        }
        Err(Failure::Told(told)) => page::show(&call, &told).await,
        Err(Failure::Server(help)) => page::show(&call, &failed(help)).await,
    }
}

fn failed(help: Help) -> Told {
    let fault = if help == Help::Busy {
        Fault::Unavailable
    } else {
        Fault::Internal
    };
    let message = Message::new("unexpectedErrorHandlingRequestMessage");
    Told::new(None, fault, message, help)
}

fn registration_off() -> Told {
    let message = Message::new("registrationNotAllowedMessage");
    Told::new(None, Fault::BadRequest, message, Help::RegistrationOff)
}

async fn run(
    call: &Call,
    path: FlowPath,
    event: &mut EventBuilder,
) -> Result<(Outcome, Option<Help>), Failure> {
    let parameters = if call.method == Method::POST {
        call.form.pairs()
    } else {
        call.query.pairs()
    };
    let client = find_client(call, parameters, event).await?;
    let request = read(call, &client, parameters, event).await?;
    let redirect_uri = check(call, &client, &request, event).await?;
    let entry = enter(call, &client, &request, redirect_uri, event).await?;
    let browser = browser(&call.headers);
    // An account is to be made (Initiating User Registration via OpenID Connect 1.0 §4.1).
    let path = if request.get("prompt") == Some("create") {
        FlowPath::Registration
    } else {
        path
    };
    let is_off = path == FlowPath::Registration && !call.realm.settings.login.registration_allowed;
    let help = is_off.then_some(Help::RegistrationOff);
    let (app, realm, context) = (&call.app, &call.realm, &call.context);
    let outcome = login::begin_at(app, realm, context, &browser, (entry, path)).await?;
    Ok((outcome, help))
}

/// Tells the person, and records why.
async fn tell(call: &Call, event: &EventBuilder, error: &str, told: Told) -> Failure {
    match page::record(call, event, error, told.help()).await {
        Ok(()) => told.into(),
        Err(error) => error.into(),
    }
}

async fn find_client(
    call: &Call,
    parameters: &[(String, String)],
    event: &mut EventBuilder,
) -> Result<Arc<Client>, Failure> {
    let wrong = |key: &str, help| Told::new(None, Fault::BadRequest, Message::new(key), help);
    let mut named = parameters.iter().filter(|(name, _)| name == "client_id");
    let (Some((_, id)), None) = (named.next(), named.next()) else {
        let text = "Parameter 'client_id' not present or present multiple times in the HTTP request \
                    parameters";
        event.detail("reason", text);
        let told = wrong("invalidRequestMessage", Help::AuthorizationClient);
        return Err(tell(call, event, "invalid_request", told).await);
    };
    if call.context.lacks_tls(call.realm.settings.ssl_required) {
        let told = wrong("httpsRequiredMessage", Help::HttpsRequired);
        return Err(tell(call, event, "ssl_required", told).await);
    }
    if !call.realm.enabled {
        let told = wrong("realmNotEnabledMessage", Help::RealmDisabled);
        return Err(tell(call, event, "realm_disabled", told).await);
    }
    event.client_said(id);
    let Some(client) = call.realm.client(id).await? else {
        let told = wrong("clientNotFoundMessage", Help::AuthorizationClient);
        return Err(tell(call, event, "client_not_found", told).await);
    };
    event.client(&client.client_id);
    let (error, told) = if !client.settings.enabled {
        let told = wrong("clientDisabledMessage", Help::ClientDisabled);
        ("client_disabled", told)
    } else if client.settings.bearer_only {
        let message = Message::new("bearerOnlyMessage");
        let told = Told::new(None, Fault::Forbidden, message, Help::ClientBearerOnly);
        ("not_allowed", told)
    } else if !client.settings.is_openid_connect() {
        let text = "Wrong client protocol.";
        event.detail("reason", text);
        ("invalid_client", wrong(text, Help::ClientProtocol))
    } else {
        return Ok(client);
    };
    Err(tell(call, event, error, told).await)
}

async fn read(
    call: &Call,
    client: &Arc<Client>,
    parameters: &[(String, String)],
    event: &mut EventBuilder,
) -> Result<AuthorizationRequest, Failure> {
    let parameters = (Door::Browser, parameters);
    let read = authorize::read(&call.app, &call.realm, &call.context, client, parameters).await;
    let reason = match read {
        Ok(request) => return Ok(request),
        Err(ReadError::Store(error)) => return Err(error.into()),
        Err(ReadError::Refused(reason)) => reason,
    };
    event.detail("reason", reason);
    let message = Message::new("invalidRequestMessage");
    let help = Help::RequestObjectInvalid;
    let told = Told::new(Some(client), Fault::BadRequest, message, help);
    Err(tell(call, event, "invalid_request", told).await)
}

/// Checks a request in Keycloak's order, and gives the address for the answer.
async fn check(
    call: &Call,
    client: &Arc<Client>,
    request: &AuthorizationRequest,
    event: &mut EventBuilder,
) -> Result<String, Failure> {
    let base_url = &call.context.base_url;
    let Ok(address) = authorize::redirect(client, base_url, request, event) else {
        let message = Message::with("invalidParameterMessage", &["redirect_uri"]);
        let help = Help::RedirectUriInvalid;
        let told = Told::new(Some(client), Fault::BadRequest, message, help);
        return Err(tell(call, event, "invalid_redirect_uri", told).await);
    };
    let redirect_uri = authorize::answer_address(&call.context, &call.realm, &address);
    match judge(call, client, request, event).await? {
        Ok(()) => Ok(redirect_uri),
        Err(unfit) => Err(refuse(call, (client, &redirect_uri), request, event, unfit).await),
    }
}

/// Why a request is not fit to be answered, in which mode that is told, and where help is.
type Unfit = (Refused, ResponseMode, Help);

async fn judge(
    call: &Call,
    client: &Client,
    request: &AuthorizationRequest,
    event: &mut EventBuilder,
) -> Result<Result<(), Unfit>, StoreError> {
    let (kind, mode) = match authorize::response(client, request, event) {
        Ok(found) => found,
        Err((refused, mode)) => {
            let help = match refused.error {
                "unauthorized_client" => Help::FlowNotEnabled,
                _ => Help::ResponseTypeInvalid,
            };
            return Ok(Err((refused, mode, help)));
        }
    };
    if let Err(refused) = authorize::must_be_pushed(client, request) {
        return Ok(Err((refused, mode, Help::RequestNotPushed)));
    }
    let rest = authorize::rest(&call.realm, client, request, kind).await?;
    Ok(rest.map_err(|refused| {
        let about = refused.description.as_deref().unwrap_or_default();
        let help = if refused.error == "invalid_scope" {
            Help::ScopeInvalid
        } else if about.contains("code_challenge") || about.contains("code challenge") {
            Help::ChallengeInvalid
        } else {
            Help::AuthorizationRequestInvalid
        };
        (refused, mode, help)
    }))
}

/// Tells the client, and records why.
async fn refuse(
    call: &Call,
    (client, redirect_uri): (&Arc<Client>, &str),
    request: &AuthorizationRequest,
    event: &mut EventBuilder,
    (refused, mode, help): Unfit,
) -> Failure {
    if let Some(reason) = refused.reason {
        event.detail("reason", reason);
    }
    if let Err(error) = page::record(call, event, refused.event_error, help).await {
        return error.into();
    }
    let answerer = Answerer {
        realm: &call.realm,
        client,
        redirect_uri,
        mode,
        issuer: call.context.issuer(&call.realm.name),
    };
    let (description, state) = (refused.description.as_deref(), request.get("state"));
    match answerer
        .refusal(&call.app, refused.error, description, state)
        .await
    {
        Ok(answer) => Failure::Answered(Box::new((answer, help))),
        Err(error) => error.into(),
    }
}

/// What a login begins with.
async fn enter(
    call: &Call,
    client: &Arc<Client>,
    request: &AuthorizationRequest,
    redirect_uri: String,
    event: &mut EventBuilder,
) -> Result<Entry, Failure> {
    let Ok(wanted) = authorize::wanted(&call.realm, client, request) else {
        event.detail("reason", "Invalid requested essential acr value");
        let message = Message::with("invalidParameterMessage", &["claims"]);
        let help = Help::AuthorizationRequestInvalid;
        let told = Told::new(Some(client), Fault::BadRequest, message, help);
        return Err(tell(call, event, "invalid_request", told).await);
    };
    let text = |name: &str| request.get(name).map(str::to_owned);
    let mut client_notes = request.notes();
    let issuer = call.context.issuer(&call.realm.name);
    client_notes.insert(authorize::ISSUER.to_owned(), issuer);
    let max_age = request.max_age().ok().flatten();
    Ok(Entry {
        client: Arc::clone(client),
        protocol: "openid-connect",
        redirect_uri: Some(redirect_uri),
        client_notes,
        asks: Asks {
            prompt: text("prompt"),
            max_age: max_age.map(|seconds| Seconds(seconds.into())),
            login_hint: text("login_hint"),
            level: wanted.level,
            level_is_essential: wanted.is_essential,
            provider_hint: text("kc_idp_hint"),
            action: text("kc_action"),
            ui_locales: text("ui_locales"),
            auth_type: Some("code".to_owned()),
        },
    })
}
