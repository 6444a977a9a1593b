//! `import`, and `--import-realm` at the start: realms from Keycloak's realm files.

mod placeholders;
mod progress;

use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, bail};
use claviger_engine::App;
use claviger_engine::defaults::MASTER;
use claviger_engine::import::carry;
use claviger_engine::import::files::{self, RealmFile, Source};

use crate::settings::transfer::Place;
use crate::settings::{Bootstrap, Settings};
use placeholders::Replacing;
pub(super) use progress::Meter;

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
    let sources = match settings.transfer.place()? {
        Place::File(path) => vec![source(path)],
        Place::Dir(dir) => folder(&dir)?,
    };
    let realms = files::survey(&sources)?;
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
pub async fn at_start(app: &App, settings: &Settings, import_realm: bool) -> anyhow::Result<()> {
    let path = settings.home.join(AT_START);
    if import_realm && !path.is_dir() {
        tracing::info!(target: CATEGORY, "there is no folder {}", path.display());
    } else if import_realm {
        let realms = files::survey(&folder(&path)?)?;
        import_all(app, realms, Existing::Keep).await?;
    }
    for path in &settings.transfer.at_start {
        let realms = files::survey(&[source(path.clone())])?;
        import_all(app, realms, Existing::Keep).await?;
    }
    Ok(())
}

/// The JSON files of a folder.
fn folder(folder: &Path) -> anyhow::Result<Vec<Arc<dyn Source>>> {
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
    Ok(paths.into_iter().map(source).collect())
}

/// A file on the disk, its variables replaced as it is read.
struct OnDisk {
    path: PathBuf,
    name: String,
}

fn source(path: PathBuf) -> Arc<dyn Source> {
    let name = path.file_name().unwrap_or_default();
    let name = name.to_string_lossy().into_owned();
    Arc::new(OnDisk { path, name })
}

impl Source for OnDisk {
    fn name(&self) -> &str {
        &self.name
    }

    fn open(&self) -> io::Result<Box<dyn Read + Send>> {
        let file = std::fs::File::open(&self.path)?;
        let lookup = |name: &str| std::env::var(name.strip_prefix("env.").unwrap_or(name)).ok();
        Ok(Box::new(Replacing::new(file, lookup)))
    }
}

/// Writes realms, the master realm first: the others get a client there.
async fn import_all(
    app: &App,
    mut realms: Vec<RealmFile>,
    existing: Existing,
) -> anyhow::Result<()> {
    realms.sort_by_key(|realm| realm.realm() != MASTER);
    if realms.first().is_none_or(|realm| realm.realm() != MASTER) {
        crate::app::prepare(app, &Bootstrap::default()).await?;
    }
    for realm in &realms {
        import_one(app, realm, existing).await?;
    }
    Ok(())
}

async fn import_one(app: &App, file: &RealmFile, existing: Existing) -> anyhow::Result<()> {
    let name = file.realm();
    let failed = || format!("cannot import realm '{name}' of {}", file.name);
    if existing == Existing::Keep && app.realm(name).await.with_context(failed)?.is_some() {
        tracing::info!(target: CATEGORY, "Realm '{name}' already exists. Import skipped");
        return Ok(());
    }
    let mut meter = Meter::new(&format!("Realm '{name}'"), Some(file.people));
    let created = carry::replace(app, file, &mut |progress| meter.tell(progress.done)).await;
    meter.end();
    let created = created.with_context(failed)?;
    for warning in &created.warnings {
        tracing::warn!(target: CATEGORY, "realm '{name}': {warning}");
    }
    tracing::info!(target: CATEGORY, "Realm '{name}' imported");
    Ok(())
}
