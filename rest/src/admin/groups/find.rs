//! Lists of groups: the top ones, those below one, those that a search means.

use claviger_model::GroupId;
use claviger_store::DocumentFilter;
use claviger_surface::Answer;
use claviger_wire::document::{Document, Json, Kind};
use serde_json::json;

use super::change::{has_attributes, name_matches};
use super::group;
use super::hierarchy::{Line, trees};
use super::view::Showing;
use crate::admin::paging::Page;
use crate::admin::users::query::attributes;
use crate::call::{AdminCall, read_out};
use crate::problem::Problem;

/// How many groups below one a list shows if nobody says.
const CHILDREN: i64 = 10;

/// The documents that a query means, by name.
async fn found(call: &AdminCall) -> Result<Vec<Document>, Problem> {
    let (store, realm) = (&call.app.store, &call.realm.id);
    let page = Page::of(call, -1)?;
    let some = |filter| store.documents_page(realm, Kind::Group, filter, page.first, page.max);
    if let Some(query) = call.query.get("q") {
        let wanted = attributes(query);
        return chosen(call, page, |group| has_attributes(group, &wanted)).await;
    }
    let Some(search) = call.query.get("search").map(str::trim) else {
        let top = DocumentFilter {
            parent: Some(""),
            name_contains: None,
        };
        return Ok(some(top).await?);
    };
    if call.flag("exact").unwrap_or(false) {
        return chosen(call, page, |group| group.unique_name == search).await;
    }
    if search.contains('*') {
        return chosen(call, page, |group| name_matches(&group.unique_name, search)).await;
    }
    Ok(some(DocumentFilter {
        parent: None,
        name_contains: Some(search),
    })
    .await?)
}

/// What the database cannot choose is chosen here, of all groups.
async fn chosen(
    call: &AdminCall,
    page: Page,
    passes: impl Fn(&Document) -> bool,
) -> Result<Vec<Document>, Problem> {
    let mut all = call
        .app
        .store
        .documents(&call.realm.id, Kind::Group)
        .await?;
    all.retain(passes);
    all.sort_by(|one, two| one.unique_name.cmp(&two.unique_name));
    Ok(page.cut(all).collect())
}

pub(super) async fn list(call: AdminCall) -> Result<Answer, Problem> {
    let showing = Showing {
        brief: call.flag("briefRepresentation").unwrap_or(true),
        counts: call.flag("subGroupsCount").unwrap_or(true),
        ..Showing::of(&call).await?
    };
    let found = found(&call).await?;
    if !showing.view {
        return Ok(read_out(&Vec::<Json>::new()));
    }
    let populate = call.flag("populateHierarchy").unwrap_or(true);
    let mut lines = Vec::with_capacity(found.len());
    for document in found {
        lines.push(line(&call, &showing, &GroupId::new(document.id), populate).await?);
    }
    if populate {
        return Ok(read_out(&trees(lines)));
    }
    let flat: Vec<Json> = lines.into_iter().flat_map(|Line(line)| line).collect();
    Ok(read_out(&flat))
}

/// A group, with those above it if they are wanted.
async fn line(
    call: &AdminCall,
    showing: &Showing,
    id: &GroupId,
    with_parents: bool,
) -> Result<Line, Problem> {
    let mut line = Vec::new();
    if with_parents {
        for group in call.realm.group_line(id).await?.iter().rev() {
            line.extend(showing.one(call, &group.id).await?);
        }
    } else {
        line.extend(showing.one(call, id).await?);
    }
    Ok(Line(line))
}

pub(super) async fn count(call: AdminCall) -> Result<Answer, Problem> {
    let top = call.flag("top").unwrap_or(false);
    let (store, realm) = (&call.app.store, &call.realm.id);
    let count = match call.query.get("search") {
        Some(search) if search.contains('*') => {
            let all = store.documents(realm, Kind::Group).await?;
            let found = all
                .iter()
                .filter(|group| name_matches(&group.unique_name, search));
            i64::try_from(found.count()).unwrap_or(i64::MAX)
        }
        search => {
            let parent = (top && search.is_none()).then_some("");
            let filter = DocumentFilter {
                parent,
                name_contains: search,
            };
            store.count_documents(realm, Kind::Group, filter).await?
        }
    };
    Ok(read_out(&json!({"count": count})))
}

pub(super) async fn children(call: AdminCall) -> Result<Answer, Problem> {
    let page = Page::of(&call, CHILDREN)?;
    let parent = group(&call).await?;
    let showing = Showing {
        brief: call.flag("briefRepresentation").unwrap_or(false),
        counts: call.flag("subGroupsCount").unwrap_or(true),
        ..Showing::of(&call).await?
    };
    let store = &call.app.store;
    let mut below = store
        .children(&call.realm.id, Kind::Group, &parent.id)
        .await?;
    if let Some(search) = call.query.get("search") {
        let exact = call.flag("exact").unwrap_or(false);
        below.retain(|group| {
            let name = &group.unique_name;
            if exact {
                name == search
            } else {
                name_matches(name, search)
            }
        });
    }
    let mut shown = Vec::new();
    for document in page.cut(below) {
        shown.extend(showing.one(&call, &GroupId::new(document.id)).await?);
    }
    Ok(read_out(&shown))
}

pub(super) async fn show(call: AdminCall) -> Result<Answer, Problem> {
    let id = GroupId::new(call.param("group"));
    match Showing::of(&call).await?.chosen(&call, &id).await? {
        Some(shown) => Ok(read_out(&shown)),
        None => Err(super::unknown(&call, id.as_str()).await?),
    }
}

/// The group at a path. What the administrator may do with it is not told here.
pub(super) async fn at_path(call: AdminCall) -> Result<Answer, Problem> {
    let missing = || Problem::not_found("Group path does not exist");
    let path = call.param("path");
    let found = crate::admin::users::groups::by_path(&call, path).await?;
    let showing = Showing::of(&call).await?;
    let mut shown = match found {
        Some(id) => showing.one(&call, &id).await?.ok_or_else(missing)?,
        None => return Err(missing()),
    };
    shown.shift_remove("access");
    Ok(read_out(&shown))
}
