//! Themes of the operator: a folder for each, laid out as Keycloak's, whose templates, texts and files
//! come before ours (`docs/themes.md`).
//!
//! A theme that is broken is told in the log, once, and does without: people see our own page.

mod folder;
mod theme;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use claviger_engine::page::View;

pub use folder::Asset;
use folder::Stamp;
pub(crate) use theme::Theme;

use crate::templates;

/// How many themes are kept at most; realms name no more than are there.
const THEMES_MAX: usize = 200;
/// Themes that Keycloak is built with: whoever names one of them gets ours.
const OF_KEYCLOAK: [&str; 3] = ["keycloak", "keycloak.v2", "base"];

/// All themes of a folder. Cloning is cheap.
#[derive(Clone, Debug)]
pub struct Themes(Arc<Shelf>);

#[derive(Debug)]
struct Shelf {
    folder: PathBuf,
    /// Whether a theme is looked at anew each time: while it is being made.
    follows: bool,
    kept: Mutex<HashMap<String, Kept>>,
}

/// A theme that was read, or could not be.
#[derive(Clone, Debug)]
struct Kept {
    stamp: Stamp,
    theme: Option<Arc<Theme>>,
}

impl Themes {
    /// The themes below a folder, which need not be there. With `follows`, changes show at the next
    /// page; without, at the next start.
    pub fn open(folder: &Path, follows: bool) -> Self {
        Self(Arc::new(Shelf {
            folder: folder.to_owned(),
            follows,
            kept: Mutex::new(HashMap::new()),
        }))
    }

    /// Whether a page is another theme's than ours, as its client says (`login_theme`), or its realm.
    /// Nothing is read for that.
    pub fn wanted(view: &View) -> Option<&str> {
        let of_client = view.client.as_ref();
        let of_client = of_client.and_then(|client| client.settings.attribute("login_theme"));
        let of_realm = view.realm.settings.themes.login.as_deref();
        let name = of_client.filter(|name| !name.is_empty()).or(of_realm)?;
        (name != crate::resources::THEME).then_some(name)
    }

    /// The HTML of a page by its theme; none where it has none, or one that fails.
    pub fn render(&self, view: &View) -> Option<String> {
        let theme = self.theme(Self::wanted(view)?)?;
        match templates::render_themed(view, &theme) {
            Ok(html) => Some(html),
            Err(error) => {
                let name = &theme.name;
                tracing::error!("theme {name}: a page cannot be made: {error:#}");
                None
            }
        }
    }

    /// A file of a theme, or of what it builds upon, and the version of the theme.
    pub fn asset(&self, name: &str, path: &str) -> Option<(Asset, String)> {
        let theme = self.theme(name)?;
        Some((theme.asset(path)?, theme.version.clone()))
    }

    fn theme(&self, name: &str) -> Option<Arc<Theme>> {
        if !folder::is_name(name) {
            return None;
        }
        let mut kept = self.0.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let before = kept.get(name).cloned();
        if let Some(known) = &before
            && (!self.0.follows || known.stamp == Stamp::of(&self.0.folder))
        {
            return known.theme.clone();
        }
        if before.is_none() && kept.len() >= THEMES_MAX {
            return None;
        }
        let theme = self.read(name);
        let stamp = if self.0.follows {
            Stamp::of(&self.0.folder)
        } else {
            Stamp::default()
        };
        kept.insert(
            name.to_owned(),
            Kept {
                stamp,
                theme: theme.clone(),
            },
        );
        theme
    }

    fn read(&self, name: &str) -> Option<Arc<Theme>> {
        let is_there = self.0.folder.join(name).join("login").is_dir();
        if !is_there {
            if !OF_KEYCLOAK.contains(&name) {
                let folder = self.0.folder.display();
                tracing::warn!("there is no theme {name} in {folder}: pages are our own");
            }
            return None;
        }
        match Theme::read(&self.0.folder, name) {
            Ok(theme) => Some(Arc::new(theme)),
            Err(error) => {
                tracing::error!("theme {name} is left out, pages are our own: {error}");
                None
            }
        }
    }
}
