//! Refresh (RFC 6749 §6): new tokens for a session that is still there.

use std::collections::BTreeSet;

use claviger_engine::client::Client;
use claviger_engine::consent;
use claviger_engine::events::EventBuilder;
use claviger_engine::gate::{Unusable, Usable};
use claviger_engine::person::Person;
use claviger_engine::refresh::{self, Age, RefreshError, Use};
use claviger_engine::scope::{Granted, OFFLINE_ACCESS, has_word};
use claviger_engine::token::{Expected, GrantCode, Issue, Minted, Refresh, TokenClaims, mint};
use claviger_model::ClientSession;
use claviger_model::session::SessionKind;

use crate::Help;
use crate::answer::Answer;
use crate::call::Call;
use crate::grant::name_adapter_session;
use crate::problem::Problem;
use crate::token::{answer, note, requested_scope};

/// Runs the grant.
pub async fn run(call: &Call, client: &Client, mut event: EventBuilder) -> Result<Answer, Problem> {
    let Some(text) = call.form.get("refresh_token") else {
        let help = Help::RefreshTokenMissing;
        return Err(Problem::bad_request(
            help,
            "invalid_request",
            "No refresh token",
        ));
    };
    let asked = requested_scope(call, client, &mut event).await?;
    let now = call.app.now();
    let verified =
        refresh::verify(&call.realm, client, &call.context, text, Age::Counts, now).await;
    let token = match verified {
        Ok(token) => token,
        Err(error) => return Err(refuse(call, &mut event, error).await),
    };
    event.session(
        token
            .session
            .as_ref()
            .map(claviger_model::SessionId::as_str),
    );
    event.detail("refresh_token_id", &*token.id);
    event.detail("refresh_token_type", &*token.kind);
    if let Some(subject) = &token.subject {
        event.detail("refresh_token_sub", &**subject);
    }
    let mut usable = match refresh::find(&call.app, &call.realm, client, &token).await {
        Ok(usable) => usable,
        Err(error) => return Err(refuse(call, &mut event, error).await),
    };
    let scope = narrowed(&token, asked.as_deref());
    let person = Person::load(&call.app.store, &call.realm, usable.user().clone()).await?;
    let audience = token.requested_audience();
    let granted = Granted::narrowed(&call.realm, client, &person, Some(&scope), audience).await?;
    check_offline(call, client, &person, &usable, &mut event).await?;
    check_consent(call, client, &usable, &granted, &mut event).await?;
    event.user(usable.user().id.as_str());
    refresh::prolong(&call.realm, &mut usable, now);
    let minted = renew_tokens(call, client, &token, &usable, &person, &granted).await?;
    note(&mut event, &minted);
    event.detail(
        "access_token_expiration_time",
        minted.access_token_lifespan.0.to_string(),
    );
    let age = now.seconds() - token.issued_at;
    event.detail("age_of_refresh_token", age.0.to_string());
    let also = |part: &mut ClientSession, tx: &mut claviger_store::Tx| {
        name_adapter_session(call, client, part);
        event.success(&call.app, &call.realm, tx);
    };
    let use_of = Use {
        token: &token,
        found: usable,
        now,
    };
    match refresh::renew(&call.app, &call.realm, client, use_of, &also).await {
        Ok(()) => Ok(answer(&minted)),
        Err(error) => {
            let mut event = event.clone();
            Err(refuse(call, &mut event, error).await)
        }
    }
}

async fn renew_tokens(
    call: &Call,
    client: &Client,
    token: &TokenClaims,
    usable: &Usable,
    person: &Person,
    granted: &Granted,
) -> Result<Minted, Problem> {
    let session = usable.session();
    let rotating = call.realm.settings.lifespans.revoke_refresh_token;
    let reuse_id = token
        .text("reuse_id")
        .map(str::to_owned)
        .filter(|_| rotating);
    let original = token.scope.as_deref().unwrap_or_default();
    let issue = Issue {
        realm: &call.realm,
        client,
        usable,
        person,
        granted,
        issuer: call.context.issuer_at(&session.base_path, &call.realm.name),
        code: GrantCode::RefreshToken,
        transient: false,
        nonce: token.text("nonce"),
        refresh: if client.uses_refresh_tokens() {
            Refresh::Next {
                scope: original,
                reuse_id,
            }
        } else {
            Refresh::No
        },
        id_token: has_word(
            usable.part().notes.get("scope").map(String::as_str),
            "openid",
        ),
        front: None,
    };
    Ok(mint(&call.app, &issue).await?)
}

/// The token's scope, narrowed to what was asked for; never wider (RFC 6749 §6).
fn narrowed(token: &TokenClaims, asked: Option<&str>) -> String {
    let original = token.scope.clone().unwrap_or_default();
    let Some(asked) = asked.filter(|text| !text.is_empty()) else {
        return original;
    };
    let asked: BTreeSet<&str> = asked.split(' ').collect();
    let kept: Vec<&str> = original
        .split(' ')
        .filter(|word| asked.contains(word))
        .collect();
    kept.join(" ")
}

/// An offline session lives only as long as its user may have offline access.
async fn check_offline(
    call: &Call,
    client: &Client,
    person: &Person,
    usable: &Usable,
    event: &mut EventBuilder,
) -> Result<(), Problem> {
    if usable.session().kind != SessionKind::Offline {
        return Ok(());
    }
    let granted = Granted::new(&call.realm, client, person, Some(OFFLINE_ACCESS)).await?;
    if granted.offline_permitted() {
        return Ok(());
    }
    let text = "Offline session invalid because offline access not granted anymore";
    event.detail("reason", text);
    let problem = Problem::bad_request(Help::OfflineAccess, "invalid_grant", text);
    Err(call.refuse(event, "invalid_token", problem).await)
}

/// What the user has withdrawn is not handed out again.
async fn check_consent(
    call: &Call,
    client: &Client,
    usable: &Usable,
    granted: &Granted,
    event: &mut EventBuilder,
) -> Result<(), Problem> {
    let (user, asked) = (&usable.user().id, granted.parameter.as_deref());
    if consent::is_given(&call.app, &call.realm, client, user, asked).await? {
        return Ok(());
    }
    let text = "Client no longer has requested consent from user";
    event.detail("reason", text);
    let problem = Problem::bad_request(Help::ConsentRequired, "invalid_scope", text);
    Err(call.refuse(event, "invalid_token", problem).await)
}

/// Records and tells why a refresh token gets nothing.
async fn refuse(call: &Call, event: &mut EventBuilder, error: RefreshError) -> Problem {
    let offline = event.detail_text("refresh_token_type") == Some("Offline");
    let of_offline = if !offline {
        None
    } else if let RefreshError::Unusable(Unusable::SessionExpired(_)) = error {
        Some("Offline session not active")
    } else if let RefreshError::Unusable(Unusable::SessionNotFound) = error {
        Some("Offline user session not found")
    } else {
        None
    };
    let told = match of_offline {
        Some(text) => Ok((Help::SessionNotActive, text.to_owned())),
        None => tell(call, error),
    };
    let (help, text) = match told {
        Ok(told) => told,
        Err(problem) => return problem,
    };
    event.detail("reason", &*text);
    let problem = Problem::bad_request(help, "invalid_grant", text);
    call.refuse(event, "invalid_token", problem).await
}

/// What the client is told of its refresh token, and where help is.
///
/// # Errors
///
/// The problem to answer if the token is not what failed.
pub fn tell(call: &Call, error: RefreshError) -> Result<(Help, String), Problem> {
    let help = match &error {
        RefreshError::Store(_) | RefreshError::Crowded => Help::Busy,
        RefreshError::Unusable(reason) => unusable_help(call, reason),
        RefreshError::Invalid | RefreshError::Issuer { .. } => refused_help(call),
        RefreshError::Stale => Help::TokenBeforeCut,
        RefreshError::NotActive => Help::RefreshTokenExpired,
        RefreshError::Unproven => Help::DpopProof,
        RefreshError::OtherClient => Help::TokenOfAnotherClient,
        RefreshError::Reused => Help::RefreshTokenReused,
    };
    let text = match error {
        RefreshError::Store(error) => return Err(error.into()),
        RefreshError::Crowded => return Err(Problem::busy()),
        RefreshError::Unusable(reason) => unusable_text(&reason).to_owned(),
        other @ (RefreshError::Invalid
        | RefreshError::Issuer { .. }
        | RefreshError::Stale
        | RefreshError::NotActive
        | RefreshError::Unproven
        | RefreshError::OtherClient
        | RefreshError::Reused) => other.to_string(),
    };
    Ok((help, text))
}

const fn unusable_text(reason: &Unusable) -> &'static str {
    match reason {
        Unusable::UserDisabled => "User disabled",
        Unusable::UserNotFound => "Invalid refresh token",
        Unusable::SessionNotFound | Unusable::SessionExpired(_) => "Session not active",
        Unusable::PartNotFound => "Session doesn't have required client",
        Unusable::PartExpired(_) => "Client session not active",
        Unusable::OlderThanSession => "Refresh token issued before the user session started",
        Unusable::OlderThanPart => "refresh token issued before the client session started",
        Unusable::Stale => "Stale token",
        Unusable::RealmDisabled => "Realm not enabled",
        Unusable::ClientDisabled => "Client disabled",
    }
}

/// Where help is for what a refresh token hangs on. A user who is gone reads as a token that never
/// was, and is helped as such.
fn unusable_help(call: &Call, reason: &Unusable) -> Help {
    if *reason == Unusable::UserNotFound {
        refused_help(call)
    } else {
        Help::of_unusable(reason)
    }
}

/// Where help is for a text that is no refresh token of this realm.
fn refused_help(call: &Call) -> Help {
    let text = call.form.get("refresh_token").unwrap_or_default();
    call.help_with_token(text, Expected::Refresh, Help::RefreshTokenInvalid)
}
