//! Folders that live as long as the task.
//!
//! They lie in the system's folder for temporary files, not in `target/`: the database servers refuse to run as
//! root, and an unprivileged user need not be able to reach the checkout.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use anyhow::{Context, Result};

const PREFIX: &str = "claviger-task-";

static FOLDERS: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

fn folders() -> MutexGuard<'static, Vec<PathBuf>> {
    FOLDERS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A folder that is removed when dropped, or when a signal ends the program.
pub struct Scratch(PathBuf);

impl Scratch {
    /// An empty folder that only its owner may enter.
    pub fn new(name: &str) -> Result<Self> {
        remove_leftovers();
        let parent = std::env::temp_dir();
        for attempt in 0..100 {
            let id = std::process::id();
            let path = parent.join(format!("{PREFIX}{id}-{name}-{attempt}"));
            // `create_dir` fails on whatever is there already, a link laid by somebody else included.
            if fs::create_dir(&path).is_ok() {
                fs::set_permissions(&path, fs::Permissions::from_mode(0o700))?;
                folders().push(path.clone());
                return Ok(Self(path));
            }
        }
        anyhow::bail!("cannot make a folder in {}", parent.display())
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Gives the folder to another user.
    pub fn give_to(&self, user: u32, group: u32) -> Result<()> {
        chown(&self.0, Some(user), Some(group))
            .with_context(|| format!("cannot give away {}", self.0.display()))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
        folders().retain(|path| path != &self.0);
    }
}

/// Removes every folder of this program.
pub fn remove_all() {
    for path in folders().drain(..) {
        let _ = fs::remove_dir_all(path);
    }
}

/// Removes folders of earlier tasks that were killed before they could.
fn remove_leftovers() {
    let Ok(entries) = fs::read_dir(std::env::temp_dir()) else {
        return;
    };
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let owner = name
            .strip_prefix(PREFIX)
            .and_then(|rest| rest.split('-').next());
        if let Some(pid) = owner.and_then(|pid| pid.parse::<u32>().ok())
            && Path::new("/proc/self").exists()
            && !Path::new("/proc").join(pid.to_string()).exists()
        {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_goes_with_its_owner() {
        let scratch = Scratch::new("test").unwrap();
        let path = scratch.path().to_path_buf();
        fs::write(path.join("file"), "text").unwrap();
        let other = Scratch::new("test").unwrap();
        assert_ne!(path, other.path());
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o700
        );
        drop(scratch);
        assert!(!path.exists() && other.path().exists());
    }

    #[test]
    fn folders_of_the_dead_are_removed() {
        // No process has this number: the kernel's limit is 2^22.
        let dead = std::env::temp_dir().join(format!("{PREFIX}4294967295-test-0"));
        fs::create_dir_all(&dead).unwrap();
        let _scratch = Scratch::new("living").unwrap();
        assert!(!dead.exists());
    }
}
