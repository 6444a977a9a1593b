//! Pythons with the packages of their tasks: environments of their own below `target/`.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::children;
use crate::packages::{Need, find};
use crate::product;
use crate::workspace::{root, target};

pub const PYTHON: Need = Need {
    name: "Python 3 with venv",
    packages: &["python3", "python3-venv"],
    present: has_venv,
};

/// Debian splits `ensurepip` off, without which `venv` makes environments that can install nothing.
fn has_venv() -> bool {
    find("python3").is_some_and(|python| {
        let mut command = Command::new(python);
        command
            .args(["-c", "import venv, ensurepip"])
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    })
}

/// The interpreter that plays the oracle's scenarios.
pub fn interpreter() -> Result<PathBuf> {
    environment("oracle-venv", "oracle/requirements.txt")
}

/// The interpreter of an environment below `target/`, which is made first if its requirements changed.
pub fn environment(name: &str, requirements: &str) -> Result<PathBuf> {
    let folder = target().join(name);
    let interpreter = folder.join("bin/python");
    let wanted = product::read(requirements)?;
    // Written last: an environment that was interrupted is made anew.
    let stamp = folder.join("requirements.txt");
    if fs::read_to_string(&stamp).is_ok_and(|made| made == wanted) && works(&interpreter) {
        return Ok(interpreter);
    }
    println!("making the Python environment of {requirements}");
    let python = find("python3").context("Python 3 is not installed")?;
    let mut make = Command::new(python);
    finish(make.args(["-m", "venv", "--clear"]).arg(&folder))?;
    let mut install = Command::new(&interpreter);
    install.args([
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--requirement",
    ]);
    finish(install.arg(root().join(requirements)))?;
    fs::write(stamp, wanted)?;
    Ok(interpreter)
}

/// An environment breaks when the Python it was made from goes.
fn works(interpreter: &PathBuf) -> bool {
    Command::new(interpreter)
        .arg("--version")
        .output()
        .is_ok_and(|output| output.status.success())
}

fn finish(command: &mut Command) -> Result<()> {
    let status = children::run(command)?;
    if !status.success() {
        bail!("{command:?}: {}", children::describe(status));
    }
    Ok(())
}
