//! The message files that the server was built with: packed, and read when a language is first spoken.

use std::collections::HashMap;
use std::io::Read as _;
use std::sync::{LazyLock, OnceLock};

use flate2::read::DeflateDecoder;

use crate::properties;

include!(concat!(env!("OUT_DIR"), "/messages.rs"));

/// The texts of one message file.
pub type Bundle = HashMap<String, String>;

/// Whose texts they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Pages of signing in and out.
    Login,
    /// Mails.
    Email,
    /// The users' console.
    Account,
    /// The administrators' console, and names of rights.
    Admin,
}

impl Kind {
    const fn folder(self) -> &'static str {
        match self {
            Self::Login => "login",
            Self::Email => "email",
            Self::Account => "account",
            Self::Admin => "admin",
        }
    }
}

/// English of our own: what there is where no file has a text.
static OWN: LazyLock<Bundle> = LazyLock::new(|| {
    let file = include_str!("../messages/messages_en.properties");
    properties::read(file.as_bytes()).unwrap_or_else(|error| {
        tracing::error!("the texts that the server was built with cannot be read: {error}");
        Bundle::new()
    })
});

static READ: LazyLock<Vec<OnceLock<Bundle>>> =
    LazyLock::new(|| PACKED.iter().map(|_| OnceLock::new()).collect());

/// Our own English.
pub fn own() -> &'static Bundle {
    &OWN
}

/// The languages that the server was built with, for one kind of texts; none where the message files
/// were not fetched.
pub fn languages(kind: Kind) -> impl Iterator<Item = &'static str> {
    let of_kind = move |entry: &&(&str, &'static str, &[u8])| entry.0 == kind.folder();
    PACKED
        .iter()
        .filter(of_kind)
        .map(|(_, language, _)| *language)
}

/// How a language is written in the names of message files. Chinese has two scripts there, and
/// realms name them by the countries that write them.
pub fn file_tag(locale: &str) -> String {
    match locale {
        "zh-CN" | "zh-SG" => "zh_Hans".to_owned(),
        "zh-TW" | "zh-HK" | "zh-MO" => "zh_Hant".to_owned(),
        other => other.replace('-', "_"),
    }
}

/// The texts of a language.
pub fn bundle(kind: Kind, locale: &str) -> Option<&'static Bundle> {
    let tag = file_tag(locale);
    let index = PACKED
        .iter()
        .position(|(of, language, _)| *of == kind.folder() && *language == tag)?;
    let (_, _, packed) = PACKED.get(index)?;
    Some(READ.get(index)?.get_or_init(|| unpack(&tag, packed)))
}

fn unpack(tag: &str, packed: &[u8]) -> Bundle {
    let mut file = Vec::new();
    let unpacked = DeflateDecoder::new(packed).read_to_end(&mut file);
    let read = unpacked.map_err(|error| error.to_string());
    read.and_then(|_| properties::read(&file))
        .unwrap_or_else(|error| {
            tracing::error!(
                "the texts in {tag} that the server was built with cannot be read: {error}"
            );
            Bundle::new()
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn languages_are_found_by_the_names_that_realms_have_for_them() {
        let cases = [
            ("de", "de"),
            ("pt-BR", "pt_BR"),
            ("zh-CN", "zh_Hans"),
            ("zh-TW", "zh_Hant"),
        ];
        for (locale, tag) in cases {
            assert_eq!(file_tag(locale), tag);
        }
        assert_eq!(bundle(Kind::Login, "xx"), None);
        assert_eq!(bundle(Kind::Login, "../login/de"), None);
    }

    #[test]
    fn every_file_can_be_read_and_names_this_product() {
        for kind in [Kind::Login, Kind::Email, Kind::Account, Kind::Admin] {
            let tags: Vec<&str> = languages(kind).collect();
            for tag in &tags {
                let texts = bundle(kind, tag).unwrap();
                let named = texts
                    .values()
                    .find(|text| text.to_lowercase().contains("keycloak"));
                assert_eq!(named, None, "{kind:?} {tag}");
            }
            if kind == Kind::Login && !tags.is_empty() {
                assert_eq!(tags.len(), 41);
                assert_eq!(bundle(kind, "en").unwrap().len(), 500);
                assert_eq!(bundle(kind, "zh-TW").unwrap().len(), 500);
            }
            if kind == Kind::Email && !tags.is_empty() {
                assert_eq!(tags.len(), 39);
            }
        }
    }

    #[test]
    fn our_own_english_has_keys_that_the_files_have() {
        let Some(theirs) = bundle(Kind::Login, "en") else {
            return;
        };
        // What only we say is in English alone.
        let ours = [
            "languages",
            "logoutConfirmReach",
            "logoutConfirmApplication",
        ];
        for key in own().keys() {
            assert!(theirs.contains_key(key) || ours.contains(&&**key), "{key}");
        }
    }
}
