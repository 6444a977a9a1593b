//! A realm's configuration, read once per version and shared by all requests.
//!
//! Every configuration write raises the realm's `version` in the same job. Each request reads that
//! one number and takes the snapshot that belongs to it, so that no cache can be older than the
//! request (`docs/decisions/003-realm-version.md`). A snapshot loads its parts when they are first
//! needed: ten thousand realms cost nothing until somebody uses them.

mod derived;
mod group;
mod roles;
mod scopes;

pub(crate) use derived::Derived;
pub use group::Group;
pub use roles::{Role, Roles};
pub use scopes::{Scope, Scopes};

use std::collections::HashMap;
use std::sync::Arc;

use claviger_crypto::key_ring::KeyRing;
use claviger_model::{ClientUuid, GroupId, Millis, RealmId, RoleId, Seconds};
use claviger_store::{RealmRow, Store, StoreError};
use claviger_wire::document::{Document, Json, Kind, LinkKind};
use claviger_wire::fields::Fields;
use claviger_wire::flow::{FlowView, RequiredActionView};
use claviger_wire::realm::RealmSettings;
use tokio::sync::OnceCell;

use crate::client::Client;
use crate::flow::Flows;
use crate::mapper::amr::Methods;
use crate::profile::{RealmSwitches, UserProfile};
use crate::signal::{Stream, is_transmitter};

/// How many realms' snapshots are kept at most; the least used go first.
const REALMS_KEPT: u64 = 10_000;
/// How many clients, and groups, one snapshot keeps at most.
const PARTS_KEPT: u64 = 10_000;
/// How many characters the name of a realm or a client has at most.
const NAME_MAX: usize = 255;

/// Whether nothing can have this name: it is neither looked for nor remembered.
fn is_impossible(name: &str) -> bool {
    name.contains('\0') || name.chars().nth(NAME_MAX).is_some()
}

/// All realms that somebody asked for lately.
#[derive(Clone)]
pub struct Realms {
    store: Store,
    kept: moka::sync::Cache<String, Arc<Realm>>,
}

impl Realms {
    /// An empty shelf over a store.
    pub fn new(store: Store) -> Self {
        Self {
            store,
            kept: moka::sync::Cache::new(REALMS_KEPT),
        }
    }

    /// The realm of this name at its present version, if there is one.
    pub async fn get(&self, name: &str) -> Result<Option<Arc<Realm>>, StoreError> {
        if is_impossible(name) {
            return Ok(None);
        }
        let Some((id, version)) = self.store.realm_version(name).await? else {
            return Ok(None);
        };
        if let Some(kept) = self.kept.get(name)
            && kept.version == version
            && kept.id == id
        {
            return Ok(Some(kept));
        }
        let Some(row) = self.store.realm_by_name(name).await? else {
            return Ok(None);
        };
        let realm = Arc::new(Realm::new(self.store.clone(), row));
        self.kept.insert(name.to_owned(), Arc::clone(&realm));
        Ok(Some(realm))
    }
}

/// One realm at one version of its configuration.
pub struct Realm {
    /// Its id.
    pub id: RealmId,
    /// Its name, as in its URLs.
    pub name: String,
    /// A disabled realm refuses everything but administration from the master realm.
    pub enabled: bool,
    /// The version that this snapshot shows, or a newer one where a part was loaded later.
    pub version: i64,
    /// What the server acts upon.
    pub settings: RealmSettings,
    /// The whole representation.
    pub body: Json,
    store: Store,
    keys: OnceCell<Arc<KeyRing>>,
    roles: OnceCell<Arc<Roles>>,
    scopes: OnceCell<Arc<Scopes>>,
    profile: OnceCell<Arc<UserProfile>>,
    methods: OnceCell<Arc<Methods>>,
    required_actions: OnceCell<Arc<Vec<RequiredActionView>>>,
    displayed_clients: OnceCell<Arc<Vec<ClientUuid>>>,
    flow_trees: OnceCell<Arc<Flows>>,
    horizon: OnceCell<Seconds>,
    streams: OnceCell<Arc<Vec<Stream>>>,
    asked_of_everything: OnceCell<Arc<Vec<String>>>,
    clients: moka::sync::Cache<String, Option<Arc<Client>>>,
    client_ids: moka::sync::Cache<ClientUuid, Option<Arc<Client>>>,
    groups: moka::sync::Cache<GroupId, Option<Arc<Group>>>,
    flows: moka::sync::Cache<String, Option<Arc<FlowView>>>,
    pub(crate) derived: Derived,
}

impl std::fmt::Debug for Realm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Realm")
            .field("name", &self.name)
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

impl Realm {
    pub(crate) fn new(store: Store, row: RealmRow) -> Self {
        Self {
            settings: RealmSettings::from_body(&row.body),
            id: row.id,
            name: row.name,
            enabled: row.enabled,
            version: row.version,
            body: row.body,
            store,
            keys: OnceCell::new(),
            roles: OnceCell::new(),
            scopes: OnceCell::new(),
            profile: OnceCell::new(),
            methods: OnceCell::new(),
            required_actions: OnceCell::new(),
            displayed_clients: OnceCell::new(),
            flow_trees: OnceCell::new(),
            horizon: OnceCell::new(),
            streams: OnceCell::new(),
            asked_of_everything: OnceCell::new(),
            clients: moka::sync::Cache::new(PARTS_KEPT),
            client_ids: moka::sync::Cache::new(PARTS_KEPT),
            groups: moka::sync::Cache::new(PARTS_KEPT),
            flows: moka::sync::Cache::new(PARTS_KEPT),
            derived: Derived::default(),
        }
    }

    /// The keys that sign, verify and encrypt for this realm.
    pub async fn keys(&self) -> Result<Arc<KeyRing>, StoreError> {
        let load = || async {
            let components = self.store.documents(&self.id, Kind::Component).await?;
            Ok(Arc::new(crate::keys::ring(&components)))
        };
        self.keys.get_or_try_init(load).await.cloned()
    }

    /// The declared user profile: the realm's own, or the built-in one.
    pub async fn profile(&self) -> Result<Arc<UserProfile>, StoreError> {
        let load = || async {
            let components = self.store.documents(&self.id, Kind::Component).await?;
            let own = components
                .iter()
                .find_map(|component| profile_config(&component.body));
            let actions = self.required_actions().await?;
            let is_on = |provider: &str| {
                let mut actions = actions.iter();
                actions.any(|action| action.enabled && action.provider_id == provider)
            };
            let switches = RealmSwitches {
                update_email: is_on("UPDATE_EMAIL"),
                terms_and_conditions: is_on("TERMS_AND_CONDITIONS"),
                ascii_local_part: false,
            };
            let profile = UserProfile::read(own.as_deref()).with_switches(switches);
            Ok(Arc::new(profile))
        };
        self.profile.get_or_try_init(load).await.cloned()
    }

    /// What `amr` calls the ways to sign in.
    pub async fn methods(&self) -> Result<Arc<Methods>, StoreError> {
        let load = || async {
            let flows = self.store.documents(&self.id, Kind::Flow).await?;
            let configs = self.store.documents(&self.id, Kind::AuthenticatorConfig);
            Ok(Arc::new(Methods::new(&flows, &configs.await?)))
        };
        self.methods.get_or_try_init(load).await.cloned()
    }

    /// What users may have to do before they may go on, in the order in which they are asked.
    pub async fn required_actions(&self) -> Result<Arc<Vec<RequiredActionView>>, StoreError> {
        let load = || async {
            let documents = self.store.documents(&self.id, Kind::RequiredAction).await?;
            let mut actions: Vec<_> = documents
                .iter()
                .map(|document| RequiredActionView::from_body(&document.body))
                .collect();
            actions.sort_by_key(|action| action.priority);
            Ok(Arc::new(actions))
        };
        self.required_actions.get_or_try_init(load).await.cloned()
    }

    /// The clients that everybody sees among their applications, used or not.
    pub async fn displayed_clients(&self) -> Result<Arc<Vec<ClientUuid>>, StoreError> {
        let load = || async {
            let documents = self.store.documents(&self.id, Kind::Client).await?;
            let shown = documents.into_iter().filter(|document| {
                let fields = Fields::of(&document.body);
                fields.flag("alwaysDisplayInConsole", false)
            });
            let shown = shown.map(|document| ClientUuid::new(document.id));
            Ok(Arc::new(shown.collect()))
        };
        self.displayed_clients.get_or_try_init(load).await.cloned()
    }

    /// All roles, and how they contain each other.
    pub async fn roles(&self) -> Result<Arc<Roles>, StoreError> {
        let load = || async {
            let documents = self.store.documents(&self.id, Kind::Role).await?;
            let links = self.store.links(&self.id, LinkKind::Composite).await?;
            let links = links.into_iter().map(|link| (link.from, link.to));
            Ok(Arc::new(Roles::new(documents, links)))
        };
        self.roles.get_or_try_init(load).await.cloned()
    }

    /// All client scopes.
    pub async fn scopes(&self) -> Result<Arc<Scopes>, StoreError> {
        let load = || async {
            let documents = self.store.documents(&self.id, Kind::ClientScope).await?;
            let links = self.store.links(&self.id, LinkKind::ScopeMapping).await?;
            let mut mappings: HashMap<String, Vec<RoleId>> = HashMap::new();
            for link in links {
                mappings
                    .entry(link.from)
                    .or_default()
                    .push(RoleId::new(link.to));
            }
            Ok(Arc::new(Scopes::new(documents, mappings)))
        };
        self.scopes.get_or_try_init(load).await.cloned()
    }

    /// A client by its `clientId`.
    pub async fn client(&self, client_id: &str) -> Result<Option<Arc<Client>>, StoreError> {
        if is_impossible(client_id) {
            return Ok(None);
        }
        if let Some(kept) = self.clients.get(client_id) {
            return Ok(kept);
        }
        let found = self
            .store
            .document_by_name(&self.id, Kind::Client, "", client_id)
            .await?;
        let client = self.read_client(found).await?;
        self.clients.insert(client_id.to_owned(), client.clone());
        Ok(client)
    }

    /// A client by its internal id.
    pub async fn client_by_uuid(
        &self,
        uuid: &ClientUuid,
    ) -> Result<Option<Arc<Client>>, StoreError> {
        if let Some(kept) = self.client_ids.get(uuid) {
            return Ok(kept);
        }
        let found = self
            .store
            .document(&self.id, Kind::Client, uuid.as_str())
            .await?;
        let client = self.read_client(found).await?;
        self.client_ids.insert(uuid.clone(), client.clone());
        Ok(client)
    }

    async fn read_client(
        &self,
        found: Option<Document>,
    ) -> Result<Option<Arc<Client>>, StoreError> {
        let Some(document) = found else {
            return Ok(None);
        };
        let id = document.id.clone();
        let links = |kind| self.store.links_from(&self.id, kind, &id);
        let default_scopes = links(LinkKind::DefaultScope).await?;
        let optional_scopes = links(LinkKind::OptionalScope).await?;
        let scope_mappings = links(LinkKind::ScopeMapping).await?;
        Ok(Some(Arc::new(Client::new(
            document,
            default_scopes,
            optional_scopes,
            scope_mappings,
        ))))
    }

    /// A group by id.
    pub async fn group(&self, id: &GroupId) -> Result<Option<Arc<Group>>, StoreError> {
        if let Some(kept) = self.groups.get(id) {
            return Ok(kept);
        }
        let group = match self
            .store
            .document(&self.id, Kind::Group, id.as_str())
            .await?
        {
            Some(document) => {
                let roles = self
                    .store
                    .links_from(&self.id, LinkKind::GroupRole, id.as_str());
                Some(Arc::new(Group::new(document, roles.await?)))
            }
            None => None,
        };
        self.groups.insert(id.clone(), group.clone());
        Ok(group)
    }

    /// An authentication flow by its alias.
    pub async fn flow(&self, alias: &str) -> Result<Option<Arc<FlowView>>, StoreError> {
        if let Some(kept) = self.flows.get(alias) {
            return Ok(kept);
        }
        let found = self
            .store
            .document_by_name(&self.id, Kind::Flow, "", alias)
            .await?;
        let flow = found.map(|document| Arc::new(FlowView::from_body(&document.body)));
        self.flows.insert(alias.to_owned(), flow.clone());
        Ok(flow)
    }

    /// All authentication flows with what is below them: see [`crate::flow::by_alias`].
    pub async fn flows(&self) -> Result<Arc<Flows>, StoreError> {
        let load = || async { Ok(Arc::new(Flows::load(&self.store, &self.id).await?)) };
        self.flow_trees.get_or_try_init(load).await.cloned()
    }

    /// The streams of shared signals; none, and nothing read, where the transmitter is off.
    pub async fn streams(&self) -> Result<Arc<Vec<Stream>>, StoreError> {
        let load = || async {
            if !is_transmitter(self) {
                return Ok(Arc::default());
            }
            let documents = self.store.documents(&self.id, Kind::SignalStream).await?;
            Ok(Arc::new(
                documents.iter().filter_map(Stream::read).collect(),
            ))
        };
        self.streams.get_or_try_init(load).await.cloned()
    }

    /// A client's streams, the oldest in front.
    pub async fn streams_of(&self, client: &ClientUuid) -> Result<Vec<Stream>, StoreError> {
        let all = self.streams().await?;
        let mut own: Vec<Stream> = all
            .iter()
            .filter(|s| s.client == *client)
            .cloned()
            .collect();
        own.sort_by(|a, b| (a.body.created_at, &a.id).cmp(&(b.body.created_at, &b.id)));
        Ok(own)
    }

    /// A group and all groups above it, itself first. Ends at a missing or repeated parent.
    pub async fn group_line(&self, id: &GroupId) -> Result<Vec<Arc<Group>>, StoreError> {
        let mut line: Vec<Arc<Group>> = Vec::new();
        let mut next = Some(id.clone());
        while let Some(id) = next.take() {
            if line.iter().any(|group| group.id == id) {
                break;
            }
            let Some(group) = self.group(&id).await? else {
                break;
            };
            next.clone_from(&group.parent);
            line.push(group);
        }
        Ok(line)
    }

    /// `/parent/child`: how a group is named in realm files and in tokens. A slash within a name
    /// stays as it is.
    pub async fn group_path(&self, id: &GroupId) -> Result<String, StoreError> {
        let line = self.group_line(id).await?;
        let names: Vec<&str> = line.iter().rev().map(|group| group.name.as_str()).collect();
        Ok(format!("/{}", names.join("/")))
    }

    /// Tokens of the whole realm issued before this instant are refused.
    pub const fn not_before(&self) -> Seconds {
        self.settings.not_before
    }

    /// How long an access token of this realm lives at most, whichever client it is for.
    pub async fn horizon(&self) -> Result<Seconds, StoreError> {
        let load = || async {
            let clients = self.store.clients_with_lifespan(&self.id).await?;
            Ok(crate::revocation::record::horizon(&self.settings, &clients))
        };
        self.horizon.get_or_try_init(load).await.copied()
    }

    /// The clients, by `clientId`, that want to be asked when everything ends that a user has.
    pub(crate) async fn asked_of_everything(&self) -> Result<Arc<Vec<String>>, StoreError> {
        let load = || async {
            let bodies = self.store.clients_with_revocation_url(&self.id).await?;
            let names = bodies.iter().filter_map(|body| body.get("clientId"));
            let names = names.filter_map(|name| name.as_str().map(str::to_owned));
            Ok(Arc::new(names.collect()))
        };
        self.asked_of_everything
            .get_or_try_init(load)
            .await
            .cloned()
    }

    /// When an event written now is to be forgotten, if the realm says so.
    pub fn event_expiry(&self, now: Millis) -> Option<Millis> {
        self.settings.events.expiration.map(|span| now + span)
    }
}

/// The JSON text of a user profile component.
fn profile_config(component: &Json) -> Option<String> {
    let provider = component.get("providerType")?.as_str()?;
    if provider != "org.keycloak.userprofile.UserProfileProvider" {
        return None;
    }
    let values = component
        .get("config")?
        .get("kc.user.profile.config")?
        .as_array()?;
    values.first()?.as_str().map(str::to_owned)
}
