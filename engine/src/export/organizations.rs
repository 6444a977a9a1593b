//! Organizations of a realm file: members by name, identity providers by alias, groups as a tree.

use std::collections::HashMap;

use claviger_model::RealmId;
use claviger_store::{Store, StoreError};
use claviger_wire::document::{Json, Kind};
use serde_json::{Value, json};

use super::configuration::Configuration;
use crate::import::{NewMember, NewOrganization};
use crate::organization::{PROVIDER_OF, owner};

/// Organizations, or members, read at a time.
const PAGE: i64 = 1_000;

impl Configuration<'_> {
    /// The identity providers; whose they are, organizations say.
    pub(super) fn identity_providers(&self) -> Value {
        let bodies = self.of_kind(Kind::IdentityProvider).into_iter();
        let bodies = bodies.map(|provider| {
            let mut body = provider.body.clone();
            body.shift_remove(PROVIDER_OF);
            Value::Object(body)
        });
        bodies.collect()
    }

    /// Organizations with all that belongs to them.
    pub(super) fn organizations(&self, all: &[NewOrganization]) -> Value {
        let below = self.by_parent(Kind::OrganizationGroup);
        let mut providers: HashMap<&str, Vec<Value>> = HashMap::new();
        for provider in self.of_kind(Kind::IdentityProvider) {
            if let Some(owner) = owner(&provider.body) {
                let told = json!({"alias": provider.unique_name, "enabled": true, "config": {}});
                providers.entry(owner).or_default().push(told);
            }
        }
        let organizations = all.iter().map(|new| {
            let id = new.organization.id.as_str();
            let mut body = new.organization.to_kept();
            let mut put = |name: &str, list: Vec<Value>| {
                if !list.is_empty() {
                    body.insert(name.to_owned(), Value::Array(list));
                }
            };
            put("members", new.members.iter().map(member).collect());
            put(
                "identityProviders",
                providers.get(id).cloned().unwrap_or_default(),
            );
            if let Value::Array(groups) = self.groups_below(id, "", &below, 0) {
                put("groups", groups);
            }
            Value::Object(body)
        });
        organizations.collect()
    }
}

fn member(member: &NewMember) -> Value {
    let kind = if member.managed {
        "MANAGED"
    } else {
        "UNMANAGED"
    };
    let mut told = Json::new();
    told.insert("username".to_owned(), json!(member.username));
    told.insert("membershipType".to_owned(), json!(kind));
    if !member.groups.is_empty() {
        told.insert("groups".to_owned(), json!(member.groups));
    }
    Value::Object(told)
}

/// Reads the organizations of a realm with their members.
pub(super) async fn read(
    store: &Store,
    realm: &RealmId,
) -> Result<Vec<NewOrganization>, StoreError> {
    let mut all = Vec::new();
    let mut after = String::new();
    loop {
        let page = store.organizations_behind(realm, &after, PAGE).await?;
        let Some(last) = page.last() else {
            return Ok(all);
        };
        last.id.as_str().clone_into(&mut after);
        for organization in page {
            let members = read_members(store, realm, &organization.id).await?;
            all.push(NewOrganization {
                organization,
                members,
            });
        }
    }
}

async fn read_members(
    store: &Store,
    realm: &RealmId,
    organization: &claviger_model::OrganizationId,
) -> Result<Vec<NewMember>, StoreError> {
    let mut groups: HashMap<String, Vec<String>> = HashMap::new();
    for (username, group) in store.organization_group_people(realm, organization).await? {
        groups
            .entry(username)
            .or_default()
            .push(group.into_string());
    }
    let mut members = Vec::new();
    let mut after = String::new();
    loop {
        let page = store.organization_members_behind(realm, organization, &after, PAGE);
        let page = page.await?;
        let Some((last, _)) = page.last() else {
            return Ok(members);
        };
        after.clone_from(last);
        members.extend(page.into_iter().map(|(username, managed)| NewMember {
            groups: groups.remove(&username).unwrap_or_default(),
            username,
            managed,
        }));
    }
}
