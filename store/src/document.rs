//! Configuration: documents in Keycloak's JSON, and the links between them.

use claviger_model::RealmId;
use claviger_wire::document::{Document, Kind, Link, LinkKind};

use crate::built::Built;
use crate::error::StoreError;
use crate::row::Row;
use crate::statement::statements;
use crate::tx::Tx;
use crate::value::params;
use crate::{Store, contains, encode};

statements! {
    /// All documents of a kind.
    DOCUMENTS = "SELECT kind, id, parent, unique_name, enabled, body FROM document \
        WHERE realm_id = $1 AND kind = $2 ORDER BY parent, unique_name";
    /// One document, by id.
    DOCUMENT_BY_ID = "SELECT kind, id, parent, unique_name, enabled, body FROM document \
        WHERE realm_id = $1 AND kind = $2 AND id = $3";
    /// One document, by name.
    DOCUMENT_BY_NAME = "SELECT kind, id, parent, unique_name, enabled, body FROM document \
        WHERE realm_id = $1 AND kind = $2 AND parent = $3 AND unique_name = $4";
    /// The documents below one.
    DOCUMENT_CHILDREN = "SELECT kind, id, parent, unique_name, enabled, body FROM document \
        WHERE realm_id = $1 AND kind = $2 AND parent = $3 ORDER BY unique_name";
    /// A new document.
    DOCUMENT_INSERT = "INSERT INTO document \
        (realm_id, kind, id, parent, unique_name, name_lower, enabled, body) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    /// A changed document.
    DOCUMENT_UPDATE = "UPDATE document SET parent = $1, unique_name = $2, name_lower = $3, \
        enabled = $4, body = $5 WHERE realm_id = $6 AND kind = $7 AND id = $8";
    /// The end of a document.
    DOCUMENT_DELETE = "DELETE FROM document WHERE realm_id = $1 AND kind = $2 AND id = $3";
    /// All links of a kind.
    LINKS = "SELECT kind, from_id, to_id FROM link WHERE realm_id = $1 AND kind = $2 \
        ORDER BY from_id, to_id";
    /// Where the links of a document lead.
    LINKS_FROM = "SELECT to_id FROM link WHERE realm_id = $1 AND kind = $2 AND from_id = $3 \
        ORDER BY to_id";
    /// From where links lead to a document.
    LINKS_TO = "SELECT from_id FROM link WHERE realm_id = $1 AND kind = $2 AND to_id = $3 \
        ORDER BY from_id";
    /// A link, if it is not there.
    LINK_INSERT = "INSERT INTO link (realm_id, kind, from_id, to_id) VALUES ($1, $2, $3, $4) \
        ON CONFLICT (realm_id, kind, from_id, to_id) DO NOTHING";
    /// The end of a link.
    LINK_DELETE = "DELETE FROM link \
        WHERE realm_id = $1 AND kind = $2 AND from_id = $3 AND to_id = $4";
    /// The end of all links of a kind from a document.
    LINK_DELETE_FROM = "DELETE FROM link WHERE realm_id = $1 AND kind = $2 AND from_id = $3";
    /// The end of all links of a kind to a document.
    LINK_DELETE_TO = "DELETE FROM link WHERE realm_id = $1 AND kind = $2 AND to_id = $3";
    /// Nobody has this role any more.
    ROLE_OF_NOBODY = "DELETE FROM user_role WHERE realm_id = $1 AND role_id = $2";
    /// Nobody is in this group any more.
    GROUP_OF_NOBODY = "DELETE FROM user_group WHERE realm_id = $1 AND group_id = $2";
    /// Nobody consents to this client any more.
    CONSENT_OF_NOBODY = "DELETE FROM consent WHERE realm_id = $1 AND client_id = $2";
    /// Nobody is told of by this client's streams any more.
    SUBJECTS_OF_NOBODY = "DELETE FROM signal_subject WHERE realm_id = $1 AND stream_id IN \
        (SELECT id FROM document WHERE realm_id = $2 AND kind = $3 AND parent = $4)";
    /// This client has no streams any more.
    STREAMS_OF_NOBODY = "DELETE FROM document WHERE realm_id = $1 AND kind = $2 AND parent = $3";
    /// Nobody is linked to this identity provider any more.
    PROVIDER_OF_NOBODY = "DELETE FROM federated_identity WHERE realm_id = $1 AND provider IN \
        (SELECT unique_name FROM document WHERE realm_id = $2 AND kind = $3 AND id = $4)";
}

/// The head of a page of documents.
const PAGE: &str = "SELECT kind, id, parent, unique_name, enabled, body FROM document";
/// The head of a count of documents.
const COUNT: &str = "SELECT COUNT(*) AS n FROM document";

/// Which documents a page holds.
#[derive(Clone, Copy, Debug, Default)]
pub struct DocumentFilter<'a> {
    /// Only those below this one; `Some("")` for those at the top.
    pub parent: Option<&'a str>,
    /// Only those whose `unique_name` has this text in it, in capitals or not.
    pub name_contains: Option<&'a str>,
}

pub(crate) fn document(row: &mut Row) -> Result<Document, StoreError> {
    Ok(Document {
        kind: row.parsed("kind")?,
        id: row.text("id")?,
        parent: row.text("parent")?,
        unique_name: row.text("unique_name")?,
        enabled: row.flag("enabled")?,
        body: row.json("body")?,
    })
}

fn filtered(head: &str, realm: &RealmId, kind: Kind, filter: DocumentFilter<'_>) -> Built {
    let mut built = Built::new(head);
    built.filter(" WHERE realm_id = ?", [realm.into()]);
    built.filter(" AND kind = ?", [kind.as_str().into()]);
    if let Some(parent) = filter.parent {
        built.filter(" AND parent = ?", [parent.into()]);
    }
    if let Some(text) = filter.name_contains {
        built.like(" AND name_lower LIKE ? ESCAPE '!'", &contains(text));
    }
    built
}

impl Store {
    /// All documents of a kind, by parent and name.
    pub async fn documents(
        &self,
        realm: &RealmId,
        kind: Kind,
    ) -> Result<Vec<Document>, StoreError> {
        self.query(&DOCUMENTS)
            .bind(realm)
            .bind(kind.as_str())
            .all(document)
            .await
    }

    /// The document of this id.
    pub async fn document(
        &self,
        realm: &RealmId,
        kind: Kind,
        id: &str,
    ) -> Result<Option<Document>, StoreError> {
        self.query(&DOCUMENT_BY_ID)
            .bind(realm)
            .bind(kind.as_str())
            .bind(id)
            .optional(document)
            .await
    }

    /// The document of this name below `parent`.
    pub async fn document_by_name(
        &self,
        realm: &RealmId,
        kind: Kind,
        parent: &str,
        unique_name: &str,
    ) -> Result<Option<Document>, StoreError> {
        self.query(&DOCUMENT_BY_NAME)
            .bind(realm)
            .bind(kind.as_str())
            .bind(parent)
            .bind(unique_name)
            .optional(document)
            .await
    }

    /// All documents of a kind below `parent`, by name.
    pub async fn children(
        &self,
        realm: &RealmId,
        kind: Kind,
        parent: &str,
    ) -> Result<Vec<Document>, StoreError> {
        self.query(&DOCUMENT_CHILDREN)
            .bind(realm)
            .bind(kind.as_str())
            .bind(parent)
            .all(document)
            .await
    }

    /// A page of documents of a kind, by name. A negative `max` asks for all.
    pub async fn documents_page(
        &self,
        realm: &RealmId,
        kind: Kind,
        filter: DocumentFilter<'_>,
        first: i64,
        max: i64,
    ) -> Result<Vec<Document>, StoreError> {
        let mut built = filtered(PAGE, realm, kind, filter);
        built.page(" ORDER BY unique_name, id", first, max);
        built.query(self, "DOCUMENTS_PAGE").all(document).await
    }

    /// How many documents [`Store::documents_page`] would find in all.
    pub async fn count_documents(
        &self,
        realm: &RealmId,
        kind: Kind,
        filter: DocumentFilter<'_>,
    ) -> Result<i64, StoreError> {
        filtered(COUNT, realm, kind, filter)
            .query(self, "DOCUMENTS_COUNT")
            .one(|row| row.int("n"))
            .await
    }

    /// All links of a kind.
    pub async fn links(&self, realm: &RealmId, kind: LinkKind) -> Result<Vec<Link>, StoreError> {
        let link = |row: &mut Row| {
            Ok(Link {
                kind,
                from: row.text("from_id")?,
                to: row.text("to_id")?,
            })
        };
        self.query(&LINKS)
            .bind(realm)
            .bind(kind.as_str())
            .all(link)
            .await
    }

    /// Where the links of a kind from `from` lead, in the order of the ids.
    pub async fn links_from(
        &self,
        realm: &RealmId,
        kind: LinkKind,
        from: &str,
    ) -> Result<Vec<String>, StoreError> {
        self.query(&LINKS_FROM)
            .bind(realm)
            .bind(kind.as_str())
            .bind(from)
            .all(|row| row.text("to_id"))
            .await
    }

    /// From where links of a kind lead to `to`, in the order of the ids.
    pub async fn links_to(
        &self,
        realm: &RealmId,
        kind: LinkKind,
        to: &str,
    ) -> Result<Vec<String>, StoreError> {
        self.query(&LINKS_TO)
            .bind(realm)
            .bind(kind.as_str())
            .bind(to)
            .all(|row| row.text("from_id"))
            .await
    }
}

impl Tx {
    /// A new document. [`crate::Commit::Conflict`] if its id or its name is taken.
    pub fn insert_document(&mut self, realm: &RealmId, document: &Document) {
        self.touch(realm);
        self.push(
            &DOCUMENT_INSERT,
            params![
                realm,
                document.kind.as_str(),
                &document.id,
                &document.parent,
                &document.unique_name,
                document.unique_name.to_lowercase(),
                document.enabled,
                encode(&document.body),
            ],
        )
        .touching(1);
    }

    /// Replaces everything of a document but its kind and id, which must be there.
    pub fn update_document(&mut self, realm: &RealmId, document: &Document) {
        self.touch(realm);
        self.push(
            &DOCUMENT_UPDATE,
            params![
                &document.parent,
                &document.unique_name,
                document.unique_name.to_lowercase(),
                document.enabled,
                encode(&document.body),
                realm,
                document.kind.as_str(),
                &document.id,
            ],
        )
        .touching(1);
    }

    /// Ends a document, which must be there, with its links both ways, and with what users have of
    /// it: roles, memberships, consents, identities. Documents below it are the caller's to delete.
    pub fn delete_document(&mut self, realm: &RealmId, kind: Kind, id: &str) {
        self.touch(realm);
        if kind == Kind::IdentityProvider {
            // People are linked to its alias, which only the document knows.
            self.push(
                &PROVIDER_OF_NOBODY,
                params![realm, realm, kind.as_str(), id],
            );
        }
        self.push(&DOCUMENT_DELETE, params![realm, kind.as_str(), id])
            .touching(1);
        let (from, to) = links_of(kind);
        for link in from {
            self.push(&LINK_DELETE_FROM, params![realm, link.as_str(), id]);
        }
        for link in to {
            self.push(&LINK_DELETE_TO, params![realm, link.as_str(), id]);
        }
        match kind {
            Kind::Role => drop(self.push(&ROLE_OF_NOBODY, params![realm, id])),
            Kind::Group => drop(self.push(&GROUP_OF_NOBODY, params![realm, id])),
            Kind::OrganizationGroup => {
                let nobody = &crate::organization_member::ORGANIZATION_GROUP_OF_NOBODY;
                self.push(nobody, params![realm, id]);
            }
            Kind::Client => {
                let streams = Kind::SignalStream.as_str();
                self.push(&CONSENT_OF_NOBODY, params![realm, id]);
                self.push(&SUBJECTS_OF_NOBODY, params![realm, realm, streams, id]);
                self.push(&STREAMS_OF_NOBODY, params![realm, streams, id]);
            }
            Kind::ClientScope
            | Kind::Component
            | Kind::Flow
            | Kind::AuthenticatorConfig
            | Kind::RequiredAction
            | Kind::IdentityProvider
            | Kind::IdentityProviderMapper
            | Kind::SignalStream => {}
        }
    }

    /// Links two documents; nothing happens if they are linked.
    pub fn insert_link(&mut self, realm: &RealmId, link: &Link) {
        self.touch(realm);
        self.push(
            &LINK_INSERT,
            params![realm, link.kind.as_str(), &link.from, &link.to],
        );
    }

    /// Ends a link; nothing happens if there is none.
    pub fn delete_link(&mut self, realm: &RealmId, link: &Link) {
        self.touch(realm);
        self.push(
            &LINK_DELETE,
            params![realm, link.kind.as_str(), &link.from, &link.to],
        );
    }

    /// Ends all links of a kind from `from`.
    pub fn delete_links_from(&mut self, realm: &RealmId, kind: LinkKind, from: &str) {
        self.touch(realm);
        self.push(&LINK_DELETE_FROM, params![realm, kind.as_str(), from]);
    }
}

/// The links that can start, and those that can end, at a document of this kind.
const fn links_of(kind: Kind) -> (&'static [LinkKind], &'static [LinkKind]) {
    use LinkKind::{
        Composite, DefaultGroup, DefaultScope, GroupRole, OptionalScope, OrganizationGroup,
        RealmDefaultScope, RealmOptionalScope, ScopeMapping,
    };
    match kind {
        Kind::Client => (&[ScopeMapping, DefaultScope, OptionalScope], &[]),
        Kind::ClientScope => (
            &[ScopeMapping],
            &[
                DefaultScope,
                OptionalScope,
                RealmDefaultScope,
                RealmOptionalScope,
            ],
        ),
        Kind::Role => (&[Composite], &[Composite, GroupRole, ScopeMapping]),
        Kind::Group => (&[GroupRole], &[DefaultGroup]),
        Kind::OrganizationGroup => (&[GroupRole], &[OrganizationGroup]),
        Kind::Component
        | Kind::Flow
        | Kind::AuthenticatorConfig
        | Kind::RequiredAction
        | Kind::IdentityProvider
        | Kind::IdentityProviderMapper
        | Kind::SignalStream => (&[], &[]),
    }
}
