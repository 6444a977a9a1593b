//! Where the workspace lies, and how its cargo is called.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

#[cfg(test)]
use anyhow::{Context, Result, bail};

/// The workspace's root folder.
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_path_buf()
}

/// Where cargo puts what it builds.
pub fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| root().join("target"), |set| root().join(set))
}

/// The cargo that runs this task.
pub fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments).current_dir(root());
    command
}

/// What a question to cargo is answered.
#[cfg(test)]
pub fn ask_cargo(arguments: &[&str]) -> Result<String> {
    let output = cargo(arguments).output().context("cargo does not run")?;
    if !output.status.success() {
        bail!(
            "cargo {}: {}",
            arguments.join(" "),
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    Ok(String::from_utf8(output.stdout)?)
}

/// The files git keeps or would keep, below the root, as it spells them.
#[cfg(test)]
pub fn tracked_files() -> Result<Vec<String>> {
    let output = Command::new("git")
        .args([
            "ls-files",
            "--cached",
            "--others",
            "--exclude-standard",
            "-z",
        ])
        .current_dir(root())
        .output()
        .context("git does not run")?;
    if !output.status.success() {
        bail!(
            "git ls-files: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    let text = String::from_utf8(output.stdout)?;
    let exists = |path: &&str| root().join(path).is_file();
    Ok(text
        .split('\0')
        .filter(|path| !path.is_empty())
        .filter(exists)
        .map(str::to_owned)
        .collect())
}

/// A stopwatch: tasks report how long their steps took.
#[expect(
    clippy::disallowed_methods,
    reason = "tasks measure real time; no rule of the server sees it"
)]
pub fn now() -> Instant {
    Instant::now()
}

/// Whether this run is one of those that decide: nothing may then be left out.
pub fn in_ci() -> bool {
    std::env::var("CI").is_ok_and(|value| value == "true" || value == "1")
}
