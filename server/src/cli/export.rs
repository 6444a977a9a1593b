//! `export`: realms as Keycloak's realm files, secrets included. Files are readable by their owner
//! only, and appear whole or not at all.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use claviger_engine::App;
use claviger_engine::export::{Sink, UserFiles, export_realm};

use super::import::Meter;
use crate::settings::Settings;
use crate::settings::transfer::{Place, Transfer, Users};

/// Writes what was asked for to the one place that was named.
pub fn run(settings: &Settings) -> anyhow::Result<()> {
    let transfer = &settings.transfer;
    let place = transfer.place()?;
    super::with_app(settings, async |app| {
        let names = names(&app, transfer).await?;
        match &place {
            Place::Dir(dir) => to_dir(&app, &names, transfer, dir).await,
            Place::File(file) => to_file(&app, &names, transfer, file).await,
        }
    })
}

/// The realms to export.
async fn names(app: &App, transfer: &Transfer) -> anyhow::Result<Vec<String>> {
    if let Some(name) = &transfer.realm {
        return Ok(vec![name.clone()]);
    }
    let realms = app.store.realms().await.context("cannot read the realms")?;
    if realms.is_empty() {
        bail!("there is no realm to export");
    }
    Ok(realms.into_iter().map(|realm| realm.name).collect())
}

async fn to_dir(
    app: &App,
    names: &[String],
    transfer: &Transfer,
    dir: &Path,
) -> anyhow::Result<()> {
    crate::app::make_folder(dir).with_context(|| format!("cannot create {}", dir.display()))?;
    let users = match transfer.users {
        Users::Skip => UserFiles::Skip,
        Users::RealmFile => UserFiles::RealmFile,
        Users::SameFile => UserFiles::SameFile,
        Users::DifferentFiles => UserFiles::DifferentFiles {
            per_file: transfer.users_per_file,
        },
    };
    for name in names {
        let mut folder = Folder {
            dir,
            open: None,
            meter: Meter::new(&format!("Realm '{name}'"), None),
        };
        let exported = export_realm(&app.store, name, users, &mut folder).await;
        folder.meter.end();
        exported.with_context(|| format!("cannot export realm {name}"))?;
        println!("Realm '{name}' - data exported");
    }
    Ok(())
}

/// One realm is an object, several are a list of objects; users are inside.
async fn to_file(
    app: &App,
    names: &[String],
    transfer: &Transfer,
    file: &Path,
) -> anyhow::Result<()> {
    let unwritable = || format!("cannot write {}", file.display());
    let is_list = transfer.realm.is_none();
    let mut all = OneFile {
        part: Part::begin(file).with_context(unwritable)?,
        meter: Meter::new("Export", None),
    };
    for (index, name) in names.iter().enumerate() {
        let before = match (is_list, index) {
            (false, _) => "",
            (true, 0) => "[\n",
            (true, _) => ",\n",
        };
        all.part.write(before.as_bytes()).with_context(unwritable)?;
        let exported = export_realm(&app.store, name, UserFiles::RealmFile, &mut all).await;
        exported.with_context(|| format!("cannot export realm {name}"))?;
    }
    if is_list {
        all.part.write(b"]\n").with_context(unwritable)?;
    }
    all.meter.end();
    all.part.end().with_context(unwritable)?;
    println!("{} exported to {}", names.join(", "), file.display());
    Ok(())
}

/// Each file of a realm by itself.
struct Folder<'a> {
    dir: &'a Path,
    open: Option<Part>,
    meter: Meter,
}

impl Sink for Folder<'_> {
    fn begin(&mut self, name: &str) -> io::Result<()> {
        // A realm's name may hold what is no part of a file's name.
        if Path::new(name).file_name() != Some(name.as_ref()) {
            return Err(io::Error::other("the realm's name cannot be a file's name"));
        }
        self.open = Some(Part::begin(&self.dir.join(name))?);
        Ok(())
    }

    fn write(&mut self, piece: &[u8]) -> io::Result<()> {
        match &mut self.open {
            Some(part) => part.write(piece),
            None => Err(io::Error::other("no file was begun")),
        }
    }

    fn end(&mut self) -> io::Result<()> {
        self.open.take().map_or(Ok(()), Part::end)
    }

    fn users(&mut self, count: u64) {
        self.meter.tell(count);
    }
}

/// All realms in one file.
struct OneFile {
    part: Part,
    meter: Meter,
}

impl Sink for OneFile {
    fn begin(&mut self, _: &str) -> io::Result<()> {
        Ok(())
    }

    fn write(&mut self, piece: &[u8]) -> io::Result<()> {
        self.part.write(piece)
    }

    fn end(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn users(&mut self, count: u64) {
        self.meter.tell(count);
    }
}

/// A file written beside its place: a reader never finds half of it. Unless it comes to its end, it
/// goes, for what is left of it holds secrets.
struct Part {
    path: PathBuf,
    beside: PathBuf,
    file: Option<BufWriter<File>>,
}

impl Part {
    fn begin(path: &Path) -> io::Result<Self> {
        let mut beside = path.as_os_str().to_owned();
        beside.push(format!(".{}.part", std::process::id()));
        let beside = PathBuf::from(beside);
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = Some(BufWriter::new(options.open(&beside)?));
        Ok(Self {
            path: path.to_owned(),
            beside,
            file,
        })
    }

    fn write(&mut self, piece: &[u8]) -> io::Result<()> {
        match &mut self.file {
            Some(file) => file.write_all(piece),
            None => Err(io::Error::other("the file has ended")),
        }
    }

    fn end(mut self) -> io::Result<()> {
        if let Some(file) = self.file.take() {
            let file = file.into_inner();
            file.map_err(io::IntoInnerError::into_error)?.sync_all()?;
        }
        let renamed = std::fs::rename(&self.beside, &self.path);
        if renamed.is_ok() {
            // There is nothing left beside it.
            self.beside = PathBuf::new();
        }
        renamed
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        if !self.beside.as_os_str().is_empty() {
            let _ = std::fs::remove_file(&self.beside);
        }
    }
}
