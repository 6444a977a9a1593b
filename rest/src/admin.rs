//! The endpoints below `/admin`, a file for each noun.

mod adapters;
mod attack_detection;
mod authentication;
mod client_policies;
mod client_scopes;
pub(crate) mod clients;
mod components;
mod consents;
mod described;
mod description;
mod events;
mod events_config;
mod features;
mod groups;
mod identity_providers;
mod keys;
mod localization;
mod logout_deliveries;
mod multipart;
mod organizations;
mod owner;
mod paging;
pub(crate) mod protocol_mappers;
mod realms;
mod role_mappings;
mod roles;
mod scope_mappings;
mod server_info;
mod sessions;
mod transfer;
mod ui_ext;
mod user_profile;
mod user_storage;
pub(crate) mod users;

use crate::route::Route;

/// All rows of the table.
pub fn routes() -> Vec<Route> {
    [
        realms::routes(),
        server_info::routes(),
        clients::routes(),
        client_scopes::routes(),
        protocol_mappers::routes(),
        scope_mappings::routes(),
        adapters::routes(),
        sessions::routes(),
        consents::routes(),
        events::routes(),
        users::routes(),
        role_mappings::routes(),
        roles::routes(),
        groups::routes(),
        components::routes(),
        keys::routes(),
        events_config::routes(),
        logout_deliveries::routes(),
        localization::routes(),
        client_policies::routes(),
        attack_detection::routes(),
        transfer::routes(),
        features::routes(),
        identity_providers::routes(),
        authentication::routes(),
        user_profile::routes(),
        user_storage::routes(),
        organizations::routes(),
        ui_ext::routes(),
        description::routes(),
    ]
    .concat()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::routes;

    #[test]
    fn no_two_rows_are_the_same_endpoint() {
        let mut known = HashSet::new();
        for row in routes() {
            let endpoint = (row.method.clone(), row.path);
            assert!(known.insert(endpoint), "{} {}", row.method, row.path);
        }
    }
}
