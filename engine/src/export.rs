//! Realm files out of the store, in Keycloak's form: what [`crate::import`] reads.
//!
//! [`assemble`] is pure: documents, links and users in, one realm representation out. [`read`]
//! fetches them, [`export_realm`] lays them out in files as Keycloak's export does.

pub mod user;

mod configuration;
mod files;
mod mask;
mod organizations;

pub use files::{ExportError, Sink, UserFiles, export_realm, read, service_accounts};

use claviger_wire::document::{Document, Json, Kind, Link, LinkKind};
use serde_json::{Value, json};

use configuration::Configuration;

use crate::import::{NewOrganization, NewUser};

/// The version of Keycloak whose realm files these are.
pub const KEYCLOAK_VERSION: &str = "26.7.4";

/// Everything of a realm.
#[derive(Clone, Debug)]
pub struct RealmParts {
    /// The realm's document.
    pub realm: Json,
    /// Its configuration.
    pub documents: Vec<Document>,
    /// How that hangs together.
    pub links: Vec<Link>,
    /// Users to be written into the realm file itself.
    pub users: Vec<NewUser>,
    /// What is known of users of other stores, likewise.
    pub federated_users: Vec<Json>,
    /// Organizations with their members.
    pub organizations: Vec<NewOrganization>,
}

/// What goes into a realm file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Whether clients are in it; without them their roles and scope mappings are not either.
    pub clients: bool,
    /// Whether groups and roles are in it.
    pub groups_and_roles: bool,
    /// How secrets look.
    pub secrets: Secrets,
}

/// How secrets look in a realm file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Secrets {
    /// As they are: for files that stay with the administrator of the server.
    Shown,
    /// Masked, and credentials left out: for whoever administers a realm only.
    Masked,
}

impl Options {
    /// Everything, secrets included.
    pub const FULL: Self = Self {
        clients: true,
        groups_and_roles: true,
        secrets: Secrets::Shown,
    };
}

/// Puts a realm representation together.
pub fn assemble(parts: &RealmParts, options: Options) -> Json {
    let all = Configuration::new(parts);
    let mut file = parts.realm.clone();
    file.insert("defaultRole".to_owned(), all.default_role());
    let policy = claviger_wire::RealmSettings::from_body(&parts.realm).otp;
    file.insert(
        "otpSupportedApplications".to_owned(),
        json!(policy.supported_applications()),
    );
    file.entry("localizationTexts").or_insert(json!({}));
    file.insert("requiredActions".to_owned(), all.required_actions());
    file.insert("authenticationFlows".to_owned(), all.flows());
    for (member, kind) in [
        ("authenticatorConfig", Kind::AuthenticatorConfig),
        ("clientScopes", Kind::ClientScope),
        ("identityProviderMappers", Kind::IdentityProviderMapper),
    ] {
        file.insert(member.to_owned(), all.bodies(kind));
    }
    file.insert("identityProviders".to_owned(), all.identity_providers());
    for (member, kind) in [
        ("defaultDefaultClientScopes", LinkKind::RealmDefaultScope),
        ("defaultOptionalClientScopes", LinkKind::RealmOptionalScope),
    ] {
        file.insert(member.to_owned(), all.scope_names(kind, &all.realm_id));
    }
    if options.clients {
        file.insert("clients".to_owned(), all.clients());
    }
    if options.groups_and_roles {
        file.insert("groups".to_owned(), all.groups());
        file.insert("roles".to_owned(), all.roles(options.clients));
    }
    let default_groups = all.default_groups();
    if !default_groups.is_empty() {
        file.insert("defaultGroups".to_owned(), json!(default_groups));
    }
    let mappings = all.scope_mappings(options.clients);
    for (member, value) in [
        ("scopeMappings", mappings.realm),
        ("clientScopeMappings", mappings.clients),
    ] {
        if let Some(value) = value {
            file.insert(member.to_owned(), value);
        }
    }
    file.insert("components".to_owned(), all.components());
    if !parts.users.is_empty() {
        let with_roles = options.groups_and_roles;
        let users = parts
            .users
            .iter()
            .map(|user| Value::Object(all.user(user, with_roles)));
        file.insert("users".to_owned(), users.collect());
    }
    if !parts.federated_users.is_empty() {
        file.insert("federatedUsers".to_owned(), json!(parts.federated_users));
    }
    // As in Keycloak: whoever administers the realm only gets part of it.
    if !parts.organizations.is_empty() && options.secrets == Secrets::Shown {
        let organizations = all.organizations(&parts.organizations);
        file.insert("organizations".to_owned(), organizations);
    }
    if let Some(client) = all.admin_permissions_client() {
        file.insert("adminPermissionsClient".to_owned(), client);
    }
    file.insert("keycloakVersion".to_owned(), json!(KEYCLOAK_VERSION));
    if options.secrets == Secrets::Masked {
        mask::mask(&mut file);
    }
    file
}

#[cfg(test)]
mod tests;
