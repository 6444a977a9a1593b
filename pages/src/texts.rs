//! The texts of one page: those of the realm, of its theme and of the message files, in the person's
//! language and in those that it falls back to.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use claviger_engine::page::Message;
use claviger_engine::realm::Realm;
use serde_json::Value;

use crate::{format, locale, properties};

/// Where a realm's own texts are, by language, in its document.
const REALM_TEXTS: &str = "localizationTexts";

/// The texts of one message file.
pub type Bundle = HashMap<String, String>;

/// English of our own: what there is where no file has a text.
static OWN: LazyLock<Bundle> = LazyLock::new(|| {
    let file = include_str!("../messages/messages_en.properties");
    properties::read(file.as_bytes()).unwrap_or_else(|error| {
        tracing::error!("the texts that the server was built with cannot be read: {error}");
        Bundle::new()
    })
});

/// The texts of one page.
#[derive(Clone)]
pub struct Texts(Arc<Parts>);

struct Parts {
    realm: Arc<Realm>,
    /// The page's language, and what it falls back to.
    languages: Vec<String>,
}

impl Texts {
    /// The texts for a realm's pages in a language.
    pub fn new(realm: &Arc<Realm>, locale: &str) -> Self {
        Self(Arc::new(Parts {
            realm: Arc::clone(realm),
            languages: locale::ancestors(realm, locale),
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
        for language in &self.0.languages {
            let text = of_realm
                .and_then(|texts| texts.get(language))
                .and_then(|texts| texts.get(key))
                .and_then(Value::as_str);
            if text.is_some() {
                return text;
            }
        }
        OWN.get(key).map(String::as_str)
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

    /// Several messages, one after the other.
    pub fn messages(&self, messages: &[Message]) -> String {
        let texts: Vec<String> = messages.iter().map(|one| self.message(one)).collect();
        texts.join(" ")
    }
}
