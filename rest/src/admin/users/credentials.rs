//! A user's credentials: listed, named, ordered, deleted, and passwords set anew.

use axum::http::{Method, StatusCode};
use claviger_engine::credentials::{moved, write};
use claviger_engine::signal::people::credentials_changed;
use claviger_engine::signal::set::Initiator;
use claviger_model::{Credential, CredentialId, Secret, User};
use claviger_store::Tx;
use claviger_surface::Answer;
use claviger_wire::document::Json;
use claviger_wire::fields::Fields;
use serde_json::{Value, json};

use super::change::{UPDATE_PASSWORD, add_action};
use super::new_credentials::with_plain_password;
use super::{MANAGE, VIEW};
use crate::admin::sessions::user;
use crate::call::{AdminCall, Resource, no_content, read_out};
use crate::problem::{Problem, done};
use crate::route::{Route, route};

const LIST: &str = "/admin/realms/{realm}/users/{user}/credentials";
const ONE: &str = "/admin/realms/{realm}/users/{user}/credentials/{credential}";
const LABEL: &str = "/admin/realms/{realm}/users/{user}/credentials/{credential}/userLabel";
const FIRST: &str = "/admin/realms/{realm}/users/{user}/credentials/{credential}/moveToFirst";
const AFTER: &str =
    "/admin/realms/{realm}/users/{user}/credentials/{credential}/moveAfter/{previous}";
const RESET: &str = "/admin/realms/{realm}/users/{user}/reset-password";
const DISABLE: &str = "/admin/realms/{realm}/users/{user}/disable-credential-types";
const STORAGE: &str = "/admin/realms/{realm}/users/{user}/configured-user-storage-credential-types";
/// Longest label, in characters.
const LABEL_MAX: usize = 255;

/// The rows of this file.
pub(super) fn routes() -> Vec<Route> {
    use Method as M;
    vec![
        route(M::GET, LIST, VIEW, list),
        route(M::DELETE, ONE, MANAGE, delete),
        route(M::PUT, LABEL, MANAGE, label),
        route(M::POST, FIRST, MANAGE, move_to_first),
        route(M::POST, AFTER, MANAGE, move_after),
        route(M::PUT, RESET, MANAGE, reset_password),
        route(M::PUT, DISABLE, MANAGE, disable_types),
        route(M::GET, STORAGE, VIEW, storage_types),
    ]
}

async fn list(call: AdminCall) -> Result<Answer, Problem> {
    let user = user(&call).await?;
    let held = call.app.store.credentials(&call.realm.id, &user.id).await?;
    Ok(read_out(&held.iter().map(shown).collect::<Vec<_>>()))
}

/// `CredentialRepresentation` without the secret.
fn shown(credential: &Credential) -> Json {
    let fields = [
        ("id", json!(credential.id.as_str())),
        ("type", json!(credential.kind.as_str())),
        ("userLabel", json!(credential.user_label)),
        (
            "createdDate",
            json!(credential.created_at.map(|time| time.0)),
        ),
        ("credentialData", json!(credential.credential_data)),
    ];
    let told = fields.into_iter().filter(|(_, value)| !value.is_null());
    told.map(|(name, value)| (name.to_owned(), value)).collect()
}

/// The user, all that they hold, and the credential that the path names.
async fn named(call: &AdminCall) -> Result<(User, Vec<Credential>, Credential), Problem> {
    let user = user(call).await?;
    let held = call.app.store.credentials(&call.realm.id, &user.id).await?;
    let id = call.param("credential");
    let found = held.iter().find(|known| known.id.as_str() == id).cloned();
    let found = found.ok_or_else(|| Problem::not_found("Credential not found"))?;
    Ok((user, held, found))
}

async fn delete(call: AdminCall) -> Result<Answer, Problem> {
    let (user, held, credential) = named(&call).await?;
    let mut after = held.clone();
    after.retain(|known| known.id != credential.id);
    let mut tx = Tx::new();
    tell(&call, &mut tx, &user, (&held, &after)).await?;
    write(&mut tx, &call.realm.id, &user.id, &held, &after);
    let path = call.resource_path();
    let resource = Resource {
        operation: "ACTION",
        kind: "USER",
        path: Some(&path),
    };
    let details = [
        ("credential_id", Some(credential.id.as_str())),
        ("credential_type", Some(credential.kind.as_str())),
        ("credential_user_label", credential.user_label.as_deref()),
    ];
    call.record_with(&mut tx, resource, None, &details);
    done(call.app.commit(tx).await?)?;
    Ok(no_content().no_cache())
}

/// Tells whoever wants to know that an administrator has changed somebody's credentials.
async fn tell(
    call: &AdminCall,
    tx: &mut Tx,
    user: &User,
    lists: (&[Credential], &[Credential]),
) -> Result<(), Problem> {
    let whose = (&user.id, Initiator::Admin);
    Ok(credentials_changed(&call.app, &call.realm, tx, whose, lists).await?)
}

async fn label(call: AdminCall) -> Result<Answer, Problem> {
    call.consumes("text/plain")?;
    let (user, _, mut credential) = named(&call).await?;
    let text = String::from_utf8_lossy(call.body()).into_owned();
    let status = StatusCode::BAD_REQUEST;
    if text.trim().is_empty() {
        let told = "Credential label must not be empty";
        return Err(Problem::described(status, "missingCredentialLabel", told));
    }
    if text.chars().count() > LABEL_MAX {
        let told = format!("Credential label must not be longer than {LABEL_MAX} characters");
        return Err(Problem::described(status, "invalidCredentialLabel", &told));
    }
    credential.user_label = Some(text);
    let mut tx = Tx::new();
    tx.update_credential(&call.realm.id, &user.id, &credential);
    done(call.app.commit(tx).await?)?;
    Ok(no_content())
}

async fn move_to_first(call: AdminCall) -> Result<Answer, Problem> {
    place(&call, None).await
}

async fn move_after(call: AdminCall) -> Result<Answer, Problem> {
    let previous = CredentialId::new(call.param("previous"));
    place(&call, Some(&previous)).await
}

async fn place(call: &AdminCall, behind: Option<&CredentialId>) -> Result<Answer, Problem> {
    let (user, held, credential) = named(call).await?;
    let after = moved(&held, &credential.id, behind);
    let mut tx = Tx::new();
    write(&mut tx, &call.realm.id, &user.id, &held, &after);
    done(call.app.commit(tx).await?)?;
    Ok(no_content())
}

async fn reset_password(call: AdminCall) -> Result<Answer, Problem> {
    let mut user = user(&call).await?;
    let class = "CredentialRepresentation";
    let body = if call.is_nothing() {
        Json::new()
    } else {
        call.json(class)?
    };
    let bad = |text| Problem::error(StatusCode::BAD_REQUEST, text);
    let fields = Fields::of(&body);
    let password = fields
        .text("value")
        .ok_or_else(|| bad("No password provided"))?;
    if password.trim().is_empty() {
        return Err(bad("Empty password not allowed"));
    }
    let held = call.app.store.credentials(&call.realm.id, &user.id).await?;
    let after = with_plain_password(&call, &user, &held, Secret::new(password)).await?;
    if fields.flag("temporary", false) {
        add_action(&mut user, UPDATE_PASSWORD);
    } else {
        user.required_actions
            .retain(|action| action != UPDATE_PASSWORD);
    }
    let mut tx = Tx::new();
    tx.update_user(&call.realm.id, &user);
    tell(&call, &mut tx, &user, (&held, &after)).await?;
    write(&mut tx, &call.realm.id, &user.id, &held, &after);
    let path = call.resource_path();
    let resource = Resource {
        operation: "ACTION",
        kind: "USER",
        path: Some(&path),
    };
    call.record(&mut tx, resource, None);
    done(call.app.commit(tx).await?)?;
    Ok(no_content())
}

/// No type of credential of a user in this store can be switched off: nothing to do.
async fn disable_types(call: AdminCall) -> Result<Answer, Problem> {
    user(&call).await?;
    if !call.is_nothing() {
        call.texts()?;
    }
    Ok(no_content())
}

/// Credentials that another store keeps; users of this one have none.
async fn storage_types(call: AdminCall) -> Result<Answer, Problem> {
    user(&call).await?;
    Ok(read_out(&Vec::<Value>::new()))
}

#[cfg(test)]
mod tests {
    use claviger_model::Millis;
    use claviger_model::user::CredentialType;

    use super::*;

    #[test]
    fn secrets_are_not_shown() {
        let mut credential = Credential {
            id: CredentialId::new("c"),
            kind: CredentialType::Password,
            user_label: None,
            created_at: Some(Millis(5)),
            priority: 10,
            secret_data: "{\"value\":\"secret\"}".to_owned(),
            credential_data: "{}".to_owned(),
        };
        let told = json!({
            "id": "c", "type": "password", "createdDate": 5, "credentialData": "{}",
        });
        assert_eq!(json!(shown(&credential)), told);
        credential.user_label = Some("mine".to_owned());
        assert_eq!(json!(shown(&credential))["userLabel"], "mine");
    }
}
