//! Where secrets are kept that configuration only refers to.

use std::path::PathBuf;

use super::UsageError;
use super::https::{StoreFile, only_java};
use super::value::Values;

/// A vault, and how its entries are named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vault {
    /// Where it is.
    pub place: Place,
    /// How an entry is named; all are tried, in order.
    pub names: Vec<Naming>,
}

/// Where a vault is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A directory with one file for each secret.
    Directory(PathBuf),
    /// A PKCS#12 file with one entry for each secret.
    KeyStore(StoreFile),
}

/// How an entry is named after the realm and the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Naming {
    /// `realm_key`, each `_` within either doubled.
    RealmUnderscoreKey,
    /// `key`, each `_` doubled: all realms share their secrets.
    KeyOnly,
    /// `realm/key`, a directory for each realm.
    RealmFileSeparatorKey,
}

impl Vault {
    /// Reads `vault`, `vault-dir`, `vault-file`, `vault-pass`, `vault-type` and the names that
    /// `spi-vault--…--key-resolvers` asks for.
    pub(super) fn check(values: &Values<'_>) -> Result<Option<Self>, UsageError> {
        let path = |name: &str| match values.text(name) {
            Some(text) => Ok(PathBuf::from(text)),
            None => Err(UsageError(format!(
                "option vault is given without {name}: where the secrets are is not known"
            ))),
        };
        let (place, provider) = match values.text("vault") {
            None => return Ok(None),
            Some("keystore") => (
                Place::KeyStore(key_store(values, path("vault-file")?)?),
                "keystore",
            ),
            Some(_) => (Place::Directory(path("vault-dir")?), "file"),
        };
        let option = format!("spi-vault--{provider}--key-resolvers");
        let mut names = values
            .list(&option)
            .map(naming)
            .collect::<Result<Vec<_>, _>>()?;
        if names.is_empty() {
            names.push(Naming::RealmUnderscoreKey);
        }
        Ok(Some(Self { place, names }))
    }
}

fn key_store(values: &Values<'_>, path: PathBuf) -> Result<StoreFile, UsageError> {
    let kind = values.text("vault-type").unwrap_or("PKCS12");
    if !kind.eq_ignore_ascii_case("PKCS12") {
        return Err(only_java(&path, "vault-type"));
    }
    let password = values
        .secret("vault-pass")
        .ok_or_else(|| UsageError("option vault is given without vault-pass".to_owned()))?;
    Ok(StoreFile { path, password })
}

fn naming(text: &str) -> Result<Naming, UsageError> {
    match text.to_ascii_uppercase().as_str() {
        "REALM_UNDERSCORE_KEY" => Ok(Naming::RealmUnderscoreKey),
        "KEY_ONLY" => Ok(Naming::KeyOnly),
        "REALM_FILESEPARATOR_KEY" => Ok(Naming::RealmFileSeparatorKey),
        _ => Err(UsageError(format!(
            "key-resolvers of the vault: {text} is none; there are REALM_UNDERSCORE_KEY, KEY_ONLY \
             and REALM_FILESEPARATOR_KEY"
        ))),
    }
}
