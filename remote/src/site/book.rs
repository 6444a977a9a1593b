//! The file in which sessions of administrators are kept, in the form of `kcadm.sh`: either program
//! goes on where the other stopped. It holds tokens, so nobody else may read it.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use crate::json::text;
use crate::{Failure, failed};

/// The longest file that is read, in bytes.
const LONGEST: u64 = 1 << 20;

/// What is in the file. What we do not know stays in it.
#[derive(Default)]
pub struct Book {
    path: Option<PathBuf>,
    data: Map<String, Value>,
}

impl Book {
    /// A book that is in no file.
    pub fn nowhere() -> Self {
        Self::default()
    }

    /// Reads a file; one that is not there is empty.
    pub fn open(path: &Path) -> Result<Self, Failure> {
        let mut book = Self {
            path: Some(path.to_owned()),
            data: Map::new(),
        };
        let shown = path.display();
        let length = match fs::metadata(path) {
            Ok(found) => found.len(),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(book),
            Err(error) => return failed(format!("Failed to load config file {shown}: {error}")),
        };
        if length > LONGEST {
            return failed(format!(
                "Failed to load config file {shown}: it is too long"
            ));
        }
        let read = fs::read_to_string(path).map_err(|error| {
            Failure::Failed(format!("Failed to load config file {shown}: {error}"))
        })?;
        if !read.trim().is_empty() {
            let data = serde_json::from_str(&read).ok();
            book.data = data.ok_or_else(|| {
                Failure::Failed(format!(
                    "Failed to load config file {shown}: it is no JSON object"
                ))
            })?;
        }
        Ok(book)
    }

    /// Writes the file anew, for its owner alone, whole or not at all.
    pub fn save(&self) -> Result<(), Failure> {
        let Some(path) = &self.path else {
            return Ok(());
        };
        write(path, &Value::Object(self.data.clone()).to_string())
            .map_err(|error| Failure::Failed(format!("Failed to save {}: {error}", path.display())))
    }

    /// A text of its own.
    pub fn text(&self, name: &str) -> Option<&str> {
        text(&self.data, name)
    }

    /// Sets or removes a text of its own.
    pub fn set(&mut self, name: &str, value: Option<&str>) {
        match value {
            Some(value) => self.data.insert(name.into(), value.into()),
            None => self.data.shift_remove(name),
        };
    }

    /// What is kept of a session.
    pub fn session(&self, server: &str, realm: &str) -> Option<&Map<String, Value>> {
        let endpoints = self.data.get("endpoints")?;
        endpoints.get(server)?.get(realm)?.as_object()
    }

    /// Keeps a session.
    pub fn keep(&mut self, server: &str, realm: &str, session: Map<String, Value>) {
        let mut place = &mut self.data;
        for name in ["endpoints", server] {
            let inner = place.entry(name).or_insert_with(|| Map::new().into());
            if !inner.is_object() {
                *inner = Map::new().into();
            }
            let Value::Object(inner) = inner else {
                return;
            };
            place = inner;
        }
        place.insert(realm.into(), session.into());
    }
}

/// Beside it first, so that whoever reads meanwhile sees all of the old or all of the new.
fn write(path: &Path, text: &str) -> std::io::Result<()> {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    if let Some(folder) = folder
        && !folder.exists()
    {
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(folder)?;
    }
    // Where a link stands, what it leads to is replaced.
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let mut name = path.clone().into_os_string();
    name.push(format!(".{}", std::process::id()));
    let beside = PathBuf::from(name);
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let _ = fs::remove_file(&beside);
    let mut file = options.open(&beside)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&beside, &path)
}
