//! The texts of one page: those of the realm, of its theme and of the message files, in the person's
//! language and in those that it falls back to.

use std::sync::Arc;

use claviger_engine::page::Message;
use claviger_engine::realm::Realm;
use serde_json::Value;

use crate::bundles::{self, Bundle, Kind};
use crate::sanitize::{clean, decoded};
use crate::templates::escape;
use crate::themes::Theme;
use crate::{format, locale};

/// Where a realm's own texts are, by language, in its document.
const REALM_TEXTS: &str = "localizationTexts";

/// The texts of one page.
#[derive(Clone)]
pub struct Texts(Arc<Parts>);

struct Parts {
    realm: Arc<Realm>,
    theme: Option<Arc<Theme>>,
    /// The page's language, and what it falls back to, with their files.
    languages: Vec<(String, Option<&'static Bundle>)>,
}

impl Texts {
    /// The texts for a realm's pages in a language, those of a theme between the realm's and ours.
    pub fn new(realm: &Arc<Realm>, locale: &str, theme: Option<&Arc<Theme>>) -> Self {
        Self(Arc::new(Parts {
            realm: Arc::clone(realm),
            theme: theme.cloned(),
            languages: locale::ancestors(realm, locale)
                .into_iter()
                .map(|tag| {
                    let bundle = bundles::bundle(Kind::Login, &tag);
                    (tag, bundle)
                })
                .collect(),
        }))
    }

    /// The text of a key as it stands in its file.
    pub fn pattern(&self, key: &str) -> Option<&str> {
        let of_realm = self
            .0
            .realm
            .body
            .get(REALM_TEXTS)
            .and_then(Value::as_object);
        for (language, bundle) in &self.0.languages {
            let text = of_realm
                .and_then(|texts| texts.get(language))
                .and_then(|texts| texts.get(key))
                .and_then(Value::as_str)
                .or_else(|| self.0.theme.as_ref()?.text(language, key))
                .or_else(|| bundle.as_ref()?.get(key).map(String::as_str));
            if text.is_some() {
                return text;
            }
        }
        bundles::own().get(key).map(String::as_str)
    }

    fn resolved(&self, text: &str) -> String {
        format::resolve(text, |key| self.pattern(key).map(str::to_owned))
    }

    /// The text of a key with its arguments, each of which may refer to texts by `${key}`. A key
    /// that there is no text for is shown as it is.
    pub fn text(&self, key: &str, args: &[String]) -> String {
        let args: Vec<String> = args.iter().map(|arg| self.resolved(arg)).collect();
        format::format(&self.resolved(self.pattern(key).unwrap_or(key)), &args)
    }

    /// A text that is a key of the files in `${…}`, or stands for itself: names and descriptions
    /// that administrators give.
    pub fn advanced(&self, text: &str, args: &[String]) -> String {
        match text
            .strip_prefix("${")
            .and_then(|text| text.strip_suffix('}'))
        {
            Some(key) => format::format(self.pattern(key).unwrap_or(key), args),
            None if args.is_empty() => text.to_owned(),
            None => format::format(text, args),
        }
    }

    /// A message of the engine. Unlike a text of a page, what no file knows is shown to the letter.
    pub fn message(&self, message: &Message) -> String {
        match self.pattern(&message.key) {
            Some(pattern) => {
                let args: Vec<String> = message.args.iter().map(|arg| self.resolved(arg)).collect();
                format::format(pattern, &args)
            }
            None => message.key.clone(),
        }
    }

    /// The same as HTML: the text may have markup of its own, and its arguments have none, whatever stands
    /// in them. Somebody chose a name, and sees to it that others read it.
    pub fn message_html(&self, message: &Message) -> String {
        let Some(pattern) = self.pattern(&message.key) else {
            return escaped(&message.key);
        };
        let args: Vec<String> = message
            .args
            .iter()
            .map(|arg| escaped(&self.resolved(arg)))
            .collect();
        clean(&format::format(&decoded(pattern), &args))
    }

    /// Several messages, one after the other.
    pub fn messages(&self, messages: &[Message]) -> String {
        let texts: Vec<String> = messages.iter().map(|one| self.message(one)).collect();
        texts.join(" ")
    }
}

fn escaped(text: &str) -> String {
    let mut html = String::with_capacity(text.len());
    escape(&mut html, text);
    html
}
