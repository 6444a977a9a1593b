//! What ties a user to clients and to identity providers.

use claviger_model::user::{Consent, FederatedIdentity};
use claviger_model::{ClientUuid, Millis};
use claviger_wire::document::{Json, Kind};
use claviger_wire::fields::Fields;
use serde_json::Value;

use crate::import::assembly::Assembly;
use crate::import::problem::{At, ImportError};
use crate::import::shape::{each, text, texts};

/// What the user allows clients, each of which is in the file.
pub(super) fn consents(
    assembly: &Assembly<'_>,
    user: &Json,
    at: &At<'_>,
) -> Result<Vec<Consent>, ImportError> {
    let list_at = at.key("clientConsents");
    let mut consents: Vec<Consent> = Vec::new();
    for (index, consent) in each(user, "clientConsents") {
        let at = list_at.index(index);
        let client_id = text(consent, "clientId").unwrap_or_default();
        let client = ClientUuid::new(assembly.client(client_id, &at.key("clientId"))?);
        if consents.iter().any(|other| other.client == client) {
            return Err(at
                .key("clientId")
                .conflict("there are two consents for this client"));
        }
        let scopes_at = at.key("grantedClientScopes");
        let mut scopes = Vec::new();
        for (index, name) in texts(consent, "grantedClientScopes") {
            let Some(scope) = assembly.find(Kind::ClientScope, "", name) else {
                let problem = format!("there is no client scope `{name}`");
                return Err(scopes_at.index(index).invalid(problem));
            };
            scopes.push(scope);
        }
        let time = |member| Fields::of(consent).integer(member).map(Millis);
        let created_at = time("createdDate").unwrap_or(assembly.now);
        let updated_at = time("lastUpdatedDate").unwrap_or(created_at);
        consents.push(Consent {
            client,
            scopes,
            created_at,
            updated_at,
        });
    }
    Ok(consents)
}

/// Who the user is at identity providers: one person at each.
pub(super) fn federated_identities(
    user: &Json,
    at: &At<'_>,
) -> Result<Vec<FederatedIdentity>, ImportError> {
    let mut links: Vec<FederatedIdentity> = Vec::new();
    for (list, alias, id, name) in [
        (
            "federatedIdentities",
            "identityProvider",
            "userId",
            "userName",
        ),
        (
            "socialLinks",
            "socialProvider",
            "socialUserId",
            "socialUsername",
        ),
    ] {
        if list == "socialLinks" && user.get("federatedIdentities").is_some_and(Value::is_array) {
            break;
        }
        let list_at = at.key(list);
        for (index, link) in each(user, list) {
            let at = list_at.index(index);
            let (Some(provider), Some(user_id)) = (text(link, alias), text(link, id)) else {
                return Err(at.invalid(format!("{alias} and {id} must be given")));
            };
            if links.iter().any(|other| other.provider == provider) {
                return Err(at.conflict("there are two links to this identity provider"));
            }
            links.push(FederatedIdentity {
                provider: provider.to_owned(),
                user_id: user_id.to_owned(),
                user_name: text(link, name).map(str::to_owned),
            });
        }
    }
    Ok(links)
}
