//! Builds a small world for a test in one line, and speaks HTTP to it without a socket.
//!
//! A [`Stage`] is a server without a socket: a database of its own (SQLite in memory, if the
//! environment names no other), a frozen clock, a scripted network. It is given the router of the
//! surface under test.

#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a test kit fails by panicking"
)]

pub mod database;
pub mod network;
pub mod reply;
pub mod stage;

pub use database::Ground;
pub use network::Script;
pub use reply::Reply;
pub use stage::{Call, Stage};
