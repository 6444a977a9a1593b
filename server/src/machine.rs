//! What the process can learn of itself and of its machine, as Linux tells it. Elsewhere, and where it
//! does not tell, there is nothing to say.

use std::fs::{read_dir, read_to_string};
use std::path::PathBuf;
use std::time::Instant;

use claviger_engine::machine::{Machine, MachineFacts};
use claviger_model::Millis;

/// How many folders of themes are looked at.
const THEMES_MAX: usize = 200;
/// What a theme may be for.
const KINDS: [&str; 6] = ["account", "admin", "common", "email", "login", "welcome"];

/// The machine that this process runs on.
pub struct Host {
    started: Instant,
    themes: PathBuf,
}

impl Host {
    /// Counts from now; the operator's themes are in the given folder, which need not be there.
    #[expect(
        clippy::disallowed_methods,
        reason = "how long the process runs is told, and decides nothing"
    )]
    pub fn new(themes: PathBuf) -> Self {
        let started = Instant::now();
        Self { started, themes }
    }

    fn themes(&self) -> Vec<(String, String)> {
        let mut found = Vec::new();
        let folders = read_dir(&self.themes).into_iter().flatten().flatten();
        for folder in folders.take(THEMES_MAX) {
            let Ok(name) = folder.file_name().into_string() else {
                continue;
            };
            let kinds = KINDS
                .iter()
                .filter(|kind| folder.path().join(kind).is_dir());
            found.extend(kinds.map(|kind| ((*kind).to_owned(), name.clone())));
        }
        found.sort_unstable();
        found
    }
}

impl Machine for Host {
    fn facts(&self) -> MachineFacts {
        let uptime = i64::try_from(self.started.elapsed().as_millis()).unwrap_or(i64::MAX);
        let kernel = read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        MachineFacts {
            uptime: Millis(uptime),
            kernel: kernel.trim().to_owned(),
            processors: std::thread::available_parallelism().map_or(0, std::num::NonZero::get),
            memory_total: memory(),
            memory_used: kibibytes("/proc/self/status", "VmRSS:").unwrap_or(0),
            themes: self.themes(),
        }
    }
}

/// What the control group of the process allows it, or else what the machine has.
fn memory() -> u64 {
    let machine = kibibytes("/proc/meminfo", "MemTotal:").unwrap_or(0);
    let allowed = read_to_string("/sys/fs/cgroup/memory.max").ok();
    let allowed = allowed.and_then(|text| text.trim().parse().ok());
    allowed
        .filter(|allowed| *allowed < machine)
        .unwrap_or(machine)
}

/// A number of kibibytes behind a name, in bytes.
fn kibibytes(file: &str, name: &str) -> Option<u64> {
    let text = read_to_string(file).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    let number: u64 = line.split_whitespace().next()?.parse().ok()?;
    number.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn themes_are_found_by_what_they_are_for() {
        let name = format!("claviger-themes-{}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(folder.join("shop/login")).unwrap();
        std::fs::create_dir_all(folder.join("shop/song")).unwrap();
        let facts = Host::new(folder.clone()).facts();
        std::fs::remove_dir_all(&folder).unwrap();
        assert_eq!(facts.themes, [("login".to_owned(), "shop".to_owned())]);
        assert!(Host::new(folder).facts().themes.is_empty());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn linux_tells_how_much_memory_there_is() {
        let facts = Host::new(PathBuf::new()).facts();
        assert!(facts.memory_used > 0 && facts.memory_used < facts.memory_total);
        assert!(facts.processors > 0 && !facts.kernel.is_empty());
    }
}
