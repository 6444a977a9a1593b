//! What a security event token says (RFC 8417 §2, SSF §4, CAEP §2, RFC 9493).

use claviger_model::session::EndReason;
use claviger_model::{Millis, User};
use claviger_wire::document::Json;
use claviger_wire::signal::EventType;
use serde_json::{Value, json};

use super::Stream;
use crate::client::Client;
use crate::mapper;

/// Who caused an event (CAEP §2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Initiator {
    /// An administrator.
    Admin,
    /// The person.
    User,
    /// A rule.
    Policy,
    /// The machinery, or another one's.
    System,
}

impl Initiator {
    /// As events say it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::User => "user",
            Self::Policy => "policy",
            Self::System => "system",
        }
    }
}

/// Who ended a session, and in which words administrators are told why.
pub(super) const fn cause(reason: EndReason) -> (Initiator, &'static str) {
    match reason {
        EndReason::Logout => (Initiator::User, "User logout"),
        EndReason::Admin => (Initiator::Admin, "Ended by an administrator"),
        EndReason::Expired => (Initiator::Policy, "Idle for too long, or too old"),
        EndReason::UserDeleted => (Initiator::Admin, "The user was deleted"),
        EndReason::UserDisabled => (Initiator::Admin, "The user was disabled"),
        EndReason::ClientDeleted => (Initiator::Admin, "The client was deleted"),
        EndReason::ClientDisabled => (Initiator::Admin, "The client was disabled"),
        EndReason::RealmDeleted => (Initiator::Admin, "The realm was deleted"),
        EndReason::RealmDisabled => (Initiator::Admin, "The realm was disabled"),
        EndReason::RefreshTokenReuse => (Initiator::Policy, "A refresh token was used twice"),
        EndReason::CodeReplay => (Initiator::Policy, "An authorization code was used twice"),
        EndReason::TokenRevoked => (Initiator::User, "The token was revoked"),
        EndReason::ConsentRevoked => (Initiator::User, "The consent was withdrawn"),
        EndReason::CredentialChanged => (Initiator::User, "A credential was changed"),
        EndReason::NotBefore => (Initiator::Admin, "Everything before an instant was revoked"),
        EndReason::Policy => (Initiator::Policy, "A rule of the realm"),
        EndReason::Upstream => (Initiator::System, "Another provider ended it"),
    }
}

/// A person as a receiver knows them (RFC 9493 §3.2): by mail address where it wants that and there
/// is one, otherwise by issuer and subject.
pub(super) fn person(stream: &Stream, client: &Client, (id, user): super::Subject<'_>) -> Value {
    let email = user.and_then(|user| user.email.as_deref());
    match (wants_email(client), email) {
        (true, Some(email)) => json!({"format": "email", "email": email}),
        (_, _) => json!({
            "format": "iss_sub", "iss": stream.body.iss, "sub": mapper::subject_of(client, id),
        }),
    }
}

/// Whether a receiver knows people by mail address.
pub(super) fn wants_email(client: &Client) -> bool {
    client.settings.attribute("ssf.userSubjectFormat") == Some("email")
}

/// Something that has no name but its id (RFC 9493 §3.2.5).
pub(super) fn opaque(id: &str) -> Value {
    json!({"format": "opaque", "id": id})
}

/// A session of a person (SSF §3.3).
pub(super) fn session(person: &Value, sid: &str) -> Value {
    json!({"format": "complex", "user": person, "session": opaque(sid)})
}

/// The claims of a token but for `jti`: no `exp`, no `sub`, and one event (SSF §4.1).
pub(super) fn claims(
    stream: &Stream,
    now: Millis,
    txn: &str,
    subject: Value,
    (event, says): (EventType, Json),
) -> Json {
    let mut events = Json::new();
    events.insert(event.uri().to_owned(), Value::Object(says));
    let mut claims = Json::new();
    claims.insert("iss".into(), json!(stream.body.iss));
    claims.insert("iat".into(), json!(now.seconds().0));
    let aud = match stream.body.aud.as_slice() {
        [one] => json!(one),
        many => json!(many),
    };
    claims.insert("aud".into(), aud);
    claims.insert("txn".into(), json!(txn));
    claims.insert("sub_id".into(), subject);
    claims.insert("events".into(), Value::Object(events));
    claims
}

/// What a receiver is told of a mail address that has changed: the former one is the subject
/// (RISC §2.5).
pub(super) fn former_address(user: &User) -> Option<Value> {
    let email = user.email.as_deref()?;
    Some(json!({"format": "email", "email": email}))
}

/// The words of CAEP §3.3.1 for a kind of credential, or Keycloak's own.
pub(super) fn credential_type(kind: &str) -> &str {
    match kind {
        "otp" => "app",
        "webauthn" => "fido2-roaming",
        "webauthn-passwordless" => "fido2-platform",
        other => other,
    }
}
