//! The protocol endpoints, spoken to over HTTP without a socket.

mod bad_input;
mod bank;
mod client_auth;
mod cors;
mod faults;
mod forged;
mod logout;
mod public;
mod races;
mod redirects;
mod revoked;
mod scopes;
mod world;
