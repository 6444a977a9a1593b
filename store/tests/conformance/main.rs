//! What a store does, whatever keeps it: the same tests on SQLite, and on every server named in
//! `CLAVIGER_TEST_DB_URLS`.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]

mod authentications;
mod carry;
mod configuration;
mod deliveries;
mod events;
mod faults;
mod fixtures;
mod login_failures;
mod organizations;
mod people;
mod realms;
mod revocations;
mod schema;
mod searches;
mod sessions;
mod signals;
mod statuses;
mod text;
mod tokens;
mod world;
mod writes;
