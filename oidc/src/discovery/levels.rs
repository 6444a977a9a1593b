//! Levels of authentication: the names that a realm gives them, and those that its browser flow
//! asks for (`acr`, OpenID Connect Core §2).

use std::collections::BTreeSet;

use claviger_engine::realm::Realm;
use claviger_store::{Store, StoreError};
use claviger_wire::document::{Json, Kind};
use claviger_wire::flow::{Execution, Step};
use serde_json::Value;

/// The step that runs what follows only for a level.
const CONDITION: &str = "conditional-level-of-authentication";
/// How many flows are looked into: a loop among them ends here.
const FLOWS_MAX: usize = 100;

/// All levels, as `acr` names them: the realm's own names, 0 for a session that only goes on, and
/// the levels of the browser flow, or 1 if it knows none.
pub async fn acr_values(store: &Store, realm: &Realm) -> Result<Vec<String>, StoreError> {
    let map = realm.settings.attributes.get("acr.loa.map");
    let mut values = map.map(|text| names(text)).unwrap_or_default();
    values.push("0".to_owned());
    let conditions = conditions(realm).await?;
    let mut levels = BTreeSet::new();
    for execution in &conditions {
        let Some(alias) = &execution.authenticator_config else {
            continue;
        };
        let found = store
            .document_by_name(&realm.id, Kind::AuthenticatorConfig, "", alias)
            .await?;
        levels.extend(found.and_then(|document| level(&document.body)));
    }
    if levels.is_empty() {
        levels.insert(1);
    }
    values.extend(levels.iter().map(ToString::to_string));
    Ok(values)
}

/// The names in a realm's map of names to levels; none if it is no such map.
fn names(map: &str) -> Vec<String> {
    let map: Json = serde_json::from_str(map).unwrap_or_default();
    let is_level = |value: &Value| value.is_i64() || value.as_str().is_some_and(is_whole);
    if map.values().all(is_level) {
        map.keys().cloned().collect()
    } else {
        Vec::new()
    }
}

fn is_whole(text: &str) -> bool {
    text.trim().parse::<i64>().is_ok()
}

/// The level of a condition's configuration, if it is a number.
fn level(body: &Json) -> Option<i64> {
    let text = body.get("config")?.get("loa-condition-level")?.as_str()?;
    text.parse().ok()
}

/// The conditions of the browser flow and of all flows in it.
async fn conditions(realm: &Realm) -> Result<Vec<Execution>, StoreError> {
    let mut open: Vec<String> = realm.settings.flows.browser.clone().into_iter().collect();
    let mut seen = 0;
    let mut found = Vec::new();
    while let Some(alias) = open.pop() {
        seen += 1;
        if seen > FLOWS_MAX {
            break;
        }
        let Some(flow) = realm.flow(&alias).await? else {
            continue;
        };
        for execution in &flow.executions {
            match &execution.step {
                Step::Flow { alias, .. } => open.push(alias.clone()),
                Step::Authenticator(id) if id == CONDITION => found.push(execution.clone()),
                Step::Authenticator(_) => {}
            }
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_realms_names_are_those_of_its_map() {
        assert_eq!(names(r#"{"gold":3,"silver":"2"}"#), ["gold", "silver"]);
        for broken in ["", "x", "[]", r#"{"gold":"high"}"#, r#"{"gold":null}"#] {
            assert!(names(broken).is_empty(), "{broken}");
        }
    }

    #[test]
    fn a_level_is_a_number() {
        let of = |level: Value| {
            let body = json!({"config": {"loa-condition-level": level}});
            super::level(body.as_object().unwrap())
        };
        assert_eq!(of(json!("2")), Some(2));
        assert_eq!(of(json!("two")), None);
        assert_eq!(level(&Json::new()), None);
    }
}
