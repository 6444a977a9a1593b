//! Everything that a verb of the engine may need, in one cheap handle.

use std::ops::Deref;
use std::sync::Arc;

use claviger_crypto::{PasswordHasher, Random};
use claviger_model::{Millis, RealmId, Secret};
use claviger_store::{Commit, Store, StoreError, Tx};
use tokio::sync::{Notify, Semaphore};

use crate::clock::Clock;
use crate::machine::{Machine, MachineFacts, Unknown};
use crate::network::Network;
use crate::outbox::rounds::Nudges;
use crate::published_keys::PublishedKeys;
use crate::realm::{Realm, Realms};
use crate::revocation::follow::Followers;
use crate::script::Scripts;
use crate::signal::poll::WAITING_MAX;
use crate::signal::receive::Rates;
use crate::status_list::StatusLists;
use crate::vault::{self, NoVault, Vault};
use crate::watch::Watcher;

/// The running server without its surfaces: hand it on, cloning is cheap.
#[derive(Clone)]
pub struct App(Arc<Parts>);

/// What the server is made of.
#[derive(Clone)]
pub struct Parts {
    /// What is kept.
    pub store: Store,
    /// What time it is.
    pub clock: Clock,
    /// Where ids and secrets come from.
    pub random: Random,
    /// Who hashes passwords.
    pub hasher: PasswordHasher,
    /// The way out.
    pub network: Arc<dyn Network>,
    /// Keys that others publish.
    pub published_keys: PublishedKeys,
    /// Scripts that compute claims.
    pub scripts: Scripts,
    vault: Arc<dyn Vault>,
    machine: Arc<dyn Machine>,
    /// Who counts what happens, if anybody does.
    pub watcher: Option<Arc<dyn Watcher>>,
    /// Whether logout takes the parameter `redirect_uri` of Keycloak before release 18.
    legacy_redirect_uri: bool,
    /// Whether Docker clients may sign in.
    docker: bool,
    /// Under which address the server is known, where that is configured.
    public_url: Option<Arc<str>>,
    /// Rings when this process has put a message into the outbox.
    pub written: Arc<Notify>,
    /// Whoever follows what is taken back.
    pub followers: Followers,
    /// Whom this process is to call at once, however silent they were.
    pub nudges: Arc<Nudges>,
    /// Status lists that were asked for lately.
    pub(crate) status_lists: StatusLists,
    /// The same for whoever waits for something to be told.
    pub(crate) told: Arc<Notify>,
    /// Places for those who wait.
    pub(crate) polls: Arc<Semaphore>,
    /// How often other servers were heard.
    pub(crate) heard: Rates,
    realms: Realms,
}

impl Deref for App {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

impl std::fmt::Debug for App {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("App").finish_non_exhaustive()
    }
}

impl App {
    /// Puts the parts together.
    pub fn new(
        store: Store,
        clock: Clock,
        random: Random,
        hasher: PasswordHasher,
        network: Arc<dyn Network>,
    ) -> Self {
        let realms = Realms::new(store.clone());
        let published_keys = PublishedKeys::default();
        Self(Arc::new(Parts {
            store,
            clock,
            random,
            hasher,
            network,
            published_keys,
            scripts: Scripts::default(),
            vault: Arc::new(NoVault),
            machine: Arc::new(Unknown),
            watcher: None,
            legacy_redirect_uri: false,
            docker: false,
            public_url: None,
            written: Arc::default(),
            followers: Followers::default(),
            nudges: Arc::default(),
            status_lists: StatusLists::default(),
            told: Arc::default(),
            polls: Arc::new(Semaphore::new(WAITING_MAX)),
            heard: Rates::default(),
            realms,
        }))
    }

    /// The same, with secrets that are kept elsewhere.
    #[must_use]
    pub fn with_vault(self, vault: Arc<dyn Vault>) -> Self {
        let parts = Arc::unwrap_or_clone(self.0);
        Self(Arc::new(Parts { vault, ..parts }))
    }

    /// The same, with somebody who knows the machine.
    #[must_use]
    pub fn with_machine(self, machine: Arc<dyn Machine>) -> Self {
        let parts = Arc::unwrap_or_clone(self.0);
        Self(Arc::new(Parts { machine, ..parts }))
    }

    /// What is known of the process, and of what it runs on.
    pub fn machine(&self) -> MachineFacts {
        self.machine.facts()
    }

    /// The same, with somebody who counts what happens.
    #[must_use]
    pub fn with_watcher(self, watcher: Arc<dyn Watcher>) -> Self {
        let parts = Arc::unwrap_or_clone(self.0);
        Self(Arc::new(Parts {
            watcher: Some(watcher),
            ..parts
        }))
    }

    /// The same, with scripts.
    #[must_use]
    pub fn with_scripts(self, scripts: Scripts) -> Self {
        let parts = Arc::unwrap_or_clone(self.0);
        Self(Arc::new(Parts { scripts, ..parts }))
    }

    /// The same, with logout that takes the parameter `redirect_uri` of Keycloak before release 18.
    #[must_use]
    pub fn with_legacy_redirect_uri(self) -> Self {
        let parts = Arc::unwrap_or_clone(self.0);
        Self(Arc::new(Parts {
            legacy_redirect_uri: true,
            ..parts
        }))
    }

    /// The same, for Docker clients to sign in.
    #[must_use]
    pub fn with_docker(self) -> Self {
        let parts = Arc::unwrap_or_clone(self.0);
        Self(Arc::new(Parts {
            docker: true,
            ..parts
        }))
    }

    /// The same, known under this base address, whatever requests say.
    #[must_use]
    pub fn with_public_url(self, url: &str) -> Self {
        let parts = Arc::unwrap_or_clone(self.0);
        Self(Arc::new(Parts {
            public_url: Some(url.into()),
            ..parts
        }))
    }

    /// The base address under which the server is known, without a slash at the end, if it is
    /// configured. For what is said without a request at hand.
    pub fn public_url(&self) -> Option<&str> {
        self.public_url.as_deref()
    }

    /// Whether Docker clients may sign in.
    pub fn speaks_docker(&self) -> bool {
        self.docker
    }

    /// Whether logout takes the parameter `redirect_uri` of Keycloak before release 18.
    pub fn takes_legacy_redirect_uri(&self) -> bool {
        self.legacy_redirect_uri
    }

    /// What a secret in a realm's configuration means: itself, or for `${vault.key}` what the vault
    /// has; none where that is nothing. Everything that uses such a secret asks here.
    pub async fn secret(&self, realm: &str, configured: &str) -> Option<Secret> {
        vault::secret(&*self.vault, realm, configured).await
    }

    /// The present.
    pub fn now(&self) -> Millis {
        self.clock.now()
    }

    /// A realm by name, as fresh as its row's version: see [`Realms`].
    pub async fn realm(&self, name: &str) -> Result<Option<Arc<Realm>>, StoreError> {
        let found = self.realms.get(name).await?;
        if let Some(realm) = &found {
            crate::events::tell("kc.realmName", &realm.name);
        }
        Ok(found)
    }

    /// A realm by id, for what has no request that names it.
    pub async fn realm_by_id(&self, id: &RealmId) -> Result<Option<Arc<Realm>>, StoreError> {
        match self.store.realm_by_id(id).await? {
            Some(row) => self.realm(&row.name).await,
            None => Ok(None),
        }
    }

    /// Writes a job whose preconditions cannot miss, or whose miss means that somebody else was
    /// faster and nothing is left to do.
    pub async fn commit(&self, tx: Tx) -> Result<Commit, StoreError> {
        if tx.is_empty() {
            return Ok(Commit::Done);
        }
        let has_messages = tx.has_messages();
        let takes_back = !tx.revocations().is_empty();
        let done = self.store.commit(tx).await?;
        if takes_back && done.is_done() {
            self.followers.ring();
        }
        if has_messages && done.is_done() {
            self.written.notify_one();
            self.told.notify_waiters();
        }
        Ok(done)
    }
}
