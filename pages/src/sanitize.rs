//! Makes HTML that administrators wrote (`displayNameHtml`, texts of their own) safe to show: the
//! elements and attributes that Keycloak lets through, without anything that runs.

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

/// How often text that was escaped is unescaped before it is looked at, so that nothing slips
/// through by being escaped twice.
const DECODINGS_MAX: usize = 5;

static CLEANER: LazyLock<ammonia::Builder<'static>> = LazyLock::new(cleaner);

/// Elements that may stay, as of Keycloak.
const ELEMENTS: &[&str] = &[
    "a",
    "label",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "p",
    "i",
    "b",
    "u",
    "strong",
    "em",
    "small",
    "big",
    "pre",
    "code",
    "cite",
    "samp",
    "sub",
    "sup",
    "strike",
    "center",
    "blockquote",
    "hr",
    "br",
    "col",
    "font",
    "map",
    "span",
    "div",
    "img",
    "ul",
    "ol",
    "li",
    "dd",
    "dt",
    "dl",
    "tbody",
    "thead",
    "tfoot",
    "table",
    "td",
    "th",
    "tr",
    "colgroup",
    "fieldset",
    "legend",
];

const CELL: &[&str] = &[
    "bgcolor", "abbr", "headers", "scope", "nowrap", "height", "width", "align", "valign",
    "colspan", "rowspan",
];

/// Attributes that may stay, by element.
const ATTRIBUTES: &[(&str, &[&str])] = &[
    ("a", &["href", "name", "target"]),
    ("label", &["for"]),
    ("p", &["align"]),
    ("font", &["color", "face", "size"]),
    (
        "img",
        &[
            "src", "alt", "border", "hspace", "vspace", "height", "width", "align",
        ],
    ),
    (
        "table",
        &[
            "border",
            "cellpadding",
            "cellspacing",
            "bgcolor",
            "align",
            "height",
            "width",
        ],
    ),
    ("td", CELL),
    ("th", CELL),
    ("tr", &["align", "valign", "height", "width"]),
    ("thead", &["align", "valign"]),
    ("tbody", &["align", "valign"]),
    ("col", &["span", "width", "align", "valign"]),
];

fn cleaner() -> ammonia::Builder<'static> {
    let mut builder = ammonia::Builder::empty();
    builder
        .tags(ELEMENTS.iter().copied().collect())
        .generic_attributes(HashSet::from(["id", "class", "lang", "title"]))
        .tag_attributes(
            ATTRIBUTES
                .iter()
                .map(|(element, names)| (*element, names.iter().copied().collect()))
                .collect::<HashMap<&str, HashSet<&str>>>(),
        )
        .clean_content_tags(HashSet::from(["script", "style"]))
        .url_schemes(HashSet::from(["http", "https", "mailto"]))
        .url_relative(ammonia::UrlRelative::PassThrough)
        .link_rel(Some("nofollow noopener noreferrer"))
        .attribute_filter(|_, name, value| match name {
            "target" if value != "_blank" => None,
            // An id that a script or a form of ours looks for is not for others to give.
            "id" if value.starts_with("kc-") => None,
            _ => Some(value.into()),
        });
    builder
}

/// The same text as HTML that may be shown.
pub fn sanitize(html: &str) -> String {
    clean(&decoded(html))
}

/// HTML without what may not be shown. What is escaped in it stays text.
pub fn clean(html: &str) -> String {
    CLEANER.clean(html).to_string()
}

/// Text in which nothing is escaped any more; none is left of what was escaped too often.
pub fn decoded(html: &str) -> String {
    let mut html = html.to_owned();
    for _ in 0..DECODINGS_MAX {
        let decoded = decode(&html);
        if decoded == html {
            return html;
        }
        html = decoded;
    }
    String::new()
}

/// Unescapes the references that hide markup; what else is referred to stays as it is, and is
/// understood by the cleaner.
fn decode(html: &str) -> String {
    let mut decoded = String::with_capacity(html.len());
    let mut rest = html;
    while let Some(at) = rest.find('&') {
        let (before, after) = rest.split_at(at);
        decoded.push_str(before);
        let (letter, length) = reference(after).unwrap_or(('&', 1));
        decoded.push(letter);
        rest = after.get(length..).unwrap_or_default();
    }
    decoded.push_str(rest);
    decoded
}

/// The letter that a character reference at the beginning of a text means, and how long it is.
fn reference(text: &str) -> Option<(char, usize)> {
    let end = text.bytes().take(12).position(|byte| byte == b';')?;
    let name = text.get(1..end)?;
    let letter = match name {
        "lt" | "LT" => '<',
        "gt" | "GT" => '>',
        "amp" | "AMP" => '&',
        "quot" | "QUOT" => '"',
        "apos" => '\'',
        number => {
            let digits = number.strip_prefix('#')?;
            let code = match digits.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                None => digits.parse().ok()?,
            };
            char::from_u32(code).filter(|letter| !letter.is_control())?
        }
    };
    Some((letter, end + 1))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn markup_of_texts_passes_and_nothing_that_runs() {
        let cases = [
            ("plain", "plain"),
            ("<b>Conf</b>", "<b>Conf</b>"),
            ("a & b", "a &amp; b"),
            ("a &amp; b", "a &amp; b"),
            ("<script>alert(1)</script>x", "x"),
            ("&lt;script&gt;alert(1)&lt;/script&gt;x", "x"),
            (
                "&amp;lt;img src=x onerror=alert(1)&amp;gt;",
                "<img src=\"x\">",
            ),
            ("&#60;b onclick=alert(1)&#x3e;x", "<b>x</b>"),
            ("<img src=x onerror=alert(1)>", "<img src=\"x\">"),
            ("<img src='data:image/svg+xml,x'>", "<img>"),
            ("<svg onload=alert(1)>", ""),
            ("<iframe src=//evil>", ""),
            ("<form action=//evil><input name=password>", ""),
            (
                "<a href='javascript:alert(1)'>x</a>",
                "<a rel=\"nofollow noopener noreferrer\">x</a>",
            ),
            (
                "<a href='https://shop.example/a?b=c' target=_blank>x</a>",
                "<a href=\"https://shop.example/a?b=c\" target=\"_blank\" rel=\"nofollow noopener noreferrer\">x</a>",
            ),
            (
                "<a target=_top>x</a>",
                "<a rel=\"nofollow noopener noreferrer\">x</a>",
            ),
            ("<b style='position:fixed'>x</b>", "<b>x</b>"),
            (
                "<p id='kc-form-login' class=big>x</p>",
                "<p class=\"big\">x</p>",
            ),
            (
                "<div class=logo><span>Shop</span></div>",
                "<div class=\"logo\"><span>Shop</span></div>",
            ),
        ];
        for (html, expected) in cases {
            assert_eq!(sanitize(html), expected, "{html}");
        }
    }

    #[test]
    fn text_that_was_escaped_too_often_is_not_shown() {
        let mut html = "<b>x</b>".to_owned();
        for _ in 0..8 {
            html = html.replace('&', "&amp;").replace('<', "&lt;");
        }
        assert_eq!(sanitize(&html), "");
    }

    proptest! {
        #[test]
        fn what_is_clean_stays_as_it_is(html in "[<>a-z=/\"'&;# ]{0,120}") {
            let clean = sanitize(&html);
            prop_assert_eq!(CLEANER.clean(&clean).to_string(), clean);
        }
    }
}
