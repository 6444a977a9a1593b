//! The protocol endpoints, spoken to over HTTP without a socket.

mod logout;
mod world;
