//! Which users a list or a count is asked for.

use claviger_store::UserQuery;
use claviger_surface::Form;

use crate::admin::events::instant;
use crate::call::AdminCall;
use crate::problem::Problem;

/// How many users a list shows if nobody says.
const PAGE: i64 = 100;
/// How many users are looked up by id, name or address in one search.
const LOOKUPS_MAX: usize = 100;
/// How many attributes one query may ask for.
const ATTRIBUTES_MAX: usize = 16;

/// What a request asks for.
#[derive(Clone, Debug)]
pub(super) enum Wanted {
    /// Users one by one, found by what the prefix of `search` says.
    Named(Lookup, Vec<String>),
    /// Users that fit.
    Matching(Box<UserQuery>),
}

/// What the words behind a prefix are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lookup {
    /// `id:`
    Id,
    /// `username:`
    Username,
    /// `email:`
    Email,
}

impl Wanted {
    /// Reads the query; pages count for lists only.
    pub(super) fn of_list(call: &AdminCall) -> Result<Self, Problem> {
        let first = call.number("first")?.unwrap_or(0).max(0);
        let max = call.number("max")?.unwrap_or(PAGE);
        Self::read(call, first, max)
    }

    /// Reads the query of a count.
    pub(super) fn of_count(call: &AdminCall) -> Result<Self, Problem> {
        Self::read(call, 0, -1)
    }

    fn read(call: &AdminCall, first: i64, max: i64) -> Result<Self, Problem> {
        let query = &call.query;
        if let Some((lookup, words)) = query.get("search").and_then(named) {
            return Ok(Self::Named(lookup, words));
        }
        let all = UserQuery {
            enabled: call.flag("enabled"),
            email_verified: call.flag("emailVerified"),
            created_after: instant(call, "createdAfter", false)?,
            created_before: instant(call, "createdBefore", true)?,
            first,
            max,
            ..UserQuery::default()
        };
        Ok(Self::Matching(Box::new(filtered(
            query,
            all,
            call.flag("exact"),
        ))))
    }
}

/// The prefix of a search, and the words behind it.
fn named(search: &str) -> Option<(Lookup, Vec<String>)> {
    let prefixes = [
        ("id:", Lookup::Id),
        ("username:", Lookup::Username),
        ("email:", Lookup::Email),
    ];
    prefixes.into_iter().find_map(|(prefix, lookup)| {
        let words = search.strip_prefix(prefix)?.split_whitespace();
        Some((lookup, words.take(LOOKUPS_MAX).map(str::to_owned).collect()))
    })
}

/// `search` counts more than the fields; without either, service accounts are left out.
fn filtered(query: &Form, all: UserQuery, exact: Option<bool>) -> UserQuery {
    let text = |name: &str| query.get(name).map(str::to_owned);
    if let Some(search) = query.get("search") {
        return UserQuery {
            search: Some(search.trim().to_owned()),
            ..all
        };
    }
    let wanted = UserQuery {
        username: text("username"),
        email: text("email"),
        first_name: text("firstName"),
        last_name: text("lastName"),
        exact,
        attributes: query.get("q").map(attributes).unwrap_or_default(),
        idp_alias: text("idpAlias"),
        idp_user_id: text("idpUserId"),
        ..all
    };
    let fields = [
        "username",
        "email",
        "firstName",
        "lastName",
        "exact",
        "idpAlias",
        "idpUserId",
    ];
    let more = ["enabled", "emailVerified", "createdAfter", "createdBefore"];
    let asked = fields.iter().chain(&more).any(|name| query.has(name));
    UserQuery {
        include_service_accounts: asked || !wanted.attributes.is_empty(),
        ..wanted
    }
}

/// Names and values of `q=name:value "long name":"long value"`; a backslash saves a quote. Of a
/// name that comes twice the last value counts.
pub(in crate::admin) fn attributes(query: &str) -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = Vec::new();
    let mut letters = query.trim().chars().peekable();
    while letters.peek().is_some() && found.len() < ATTRIBUTES_MAX {
        let (name, stop) = token(&mut letters, Some(':'));
        if stop != Some(':') {
            continue;
        }
        let (value, _) = token(&mut letters, None);
        found.retain(|(known, _)| *known != name);
        found.push((name, value));
    }
    found
}

/// The text up to a blank, or to a separator, outside quotes; and what ended it.
fn token(
    letters: &mut std::iter::Peekable<std::str::Chars<'_>>,
    separator: Option<char>,
) -> (String, Option<char>) {
    let mut text = String::new();
    let mut quoted = false;
    while let Some(letter) = letters.next() {
        match letter {
            '\\' if letters.peek() == Some(&'"') => text.extend(letters.next()),
            '"' => quoted = !quoted,
            ' ' if !quoted => return (text, Some(' ')),
            _ if Some(letter) == separator && !quoted => return (text, separator),
            _ => text.push(letter),
        }
    }
    (text, None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_read_with_quotes() {
        let cases: [(&str, &[(&str, &str)]); 9] = [
            ("", &[]),
            ("locale:en", &[("locale", "en")]),
            ("a:1  b:2", &[("a", "1"), ("b", "2")]),
            (
                r#""long name":"long value" x:y"#,
                &[("long name", "long value"), ("x", "y")],
            ),
            (r#"a:"x:y" b:z"#, &[("a", "x:y"), ("b", "z")]),
            (r#"a:\"b"#, &[("a", "\"b")]),
            ("nothing a:1", &[("a", "1")]),
            ("a:b:c", &[("a", "b:c")]),
            ("a:1 a:2", &[("a", "2")]),
        ];
        for (query, expected) in cases {
            let found = attributes(query);
            let found: Vec<(&str, &str)> = found
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_str()))
                .collect();
            assert_eq!(found, expected, "{query}");
        }
        let many: Vec<String> = (0..10_000).map(|n| format!("a{n}:1")).collect();
        assert_eq!(attributes(&many.join(" ")).len(), ATTRIBUTES_MAX);
    }

    #[test]
    fn a_prefix_names_users_one_by_one() {
        assert_eq!(
            named("id:a  b"),
            Some((Lookup::Id, vec!["a".to_owned(), "b".to_owned()]))
        );
        assert_eq!(named("email:"), Some((Lookup::Email, Vec::new())));
        assert_eq!(named("name:a"), None);
        let many = format!("id:{}", "x ".repeat(10_000));
        assert_eq!(
            named(&many).map(|(_, words)| words.len()),
            Some(LOOKUPS_MAX)
        );
    }

    #[test]
    fn service_accounts_are_found_by_filters_only() {
        let cases = [
            ("", false),
            ("search=a&username=b", false),
            ("username=a", true),
            ("exact=false", true),
            ("enabled=true", true),
            ("q=a:b", true),
            ("q=nothing", false),
            ("briefRepresentation=true&max=3", false),
        ];
        for (query, expected) in cases {
            let form = Form::parse(query.as_bytes());
            let found = filtered(&form, UserQuery::default(), None);
            assert_eq!(found.include_service_accounts, expected, "{query}");
        }
        let form = Form::parse(b"search=%20al%20&username=b");
        let found = filtered(&form, UserQuery::default(), None);
        assert_eq!(
            (found.search.as_deref(), found.username),
            (Some("al"), None)
        );
    }
}
