//! Levels of authentication: how well somebody signed in, and how well the client wants it (`acr`,
//! step-up).

use std::collections::BTreeMap;

use claviger_model::{ExecutionStatus, Seconds, UserSession};

use super::drive::Login;
use super::tab::{Tab, note};
use crate::flow::{Condition, Flow, Refusal, State, Step};

/// Nothing was reached.
pub const NONE: i32 = -1;
/// The lowest level: somebody is signed in.
const LOWEST: i32 = 0;
/// How long a level counts unless its condition says otherwise.
const MAX_AGE: i64 = 36_000;
/// The note with the level that this login has reached.
pub const REACHED: &str = "level-of-authentication";
/// The note with the second at which each level was reached: `{"1": 1700000000}`. Sessions keep it.
const MAP: &str = "loa-map";

/// The level that a condition is for.
pub fn of(condition: &Step) -> i32 {
    configured(condition).unwrap_or(LOWEST)
}

fn configured(condition: &Step) -> Option<i32> {
    condition
        .setting("loa-condition-level")?
        .trim()
        .parse()
        .ok()
}

/// How long the level of a condition counts.
fn max_age(condition: &Step) -> Seconds {
    let text = condition.setting("loa-max-age");
    Seconds(
        text.and_then(|text| text.trim().parse().ok())
            .unwrap_or(MAX_AGE),
    )
}

/// The level that this login has reached.
pub fn reached(tab: &Tab) -> i32 {
    let text = tab.note(REACHED);
    text.and_then(|text| text.parse().ok()).unwrap_or(NONE)
}

/// This login reaches a level.
pub fn reach(tab: &mut Tab, level: i32) {
    tab.set(REACHED, level.to_string());
}

/// What the session of somebody who is signed in has reached, and when.
pub fn resume(tab: &mut Tab, session: &UserSession) {
    match session.notes.get(MAP) {
        Some(map) => tab.set(MAP, map.clone()),
        None => {
            tab.forget(MAP);
        }
    }
}

fn map(tab: &Tab) -> Option<BTreeMap<i32, i64>> {
    serde_json::from_str(tab.note(MAP)?).ok()
}

/// Whether a level was reached before, so lately that it counts. Not where the client wants everything
/// anew.
fn was_reached(login: &Login<'_>, level: i32, max_age: Seconds) -> bool {
    if login.tab.flag(note::REAUTHENTICATION) {
        return false;
    }
    let at = map(&login.tab).and_then(|map| map.get(&level).copied());
    at.is_some_and(|at| at.saturating_add(max_age.0) >= login.scene.app.now().seconds().0)
}

/// The highest level of an earlier login that still counts, by the conditions of the flow.
pub fn still_reached(login: &Login<'_>, flow: &Flow) -> i32 {
    let Some(map) = map(&login.tab).filter(|map| !map.is_empty()) else {
        return NONE;
    };
    let ages: BTreeMap<i32, i64> = flow
        .all_steps()
        .into_iter()
        .filter(|step| step.condition() == Some(Condition::Level))
        .map(|step| (of(step), max_age(step).0))
        .collect();
    let now = login.scene.app.now().seconds().0;
    let mut highest = LOWEST;
    for (level, at) in map {
        let age = ages.get(&level).copied().unwrap_or(0);
        if now > at.saturating_add(age) {
            break;
        }
        highest = level;
    }
    highest
}

/// The level that the client wants.
pub fn wanted(login: &Login<'_>, _flow: &Flow) -> i32 {
    login.tab.asks().level.unwrap_or(NONE)
}

/// `conditional-level-of-authentication`: whether this level is yet to be reached.
pub fn is_due(login: &mut Login<'_>, flow: &Flow, step: &Step) -> bool {
    let (own, reached) = (of(step), reached(&login.tab));
    if reached < LOWEST {
        return true;
    }
    if wanted(login, flow) < own {
        return false;
    }
    let before = was_reached(login, own, max_age(step));
    if before && reached < own {
        reach(&mut login.tab, own);
    }
    !before
}

/// The level that a flow leads to, by its conditions that held.
pub fn reached_by(flow: &Flow, state: &State) -> Option<i32> {
    let held = |step: &Step| {
        let status = state.executions.get(&step.id);
        status == Some(&ExecutionStatus::EvaluatedTrue)
    };
    flow.conditions()
        .filter(|(step, condition)| *condition == Condition::Level && held(step))
        .filter_map(|(step, _)| configured(step))
        .last()
}

/// A flow was passed: the levels of its conditions are reached.
pub fn passed(login: &mut Login<'_>, flow: &Flow, state: &State) {
    let held = |step: &Step| {
        let status = state.executions.get(&step.id);
        status == Some(&ExecutionStatus::EvaluatedTrue)
    };
    for (step, _) in flow
        .conditions()
        .filter(|(step, condition)| *condition == Condition::Level && held(step))
    {
        let Some(level) = configured(step) else {
            continue;
        };
        reach(&mut login.tab, level);
        if max_age(step).0 == 0 {
            continue;
        }
        let mut levels = map(&login.tab).unwrap_or_default();
        levels.insert(level, login.scene.app.now().seconds().0);
        if let Ok(text) = serde_json::to_string(&levels) {
            login.tab.set(MAP, text);
        }
    }
}

/// The whole flow was passed. A level that the client cannot do without has to be reached; what was
/// reached is told to the session.
pub fn finish(login: &mut Login<'_>, flow: &Flow) -> Result<(), Refusal> {
    let mut steps = flow.all_steps().into_iter();
    if !steps.any(|step| step.condition() == Some(Condition::Level)) {
        return Ok(());
    }
    let (wanted, reached) = (wanted(login, flow), reached(&login.tab));
    if login.tab.asks().level_is_essential && wanted > reached {
        return Err(Refusal::Generic {
            message: "acrNotFulfilled".to_owned(),
            detail: format!(
                "Forced level of authentication did not meet the requirements. Requested level: \
                 {wanted}, Fulfilled level: {reached}"
            ),
        });
    }
    if let Some(map) = login.tab.note(MAP).map(str::to_owned) {
        let notes = &mut login.tab.session.session_notes;
        notes.insert(MAP.to_owned(), map);
    }
    Ok(())
}
