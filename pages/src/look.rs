//! How a page is dressed: which files it loads, and whether it may be dark.

use claviger_engine::page::View;
use minijinja::{Value, context};

use crate::resources;
use crate::themes::Theme;

/// What of a page is its theme's.
#[derive(Clone, Debug)]
pub struct Look {
    /// Where its files are.
    pub resources: String,
    styles: Vec<String>,
    scripts: Vec<String>,
    dark: bool,
    properties: Value,
}

impl Look {
    /// Ours.
    pub fn own(view: &View) -> Self {
        Self {
            resources: resources::path(view),
            styles: vec!["css/styles.css".to_owned()],
            scripts: Vec::new(),
            dark: true,
            properties: Value::from_pairs::<_, &str, &str>([]),
        }
    }

    /// A theme's: its own styles, where it names some, in place of ours.
    pub fn of(view: &View, theme: &Theme) -> Self {
        let own = Self::own(view);
        let list = |name: &str| {
            let paths = theme.list(name)?;
            Some(paths.into_iter().map(str::to_owned).collect())
        };
        let properties = theme.properties.iter();
        Self {
            resources: resources::path_of_theme(view, &theme.version, &theme.name),
            styles: list("styles").unwrap_or(own.styles),
            scripts: list("scripts").unwrap_or(own.scripts),
            dark: theme
                .properties
                .get("darkMode")
                .is_none_or(|text| text != "false"),
            properties: Value::from_pairs(
                properties.map(|(name, value)| (name.as_str(), value.as_str())),
            ),
        }
    }

    /// What templates see of it.
    pub fn shown(&self, view: &View) -> Value {
        let allowed = view.realm.settings.attribute("darkMode") != Some("false");
        context! {
            styles => self.styles.clone(),
            scripts => self.scripts.clone(),
            darkMode => self.dark && allowed,
            properties => self.properties.clone(),
        }
    }
}
