//! What is remembered of failed logins.

use crate::Millis;

/// How often somebody failed to sign in as one user since the last success.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LoginFailures {
    /// Grows with each change: of two changes made of the same state one is refused.
    pub revision: i64,
    /// Failures, of whatever proof.
    pub failures: i64,
    /// Failures of a second factor alone; outlives a success without one.
    pub secondary_failures: i64,
    /// How often the account was locked for a time.
    pub temporary_lockouts: i64,
    /// When it failed last; 0 where it was forgotten.
    pub last_failure: Millis,
    /// From where it failed last.
    pub last_ip_address: String,
    /// Until when nobody gets in; 0 for no lock.
    pub locked_until: Millis,
}
