//! The counts, step by step, where the oracle's scenarios do not reach.

use proptest::prelude::*;

use super::*;

const AT: i64 = 1_795_392_000;
const NOT_HASTY: i64 = 2_000;

/// The settings of a new realm, protected, with a factor of three.
fn settings() -> BruteForce {
    BruteForce {
        enabled: true,
        permanent_lockout: false,
        max_temporary_lockouts: 0,
        strategy: BruteForceStrategy::Multiple,
        failure_factor: 3,
        wait_increment: Seconds(60),
        max_failure_wait: Seconds(900),
        quick_login_check_millis: 1_000,
        minimum_quick_login_wait: Seconds(60),
        max_delta_time: Seconds(43_200),
        max_secondary_auth_failures: 0,
    }
}

/// How long each of some failures locks, in seconds, one every `gap` milliseconds.
fn waits(settings: &BruteForce, gap: i64, count: usize) -> Vec<i64> {
    let (mut before, mut waits) = (None, Vec::new());
    for at in (0..)
        .map(|step| Millis(AT * 1_000 + step * gap))
        .take(count)
    {
        let (after, verdict) = counted(settings, before.as_ref(), (Proof::First, "a"), at);
        waits.push(match verdict {
            Verdict::Counted => 0,
            Verdict::LockedFor { until } => until.seconds().0 - at.seconds().0,
        });
        before = Some(after);
    }
    waits
}

#[test]
fn waiting_grows_by_multiples_of_the_factor() {
    let waits = waits(&settings(), NOT_HASTY, 9);
    assert_eq!(waits, [0, 0, 60, 60, 60, 120, 120, 120, 180]);
}

#[test]
fn waiting_grows_with_each_failure() {
    let linear = BruteForce {
        strategy: BruteForceStrategy::Linear,
        ..settings()
    };
    assert_eq!(waits(&linear, NOT_HASTY, 5), [0, 0, 60, 120, 180]);
}

#[test]
fn a_factor_that_is_none_locks_at_once() {
    for factor in [0, -1, 1] {
        let strict = BruteForce {
            failure_factor: factor,
            ..settings()
        };
        assert_eq!(waits(&strict, NOT_HASTY, 2), [60, 120], "{factor}");
    }
}

#[test]
fn nobody_waits_longer_than_the_longest_wait() {
    let short = BruteForce {
        max_failure_wait: Seconds(70),
        ..settings()
    };
    assert_eq!(waits(&short, NOT_HASTY, 6), [0, 0, 60, 60, 60, 70]);
}

#[test]
fn two_failures_in_haste_are_a_machines() {
    assert_eq!(waits(&settings(), 999, 4), [0, 60, 60, 60]);
    assert_eq!(waits(&settings(), 1_000, 3), [0, 0, 60]);
    let (after, _) = counted(
        &settings(),
        Some(&LoginFailures {
            failures: 1,
            last_failure: Millis(AT * 1_000),
            ..LoginFailures::default()
        }),
        (Proof::First, "a"),
        Millis(AT * 1_000 + 1),
    );
    assert_eq!(
        after.temporary_lockouts, 0,
        "no lock that leads to one for good"
    );
}

#[test]
fn failures_are_forgotten_after_a_time_but_not_where_the_lock_is_for_good() {
    let long_ago = LoginFailures {
        revision: 7,
        failures: 2,
        secondary_failures: 2,
        temporary_lockouts: 1,
        last_failure: Millis(AT * 1_000),
        last_ip_address: "a".to_owned(),
        locked_until: Millis(AT * 1_000),
    };
    let count = |settings: &BruteForce, millis| {
        let now = Millis(AT * 1_000 + millis);
        counted(settings, Some(&long_ago), (Proof::First, "b"), now).0
    };
    let forgotten = count(&settings(), 43_200_001);
    assert_eq!((forgotten.failures, forgotten.temporary_lockouts), (1, 0));
    assert_eq!(forgotten.secondary_failures, 2);
    assert_eq!(forgotten.last_ip_address, "b");
    assert_eq!(count(&settings(), 43_200_000).failures, 3);
    let for_good = BruteForce {
        permanent_lockout: true,
        ..settings()
    };
    assert_eq!(count(&for_good, 43_200_001).failures, 3);
}

#[test]
fn so_many_locks_for_a_time_and_then_one_for_good() {
    let for_good = BruteForce {
        permanent_lockout: true,
        max_temporary_lockouts: 1,
        failure_factor: 2,
        ..settings()
    };
    let mut before: Option<LoginFailures> = None;
    let mut seen = Vec::new();
    for step in 0..3 {
        let now = Millis(AT * 1_000 + step * 100_000);
        let (after, verdict) = counted(&for_good, before.as_ref(), (Proof::First, "a"), now);
        seen.push((
            after.temporary_lockouts,
            verdict != Verdict::Counted,
            is_over(&for_good, Some(&after)),
        ));
        before = Some(after);
    }
    assert_eq!(
        seen,
        [(0, false, false), (1, true, false), (2, false, true)]
    );
}

#[test]
fn second_factors_are_counted_by_themselves() {
    let strict = BruteForce {
        failure_factor: 100,
        max_secondary_auth_failures: 2,
        ..settings()
    };
    let (mut before, mut over) = (None, Vec::new());
    for step in 0..4 {
        let proof = if step == 0 {
            Proof::First
        } else {
            Proof::Second
        };
        let now = Millis(AT * 1_000 + step * 10_000);
        let (after, _) = counted(&strict, before.as_ref(), (proof, "a"), now);
        over.push((
            after.secondary_failures,
            is_over_at_once(&strict, proof, &after),
        ));
        before = Some(after);
    }
    assert_eq!(over, [(0, false), (1, false), (2, false), (3, true)]);
}

#[test]
fn a_lock_ends_on_the_second_that_was_told() {
    let locked = LoginFailures {
        locked_until: Millis(60_000),
        ..LoginFailures::default()
    };
    let cases = [(59_999, true), (60_000, false), (60_001, false)];
    for (now, waiting) in cases {
        assert_eq!(is_waiting(Some(&locked), Millis(now)), waiting, "{now}");
    }
    assert!(!is_waiting(None, Millis(0)));
}

#[test]
fn instants_are_told_as_java_prints_them() {
    let cases = [
        (1_795_415_271_000, "2026-11-23T06:27:51"),
        (1_795_415_280_999, "2026-11-23T06:28"),
        (951_782_400_000, "2000-02-29T00:00"),
    ];
    for (at, told) in cases {
        assert_eq!(local_time(Millis(at)), told);
    }
}

proptest! {
    /// Whatever an administrator sets: no overflow, no division by nothing, and the failure counts.
    #[test]
    fn any_settings_count(
        numbers in proptest::array::uniform8(any::<i64>()),
        permanent: bool,
        linear: bool,
        failures: i64,
        last: i64,
        now: i64,
    ) {
        let [factor, increment, longest, quick, minimum, delta, second, locks] = numbers;
        let settings = BruteForce {
            enabled: true,
            permanent_lockout: permanent,
            max_temporary_lockouts: locks,
            strategy: if linear { BruteForceStrategy::Linear } else { BruteForceStrategy::Multiple },
            failure_factor: factor,
            wait_increment: Seconds(increment),
            max_failure_wait: Seconds(longest),
            quick_login_check_millis: quick,
            minimum_quick_login_wait: Seconds(minimum),
            max_delta_time: Seconds(delta),
            max_secondary_auth_failures: second,
        };
        let before = LoginFailures { failures, last_failure: Millis(last), ..LoginFailures::default() };
        let (after, _) = counted(&settings, Some(&before), (Proof::Second, "a"), Millis(now));
        prop_assert!(after.failures == failures.saturating_add(1) || after.failures == 1);
        prop_assert_eq!(after.last_failure, Millis(now));
    }
}
