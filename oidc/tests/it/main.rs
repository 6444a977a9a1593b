//! The protocol endpoints, spoken to over HTTP without a socket.

mod bank;
mod client_auth;
mod logout;
mod public;
mod world;
