//! The list of attacks that worked elsewhere is whole, and each meets a test or a reason.

use std::collections::BTreeSet;
use std::fs;

use super::files::{assert_none, sources};
use crate::workspace::root;

/// All numbers there have to be.
const NUMBERS: &str = include_str!("attacks.txt");
/// What a row may say in place of a test.
const EXCUSES: [&str; 3] = ["cannot apply yet: ", "cannot apply: ", "not tested: "];
/// How many rows may say that a test is missing: fewer each time one is written.
const DEBTS: usize = 0;

#[test]
fn every_attack_meets_a_test_or_a_reason() {
    let page = fs::read_to_string(root().join("docs/cve-regressions.md")).unwrap();
    let rows = page.lines().filter(|line| line.starts_with("| ")).skip(1);
    let text: String = sources().into_iter().map(|(_, text)| text).collect();
    let (mut listed, mut problems, mut debts) = (BTreeSet::new(), Vec::new(), 0);
    for row in rows {
        let cells: Vec<&str> = row.trim_matches('|').split(" | ").map(str::trim).collect();
        let [number, _, _, answer] = cells[..] else {
            problems.push(format!("not four cells: {row}"));
            continue;
        };
        if !listed.insert(number) {
            problems.push(format!("{number} is there twice"));
        }
        debts += usize::from(answer.starts_with("not tested"));
        let excuse = EXCUSES
            .iter()
            .find_map(|excuse| answer.strip_prefix(excuse));
        if excuse.is_some_and(|reason| !reason.is_empty()) {
            continue;
        }
        let named: Vec<&str> = answer.split('`').skip(1).step_by(2).collect();
        if named.is_empty() {
            problems.push(format!("{number} names neither a test nor a reason"));
        }
        let missing = named
            .iter()
            .filter(|name| !text.contains(&format!("fn {name}(")));
        problems.extend(missing.map(|name| format!("{number}: there is no test {name}")));
    }
    let known: BTreeSet<&str> = NUMBERS.lines().collect();
    problems.extend(
        known
            .difference(&listed)
            .map(|number| format!("{number} is missing")),
    );
    problems.extend(
        listed
            .difference(&known)
            .map(|number| format!("{number} is unknown")),
    );
    if debts != DEBTS {
        problems.push(format!("{debts} rows are not tested, {DEBTS} are counted"));
    }
    assert_none(&problems);
}
