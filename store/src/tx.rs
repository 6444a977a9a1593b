//! One write: a list of steps, each with the number of rows it must touch. Plain data until
//! [`crate::Store::commit`] sends it to the writer, which does all of it or nothing.

use std::collections::{BTreeMap, BTreeSet};

use claviger_model::RealmId;

use crate::revocation::Closing;
use crate::statement::Statement;
use crate::value::Value;

/// One statement of a job.
#[derive(Debug)]
pub(crate) struct Step {
    /// What to do.
    pub(crate) statement: &'static Statement,
    /// With what.
    pub(crate) args: Vec<Value>,
    /// How many rows it must touch; any number if none is named.
    pub(crate) rows: Option<u64>,
    /// How many milliseconds more than other writes it may take.
    pub(crate) patience: u64,
}

/// Patience with a statement that touches one row, in milliseconds.
pub(crate) const ONE_ROW: u64 = 1;
/// Patience with a statement that touches all that a realm has of something, in milliseconds.
const WHOLE_REALM: u64 = 5_000;

impl Step {
    /// The same step, which must touch so many rows.
    pub(crate) const fn touching(&mut self, rows: u64) {
        self.rows = Some(rows);
    }

    /// The same step, which touches all that a realm has of something.
    pub(crate) const fn of_a_whole_realm(&mut self) {
        self.patience = WHOLE_REALM;
    }

    /// Whether that many rows are as expected.
    pub(crate) fn fits(&self, touched: u64) -> bool {
        self.rows.is_none_or(|rows| rows == touched)
    }
}

/// One write, all or nothing.
#[derive(Debug, Default)]
#[must_use = "a write is nothing until it is committed"]
pub struct Tx {
    steps: Vec<Step>,
    /// Realms whose configuration changes, each with the version that it must have had.
    touched: BTreeMap<RealmId, Option<i64>>,
    fresh: BTreeSet<RealmId>,
    /// Whether somebody has to be told something once it is done.
    pub(crate) has_messages: bool,
    /// What is written last, for others wait for it.
    pub(crate) closing: Closing,
}

/// What became of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a write may not have happened"]
pub enum Commit {
    /// It is in the database, durably.
    Done,
    /// The named statement did not touch as many rows as it had to: something is gone or has
    /// changed since it was read. Nothing was written.
    Missed(&'static str),
    /// The named statement would have made a second row with the same key. Nothing was written.
    Conflict(&'static str),
}

impl Commit {
    /// Whether it was written.
    pub const fn is_done(&self) -> bool {
        matches!(self, Self::Done)
    }
}

impl Tx {
    /// Nothing to write yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty() && self.closing.is_empty()
    }

    /// Whether it puts a message into the outbox.
    pub const fn has_messages(&self) -> bool {
        self.has_messages
    }

    /// Adds a step.
    pub(crate) fn push(&mut self, statement: &'static Statement, args: Vec<Value>) -> &mut Step {
        self.steps.push(Step {
            statement,
            args,
            rows: None,
            patience: ONE_ROW,
        });
        let last = self.steps.len() - 1;
        #[expect(clippy::indexing_slicing, reason = "pushed above")]
        &mut self.steps[last]
    }

    /// Marks a realm's configuration as changed: its version grows in the same job.
    pub(crate) fn touch(&mut self, realm: &RealmId) {
        if !self.fresh.contains(realm) {
            self.touched.entry(realm.clone()).or_default();
        }
    }

    /// The same, if its version is still this one.
    pub(crate) fn touch_from(&mut self, realm: &RealmId, version: i64) {
        self.touched.insert(realm.clone(), Some(version));
    }

    /// A realm made, or deleted, by this write has no older version that anybody could hold.
    pub(crate) fn no_touch(&mut self, realm: &RealmId) {
        self.touched.remove(realm);
        self.fresh.insert(realm.clone());
    }

    /// All steps, and what closes the transaction. Realms' versions come first, by id: two writes that change the same realms wait
    /// for each other there and cannot deadlock further on.
    pub(crate) fn into_parts(self) -> (Vec<Step>, Closing) {
        let mut steps = Vec::with_capacity(self.touched.len() + self.steps.len());
        for (realm, version) in &self.touched {
            steps.push(crate::realm::version_step(realm, *version));
        }
        steps.extend(self.steps);
        (steps, self.closing)
    }
}
