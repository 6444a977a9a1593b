//! Authorization code (RFC 6749 §4.1.3): what the browser brought is changed for tokens, once.
//!
//! Whatever comes of it, the code is used up with the same job. Who comes second was not meant to
//! have it, or the first one was not: the client's part in the session ends (§4.1.2).

use claviger_engine::authorize::{self, Code, FIRST_OFFLINE, Taken};
use claviger_engine::client::Client;
use claviger_engine::consent;
use claviger_engine::events::EventBuilder;
use claviger_engine::gate::{Claim, GateError, Part, Unusable, Usable, usable};
use claviger_engine::logout::{end_client_session, turn_offline};
use claviger_engine::person::Person;
use claviger_engine::scope::Granted;
use claviger_engine::session;
use claviger_engine::token::{GrantCode, Issue, Minted, Refresh, mint};
use claviger_model::session::{EndReason, SessionKind};
use claviger_model::{ClientUuid, SessionId};
use claviger_store::{Commit, Tx};

use crate::Help;
use crate::answer::Answer;
use crate::call::Call;
use crate::grant::name_adapter_session;
use crate::problem::Problem;
use crate::token::{answer, note};

/// A refusal, with the error and the reason that its event tells.
struct Refused {
    event_error: &'static str,
    reason: Option<String>,
    problem: Problem,
}

fn refused(event_error: &'static str, problem: Problem) -> Refused {
    Refused {
        event_error,
        reason: None,
        problem,
    }
}

fn told(event_error: &'static str, help: Help, error: &str, text: &str) -> Refused {
    Refused {
        event_error,
        reason: Some(text.to_owned()),
        problem: Problem::bad_request(help, error, text),
    }
}

fn not_valid() -> Refused {
    let help = Help::CodeInvalid;
    refused(
        "invalid_code",
        Problem::bad_request(help, "invalid_grant", "Code not valid"),
    )
}

/// Runs the grant.
pub async fn run(call: &Call, client: &Client, mut event: EventBuilder) -> Result<Answer, Problem> {
    let Some(text) = call.form.get("code") else {
        let text = "Missing parameter: code";
        event.detail("reason", text);
        let problem = Problem::bad_request(Help::CodeInvalid, "invalid_request", text);
        return Err(call.refuse(&event, "invalid_code", problem).await);
    };
    let code = match authorize::take(&call.app, &call.realm, text).await? {
        Taken::Good(code) => code,
        Taken::Malformed => {
            return Err(call
                .refuse(&event, "invalid_code", not_valid().problem)
                .await);
        }
        Taken::Unknown { session } => {
            event.detail("code_id", &*session).session(Some(&session));
            return Err(call
                .refuse(&event, "invalid_code", not_valid().problem)
                .await);
        }
        Taken::Used { session, client } => {
            event
                .detail("code_id", session.as_str())
                .session(Some(session.as_str()));
            return Err(replayed(call, &event, &session, &client).await?);
        }
    };
    let session = code.session();
    event
        .detail("code_id", session.as_str())
        .session(Some(session.as_str()));
    let mut tx = Tx::new();
    code.use_up(&call.app, &call.realm, &mut tx);
    let outcome = exchange(call, client, &mut event, &code, &mut tx).await?;
    let result = match outcome {
        Ok(minted) => {
            note(&mut event, &minted);
            event.success(&call.app, &call.realm, &mut tx);
            Ok(answer(&minted))
        }
        Err(refused) => {
            if let Some(reason) = refused.reason {
                event.detail("reason", reason);
            }
            // Nothing of what a good exchange would have written.
            tx = Tx::new();
            code.use_up(&call.app, &call.realm, &mut tx);
            call.note(
                &event,
                refused.event_error,
                refused.problem.pointer(),
                &mut tx,
            );
            Err(refused.problem)
        }
    };
    match call.app.commit(tx).await? {
        Commit::Done => result,
        // Another request used the code since it was read, or the session ended.
        Commit::Missed(_) | Commit::Conflict(_) => {
            event.forget("reason");
            Err(replayed(call, &event, &session, &code.client()).await?)
        }
    }
}

/// Ends the client's part in the session that a code was for, as somebody has it who should not.
async fn replayed(
    call: &Call,
    event: &EventBuilder,
    session: &SessionId,
    client: &ClientUuid,
) -> Result<Problem, Problem> {
    let problem = not_valid().problem;
    let mut tx = Tx::new();
    let reason = EndReason::CodeReplay;
    for kind in SessionKind::ALL {
        if let Some(session) = call
            .app
            .store
            .user_session(&call.realm.id, kind, session)
            .await?
        {
            end_client_session(&call.app, &call.realm, &mut tx, &session, client, reason).await?;
        }
    }
    call.note(event, "invalid_code", problem.pointer(), &mut tx);
    crate::token::commit(call, tx).await?;
    Ok(problem)
}

/// Checks in Keycloak's order what a code is bound to, and makes the tokens.
async fn exchange(
    call: &Call,
    client: &Client,
    event: &mut EventBuilder,
    code: &Code,
    tx: &mut Tx,
) -> Result<Result<Minted, Refused>, Problem> {
    let usable = match find(call, event, code).await? {
        Ok(usable) => usable,
        Err(refused) => return Ok(Err(refused)),
    };
    if let Err(refused) = check(call, client, code, &usable) {
        return Ok(Err(refused));
    }
    let scope = code.scope.as_deref();
    let user = &usable.user().id;
    if !consent::is_given(&call.app, &call.realm, client, user, scope).await? {
        let text = "Client no longer has requested consent from user";
        return Ok(Err(told(
            "not_allowed",
            Help::ConsentRequired,
            "invalid_scope",
            text,
        )));
    }
    let person = Person::load(&call.app.store, &call.realm, usable.user().clone()).await?;
    let granted = Granted::new(&call.realm, client, &person, scope).await?;
    let with_refresh = client.uses_refresh_tokens();
    let offline = with_refresh && granted.offline_requested;
    if offline && !granted.offline_permitted() {
        let text = "Offline tokens not allowed for the user or client";
        return Ok(Err(told(
            "not_allowed",
            Help::OfflineAccess,
            "not_allowed",
            text,
        )));
    }
    let minted = tokens(call, client, code, (&usable, &person, &granted)).await?;
    if offline {
        let first = usable.part().notes.contains_key(FIRST_OFFLINE);
        session::keep_offline(&call.app, &call.realm, &usable, tx).await?;
        if first {
            let (app, realm, session) = (&call.app, &call.realm, usable.session());
            turn_offline(app, realm, tx, session, &client.uuid).await?;
        }
    } else {
        let mut part = usable.part().clone();
        name_adapter_session(call, client, &mut part);
        // The part must still be there when the tokens go out.
        tx.refresh_client_session(&call.realm.id, &part, None);
    }
    Ok(Ok(minted))
}

/// Finds the session, the user and the client's part that a code is for.
async fn find(
    call: &Call,
    event: &mut EventBuilder,
    code: &Code,
) -> Result<Result<Usable, Refused>, Problem> {
    let Some(owner) = call.realm.client_by_uuid(&code.client()).await? else {
        return Ok(Err(not_valid()));
    };
    let claim = Claim {
        part: Part::Needed,
        subject: None,
        session: Some(code.session()),
        kinds: &[SessionKind::Online],
        issued_at: code.issued_at().seconds(),
    };
    let reason = match usable(&call.app, &call.realm, &owner, &claim).await {
        Ok(usable) => {
            event.user(usable.user().id.as_str());
            return Ok(Ok(usable));
        }
        Err(GateError::Unusable(reason)) => reason,
        Err(GateError::Store(error)) => return Err(error.into()),
    };
    let help = Help::of_unusable(&reason);
    Ok(Err(match reason {
        Unusable::SessionNotFound | Unusable::UserNotFound => not_valid(),
        Unusable::PartNotFound => refused(
            "user_session_not_found",
            Problem::bad_request(help, "invalid_grant", "User session not found"),
        ),
        Unusable::UserDisabled => refused(
            "user_disabled",
            Problem::bad_request(help, "invalid_grant", "User disabled"),
        ),
        Unusable::RealmDisabled
        | Unusable::ClientDisabled
        | Unusable::SessionExpired(_)
        | Unusable::PartExpired(_)
        | Unusable::OlderThanSession
        | Unusable::OlderThanPart
        | Unusable::Stale => told(
            "user_session_not_found",
            help,
            "invalid_grant",
            "Session not active",
        ),
    }))
}

fn check(call: &Call, client: &Client, code: &Code, usable: &Usable) -> Result<(), Refused> {
    let sent = call.form.get("redirect_uri");
    if let Some(saved) = &code.redirect_uri
        && sent != Some(saved)
        && sent.map(without_session_state).as_deref() != Some(saved)
    {
        let sent = sent.unwrap_or("null");
        return Err(Refused {
            event_error: "invalid_redirect_uri",
            reason: Some(format!(
                "Parameter 'redirect_uri' did not match originally saved redirect URI used in \
                 initial OIDC request. Saved redirectUri: {saved}, redirectUri parameter: {sent}"
            )),
            problem: Problem::bad_request(
                Help::CodeInvalid,
                "invalid_grant",
                "Incorrect redirect_uri",
            ),
        });
    }
    if usable.part().client != client.uuid {
        let text = "Auth error: Found different client_id in clientSession";
        return Err(told(
            "invalid_client",
            Help::CodeInvalid,
            "invalid_grant",
            text,
        ));
    }
    if !client.settings.standard_flow_enabled {
        let text = "Client not allowed to exchange code";
        return Err(told(
            "not_allowed",
            Help::CodeInvalid,
            "invalid_grant",
            text,
        ));
    }
    let verifier = call.form.get("code_verifier");
    if let Err(error) = authorize::verify(code.pkce().as_ref(), verifier) {
        return Err(Refused {
            event_error: error.event_error(),
            reason: Some(error.reason()),
            problem: Problem::bad_request(Help::CodeInvalid, "invalid_grant", error.to_string()),
        });
    }
    if code.dpop_jkt.is_some() {
        let text = "DPoP Proof missing";
        return Err(told(
            "invalid_request",
            Help::DpopProof,
            "invalid_request",
            text,
        ));
    }
    Ok(())
}

/// Adapters of former days repeat the address as they were called, with what was added to it.
fn without_session_state(sent: &str) -> String {
    let Some((address, query)) = sent.split_once('?') else {
        return sent.to_owned();
    };
    let kept: Vec<&str> = query
        .split('&')
        .filter(|pair| !pair.starts_with("session_state="))
        .collect();
    if kept.is_empty() {
        address.to_owned()
    } else {
        format!("{address}?{}", kept.join("&"))
    }
}

async fn tokens(
    call: &Call,
    client: &Client,
    code: &Code,
    (usable, person, granted): (&Usable, &Person, &Granted),
) -> Result<Minted, Problem> {
    let rotating = call.realm.settings.lifespans.revoke_refresh_token;
    let refresh = if client.uses_refresh_tokens() {
        Refresh::First {
            reuse_id: rotating.then(|| call.app.random.uuid()),
        }
    } else {
        Refresh::No
    };
    let session = usable.session();
    let issue = Issue {
        realm: &call.realm,
        client,
        usable,
        person,
        granted,
        issuer: call.context.issuer_at(&session.base_path, &call.realm.name),
        code: GrantCode::AuthorizationCode,
        transient: false,
        nonce: code.nonce.as_deref(),
        refresh,
        id_token: granted.is_openid(),
        front: None,
    };
    Ok(mint(&call.app, &issue).await?)
}
