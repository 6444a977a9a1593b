//! From settings to the running engine: the store, the clock, randomness, the way out; and what a
//! fresh database needs before anybody can be served.

use std::fs::DirBuilder;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use claviger_crypto::password_hasher::PasswordHasher;
use claviger_crypto::random::Random;
use claviger_engine::bootstrap::BootstrapError;
use claviger_engine::clock::Clock;
use claviger_engine::defaults::MASTER;
use claviger_engine::network::{Network, Nobody};
use claviger_engine::script::Scripts;
use claviger_engine::{App, bootstrap, realms};
use claviger_model::Secret;
use claviger_outbound::Fetcher;
use claviger_store::{Database, Store, UserQuery};

use crate::machine::Host;
use crate::settings::{Bootstrap, Mode, Settings};
use crate::trust;

/// Category of what is said about administration, as in Keycloak's log.
const CATEGORY: &str = "org.keycloak.services";

/// Opens the store and puts the engine over it.
pub async fn open(settings: &Settings) -> anyhow::Result<App> {
    if let Database::Sqlite { path } = &settings.database.database
        && let Some(folder) = path.parent()
    {
        make_folder(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    }
    let store = Store::open(&trust::database(settings)?)
        .await
        .context("cannot open the database")?;
    let random = Random::system();
    let hasher = PasswordHasher::start(&random).context("cannot start the password hasher")?;
    let network: Arc<dyn Network> = match settings.mode {
        Mode::Offline => Arc::new(Nobody),
        Mode::Development | Mode::Production => {
            let fetcher = Fetcher::new(&trust::calls(settings)?);
            Arc::new(fetcher.context("cannot prepare calls to others")?)
        }
    };
    let app = App::new(store, Clock::system(), random, hasher, network);
    let app = app.with_machine(Arc::new(Host::new(settings.home.join("themes"))));
    let app = app.with_scripts(scripts(settings).context("cannot read the scripts")?);
    let app = if settings.legacy_redirect_uri {
        app.with_legacy_redirect_uri()
    } else {
        app
    };
    let app = if settings.features.docker {
        app.with_docker()
    } else {
        app
    };
    let app = match settings.hostname.url() {
        Some(url) => app.with_public_url(&url),
        None => app,
    };
    match &settings.vault {
        Some(vault) => Ok(app.with_vault(crate::vault::open(vault)?)),
        None => Ok(app),
    }
}

fn scripts(settings: &Settings) -> anyhow::Result<Scripts> {
    if !settings.features.scripts {
        return Ok(Scripts::default());
    }
    #[cfg(feature = "scripts")]
    return crate::scripts::load(&settings.home);
    #[cfg(not(feature = "scripts"))]
    anyhow::bail!("this program was built without them")
}

/// Makes a folder that only its owner may read: it holds keys and password hashes.
pub fn make_folder(folder: &Path) -> std::io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// Makes the master realm if there is none, and the administrators that were asked for as long as
/// it has no user.
pub async fn prepare(app: &App, asked: &Bootstrap) -> anyhow::Result<()> {
    if realms::ensure_master(app)
        .await
        .context("cannot make the master realm")?
    {
        tracing::info!(target: CATEGORY, "KC-SERVICES0050: Initializing {MASTER} realm");
    }
    if asked.user.is_none() && asked.service.is_none() {
        return Ok(());
    }
    let master = app
        .realm(MASTER)
        .await?
        .context("there is no master realm")?;
    let everybody = UserQuery {
        include_service_accounts: true,
        ..UserQuery::default()
    };
    if app.store.count_users(&master.id, &everybody).await? > 0 {
        return Ok(());
    }
    let (user, service) = (named(asked.user.as_ref()), named(asked.service.as_ref()));
    match bootstrap::first_admins(app, user, service).await {
        Ok(()) => {}
        Err(error) => {
            let taken = matches!(error, BootstrapError::Exists(_));
            if taken && app.store.count_users(&master.id, &everybody).await? > 0 {
                // Another node was faster.
                return Ok(());
            }
            return Err(error).context("cannot create the temporary administrators");
        }
    }
    if let Some((name, _)) = &asked.user {
        tracing::info!(
            target: CATEGORY,
            "KC-SERVICES0077: Created temporary admin user with username {name}"
        );
    }
    if let Some((client_id, _)) = &asked.service {
        tracing::info!(
            target: CATEGORY,
            "KC-SERVICES0078: Created temporary admin service account with client id {client_id}"
        );
    }
    Ok(())
}

fn named(admin: Option<&(String, Secret)>) -> Option<(&str, Secret)> {
    admin.map(|(name, secret)| (name.as_str(), secret.clone()))
}

/// Makes an administrator who signs in with a password.
pub async fn create_admin_user(app: &App, name: &str, password: &Secret) -> anyhow::Result<()> {
    prepare(app, &Bootstrap::default()).await?;
    bootstrap::admin_user(app, name, password.clone())
        .await
        .context("cannot create the user")
}

/// Makes an administrator who is a service account.
pub async fn create_admin_service(app: &App, id: &str, secret: &Secret) -> anyhow::Result<()> {
    prepare(app, &Bootstrap::default()).await?;
    bootstrap::admin_service(app, id, secret.clone())
        .await
        .context("cannot create the client")
}
