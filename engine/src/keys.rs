//! A realm's keys, from its components.

use claviger_crypto::key_ring::{KeyProviderConfig, KeyRing};
use claviger_wire::document::Document;

/// The key ring of a realm's components; components of other kinds are passed over.
pub fn ring(components: &[Document]) -> KeyRing {
    let providers: Vec<KeyProviderConfig> = components
        .iter()
        .filter_map(|component| KeyProviderConfig::from_component(&component.body))
        .collect();
    KeyRing::new(&providers)
}
