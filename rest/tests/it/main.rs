//! The Admin API, spoken to over HTTP without a socket.

mod client_scopes;
mod clients;
mod role_mappings;
mod user_credentials;
mod user_profile;
mod users;
mod world;
