//! Who may register clients, and as what: the policies of a realm (OpenID Connect Dynamic Client
//! Registration 1.0, RFC 7591, RFC 7592).
//!
//! A realm has two sets of policies, as components: for those whom nobody knows, and for those who
//! come with a token. All of a set have to agree; what a policy cannot judge, it refuses.

mod trusted_hosts;

use std::collections::HashSet;

use claviger_store::StoreError;
use claviger_wire::component::{CLIENT_REGISTRATION_POLICY, ComponentView};
use claviger_wire::document::{Json, Kind, LinkKind};
use claviger_wire::fields::Fields;
use serde_json::{Value, json};

use crate::app::App;
use crate::client::Client;
use crate::mapper;
use crate::realm::Realm;

/// How many clients a realm takes from strangers, if the policy does not say.
const MAX_CLIENTS: i64 = 200;
/// Claims that say what the bearer of a token may do, or whose it is. No mapper of a client that
/// registered itself writes into them, whatever its type: a user's name or attribute would become a
/// role of theirs (CVE-2026-16102).
const RESERVED: [&str; 10] = [
    "realm_access",
    "resource_access",
    "authorization",
    "scope",
    "aud",
    "azp",
    "iss",
    "typ",
    "cnf",
    "act",
];

/// Whether somebody is known who registers a client, or registered it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Nobody knows them.
    Anonymous,
    /// They came with a token.
    Authenticated,
}

impl Standing {
    /// Its name in components and tokens.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Anonymous => "anonymous",
            Self::Authenticated => "authenticated",
        }
    }

    /// The one that a token names. What is not said clearly is nobody's.
    pub fn of(text: Option<&str>) -> Self {
        if text.is_some_and(|text| text.eq_ignore_ascii_case("authenticated")) {
            Self::Authenticated
        } else {
            Self::Anonymous
        }
    }
}

/// Why a policy does not let something happen.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    /// It refuses. The text is Keycloak's.
    #[error("{detail}")]
    Refused {
        /// What administrators call the policy; none if nobody knows its kind.
        policy: Option<String>,
        /// Why.
        detail: String,
    },
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl PolicyError {
    /// What clients read.
    pub fn told(&self) -> String {
        match self {
            Self::Refused {
                policy: Some(policy),
                detail,
            } => format!(
                "Policy '{policy}' rejected request to client-registration service. Details: {detail}"
            ),
            Self::Refused {
                policy: None,
                detail,
            } => detail.clone(),
            Self::Store(error) => error.to_string(),
        }
    }
}

/// A kind of policy, in the order in which they are asked: the first tells strangers least.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Rule {
    /// Requests, and clients' addresses, come from these hosts.
    TrustedHosts,
    /// Users are asked first.
    ConsentRequired,
    /// Tokens carry no roles but those that were given to the client.
    Scope,
    /// A realm has so many clients at most.
    MaxClients,
    /// An administrator switches the client on.
    ClientDisabled,
    /// Only these mappers.
    ProtocolMappers,
    /// Only these client scopes.
    ClientScopes,
    /// Pages of these origins may read answers.
    WebOrigins,
}

impl Rule {
    fn of(provider: &str) -> Option<Self> {
        Some(match provider {
            "trusted-hosts" => Self::TrustedHosts,
            "consent-required" => Self::ConsentRequired,
            "scope" => Self::Scope,
            "max-clients" => Self::MaxClients,
            "client-disabled" => Self::ClientDisabled,
            "allowed-protocol-mappers" => Self::ProtocolMappers,
            "allowed-client-templates" => Self::ClientScopes,
            "registration-web-origins" => Self::WebOrigins,
            _ => return None,
        })
    }
}

#[derive(Debug)]
struct Policy {
    /// None if nobody knows the kind: then nothing is let through.
    rule: Option<Rule>,
    component: ComponentView,
}

impl Policy {
    fn refused(&self, detail: impl Into<String>) -> PolicyError {
        PolicyError::Refused {
            policy: Some(self.component.name.clone().unwrap_or_default()),
            detail: detail.into(),
        }
    }

    fn known(&self) -> Result<Rule, PolicyError> {
        self.rule.ok_or_else(|| PolicyError::Refused {
            policy: None,
            detail: format!("Policy of type '{}' not found", self.component.provider_id),
        })
    }
}

/// Where a request comes from that policies judge.
#[derive(Clone, Copy, Debug)]
pub struct Site<'a> {
    /// The server.
    pub app: &'a App,
    /// The realm.
    pub realm: &'a Realm,
    /// The caller's address.
    pub ip_address: &'a str,
}

/// The policies of a realm for one standing.
#[derive(Debug)]
pub struct Policies(Vec<Policy>);

impl Policies {
    /// Reads them.
    pub async fn of(app: &App, realm: &Realm, standing: Standing) -> Result<Self, StoreError> {
        let documents = app.store.documents(&realm.id, Kind::Component).await?;
        let components = documents
            .iter()
            .map(|document| ComponentView::from_body(&document.body));
        Ok(Self::among(components, standing))
    }

    fn among(components: impl Iterator<Item = ComponentView>, standing: Standing) -> Self {
        let mut all: Vec<Policy> = components
            .filter(|component| component.provider_type == CLIENT_REGISTRATION_POLICY)
            .filter(|component| component.sub_type.as_deref() == Some(standing.as_str()))
            .map(|component| Policy {
                rule: Rule::of(&component.provider_id),
                component,
            })
            .collect();
        all.sort_by(|one, other| {
            (one.rule, &one.component.name).cmp(&(other.rule, &other.component.name))
        });
        Self(all)
    }

    /// Web origins whose pages may read what is answered.
    pub fn origins(&self) -> impl Iterator<Item = &str> {
        let lists = self
            .0
            .iter()
            .filter(|policy| policy.rule == Some(Rule::WebOrigins));
        lists
            .flat_map(|policy| policy.component.config_list("web-origins"))
            .map(String::as_str)
    }

    /// Whether a client may be registered by this representation.
    pub async fn before_register(&self, site: Site<'_>, given: &Json) -> Result<(), PolicyError> {
        for policy in &self.0 {
            match policy.known()? {
                Rule::TrustedHosts => {
                    trusted_hosts::caller(policy, site).await?;
                    trusted_hosts::addresses(policy, given)?;
                }
                Rule::MaxClients => max_clients(policy, site).await?,
                Rule::ProtocolMappers => mappers(policy, given, None)?,
                Rule::ClientScopes => scopes(policy, site, given, None).await?,
                Rule::ConsentRequired | Rule::Scope | Rule::ClientDisabled | Rule::WebOrigins => {}
            }
        }
        Ok(())
    }

    /// What becomes of a new client's document.
    pub fn after_register(&self, body: &mut Json) {
        for policy in &self.0 {
            match policy.rule {
                Some(Rule::ConsentRequired) => set(body, "consentRequired", true),
                Some(Rule::Scope) => set(body, "fullScopeAllowed", false),
                Some(Rule::ClientDisabled) => set(body, "enabled", false),
                Some(Rule::ProtocolMappers) => {
                    if let Some(Value::Array(mappers)) = body.get_mut("protocolMappers") {
                        mappers.retain(|mapper| is_allowed(policy, mapper));
                    }
                }
                Some(
                    Rule::TrustedHosts | Rule::MaxClients | Rule::ClientScopes | Rule::WebOrigins,
                )
                | None => {}
            }
        }
    }

    /// Whether a client may be changed by this representation.
    pub async fn before_update(
        &self,
        site: Site<'_>,
        given: &Json,
        client: &Client,
    ) -> Result<(), PolicyError> {
        let asked = |name: &str| given.get(name).and_then(Value::as_bool);
        let settings = &client.settings;
        for policy in &self.0 {
            match policy.known()? {
                Rule::TrustedHosts => {
                    trusted_hosts::caller(policy, site).await?;
                    trusted_hosts::addresses(policy, given)?;
                }
                Rule::ConsentRequired
                    if settings.consent_required && asked("consentRequired") == Some(false) =>
                {
                    let text = "Not permitted to update consentRequired to false";
                    return Err(policy.refused(text));
                }
                Rule::Scope
                    if !settings.full_scope_allowed && asked("fullScopeAllowed") == Some(true) =>
                {
                    return Err(policy.refused("Not permitted to enable fullScopeAllowed"));
                }
                Rule::ClientDisabled if !settings.enabled && asked("enabled") == Some(true) => {
                    return Err(policy.refused("Not permitted to enable client"));
                }
                Rule::ProtocolMappers => mappers(policy, given, Some(client))?,
                Rule::ClientScopes => scopes(policy, site, given, Some(client)).await?,
                Rule::ConsentRequired
                | Rule::Scope
                | Rule::ClientDisabled
                | Rule::MaxClients
                | Rule::WebOrigins => {}
            }
        }
        Ok(())
    }

    /// Whether a client may be looked at, or deleted.
    pub async fn before_use(&self, site: Site<'_>) -> Result<(), PolicyError> {
        for policy in &self.0 {
            if policy.known()? == Rule::TrustedHosts {
                trusted_hosts::caller(policy, site).await?;
            }
        }
        Ok(())
    }
}

fn set(body: &mut Json, name: &str, value: bool) {
    body.insert(name.to_owned(), json!(value));
}

async fn max_clients(policy: &Policy, site: Site<'_>) -> Result<(), PolicyError> {
    let filter = claviger_store::DocumentFilter {
        parent: None,
        name_contains: None,
    };
    let store = &site.app.store;
    let count = store
        .count_documents(&site.realm.id, Kind::Client, filter)
        .await?;
    let max = policy
        .component
        .integer("max-clients")
        .unwrap_or(MAX_CLIENTS);
    if count >= max {
        let text = format!("It's allowed to have max {max} clients per realm");
        return Err(policy.refused(text));
    }
    Ok(())
}

fn is_allowed(policy: &Policy, mapper: &Value) -> bool {
    let kind = mapper.get("protocolMapper").and_then(Value::as_str);
    let allowed = policy
        .component
        .config_list("allowed-protocol-mapper-types");
    kind.is_some_and(|kind| allowed.iter().any(|allowed| allowed == kind))
}

/// Mappers are of the allowed kinds, or are those that the client has, unchanged: its type and each
/// of its settings (CVE-2026-15572).
fn mappers(policy: &Policy, given: &Json, client: Option<&Client>) -> Result<(), PolicyError> {
    let Some(Value::Array(given)) = given.get("protocolMappers") else {
        return Ok(());
    };
    let not_allowed = || policy.refused("ProtocolMapper type not allowed");
    let kept = client.and_then(|client| client.body.get("protocolMappers"));
    let kept = kept
        .and_then(Value::as_array)
        .map_or(&[][..], Vec::as_slice);
    for mapper in given {
        let text = |name: &str| mapper.get(name).and_then(Value::as_str);
        let same = |other: &&Value| {
            let member = |name: &str| mapper.get(name).filter(|value| !value.is_null());
            let known = |name: &str| other.get(name).filter(|value| !value.is_null());
            ["id", "protocolMapper", "config"]
                .iter()
                .all(|name| member(name).is_some() && member(name) == known(name))
        };
        if kept.iter().any(|other| same(&other)) {
            continue;
        }
        if is_allowed(policy, mapper) {
            if writes_what_is_reserved(mapper) {
                return Err(not_allowed());
            }
            continue;
        }
        if client.is_none() {
            return Err(not_allowed());
        }
        let Some(id) = text("id") else {
            let name = text("name").unwrap_or("null");
            return Err(policy.refused(format!("Missing id for mapper named '{name}'")));
        };
        let is_known = |other: &Value| other.get("id").and_then(Value::as_str) == Some(id);
        if !kept.iter().any(is_known) {
            return Err(policy.refused(format!("No existing mapper model found for id '{id}'")));
        }
        return Err(not_allowed());
    }
    Ok(())
}

/// Whether a mapper's claim lies in one that is the server's own to write.
fn writes_what_is_reserved(given: &Value) -> bool {
    let config = given.get("config");
    let name = config.and_then(|config| config.get("claim.name"));
    let Some(name) = name.and_then(Value::as_str) else {
        return false;
    };
    mapper::outermost(name).is_some_and(|root| RESERVED.contains(&root.trim()))
}

async fn scopes(
    policy: &Policy,
    site: Site<'_>,
    given: &Json,
    client: Option<&Client>,
) -> Result<(), PolicyError> {
    let fields = Fields::of(given);
    let known = site.realm.scopes().await?;
    let names = |ids: &[claviger_model::ScopeId]| -> HashSet<String> {
        let scopes = ids.iter().filter_map(|id| known.get(id));
        scopes.map(|scope| scope.name.clone()).collect()
    };
    let mut wished = HashSet::new();
    for (member, had) in [
        (
            "defaultClientScopes",
            client.map(|client| names(&client.default_scopes)),
        ),
        (
            "optionalClientScopes",
            client.map(|client| names(&client.optional_scopes)),
        ),
    ] {
        let had = had.unwrap_or_default();
        let list = fields.maybe_texts(member).unwrap_or_default();
        wished.extend(list.into_iter().filter(|name| !had.contains(name)));
    }
    if wished.is_empty() {
        return Ok(());
    }
    let component = &policy.component;
    let mut allowed: HashSet<String> = component
        .config_list("allowed-client-scopes")
        .iter()
        .cloned()
        .collect();
    if component.flag("allow-default-scopes", true) {
        let realm = &site.realm.id;
        for kind in [LinkKind::RealmDefaultScope, LinkKind::RealmOptionalScope] {
            let ids = site
                .app
                .store
                .links_from(realm, kind, realm.as_str())
                .await?;
            let ids: Vec<_> = ids.into_iter().map(claviger_model::ScopeId::new).collect();
            allowed.extend(names(&ids));
        }
    }
    if wished.is_subset(&allowed) {
        return Ok(());
    }
    Err(policy.refused("Not permitted to use specified clientScope"))
}

#[cfg(test)]
mod tests;
