//! Attacks that worked elsewhere, each under the number it became known by. `docs/cve-regressions.md` lists
//! them all, with the tests that other files hold.

mod administrators;
mod people;
mod registrations;
mod searches;
mod tokens;
