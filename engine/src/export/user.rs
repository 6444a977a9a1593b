//! A user in a realm file.

use claviger_model::user::Credential;
use claviger_wire::document::Json;
use serde_json::{Value, json};

use super::configuration::Configuration;
use crate::import::{NewCredential, NewUser};

/// The representation of a user, with all that hangs on it.
pub(crate) fn representation(all: &Configuration<'_>, new: &NewUser, with_roles: bool) -> Json {
    let user = &new.user;
    let mut body = claviger_wire::user::representation(user);
    let mut kept = new.kept.clone();
    let of_credentials = kept.shift_remove("credentials").unwrap_or_default();
    body.append(&mut kept);
    body.insert("totp".to_owned(), json!(new.credentials.iter().any(is_otp)));
    let credentials = new.credentials.iter().filter_map(stored);
    let credentials = credentials.map(|one| credential(one, of_credentials.get(one.id.as_str())));
    body.insert("credentials".to_owned(), credentials.collect());
    body.insert("disableableCredentialTypes".to_owned(), json!([]));
    if let Some(client) = &user.service_account_of
        && let Some(client_id) = all.client_id(client.as_str())
    {
        body.insert("serviceAccountClientId".to_owned(), json!(client_id));
    }
    if let Some(link) = &user.federation_link {
        body.insert("federationLink".to_owned(), json!(link));
    }
    if !new.federated_identities.is_empty() {
        let links = new.federated_identities.iter().map(|link| {
            let mut body = json!({"identityProvider": link.provider, "userId": link.user_id});
            if let (Some(name), Some(body)) = (&link.user_name, body.as_object_mut()) {
                body.insert("userName".to_owned(), json!(name));
            }
            body
        });
        body.insert("federatedIdentities".to_owned(), links.collect());
    }
    add_consents(all, new, &mut body);
    if with_roles {
        let roles = all.role_names(new.roles.iter().map(claviger_model::RoleId::as_str));
        if !roles.realm.is_empty() {
            body.insert("realmRoles".to_owned(), json!(roles.realm));
        }
        if !roles.clients.is_empty() {
            body.insert("clientRoles".to_owned(), json!(roles.clients));
        }
        let mut paths: Vec<String> = new
            .groups
            .iter()
            .filter_map(|group| all.group_path(group.as_str()))
            .collect();
        paths.sort_unstable();
        body.insert("groups".to_owned(), json!(paths));
    }
    body
}

fn add_consents(all: &Configuration<'_>, new: &NewUser, body: &mut Json) {
    let consents: Vec<Value> = new
        .consents
        .iter()
        .filter_map(|consent| {
            let mut scopes: Vec<&str> = consent
                .scopes
                .iter()
                .filter_map(|scope| all.scope_name(scope))
                .collect();
            scopes.sort_unstable();
            Some(json!({
                "clientId": all.client_id(consent.client.as_str())?,
                "grantedClientScopes": scopes,
                "createdDate": consent.created_at.0,
                "lastUpdatedDate": consent.updated_at.0,
            }))
        })
        .collect();
    if !consents.is_empty() {
        body.insert("clientConsents".to_owned(), Value::Array(consents));
    }
}

fn stored(credential: &NewCredential) -> Option<&Credential> {
    match credential {
        NewCredential::Stored(credential) => Some(credential),
        NewCredential::Password(_) => None,
    }
}

fn is_otp(credential: &NewCredential) -> bool {
    stored(credential).is_some_and(|credential| credential.kind.as_str() == "otp")
}

/// A credential with its members that nobody knows; its priority is its place in the list.
fn credential(credential: &Credential, kept: Option<&Value>) -> Value {
    let mut body = json!({
        "id": credential.id.as_str(),
        "type": credential.kind.as_str(),
        "secretData": credential.secret_data,
        "credentialData": credential.credential_data,
    });
    if let Some(body) = body.as_object_mut() {
        if let Some(label) = &credential.user_label {
            body.insert("userLabel".to_owned(), json!(label));
        }
        if let Some(created) = credential.created_at {
            body.insert("createdDate".to_owned(), json!(created.0));
        }
        let kept = kept.and_then(Value::as_object).into_iter().flatten();
        body.extend(kept.map(|(name, value)| (name.clone(), value.clone())));
    }
    body
}
