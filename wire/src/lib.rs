//! What clients and administrators send and receive, in Keycloak's spelling.
//!
//! Documents are the server's configuration as it is kept; views pick from them what the server
//! acts upon; the schema says what the Admin API accepts; problems are the bodies of refusals.

pub mod broker;
pub mod client;
pub mod component;
pub mod document;
pub mod fields;
pub mod flow;
pub mod group;
pub mod headers;
pub mod mapper;
pub mod organization;
pub mod realm;
pub mod revocation;
pub mod role;
pub mod schema;
pub mod scope;
pub mod server_info;
pub mod signal;
mod tokens;
pub mod user;

pub use client::ClientSettings;
pub use component::{ComponentView, MASK};
pub use document::{Document, Json, Kind, Link, LinkKind};
pub use fields::Fields;
pub use flow::{Execution, FlowView, RequiredActionView, Requirement};
pub use group::GroupSettings;
pub use mapper::ProtocolMapper;
pub use organization::Organization;
pub use realm::RealmSettings;
pub use role::RoleSettings;
pub use scope::ClientScopeSettings;
