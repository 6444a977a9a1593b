//! One theme, with those that it builds upon.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use minijinja::Environment;

use super::OF_KEYCLOAK;
use super::folder::{self, Asset, MESSAGES_MAX, Stamp, TEMPLATE_MAX};
use crate::bundles::{self, Bundle};
use crate::{properties, resources, templates};

/// How long a chain of parents may be.
const PARENTS_MAX: usize = 8;
/// How much work a page may be, in steps of the template engine.
const WORK_MAX: u64 = 250_000;

/// A theme that can be used.
#[derive(Debug)]
pub struct Theme {
    /// Its name, as realms have it.
    pub name: String,
    /// Its templates before those of its parents before ours.
    pub environment: Environment<'static>,
    /// Changes with its files.
    pub version: String,
    /// `theme.properties`, those of its parents under its own.
    pub properties: HashMap<String, String>,
    /// The `login` folders, its own in front.
    folders: Vec<PathBuf>,
    texts: HashMap<String, Bundle>,
}

impl Theme {
    /// Reads a theme and its parents.
    ///
    /// # Errors
    ///
    /// What is wrong with it, and in which file, for the log.
    pub fn read(folder: &Path, name: &str) -> Result<Self, String> {
        let chain = chain(folder, name)?;
        let mut environment = templates::built_in();
        environment.set_fuel(Some(WORK_MAX));
        let mut own = HashMap::new();
        let mut texts: HashMap<String, Bundle> = HashMap::new();
        // Parents in front, so that children come over them.
        for (theme, login, settings) in chain.iter().rev() {
            own.extend(settings.clone());
            add_templates(&mut environment, theme, login)?;
            for (file, path) in folder::files(&login.join("messages"), ".properties")? {
                let tag = file.strip_prefix("messages_").unwrap_or_default();
                let tag = tag.strip_suffix(".properties").unwrap_or_default();
                let bytes = folder::bytes(&path, MESSAGES_MAX)?;
                let read = properties::read(&bytes);
                let read = read.map_err(|error| format!("{}: {error}", path.display()))?;
                texts.entry(tag.to_owned()).or_default().extend(read);
            }
        }
        Ok(Self {
            name: name.to_owned(),
            environment,
            version: Stamp::of(&folder.join(name)).name(),
            properties: own,
            folders: chain.into_iter().map(|(_, login, _)| login).collect(),
            texts,
        })
    }

    /// Its text of a key.
    pub fn text(&self, locale: &str, key: &str) -> Option<&str> {
        let texts = self.texts.get(&bundles::file_tag(locale))?;
        texts.get(key).map(String::as_str)
    }

    /// A setting that is a list, with blanks between.
    pub fn list(&self, name: &str) -> Option<Vec<&str>> {
        let text = self.properties.get(name)?;
        Some(text.split_whitespace().collect())
    }

    /// A file, from the nearest folder that has it, ours the last.
    pub fn asset(&self, path: &str) -> Option<Asset> {
        let mut folders = self.folders.iter();
        let found = folders.find_map(|login| folder::asset(login, path));
        found.or_else(|| {
            let file = resources::file("login", path)?;
            Some(Asset {
                bytes: file.plain.to_vec(),
                media_type: file.media_type(),
            })
        })
    }
}

type Link = (String, PathBuf, HashMap<String, String>);

/// A theme and its parents, the nearest in front, up to ours.
fn chain(folder: &Path, name: &str) -> Result<Vec<Link>, String> {
    let mut chain: Vec<Link> = Vec::new();
    let mut next = Some(name.to_owned());
    while let Some(name) = next.take() {
        if chain.iter().any(|(known, _, _)| *known == name) {
            return Err(format!("its parents go in a circle, at {name}"));
        }
        if chain.len() >= PARENTS_MAX {
            return Err(format!("it has more than {PARENTS_MAX} parents"));
        }
        let login = folder.join(&name).join("login");
        if !folder::is_name(&name) || !login.is_dir() {
            return Err(format!("there is no {}", login.display()));
        }
        let path = login.join("theme.properties");
        let settings = if path.is_file() {
            let bytes = folder::bytes(&path, MESSAGES_MAX)?;
            let read = properties::read(&bytes);
            read.map_err(|error| format!("{}: {error}", path.display()))?
        } else {
            HashMap::new()
        };
        let parent = settings
            .get("parent")
            .map(|parent| parent.trim().to_owned());
        next = parent.filter(|parent| {
            let is_ours = parent == resources::THEME || OF_KEYCLOAK.contains(&parent.as_str());
            !parent.is_empty() && (!is_ours || folder.join(parent).join("login").is_dir())
        });
        chain.push((name, login, settings));
    }
    Ok(chain)
}

/// Adds the templates of a folder under their names and, for children that build upon them, under
/// `theme/name`.
fn add_templates(
    environment: &mut Environment<'static>,
    theme: &str,
    login: &Path,
) -> Result<(), String> {
    if let Some((file, _)) = folder::files(login, ".ftl")?.first() {
        tracing::warn!(
            "theme {theme}: {file} and other templates of FreeMarker are not read, see docs/themes.md"
        );
    }
    for (file, path) in folder::files(login, ".html")? {
        let bytes = folder::bytes(&path, TEMPLATE_MAX)?;
        let text = String::from_utf8(bytes);
        let text = text.map_err(|_| format!("{} is not UTF-8", path.display()))?;
        for name in [format!("{theme}/{file}"), file] {
            environment
                .add_template_owned(name, text.clone())
                .map_err(|error| format!("{}: {error:#}", path.display()))?;
        }
    }
    Ok(())
}
