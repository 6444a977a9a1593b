//! What clients and administrators send and receive, in Keycloak's spelling.
//!
//! Documents are the server's configuration as it is kept; views pick from them what the server
//! acts upon; the schema says what the Admin API accepts; problems are the bodies of refusals.

pub mod document;

pub use document::{Document, Json, Kind, Link, LinkKind};
