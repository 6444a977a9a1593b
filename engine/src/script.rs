//! Scripts that an administrator has put beside the server, to compute claims.
//!
//! They are what Keycloak calls deployed scripts: they come with the installation and never through
//! an API, so that whoever may only administer a realm runs no code. Building with the feature
//! `scripts` brings the interpreter; without it nothing runs (`docs/decisions/011-scripts.md`).

use std::collections::BTreeMap;
use std::sync::Arc;

#[cfg(feature = "scripts")]
pub mod run;

/// One script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Script {
    /// What mappers name it by: `script-` and the name of its file.
    pub id: String,
    /// What administrators see.
    pub name: String,
    /// Its source.
    pub code: String,
}

/// The scripts of this installation. Cloning shares them.
#[derive(Clone, Debug, Default)]
pub struct Scripts(Arc<BTreeMap<String, Script>>);

impl Scripts {
    /// Takes scripts; of two with one id the last counts.
    pub fn new(scripts: impl IntoIterator<Item = Script>) -> Self {
        let by_id = scripts
            .into_iter()
            .map(|script| (script.id.clone(), script));
        Self(Arc::new(by_id.collect()))
    }

    /// Whether there are any.
    pub fn are_there(&self) -> bool {
        !self.0.is_empty()
    }

    /// The script of an id.
    pub fn get(&self, id: &str) -> Option<&Script> {
        self.0.get(id)
    }
}
