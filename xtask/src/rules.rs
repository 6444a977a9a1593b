//! The invariants of `ARCHITECTURE.md`, asserted over manifests and files.

mod attacks;
mod conformance;
mod files;
mod licences;
mod manifests;
mod spdx;
