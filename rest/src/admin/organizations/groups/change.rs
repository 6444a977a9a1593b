//! Groups within an organization: made, moved, changed and deleted with all below them.

use axum::http::{HeaderValue, StatusCode, header};
use claviger_store::{Commit, Tx};
use claviger_surface::Answer;
use claviger_wire::document::{Document, Json, Kind};
use claviger_wire::fields::Fields;

use super::forest::{Forest, Look};
use super::{group, record};
use crate::admin::groups::MAX_DEPTH;
use crate::admin::groups::change;
use crate::admin::organizations::organization;
use crate::call::{AdminCall, no_content};
use crate::problem::{Problem, done};

/// A group that is made, or moved, below another or to the top.
struct Placed {
    document: Document,
    is_new: bool,
}

/// Places what was sent below a parent: a new group, or the one whose id was sent.
async fn place(
    call: &AdminCall,
    forest: &Forest,
    (sent, parent): (&Json, &str),
    nobody: &str,
) -> Result<Placed, Problem> {
    let Some(id) = Fields::of(sent).text("id") else {
        refuse_depth(forest, parent, 1)?;
        let mut document = change::new(sent, &call.app.random.uuid(), parent)?;
        document.kind = Kind::OrganizationGroup;
        return Ok(Placed {
            document,
            is_new: true,
        });
    };
    let Some(found) = forest.get(&id) else {
        return Err(foreign(call, &id, nobody).await?);
    };
    if forest.line(parent).iter().any(|above| above.id == id) {
        return Err(Problem::bad_request("A group cannot be moved below itself"));
    }
    let depths = forest.tree(&id).into_iter();
    let deepest = depths.map(|below| forest.line(&below.id).len()).max();
    let height = deepest.unwrap_or(1).saturating_sub(forest.line(&id).len());
    refuse_depth(forest, parent, height + 1)?;
    Ok(Placed {
        document: Document {
            parent: parent.to_owned(),
            ..found.clone()
        },
        is_new: false,
    })
}

fn refuse_depth(forest: &Forest, parent: &str, height: usize) -> Result<(), Problem> {
    if forest.line(parent).len() + height <= MAX_DEPTH {
        return Ok(());
    }
    let text = format!("Groups may be {MAX_DEPTH} deep at most");
    Err(Problem::bad_request(&text))
}

/// Why a group that is none of the organization's cannot be moved.
async fn foreign(call: &AdminCall, id: &str, nobody: &str) -> Result<Problem, Problem> {
    let (store, realm) = (&call.app.store, &call.realm.id);
    if store.document(realm, Kind::Group, id).await?.is_some() {
        return Ok(Problem::bad_request("Can only move organization groups"));
    }
    let other = store.document(realm, Kind::OrganizationGroup, id).await?;
    Ok(match other {
        Some(_) => Problem::bad_request("Group does not belong to this organization"),
        None => Problem::not_found(nobody),
    })
}

async fn write(
    call: &AdminCall,
    forest: &Forest,
    placed: &Placed,
    (sent, taken): (&Json, &str),
) -> Result<(), Problem> {
    let Placed { document, is_new } = placed;
    let (realm, mut tx) = (&call.realm.id, Tx::new());
    if *is_new {
        tx.insert_organization_group(realm, &forest.organization.id, document);
    } else {
        tx.update_document(realm, document);
    }
    let operation = if *is_new { "CREATE" } else { "UPDATE" };
    let told = change::told(sent, Some(&document.id));
    record(call, &mut tx, operation, Some(&told));
    match call.app.commit(tx).await? {
        Commit::Conflict(_) => Err(Problem::conflict(taken)),
        other @ (Commit::Done | Commit::Missed(_)) => done(other),
    }
}

/// `201` with the group that was made.
async fn made(
    call: &AdminCall,
    forest: Forest,
    document: Document,
    brief: bool,
) -> Result<Answer, Problem> {
    let forest = forest.with(document.clone());
    let look = Look {
        brief,
        counts: false,
    };
    let shown = forest.show(call, &document, look).await?;
    let json = HeaderValue::from_static("application/json");
    let answer = Answer::json(StatusCode::CREATED, &shown).with(header::CONTENT_TYPE, json);
    Ok(answer.with_text(header::LOCATION, &call.address_below(&document.id)))
}

pub(super) async fn create_top(call: AdminCall) -> Result<Answer, Problem> {
    let forest = Forest::of(&call, organization(&call).await?).await?;
    let sent = call.json("GroupRepresentation")?;
    change::name(&sent)?;
    let parent = forest.organization.id.as_str();
    let nobody = "Could not find group by id";
    let placed = place(&call, &forest, (&sent, parent), nobody).await?;
    let taken = "Group with the given name already exists.";
    write(&call, &forest, &placed, (&sent, taken)).await?;
    if placed.is_new {
        return made(&call, forest, placed.document, true).await;
    }
    Ok(no_content())
}

/// Of a new group below another the name alone counts, as at Keycloak.
pub(super) async fn create_below(call: AdminCall) -> Result<Answer, Problem> {
    let (forest, parent) = group(&call).await?;
    let sent = call.json("GroupRepresentation")?;
    change::name(&sent)?;
    let nobody = "Could not find child by id";
    let mut placed = place(&call, &forest, (&sent, &parent.id), nobody).await?;
    if placed.is_new {
        let named = [(
            "name".to_owned(),
            placed.document.unique_name.clone().into(),
        )];
        let named = Json::from_iter(named);
        let mut document = change::new(&named, &placed.document.id, &parent.id)?;
        document.kind = Kind::OrganizationGroup;
        placed.document = document;
    }
    let taken = "Sibling group with the given name already exists";
    write(&call, &forest, &placed, (&sent, taken)).await?;
    if placed.is_new {
        let answer = made(&call, forest, placed.document, false).await?;
        return Ok(answer.no_cache());
    }
    Ok(no_content().no_cache())
}

pub(super) async fn update(call: AdminCall) -> Result<Answer, Problem> {
    let (_, group) = group(&call).await?;
    let sent = call.json("GroupRepresentation")?;
    let document = change::changed(&group, &sent)?;
    let mut tx = Tx::new();
    tx.update_document(&call.realm.id, &document);
    record(&call, &mut tx, "UPDATE", Some(&change::told(&sent, None)));
    match call.app.commit(tx).await? {
        Commit::Conflict(_) => Err(Problem::duplicate()),
        other @ (Commit::Done | Commit::Missed(_)) => done(other).map(|()| no_content()),
    }
}

pub(super) async fn delete(call: AdminCall) -> Result<Answer, Problem> {
    let (forest, group) = group(&call).await?;
    let (realm, mut tx) = (&call.realm.id, Tx::new());
    for group in forest.tree(&group.id) {
        tx.delete_document(realm, Kind::OrganizationGroup, &group.id);
    }
    record(&call, &mut tx, "DELETE", None);
    done(call.app.commit(tx).await?)?;
    Ok(no_content())
}
