//! Credentials that come with a user, plain or hashed.

use axum::http::StatusCode;
use claviger_crypto::{HasherError, StoredPassword};
use claviger_engine::credentials::{PasswordRefused, with, with_hashed_password, with_password};
use claviger_model::user::CredentialType;
use claviger_model::{Credential, CredentialId, Millis, Secret, User};
use claviger_wire::document::Json;
use claviger_wire::fields::Fields;

use crate::call::AdminCall;
use crate::problem::Problem;

/// How many credentials one request may bring along.
const CREDENTIALS_MAX: usize = 100;
/// Longest text of a credential's data, in bytes.
const DATA_MAX: usize = 64 * 1024;
/// Types that are kept as they come; what is of another type is passed over.
const KEPT: [&str; 4] = [
    "otp",
    "webauthn",
    "webauthn-passwordless",
    "recovery-authn-codes",
];

/// One credential that was sent.
#[derive(Debug)]
enum Sent {
    /// A password to be hashed.
    Plain(Secret),
    /// A password that was hashed elsewhere.
    Hashed(Credential),
    /// Something else, kept as it came.
    Other(Credential),
    /// Nothing that is kept, or something that is there already.
    Nothing,
}

/// The user's credentials with those that a representation brings along.
pub(super) async fn with_sent(
    call: &AdminCall,
    user: &User,
    held: &[Credential],
    body: &Json,
) -> Result<Vec<Credential>, Problem> {
    let mut after = held.to_vec();
    for (index, credential) in Fields::of(body).objects("credentials").enumerate() {
        if index >= CREDENTIALS_MAX {
            return Err(Problem::bad_request("Too many credentials"));
        }
        let id = Fields::of(credential).filled_text("id");
        if id.is_some_and(|id| after.iter().any(|known| known.id.as_str() == id)) {
            continue;
        }
        let random = || CredentialId::new(call.app.random.uuid());
        after = match read(credential, random, call.app.now())? {
            Sent::Plain(password) => with_plain_password(call, user, &after, password).await?,
            Sent::Hashed(fresh) => with_hashed_password(&call.app, &call.realm, &after, fresh),
            Sent::Other(other) => with(&after, other),
            Sent::Nothing => after,
        };
    }
    Ok(after)
}

/// The user's credentials with a new password, if the realm's policy has nothing against it.
pub(super) async fn with_plain_password(
    call: &AdminCall,
    user: &User,
    held: &[Credential],
    password: Secret,
) -> Result<Vec<Credential>, Problem> {
    let after = with_password(&call.app, &call.realm, user, held, password).await;
    after.map_err(|error| match error {
        PasswordRefused::Policy(violation) => {
            Problem::described(StatusCode::BAD_REQUEST, violation.error, &violation.message)
        }
        PasswordRefused::Hasher(HasherError::Password(error)) => {
            let status = StatusCode::BAD_REQUEST;
            Problem::described(status, "invalidPasswordGenericMessage", &error.to_string())
        }
        PasswordRefused::Hasher(error @ (HasherError::Busy | HasherError::Stopped)) => {
            tracing::warn!("a password was not set: {error}");
            Problem::busy()
        }
    })
}

/// Reads one `CredentialRepresentation`.
fn read(
    credential: &Json,
    new_id: impl FnOnce() -> CredentialId,
    now: Millis,
) -> Result<Sent, Problem> {
    let fields = Fields::of(credential);
    if let Some(password) = fields.filled_text("value") {
        return Ok(Sent::Plain(Secret::new(password)));
    }
    let bad = |text: &str| Problem::bad_request(text);
    let kind = fields
        .filled_text("type")
        .ok_or_else(|| bad("A credential needs a type"))?;
    let is_password = kind == "password";
    if !is_password && !KEPT.contains(&kind.as_str()) {
        return Ok(Sent::Nothing);
    }
    let (secret_data, credential_data) = data(credential, is_password)?;
    let stored = Credential {
        id: fields
            .filled_text("id")
            .map_or_else(new_id, CredentialId::new),
        kind: CredentialType::from(kind.as_str()),
        user_label: fields.filled_text("userLabel"),
        created_at: Some(fields.integer("createdDate").map_or(now, Millis)),
        priority: 0,
        secret_data,
        credential_data,
    };
    if stored.id.as_str().len() > 36 {
        return Err(bad("The id of a credential has at most 36 characters"));
    }
    Ok(if is_password {
        Sent::Hashed(stored)
    } else {
        Sent::Other(stored)
    })
}

/// Secret and parameters as JSON texts; of a password also in the form of releases before 8.
fn data(credential: &Json, is_password: bool) -> Result<(String, String), Problem> {
    let fields = Fields::of(credential);
    if is_password && fields.filled_text("hashedSaltedValue").is_some() {
        let old = StoredPassword::from_flat(credential);
        let old = old.map_err(|error| Problem::bad_request(&error.to_string()))?;
        return Ok((old.secret_data(), old.credential_data()));
    }
    let (secret, data) = (fields.text("secretData"), fields.text("credentialData"));
    let (Some(secret), Some(data)) = (secret, data) else {
        let text = "A credential needs a value, or secretData with credentialData";
        return Err(Problem::bad_request(text));
    };
    for text in [&secret, &data] {
        if text.len() > DATA_MAX || serde_json::from_str::<Json>(text).is_err() {
            let text = "secretData and credentialData must be JSON objects as text";
            return Err(Problem::bad_request(text));
        }
    }
    if is_password && let Err(error) = StoredPassword::parse(&secret, &data) {
        return Err(Problem::bad_request(&error.to_string()));
    }
    Ok((secret, data))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn outcome(credential: &Value) -> String {
        let new_id = || CredentialId::new("new");
        match read(credential.as_object().unwrap(), new_id, Millis(9)) {
            Ok(Sent::Plain(password)) => format!("plain {}", password.reveal()),
            Ok(Sent::Hashed(stored)) => format!("hashed {} {}", stored.id, stored.secret_data),
            Ok(Sent::Other(stored)) => format!("{} {}", stored.kind.as_str(), stored.id),
            Ok(Sent::Nothing) => "nothing".to_owned(),
            Err(problem) => format!("refused {}", problem.status().as_u16()),
        }
    }

    #[test]
    fn credentials_are_taken_plain_hashed_or_as_they_are() {
        let secret = r#"{"value":"aGFzaGhhc2hoYXNoaGFzaA==","salt":"c2FsdHNhbHQ=","additionalParameters":{}}"#;
        let data = r#"{"hashIterations":1,"algorithm":"pbkdf2-sha256","additionalParameters":{}}"#;
        let old = json!({"type": "password", "algorithm": "pbkdf2", "hashIterations": 1,
            "salt": "c2FsdHNhbHQ=", "hashedSaltedValue": "aGFzaGhhc2hoYXNoaGFzaA=="});
        let cases = [
            (json!({"type": "password", "value": "x"}), "plain x"),
            (json!({"value": "x"}), "plain x"),
            (json!({"type": "other", "value": "x"}), "plain x"),
            (
                json!({"type": "other", "secretData": "{}", "credentialData": "{}"}),
                "nothing",
            ),
            (
                json!({"type": "otp", "secretData": "{}", "credentialData": "{}"}),
                "otp new",
            ),
            (
                json!({"type": "otp", "id": "o", "secretData": "{}", "credentialData": "{}"}),
                "otp o",
            ),
            (
                json!({"type": "otp", "secretData": "[]", "credentialData": "{}"}),
                "refused 400",
            ),
            (json!({"type": "otp", "secretData": "{}"}), "refused 400"),
            (json!({"type": "password"}), "refused 400"),
            (json!({"type": "password", "value": ""}), "refused 400"),
            (
                json!({"secretData": "{}", "credentialData": "{}"}),
                "refused 400",
            ),
            (
                json!({"type": "password", "secretData": "zzz", "credentialData": "{}"}),
                "refused 400",
            ),
        ];
        for (credential, expected) in cases {
            assert_eq!(outcome(&credential), expected, "{credential}");
        }
        let hashed = json!({"type": "password", "secretData": secret, "credentialData": data});
        assert!(
            outcome(&hashed).starts_with("hashed new"),
            "{}",
            outcome(&hashed)
        );
        assert!(outcome(&old).starts_with("hashed new"), "{}", outcome(&old));
        let endless = json!({"type": "otp", "id": "x".repeat(37), "secretData": "{}",
            "credentialData": "{}"});
        assert_eq!(outcome(&endless), "refused 400");
    }
}
