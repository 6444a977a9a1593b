//! What a user's representation has that nobody knows: kept, and given back by exports.

use claviger_wire::document::Json;
use serde_json::Value;

use super::NewCredential;
use crate::import::shape::each;

/// Members of a user that are read, or that say what others say already.
const KNOWN: &[&str] = &[
    "access",
    "applicationRoles",
    "attributes",
    "clientConsents",
    "clientRoles",
    "createdTimestamp",
    "credentials",
    "disableableCredentialTypes",
    "email",
    "emailVerified",
    "enabled",
    "federatedIdentities",
    "federationLink",
    "firstName",
    "groups",
    "id",
    "lastName",
    "notBefore",
    "origin",
    "realmRoles",
    "requiredActions",
    "self",
    "serviceAccountClientId",
    "socialLinks",
    "totp",
    "userProfileMetadata",
    "username",
];

/// Members of a credential that are read, or that its place in the list says.
const KNOWN_OF_CREDENTIALS: &[&str] = &[
    "algorithm",
    "counter",
    "createdDate",
    "credentialData",
    "device",
    "digits",
    "federationLink",
    "hashIterations",
    "hashedSaltedValue",
    "id",
    "period",
    "priority",
    "salt",
    "secretData",
    "temporary",
    "type",
    "userLabel",
    "value",
];

/// The rest of a user, that of its credentials under `credentials` by their ids.
pub(super) fn members(user: &Json, credentials: &[NewCredential]) -> Json {
    let mut rest = without(user, KNOWN);
    let mut of_credentials = Json::new();
    for ((_, given), credential) in each(user, "credentials").zip(credentials) {
        let rest = without(given, KNOWN_OF_CREDENTIALS);
        if let NewCredential::Stored(credential) = credential
            && !rest.is_empty()
        {
            of_credentials.insert(credential.id.as_str().to_owned(), Value::Object(rest));
        }
    }
    if !of_credentials.is_empty() {
        rest.insert("credentials".to_owned(), Value::Object(of_credentials));
    }
    rest
}

fn without(object: &Json, known: &[&str]) -> Json {
    let rest = object
        .iter()
        .filter(|(name, value)| !known.contains(&name.as_str()) && !value.is_null());
    rest.map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}
