//! Failing on purpose: a test names the statement that fails, and sees what is left behind.

use std::sync::atomic::{AtomicI64, Ordering};

/// Makes one statement of a store fail. Counted are reads, the steps of each write in their order,
/// and the `COMMIT` of each batch of writes; a store without a plan counts nothing.
///
/// ```ignore
/// let plan = Arc::new(FaultPlan::default());
/// options.fault = Some(Arc::clone(&plan));
/// // … build a world …
/// plan.fail_at(3); // the third statement from here fails, once
/// ```
#[derive(Debug, Default)]
pub struct FaultPlan {
    /// Statements until the failing one; 0 or less: none fails.
    left: AtomicI64,
    /// Statements seen since the plan was last set.
    seen: AtomicI64,
}

impl FaultPlan {
    /// The `n`-th statement from now fails, and only that one. 0 takes the plan back.
    pub fn fail_at(&self, n: u32) {
        self.seen.store(0, Ordering::SeqCst);
        self.left.store(i64::from(n), Ordering::SeqCst);
    }

    /// How many statements were begun since [`FaultPlan::fail_at`]: when it stays below `n`, every
    /// statement of an operation has had its turn to fail.
    pub fn seen(&self) -> i64 {
        self.seen.load(Ordering::SeqCst)
    }

    /// Counts one statement; whether it has to fail.
    pub(crate) fn strikes(&self) -> bool {
        self.seen.fetch_add(1, Ordering::SeqCst);
        self.left.fetch_sub(1, Ordering::SeqCst) == 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_named_statement_fails() {
        let plan = FaultPlan::default();
        assert!((0..5).all(|_| !plan.strikes()));
        plan.fail_at(3);
        let struck: Vec<bool> = (0..5).map(|_| plan.strikes()).collect();
        assert_eq!(struck, [false, false, true, false, false]);
        assert_eq!(plan.seen(), 5);
    }
}
