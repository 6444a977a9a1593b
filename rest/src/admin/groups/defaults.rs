//! Groups that new users join.

use claviger_model::GroupId;
use claviger_store::Tx;
use claviger_surface::Answer;
use claviger_wire::document::{Link, LinkKind};

use crate::admin::users::groups::show;
use crate::call::{AdminCall, Resource, no_content, read_out};
use crate::guard::Right;
use crate::problem::{Problem, done};

pub(super) async fn list(call: AdminCall) -> Result<Answer, Problem> {
    let mut shown = Vec::new();
    if call
        .admin
        .may(&call.realm, &[Right::ViewUsers, Right::ManageUsers])
        .await?
    {
        let (store, realm) = (&call.app.store, &call.realm.id);
        for id in store
            .links_from(realm, LinkKind::DefaultGroup, realm.as_str())
            .await?
        {
            shown.extend(show(&call, &GroupId::new(id), true).await?);
        }
    }
    Ok(read_out(&shown))
}

async fn link(call: &AdminCall) -> Result<Link, Problem> {
    let id = GroupId::new(call.param("group"));
    let found = call.realm.group(&id).await?;
    let group = found.ok_or_else(|| Problem::not_found("Group not found"))?;
    let (from, to) = (
        call.realm.id.as_str().to_owned(),
        group.id.as_str().to_owned(),
    );
    Ok(Link {
        kind: LinkKind::DefaultGroup,
        from,
        to,
    })
}

async fn finish(call: &AdminCall, mut tx: Tx, operation: &'static str) -> Result<Answer, Problem> {
    let path = call.resource_path();
    let resource = Resource {
        operation,
        kind: "GROUP",
        path: Some(&path),
    };
    call.record(&mut tx, resource, None);
    done(call.app.commit(tx).await?)?;
    Ok(no_content().no_cache())
}

pub(super) async fn add(call: AdminCall) -> Result<Answer, Problem> {
    let mut tx = Tx::new();
    tx.insert_link(&call.realm.id, &link(&call).await?);
    finish(&call, tx, "CREATE").await
}

pub(super) async fn remove(call: AdminCall) -> Result<Answer, Problem> {
    let mut tx = Tx::new();
    tx.delete_link(&call.realm.id, &link(&call).await?);
    finish(&call, tx, "DELETE").await
}
