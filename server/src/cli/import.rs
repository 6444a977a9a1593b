//! `import`, and `--import-realm` at the start: realms from Keycloak's realm files.

mod placeholders;

use std::path::Path;

use anyhow::{Context as _, bail};
use claviger_engine::defaults::MASTER;
use claviger_engine::import::files::{self, RealmFile};
use claviger_engine::{App, realms};

use crate::settings::transfer::Place;
use crate::settings::{Bootstrap, Settings};

/// The folder of `--import-realm`, below the home directory.
const AT_START: &str = "data/import";
/// Category of what is said about imports.
const CATEGORY: &str = "claviger::import";

/// What becomes of a realm that is there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Existing {
    /// It stays; the file is passed over.
    Keep,
    /// It gives way to the one in the file.
    Replace,
}

/// `import`: reads the one place that was named.
pub fn run(settings: &Settings) -> anyhow::Result<()> {
    let realms = match settings.transfer.place()? {
        Place::File(path) => {
            let (name, bytes) = read(&path)?;
            files::read(&name, &bytes)?
        }
        Place::Dir(dir) => read_folder(&dir)?,
    };
    if realms.is_empty() {
        bail!("there is no realm in what was named");
    }
    let existing = if settings.transfer.replace {
        Existing::Replace
    } else {
        Existing::Keep
    };
    super::with_app(settings, async |app| {
        import_all(&app, realms, existing).await
    })
}

/// Reads what is to be there when the server starts: the usual folder with `--import-realm`, and
/// files that an older variable names. Realms that exist are kept.
pub async fn at_start(app: &App, settings: &Settings, folder: bool) -> anyhow::Result<()> {
    let path = settings.home.join(AT_START);
    if folder && !path.is_dir() {
        tracing::info!(target: CATEGORY, "there is no folder {}", path.display());
    } else if folder {
        import_all(app, read_folder(&path)?, Existing::Keep).await?;
    }
    for path in &settings.transfer.at_start {
        let (name, bytes) = read(path)?;
        import_all(app, files::read(&name, &bytes)?, Existing::Keep).await?;
    }
    Ok(())
}

/// The realms in the JSON files of a folder.
fn read_folder(folder: &Path) -> anyhow::Result<Vec<RealmFile>> {
    let unreadable = || format!("cannot read the folder {}", folder.display());
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).with_context(unreadable)? {
        let path = entry.with_context(unreadable)?.path();
        let json = path
            .extension()
            .is_some_and(|extension| extension == "json");
        if json && path.is_file() {
            paths.push(path);
        }
    }
    paths.sort();
    let texts = paths
        .iter()
        .map(|path| read(path))
        .collect::<anyhow::Result<_>>()?;
    Ok(files::read_folder(texts)?)
}

/// Name and content of a file, variables replaced.
fn read(path: &Path) -> anyhow::Result<(String, Vec<u8>)> {
    let unreadable = || format!("cannot read {}", path.display());
    let length = std::fs::metadata(path).with_context(unreadable)?.len();
    if length > files::MAX_FILE_BYTES as u64 {
        bail!(
            "{} is longer than {} bytes",
            path.display(),
            files::MAX_FILE_BYTES
        );
    }
    let text = std::fs::read_to_string(path).with_context(unreadable)?;
    let lookup = |name: &str| std::env::var(name.strip_prefix("env.").unwrap_or(name)).ok();
    let name = path
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    Ok((name, placeholders::replace(&text, &lookup).into_bytes()))
}

/// Writes realms, the master realm first: the others get a client there.
async fn import_all(
    app: &App,
    mut realms: Vec<RealmFile>,
    existing: Existing,
) -> anyhow::Result<()> {
    realms.sort_by_key(|realm| name_of(realm) != MASTER);
    if realms.first().is_none_or(|realm| name_of(realm) != MASTER) {
        crate::app::prepare(app, &Bootstrap::default()).await?;
    }
    for realm in &realms {
        import_one(app, realm, existing).await?;
    }
    Ok(())
}

fn name_of(realm: &RealmFile) -> &str {
    realm
        .file
        .get("realm")
        .and_then(serde_json::Value::as_str)
        .unwrap_or_default()
}

async fn import_one(app: &App, file: &RealmFile, existing: Existing) -> anyhow::Result<()> {
    let name = name_of(file);
    let failed = || format!("cannot import realm '{name}' of {}", file.name);
    if existing == Existing::Keep && app.realm(name).await.with_context(failed)?.is_some() {
        tracing::info!(target: CATEGORY, "Realm '{name}' already exists. Import skipped");
        return Ok(());
    }
    let created = realms::replace(app, &file.file)
        .await
        .with_context(failed)?;
    for warning in file.warnings.iter().chain(&created.warnings) {
        tracing::warn!(target: CATEGORY, "realm '{name}': {warning}");
    }
    tracing::info!(target: CATEGORY, "Realm '{name}' imported");
    Ok(())
}
