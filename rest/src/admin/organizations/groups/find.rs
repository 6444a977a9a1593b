//! Lists of groups: the top ones, those below one, those that a search means.

use claviger_surface::Answer;
use claviger_wire::Organization;
use claviger_wire::document::{Document, Json};
use claviger_wire::fields::Fields;

use super::forest::{Forest, Look};
use super::group;
use crate::admin::groups::change::name_matches;
use crate::admin::groups::hierarchy::{Line, trees};
use crate::admin::organizations::organization;
use crate::admin::paging::Page;
use crate::admin::users::query::attributes;
use crate::call::{AdminCall, read_out};
use crate::problem::Problem;

/// How many groups below one a list shows if nobody says.
const CHILDREN: i64 = 10;

/// Whether a name begins with a text; `*` stands for anything.
pub(super) fn name_begins(name: &str, search: &str) -> bool {
    let (name, search) = (name.to_lowercase(), search.to_lowercase());
    let (first, more) = search.split_once('*').unwrap_or((&search, ""));
    let rest = name.strip_prefix(first);
    rest.is_some_and(|rest| name_matches(rest, more))
}

fn has_attributes(group: &Document, wanted: &[(String, String)]) -> bool {
    let attributes = Fields::of(&group.body).texts_map("attributes");
    let has = |(name, value): &(String, String)| {
        let values = attributes.get(name).into_iter().flatten();
        name.is_empty()
            || values
                .map(|known| known.to_lowercase())
                .any(|known| known == value.to_lowercase())
    };
    wanted.iter().all(has)
}

/// What the query of a list means. `q` counts more than `search`.
fn found<'a>(call: &AdminCall, forest: &'a Forest) -> Vec<&'a Document> {
    if let Some(query) = call.query.get("q") {
        let wanted = attributes(query);
        let all = forest.groups.iter();
        return all.filter(|group| has_attributes(group, &wanted)).collect();
    }
    let Some(search) = call.query.get("search").map(str::trim) else {
        return forest.top().collect();
    };
    let exact = call.flag("exact").unwrap_or(false);
    let fits = |group: &&Document| {
        if exact {
            group.unique_name == search
        } else {
            name_begins(&group.unique_name, search)
        }
    };
    forest.groups.iter().filter(fits).collect()
}

pub(super) async fn list(call: AdminCall) -> Result<Answer, Problem> {
    let organization = organization(&call).await?;
    let populate = call.flag("populateHierarchy").unwrap_or(false);
    Ok(read_out(&shown(&call, organization, populate).await?))
}

/// The list for whoever maps people of an identity provider to groups.
pub(in crate::admin::organizations) async fn of_provider(
    call: &AdminCall,
    organization: Organization,
) -> Result<Vec<Json>, Problem> {
    shown(call, organization, false).await
}

async fn shown(
    call: &AdminCall,
    organization: Organization,
    populate: bool,
) -> Result<Vec<Json>, Problem> {
    let page = Page::of(call, -1)?;
    let look = Look {
        brief: call.flag("briefRepresentation").unwrap_or(true),
        counts: call.flag("subGroupsCount").unwrap_or(false),
    };
    let forest = Forest::of(call, organization).await?;
    let mut lines = Vec::new();
    for group in page.cut(found(call, &forest)) {
        let mut line = Vec::new();
        let above = forest.line(&group.id);
        let wanted = if populate { above.len() } else { 1 };
        for group in above.into_iter().take(wanted).rev() {
            line.push(forest.show(call, group, look).await?);
        }
        lines.push(Line(line));
    }
    if populate {
        return Ok(trees(lines));
    }
    Ok(lines.into_iter().flat_map(|Line(line)| line).collect())
}

pub(super) async fn children(call: AdminCall) -> Result<Answer, Problem> {
    let page = Page::of(&call, CHILDREN)?;
    let (forest, parent) = group(&call).await?;
    let look = Look {
        brief: true,
        counts: call.flag("subGroupsCount").unwrap_or(false),
    };
    let search = call.query.get("search").unwrap_or_default();
    let exact = call.flag("exact").unwrap_or(false) && !search.is_empty();
    let fits = |group: &&Document| {
        if exact {
            group.unique_name == search
        } else {
            name_matches(&group.unique_name, search)
        }
    };
    let mut shown = Vec::new();
    for group in page.cut(forest.below(&parent.id).filter(fits)) {
        shown.push(forest.show(&call, group, look).await?);
    }
    Ok(read_out(&shown))
}

pub(super) async fn show(call: AdminCall) -> Result<Answer, Problem> {
    let (forest, group) = group(&call).await?;
    let look = Look {
        brief: false,
        counts: call.flag("subGroupsCount").unwrap_or(false),
    };
    Ok(read_out(&forest.show(&call, &group, look).await?))
}

pub(super) async fn at_path(call: AdminCall) -> Result<Answer, Problem> {
    let forest = Forest::of(&call, organization(&call).await?).await?;
    let found = forest.at(call.param("path"));
    let found = found.ok_or_else(|| Problem::not_found("Group path does not exist"))?;
    let look = Look {
        brief: true,
        counts: call.flag("subGroupsCount").unwrap_or(false),
    };
    Ok(read_out(&forest.show(&call, found, look).await?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_search_is_a_beginning() {
        for (name, search, expected) in [
            ("Sub", "", true),
            ("Sub", "su", true),
            ("Sub", "ub", false),
            ("Sub", "*ub", true),
            ("Sub", "s*b", true),
            ("Sub", "s*x", false),
            ("a%b", "a%", true),
            ("axb", "a%", false),
        ] {
            assert_eq!(name_begins(name, search), expected, "{name}: {search}");
        }
    }
}
