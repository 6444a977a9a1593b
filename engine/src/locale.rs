//! Which language a page is in, chosen as Keycloak's default selector does, and what is known of a
//! language before any text of it is read.

use crate::realm::Realm;

/// The language of the texts that every other language falls back to.
pub const ENGLISH: &str = "en";
/// How many wishes of a header are looked at.
const WISHES_MAX: usize = 50;

/// Where a wish for a language may come from, the strongest first.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wishes<'a> {
    /// Chosen on a page: `kc_locale`, remembered with the login.
    pub chosen: Option<&'a str>,
    /// The user's attribute `locale`, where it is known who it is.
    pub profile: Option<&'a str>,
    /// What the client asked for: `ui_locales`, the best first, with blanks between.
    pub client: Option<&'a str>,
    /// The cookie `KEYCLOAK_LOCALE`.
    pub cookie: Option<&'a str>,
    /// The header `Accept-Language`.
    pub accept: Option<&'a str>,
}

/// The language of a page: the first wish that the realm has a language for, else the realm's own.
/// A realm without internationalization has English alone.
pub fn choose(realm: &Realm, wishes: Wishes<'_>) -> String {
    let locales = &realm.settings.locales;
    if !locales.enabled {
        return ENGLISH.to_owned();
    }
    let supported = &locales.supported;
    let named = |tag: Option<&str>| best(supported, tag?);
    named(wishes.chosen)
        .or_else(|| named(wishes.profile))
        .or_else(|| {
            let mut tags = wishes.client?.split(' ').take(WISHES_MAX);
            tags.find_map(|tag| best(supported, tag))
        })
        .or_else(|| named(wishes.cookie))
        .or_else(|| {
            let tags = accepted(wishes.accept?);
            tags.iter().find_map(|tag| best(supported, tag))
        })
        .or(locales.default.as_deref())
        .unwrap_or(ENGLISH)
        .to_owned()
}

/// The realm's language for a tag, if people may choose among languages and it is one of them.
pub fn supported<'a>(realm: &'a Realm, tag: &str) -> Option<&'a str> {
    let locales = &realm.settings.locales;
    best(&locales.supported, tag).filter(|_| locales.enabled)
}

/// The languages of `Accept-Language`, the most wanted first (RFC 9110 §12.5.4).
fn accepted(header: &str) -> Vec<&str> {
    let mut wishes: Vec<(f32, &str)> = header
        .split(',')
        .take(WISHES_MAX)
        .filter_map(|part| {
            let (tag, weight) = part.split_once(';').unwrap_or((part, ""));
            let weight = weight.trim().strip_prefix("q=").map_or(Ok(1.0), str::parse);
            let weight: f32 = weight.ok()?;
            let tag = tag.trim();
            (weight > 0.0 && !tag.is_empty() && tag != "*").then_some((weight, tag))
        })
        .collect();
    wishes.sort_by(|one, other| other.0.total_cmp(&one.0));
    wishes.into_iter().map(|(_, tag)| tag).collect()
}

/// A language tag's parts that matter here (RFC 5646 §2.2): language, and region where it has one.
fn parts(tag: &str) -> (String, String) {
    let mut subtags = tag.split(['-', '_']);
    let language = subtags.next().unwrap_or_default().to_ascii_lowercase();
    let is_region = |subtag: &&str| {
        (subtag.len() == 2 && subtag.bytes().all(|byte| byte.is_ascii_alphabetic()))
            || (subtag.len() == 3 && subtag.bytes().all(|byte| byte.is_ascii_digit()))
    };
    let region = subtags.find(is_region).unwrap_or_default();
    (language, region.to_ascii_uppercase())
}

/// The language among those that fits a wish best: the same language, and not another region; the
/// same region rather than none.
fn best<'a>(supported: &'a [String], wish: &str) -> Option<&'a str> {
    let (language, region) = parts(wish);
    if language.is_empty() {
        return None;
    }
    let mut found: Option<(&str, String)> = None;
    for candidate in supported {
        let (its_language, its_region) = parts(candidate);
        let one_has_none = region.is_empty() != its_region.is_empty();
        if its_language != language || !(one_has_none || its_region == region) {
            continue;
        }
        let is_better = found
            .as_ref()
            .is_none_or(|(_, kept)| its_region == region && *kept != region);
        if is_better {
            found = Some((candidate, its_region));
        }
    }
    found.map(|(tag, _)| tag)
}

/// The languages whose texts are looked at for a language, the nearest first: `pt-BR`, `pt`, the
/// realm's own, `en`.
pub fn ancestors(realm: &Realm, locale: &str) -> Vec<String> {
    let mut chain: Vec<String> = Vec::new();
    let locales = &realm.settings.locales;
    let own = locales.default.as_deref().filter(|_| locales.enabled);
    for start in [Some(locale), own, Some(ENGLISH)].into_iter().flatten() {
        let (language, _) = parts(start);
        for tag in [start, &language] {
            if !tag.is_empty() && !chain.iter().any(|known| known == tag) {
                chain.push(tag.to_owned());
            }
        }
        if language == ENGLISH {
            break;
        }
    }
    chain
}

/// Whether a language is written from right to left.
pub fn is_right_to_left(locale: &str) -> bool {
    let (language, _) = parts(locale);
    let written = ["ar", "dv", "fa", "he", "iw", "ps", "sd", "ug", "ur", "yi"];
    written.contains(&language.as_str())
}

/// What languages call themselves, by their tags.
pub const OWN_NAMES: [(&str, &str); 42] = [
    ("ar", "العربية"),
    ("az", "Azərbaycan"),
    ("ca", "Català"),
    ("cs", "Čeština"),
    ("da", "Dansk"),
    ("de", "Deutsch"),
    ("el", "Ελληνικά"),
    ("en", "English"),
    ("es", "Español"),
    ("eu", "Euskara"),
    ("fa", "فارسی"),
    ("fi", "Suomi"),
    ("fr", "Français"),
    ("he", "עברית"),
    ("hr", "Hrvatski"),
    ("hu", "Magyar"),
    ("hy", "Հայերեն"),
    ("id", "Indonesia"),
    ("it", "Italiano"),
    ("ja", "日本語"),
    ("ka", "ქართული"),
    ("kk", "Қазақ тілі"),
    ("ko", "한국어"),
    ("ky", "Кыргызча"),
    ("lt", "Lietuvių"),
    ("lv", "Latviešu"),
    ("nl", "Nederlands"),
    ("no", "Norsk"),
    ("pl", "Polski"),
    ("pt", "Português"),
    ("pt-BR", "Português (Brasil)"),
    ("ro", "Română"),
    ("ru", "Русский"),
    ("sk", "Slovenčina"),
    ("sl", "Slovenščina"),
    ("sv", "Svenska"),
    ("th", "ไทย"),
    ("tr", "Türkçe"),
    ("uk", "Українська"),
    ("vi", "Tiếng Việt"),
    ("zh-CN", "中文（简体）"),
    ("zh-TW", "中文（繁體）"),
];

/// What a language calls itself.
pub fn own_name(locale: &str) -> &str {
    let known = OWN_NAMES.iter().find(|(tag, _)| *tag == locale);
    known.map_or(locale, |(_, name)| *name)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_wish_finds_the_language_that_fits_best() {
        let supported: Vec<String> = ["en", "de", "pt", "pt-BR", "fr-CA", "zh-CN"]
            .map(str::to_owned)
            .to_vec();
        let cases = [
            ("de", Some("de")),
            ("de-CH", Some("de")),
            ("DE", Some("de")),
            ("pt-BR", Some("pt-BR")),
            ("pt-PT", Some("pt")),
            ("pt", Some("pt")),
            ("fr", Some("fr-CA")),
            ("fr-FR", None),
            ("zh", Some("zh-CN")),
            ("zh-TW", None),
            ("ja", None),
            ("", None),
            ("*", None),
        ];
        for (wish, expected) in cases {
            assert_eq!(best(&supported, wish), expected, "{wish}");
        }
    }

    #[test]
    fn wishes_of_a_header_come_in_the_order_of_their_weights() {
        let cases: [(&str, &[&str]); 5] = [
            ("de, en;q=0.5, fr;q=0.8", &["de", "fr", "en"]),
            ("en;q=0.1, *;q=0.9, de", &["de", "en"]),
            ("de;q=0, en", &["en"]),
            ("de;q=nonsense, en", &["en"]),
            ("", &[]),
        ];
        for (header, expected) in cases {
            assert_eq!(accepted(header), expected, "{header}");
        }
    }

    proptest! {
        #[test]
        fn no_header_fails(header in ".{0,200}") {
            let supported = vec!["en".to_owned()];
            for tag in accepted(&header) {
                best(&supported, tag);
            }
        }
    }
}
