//! Who was asked to join an organization, and has not answered.

use claviger_model::{Millis, OrganizationId, RealmId};

use crate::built::Built;
use crate::error::StoreError;
use crate::row::Row;
use crate::statement::statements;
use crate::tx::Tx;
use crate::value::params;
use crate::{Store, escape_like};

statements! {
    /// One invitation.
    ORGANIZATION_INVITATION = "SELECT id, organization_id, email, first_name, last_name, \
        created_at, expires_at FROM organization_invitation WHERE realm_id = $1 AND id = $2";
    /// A new invitation.
    ORGANIZATION_INVITATION_INSERT = "INSERT INTO organization_invitation (realm_id, id, \
        organization_id, email, email_lower, first_name, first_name_lower, last_name, \
        last_name_lower, created_at, expires_at) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";
    /// The end of an invitation.
    ORGANIZATION_INVITATION_DELETE = "DELETE FROM organization_invitation \
        WHERE realm_id = $1 AND id = $2";
}

/// An invitation to join an organization.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invitation {
    /// UUID text.
    pub id: String,
    /// The organization.
    pub organization: OrganizationId,
    /// Where it was sent.
    pub email: String,
    /// The first name of whoever was invited.
    pub first_name: Option<String>,
    /// The last name of whoever was invited.
    pub last_name: Option<String>,
    /// When it was sent.
    pub created_at: Millis,
    /// Until when it can be taken.
    pub expires_at: Millis,
}

/// Which invitations are asked for. What is not named is not filtered.
#[derive(Clone, Debug, Default)]
pub struct InvitationQuery {
    /// Part of the mail address, the first or the last name; `*` stands for anything.
    pub search: Option<String>,
    /// The mail address, in capitals or not.
    pub email: Option<String>,
    /// The first name, in capitals or not.
    pub first_name: Option<String>,
    /// The last name, in capitals or not.
    pub last_name: Option<String>,
    /// Only those that can still be taken at a time, or cannot.
    pub pending: Option<(bool, Millis)>,
    /// How many to leave out at the beginning.
    pub first: i64,
    /// How many at most; negative: all, up to [`crate::MAX_PAGE`].
    pub max: i64,
}

impl InvitationQuery {
    fn page(&self, realm: &RealmId, organization: &OrganizationId) -> Built {
        let mut built = Built::new(
            "SELECT id, organization_id, email, first_name, last_name, created_at, expires_at \
             FROM organization_invitation",
        );
        let whose = [realm.into(), organization.into()];
        built.filter(" WHERE realm_id = ? AND organization_id = ?", whose);
        for (text, piece) in [
            (&self.email, " AND email_lower = ?"),
            (&self.first_name, " AND first_name_lower = ?"),
            (&self.last_name, " AND last_name_lower = ?"),
        ] {
            if let Some(text) = text {
                built.filter(piece, [text.to_lowercase().into()]);
            }
        }
        match self.pending {
            Some((true, now)) => built.filter(" AND expires_at >= ?", [now.into()]),
            Some((false, now)) => built.filter(" AND expires_at < ?", [now.into()]),
            None => {}
        }
        if let Some(search) = &self.search {
            let lower = escape_like(&search.to_lowercase()).replace('*', "%");
            built.like(
                " AND (email_lower LIKE ? ESCAPE '!' OR first_name_lower LIKE ? ESCAPE '!' \
                 OR last_name_lower LIKE ? ESCAPE '!')",
                &format!("%{lower}%"),
            );
        }
        built.page(" ORDER BY id", self.first, self.max);
        built
    }
}

fn invitation(row: &mut Row) -> Result<Invitation, StoreError> {
    Ok(Invitation {
        id: row.text("id")?,
        organization: row.id("organization_id")?,
        email: row.text("email")?,
        first_name: row.opt_text("first_name")?,
        last_name: row.opt_text("last_name")?,
        created_at: row.millis("created_at")?,
        expires_at: row.millis("expires_at")?,
    })
}

impl Store {
    /// The invitation of this id, to whichever organization.
    pub async fn invitation(
        &self,
        realm: &RealmId,
        id: &str,
    ) -> Result<Option<Invitation>, StoreError> {
        let asked = self.query(&ORGANIZATION_INVITATION).bind(realm).bind(id);
        asked.optional(invitation).await
    }

    /// The invitations to an organization that fit, by id, one page of them.
    pub async fn invitations(
        &self,
        realm: &RealmId,
        organization: &OrganizationId,
        query: &InvitationQuery,
    ) -> Result<Vec<Invitation>, StoreError> {
        let built = query.page(realm, organization);
        let asked = built.query(self, "ORGANIZATION_INVITATIONS");
        asked.all(invitation).await
    }
}

impl Tx {
    /// A new invitation.
    pub fn insert_invitation(&mut self, realm: &RealmId, invitation: &Invitation) {
        let lower = |text: &Option<String>| text.as_deref().map(str::to_lowercase);
        self.push(
            &ORGANIZATION_INVITATION_INSERT,
            params![
                realm,
                &invitation.id,
                &invitation.organization,
                &invitation.email,
                invitation.email.to_lowercase(),
                invitation.first_name.as_deref(),
                lower(&invitation.first_name),
                invitation.last_name.as_deref(),
                lower(&invitation.last_name),
                invitation.created_at,
                invitation.expires_at,
            ],
        )
        .touching(1);
    }

    /// Ends an invitation, which must be there.
    pub fn delete_invitation(&mut self, realm: &RealmId, id: &str) {
        self.push(&ORGANIZATION_INVITATION_DELETE, params![realm, id])
            .touching(1);
    }
}
