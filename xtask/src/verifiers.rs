//! What builds the sample programs of `verifiers/`, for `cargo xtask clients`.

use std::path::Path;
use std::process::Command;

use crate::workspace::root;

/// Whether a name is that of a verifier: its folder's.
pub fn is_one(name: &str) -> bool {
    root().join("verifiers").join(name).is_dir()
}

/// The commands that build them below a folder. They may run at once.
pub fn builds(_output: &Path) -> Vec<Command> {
    Vec::new()
}
