//! A user together with what decides about tokens: groups, and roles with all that they contain.

use std::collections::HashSet;
use std::sync::Arc;

use claviger_model::{RoleId, User};
use claviger_store::{Store, StoreError};

use crate::realm::{Group, Realm};

/// A group that a user is a direct member of.
#[derive(Clone, Debug)]
pub struct Membership {
    /// `/parent/child`.
    pub path: String,
    /// The group.
    pub group: Arc<Group>,
    /// The groups above it, nearest first: members inherit their roles and attributes.
    pub above: Vec<Arc<Group>>,
}

impl Membership {
    /// The group, then those above it, nearest first.
    pub fn line(&self) -> impl Iterator<Item = &Group> {
        std::iter::once(&self.group)
            .chain(&self.above)
            .map(AsRef::as_ref)
    }
}

/// A user with groups and effective roles, as of one read.
#[derive(Clone, Debug)]
pub struct Person {
    /// The user.
    pub user: User,
    /// The groups that the user is a direct member of, by path.
    pub groups: Vec<Membership>,
    /// Roles given to the user, to the groups, and to the groups above them; sorted, each once.
    pub given: Arc<[RoleId]>,
    /// All roles: those given, and what they hold.
    pub roles: Arc<HashSet<RoleId>>,
}

impl Person {
    /// Reads groups and roles of a user.
    pub async fn load(store: &Store, realm: &Realm, user: User) -> Result<Self, StoreError> {
        let (mut given, direct) = store.user_roles_and_groups(&realm.id, &user.id).await?;
        let mut groups = Vec::new();
        for id in direct {
            let line = realm.group_line(&id).await?;
            for group in &line {
                given.extend(group.roles.iter().cloned());
            }
            let mut line = line.into_iter();
            if let Some(group) = line.next() {
                let path = realm.group_path(&id).await?;
                groups.push(Membership {
                    path,
                    group,
                    above: line.collect(),
                });
            }
        }
        groups.sort_by(|one: &Membership, other| one.path.cmp(&other.path));
        given.sort_unstable();
        given.dedup();
        let given: Arc<[RoleId]> = given.into();
        Ok(Self {
            user,
            groups,
            roles: expanded(realm, &given).await?,
            given,
        })
    }
}

/// What some roles hold, themselves included.
async fn expanded(
    realm: &Realm,
    given: &Arc<[RoleId]>,
) -> Result<Arc<HashSet<RoleId>>, StoreError> {
    if let Some(known) = realm.derived.expanded.get(given) {
        return Ok(known);
    }
    let found = Arc::new(realm.roles().await?.expand(&**given));
    let kept = &realm.derived.expanded;
    kept.insert(Arc::clone(given), Arc::clone(&found));
    Ok(found)
}
