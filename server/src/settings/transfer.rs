//! From where, or to where, realms are carried.

use std::path::PathBuf;

use super::UsageError;
use super::value::Values;

/// What `import` and `export` were told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transfer {
    /// One file for everything.
    pub file: Option<PathBuf>,
    /// A directory with files of one realm each.
    pub dir: Option<PathBuf>,
    /// The only realm to export; all if none.
    pub realm: Option<String>,
    /// Where users go.
    pub users: Users,
    /// Users in one file at most.
    pub users_per_file: usize,
    /// Whether an import replaces realms that are there already.
    pub replace: bool,
    /// Files that are imported at the start; realms that are there stay.
    pub at_start: Vec<PathBuf>,
}

/// Where an export puts users.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Users {
    /// Nowhere.
    Skip,
    /// Into the realm's file.
    RealmFile,
    /// Into one file beside it.
    SameFile,
    /// Into files of so many each.
    DifferentFiles,
}

/// One file, or a directory of files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// One file for everything.
    File(PathBuf),
    /// A directory with files of one realm each.
    Dir(PathBuf),
}

impl Transfer {
    /// Reads `file`, `dir`, `realm`, `users`, `users-per-file` and `override`.
    pub(super) fn check(values: &Values<'_>, at_start: &[String]) -> Result<Self, UsageError> {
        let path = |name: &str| values.text(name).map(PathBuf::from);
        let users = match values.text("users") {
            Some("skip") => Users::Skip,
            Some("realm_file") => Users::RealmFile,
            Some("same_file") => Users::SameFile,
            Some(_) | None => Users::DifferentFiles,
        };
        let (file, dir) = (path("file"), path("dir"));
        if file.is_some() && values.is_given("users") && users != Users::SameFile {
            return Err(UsageError(
                "Property '--users' can be used only when exporting to a directory, or value set \
                 to 'same_file' when exporting to a file."
                    .to_owned(),
            ));
        }
        Ok(Self {
            file,
            dir,
            realm: values.text("realm").map(str::to_owned),
            users,
            users_per_file: values.count("users-per-file")?.unwrap_or(50),
            replace: values.flag("override")?,
            at_start: at_start.iter().map(PathBuf::from).collect(),
        })
    }

    /// The one place that was named.
    pub fn place(&self) -> Result<Place, UsageError> {
        match (&self.file, &self.dir) {
            (Some(file), None) => Ok(Place::File(file.clone())),
            (None, Some(dir)) => Ok(Place::Dir(dir.clone())),
            (Some(_), Some(_)) | (None, None) => Err(UsageError(
                "Must specify either --dir or --file options.".to_owned(),
            )),
        }
    }
}
