//! One look through a flow: which step is first among those that still have something to ask.

use claviger_model::ExecutionStatus;

use super::walk::{Happened, Next, Refusal, Seen, Walk};
use super::{Authenticator, Does, Flow, Known, Requirement, Step};

impl<'f> Walk<'f> {
    /// Looks through a flow for what is to be asked first.
    pub(super) fn look_through(&mut self, flow: &'f Flow) -> Seen {
        let (required, alternatives) = flow.lists();
        let mut counted = 0_usize;
        for step in &required {
            if step.requirement == Requirement::Conditional && !self.is_entered(step) {
                match self.counts_by_conditions(step) {
                    Ok(true) => {}
                    Ok(false) => continue,
                    Err(first) => return Seen::First(first),
                }
            }
            counted += 1;
            if let Some(first) = self.visit(step) {
                return Seen::First(first);
            }
            if !self.state.counts(step) {
                return Seen::Failed;
            }
        }
        if counted > 0 {
            return Seen::Passed;
        }
        if alternatives.iter().any(|step| self.state.counts(step)) {
            return Seen::Passed;
        }
        for step in alternatives {
            if let Some(first) = self.visit(step) {
                return Seen::First(first);
            }
            if self.state.counts(step) {
                return Seen::Passed;
            }
        }
        Seen::Failed
    }

    /// Whether a conditional flow was entered, so that its conditions are not asked about again.
    fn is_entered(&self, step: &Step) -> bool {
        self.state.is_processed(step)
            || self.state.status(step) == Some(ExecutionStatus::Challenged)
    }

    /// Whether a conditional flow counts now.
    fn counts_by_conditions(&mut self, step: &'f Step) -> Result<bool, Next> {
        if self.passed_over.contains(&step.id) {
            return Ok(false);
        }
        let holds = self.conditions_hold(step)?;
        if !holds {
            self.passed_over.insert(step.id.clone());
        }
        Ok(holds)
    }

    /// Whether all conditions of a flow hold. Without any the flow does not count.
    pub(super) fn conditions_hold(&mut self, step: &'f Step) -> Result<bool, Next> {
        // Only a flow can be conditional; anything else that is called so has to succeed.
        let Some(flow) = step.flow() else {
            return Ok(true);
        };
        let mut any = false;
        for (condition, _) in flow.conditions() {
            any = true;
            match self.held.get(&condition.id) {
                Some(true) => {}
                Some(false) => return Ok(false),
                None => return Err(self.look(condition)),
            }
        }
        Ok(any)
    }

    /// Goes into a step; what is to be asked first, unless it is over.
    fn visit(&mut self, step: &'f Step) -> Option<Next> {
        if self.state.is_processed(step) {
            return None;
        }
        match &step.does {
            Does::Flow(flow) => match self.look_through(flow) {
                Seen::First(next) => Some(next),
                Seen::Passed => {
                    self.pass(step);
                    None
                }
                Seen::Failed => {
                    self.set(step, ExecutionStatus::Failed);
                    None
                }
            },
            Does::Ask(_) => self.visit_authenticator(step),
        }
    }

    fn visit_authenticator(&mut self, step: &'f Step) -> Option<Next> {
        if self.turns.contains(&step.id) {
            return None;
        }
        // Where there are several ways, the person's preferred credential goes first.
        let chosen = match self.choices(step) {
            Err(first) => return Some(first),
            Ok(choices) if choices.is_empty() => step,
            Ok(choices) => {
                self.turns.insert(step.id.clone());
                choices
                    .into_iter()
                    .find(|choice| !self.state.is_processed(choice))?
            }
        };
        self.turns.insert(step.id.clone());
        let authenticator = chosen.authenticator()?;
        match self.missing(chosen, authenticator) {
            Missing::Nothing => Some(self.ask(chosen)),
            Missing::SetUp(action) => {
                self.set(chosen, ExecutionStatus::SetupRequired);
                self.happened
                    .push(Happened::SetUp(chosen.id.clone(), action));
                None
            }
            Missing::Refused(refusal) => {
                self.refuse_at(step, refusal);
                Some(self.advance())
            }
        }
    }

    /// What a user lacks to be asked.
    pub(super) fn missing(&self, step: &Step, authenticator: &Authenticator) -> Missing {
        let configured = |user: &Known| authenticator.is_configured_for(user);
        if !authenticator.requires_user() {
            let lacks = self
                .state
                .user
                .as_ref()
                .is_some_and(|user| !configured(user))
                && authenticator.credential().is_some()
                && !authenticator.may_be_set_up();
            return if lacks {
                Missing::Refused(Refusal::NotSetUp)
            } else {
                Missing::Nothing
            };
        }
        let Some(user) = &self.state.user else {
            return Missing::Refused(Refusal::UnknownUser);
        };
        if configured(user) {
            return Missing::Nothing;
        }
        match authenticator.setup_action() {
            Some(action)
                if authenticator.may_be_set_up() && step.requirement == Requirement::Required =>
            {
                Missing::SetUp(action)
            }
            Some(_) | None => Missing::Refused(Refusal::NotSetUp),
        }
    }
}

/// What a user lacks to be asked by a step.
pub(super) enum Missing {
    Nothing,
    SetUp(&'static str),
    Refused(Refusal),
}
