//! Authentication flows: which proof is asked for next, and when enough is proven.
//!
//! A flow is data: a tree of steps with requirements ([`Flow`], read from the realm's documents by
//! [`read`]). [`Walk`] is a pure machine over it: (definition, state, answer) → (state, next step). It
//! calls nobody: it says which authenticator or condition is to be asked ([`Next`]), and is told what
//! that came to ([`Verdict`]). Who asks, checks passwords and keeps the state is [`crate::login`].
//!
//! A verdict counts for the one step that was asked, of the one tab whose state this is, and names at
//! most one user for the whole of it: so no proof counts for another step, tab, client or user. The
//! tests walk every order of steps, replays and other people's proofs.

mod authenticator;
pub mod book;
mod choices;
mod form;
mod read;
mod visit;
mod walk;

use std::collections::BTreeMap;
use std::sync::Arc;

use claviger_model::{ExecutionStatus, UserId};
pub use claviger_wire::flow::Requirement;

pub use authenticator::{Authenticator, Condition};
pub use form::{Part, PartKind};
pub use read::{Flows, ReadError, by_alias, by_id};
pub use walk::{Happened, Next, Refusal, Stale, Verdict, Walk};

/// Settings of a step, by name.
pub type Config = BTreeMap<String, String>;

/// A flow with all that is below it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flow {
    /// UUID text.
    pub id: String,
    /// Its name.
    pub alias: String,
    /// Its steps in their order.
    pub steps: Vec<Step>,
}

/// One step of a flow: Keycloak's execution.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// UUID text: `execution` in the addresses of login pages.
    pub id: String,
    /// Whether it has to succeed.
    pub requirement: Requirement,
    /// What it does.
    pub does: Does,
    /// Its settings, if it has any.
    pub config: Option<Arc<Config>>,
}

/// What a step does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Does {
    /// Asks for something, or looks whether something is so.
    Ask(Authenticator),
    /// Goes through another flow.
    Flow(Flow),
}

/// A user, as far as a flow looks at one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// Who it is said to be.
    pub id: UserId,
    /// The types of the user's credentials, the preferred first.
    pub credentials: Vec<String>,
}

impl Known {
    /// Whether the user has a credential of this type.
    pub fn has(&self, credential: &str) -> bool {
        self.credentials.iter().any(|known| known == credential)
    }
}

/// What a tab has come to in its flow.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// Who it is said to be, since a step has said so. Never another user after that.
    pub user: Option<Known>,
    /// What the steps have come to, by their ids.
    pub executions: BTreeMap<String, ExecutionStatus>,
    /// The step whose question the person is to answer.
    pub current: Option<String>,
}

impl State {
    fn status(&self, step: &Step) -> Option<ExecutionStatus> {
        self.executions.get(&step.id).copied()
    }

    /// Whether a step is over: nothing is asked of it any more.
    fn is_processed(&self, step: &Step) -> bool {
        step.requirement == Requirement::Disabled
            || match self.status(step) {
                Some(
                    ExecutionStatus::Success
                    | ExecutionStatus::Attempted
                    | ExecutionStatus::SetupRequired,
                ) => true,
                Some(
                    ExecutionStatus::Challenged
                    | ExecutionStatus::Failed
                    | ExecutionStatus::EvaluatedTrue
                    | ExecutionStatus::EvaluatedFalse,
                )
                | None => false,
            }
    }

    /// Whether a step has done its part: it proved something, or its user will set it up.
    fn counts(&self, step: &Step) -> bool {
        matches!(
            self.status(step),
            Some(ExecutionStatus::Success | ExecutionStatus::SetupRequired)
        )
    }
}

impl Step {
    /// What it asks, unless it is a flow.
    pub const fn authenticator(&self) -> Option<&Authenticator> {
        match &self.does {
            Does::Ask(authenticator) => Some(authenticator),
            Does::Flow(_) => None,
        }
    }

    /// The flow that it goes through, if it does.
    pub const fn flow(&self) -> Option<&Flow> {
        match &self.does {
            Does::Flow(flow) => Some(flow),
            Does::Ask(_) => None,
        }
    }

    /// Its condition, if it is one that is to be looked at.
    pub fn condition(&self) -> Option<Condition> {
        match &self.does {
            Does::Ask(Authenticator::Condition(condition))
                if self.requirement != Requirement::Disabled =>
            {
                Some(*condition)
            }
            Does::Ask(_) | Does::Flow(_) => None,
        }
    }

    /// A setting, if it has text.
    pub fn setting(&self, name: &str) -> Option<&str> {
        let text = self.config.as_ref()?.get(name)?;
        (!text.is_empty()).then_some(text)
    }

    /// A setting that is on or off; off unless it says otherwise.
    pub fn flag(&self, name: &str) -> bool {
        self.setting(name)
            .is_some_and(|text| text.eq_ignore_ascii_case("true"))
    }
}

impl Flow {
    /// The step of this id, wherever it is below.
    pub fn step(&self, id: &str) -> Option<&Step> {
        self.path(id).and_then(|path| path.last().copied())
    }

    /// The steps from here down to the one of this id, which is the last.
    pub fn path(&self, id: &str) -> Option<Vec<&Step>> {
        for step in &self.steps {
            if step.id == id {
                return Some(vec![step]);
            }
            if let Some(flow) = step.flow()
                && let Some(below) = flow.path(id)
            {
                let mut path = vec![step];
                path.extend(below);
                return Some(path);
            }
        }
        None
    }

    /// All steps, those of flows below included, in their order.
    pub fn all_steps(&self) -> Vec<&Step> {
        let mut all = Vec::new();
        for step in &self.steps {
            all.push(step);
            if let Some(flow) = step.flow() {
                all.extend(flow.all_steps());
            }
        }
        all
    }

    /// The conditions under which the flow counts, where it is conditional.
    pub fn conditions(&self) -> impl Iterator<Item = (&Step, Condition)> {
        self.steps
            .iter()
            .filter_map(|step| Some((step, step.condition()?)))
    }

    /// What must succeed, and what may: where something must, what may is passed over.
    fn lists(&self) -> (Vec<&Step>, Vec<&Step>) {
        let steps = || self.steps.iter().filter(|step| step.condition().is_none());
        let required: Vec<&Step> = steps()
            .filter(|step| {
                matches!(
                    step.requirement,
                    Requirement::Required | Requirement::Conditional
                )
            })
            .collect();
        if !required.is_empty() {
            return (required, Vec::new());
        }
        let alternatives = steps().filter(|step| step.requirement == Requirement::Alternative);
        (required, alternatives.collect())
    }

    /// Whether a user has all that the steps of this flow ask for: what condition "user configured"
    /// looks at. Flows below are not looked into, as Keycloak does not.
    pub fn is_configured_for(&self, user: Option<&Known>) -> bool {
        let asked = |requirement: Requirement| {
            self.steps
                .iter()
                .filter(move |step| step.requirement == requirement)
                .filter_map(Step::authenticator)
                .filter(|authenticator| !matches!(authenticator, Authenticator::Condition(_)))
        };
        if asked(Requirement::Required).next().is_some() {
            asked(Requirement::Required).all(|step| step.is_set_up_for(user))
        } else if asked(Requirement::Alternative).next().is_some() {
            asked(Requirement::Alternative).any(|step| step.is_set_up_for(user))
        } else {
            true
        }
    }
}

#[cfg(test)]
mod exploration;
#[cfg(test)]
pub(crate) mod tests;
