//! Device code (RFC 8628 §3.4): a device asks whether its person has said yes, and is given tokens
//! once.

use claviger_engine::authorize::{FIRST_OFFLINE, verify};
use claviger_engine::client::Client;
use claviger_engine::consent;
use claviger_engine::device::{self, Device, Polled};
use claviger_engine::events::EventBuilder;
use claviger_engine::gate::{Claim, GateError, Part, Unusable, Usable, usable};
use claviger_engine::logout::turn_offline;
use claviger_engine::person::Person;
use claviger_engine::scope::Granted;
use claviger_engine::session;
use claviger_engine::token::{GrantCode, Issue, Minted, Refresh, mint};
use claviger_model::SessionId;
use claviger_model::session::SessionKind;
use claviger_store::{Commit, Tx};

use crate::Help;
use crate::answer::Answer;
use crate::call::Call;
use crate::problem::Problem;
use crate::token::{answer, note};

/// A refusal, with the error of its event; without one no event tells of it.
struct Refused {
    event_error: Option<&'static str>,
    reason: Option<String>,
    problem: Problem,
}

fn refused(event_error: &'static str, error: &str, text: &str) -> Refused {
    Refused {
        event_error: Some(event_error),
        reason: None,
        problem: Problem::bad_request(Help::DeviceCode, error, text),
    }
}

impl Refused {
    /// The same, with its text as the event's reason.
    fn told(event_error: &'static str, error: &str, text: &str) -> Self {
        Self {
            reason: Some(text.to_owned()),
            ..refused(event_error, error, text)
        }
    }

    /// The same, for which another page has help.
    fn helped(mut self, help: Help, error: &str, text: &str) -> Self {
        self.problem = Problem::bad_request(help, error, text);
        self
    }
}

/// Runs the grant.
pub async fn run(call: &Call, client: &Client, mut event: EventBuilder) -> Result<Answer, Problem> {
    let minted = match poll(call, client, &mut event).await? {
        Ok((device, session)) => redeem(call, client, &mut event, (&device, &session)).await?,
        Err(refused) => Err(refused),
    };
    let refused = match minted {
        Ok(minted) => return Ok(answer(&minted)),
        Err(refused) => refused,
    };
    if let Some(reason) = refused.reason {
        event.detail("reason", reason);
    }
    match refused.event_error {
        Some(error) => Err(call.refuse(&event, error, refused.problem).await),
        None => Err(refused.problem),
    }
}

/// Asks what has become of the device's request.
async fn poll(
    call: &Call,
    client: &Client,
    event: &mut EventBuilder,
) -> Result<Result<(Box<Device>, SessionId), Refused>, Problem> {
    const INVALID: &str = "invalid_oauth2_device_code";
    if !device::is_enabled(client) {
        let text = "Client not allowed OAuth 2.0 Device Authorization Grant";
        let refused = Refused::told("not_allowed", "invalid_grant", text);
        let help = Help::GrantNotEnabled;
        return Ok(Err(refused.helped(help, "invalid_grant", text)));
    }
    let Some(code) = call.form.get("device_code") else {
        let text = "Missing parameter: device_code";
        return Ok(Err(Refused::told(INVALID, "invalid_request", text)));
    };
    let polled = device::poll(&call.app, &call.realm, client, code).await?;
    Ok(match polled {
        Polled::Approved(device, session) => {
            let pkce = device.pkce();
            if let Err(error) = verify(pkce.as_ref(), call.form.get("code_verifier")) {
                return Ok(Err(Refused {
                    reason: Some(error.reason()),
                    ..refused(error.event_error(), "invalid_grant", &error.to_string())
                }));
            }
            event
                .detail("code_id", session.as_str())
                .session(Some(session.as_str()));
            Ok((device, session))
        }
        Polled::Unknown => Err(refused(INVALID, "invalid_grant", "Device code not valid")),
        Polled::OtherClient => Err(Refused::told(
            INVALID,
            "invalid_grant",
            "unauthorized client",
        )),
        Polled::Expired => Err(refused(
            "expired_oauth2_device_code",
            "expired_token",
            "Device code is expired",
        )),
        Polled::TooSoon => Err(refused("slow_down", "slow_down", "Slow down")),
        Polled::Denied => Err(Refused::told(
            "access_denied",
            "access_denied",
            "The end user denied the authorization request",
        )),
        Polled::Pending => Err(Refused {
            event_error: None,
            ..refused(
                "",
                "authorization_pending",
                "The authorization request is still pending",
            )
        }),
    })
}

/// Uses the code up, and makes the tokens. Whatever comes of it, the code is used up: nobody tries
/// twice what was refused once.
async fn redeem(
    call: &Call,
    client: &Client,
    event: &mut EventBuilder,
    (device, session): (&Device, &SessionId),
) -> Result<Result<Minted, Refused>, Problem> {
    let mut tx = Tx::new();
    device.use_up(&call.realm, &mut tx);
    let outcome = exchange(call, client, event, (device, session), &mut tx).await?;
    if let Ok(minted) = &outcome {
        note(event, minted);
        event.success(&call.app, &call.realm, &mut tx);
    } else {
        tx = Tx::new();
        device.use_up(&call.realm, &mut tx);
    }
    Ok(match call.app.commit(tx).await? {
        Commit::Done => outcome,
        // Another request of the device was faster, or the session ended just now.
        Commit::Missed(_) | Commit::Conflict(_) => {
            let text = "Device code not valid";
            Err(refused("invalid_oauth2_device_code", "invalid_grant", text))
        }
    })
}

async fn exchange(
    call: &Call,
    client: &Client,
    event: &mut EventBuilder,
    (device, session): (&Device, &SessionId),
    tx: &mut Tx,
) -> Result<Result<Minted, Refused>, Problem> {
    let usable = match find(call, client, session).await? {
        Ok(usable) => usable,
        Err(refused) => return Ok(Err(refused)),
    };
    event.user(usable.user().id.as_str());
    let scope = device.scope.as_deref();
    let user = &usable.user().id;
    if !consent::is_given(&call.app, &call.realm, client, user, scope).await? {
        let text = "Client no longer has requested consent from user";
        let refused = Refused::told("not_allowed", "invalid_scope", text);
        let help = Help::ConsentRequired;
        return Ok(Err(refused.helped(help, "invalid_scope", text)));
    }
    let person = Person::load(&call.app.store, &call.realm, usable.user().clone()).await?;
    let granted = Granted::new(&call.realm, client, &person, scope).await?;
    let with_refresh = client.uses_refresh_tokens();
    let offline = with_refresh && granted.offline_requested;
    if offline && !granted.offline_permitted() {
        let text = "Offline tokens not allowed for the user or client";
        let refused = Refused::told("not_allowed", "not_allowed", text);
        return Ok(Err(refused.helped(
            Help::OfflineAccess,
            "not_allowed",
            text,
        )));
    }
    let rotating = call.realm.settings.lifespans.revoke_refresh_token;
    let issue = Issue {
        realm: &call.realm,
        client,
        usable: &usable,
        person: &person,
        granted: &granted,
        issuer: call
            .context
            .issuer_at(&usable.session().base_path, &call.realm.name),
        code: GrantCode::Device,
        transient: false,
        nonce: device.nonce.as_deref(),
        refresh: if with_refresh {
            Refresh::First {
                reuse_id: rotating.then(|| call.app.random.uuid()),
            }
        } else {
            Refresh::No
        },
        id_token: granted.is_openid(),
        front: None,
    };
    let minted = mint(&call.app, &issue).await?;
    if offline {
        let first = usable.part().notes.contains_key(FIRST_OFFLINE);
        session::keep_offline(&call.app, &call.realm, &usable, tx).await?;
        if first {
            let (app, realm, session) = (&call.app, &call.realm, usable.session());
            turn_offline(app, realm, tx, session, &client.uuid).await?;
        }
    } else {
        // The part must still be there when the tokens go out.
        tx.refresh_client_session(&call.realm.id, usable.part(), None);
    }
    Ok(Ok(minted))
}

/// Finds the session that the person approved the device with, the user, and the client's part.
async fn find(
    call: &Call,
    client: &Client,
    session: &SessionId,
) -> Result<Result<Usable, Refused>, Problem> {
    let claim = Claim {
        part: Part::Needed,
        subject: None,
        session: Some(session.clone()),
        kinds: &[SessionKind::Online],
        issued_at: call.app.now().seconds(),
    };
    let reason = match usable(&call.app, &call.realm, client, &claim).await {
        Ok(usable) => return Ok(Ok(usable)),
        Err(GateError::Unusable(reason)) => reason,
        Err(GateError::Store(error)) => return Err(error.into()),
    };
    let help = Help::of_unusable(&reason);
    let (error, text) = match reason {
        Unusable::UserNotFound => ("user_not_found", "User not found"),
        Unusable::UserDisabled => ("user_disabled", "User disabled"),
        Unusable::RealmDisabled
        | Unusable::ClientDisabled
        | Unusable::SessionNotFound
        | Unusable::SessionExpired(_)
        | Unusable::PartNotFound
        | Unusable::PartExpired(_)
        | Unusable::OlderThanSession
        | Unusable::OlderThanPart
        | Unusable::Stale => {
            let text = "Session not active";
            let refused = Refused::told("user_session_not_found", "invalid_grant", text);
            return Ok(Err(refused.helped(help, "invalid_grant", text)));
        }
    };
    Ok(Err(refused(error, "invalid_grant", text).helped(
        help,
        "invalid_grant",
        text,
    )))
}
