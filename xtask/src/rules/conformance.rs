//! The modules of OpenID's conformance suite are all answered, each by a test that exists or a reason.

use std::collections::BTreeSet;
use std::fs;

use super::files::{assert_none, sources};
use crate::workspace::root;

/// What has to be there, a plan and a module on each line.
const MODULES: &str = include_str!("modules.txt");
/// What a row may say in place of a test.
const EXCUSES: [&str; 2] = ["cannot apply yet: ", "cannot apply: "];
/// How many rows may say that something is not built: fewer each time something is.
const UNBUILT: usize = 0;

#[test]
fn every_module_of_the_suite_meets_a_test_or_a_reason() {
    let page = fs::read_to_string(root().join("docs/conformance.md")).unwrap();
    let rows = page.lines().filter(|line| line.starts_with("| oidcc-"));
    let text: String = sources().into_iter().map(|(_, text)| text).collect();
    let (mut listed, mut problems, mut unbuilt) = (BTreeSet::new(), Vec::new(), 0);
    for row in rows {
        let cells: Vec<&str> = row.trim_matches('|').split(" | ").map(str::trim).collect();
        let [module, plans, answer] = cells[..] else {
            problems.push(format!("not three cells: {row}"));
            continue;
        };
        for plan in plans.split(", ") {
            if !listed.insert(format!("{plan} {module}")) {
                problems.push(format!("{module} is there twice for {plan}"));
            }
        }
        unbuilt += usize::from(answer.starts_with(EXCUSES[0]));
        if EXCUSES.iter().any(|excuse| answer.starts_with(excuse)) {
            continue;
        }
        let named: Vec<&str> = answer.split('`').skip(1).step_by(2).collect();
        if named.is_empty() {
            problems.push(format!("{module} names neither a test nor a reason"));
        }
        let missing = named
            .iter()
            .filter(|name| !text.contains(&format!("fn {name}(")));
        problems.extend(missing.map(|name| format!("{module}: there is no test {name}")));
    }
    let known: BTreeSet<String> = MODULES.lines().map(str::to_owned).collect();
    let missing = known.difference(&listed);
    problems.extend(missing.map(|line| format!("{line} is missing")));
    let unknown = listed.difference(&known);
    problems.extend(unknown.map(|line| format!("{line} is unknown")));
    if unbuilt != UNBUILT {
        problems.push(format!(
            "{unbuilt} rows wait for something, {UNBUILT} are counted"
        ));
    }
    assert_none(&problems);
}
