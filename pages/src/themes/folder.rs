//! What is read of a theme's folder, within bounds and within the folder.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// How large a template may be, in bytes.
pub const TEMPLATE_MAX: u64 = 256 * 1024;
/// How large a message file may be, in bytes.
pub const MESSAGES_MAX: u64 = 1024 * 1024;
/// How large any other file may be, in bytes.
const ASSET_MAX: u64 = 5 * 1024 * 1024;
/// How many files of one kind a theme may have.
const FILES_MAX: usize = 500;
/// How many files are looked at to see whether something changed.
const STAMPED_MAX: usize = 20_000;
/// How deep folders are looked into.
const DEPTH_MAX: usize = 12;

/// A file of a theme.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asset {
    /// What is in it.
    pub bytes: Vec<u8>,
    /// Its media type.
    pub media_type: &'static str,
}

/// Whether a theme may have this name: letters, digits, dots, dashes, underscores.
pub fn is_name(name: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
    !name.is_empty() && name.len() <= 64 && !name.starts_with('.') && name.bytes().all(is_plain)
}

/// A file below a folder, if it is really there: neither `..` nor a link leads out.
fn within(folder: &Path, path: &str) -> Option<PathBuf> {
    let is_plain =
        |part: &str| !part.is_empty() && !part.starts_with('.') && !part.contains(['\\', '\0']);
    if !path.split('/').all(is_plain) {
        return None;
    }
    let found = folder.join(path).canonicalize().ok()?;
    let inside = found.starts_with(folder.canonicalize().ok()?);
    (inside && found.is_file()).then_some(found)
}

/// A file's bytes, if there are not too many.
pub fn bytes(path: &Path, most: u64) -> Result<Vec<u8>, String> {
    let shown = path.display();
    let length = fs::metadata(path).map_err(|error| format!("{shown}: {error}"))?;
    if length.len() > most {
        return Err(format!("{shown} is larger than {most} bytes"));
    }
    fs::read(path).map_err(|error| format!("{shown}: {error}"))
}

/// A file of a theme's `resources`.
pub fn asset(folder: &Path, path: &str) -> Option<Asset> {
    let found = within(&folder.join("resources"), path)?;
    let bytes = bytes(&found, ASSET_MAX)
        .map_err(|error| tracing::error!("{error}"))
        .ok()?;
    Some(Asset {
        bytes,
        media_type: media_type(path),
    })
}

fn media_type(path: &str) -> &'static str {
    let end = path.rsplit('.').next().unwrap_or_default();
    match end.to_ascii_lowercase().as_str() {
        "css" => "text/css;charset=utf-8",
        "js" | "mjs" => "text/javascript;charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "webp" => "image/webp",
        "avif" => "image/avif",
        "ico" => "image/x-icon",
        "woff" => "font/woff",
        "woff2" => "font/woff2",
        "ttf" => "font/ttf",
        "json" | "map" => "application/json",
        "txt" => "text/plain;charset=utf-8",
        _ => "application/octet-stream",
    }
}

/// The files of a folder with an ending, by name.
pub fn files(folder: &Path, end: &str) -> Result<Vec<(String, PathBuf)>, String> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Ok(Vec::new());
    };
    let mut found: Vec<(String, PathBuf)> = entries
        .filter_map(|entry| {
            let path = entry.ok()?.path();
            let name = path.file_name()?.to_str()?.to_owned();
            (path.is_file() && name.ends_with(end)).then_some((name, path))
        })
        .take(FILES_MAX + 1)
        .collect();
    if found.len() > FILES_MAX {
        let shown = folder.display();
        return Err(format!("{shown} has more than {FILES_MAX} files"));
    }
    found.sort();
    Ok(found)
}

/// Changes when a file below a folder does: how many there are, how large, and the newest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stamp {
    files: usize,
    bytes: u64,
    newest: Option<SystemTime>,
}

impl Stamp {
    /// Of all below a folder.
    pub fn of(folder: &Path) -> Self {
        let mut stamp = Self::default();
        stamp.add(folder, DEPTH_MAX);
        stamp
    }

    fn add(&mut self, folder: &Path, depth: usize) {
        let Ok(entries) = fs::read_dir(folder) else {
            return;
        };
        for path in entries.filter_map(|entry| Some(entry.ok()?.path())) {
            let Ok(data) = fs::metadata(&path) else {
                continue;
            };
            if data.is_dir() && depth > 0 {
                self.add(&path, depth - 1);
            } else if data.is_file() {
                self.files += 1;
                self.bytes = self.bytes.wrapping_add(data.len());
                self.newest = self.newest.max(data.modified().ok());
            }
            if self.files > STAMPED_MAX {
                return;
            }
        }
    }

    /// The same in a word, for addresses.
    pub fn name(&self) -> String {
        let since = self
            .newest
            .and_then(|newest| newest.duration_since(SystemTime::UNIX_EPOCH).ok());
        let millis = since.map_or(0, |since| since.as_millis());
        format!("{:x}-{:x}-{millis:x}", self.files, self.bytes)
    }
}
