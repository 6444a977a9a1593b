//! What a token may carry: the client scopes that were asked for and are allowed, the mappers that
//! come with them, and the roles that remain of the user's.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use claviger_model::RoleId;
use claviger_store::StoreError;

use crate::client::Client;
use crate::mapper::Mapper;
use crate::mapper::amr::{Methods, is_wanted};
use crate::person::Person;
use crate::realm::{Realm, Scope};

/// The word that makes a request one of OpenID Connect (Core §3.1.2.1).
pub const OPENID: &str = "openid";
/// The word that asks for a session that outlives the browser's (Core §11).
pub const OFFLINE_ACCESS: &str = "offline_access";

/// Whether a `scope` parameter contains a word.
pub fn has_word(scope: Option<&str>, word: &str) -> bool {
    scope.is_some_and(|text| text.split(' ').any(|part| part == word))
}

/// The scopes that a client's request leads to: all its default scopes, and its optional ones that
/// the parameter names. Unknown words are not an error here; see [`is_valid`].
pub async fn requested(
    realm: &Realm,
    client: &Client,
    parameter: Option<&str>,
) -> Result<Vec<Arc<Scope>>, StoreError> {
    let scopes = realm.scopes().await?;
    let known = |id| {
        scopes
            .get(id)
            .filter(|scope| scope.protocol == "openid-connect")
    };
    let mut found: Vec<Arc<Scope>> = Vec::new();
    let mut seen = HashSet::new();
    let asked: BTreeSet<&str> = parameter.unwrap_or_default().split(' ').collect();
    let optional = client.optional_scopes.iter().filter_map(known);
    let optional = optional.filter(|scope| asked.contains(scope.name.as_str()));
    // The organization scope means nothing while organizations are off for the realm.
    let optional = optional.filter(|scope| {
        realm.settings.organizations_enabled
            || !scope
                .mappers
                .iter()
                .any(|mapper| mapper.protocol_mapper == "oidc-organization-membership-mapper")
    });
    for scope in optional.chain(client.default_scopes.iter().filter_map(known)) {
        if seen.insert(scope.id.clone()) {
            found.push(Arc::clone(scope));
        }
    }
    Ok(found)
}

/// Whether every word of a `scope` parameter is one that this client may use.
pub async fn is_valid(
    realm: &Realm,
    client: &Client,
    parameter: Option<&str>,
) -> Result<bool, StoreError> {
    let Some(text) = parameter else {
        return Ok(true);
    };
    let mut words = words(text);
    words.remove(OPENID);
    if words.is_empty() {
        return Ok(true);
    }
    let scopes = requested(realm, client, parameter).await?;
    let names: HashSet<&str> = scopes.iter().map(|scope| scope.name.as_str()).collect();
    let organization = |word: &str| word == "organization" || word.starts_with("organization:");
    Ok(words.into_iter().all(|word| {
        names.contains(word) || (!realm.settings.organizations_enabled && organization(word))
    }))
}

/// The words of a `scope` parameter. An empty word, as of an empty parameter or of two blanks in a
/// row, is a word that no client has (RFC 6749 §3.3 knows neither); blanks at the end are nothing.
fn words(text: &str) -> BTreeSet<&str> {
    let kept = text.trim_end_matches(' ');
    kept.split(' ').collect()
}

/// Role names as tokens show them: those of the realm, and those of each client by `clientId`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RoleNames {
    /// Names of realm roles.
    pub realm: BTreeSet<String>,
    /// Names of client roles by `clientId`.
    pub clients: BTreeMap<String, BTreeSet<String>>,
}

/// What one token, or one family of tokens, may carry.
#[derive(Clone, Debug)]
pub struct Granted {
    /// The scopes, without the client itself.
    pub scopes: Vec<Arc<Scope>>,
    /// The `scope` parameter that they come from.
    pub parameter: Option<String>,
    /// The mappers of the scopes and of the client itself, in the order of application.
    pub mappers: Vec<Arc<Mapper>>,
    /// The names of methods to sign in, if any of the mappers tells them.
    pub methods: Arc<Methods>,
    /// The user's roles that the client may see.
    pub roles: HashSet<RoleId>,
    /// The names of these roles.
    pub role_names: RoleNames,
    /// Whether scope `offline_access` was asked for, permitted to the user or not.
    pub offline_requested: bool,
    /// The clients, by `clientId`, that an access token is narrowed to (RFC 8693 §2.1).
    pub audience: Option<BTreeSet<String>>,
}

impl Granted {
    /// What a person's token for a client may carry. It depends on the configuration and on the
    /// person's roles alone, and is worked out once for each.
    pub async fn new(
        realm: &Realm,
        client: &Client,
        person: &Person,
        parameter: Option<&str>,
    ) -> Result<Arc<Self>, StoreError> {
        let kept = &realm.derived.granted;
        let asked = (
            client.uuid.clone(),
            parameter.map(str::to_owned),
            Arc::clone(&person.given),
        );
        if let Some(known) = kept.get(&asked) {
            return Ok(known);
        }
        let granted = Arc::new(Self::work_out(realm, client, person, parameter, None).await?);
        kept.insert(asked, Arc::clone(&granted));
        Ok(granted)
    }

    /// The same, for a token that is narrowed to some clients (RFC 8693 §2.1): scopes that are for
    /// users with a role of other clients are left out. The names are `clientId`s; those that no
    /// client has stand for nobody.
    pub async fn narrowed(
        realm: &Realm,
        client: &Client,
        person: &Person,
        parameter: Option<&str>,
        audience: Option<BTreeSet<String>>,
    ) -> Result<Arc<Self>, StoreError> {
        match audience {
            None => Self::new(realm, client, person, parameter).await,
            some => Self::work_out(realm, client, person, parameter, some)
                .await
                .map(Arc::new),
        }
    }

    async fn work_out(
        realm: &Realm,
        client: &Client,
        person: &Person,
        parameter: Option<&str>,
        audience: Option<BTreeSet<String>>,
    ) -> Result<Self, StoreError> {
        let asked = requested(realm, client, parameter).await?;
        let offline_requested = asked.iter().any(|scope| scope.name == OFFLINE_ACCESS);
        let roles = realm.roles().await?;
        let mut wanted = HashSet::new();
        for name in audience.iter().flatten() {
            wanted.extend(realm.client(name).await?.map(|client| client.uuid.clone()));
        }
        let is_meant = |id: &RoleId| {
            let owner = roles.get(id).and_then(|role| role.client.as_ref());
            audience.is_none() || owner.is_none_or(|owner| wanted.contains(owner))
        };
        let permitted = |scope: &Arc<Scope>| {
            let mut expanded = roles.expand(&scope.roles).into_iter();
            scope.roles.is_empty() || expanded.any(|id| is_meant(&id) && person.roles.contains(&id))
        };
        let scopes: Vec<_> = asked.into_iter().filter(permitted).collect();
        let visible = if client.settings.full_scope_allowed {
            (*person.roles).clone()
        } else {
            let own = roles.of_client(&client.uuid).map(|role| &role.id);
            let mapped = scopes.iter().flat_map(|scope| &scope.roles);
            let allowed = roles.expand(own.chain(&client.scope_mappings).chain(mapped));
            person.roles.intersection(&allowed).cloned().collect()
        };
        let mut names = RoleNames::default();
        for role in visible.iter().filter_map(|id| roles.get(id)) {
            let Some(uuid) = &role.client else {
                names.realm.insert(role.name.clone());
                continue;
            };
            if let Some(owner) = realm.client_by_uuid(uuid).await? {
                let of_owner = names.clients.entry(owner.client_id.clone()).or_default();
                of_owner.insert(role.name.clone());
            }
        }
        let mut mappers: Vec<Arc<Mapper>> = scopes
            .iter()
            .flat_map(|scope| scope.mappers.iter())
            .chain(&client.mappers)
            .filter(|mapper| mapper.protocol == "openid-connect")
            .cloned()
            .collect();
        mappers.sort_by_key(|mapper| mapper.priority());
        let methods = if is_wanted(&mappers) {
            realm.methods().await?
        } else {
            Arc::default()
        };
        Ok(Self {
            methods,
            scopes,
            parameter: parameter.map(str::to_owned),
            mappers,
            roles: visible,
            role_names: names,
            offline_requested,
            audience,
        })
    }

    /// The `scope` of an answer and of an access token.
    pub fn scope_text(&self) -> String {
        self.words(|scope| scope.in_token_scope)
    }

    /// The `scope` of a refresh token: all scopes, shown ones or not.
    pub fn full_scope_text(&self) -> String {
        self.words(|_| true)
    }

    /// Whether the request was one of OpenID Connect.
    pub fn is_openid(&self) -> bool {
        has_word(self.parameter.as_deref(), OPENID)
    }

    /// Whether scope `offline_access` was asked for and the user may have it.
    pub fn offline_permitted(&self) -> bool {
        self.scopes.iter().any(|scope| scope.name == OFFLINE_ACCESS)
    }

    fn words(&self, keep: impl Fn(&Scope) -> bool) -> String {
        let openid = self.is_openid().then_some(OPENID);
        let names = self.scopes.iter().filter(|scope| keep(scope));
        let words: Vec<&str> = openid
            .into_iter()
            .chain(names.map(|scope| scope.name.as_str()))
            .collect();
        words.join(" ")
    }
}
