//! All groups of one organization, found by their place.

use std::collections::HashMap;

use claviger_model::RoleId;
use claviger_wire::Organization;
use claviger_wire::document::{Document, Json, LinkKind};
use serde_json::json;

use crate::admin::users::groups::put_details;
use crate::call::AdminCall;
use crate::problem::Problem;

/// All groups of one organization.
pub(super) struct Forest {
    pub(super) organization: Organization,
    /// By name.
    pub(super) groups: Vec<Document>,
    by_id: HashMap<String, usize>,
}

/// How a group is shown.
#[derive(Clone, Copy)]
pub(super) struct Look {
    /// Without roles and attributes.
    pub(super) brief: bool,
    /// With the number of groups below.
    pub(super) counts: bool,
}

impl Forest {
    /// The groups of an organization.
    pub(super) async fn of(call: &AdminCall, organization: Organization) -> Result<Self, Problem> {
        let store = &call.app.store;
        let groups = store.organization_groups(&call.realm.id, &organization.id);
        let groups = groups.await?;
        Ok(Self::new(organization, groups))
    }

    fn new(organization: Organization, groups: Vec<Document>) -> Self {
        let by_id = groups.iter().enumerate();
        let by_id = by_id.map(|(place, group)| (group.id.clone(), place));
        Self {
            by_id: by_id.collect(),
            organization,
            groups,
        }
    }

    /// The same with one group more.
    pub(super) fn with(self, group: Document) -> Self {
        let mut groups = self.groups;
        groups.push(group);
        Self::new(self.organization, groups)
    }

    /// The group of this id.
    pub(super) fn get(&self, id: &str) -> Option<&Document> {
        self.groups.get(*self.by_id.get(id)?)
    }

    /// The groups right below one, or below the organization.
    pub(super) fn below<'a>(&'a self, parent: &'a str) -> impl Iterator<Item = &'a Document> {
        let all = self.groups.iter();
        all.filter(move |group| group.parent == parent)
    }

    /// The groups at the top.
    pub(super) fn top(&self) -> impl Iterator<Item = &Document> {
        self.below(self.organization.id.as_str())
    }

    /// A group and all above it, itself first.
    pub(super) fn line(&self, id: &str) -> Vec<&Document> {
        let mut line: Vec<&Document> = Vec::new();
        let mut next = self.get(id);
        while let Some(group) = next {
            if line.iter().any(|known| known.id == group.id) {
                break;
            }
            line.push(group);
            next = self.get(&group.parent);
        }
        line
    }

    /// A group with all below it.
    pub(super) fn tree(&self, id: &str) -> Vec<&Document> {
        let mut found: Vec<&Document> = self.get(id).into_iter().collect();
        let mut seen = 0;
        while let Some(group) = found.get(seen).copied() {
            found.extend(self.below(&group.id));
            seen += 1;
        }
        found
    }

    /// `/parent/child`; a slash within a name stays as it is.
    fn path(&self, id: &str) -> String {
        let line = self.line(id);
        let names: Vec<&str> = line
            .iter()
            .rev()
            .map(|one| one.unique_name.as_str())
            .collect();
        format!("/{}", names.join("/"))
    }

    /// The group at a path; names may have slashes in them.
    pub(super) fn at(&self, path: &str) -> Option<&Document> {
        let path = path.strip_prefix('/').unwrap_or(path);
        let path = path.strip_suffix('/').unwrap_or(path);
        let mut open: Vec<(&str, &str)> = vec![(self.organization.id.as_str(), path)];
        // A group is reached in one way only: no path costs more than there are groups.
        while let Some((parent, rest)) = open.pop() {
            for group in self.below(parent) {
                let Some(below) = rest.strip_prefix(group.unique_name.as_str()) else {
                    continue;
                };
                if below.is_empty() {
                    return Some(group);
                }
                if let Some(below) = below.strip_prefix('/') {
                    open.push((&group.id, below));
                }
            }
        }
        None
    }

    /// `GroupRepresentation` without the groups below.
    pub(super) async fn show(
        &self,
        call: &AdminCall,
        group: &Document,
        look: Look,
    ) -> Result<Json, Problem> {
        let mut body = Json::new();
        body.insert("id".to_owned(), json!(group.id));
        body.insert("name".to_owned(), json!(group.unique_name));
        if let Some(text) = group.body.get("description").filter(|text| !text.is_null()) {
            body.insert("description".to_owned(), text.clone());
        }
        body.insert("path".to_owned(), json!(self.path(&group.id)));
        body.insert("parentId".to_owned(), json!(group.parent));
        if look.counts {
            let count = self.below(&group.id).count();
            body.insert("subGroupCount".to_owned(), json!(count));
        }
        body.insert("subGroups".to_owned(), json!([]));
        if !look.brief {
            let (store, realm) = (&call.app.store, &call.realm.id);
            let roles = store.links_from(realm, LinkKind::GroupRole, &group.id);
            let roles: Vec<RoleId> = roles.await?.into_iter().map(RoleId::new).collect();
            put_details(&call.realm, &mut body, &group.body, &roles).await?;
        }
        Ok(body)
    }
}

#[cfg(test)]
mod tests {
    use claviger_wire::document::Kind;

    use super::*;

    fn forest(groups: &[(&str, &str, &str)]) -> Forest {
        let document = |(id, parent, name): &(&str, &str, &str)| Document {
            kind: Kind::OrganizationGroup,
            id: (*id).to_owned(),
            parent: (*parent).to_owned(),
            unique_name: (*name).to_owned(),
            enabled: true,
            body: Json::new(),
        };
        let acme = json!({"id": "o", "name": "acme"});
        let acme = Organization::from_body(acme.as_object().unwrap());
        Forest::new(acme, groups.iter().map(document).collect())
    }

    #[test]
    fn groups_are_found_by_path() {
        let all = forest(&[
            ("1", "o", "a"),
            ("2", "1", "b"),
            ("3", "1", "b/c"),
            ("4", "2", "d"),
            ("5", "o", "a/b"),
        ]);
        for (path, expected) in [
            ("a", Some("1")),
            ("/a/b/d/", Some("4")),
            ("a/b/c", Some("3")),
            ("a/x", None),
            ("", None),
            ("b", None),
        ] {
            let found = all.at(path).map(|group| group.id.as_str());
            assert_eq!(found, expected, "{path}");
        }
        assert!(matches!(
            all.at("a/b").map(|group| &*group.id),
            Some("2" | "5")
        ));
        assert_eq!(all.path("4"), "/a/b/d");
        let tree: Vec<&str> = all.tree("1").iter().map(|group| &*group.id).collect();
        assert_eq!(tree, ["1", "2", "3", "4"]);
    }
}
