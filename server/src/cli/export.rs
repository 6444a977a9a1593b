//! `export`: realms as Keycloak's realm files, secrets included. Files are readable by their owner
//! only, and appear whole or not at all.

use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Write as _};
use std::path::Path;

use anyhow::{Context as _, bail};
use claviger_engine::App;
use claviger_engine::export::{UserFiles, export_realm};
use serde::Serialize;
use serde_json::Value;

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
        export_realm(&app.store, name, users, |file| {
            // A realm's name may hold what is no part of a file's name.
            if Path::new(&file.name).file_name() != Some(file.name.as_ref()) {
                return Err(std::io::Error::other(
                    "the realm's name cannot be a file's name",
                ));
            }
            write_whole(&dir.join(&file.name), &file.content)
        })
        .await
        .with_context(|| format!("cannot export realm {name}"))?;
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
    let mut realms = Vec::new();
    for name in names {
        export_realm(&app.store, name, UserFiles::RealmFile, |part| {
            realms.push(Value::Object(part.content.clone()));
            Ok(())
        })
        .await
        .with_context(|| format!("cannot export realm {name}"))?;
    }
    let content = match realms.pop() {
        Some(one) if realms.is_empty() && transfer.realm.is_some() => one,
        last => Value::Array(realms.into_iter().chain(last).collect()),
    };
    write_whole(file, &content).with_context(|| format!("cannot write {}", file.display()))?;
    println!("{} exported to {}", names.join(", "), file.display());
    Ok(())
}

/// Writes beside the file first: a reader never finds half of it.
fn write_whole(path: &Path, content: &impl Serialize) -> std::io::Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(format!(".{}.part", std::process::id()));
    let beside = Path::new(&beside);
    let written = write_new(beside, content).and_then(|()| std::fs::rename(beside, path));
    if written.is_err() {
        // What is left of it holds secrets.
        let _ = std::fs::remove_file(beside);
    }
    written
}

fn write_new(path: &Path, content: &impl Serialize) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file: BufWriter<File> = BufWriter::new(options.open(path)?);
    serde_json::to_writer_pretty(&mut file, content)?;
    file.write_all(b"\n")?;
    file.into_inner()
        .map_err(std::io::IntoInnerError::into_error)?
        .sync_all()
}
