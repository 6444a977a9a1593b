//! What follows from a realm's configuration alone, worked out once per version and shared: which
//! roles some roles hold, and what such roles mean in a token for a client.
//!
//! Nothing of a user is kept but the set of roles that was asked about.

use std::collections::HashSet;
use std::sync::Arc;

use claviger_model::{ClientUuid, RoleId};
use moka::sync::Cache;

use crate::scope::Granted;

/// How much each of the two keeps at most, in bytes; the least used go first.
const BYTES_KEPT: u64 = 4 * 1024 * 1024;
/// What an entry costs beside its roles, about.
const ENTRY_BYTES: usize = 1024;
/// What a role costs in an entry: its id in the key and in the set, its name. About.
const ROLE_BYTES: usize = 256;

/// What a grant depends on beside the realm's configuration: the client, the `scope` parameter,
/// and the roles that a user was given, sorted.
pub type GrantKey = (ClientUuid, Option<String>, Arc<[RoleId]>);

/// The results of one version of a realm.
#[derive(Debug)]
pub struct Derived {
    /// All roles that some roles hold, those themselves included.
    pub expanded: Cache<Arc<[RoleId]>, Arc<HashSet<RoleId>>>,
    /// What a token may carry.
    pub granted: Cache<GrantKey, Arc<Granted>>,
}

impl Default for Derived {
    fn default() -> Self {
        let bytes = |roles: usize| {
            u32::try_from(ENTRY_BYTES + roles.saturating_mul(ROLE_BYTES)).unwrap_or(u32::MAX)
        };
        Self {
            expanded: Cache::builder()
                .max_capacity(BYTES_KEPT)
                .weigher(move |given: &Arc<[RoleId]>, all: &Arc<HashSet<RoleId>>| {
                    bytes(given.len() + all.len())
                })
                .build(),
            granted: Cache::builder()
                .max_capacity(BYTES_KEPT)
                .weigher(
                    move |(_, scope, given): &GrantKey, granted: &Arc<Granted>| {
                        let scope = scope.as_ref().map_or(0, String::len);
                        bytes(given.len() + granted.roles.len() + scope / ROLE_BYTES)
                    },
                )
                .build(),
        }
    }
}
