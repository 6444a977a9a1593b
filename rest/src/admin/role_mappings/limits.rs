//! Which roles an administrator may give and take: no rights over a realm beyond their own.

use std::sync::Arc;

use claviger_engine::realm::{Role, Roles};
use claviger_model::{ClientUuid, GroupId};
use claviger_store::StoreError;

use crate::call::AdminCall;
use crate::guard::{MASTER, Right};

/// What an administrator must have to map a role that is a right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Needed {
    /// Nothing further.
    Nothing,
    /// One of these rights over the realm.
    OneOf(&'static [&'static str]),
    /// The role `admin` of the master realm.
    MasterAdmin,
    /// The role itself.
    Itself,
}

/// What a role of this name asks for as a right; none if no right has this name.
fn needed(name: &str) -> Option<Needed> {
    use Needed::{Itself, MasterAdmin, Nothing, OneOf};
    Some(match name {
        "manage-clients" | "create-client" => OneOf(&["manage-clients"]),
        "view-clients" => OneOf(&["view-clients", "manage-clients"]),
        "manage-authorization" => OneOf(&["manage-authorization"]),
        "view-authorization" => OneOf(&["view-authorization", "manage-authorization"]),
        "manage-events" => OneOf(&["manage-events"]),
        "view-events" => OneOf(&["view-events", "manage-events"]),
        "manage-users" => OneOf(&["manage-users"]),
        "view-users" => OneOf(&["view-users", "manage-users"]),
        "manage-identity-providers" => OneOf(&["manage-identity-providers"]),
        "view-identity-providers" => {
            OneOf(&["view-identity-providers", "manage-identity-providers"])
        }
        "manage-realm" => OneOf(&["manage-realm"]),
        "view-realm" => OneOf(&["view-realm", "manage-realm"]),
        "manage-organizations" => OneOf(&["manage-organizations", "manage-realm"]),
        "view-organizations" => {
            OneOf(&["view-organizations", "manage-organizations", "manage-realm"])
        }
        "impersonation" => OneOf(&["impersonation"]),
        "query-users"
        | "query-clients"
        | "query-realms"
        | "query-groups"
        | "query-organizations" => Nothing,
        "realm-admin" => MasterAdmin,
        "admin" | "create-realm" => Itself,
        _ => return None,
    })
}

/// Says of each role whether the administrator of one request may map it.
pub(in crate::admin) struct Mapper<'a> {
    call: &'a AdminCall,
    roles: Arc<Roles>,
    /// The client whose roles are rights over the realm.
    management: Option<ClientUuid>,
}

impl<'a> Mapper<'a> {
    /// For the administrator who asks.
    pub(in crate::admin) async fn of(call: &'a AdminCall) -> Result<Self, StoreError> {
        let realm = &call.realm;
        let name = if realm.name == MASTER {
            "master-realm"
        } else {
            "realm-management"
        };
        let management = realm.client(name).await?.map(|client| client.uuid.clone());
        Ok(Self {
            call,
            roles: realm.roles().await?,
            management,
        })
    }

    /// Whether they may give a role to somebody, or take it.
    pub(in crate::admin) async fn may_map(&self, role: &Role) -> Result<bool, StoreError> {
        self.may_hand_out(role, &[Right::ManageUsers]).await
    }

    /// Whether they may put somebody into a group: its roles, and those of the groups above it, come
    /// with the membership.
    pub(in crate::admin) async fn may_let_join(&self, group: &GroupId) -> Result<bool, StoreError> {
        for group in self.call.realm.group_line(group).await? {
            for role in group.roles.iter().filter_map(|role| self.roles.get(role)) {
                if !self.may_map(role).await? {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    /// Whether they may put a role into another, or take it out.
    pub(in crate::admin) async fn may_compose(&self, role: &Role) -> Result<bool, StoreError> {
        let right = if role.client.is_some() {
            Right::ManageClients
        } else {
            Right::ManageRealm
        };
        self.may_hand_out(role, &[right]).await
    }

    /// Whether they may give a role to somebody or something that they import. It may be a role
    /// that the import makes.
    pub(in crate::admin) async fn may_import(&self, role: &Role) -> Result<bool, StoreError> {
        Ok(self.may_map_one(role).await? && self.may_hand_out(role, &[Right::ManageRealm]).await?)
    }

    /// What a role contains counts as itself: else a harmless name would carry any right.
    async fn may_hand_out(&self, role: &Role, rights: &[Right]) -> Result<bool, StoreError> {
        if !self.call.admin.may(&self.call.realm, rights).await? {
            return Ok(false);
        }
        for contained in self.roles.expand([&role.id]) {
            let Some(contained) = self.roles.get(&contained) else {
                continue;
            };
            if !self.may_map_one(contained).await? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    async fn may_map_one(&self, role: &Role) -> Result<bool, StoreError> {
        let Some(needed) = needed(&role.name) else {
            return Ok(true);
        };
        let (admin, realm) = (&self.call.admin, &self.call.realm);
        if admin.realm.id == realm.id && admin.person.roles.contains(&role.id) {
            return Ok(true);
        }
        if role.client.is_none() || role.client != self.management {
            return Ok(!self.is_right_elsewhere(role).await?);
        }
        match needed {
            Needed::Nothing => Ok(true),
            Needed::OneOf(names) => admin.may_as(realm, names).await,
            Needed::MasterAdmin => Ok(admin.is_of_master() && admin.has_realm_role("admin").await?),
            Needed::Itself => Ok(false),
        }
    }

    /// Whether a role, not of the management client, but named as a right, is one: the master
    /// realm has rights over all realms, as roles of its own and of the clients `<realm>-realm`.
    async fn is_right_elsewhere(&self, role: &Role) -> Result<bool, StoreError> {
        let realm = &self.call.realm;
        if realm.name != MASTER {
            return Ok(false);
        }
        let Some(uuid) = &role.client else {
            return Ok(true);
        };
        let client = realm.client_by_uuid(uuid).await?;
        Ok(client.is_some_and(|client| client.client_id.ends_with("-realm")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_right_asks_for_something() {
        for right in Right::ALL {
            assert!(needed(right.role()).is_some(), "{right:?}");
        }
        let cases = [
            ("manage-users", Some(Needed::OneOf(&["manage-users"]))),
            (
                "view-users",
                Some(Needed::OneOf(&["view-users", "manage-users"])),
            ),
            ("query-groups", Some(Needed::Nothing)),
            ("realm-admin", Some(Needed::MasterAdmin)),
            ("create-realm", Some(Needed::Itself)),
            ("customer", None),
            ("Manage-Users", None),
        ];
        for (name, expected) in cases {
            assert_eq!(needed(name), expected, "{name}");
        }
    }
}
