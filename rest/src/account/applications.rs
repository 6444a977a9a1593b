//! The applications that somebody uses: signed in now, allowed to know something, or shown to all.

use std::collections::{BTreeSet, HashMap};

use claviger_engine::client::Client;
use claviger_engine::mapper::origin::below_root;
use claviger_model::ClientUuid;
use claviger_model::session::SessionKind;
use claviger_model::user::Consent;
use claviger_store::StoreError;
use claviger_surface::Answer;
use serde_json::{Value, json};

use super::call::AccountCall;
use super::consents;
use crate::call::read_out;
use crate::problem::Problem;

/// All of them; with `name`, those whose name has it.
pub(super) async fn list(call: &AccountCall) -> Result<Answer, Problem> {
    call.require(&["manage-account", "view-applications"])?;
    let (store, realm, user) = (&call.app.store, &call.realm, &call.user().id);
    let of_kind = |kind| store.clients_of_user(&realm.id, kind, user);
    let in_use = of_kind(SessionKind::Online).await?;
    let offline = of_kind(SessionKind::Offline).await?;
    let consents = store.consents(&realm.id, user).await?;
    let consents: HashMap<ClientUuid, Consent> = consents
        .into_iter()
        .map(|consent| (consent.client.clone(), consent))
        .collect();
    let shown_to_all = realm.displayed_clients().await?;
    let all = in_use.iter().chain(&offline).chain(consents.keys());
    let all: BTreeSet<&ClientUuid> = all.chain(shown_to_all.iter()).collect();
    let wanted = call.query.get("name").map(str::to_lowercase);
    let mut told = Vec::new();
    for uuid in all {
        let Some(client) = realm.client_by_uuid(uuid).await? else {
            continue;
        };
        let name = client.settings.name.as_deref().unwrap_or_default();
        let is_wanted = wanted
            .as_ref()
            .is_none_or(|wanted| !name.is_empty() && name.to_lowercase().contains(wanted));
        if client.settings.bearer_only || !is_wanted {
            continue;
        }
        let standing = (in_use.contains(uuid), offline.contains(uuid));
        let one = shown(call, &client, standing, consents.get(uuid)).await?;
        told.push((client.client_id.clone(), one));
    }
    told.sort_by(|(one, _), (other, _)| one.cmp(other));
    let told: Vec<Value> = told.into_iter().map(|(_, one)| one).collect();
    Ok(read_out(&told))
}

/// The account's `ClientRepresentation`.
async fn shown(
    call: &AccountCall,
    client: &Client,
    (in_use, offline): (bool, bool),
    consent: Option<&Consent>,
) -> Result<Value, StoreError> {
    let settings = &client.settings;
    let mut body = json!({
        "clientId": client.client_id,
        "userConsentRequired": settings.consent_required,
        "inUse": in_use,
        "offlineAccess": offline,
    });
    let Some(members) = body.as_object_mut() else {
        return Ok(body);
    };
    let mut put = |name: &str, value: Option<&str>| {
        members.extend(value.map(|value| (name.to_owned(), json!(value))));
    };
    put("clientName", settings.name.as_deref());
    put("description", settings.description.as_deref());
    put("rootUrl", settings.root_url.as_deref());
    put("baseUrl", settings.base_url.as_deref());
    let start = settings.base_url.as_deref().filter(|base| !base.is_empty());
    let start = start.map(|base| below_root(client, &call.context.base_url, base));
    put("effectiveUrl", start.as_deref());
    if let Some(consent) = consent {
        put("logoUri", settings.attribute("logoUri"));
        put("policyUri", settings.attribute("policyUri"));
        put("tosUri", settings.attribute("tosUri"));
        let told = consents::shown(call, client, consent, true).await?;
        members.insert("consent".to_owned(), told);
    }
    Ok(body)
}
