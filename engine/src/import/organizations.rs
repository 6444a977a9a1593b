//! Organizations: kept as they come, for exports to give back.

use std::collections::HashSet;

use claviger_store::Kept;
use claviger_wire::document::Json;
use serde_json::json;

use super::KeptPart;
use super::assembly::Assembly;
use super::problem::{At, ImportError};
use super::shape::{each, text};

/// Longest id and name.
const MAX_NAME: usize = 255;

/// Reads the organizations of a file; each has a name that no other has.
pub(crate) fn read(assembly: &mut Assembly<'_>, file: &Json) -> Result<Vec<KeptPart>, ImportError> {
    let list_at = At::Root.key("organizations");
    let (mut ids, mut names) = (HashSet::new(), HashSet::new());
    let mut all = Vec::new();
    for (index, organization) in each(file, "organizations") {
        let at = list_at.index(index);
        let Some(name) = text(organization, "name") else {
            return Err(at.key("name").invalid("an organization needs a name"));
        };
        let id = text(organization, "id").map_or_else(|| assembly.random.uuid(), str::to_owned);
        for (member, value) in [("id", id.as_str()), ("name", name)] {
            if value.chars().count() > MAX_NAME {
                let problem = format!("has at most {MAX_NAME} characters");
                return Err(at.key(member).invalid(problem));
            }
        }
        if !ids.insert(id.clone()) {
            return Err(at.key("id").conflict("there are two of this id"));
        }
        if !names.insert(name) {
            return Err(at.key("name").conflict("there are two of this name"));
        }
        let mut body = Json::from_iter([("id".to_owned(), json!(id))]);
        let mut rest = organization.clone();
        rest.shift_remove("id");
        body.append(&mut rest);
        all.push(KeptPart {
            kind: Kept::Organization,
            id,
            body,
        });
    }
    Ok(all)
}
