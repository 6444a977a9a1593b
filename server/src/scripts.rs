//! Scripts beside the server: archives and folders below `providers/`, each with a list of what it
//! brings in `META-INF/keycloak-scripts.json`, as Keycloak has them.

use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

use anyhow::{Context as _, bail};
use claviger_engine::script::{Script, Scripts};
use serde::Deserialize;
use zip::ZipArchive;

/// Below the home directory.
const FOLDER: &str = "providers";
/// What an archive brings.
const LIST: &str = "META-INF/keycloak-scripts.json";
/// Longest list or script, in bytes.
const FILE_MAX: u64 = 256 * 1024;
/// Most scripts of one archive.
const SCRIPTS_MAX: usize = 1_000;

/// The list. Scripts of other kinds are for parts that run none.
#[derive(Deserialize)]
struct List {
    #[serde(default)]
    mappers: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    name: Option<String>,
    file_name: String,
}

/// An archive or a folder.
enum Place<'a> {
    Folder(&'a Path),
    Archive(Box<ZipArchive<File>>),
}

impl Place<'_> {
    /// A file in it; none if it is not there.
    fn read(&mut self, name: &str) -> anyhow::Result<Option<String>> {
        match self {
            Self::Folder(folder) => match File::open(folder.join(name)) {
                Ok(file) => text(file, name).map(Some),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
                Err(error) => Err(error).context(name.to_owned()),
            },
            Self::Archive(archive) => match archive.by_name(name) {
                Ok(file) => text(file, name).map(Some),
                Err(zip::result::ZipError::FileNotFound) => Ok(None),
                Err(error) => Err(error).context(name.to_owned()),
            },
        }
    }
}

/// A file's text, if it is not too long.
fn text(file: impl Read, name: &str) -> anyhow::Result<String> {
    let mut text = String::new();
    file.take(FILE_MAX + 1)
        .read_to_string(&mut text)
        .with_context(|| name.to_owned())?;
    if u64::try_from(text.len()).is_ok_and(|length| length > FILE_MAX) {
        bail!("{name} is longer than {FILE_MAX} bytes");
    }
    Ok(text)
}

/// Reads all scripts below the home directory. What cannot be read stops the start: mappers that
/// count on it would leave their claims out.
pub fn load(home: &Path) -> anyhow::Result<Scripts> {
    let folder = home.join(FOLDER);
    let entries = match fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Scripts::default()),
        Err(error) => return Err(error).context(folder.display().to_string()),
    };
    let mut paths = Vec::new();
    for entry in entries {
        paths.push(entry?.path());
    }
    paths.sort();
    let mut scripts = Vec::new();
    for path in paths {
        let found = in_place(&path);
        scripts.extend(found.with_context(|| format!("scripts of {}", path.display()))?);
    }
    for script in &scripts {
        tracing::info!("script {} ({})", script.id, script.name);
    }
    Ok(Scripts::new(scripts))
}

fn in_place(path: &Path) -> anyhow::Result<Vec<Script>> {
    let mut place = if path.is_dir() {
        Place::Folder(path)
    } else if path.extension().is_some_and(|kind| kind == "jar") {
        Place::Archive(Box::new(ZipArchive::new(File::open(path)?)?))
    } else {
        return Ok(Vec::new());
    };
    let Some(list) = place.read(LIST)? else {
        return Ok(Vec::new());
    };
    let list: List = serde_json::from_str(&list).context(LIST)?;
    if list.mappers.len() > SCRIPTS_MAX {
        bail!("{LIST} names more than {SCRIPTS_MAX} scripts");
    }
    let mut scripts = Vec::new();
    for Entry { name, file_name } in list.mappers {
        let parts = file_name.split(['/', '\\']);
        if file_name.is_empty()
            || file_name.starts_with('/')
            || parts.clone().any(|part| part == "..")
        {
            bail!("{LIST}: {file_name} is outside");
        }
        let Some(code) = place.read(&file_name)? else {
            bail!("{file_name} is not there");
        };
        scripts.push(Script {
            id: format!("script-{file_name}"),
            name: name.unwrap_or_else(|| file_name.clone()),
            code,
        });
    }
    Ok(scripts)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    /// A home directory of a test, gone with it.
    struct Home(std::path::PathBuf);

    impl Home {
        fn new(name: &str) -> Self {
            let folder = format!("claviger-scripts-{name}-{}", std::process::id());
            let path = std::env::temp_dir().join(folder);
            fs::create_dir_all(path.join(FOLDER)).unwrap();
            Self(path)
        }

        fn put(&self, path: &str, text: &str) {
            let path = self.0.join(FOLDER).join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }

        fn archive(&self, name: &str, files: &[(&str, &str)]) {
            let file = File::create(self.0.join(FOLDER).join(name)).unwrap();
            let mut archive = zip::ZipWriter::new(file);
            for (name, text) in files {
                let options = zip::write::SimpleFileOptions::default();
                archive.start_file(*name, options).unwrap();
                archive.write_all(text.as_bytes()).unwrap();
            }
            archive.finish().unwrap();
        }
    }

    impl Drop for Home {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    const ONE: &str = r#"{"mappers": [{"name": "One", "fileName": "one.js", "description": "d"}],
        "authenticators": [{"fileName": "not-read.js"}]}"#;

    #[test]
    fn scripts_come_from_archives_and_folders() {
        let home = Home::new("good");
        home.archive("a.jar", &[(LIST, ONE), ("one.js", "'archive'")]);
        home.archive("other.jar", &[("x/Y.class", "")]);
        home.put(
            "b/META-INF/keycloak-scripts.json",
            r#"{"mappers": [{"fileName": "s/two.js"}]}"#,
        );
        home.put("b/s/two.js", "'folder'");
        home.put("README.md", "nothing");
        let scripts = load(&home.0).unwrap();
        let one = scripts.get("script-one.js").unwrap();
        assert_eq!((one.name.as_str(), one.code.as_str()), ("One", "'archive'"));
        let two = scripts.get("script-s/two.js").unwrap();
        assert_eq!(
            (two.name.as_str(), two.code.as_str()),
            ("s/two.js", "'folder'")
        );
        assert!(
            load(Path::new("/nowhere"))
                .unwrap()
                .get("script-one.js")
                .is_none()
        );
    }

    #[test]
    fn what_is_wrong_with_an_archive_is_told() {
        let long = "x".repeat(300_000);
        let cases: [(&str, &[(&str, &str)]); 5] = [
            ("is not there", &[(LIST, ONE)]),
            ("keycloak-scripts.json", &[(LIST, "{")]),
            ("longer than", &[(LIST, ONE), ("one.js", &long)]),
            (
                "is outside",
                &[(LIST, r#"{"mappers": [{"fileName": "../x.js"}]}"#)],
            ),
            (
                "is outside",
                &[(LIST, r#"{"mappers": [{"fileName": "/x.js"}]}"#)],
            ),
        ];
        for (index, (expected, files)) in cases.into_iter().enumerate() {
            let home = Home::new(&format!("bad{index}"));
            home.archive("a.jar", files);
            let error = format!("{:#}", load(&home.0).unwrap_err());
            assert!(
                error.contains(expected) && error.contains("a.jar"),
                "{error}"
            );
        }
        let home = Home::new("torn");
        home.put("a.jar", "no archive");
        assert!(load(&home.0).is_err());
    }
}
