//! The groups that a search found, hung below the groups above them.

use std::collections::BTreeMap;

use claviger_wire::document::Json;
use serde_json::{Value, json};

/// How a group is shown, and the groups above it, the topmost first.
pub(in crate::admin) struct Line(pub(in crate::admin) Vec<Json>);

#[derive(Default)]
struct Node {
    shown: Json,
    below: BTreeMap<(String, String), Node>,
}

/// Puts lines together to trees: a group that stands in several lines stands in one place, those
/// beside each other by name. Members of `subGroups` are replaced.
pub(in crate::admin) fn trees(lines: Vec<Line>) -> Vec<Json> {
    let mut root = Node::default();
    for Line(line) in lines {
        let mut node = &mut root;
        for shown in line {
            let text = |name: &str| {
                shown
                    .get(name)
                    .and_then(Value::as_str)
                    .unwrap_or_default()
                    .to_owned()
            };
            node = node.below.entry((text("name"), text("id"))).or_default();
            node.shown = shown;
        }
    }
    flatten(root.below)
}

/// Depth is bounded by that of the lines.
fn flatten(nodes: BTreeMap<(String, String), Node>) -> Vec<Json> {
    let shown = nodes.into_values().map(|node| {
        let mut shown = node.shown;
        shown.insert("subGroups".to_owned(), json!(flatten(node.below)));
        shown
    });
    shown.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(id: &str) -> Json {
        let body = json!({"id": id, "name": format!("name of {id}"), "subGroups": []});
        body.as_object().unwrap().clone()
    }

    fn line(ids: &[&str]) -> Line {
        Line(ids.iter().map(|id| group(id)).collect())
    }

    /// `a(b c)`: ids of a tree.
    fn outline(groups: &[Value]) -> String {
        let shown = groups.iter().map(|group| {
            let below = group["subGroups"].as_array().unwrap();
            let id = group["id"].as_str().unwrap();
            if below.is_empty() {
                id.to_owned()
            } else {
                format!("{id}({})", outline(below))
            }
        });
        shown.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn lines_become_trees() {
        for (lines, expected) in [
            (vec![], ""),
            (vec![line(&["b"]), line(&["a"])], "a b"),
            (
                vec![line(&["a", "b", "c"]), line(&["a"]), line(&["a", "d"])],
                "a(b(c) d)",
            ),
            (
                vec![line(&["a", "b"]), line(&["a", "b", "c"]), line(&["e", "b"])],
                "a(b(c)) e(b)",
            ),
        ] {
            let trees: Vec<Value> = trees(lines).into_iter().map(Value::Object).collect();
            assert_eq!(outline(&trees), expected);
        }
    }
}
