//! Which identity providers a list shows.

use claviger_model::RealmId;
use claviger_store::{DocumentFilter, Store, StoreError};
use claviger_wire::broker::{Usage, provider};
use claviger_wire::document::{Document, Kind};
use claviger_wire::fields::Fields;

use super::ORGANIZATION;

/// How many are read at once where each has to be looked at.
const CHUNK: i64 = 500;

/// Which are wanted.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Only those for one of these.
    pub usages: Option<Vec<Usage>>,
    /// Only those whose alias or name is like this.
    pub search: Option<Search>,
    /// Only those of no organization.
    pub of_the_realm: bool,
}

/// What a name has to be like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Search {
    /// Exactly this.
    Exactly(String),
    /// These pieces in their order, the first at the beginning; small letters.
    Pieces(Vec<String>),
}

impl Search {
    /// `"name"` is exact; `*` stands for anything, and is always at the end. Blank text asks nothing.
    pub fn parse(text: &str) -> Option<Self> {
        if text.trim().is_empty() {
            return None;
        }
        let quoted = text
            .strip_prefix('"')
            .and_then(|rest| rest.strip_suffix('"'));
        Some(match quoted {
            Some(name) => Self::Exactly(name.to_owned()),
            None => Self::Pieces(text.to_lowercase().split('*').map(str::to_owned).collect()),
        })
    }

    fn fits(&self, name: &str) -> bool {
        match self {
            Self::Exactly(wanted) => name == wanted,
            Self::Pieces(pieces) => {
                let name = name.to_lowercase();
                let mut pieces = pieces.iter();
                let first = pieces.next().map_or("", String::as_str);
                let mut rest = name.strip_prefix(first);
                for piece in pieces {
                    rest =
                        rest.and_then(|rest| rest.split_once(piece.as_str()).map(|(_, end)| end));
                }
                rest.is_some()
            }
        }
    }
}

impl Wanted {
    const fn is_everything(&self) -> bool {
        self.usages.is_none() && self.search.is_none() && !self.of_the_realm
    }

    fn includes(&self, found: &Document) -> bool {
        let fields = Fields::of(&found.body);
        let serves = |usages: &Vec<Usage>| {
            let kind = fields.str("providerId").and_then(provider);
            kind.is_some_and(|kind| kind.serves(usages))
        };
        let named = |search: &Search| {
            search.fits(&found.unique_name)
                || fields
                    .str("displayName")
                    .is_some_and(|name| search.fits(name))
        };
        self.usages.as_ref().is_none_or(serves)
            && self.search.as_ref().is_none_or(named)
            && (!self.of_the_realm || fields.str(ORGANIZATION).is_none())
    }
}

/// A page of a realm's identity providers, by alias. Where each has to be looked at, no more of them
/// are in memory than the page and one chunk.
pub async fn page(
    store: &Store,
    realm: &RealmId,
    wanted: &Wanted,
    first: i64,
    max: i64,
) -> Result<Vec<Document>, StoreError> {
    let filter = DocumentFilter::default();
    let kind = Kind::IdentityProvider;
    if wanted.is_everything() {
        return store.documents_page(realm, kind, filter, first, max).await;
    }
    let (mut skip, mut found) = (first, Vec::new());
    let mut read = 0;
    let size = usize::try_from(max).unwrap_or_default();
    while found.len() < size {
        let chunk = store
            .documents_page(realm, kind, filter, read, CHUNK)
            .await?;
        let last = i64::try_from(chunk.len()).unwrap_or(CHUNK) < CHUNK;
        for provider in chunk.into_iter().filter(|one| wanted.includes(one)) {
            if skip > 0 {
                skip -= 1;
            } else if found.len() < size {
                found.push(provider);
            }
        }
        if last {
            break;
        }
        read += CHUNK;
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_name_is_looked_for_from_its_beginning() {
        for (search, name, expected) in [
            ("git", "GitHub", true),
            ("hub", "GitHub", false),
            ("*hub", "GitHub", true),
            ("g*h*b", "GitHub", true),
            ("g*b*h", "GitHub", false),
            ("\"GitHub\"", "GitHub", true),
            ("\"github\"", "GitHub", false),
            ("_", "GitHub", false),
            ("%", "GitHub", false),
            ("**", "", true),
        ] {
            let parsed = Search::parse(search).expect("a search");
            assert_eq!(parsed.fits(name), expected, "{search} {name}");
        }
        assert_eq!(Search::parse(" "), None);
    }

    #[test]
    fn usages_and_organizations_narrow_a_list() {
        let one = |kind: &str, organization: Option<&str>| Document {
            kind: Kind::IdentityProvider,
            id: "1".to_owned(),
            parent: String::new(),
            unique_name: "one".to_owned(),
            enabled: true,
            body: [
                ("providerId".to_owned(), json!(kind)),
                ("displayName".to_owned(), json!("Name")),
            ]
            .into_iter()
            .chain(organization.map(|id| (ORGANIZATION.to_owned(), json!(id))))
            .collect(),
        };
        let none = Wanted::default();
        let linking = Wanted {
            usages: Some(Usage::LINKING.to_vec()),
            ..Wanted::default()
        };
        let own = Wanted {
            of_the_realm: true,
            ..Wanted::default()
        };
        let named = Wanted {
            search: Search::parse("nam"),
            ..Wanted::default()
        };
        for (wanted, found, expected) in [
            (&none, one("kubernetes", Some("acme")), true),
            (&linking, one("kubernetes", None), false),
            (&linking, one("github", None), true),
            (&own, one("oidc", None), true),
            (&own, one("oidc", Some("acme")), false),
            (&named, one("oidc", None), true),
        ] {
            assert_eq!(wanted.includes(&found), expected, "{wanted:?}");
        }
    }
}
