//! What of a file is in the realm already, and what becomes of it.

use std::collections::HashMap;
use std::sync::Arc;

use claviger_store::StoreError;
use claviger_wire::document::{Document, Json, Kind};
use serde_json::Value;

use super::{
    Action, Part, PartialError, Policy, Sorted, Told, client_roles, put_list, with_new_ids,
};
use crate::app::App;
use crate::import::assembly::Assembly;
use crate::import::groups::path_segments;
use crate::import::shape::{each, text};
use crate::realm::Realm;

/// Clients that every realm has: never imported.
const BUILT_IN: &[&str] = &[
    "account",
    "account-console",
    "admin-cli",
    "admin-permissions",
    "broker",
    "realm-management",
    "security-admin-console",
];

/// The realm's documents by name, beside the file.
pub(super) struct Existing<'a> {
    file: &'a Json,
    by_name: HashMap<(Kind, &'a str, &'a str), &'a Document>,
    documents: &'a [Document],
}

impl<'a> Existing<'a> {
    pub(super) fn new(documents: &'a [Document], file: &'a Json) -> Self {
        let by_name = documents.iter().map(|document| {
            let (parent, name) = (document.parent.as_str(), document.unique_name.as_str());
            ((document.kind, parent, name), document)
        });
        Self {
            file,
            by_name: by_name.collect(),
            documents,
        }
    }

    fn find(&self, kind: Kind, parent: &str, name: &str) -> Option<&'a Document> {
        self.by_name.get(&(kind, parent, name)).copied()
    }

    fn below(&self, kind: Kind, parent: &str) -> impl Iterator<Item = &'a Document> {
        let parent = parent.to_owned();
        let all = self.documents.iter();
        all.filter(move |document| document.kind == kind && document.parent == parent)
    }

    pub(super) fn sort_clients(
        &self,
        policy: Policy,
        sorted: &mut Sorted,
    ) -> Result<(), PartialError> {
        let mut make = Vec::new();
        for (_, client) in each(self.file, "clients") {
            let name = text(client, "clientId").unwrap_or_default();
            if BUILT_IN.contains(&name) || name.ends_with("-realm") {
                continue;
            }
            let there = self.find(Kind::Client, "", name);
            let exists = || format!("Client id '{name}' already exists");
            let action = decide(policy, there.is_some(), exists)?;
            if let (Action::Overwritten, Some(document)) = (action, there) {
                sorted
                    .gone
                    .extend(self.below(Kind::Role, &document.id).cloned());
                sorted.gone.push(document.clone());
            }
            if action != Action::Skipped {
                make.push(client.clone());
            }
            sorted.tell(action, (Part::Client, "", name), client);
        }
        put_list(&mut sorted.make, "clients", with_new_ids(make, "id"));
        Ok(())
    }

    pub(super) fn sort_roles(
        &self,
        policy: Policy,
        sorted: &mut Sorted,
        default_role: &str,
    ) -> Result<(), PartialError> {
        let empty = Json::new();
        let roles = self.file.get("roles").and_then(Value::as_object);
        let mut of_realm = Vec::new();
        for (_, role) in each(roles.unwrap_or(&empty), "realm") {
            let name = text(role, "name").unwrap_or_default();
            let there = self.find(Kind::Role, "", name);
            let exists = || format!("Realm role '{name}' already exists.");
            let action = decide(policy, there.is_some(), exists)?;
            if action == Action::Overwritten
                && there.is_some_and(|document| document.id == default_role)
            {
                return Err(PartialError::DefaultRole(name.to_owned()));
            }
            if action != Action::Skipped {
                of_realm.push(role.clone());
            }
            sorted.role(action, there, (Part::RealmRole, "", name), role);
        }
        let mut of_clients = Json::new();
        for (client_id, list) in client_roles(self.file) {
            let client = self.find(Kind::Client, "", &client_id);
            let named = |(_, client): (usize, &Json)| text(client, "clientId") == Some(&client_id);
            if client.is_none() && !each(self.file, "clients").any(named) {
                return Err(PartialError::NoClient(client_id));
            }
            let mut make = Vec::new();
            for role in list {
                let name = text(&role, "name").unwrap_or_default();
                let there = client.and_then(|client| self.find(Kind::Role, &client.id, name));
                let exists =
                    || format!("Client role '{name}' for client '{client_id}' already exists.");
                let action = decide(policy, there.is_some(), exists)?;
                sorted.role(action, there, (Part::ClientRole, &client_id, name), &role);
                if action != Action::Skipped {
                    make.push(role);
                }
            }
            put_list(&mut of_clients, &client_id, with_new_ids(make, "id"));
        }
        let mut both = Json::new();
        put_list(&mut both, "realm", with_new_ids(of_realm, "id"));
        both.insert("client".to_owned(), Value::Object(of_clients));
        sorted.make.insert("roles".to_owned(), Value::Object(both));
        Ok(())
    }

    pub(super) fn sort_providers(
        &self,
        policy: Policy,
        sorted: &mut Sorted,
    ) -> Result<(), PartialError> {
        let mut make = Vec::new();
        for (_, provider) in each(self.file, "identityProviders") {
            let name = text(provider, "alias").unwrap_or_default();
            let there = self.find(Kind::IdentityProvider, "", name);
            let exists = || format!("Identity Provider '{name}' already exists.");
            let action = decide(policy, there.is_some(), exists)?;
            if let (Action::Overwritten, Some(document)) = (action, there) {
                let kind = Kind::IdentityProviderMapper;
                sorted.gone.extend(self.below(kind, &document.id).cloned());
                sorted.gone.push(document.clone());
            }
            if action != Action::Skipped {
                make.push(provider.clone());
            }
            sorted.tell(action, (Part::IdentityProvider, "", name), provider);
        }
        let list = with_new_ids(make, "internalId");
        put_list(&mut sorted.make, "identityProviders", list);
        let mut make = Vec::new();
        for (_, mapper) in each(self.file, "identityProviderMappers") {
            let name = text(mapper, "name").unwrap_or_default();
            let alias = text(mapper, "identityProviderAlias").unwrap_or_default();
            let provider = self.find(Kind::IdentityProvider, "", alias);
            let there = provider.and_then(|provider| {
                let mut all = self.below(Kind::IdentityProviderMapper, &provider.id);
                all.find(|mapper| text(&mapper.body, "name") == Some(name))
            });
            let exists = || format!("Identity Provider Mapper'{name}' already exists.");
            let action = decide(policy, there.is_some(), exists)?;
            if let (Action::Overwritten, Some(document)) = (action, there) {
                sorted.gone_once(document);
            }
            if action != Action::Skipped {
                make.push(mapper.clone());
            }
            sorted.tell(action, (Part::Mapper, alias, name), mapper);
        }
        let list = with_new_ids(make, "id");
        put_list(&mut sorted.make, "identityProviderMappers", list);
        Ok(())
    }

    /// Groups are looked for by their path; one without a path is new.
    pub(super) fn sort_groups(
        &self,
        policy: Policy,
        sorted: &mut Sorted,
    ) -> Result<(), PartialError> {
        let mut make = Vec::new();
        for (_, group) in each(self.file, "groups") {
            let name = text(group, "name").unwrap_or_default();
            let path = text(group, "path").unwrap_or_default();
            let there = self.group(path);
            let exists = || format!("Group '{path}' already exists");
            let action = decide(policy, there.is_some(), exists)?;
            if let (Action::Overwritten, Some(document)) = (action, there) {
                let mut open = vec![document];
                while let Some(group) = open.pop() {
                    open.extend(self.below(Kind::Group, &group.id));
                    sorted.gone.push(group.clone());
                }
            }
            // What is made lies at the top, wherever its path says that it was.
            let within = if action == Action::Skipped { path } else { "" };
            sorted.tell(action, (Part::Group, within, name), group);
            if action != Action::Skipped {
                make.push(Value::Object(group.clone()));
            }
        }
        put_list(&mut sorted.make, "groups", Value::Array(make));
        Ok(())
    }

    fn group(&self, path: &str) -> Option<&'a Document> {
        let mut found: Option<&Document> = None;
        for name in path_segments(path)? {
            let parent = found.map_or("", |group| group.id.as_str());
            found = Some(self.find(Kind::Group, parent, &name)?);
        }
        found
    }

    pub(super) async fn sort_users(
        &self,
        app: &App,
        realm: &Arc<Realm>,
        policy: Policy,
        sorted: &mut Sorted,
    ) -> Result<(), PartialError> {
        let mut make = Vec::new();
        for (_, user) in each(self.file, "users") {
            let there = user_there(app, realm, user).await?;
            let (username, email) = (text(user, "username"), text(user, "email"));
            let name = username.or(email).unwrap_or_default();
            let exists = || match email {
                Some(email) if realm.settings.login.duplicate_emails_allowed => {
                    format!("User with user name {name} or with email {email} already exists.")
                }
                Some(_) | None => format!("User with user name {name} already exists."),
            };
            let action = decide(policy, there.is_some(), exists)?;
            let mut within = String::new();
            if let Some(there) = there {
                if action == Action::Skipped {
                    there.id.as_str().clone_into(&mut within);
                } else if !sorted.gone_users.iter().any(|gone| gone.id == there.id) {
                    sorted.gone_users.push(there);
                }
            }
            sorted.tell(action, (Part::User, &within, name), user);
            if action != Action::Skipped {
                make.push(Value::Object(user.clone()));
            }
        }
        put_list(&mut sorted.make, "users", Value::Array(make));
        Ok(())
    }
}

/// The user of the same name, or else of the same address where it is one user's alone.
async fn user_there(
    app: &App,
    realm: &Realm,
    user: &Json,
) -> Result<Option<claviger_model::User>, StoreError> {
    if let Some(name) = text(user, "username")
        && let Some(user) = app.store.user_by_username(&realm.id, name.trim()).await?
    {
        return Ok(Some(user));
    }
    match text(user, "email") {
        Some(email) if !realm.settings.login.duplicate_emails_allowed => {
            app.store.user_by_email(&realm.id, email.trim()).await
        }
        Some(_) | None => Ok(None),
    }
}

/// What becomes of a part.
fn decide(
    policy: Policy,
    exists: bool,
    message: impl FnOnce() -> String,
) -> Result<Action, PartialError> {
    match (exists, policy) {
        (false, _) => Ok(Action::Added),
        (true, Policy::Fail) => Err(PartialError::Exists(message())),
        (true, Policy::Skip) => Ok(Action::Skipped),
        (true, Policy::Overwrite) => Ok(Action::Overwritten),
    }
}

impl Sorted {
    fn tell(&mut self, action: Action, named: (Part, &str, &str), representation: &Json) {
        let (part, within, name) = named;
        self.told.push(Told {
            action,
            part,
            within: within.to_owned(),
            name: name.to_owned(),
            representation: representation.clone(),
        });
    }

    /// A role that gives way is told twice, as Keycloak does: it is new, too.
    fn role(
        &mut self,
        action: Action,
        there: Option<&Document>,
        named: (Part, &str, &str),
        role: &Json,
    ) {
        if let (Action::Overwritten, Some(document)) = (action, there) {
            self.gone_once(document);
            self.tell(Action::Added, named, role);
        }
        self.tell(action, named, role);
    }

    /// A role of a client that gives way is gone already.
    fn gone_once(&mut self, document: &Document) {
        let same = |gone: &Document| gone.kind == document.kind && gone.id == document.id;
        if !self.gone.iter().any(same) {
            self.gone.push(document.clone());
        }
    }
}

/// The id of a mapper of an identity provider, by the provider's alias and its own name.
pub(super) fn mapper(assembly: &Assembly<'_>, alias: &str, name: &str) -> Option<String> {
    let provider = assembly.find(Kind::IdentityProvider, "", alias)?;
    let kind = Kind::IdentityProviderMapper;
    let mut all = assembly.of_kind(kind).filter(|mapper| {
        // One that gave way is listed still.
        mapper.parent == provider && assembly.has_id(kind, &mapper.id)
    });
    let found = all.find(|mapper| text(&mapper.body, "name") == Some(name));
    found.map(|mapper| mapper.id.clone())
}
