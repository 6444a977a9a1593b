//! What was found, for people and for programs.

use std::fmt::Write as _;
use std::time::Duration;

use serde_json::{Value, json};

use super::door::Door;

/// What became of one question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Refused, so long after the door's answer, and so many questions were answered well before.
    Denied {
        /// From the door's answer to the answer that refused.
        after: Duration,
        /// Questions after the door's answer that were accepted.
        accepted: u32,
    },
    /// A signature and what it says are as they should be.
    Verified(String),
    /// Not refused in time.
    Accepted {
        /// Questions that were accepted.
        accepted: u32,
        /// What is known of the reason.
        why: String,
    },
    /// Refused, and then accepted.
    AcceptedAgain,
    /// Off, with how to turn it on.
    NotConfigured(String),
    /// Not meant to tell of this, with the reason.
    NotTold(String),
    /// Could not be asked, or gave no usable answer.
    Failed(String),
}

impl Outcome {
    /// The name in JSON.
    const fn name(&self) -> &'static str {
        match self {
            Self::Denied { .. } => "denied",
            Self::Verified(_) => "verified",
            Self::Accepted { .. } => "accepted",
            Self::AcceptedAgain => "accepted_again",
            Self::NotConfigured(_) => "not_configured",
            Self::NotTold(_) => "not_told",
            Self::Failed(_) => "failed",
        }
    }

    const fn is_failure(&self) -> bool {
        match self {
            Self::Accepted { .. } | Self::AcceptedAgain | Self::Failed(_) => true,
            Self::Denied { .. } | Self::Verified(_) | Self::NotConfigured(_) | Self::NotTold(_) => {
                false
            }
        }
    }

    fn remark(&self) -> &str {
        match self {
            Self::Denied { .. } => "",
            Self::AcceptedAgain => "accepts the token again, after it was refused",
            Self::Verified(text)
            | Self::Accepted { why: text, .. }
            | Self::NotConfigured(text)
            | Self::NotTold(text)
            | Self::Failed(text) => text,
        }
    }

    const fn accepted(&self) -> Option<u32> {
        match self {
            Self::Denied { accepted, .. } | Self::Accepted { accepted, .. } => Some(*accepted),
            Self::Verified(_)
            | Self::AcceptedAgain
            | Self::NotConfigured(_)
            | Self::NotTold(_)
            | Self::Failed(_) => None,
        }
    }
}

/// One question at one place after one door.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The door's name.
    pub door: &'static str,
    /// Who was asked; empty if the row is about the door itself.
    pub carrier: &'static str,
    /// Where.
    pub at: String,
    /// What became of it.
    pub outcome: Outcome,
}

impl Row {
    /// A row about a door itself.
    pub const fn of_door(door: Door, outcome: Outcome) -> Self {
        Self {
            door: door.name(),
            carrier: "",
            at: String::new(),
            outcome,
        }
    }

    /// A door that was not opened.
    pub fn left_out(door: Door, how: &str) -> Self {
        Self::of_door(door, Outcome::NotConfigured(how.to_owned()))
    }
}

/// All of it.
pub struct Report {
    /// The realm.
    pub realm: String,
    /// Where it was asked.
    pub servers: Vec<String>,
    /// How long a refusal was waited for.
    pub timeout: Duration,
    /// In the order of asking.
    pub rows: Vec<Row>,
}

impl Report {
    /// How many rows are not as they should be.
    pub fn failures(&self) -> usize {
        let failed = self.rows.iter().filter(|row| row.outcome.is_failure());
        failed.count()
    }

    /// One object.
    pub fn json(&self) -> Value {
        let rows: Vec<Value> = self
            .rows
            .iter()
            .map(|row| {
                let mut line = json!({
                    "door": row.door,
                    "carrier": row.carrier,
                    "at": row.at,
                    "outcome": row.outcome.name(),
                    "accepted_after": row.outcome.accepted(),
                    "reason": row.outcome.remark(),
                });
                if let (Outcome::Denied { after, .. }, Value::Object(line)) =
                    (&row.outcome, &mut line)
                {
                    line.insert("denied_after_ms".to_owned(), json!(milliseconds(*after)));
                }
                if let Value::Object(line) = &mut line {
                    line.retain(|_, value| !value.is_null() && value != "");
                }
                line
            })
            .collect();
        json!({
            "realm": self.realm,
            "servers": self.servers,
            "timeout_seconds": self.timeout.as_secs(),
            "proved": self.failures() == 0,
            "checks": rows,
        })
    }

    /// One line for each row, below the name of its door.
    pub fn table(&self) -> String {
        let mut table = format!("Realm {} at {}\n", self.realm, self.servers.join(", "));
        let width = self.rows.iter().map(|row| row.at.chars().count()).max();
        let width = width.unwrap_or(0);
        let mut door = "";
        for row in &self.rows {
            if row.door != door {
                door = row.door;
                let _ = writeln!(table, "\n{door}");
            }
            let result = match &row.outcome {
                Outcome::Denied { after, accepted: 0 } => {
                    format!("denied after {:.1} ms", milliseconds(*after))
                }
                Outcome::Denied { after, accepted } => format!(
                    "denied after {:.1} ms, {accepted} accepted before",
                    milliseconds(*after)
                ),
                Outcome::Verified(text) => format!("verified: {text}"),
                Outcome::NotConfigured(text) => format!("not configured: {text}"),
                Outcome::NotTold(text) => format!("not told: {text}"),
                outcome @ (Outcome::Accepted { .. }
                | Outcome::AcceptedAgain
                | Outcome::Failed(_)) => format!("FAILED: {}", outcome.remark()),
            };
            let _ = writeln!(table, "  {:<13}  {:<width$}  {result}", row.carrier, row.at);
        }
        let seconds = self.timeout.as_secs();
        let _ = match self.failures() {
            0 => writeln!(
                table,
                "\nProved: whoever is configured refused in time (within {seconds} s), and nobody accepted again."
            ),
            failures => writeln!(table, "\nNOT PROVED: {failures} failed."),
        };
        table
    }
}

fn milliseconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}
