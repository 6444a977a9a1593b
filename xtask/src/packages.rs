//! Programs the tasks need besides Rust: where they are, and, as root on Debian, how they get there.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, bail};

use crate::children;

/// Something that need not be installed yet.
#[derive(Clone, Copy)]
pub struct Need {
    /// What it is, for people.
    pub name: &'static str,
    /// The Debian packages that bring it.
    pub packages: &'static [&'static str],
    /// Whether it is there.
    pub present: fn() -> bool,
}

/// The rules on files ask it which files there are.
pub const GIT: Need = Need {
    name: "git",
    packages: &["git"],
    present: || find("git").is_some(),
};

/// Tests of the program send it signals; a bare Debian knows the command only within shells.
pub const KILL: Need = Need {
    name: "kill",
    packages: &["procps"],
    present: || find("kill").is_some(),
};

/// Tests make keys with it, in the forms that people have.
pub const OPENSSL: Need = Need {
    name: "openssl",
    packages: &["openssl"],
    present: || find("openssl").is_some(),
};

/// The gate is asked by a real proxy.
pub const NGINX: Need = Need {
    name: "nginx",
    packages: &["nginx"],
    present: || find("nginx").is_some(),
};

/// What tests of the program need beside databases.
pub const TESTS: [Need; 4] = [GIT, KILL, OPENSSL, NGINX];

/// Where Debian keeps programs that it does not put into everybody's path.
const MORE_FOLDERS: [&str; 3] = ["/usr/local/sbin", "/usr/sbin", "/sbin"];

/// The first program of that name in the path.
pub fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(MORE_FOLDERS.iter().map(PathBuf::from))
        .map(|folder| folder.join(name))
        .find(|file| is_program(file))
}

pub fn is_program(file: &Path) -> bool {
    fs::metadata(file).is_ok_and(|data| data.is_file() && data.permissions().mode() & 0o111 != 0)
}

pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Installs what is missing where that is possible; returns what is missing still.
pub fn install(needs: &[Need]) -> Result<Vec<Need>> {
    let missing: Vec<Need> = needs
        .iter()
        .filter(|need| !(need.present)())
        .copied()
        .collect();
    if missing.is_empty() || !is_root() || find("apt-get").is_none() {
        return Ok(missing);
    }
    let packages: Vec<&str> = missing
        .iter()
        .flat_map(|need| need.packages)
        .copied()
        .collect();
    println!("installing {}", packages.join(" "));
    let _quiet = NoServices::new();
    apt(&["update", "--quiet=2"])?;
    apt(&[
        &["install", "--quiet=2", "--yes", "--no-install-recommends"],
        packages.as_slice(),
    ]
    .concat())?;
    Ok(missing
        .into_iter()
        .filter(|need| !(need.present)())
        .collect())
}

fn apt(arguments: &[&str]) -> Result<()> {
    let mut command = Command::new("apt-get");
    command
        .args(arguments)
        .env("DEBIAN_FRONTEND", "noninteractive");
    let status = children::run(&mut command)?;
    if !status.success() {
        bail!(
            "apt-get {}: {}",
            arguments.join(" "),
            children::describe(status)
        );
    }
    Ok(())
}

/// While it lives, packages do not start their services: the tests have servers of their own.
///
/// Debian asks this file before each start of a service (`invoke-rc.d(8)`); 101 means "forbidden".
struct NoServices(Option<PathBuf>);

impl NoServices {
    fn new() -> Self {
        let policy = PathBuf::from("/usr/sbin/policy-rc.d");
        let made = !policy.exists()
            && fs::write(&policy, "#!/bin/sh\nexit 101\n").is_ok()
            && fs::set_permissions(&policy, fs::Permissions::from_mode(0o755)).is_ok();
        Self(made.then_some(policy))
    }
}

impl Drop for NoServices {
    fn drop(&mut self) {
        if let Some(policy) = &self.0 {
            let _ = fs::remove_file(policy);
        }
    }
}
