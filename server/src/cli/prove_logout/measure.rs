//! From the answer of a door to the first refusal.

use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::{Instant, sleep, timeout_at};

use super::carrier::{Before, Carrier, Said};
use super::door::Door;
use super::report::{Outcome, Row};

/// How long a question rests after an answer: first it is early that matters, later that nobody is disturbed.
const PAUSES: [(Duration, Duration); 3] = [
    (Duration::from_millis(500), Duration::from_millis(2)),
    (Duration::from_secs(3), Duration::from_millis(25)),
    (Duration::MAX, Duration::from_millis(200)),
];

/// Asks everybody, opens the door, and asks until they refuse. One row for each.
pub async fn through(
    door: Door,
    carriers: &[Carrier<'_>],
    patience: Duration,
    open: impl AsyncFnOnce() -> anyhow::Result<()>,
) -> Vec<Row> {
    let before = join_all(carriers.iter().map(|one| find(one, door))).await;
    if let Err(error) = open().await {
        return vec![Row::of_door(door, Outcome::Failed(format!("{error:#}")))];
    }
    let answered = Instant::now();
    let asked = carriers
        .iter()
        .zip(before)
        .map(async |(carrier, before)| match before {
            Some(outcome) => outcome,
            None => until_refused(carrier, answered, patience).await,
        });
    let outcomes = join_all(asked).await;
    // What was refused once stays refused.
    let again = carriers
        .iter()
        .zip(outcomes)
        .map(async |(carrier, outcome)| {
            let is_denied = matches!(outcome, Outcome::Denied { .. });
            let outcome = if is_denied && matches!(carrier.ask().await, Ok(Said::Accepts)) {
                Outcome::AcceptedAgain
            } else {
                outcome
            };
            Row {
                door: door.name(),
                carrier: carrier.name(),
                at: carrier.at.to_owned(),
                outcome,
            }
        });
    join_all(again).await
}

/// What is known of a carrier before the door opens; none if it is to be measured.
async fn find(carrier: &Carrier<'_>, door: Door) -> Option<Outcome> {
    match carrier.before().await {
        Before::Absent(how) => Some(Outcome::NotConfigured(how)),
        Before::Failed(why) => Some(Outcome::Failed(why)),
        Before::Ready => {
            let why = carrier.is_silent_about(door)?;
            Some(Outcome::NotTold(why.to_owned()))
        }
    }
}

async fn until_refused(carrier: &Carrier<'_>, answered: Instant, patience: Duration) -> Outcome {
    let deadline = answered + patience;
    let (mut accepted, mut last) = (0_u32, None);
    loop {
        match timeout_at(deadline, carrier.ask()).await {
            Ok(Ok(Said::Refuses)) => {
                let after = answered.elapsed();
                return Outcome::Denied { after, accepted };
            }
            Ok(Ok(Said::Accepts)) => {
                accepted = accepted.saturating_add(1);
                last = None;
            }
            Ok(Ok(Said::Neither(_, told))) => last = Some(format!("answers {told}")),
            Ok(Err(error)) => last = Some(format!("{error:#}")),
            Err(_) => {}
        }
        let elapsed = answered.elapsed();
        if elapsed >= patience {
            break;
        }
        let pause = PAUSES.iter().find(|(until, _)| elapsed < *until);
        sleep(pause.map_or(Duration::ZERO, |(_, pause)| *pause)).await;
    }
    match last {
        Some(told) => Outcome::Failed(told),
        None if carrier.is_open_to_all().await => Outcome::Accepted {
            accepted,
            why: "still accepts, and lets everybody in without a token".to_owned(),
        },
        None => Outcome::Accepted {
            accepted,
            why: "still accepts the token".to_owned(),
        },
    }
}
