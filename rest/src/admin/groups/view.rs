//! `GroupRepresentation` with what the administrator may do to the group.

use claviger_model::GroupId;
use claviger_store::DocumentFilter;
use claviger_wire::document::{Json, Kind};
use serde_json::{Value, json};

use crate::admin::users::groups::show;
use crate::call::AdminCall;
use crate::guard::Right;
use crate::problem::Problem;

/// How groups are shown to one administrator.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "independent of each other")]
pub(super) struct Showing {
    /// Whether they see groups at all.
    pub(super) view: bool,
    /// Whether they may change groups.
    pub(super) manage: bool,
    /// Whether they may see clients, and the roles of these.
    pub(super) see_clients: bool,
    /// Without roles and attributes.
    pub(super) brief: bool,
    /// With the number of groups below.
    pub(super) counts: bool,
}

impl Showing {
    /// To the administrator who asks: whole, with counts.
    pub(super) async fn of(call: &AdminCall) -> Result<Self, Problem> {
        let may = |rights: &'static [Right]| call.admin.may(&call.realm, rights);
        let manage = may(&[Right::ManageUsers]).await?;
        Ok(Self {
            view: manage || may(&[Right::ViewUsers]).await?,
            manage,
            see_clients: may(&[Right::ViewClients, Right::ManageClients]).await?,
            brief: false,
            counts: true,
        })
    }

    /// One group; none if it is gone.
    pub(super) async fn one(
        &self,
        call: &AdminCall,
        id: &GroupId,
    ) -> Result<Option<Json>, Problem> {
        let Some(mut shown) = show(call, id, self.brief).await? else {
            return Ok(None);
        };
        shown.insert("access".to_owned(), self.access());
        if self.counts {
            shown.insert(
                "subGroupCount".to_owned(),
                json!(count_below(call, id).await?),
            );
        }
        Ok(Some(shown))
    }

    /// The group that was asked for: roles of clients that the administrator may not see are left
    /// out.
    pub(super) async fn chosen(
        &self,
        call: &AdminCall,
        id: &GroupId,
    ) -> Result<Option<Json>, Problem> {
        let mut shown = self.one(call, id).await?;
        if !self.see_clients
            && let Some(Value::Object(roles)) = shown
                .as_mut()
                .and_then(|shown| shown.get_mut("clientRoles"))
        {
            roles.clear();
        }
        Ok(shown)
    }

    fn access(self) -> Value {
        json!({
            "view": self.view,
            "viewMembers": self.view,
            "manageMembers": self.manage,
            "manage": self.manage,
            "manageMembership": self.manage,
        })
    }
}

/// How many groups are right below one.
pub(super) async fn count_below(call: &AdminCall, id: &GroupId) -> Result<i64, Problem> {
    let filter = DocumentFilter {
        parent: Some(id.as_str()),
        name_contains: None,
    };
    Ok(call
        .app
        .store
        .count_documents(&call.realm.id, Kind::Group, filter)
        .await?)
}
