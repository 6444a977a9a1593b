//! What builds the administrators of `clients/administrators/`, for `cargo xtask clients`.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Result, bail};

use crate::children;
use crate::python;
use crate::workspace::root;

/// What Maven builds, as `clients/pom.xml` calls it.
pub const MAVEN_PROJECT: &str = "administrators/java";

/// Whether a name is that of an administrator: its folder's.
pub fn is_one(name: &str) -> bool {
    folder(name).is_dir()
}

fn folder(name: &str) -> std::path::PathBuf {
    root().join("clients/administrators").join(name)
}

/// The commands that build them below a folder. They may run at once.
pub fn builds(output: &Path) -> Vec<Command> {
    let mut go = Command::new("go");
    go.args(["build", "-o"])
        .arg(output.join("gocloak"))
        .current_dir(folder("gocloak"));
    vec![go]
}

/// Makes the environment of those in Python, and fetches Ansible's modules.
pub fn python(output: &Path) -> Result<()> {
    let requirements = "clients/administrators/requirements.txt";
    let interpreter = python::environment("clients/administrators", requirements)?;
    let collection = folder("ansible").join("collection.py");
    let place = output.join("ansible");
    fs::create_dir_all(&place)?;
    let mut fetch = Command::new(interpreter);
    let status = children::run(fetch.arg(collection).arg(place))?;
    if !status.success() {
        bail!("Ansible's modules: {}", children::describe(status));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::product::read;

    /// One that is not tried says nothing, and one that no page tells of is of no use to anybody.
    #[test]
    fn every_administrator_is_tried_and_has_its_recipe() {
        for entry in fs::read_dir(root().join("clients/administrators")).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            if !is_one(&name) {
                continue;
            }
            for (page, link) in [
                ("clients/walk/administrators.test.mjs", format!("'{name}'")),
                (
                    "docs/clients.md",
                    format!("`clients/administrators/{name}/`"),
                ),
            ] {
                assert!(read(page).unwrap().contains(&link), "{page}: {link}");
            }
        }
    }
}
