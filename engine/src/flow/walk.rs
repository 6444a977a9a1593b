//! The machine: a walk through a flow, from one question to the next.
//!
//! A walk begins at the top ([`Walk::start`]), with the answer to the question that stands
//! ([`Walk::act`]), or with another way that the person chose ([`Walk::choose`]). [`Walk::advance`] says
//! whom to ask; [`Walk::verdict`] takes what that came to, until the walk is over. Requirements mean what
//! they mean in Keycloak 26.7; where its own walk could be led past a condition by loading the page anew,
//! ours is stricter: a conditional flow that was entered stays entered.

use std::collections::{BTreeMap, BTreeSet};

use claviger_model::ExecutionStatus;

use super::visit::Missing;
use super::{Flow, Known, State, Step};

/// How many verdicts one walk takes at most: more than any flow has steps.
const VERDICTS_MAX: usize = 2_000;

/// What is next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// Ask the authenticator of this step.
    Ask(String),
    /// Look whether the condition of this step holds.
    Look(String),
    /// A question stands: the person is to answer, at this step.
    Wait(String),
    /// A step has closed the way: its page is the end.
    Closed(String),
    /// The flow begins anew.
    Reset,
    /// Enough is proven.
    Done,
    /// Nobody gets in this way: why, the first in front.
    Refused(Vec<Refusal>),
}

/// What asking came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is proven, and perhaps by whom.
    Proven(Option<Known>),
    /// It had nothing to say, or only who it is said to be.
    Passed(Option<Known>),
    /// It asks the person.
    Asked,
    /// It shows a page and ends there.
    Closed,
    /// It refuses.
    Refused(Refusal),
    /// It wants everything anew.
    Reset,
    /// A condition holds, or does not.
    Held(bool),
}

/// Why a step refuses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Nobody is known where somebody has to be.
    UnknownUser,
    /// Another user than the one who was known.
    UserConflict,
    /// The user lacks the credential that the step asks for.
    NotSetUp,
    /// The user is disabled.
    UserDisabled,
    /// What was sent does not prove anything.
    InvalidCredentials,
    /// With a text for people and one for the log.
    Generic {
        /// A key of the message files.
        message: String,
        /// For the event.
        detail: String,
    },
    /// The step's authenticator is not part of this server.
    Unavailable(String),
    /// The flow cannot be read, or does not end.
    Internal,
}

/// Something that follows from the walk, for its driver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Happened {
    /// The flow of this step was passed.
    Passed(String),
    /// The user of this step is to set up a credential; the required action in which that is done.
    SetUp(String, &'static str),
}

/// The step is not the one whose question stands, or not one that may be chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stale;

/// A walk.
#[derive(Clone, Debug)]
pub struct Walk<'f> {
    pub(super) flow: &'f Flow,
    pub(super) state: State,
    /// The steps whose flows are gone through, the innermost last; empty at the top.
    focus: Vec<&'f Step>,
    /// The step that was asked and owes its verdict, with the one whose turn it was.
    pending: Option<&'f Step>,
    looking: Option<&'f Step>,
    /// Steps that had their turn since the focus last moved.
    pub(super) turns: BTreeSet<String>,
    /// Conditional flows that were found not to count since the focus last moved.
    pub(super) passed_over: BTreeSet<String>,
    /// What conditions came to, until another verdict comes.
    pub(super) held: BTreeMap<String, bool>,
    refusals: Vec<Refusal>,
    pub(super) happened: Vec<Happened>,
    over: Option<Next>,
    verdicts: usize,
}

/// What looking at a flow came to.
pub(super) enum Seen {
    /// Something is to be asked first.
    First(Next),
    /// It is passed.
    Passed,
    /// It is not.
    Failed,
}

impl<'f> Walk<'f> {
    fn new(flow: &'f Flow, state: State) -> Self {
        Self {
            flow,
            state,
            focus: Vec::new(),
            pending: None,
            looking: None,
            turns: BTreeSet::new(),
            passed_over: BTreeSet::new(),
            held: BTreeMap::new(),
            refusals: Vec::new(),
            happened: Vec::new(),
            over: None,
            verdicts: 0,
        }
    }

    /// Begins at the top: what was asked and not answered is asked again.
    pub fn start(flow: &'f Flow, state: State) -> Self {
        Self::new(flow, state)
    }

    /// The person answers the question that stands. The walk waits for the verdict on it.
    pub fn act(flow: &'f Flow, state: State, execution: &str) -> Result<Self, Stale> {
        let step = flow.step(execution).ok_or(Stale)?;
        let stands = state.current.as_deref() == Some(execution)
            && state.status(step) == Some(ExecutionStatus::Challenged)
            && step.authenticator().is_some();
        if !stands {
            return Err(Stale);
        }
        let mut walk = Self::new(flow, state);
        walk.focus_on(execution);
        walk.pending = Some(step);
        Ok(walk)
    }

    /// The person wants to answer `wanted` rather than the question that stands.
    pub fn choose(
        flow: &'f Flow,
        state: State,
        execution: &str,
        wanted: &str,
    ) -> Result<Self, Stale> {
        if state.current.as_deref() != Some(execution) {
            return Err(Stale);
        }
        let mut walk = Self::new(flow, state);
        let standing = flow.step(execution).ok_or(Stale)?;
        let offered = walk.known_choices(standing);
        let step = offered
            .into_iter()
            .find(|step| step.id == wanted)
            .ok_or(Stale)?;
        let authenticator = step.authenticator().ok_or(Stale)?;
        if !matches!(walk.missing(step, authenticator), Missing::Nothing) {
            return Err(Stale);
        }
        walk.focus_on(wanted);
        walk.ask(step);
        Ok(walk)
    }

    /// Whom to ask next, or how the walk ended. Saying it again changes nothing until the verdict is
    /// in.
    pub fn advance(&mut self) -> Next {
        loop {
            if let Some(over) = &self.over {
                return over.clone();
            }
            if let Some(step) = self.looking {
                return Next::Look(step.id.clone());
            }
            if let Some(step) = self.pending {
                return Next::Ask(step.id.clone());
            }
            let level = self.focus.last().copied();
            let flow = level.and_then(Step::flow).unwrap_or(self.flow);
            match (self.look_through(flow), level) {
                (Seen::First(next), _) => return next,
                (Seen::Passed, None) => self.finish(),
                (Seen::Failed, None) => self.refuse(Refusal::UnknownUser),
                (Seen::Passed, Some(step)) => {
                    self.pass(step);
                    self.leave();
                }
                (Seen::Failed, Some(step)) => {
                    self.set(step, ExecutionStatus::Failed);
                    self.leave();
                }
            }
        }
    }

    /// Takes the verdict of whoever was asked. One that nobody asked for is dropped.
    pub fn verdict(&mut self, verdict: Verdict) {
        self.verdicts = self.verdicts.saturating_add(1);
        if self.verdicts > VERDICTS_MAX {
            self.pending = None;
            self.refuse(Refusal::Internal);
            return;
        }
        if let Some(step) = self.looking.take() {
            self.held_verdict(step, verdict);
            return;
        }
        let Some(step) = self.pending.take() else {
            return;
        };
        self.held.clear();
        match verdict {
            Verdict::Proven(user) => self.identified(step, user, ExecutionStatus::Success),
            Verdict::Passed(user) => self.identified(step, user, ExecutionStatus::Attempted),
            Verdict::Asked => {
                self.set(step, ExecutionStatus::Challenged);
                for above in self.flow.path(&step.id).unwrap_or_default() {
                    self.set(above, ExecutionStatus::Challenged);
                }
                self.state.current = Some(step.id.clone());
                self.over = Some(Next::Wait(step.id.clone()));
            }
            Verdict::Closed => {
                self.set(step, ExecutionStatus::Failed);
                self.over = Some(Next::Closed(step.id.clone()));
            }
            Verdict::Refused(refusal) => {
                self.set(step, ExecutionStatus::Failed);
                self.refuse_at(step, refusal);
            }
            Verdict::Reset => {
                self.state = State::default();
                self.over = Some(Next::Reset);
            }
            // An authenticator is no condition.
            Verdict::Held(_) => self.refuse(Refusal::Internal),
        }
    }

    /// What the tab has come to.
    pub fn into_state(self) -> State {
        self.state
    }

    /// What the tab has come to so far.
    pub const fn state(&self) -> &State {
        &self.state
    }

    /// What followed from the walk since this was last asked.
    pub fn take_happened(&mut self) -> Vec<Happened> {
        std::mem::take(&mut self.happened)
    }

    fn focus_on(&mut self, execution: &str) {
        let mut path = self.flow.path(execution).unwrap_or_default();
        path.pop();
        self.focus = path;
    }

    fn leave(&mut self) {
        self.focus.pop();
        self.turns.clear();
        self.passed_over.clear();
        self.held.clear();
    }

    pub(super) fn set(&mut self, step: &Step, status: ExecutionStatus) {
        self.state.executions.insert(step.id.clone(), status);
    }

    pub(super) fn pass(&mut self, step: &Step) {
        self.held.clear();
        self.set(step, ExecutionStatus::Success);
        self.happened.push(Happened::Passed(step.id.clone()));
    }

    pub(super) fn ask(&mut self, step: &'f Step) -> Next {
        self.pending = Some(step);
        Next::Ask(step.id.clone())
    }

    pub(super) fn look(&mut self, step: &'f Step) -> Next {
        self.looking = Some(step);
        Next::Look(step.id.clone())
    }

    /// The top is passed: but nobody is signed in as nobody.
    fn finish(&mut self) {
        if self.state.user.is_none() {
            self.refuse(Refusal::UnknownUser);
            return;
        }
        self.state.current = None;
        self.over = Some(Next::Done);
    }

    fn refuse(&mut self, refusal: Refusal) {
        if self.refusals.is_empty() || refusal != Refusal::UnknownUser {
            self.refusals.push(refusal);
        }
        self.over = Some(Next::Refused(std::mem::take(&mut self.refusals)));
    }

    /// A refusal counts as "had nothing to say" of the nearest alternative above, so that another may
    /// be tried; without one it is the end.
    pub(super) fn refuse_at(&mut self, step: &Step, refusal: Refusal) {
        let path = self.flow.path(&step.id).unwrap_or_default();
        let below_focus = path.get(self.focus.len()..).unwrap_or_default();
        let mut flow = self
            .focus
            .last()
            .and_then(|step| step.flow())
            .unwrap_or(self.flow);
        let mut nearest = None;
        for above in below_focus {
            let (_, alternatives) = flow.lists();
            if alternatives.iter().any(|known| known.id == above.id) {
                nearest = Some(*above);
            }
            match above.flow() {
                Some(inner) => flow = inner,
                None => break,
            }
        }
        match nearest {
            Some(alternative) => {
                self.set(alternative, ExecutionStatus::Attempted);
                self.refusals.push(refusal);
            }
            None => self.refuse(refusal),
        }
    }

    /// A step says who it is. Never two users in one login: a proof of the one is none of the other.
    fn identified(&mut self, step: &'f Step, user: Option<Known>, status: ExecutionStatus) {
        if let Some(user) = user {
            let conflict = |known: &Known| known.id != user.id;
            if self.state.user.as_ref().is_some_and(conflict) {
                self.set(step, ExecutionStatus::Failed);
                self.refuse_at(step, Refusal::UserConflict);
                return;
            }
            if self.state.user.is_none() {
                // Conditions that asked about nobody are asked again about somebody.
                self.passed_over.clear();
            }
            self.state.user = Some(user);
        }
        if self.state.current.as_deref() == Some(&*step.id) {
            self.state.current = None;
        }
        self.set(step, status);
    }

    fn held_verdict(&mut self, step: &Step, verdict: Verdict) {
        match verdict {
            Verdict::Held(holds) => {
                let status = if holds {
                    ExecutionStatus::EvaluatedTrue
                } else {
                    ExecutionStatus::EvaluatedFalse
                };
                self.set(step, status);
                self.held.insert(step.id.clone(), holds);
            }
            Verdict::Refused(refusal) => {
                let path = self.flow.path(&step.id).unwrap_or_default();
                let above = path.iter().rev().nth(1).copied();
                match above {
                    Some(above) => self.refuse_at(above, refusal),
                    None => self.refuse(refusal),
                }
            }
            Verdict::Proven(_)
            | Verdict::Passed(_)
            | Verdict::Asked
            | Verdict::Closed
            | Verdict::Reset => self.refuse(Refusal::Internal),
        }
    }
}
