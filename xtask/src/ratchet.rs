//! The oracle's ratchet: the list of cases that are equal to Keycloak only grows.
//!
//! Pure rules; [`crate::oracle`] plays the cases.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use serde_json::Value;

/// What came of each case, by its title.
pub type Outcomes = BTreeMap<String, Outcome>;

/// What came of one case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Every answer was Keycloak's.
    Equal,
    /// The case could not be played, or the answers differ: where, and how.
    Different(Vec<String>),
}

/// How much of an answer is worth a line.
const SHOWN: usize = 300;
/// How many places of one case are shown.
const PLACES: usize = 6;

/// Reads the report that the harness writes with `--json`.
pub fn read_report(text: &str) -> Result<Outcomes> {
    let report: Value = serde_json::from_str(text).context("the oracle's report is not JSON")?;
    let cases = report
        .as_array()
        .context("the oracle's report is not a list")?;
    let mut outcomes = Outcomes::new();
    for case in cases {
        let field = |name: &str| case.get(name).and_then(Value::as_str).unwrap_or_default();
        let outcome = if field("verdict") == "equal" {
            Outcome::Equal
        } else {
            Outcome::Different(explain(case, field("detail")))
        };
        outcomes.insert(format!("{}/{}", field("topic"), field("case")), outcome);
    }
    Ok(outcomes)
}

fn explain(case: &Value, detail: &str) -> Vec<String> {
    let mut lines: Vec<String> = detail.lines().map(str::to_owned).collect();
    let differences = case
        .get("differences")
        .and_then(Value::as_array)
        .map_or(&[][..], Vec::as_slice);
    for difference in differences.iter().take(PLACES) {
        let part = |name: &str| {
            difference
                .get(name)
                .map_or_else(String::new, |value| short(&value.to_string()))
        };
        lines.push(
            difference
                .get("at")
                .and_then(Value::as_str)
                .unwrap_or("?")
                .to_owned(),
        );
        lines.push(format!("  expected {}", part("expected")));
        lines.push(format!("  got      {}", part("got")));
    }
    if differences.len() > PLACES {
        lines.push(format!("… and {} more places", differences.len() - PLACES));
    }
    lines
}

fn short(text: &str) -> String {
    if text.chars().count() <= SHOWN {
        return text.to_owned();
    }
    text.chars().take(SHOWN).chain(['…']).collect()
}

/// One entry a line; `#` begins a comment line.
pub fn read_list(text: &str) -> BTreeSet<String> {
    text.lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(str::to_owned)
        .collect()
}

/// The list as it is kept: the comment lines of the old text, then the sorted entries.
pub fn write_list(old: &str, entries: &BTreeSet<String>) -> String {
    let comments = old.lines().filter(|line| line.starts_with('#'));
    let mut text = String::new();
    for line in comments.chain(entries.iter().map(String::as_str)) {
        text.push_str(line);
        text.push('\n');
    }
    text
}

/// The topic of a title `topic/case`.
pub fn topic(title: &str) -> &str {
    title.split('/').next().unwrap_or(title)
}

/// A title as a pattern that matches it alone.
pub fn exactly(title: &str) -> String {
    title
        .chars()
        .map(|character| match character {
            '[' | '*' | '?' => format!("[{character}]"),
            other => other.to_string(),
        })
        .collect()
}

/// What a first run leaves to be asked again, since one run on a loaded machine proves little.
#[derive(Debug, PartialEq, Eq)]
pub struct Doubts {
    /// Listed, and not equal.
    pub lost: Vec<String>,
    /// Equal, and not listed.
    pub gained: Vec<String>,
}

pub fn doubts(listed: &BTreeSet<String>, first: &Outcomes) -> Doubts {
    let lost = |(title, outcome): &(&String, &Outcome)| {
        listed.contains(*title) && **outcome != Outcome::Equal
    };
    let gained = |(title, outcome): &(&String, &Outcome)| {
        !listed.contains(*title) && **outcome == Outcome::Equal
    };
    Doubts {
        lost: first
            .iter()
            .filter(lost)
            .map(|(title, _)| title.clone())
            .collect(),
        gained: first
            .iter()
            .filter(gained)
            .map(|(title, _)| title.clone())
            .collect(),
    }
}

/// What two runs together say.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Judgement {
    /// Listed and equal, be it only when played again.
    pub kept: usize,
    /// Listed, equal only when played again: passes, and is told.
    pub shaky: Vec<String>,
    /// Listed and not equal, twice: a failure.
    pub lost: Vec<String>,
    /// Not listed and equal, twice: a failure until it is listed.
    pub gained: Vec<String>,
    /// Listed, and there is no such case (any more): a failure.
    pub unknown: Vec<String>,
}

/// Judges a first run and the second one of the doubtful cases.
///
/// `whole` says that every listed case should have been played, so that those which were not do not exist.
pub fn judge(
    listed: &BTreeSet<String>,
    first: &Outcomes,
    second: &Outcomes,
    whole: bool,
) -> Judgement {
    let mut judgement = Judgement::default();
    let equal_again = |title: &String| second.get(title) == Some(&Outcome::Equal);
    for (title, outcome) in first {
        match (listed.contains(title), outcome) {
            (true, Outcome::Equal) => judgement.kept += 1,
            (true, Outcome::Different(_)) if equal_again(title) => {
                judgement.kept += 1;
                judgement.shaky.push(title.clone());
            }
            (true, Outcome::Different(_)) => judgement.lost.push(title.clone()),
            (false, Outcome::Equal) if equal_again(title) => judgement.gained.push(title.clone()),
            (false, Outcome::Equal | Outcome::Different(_)) => {}
        }
    }
    if whole {
        judgement.unknown = listed
            .iter()
            .filter(|title| !first.contains_key(*title))
            .cloned()
            .collect();
    }
    judgement
}

/// The list after `--accept`: what was gained is added; what was lost goes only if that is asked for.
pub fn accept(listed: &BTreeSet<String>, judgement: &Judgement, shrink: bool) -> BTreeSet<String> {
    let mut list = listed.clone();
    list.extend(judgement.gained.iter().cloned());
    if shrink {
        list.retain(|title| !judgement.lost.contains(title) && !judgement.unknown.contains(title));
    }
    list
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(titles: &[&str]) -> BTreeSet<String> {
        titles.iter().map(|title| (*title).to_owned()).collect()
    }

    fn outcomes(equal: &[&str], different: &[&str]) -> Outcomes {
        let equal = equal
            .iter()
            .map(|title| ((*title).to_owned(), Outcome::Equal));
        let different = different
            .iter()
            .map(|title| ((*title).to_owned(), Outcome::Different(vec![])));
        equal.chain(different).collect()
    }

    #[test]
    fn two_runs_are_judged_together() {
        let listed = list(&["t/kept", "t/shaky", "t/lost", "t/gone"]);
        let first = outcomes(
            &["t/kept", "t/new", "t/lucky"],
            &["t/shaky", "t/lost", "t/never"],
        );
        let doubts = doubts(&listed, &first);
        assert_eq!(doubts.lost, ["t/lost", "t/shaky"]);
        assert_eq!(doubts.gained, ["t/lucky", "t/new"]);
        let second = outcomes(&["t/shaky", "t/new"], &["t/lost", "t/lucky"]);
        let judgement = judge(&listed, &first, &second, true);
        assert_eq!(judgement.kept, 2);
        assert_eq!(judgement.shaky, ["t/shaky"]);
        assert_eq!(judgement.lost, ["t/lost"]);
        assert_eq!(judgement.gained, ["t/new"]);
        assert_eq!(judgement.unknown, ["t/gone"]);
        assert_eq!(
            judge(&listed, &first, &second, false).unknown,
            Vec::<String>::new()
        );
    }

    #[test]
    fn a_case_that_was_not_played_again_stays_lost() {
        let judgement = judge(
            &list(&["t/a"]),
            &outcomes(&[], &["t/a"]),
            &Outcomes::new(),
            true,
        );
        assert_eq!(judgement.lost, ["t/a"]);
    }

    #[test]
    fn the_list_shrinks_only_when_told() {
        let listed = list(&["t/a", "t/b", "t/c"]);
        let judgement = Judgement {
            lost: vec!["t/a".to_owned()],
            gained: vec!["t/d".to_owned()],
            unknown: vec!["t/b".to_owned()],
            ..Judgement::default()
        };
        assert_eq!(
            accept(&listed, &judgement, false),
            list(&["t/a", "t/b", "t/c", "t/d"])
        );
        assert_eq!(accept(&listed, &judgement, true), list(&["t/c", "t/d"]));
    }

    #[test]
    fn lists_keep_their_comments() {
        let text = "# what this is\nt/b\n\n t/a \n";
        assert_eq!(read_list(text), list(&["t/a", "t/b"]));
        assert_eq!(
            write_list(text, &list(&["t/b", "t/a"])),
            "# what this is\nt/a\nt/b\n"
        );
    }

    #[test]
    fn reports_are_read() {
        let text = r#"[
            {"topic": "t", "case": "a", "verdict": "equal", "detail": "", "differences": []},
            {"topic": "t", "case": "b", "verdict": "errored", "detail": "LookupError: x", "differences": []},
            {"topic": "t", "case": "c", "verdict": "differing", "detail": "",
             "differences": [{"at": "step 1", "expected": 204, "got": {"a": "b"}}]}]"#;
        let outcomes = read_report(text).unwrap();
        assert_eq!(outcomes["t/a"], Outcome::Equal);
        assert_eq!(
            outcomes["t/b"],
            Outcome::Different(vec!["LookupError: x".to_owned()])
        );
        let lines = ["step 1", "  expected 204", "  got      {\"a\":\"b\"}"].map(str::to_owned);
        assert_eq!(outcomes["t/c"], Outcome::Different(lines.to_vec()));
        assert!(read_report("{}").is_err());
        assert!(read_report("not JSON").is_err());
    }

    #[test]
    fn titles_become_patterns_of_themselves() {
        assert_eq!(exactly("t/plain - name"), "t/plain - name");
        assert_eq!(exactly("t/uri * [a]?"), "t/uri [*] [[]a][?]");
        assert_eq!(topic("logout-endpoint/twice"), "logout-endpoint");
    }
}
