//! The security headers that a realm puts on its answers: which ones depends on what is answered.

use std::collections::BTreeMap;

/// What kind of answer it is, as far as these headers are concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// JSON or XML.
    Data,
    /// A page, or an empty answer to a form.
    Page,
    /// Anything else.
    Other,
}

impl Content {
    /// Tells by the media type of the answer or, where it has none, of the request.
    pub fn of(answer: Option<&str>, request: Option<&str>) -> Self {
        let essence = |media: &str| {
            media
                .split(';')
                .next()
                .unwrap_or_default()
                .trim()
                .to_ascii_lowercase()
        };
        let either = answer.or(request).map(essence);
        match either.as_deref() {
            Some("application/json" | "application/xml") => return Self::Data,
            Some("text/html") if answer.is_some() => return Self::Page,
            _ => {}
        }
        match request.map(essence).as_deref() {
            Some("application/x-www-form-urlencoded") => Self::Page,
            _ => Self::Other,
        }
    }
}

/// A header's name, its key among a realm's `browserSecurityHeaders`, and its value if that is
/// absent.
type Known = (&'static str, &'static str, &'static str);

const FRAME_OPTIONS: Known = ("x-frame-options", "xFrameOptions", "SAMEORIGIN");
const CONTENT_POLICY: Known = (
    "content-security-policy",
    "contentSecurityPolicy",
    "frame-src 'self'; frame-ancestors 'self'; object-src 'none';",
);
const REPORT_ONLY: Known = (
    "content-security-policy-report-only",
    "contentSecurityPolicyReportOnly",
    "",
);
const CONTENT_TYPE: Known = ("x-content-type-options", "xContentTypeOptions", "nosniff");
const ROBOTS: Known = ("x-robots-tag", "xRobotsTag", "none");
const TRANSPORT: Known = (
    "strict-transport-security",
    "strictTransportSecurity",
    "max-age=31536000; includeSubDomains",
);
const REFERRER: Known = ("referrer-policy", "referrerPolicy", "no-referrer");

/// The value of a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Text<'a> {
    /// What realms have that change nothing.
    Usual(&'static str),
    /// What this realm has instead.
    Own(&'a str),
}

/// The headers of an answer, by the realm's settings; an empty setting leaves its header out.
pub fn security(
    settings: &BTreeMap<String, String>,
    content: Content,
) -> impl Iterator<Item = (&'static str, Text<'_>)> {
    let list: &[Known] = match content {
        Content::Data => &[TRANSPORT, FRAME_OPTIONS, CONTENT_TYPE, REFERRER, ROBOTS],
        Content::Page => &[
            FRAME_OPTIONS,
            CONTENT_POLICY,
            REPORT_ONLY,
            CONTENT_TYPE,
            ROBOTS,
            TRANSPORT,
            REFERRER,
        ],
        Content::Other => &[TRANSPORT, CONTENT_TYPE, REFERRER, ROBOTS],
    };
    list.iter()
        .map(|(name, key, usual)| match settings.get(*key) {
            Some(own) if own != usual => (*name, Text::Own(own)),
            Some(_) | None => (*name, Text::Usual(usual)),
        })
        .filter(|(_, value)| !matches!(value, Text::Usual("") | Text::Own("")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_answer_to_a_form_counts_as_a_page() {
        let form = Some("application/x-www-form-urlencoded");
        assert_eq!(Content::of(None, form), Content::Page);
        assert_eq!(Content::of(Some("application/json"), form), Content::Data);
        assert_eq!(
            Content::of(Some("text/html;charset=utf-8"), None),
            Content::Page
        );
        assert_eq!(Content::of(None, Some("application/json")), Content::Data);
        assert_eq!(
            Content::of(Some("text/plain;charset=utf-8"), None),
            Content::Other
        );
        assert_eq!(Content::of(None, None), Content::Other);
    }

    #[test]
    fn a_realm_can_change_a_header_and_take_it_away() {
        let settings = BTreeMap::from([
            ("xFrameOptions".to_owned(), "DENY".to_owned()),
            ("xRobotsTag".to_owned(), String::new()),
        ]);
        let headers: Vec<_> = security(&settings, Content::Data).collect();
        assert!(headers.contains(&("x-frame-options", Text::Own("DENY"))));
        assert!(headers.iter().all(|(name, _)| *name != "x-robots-tag"));
    }
}
