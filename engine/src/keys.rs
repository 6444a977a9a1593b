//! A realm's keys, from its components; and a key for an algorithm that it has none for.

use std::collections::BTreeSet;
use std::sync::Arc;

use claviger_crypto::key_provider::{self, fallback_provider};
use claviger_crypto::key_ring::{KeyProviderConfig, KeyRing, config_to_json};
use claviger_crypto::{Algorithm, KeyUse};
use claviger_store::{StoreError, Tx};
use claviger_wire::component::KEY_PROVIDER;
use claviger_wire::document::{Document, Kind};
use serde_json::json;

use crate::app::App;
use crate::realm::Realm;

/// What keys are for that encrypt what only the realm itself reads.
pub const AES: &str = "AES";

/// The key ring of a realm's components; components of other kinds are passed over.
pub fn ring(components: &[Document]) -> KeyRing {
    let providers: Vec<KeyProviderConfig> = components
        .iter()
        .filter_map(|component| KeyProviderConfig::from_component(&component.body))
        .collect();
    KeyRing::new(&providers)
}

/// The key ring of a realm with an active key for each of some algorithms. What is missing is
/// generated and kept as a component, as Keycloak does: a client may ask for ES256 in a realm that
/// was made with RSA keys alone. What cannot be generated stays missing.
pub async fn ring_for(
    app: &App,
    realm: &Realm,
    algorithms: &[Algorithm],
) -> Result<Arc<KeyRing>, StoreError> {
    let ring = realm.keys().await?;
    let now = app.now();
    // An access token and an ID token of the same algorithm need one key.
    let missing: BTreeSet<Algorithm> = algorithms
        .iter()
        .copied()
        .filter(|algorithm| ring.active(*algorithm, now).is_none())
        .collect();
    let mut made = false;
    for algorithm in missing {
        made |= generate(app, realm, KeyUse::Sig, algorithm.name()).await?;
    }
    if made {
        return fresh(app, realm).await;
    }
    Ok(ring)
}

/// The key ring of a realm with an active key for what only the realm itself reads: cookies.
pub async fn ring_with_aes(app: &App, realm: &Realm) -> Result<Arc<KeyRing>, StoreError> {
    let ring = realm.keys().await?;
    let is_there = ring.active_key(KeyUse::Enc, AES, app.now()).is_some();
    if is_there || !generate(app, realm, KeyUse::Enc, AES).await? {
        return Ok(ring);
    }
    fresh(app, realm).await
}

/// The keys as they are now that one was made.
async fn fresh(app: &App, realm: &Realm) -> Result<Arc<KeyRing>, StoreError> {
    match app.realm(&realm.name).await? {
        Some(fresh) => fresh.keys().await,
        None => realm.keys().await,
    }
}

async fn generate(
    app: &App,
    realm: &Realm,
    key_use: KeyUse,
    algorithm: &str,
) -> Result<bool, StoreError> {
    let Some(fallback) = fallback_provider(key_use, algorithm) else {
        return Ok(false);
    };
    let (random, now, name) = (app.random.clone(), app.now(), realm.name.clone());
    let provider = fallback.provider;
    let made = tokio::task::spawn_blocking(move || {
        key_provider::complete(provider.id(), fallback.config, &name, &random, now)
    });
    let config = match made.await {
        Ok(Ok(config)) => config,
        Ok(Err(problem)) => {
            tracing::error!("no key for {algorithm}: {problem:?}");
            return Ok(false);
        }
        Err(error) => {
            tracing::error!("no key for {algorithm}: {error}");
            return Ok(false);
        }
    };
    let id = app.random.uuid();
    let body = json!({
        "id": id,
        "name": fallback.name,
        "providerId": provider.id(),
        "providerType": KEY_PROVIDER,
        "parentId": realm.id.as_str(),
        "config": config_to_json(&config),
    });
    let mut tx = Tx::new();
    tx.insert_document(
        &realm.id,
        &Document {
            kind: Kind::Component,
            id: id.clone(),
            parent: realm.id.as_str().to_owned(),
            unique_name: id,
            enabled: true,
            body: body.as_object().cloned().unwrap_or_default(),
        },
    );
    // Two requests at once make two keys; both are good, and the same one of them signs.
    Ok(app.commit(tx).await?.is_done())
}
