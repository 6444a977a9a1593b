//! Resource owner password credentials (RFC 6749 §4.3): what the founding question's mobile
//! application used. A session begins, and is stored before the tokens go out.

use axum::http::{StatusCode, header};
use claviger_engine::authenticate::{
    DirectGrant, Door, LoginError, LoginHelp, LoginRefused, SignedIn, direct_grant,
};
use claviger_engine::client::Client;
use claviger_engine::events::EventBuilder;
use claviger_engine::mapper::amr::COMPLETED_NOTE;
use claviger_engine::person::Person;
use claviger_engine::scope::Granted;
use claviger_engine::session::{self, Beginning};
use claviger_engine::token::{GrantCode, Issue, Refresh, mint};
use claviger_model::Secret;
use claviger_store::Tx;

use crate::Help;
use crate::answer::Answer;
use crate::call::Call;
use crate::problem::Problem;
use crate::token::{answer, commit, kind_to_begin, locale_cookie, note, requested_scope};

/// Runs the grant.
pub async fn run(call: &Call, client: &Client, mut event: EventBuilder) -> Result<Answer, Problem> {
    event.detail("auth_method", "oauth_credentials");
    permit(call, client, &mut event).await?;
    let scope = requested_scope(call, client, &mut event).await?;
    let mut tx = Tx::new();
    let whom = client.client_id.as_str();
    let SignedIn { user, completed } = authenticate(call, whom, &mut event, &mut tx).await?;
    let locale = user
        .attributes
        .get("locale")
        .and_then(|values| values.first())
        .cloned();
    let person = Person::load(&call.app.store, &call.realm, user).await?;
    let granted = Granted::new(&call.realm, client, &person, scope.as_deref()).await?;
    let with_refresh = client.uses_refresh_tokens();
    let kind = kind_to_begin(call, &mut event, &granted, with_refresh).await?;
    let issuer = call.context.issuer(&call.realm.name);
    let usable = session::begin(
        &call.app,
        &call.realm,
        kind,
        Beginning {
            user: &person.user,
            client,
            ip_address: &call.context.ip_address,
            base_path: &call.context.base_path,
            auth_method: "openid-connect",
            notes: notes(call, completed),
            part_notes: part_notes(&issuer, scope.as_deref()),
        },
    );
    let reuse_id = call
        .realm
        .settings
        .lifespans
        .revoke_refresh_token
        .then(|| call.app.random.uuid());
    let issue = Issue {
        realm: &call.realm,
        client,
        usable: &usable,
        person: &person,
        granted: &granted,
        issuer,
        code: GrantCode::Password,
        transient: false,
        nonce: None,
        refresh: if with_refresh {
            Refresh::First { reuse_id }
        } else {
            Refresh::No
        },
        id_token: granted.is_openid(),
        front: None,
    };
    let minted = mint(&call.app, &issue).await?;
    session::keep(&call.realm, &mut tx, &usable);
    event.session(Some(usable.session().id.as_str()));
    note(&mut event, &minted);
    event.success(&call.app, &call.realm, &mut tx);
    commit(call, tx).await?;
    let answer = answer(&minted);
    Ok(match locale {
        Some(locale) => locale_cookie(call, answer, &locale),
        None => answer,
    })
}

/// Refuses clients that may not see a password, or whose users have to be asked for a consent.
async fn permit(call: &Call, client: &Client, event: &mut EventBuilder) -> Result<(), Problem> {
    let (help, text, code, event_error) = if !client.settings.direct_access_grants_enabled {
        let text = "Client not allowed for direct access grants";
        let help = Help::DirectAccessGrantsOff;
        (help, text, "unauthorized_client", "not_allowed")
    } else if client.settings.consent_required {
        let text = "Client requires user consent";
        let help = Help::ConsentRequired;
        (help, text, "invalid_client", "consent_denied")
    } else {
        return Ok(());
    };
    event.detail("reason", text);
    let problem = Problem::bad_request(help, code, text);
    Err(call.refuse(event, event_error, problem).await)
}

async fn authenticate(
    call: &Call,
    client_id: &str,
    event: &mut EventBuilder,
    tx: &mut Tx,
) -> Result<SignedIn, Problem> {
    let secret = |name: &str| call.form.get(name).map(Secret::new);
    let sent = DirectGrant {
        door: Door::DirectGrant,
        username: call.form.get("username").map(str::to_owned),
        password: secret("password"),
        otp: secret("otp").or_else(|| secret("totp")),
        client: call.realm.client(client_id).await?,
        scope: call.form.get("scope").map(str::to_owned),
        help: Some(LoginHelp {
            request: call.context.clone(),
            page: |refused| tell(refused).pointer().closest().slug(),
        }),
    };
    match direct_grant(&call.app, &call.realm, &sent, event, tx).await {
        Ok(Ok(signed_in)) => Ok(signed_in),
        Ok(Err(refused)) => Err(tell(refused)),
        Err(LoginError::Hasher(error)) => {
            tracing::warn!("a sign-in is refused: {error}");
            Err(Problem::busy())
        }
        Err(LoginError::Store(error)) => Err(error.into()),
    }
}

/// What the client is told of a refused sign-in; a wrong name, a wrong password and an account that
/// is locked look alike.
fn tell(refused: LoginRefused) -> Problem {
    let invalid = |help, text: &str| Problem::bad_request(help, "invalid_grant", text);
    match refused {
        LoginRefused::NoUsername => Problem::new(
            Help::UsernameMissing,
            StatusCode::UNAUTHORIZED,
            "invalid_request",
            "Missing parameter: username",
        ),
        LoginRefused::Disabled => invalid(Help::UserDisabled, "Account disabled"),
        LoginRefused::Denied => Problem::new(
            Help::DirectGrantFlow,
            StatusCode::UNAUTHORIZED,
            "access_denied",
            "Access denied",
        ),
        LoginRefused::TooManySessions => Problem::new(
            Help::DirectGrantFlow,
            StatusCode::FORBIDDEN,
            "access_denied",
            "There are too many sessions",
        ),
        LoginRefused::NotSetUp => invalid(Help::AccountNotSetUp, "Account is not fully set up"),
        LoginRefused::Locked(_) => {
            let help = Help::UserCredentialsWrong;
            invalid(help, "Invalid user credentials").because(Help::AccountLocked)
        }
        LoginRefused::UserNotFound
        | LoginRefused::ServiceAccount
        | LoginRefused::DisabledAndWrong
        | LoginRefused::InvalidCredentials => {
            invalid(Help::UserCredentialsWrong, "Invalid user credentials")
        }
        LoginRefused::UnsupportedFlow => {
            let text = "The direct grant flow of this realm has steps that this server cannot take";
            invalid(Help::DirectGrantFlow, text)
        }
    }
}

/// The notes of the session.
fn notes(call: &Call, completed: String) -> Vec<(&'static str, String)> {
    let said = call.headers.get(header::USER_AGENT);
    let said = said.and_then(|said| said.to_str().ok());
    let mut notes = vec![(COMPLETED_NOTE, completed)];
    notes.extend(session::user_agent_note(said));
    notes
}

/// The notes of the client's part that later requests read.
pub fn part_notes(issuer: &str, scope: Option<&str>) -> Vec<(&'static str, String)> {
    let mut notes = vec![("iss", issuer.to_owned())];
    notes.extend(scope.map(|scope| ("scope", scope.to_owned())));
    notes
}
