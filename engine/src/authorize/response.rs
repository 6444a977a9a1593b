//! What is handed out at the authorization endpoint, and how (OAuth 2.0 Multiple Response Types,
//! Form Post Response Mode, JARM).

use crate::browser::Delivery;

/// `response_type`: a set of words, checked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ResponseType {
    code: bool,
    token: bool,
    id_token: bool,
}

impl ResponseType {
    /// Reads the words; `none` stands alone (Multiple Response Types §4).
    ///
    /// # Errors
    ///
    /// What is wrong, for the event.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let mut found = Self::default();
        let words: Vec<&str> = text.trim().split(' ').collect();
        for word in &words {
            match *word {
                "code" => found.code = true,
                "token" => found.token = true,
                "id_token" => found.id_token = true,
                "none" if words.len() > 1 => {
                    return Err("'None' not allowed with some other response_type");
                }
                "none" => {}
                _ => return Err("Unsupported response_type"),
            }
        }
        Ok(found)
    }

    /// Whether a code is handed out.
    pub const fn has_code(self) -> bool {
        self.code
    }

    /// Whether an access token is handed out.
    pub const fn has_token(self) -> bool {
        self.token
    }

    /// Whether an ID token is handed out.
    pub const fn has_id_token(self) -> bool {
        self.id_token
    }

    /// Whether tokens travel through the browser.
    pub const fn is_implicit_or_hybrid(self) -> bool {
        self.token || self.id_token
    }

    /// Whether nothing but tokens does.
    pub const fn is_implicit(self) -> bool {
        self.is_implicit_or_hybrid() && !self.code
    }
}

/// `response_mode`, with `jwt` and a missing one resolved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResponseMode {
    /// How the answer travels.
    pub delivery: Delivery,
    /// Whether it is one signed `response` (JARM §2).
    pub jwt: bool,
}

impl ResponseMode {
    /// The mode of requests whose response type says nothing.
    pub const QUERY: Self = Self {
        delivery: Delivery::Query,
        jwt: false,
    };

    /// The mode that is asked for, or else usual for the response type; none if nobody knows it.
    pub fn parse(text: Option<&str>, kind: ResponseType) -> Option<Self> {
        let usual = if kind.is_implicit_or_hybrid() {
            Delivery::Fragment
        } else {
            Delivery::Query
        };
        match text {
            None => Some(Self {
                delivery: usual,
                jwt: false,
            }),
            Some("jwt") => Some(Self {
                delivery: usual,
                jwt: true,
            }),
            Some(name) => Self::named(name),
        }
    }

    /// The mode in which a wrong response type is told.
    pub fn of_wrong_type(text: Option<&str>) -> Self {
        Self::parse(text, ResponseType::default()).unwrap_or(Self::QUERY)
    }

    fn named(name: &str) -> Option<Self> {
        let (delivery, jwt) = match name.strip_suffix(".jwt") {
            Some(delivery) => (delivery, true),
            None => (name, false),
        };
        let delivery = match delivery {
            "query" => Delivery::Query,
            "fragment" => Delivery::Fragment,
            "form_post" => Delivery::FormPost,
            _ => return None,
        };
        Some(Self { delivery, jwt })
    }

    /// Its name in events.
    pub const fn event_name(self) -> &'static str {
        match (self.delivery, self.jwt) {
            (Delivery::Query, false) => "query",
            (Delivery::Fragment, false) => "fragment",
            (Delivery::FormPost, false) => "form_post",
            (Delivery::Query, true) => "query_jwt",
            (Delivery::Fragment, true) => "fragment_jwt",
            (Delivery::FormPost, true) => "form_post_jwt",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn response_types_are_sets_of_known_words() {
        let good = [
            ("code", true, false, false),
            ("token", false, true, false),
            ("id_token", false, false, true),
            ("none", false, false, false),
            ("id_token token", false, true, true),
            ("token id_token code", true, true, true),
            (" code ", true, false, false),
        ];
        for (text, code, token, id_token) in good {
            let expected = ResponseType {
                code,
                token,
                id_token,
            };
            assert_eq!(ResponseType::parse(text), Ok(expected), "{text}");
        }
        for text in [
            "",
            "magic",
            "code  token",
            "Code",
            "code,token",
            "code none",
            "none none",
        ] {
            assert!(ResponseType::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_mode_is_named_or_usual() {
        let code = ResponseType::parse("code").unwrap();
        let hybrid = ResponseType::parse("code id_token").unwrap();
        let cases = [
            (None, code, Some("query")),
            (None, hybrid, Some("fragment")),
            (Some("jwt"), code, Some("query_jwt")),
            (Some("jwt"), hybrid, Some("fragment_jwt")),
            (Some("form_post"), code, Some("form_post")),
            (Some("form_post.jwt"), hybrid, Some("form_post_jwt")),
            (Some("query"), hybrid, Some("query")),
            (Some("magic"), code, None),
            (Some("magic.jwt"), code, None),
            (Some(".jwt"), code, None),
            (Some(""), code, None),
            (Some("QUERY"), code, None),
        ];
        for (text, kind, expected) in cases {
            let found = ResponseMode::parse(text, kind);
            assert_eq!(found.map(ResponseMode::event_name), expected, "{text:?}");
        }
        assert_eq!(
            ResponseMode::of_wrong_type(Some("magic")),
            ResponseMode::QUERY
        );
        assert!(ResponseMode::of_wrong_type(Some("jwt")).jwt);
    }
}
