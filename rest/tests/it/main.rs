//! The Admin API, spoken to over HTTP without a socket.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails"
)]

mod account;
mod admin_api;
mod authentication;
mod brute_force;
mod client_description;
mod client_registration;
mod client_scopes;
mod client_secrets;
mod clients;
mod components;
mod cve;
mod groups;
mod identity_providers;
mod impersonation;
mod logout;
mod openapi;
#[cfg(test)]
mod organizations;
mod partial_import;
mod realm_settings;
mod realms;
mod rights;
mod role_mappings;
mod roles;
mod server_info;
mod ui_ext;
mod user_credentials;
mod user_profile;
mod user_races;
mod user_relations;
mod user_storage;
mod users;
mod whoami;
mod world;
