//! Keys for key providers that have none yet.

use claviger_crypto::key_provider::{self, ConfigProblem};
use claviger_crypto::key_ring::{config_from_json, config_to_json};
use claviger_crypto::random::Random;
use claviger_model::Millis;
use claviger_wire::component::KEY_PROVIDER;
use claviger_wire::document::{Document, Kind};

use super::problem::{ImportError, ImportProblem};
use super::shape::text;

/// Checks the key providers among the documents and generates the keys that they lack. RSA takes
/// up to a second a key: hand the call to a blocking thread.
///
/// # Errors
/// If a given key or setting cannot be used.
pub fn complete(
    documents: &mut [Document],
    realm: &str,
    random: &Random,
    now: Millis,
) -> Result<(), ImportError> {
    let mut position = 0;
    for document in documents
        .iter_mut()
        .filter(|document| document.kind == Kind::Component)
    {
        if text(&document.body, "providerType") != Some(KEY_PROVIDER) {
            continue;
        }
        let provider = text(&document.body, "providerId").unwrap_or_default();
        let config = document
            .body
            .get("config")
            .map(config_from_json)
            .unwrap_or_default();
        let config = key_provider::complete(provider, config, realm, random, now)
            .map_err(|problem| refuse(position, &problem))?;
        document
            .body
            .insert("config".to_owned(), config_to_json(&config));
        position += 1;
    }
    Ok(())
}

/// Whether any key provider among the documents would have to generate an RSA key.
pub fn are_missing(documents: &[Document]) -> bool {
    documents.iter().any(|document| {
        text(&document.body, "providerType") == Some(KEY_PROVIDER)
            && text(&document.body, "providerId").is_some_and(|id| id.starts_with("rsa"))
            && document
                .body
                .get("config")
                .and_then(|config| config.get("privateKey"))
                .is_none()
    })
}

fn refuse(position: usize, problem: &ConfigProblem) -> ImportError {
    ImportError {
        path: format!("components.{KEY_PROVIDER}[{position}].config"),
        message: problem.to_string(),
        problem: ImportProblem::Invalid,
    }
}
