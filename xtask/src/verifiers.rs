//! What builds the sample programs of `verifiers/`, for `cargo xtask clients`.

use std::path::Path;
use std::process::Command;

use crate::workspace::{cargo, root, target};

/// Whether a name is that of a verifier: its folder's.
pub fn is_one(name: &str) -> bool {
    root().join("verifiers").join(name).is_dir()
}

/// The commands that build them below a folder. They may run at once.
pub fn builds(_output: &Path) -> Vec<Command> {
    vec![rust(&["build", "--quiet", "--locked", "--example", "api"])]
}

/// Cargo at the Rust verifier, which is a workspace of its own, and shares with the product what it depends on.
pub fn rust(arguments: &[&str]) -> Command {
    let mut command = cargo(arguments);
    command
        .current_dir(root().join("verifiers/rust"))
        .env("CARGO_TARGET_DIR", target());
    command
}
