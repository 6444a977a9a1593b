//! Which ways there are to go on: for "try another way", and for whose turn it is among alternatives.

use std::collections::BTreeMap;

use super::walk::{Next, Walk};
use super::{Flow, Requirement, State, Step};

/// Ways that were found: those by a type of credential, and all others in their order.
#[derive(Default)]
struct Found<'f> {
    by_credential: BTreeMap<&'f str, &'f Step>,
    others: Vec<&'f Step>,
}

impl<'f> Found<'f> {
    fn add(&mut self, state: &State, step: &'f Step) {
        let Some(authenticator) = step.authenticator() else {
            return;
        };
        if state.is_processed(step) {
            return;
        }
        match authenticator.credential() {
            Some(credential) => {
                self.by_credential.insert(credential, step);
            }
            None => self.others.push(step),
        }
    }
}

/// Whether a conditional flow counts, as far as that is to be looked at for choices.
type Counts<'a, 'f> = dyn FnMut(&'f Step) -> Result<bool, Next> + 'a;

impl<'f> Walk<'f> {
    /// The ways beside which a step stands, the preferred in front.
    pub(super) fn choices(&mut self, step: &'f Step) -> Result<Vec<&'f Step>, Next> {
        let (flow, state) = (self.flow, self.state.clone());
        choices(flow, &state, step, &mut |conditional| {
            self.conditions_hold(conditional)
        })
    }

    /// The same as far as it is known without looking at any condition anew.
    pub(super) fn known_choices(&self, step: &'f Step) -> Vec<&'f Step> {
        known_choices(self.flow, &self.state, step)
    }

    /// The ways that the person may choose from where a step stands.
    pub fn offered_beside(&self, execution: &str) -> Vec<&'f Step> {
        let step = self.flow.step(execution);
        step.map(|step| self.known_choices(step))
            .unwrap_or_default()
    }
}

fn known_choices<'f>(flow: &'f Flow, state: &State, step: &'f Step) -> Vec<&'f Step> {
    use claviger_model::ExecutionStatus as S;
    let held = |condition: &Step| state.status(condition) == Some(S::EvaluatedTrue);
    choices(flow, state, step, &mut |conditional| {
        let Some(flow) = conditional.flow() else {
            return Ok(true);
        };
        let mut conditions = flow.conditions().peekable();
        let any = conditions.peek().is_some();
        Ok(any && conditions.all(|(condition, _)| held(condition)))
    })
    .unwrap_or_default()
}

fn choices<'f>(
    top: &'f Flow,
    state: &State,
    step: &'f Step,
    counts: &mut Counts<'_, 'f>,
) -> Result<Vec<&'f Step>, Next> {
    let mut found = Found::default();
    match widest(top, step) {
        None => found.add(state, step),
        Some(flow) => {
            collect(flow, state, &mut found, counts)?;
        }
    }
    let mut ways: Vec<&Step> = Vec::new();
    if let Some(user) = &state.user {
        for credential in &user.credentials {
            if let Some(step) = found.by_credential.remove(credential.as_str()) {
                ways.push(step);
            }
        }
        ways.extend(found.others);
    } else {
        ways.extend(found.others);
        let asks_nobody = |step: &&Step| {
            step.authenticator()
                .is_some_and(|authenticator| !authenticator.requires_user())
        };
        ways.extend(found.by_credential.into_values().filter(asks_nobody));
    }
    Ok(ways)
}

/// The widest flow among whose steps the person may choose, where a step stands: a step that is the
/// first of what must succeed may be left for what stands beside its flow.
fn widest<'f>(top: &'f Flow, step: &'f Step) -> Option<&'f Flow> {
    let path = top.path(&step.id)?;
    let mut flow = None;
    for (depth, at) in path.iter().enumerate().rev() {
        let parent = depth
            .checked_sub(1)
            .and_then(|above| path.get(above))
            .and_then(|above| above.flow())
            .unwrap_or(top);
        match at.requirement {
            Requirement::Alternative => flow = Some(parent),
            Requirement::Required | Requirement::Conditional => {
                if let Some(own) = at.flow() {
                    flow = Some(own);
                }
                let is_first = parent.steps.first().is_some_and(|first| first.id == at.id);
                if !is_first {
                    return flow;
                }
                flow = Some(parent);
            }
            Requirement::Disabled => return flow,
        }
    }
    flow
}

/// Collects the ways into a flow: of what must succeed the first, of alternatives all.
fn collect<'f>(
    flow: &'f Flow,
    state: &State,
    found: &mut Found<'f>,
    counts: &mut Counts<'_, 'f>,
) -> Result<(), Next> {
    let (required, alternatives) = flow.lists();
    if !required.is_empty() {
        for step in required {
            if step.requirement == Requirement::Conditional && !counts(step)? {
                continue;
            }
            return enter(step, state, found, counts);
        }
        return Ok(());
    }
    for step in alternatives {
        enter(step, state, found, counts)?;
    }
    Ok(())
}

fn enter<'f>(
    step: &'f Step,
    state: &State,
    found: &mut Found<'f>,
    counts: &mut Counts<'_, 'f>,
) -> Result<(), Next> {
    if state.is_processed(step) {
        return Ok(());
    }
    if let Some(flow) = step.flow() {
        return collect(flow, state, found, counts);
    }
    found.add(state, step);
    Ok(())
}
