//! The vault: files in a directory, or entries of a PKCS#12 file. Read anew whenever a secret is
//! asked for, so that a secret that is changed counts at once.

use std::collections::HashMap;
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use anyhow::{Context as _, ensure};
use claviger_engine::network::Boxed;
use claviger_engine::vault::Vault;
use claviger_model::Secret;
use tokio::io::AsyncReadExt as _;

use crate::key_files;
use crate::settings::https::StoreFile;
use crate::settings::vault::{Naming, Place, Vault as Settings};

/// Category of what is said about the vault, as in Keycloak's log.
const CATEGORY: &str = "org.keycloak.vault";
/// The longest secret that is read, in bytes.
const LONGEST: u64 = 64 * 1024;

/// Opens the vault that the settings name; fails if there is none.
pub fn open(settings: &Settings) -> anyhow::Result<Arc<dyn Vault>> {
    let names = settings.names.clone();
    Ok(match &settings.place {
        Place::Directory(folder) => {
            ensure!(
                folder.is_dir(),
                "vault-dir: {} is no directory",
                folder.display()
            );
            let folder = folder.clone();
            Arc::new(Files { folder, names })
        }
        Place::KeyStore(store) => {
            let entries = Arc::new(Entries::new(store.clone()));
            entries.refresh().context("the vault cannot be read")?;
            Arc::new(Store { entries, names })
        }
    })
}

impl Naming {
    /// The name of an entry. None if it could lead out of the vault, or to another realm's entry:
    /// the key is whatever an administrator of the realm writes (CVE-2024-10492).
    fn apply(self, realm: &str, key: &str) -> Option<String> {
        let plain = |part: &str| {
            let mut components = Path::new(part).components();
            let one = matches!(components.next(), Some(Component::Normal(_)));
            one && components.next().is_none() && !part.contains(['/', '\\', '\0'])
        };
        if !plain(realm) || !plain(key) {
            return None;
        }
        let doubled = |part: &str| part.replace('_', "__");
        Some(match self {
            Self::RealmUnderscoreKey => format!("{}_{}", doubled(realm), doubled(key)),
            Self::KeyOnly => doubled(key),
            Self::RealmFileSeparatorKey => format!("{realm}/{key}"),
        })
    }
}

/// The names to be tried, in order; none at all if one of them may not be.
fn names(naming: &[Naming], realm: &str, key: &str) -> Vec<String> {
    let all: Option<Vec<String>> = naming.iter().map(|one| one.apply(realm, key)).collect();
    all.unwrap_or_else(|| {
        tracing::warn!(target: CATEGORY, realm, "a name that leads out of the vault is refused");
        Vec::new()
    })
}

/// One file for each secret.
struct Files {
    folder: PathBuf,
    names: Vec<Naming>,
}

impl Vault for Files {
    fn secret<'a>(&'a self, realm: &'a str, key: &'a str) -> Boxed<'a, Option<Secret>> {
        Box::pin(async move {
            for name in names(&self.names, realm, key) {
                match read(&self.folder.join(&name)).await {
                    Ok(Some(secret)) => return Some(secret),
                    Ok(None) => {}
                    Err(error) => {
                        tracing::error!(target: CATEGORY, "the vault's {name}: {error:#}");
                        return None;
                    }
                }
            }
            tracing::warn!(target: CATEGORY, realm, key, "the vault has no such secret");
            None
        })
    }
}

/// The text of a file, without the line break that editors put at its end; none if there is no file.
async fn read(path: &Path) -> anyhow::Result<Option<Secret>> {
    let file = match tokio::fs::File::open(path).await {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error).context("cannot be read"),
    };
    let mut bytes = Vec::new();
    file.take(LONGEST + 1)
        .read_to_end(&mut bytes)
        .await
        .context("cannot be read")?;
    ensure!(
        bytes.len() as u64 <= LONGEST,
        "is longer than {LONGEST} bytes"
    );
    let text = String::from_utf8(bytes).ok().context("is not UTF-8")?;
    let text = text.strip_suffix('\n').unwrap_or(&text);
    Ok(Some(Secret::new(text.strip_suffix('\r').unwrap_or(text))))
}

/// One entry of a key store for each secret.
struct Store {
    entries: Arc<Entries>,
    names: Vec<Naming>,
}

impl Vault for Store {
    fn secret<'a>(&'a self, realm: &'a str, key: &'a str) -> Boxed<'a, Option<Secret>> {
        Box::pin(async move {
            let names = names(&self.names, realm, key);
            let entries = Arc::clone(&self.entries);
            // Decrypting a file is work for a thread of its own.
            let looked = tokio::task::spawn_blocking(move || entries.first(&names)).await;
            let found = looked.ok().flatten();
            if found.is_none() {
                tracing::warn!(target: CATEGORY, realm, key, "the vault has no such secret");
            }
            found
        })
    }
}

/// The entries of a key store, decrypted once for each time that the file was written.
struct Entries {
    store: StoreFile,
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    written: Option<SystemTime>,
    secrets: HashMap<String, Secret>,
}

impl Entries {
    fn new(store: StoreFile) -> Self {
        Self {
            store,
            held: Mutex::default(),
        }
    }

    /// Reads the file if it was written since.
    fn refresh(&self) -> anyhow::Result<()> {
        let path = &self.store.path;
        let meta =
            std::fs::metadata(path).with_context(|| format!("cannot read {}", path.display()))?;
        let written = meta.modified().ok();
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if written.is_some() && written == held.written {
            return Ok(());
        }
        held.secrets = key_files::secrets(&self.store)?;
        held.written = written;
        Ok(())
    }

    fn first(&self, names: &[String]) -> Option<Secret> {
        if let Err(error) = self.refresh() {
            // Half a file may be there while it is written: what was good stays good.
            tracing::error!(target: CATEGORY, "the vault cannot be read: {error:#}");
        }
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        // Java's key stores know names in lower case only.
        names
            .iter()
            .find_map(|name| held.secrets.get(&name.to_lowercase()).cloned())
    }
}

#[cfg(test)]
mod tests;
