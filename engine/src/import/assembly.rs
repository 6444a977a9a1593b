//! The parts of a realm while they are put together: documents by name, links, warnings.

use std::collections::{BTreeSet, HashMap, HashSet};

use claviger_crypto::random::Random;
use claviger_model::Millis;
use claviger_wire::document::{Document, Json, Kind, Link, LinkKind};
use serde_json::{Value, json};

use super::problem::{At, ImportError};

/// Longest id that the store keeps.
const MAX_ID: usize = 36;
/// Longest name of a thing.
const MAX_NAME: usize = 255;

/// A realm under construction.
pub(crate) struct Assembly<'a> {
    pub(crate) random: &'a Random,
    pub(crate) now: Millis,
    pub(crate) realm_id: String,
    pub(crate) warnings: Vec<String>,
    documents: Vec<Document>,
    /// How many of them were there before.
    before: usize,
    by_name: HashMap<(Kind, String, String), usize>,
    by_id: HashMap<(Kind, String), usize>,
    links: BTreeSet<Link>,
}

/// Where a new document belongs and what it is called.
pub(crate) struct Place<'a> {
    pub(crate) kind: Kind,
    pub(crate) parent: &'a str,
    pub(crate) name: &'a str,
}

impl<'a> Assembly<'a> {
    pub(crate) fn new(random: &'a Random, now: Millis, realm_id: String) -> Self {
        Self {
            random,
            now,
            realm_id,
            warnings: Vec::new(),
            documents: Vec::new(),
            before: 0,
            by_name: HashMap::new(),
            by_id: HashMap::new(),
            links: BTreeSet::new(),
        }
    }

    /// Begins with what a realm has.
    pub(crate) fn over(
        random: &'a Random,
        now: Millis,
        realm_id: String,
        documents: Vec<Document>,
        links: &[Link],
    ) -> Self {
        let mut assembly = Self::new(random, now, realm_id);
        for (position, document) in documents.iter().enumerate() {
            let (kind, parent) = (document.kind, document.parent.clone());
            let named = (kind, parent, document.unique_name.clone());
            assembly.by_name.insert(named, position);
            assembly.by_id.insert((kind, document.id.clone()), position);
        }
        assembly.before = documents.len();
        assembly.documents = documents;
        assembly.links.extend(links.iter().cloned());
        assembly
    }

    /// Takes something out that was there before, with its links.
    pub(crate) fn remove(&mut self, document: &Document) {
        let (kind, parent) = (document.kind, document.parent.clone());
        let named = (kind, parent, document.unique_name.clone());
        self.by_name.remove(&named);
        self.by_id.remove(&(kind, document.id.clone()));
        self.links
            .retain(|link| link.from != document.id && link.to != document.id);
    }

    /// What was added to what was there before.
    pub(crate) fn new_documents(&self) -> &[Document] {
        self.documents.get(self.before..).unwrap_or_default()
    }

    /// All links as they are now.
    pub(crate) fn all_links(&self) -> BTreeSet<Link> {
        self.links.clone()
    }

    /// Adds a document; its body gets the id. An id in the body is kept, else one is drawn.
    pub(crate) fn add(
        &mut self,
        place: &Place<'_>,
        mut body: Json,
        at: &At<'_>,
    ) -> Result<String, ImportError> {
        let Place { kind, parent, name } = *place;
        let given = id_field(kind)
            .and_then(|field| body.get(field))
            .and_then(Value::as_str);
        let id = match given {
            Some(id) if !id.is_empty() => id.to_owned(),
            Some(_) | None => self.random.uuid(),
        };
        if id.len() > MAX_ID {
            return Err(at
                .key("id")
                .invalid(format!("an id has at most {MAX_ID} characters")));
        }
        if name.chars().count() > MAX_NAME {
            return Err(at.invalid(format!("a name has at most {MAX_NAME} characters")));
        }
        let position = self.documents.len();
        let unique_name = if name.is_empty() {
            id.clone()
        } else {
            name.to_owned()
        };
        let named = (kind, parent.to_owned(), unique_name.clone());
        if self.by_name.contains_key(&named) {
            return Err(at.conflict(format!("there are two of the name `{unique_name}`")));
        }
        if self.by_id.insert((kind, id.clone()), position).is_some() {
            return Err(at
                .key("id")
                .conflict(format!("there are two of the id `{id}`")));
        }
        self.by_name.insert(named, position);
        let enabled = body.get("enabled").and_then(Value::as_bool).unwrap_or(true);
        if let Some(field) = id_field(kind) {
            body.insert(field.to_owned(), json!(id));
        }
        let parent = parent.to_owned();
        self.documents.push(Document {
            kind,
            id: id.clone(),
            parent,
            unique_name,
            enabled,
            body,
        });
        Ok(id)
    }

    /// The id of a thing by its name.
    pub(crate) fn find(&self, kind: Kind, parent: &str, name: &str) -> Option<String> {
        let position = self
            .by_name
            .get(&(kind, parent.to_owned(), name.to_owned()))?;
        self.documents
            .get(*position)
            .map(|document| document.id.clone())
    }

    /// Whether there is a thing of this id.
    pub(crate) fn has_id(&self, kind: Kind, id: &str) -> bool {
        self.by_id.contains_key(&(kind, id.to_owned()))
    }

    /// The body of a thing, to change it; its name and id must stay.
    pub(crate) fn body_mut(&mut self, kind: Kind, id: &str) -> Option<&mut Json> {
        let position = self.by_id.get(&(kind, id.to_owned()))?;
        self.documents
            .get_mut(*position)
            .map(|document| &mut document.body)
    }

    /// All documents of a kind.
    pub(crate) fn of_kind(&self, kind: Kind) -> impl Iterator<Item = &Document> {
        self.documents
            .iter()
            .filter(move |document| document.kind == kind)
    }

    pub(crate) fn link(&mut self, kind: LinkKind, from: &str, to: &str) {
        self.links.insert(Link {
            kind,
            from: from.to_owned(),
            to: to.to_owned(),
        });
    }

    pub(crate) fn unlink(&mut self, kind: LinkKind, from: &str, to: &str) {
        self.links.remove(&Link {
            kind,
            from: from.to_owned(),
            to: to.to_owned(),
        });
    }

    /// What is linked from a thing.
    pub(crate) fn linked(&self, kind: LinkKind, from: &str) -> Vec<String> {
        let first = Link {
            kind,
            from: from.to_owned(),
            to: String::new(),
        };
        let linked = self.links.range(first..);
        let linked = linked.take_while(|link| link.kind == kind && link.from == from);
        linked.map(|link| link.to.clone()).collect()
    }

    /// Adds a realm role (parent `""`) or client role that a file only mentions, as Keycloak does.
    pub(crate) fn role_or_new(
        &mut self,
        parent: &str,
        name: &str,
        at: &At<'_>,
    ) -> Result<String, ImportError> {
        let name = name.trim();
        if name.is_empty() {
            return Err(at.invalid("a role needs a name"));
        }
        if let Some(id) = self.find(Kind::Role, parent, name) {
            return Ok(id);
        }
        let body = Json::from_iter([
            ("name".to_owned(), json!(name)),
            ("attributes".to_owned(), json!({})),
        ]);
        self.add(
            &Place {
                kind: Kind::Role,
                parent,
                name,
            },
            body,
            at,
        )
    }

    /// The internal id of a client by its `clientId`.
    pub(crate) fn client(&self, client_id: &str, at: &At<'_>) -> Result<String, ImportError> {
        self.find(Kind::Client, "", client_id)
            .ok_or_else(|| at.invalid(format!("there is no client `{client_id}`")))
    }

    /// Gives away what was put together.
    pub(crate) fn finish(self) -> (Vec<Document>, Vec<Link>, Vec<String>) {
        debug_assert!(self.no_dangling_links(), "links lead to documents");
        (
            self.documents,
            self.links.into_iter().collect(),
            self.warnings,
        )
    }

    fn no_dangling_links(&self) -> bool {
        let ids: HashSet<&str> = self.documents.iter().map(|doc| doc.id.as_str()).collect();
        self.links.iter().all(|link| ids.contains(link.to.as_str()))
    }
}

/// The member of a body that holds its id; required actions show none.
const fn id_field(kind: Kind) -> Option<&'static str> {
    match kind {
        Kind::IdentityProvider => Some("internalId"),
        Kind::RequiredAction => None,
        Kind::Client
        | Kind::ClientScope
        | Kind::Role
        | Kind::Group
        | Kind::OrganizationGroup
        | Kind::Component
        | Kind::Flow
        | Kind::AuthenticatorConfig
        | Kind::IdentityProviderMapper => Some("id"),
        Kind::SignalStream => Some("stream_id"),
    }
}
