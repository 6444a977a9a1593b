//! From settings to the running engine: the store, the clock, randomness, the way out.

use std::fs::DirBuilder;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use claviger_crypto::password_hasher::PasswordHasher;
use claviger_crypto::random::Random;
use claviger_engine::App;
use claviger_engine::clock::Clock;
use claviger_engine::network::Nobody;
use claviger_store::{Database, Store};

use crate::settings::Settings;

/// Opens the store and puts the engine over it.
pub async fn open(settings: &Settings) -> anyhow::Result<App> {
    if let Database::Sqlite { path } = &settings.database.database
        && let Some(folder) = path.parent()
    {
        make_folder(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    }
    let store = Store::open(&settings.database)
        .await
        .context("cannot open the database")?;
    let random = Random::system();
    let hasher = PasswordHasher::start(&random).context("cannot start the password hasher")?;
    Ok(App::new(
        store,
        Clock::system(),
        random,
        hasher,
        Arc::new(Nobody),
    ))
}

/// Makes a folder that only its owner may read: it holds keys and password hashes.
fn make_folder(folder: &Path) -> std::io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

pub async fn prepare(_app: &App, _settings: &Settings) -> anyhow::Result<()> {
    Ok(())
}
pub async fn create_admin_user(
    _app: &App,
    _n: &str,
    _s: &claviger_model::Secret,
) -> anyhow::Result<()> {
    Ok(())
}
pub async fn create_admin_service(
    _app: &App,
    _n: &str,
    _s: &claviger_model::Secret,
) -> anyhow::Result<()> {
    Ok(())
}
