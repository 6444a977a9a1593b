//! What a fold of the feed knows.

use serde_json::json;

use super::*;

const LATER: i64 = 1 << 40;

fn feed(room: usize) -> Feed {
    Feed::new(Duration::from_secs(30), room)
}

fn event(kind: &str, id: &str, data: &Value) -> Event {
    Event {
        id: Some(id.to_owned()),
        kind: kind.to_owned(),
        data: data.to_string(),
    }
}

fn record(mut names: Value, before_ms: i64, until: i64) -> Event {
    names["before_ms"] = before_ms.into();
    names["until"] = until.into();
    event("revocation", "5", &names)
}

fn revoked(feed: &Feed, claims: Value) -> bool {
    let Value::Object(claims) = claims else {
        panic!("claims are an object");
    };
    feed.is_revoked(&claims)
}

fn told(feed: &Feed, events: impl IntoIterator<Item = Event>) -> Result<(), Over> {
    let mut is_complete = false;
    events
        .into_iter()
        .try_for_each(|event| feed.fold(event, &mut is_complete))
}

#[test]
fn a_token_is_revoked_by_a_record_all_of_whose_names_are_its_own() {
    let token = json!({"sid": "s", "sub": "u", "azp": "c", "jti": "j", "iat": 100});
    for (names, expected) in [
        (json!({}), true),
        (json!({"sid": "s"}), true),
        (json!({"sid": "s", "client_id": "c"}), true),
        (json!({"sid": "s", "client_id": "other"}), false),
        (json!({"sub": "u"}), true),
        (json!({"sub": "c"}), false),
        (json!({"jti": "j", "sid": null}), true),
        (
            json!({"sid": "s", "sub": "u", "client_id": "c", "jti": "j"}),
            true,
        ),
        (
            json!({"sid": "s", "sub": "u", "client_id": "c", "jti": "k"}),
            false,
        ),
    ] {
        for (before_ms, is_older) in [(100_000, true), (99_999, false)] {
            let feed = feed(10);
            told(&feed, [record(names.clone(), before_ms, LATER)]).unwrap();
            assert_eq!(
                revoked(&feed, token.clone()),
                expected && is_older,
                "{names} {before_ms}"
            );
        }
    }
}

#[test]
fn what_a_token_does_not_say_matches_no_name_and_is_as_old_as_can_be() {
    let feed = feed(10);
    told(&feed, [record(json!({"sid": "s"}), 0, LATER)]).unwrap();
    assert!(!revoked(&feed, json!({"iat": 0})));
    assert!(!revoked(&feed, json!({"sid": "s", "iat": 1})));
    assert!(revoked(&feed, json!({"sid": "s"})));
    assert!(revoked(&feed, json!({"sid": "s", "iat": 0.9})));
    assert!(!revoked(&feed, json!({"sid": ["s"], "iat": 0})));
}

#[test]
fn of_records_with_the_same_names_the_farthest_counts() {
    let feed = feed(1);
    let first = now() + 10;
    told(
        &feed,
        [
            record(json!({"sub": "u"}), 5_000, first),
            record(json!({"sub": "u"}), 3_000, LATER),
        ],
    )
    .unwrap();
    assert!(revoked(&feed, json!({"sub": "u", "iat": 5})));
    assert_eq!(feed.read().records.values().next().unwrap().until, LATER);
}

#[test]
fn with_the_first_head_all_is_known() {
    let feed = feed(10);
    let mut is_complete = false;
    let head = event("head", "9", &json!({"head": 9}));
    feed.fold(record(json!({"sid": "s"}), 1, LATER), &mut is_complete)
        .unwrap();
    assert!(!feed.is_current());
    feed.fold(event("of later versions", "8", &json!(1)), &mut is_complete)
        .unwrap();
    assert_eq!(feed.read().since, Some(5));
    feed.fold(head, &mut is_complete).unwrap();
    assert!(feed.is_current());
    assert_eq!(feed.read().since, Some(9));
}

#[test]
fn a_record_that_cannot_be_read_is_not_passed_over() {
    let feed = feed(10);
    let broken = event(
        "revocation",
        "6",
        &json!({"sid": "s", "before_ms": "soon", "until": 1}),
    );
    let told = told(&feed, [record(json!({"sid": "r"}), 1, LATER), broken]);
    assert!(matches!(told, Err(Over::Lost(_))));
    assert_eq!(feed.read().since, Some(5));
}

#[test]
fn what_does_not_fit_makes_blind_until_something_runs_out() {
    let feed = feed(2);
    let head = || event("head", "9", &json!({}));
    told(
        &feed,
        [
            record(json!({"sid": "a"}), 1_000, LATER),
            record(json!({"sid": "b"}), 1_000, LATER),
            head(),
        ],
    )
    .unwrap();
    let over = told(&feed, [record(json!({"sid": "c"}), 1_000, LATER)]).unwrap_err();
    feed.end(&over);
    assert!(!feed.is_current());
    assert!(revoked(&feed, json!({"sid": "a", "iat": 1})));
    assert_eq!(feed.read().since, Some(9));
    // What ran out more than a minute ago makes room.
    for end in feed.write().records.values_mut() {
        end.until = now() - SKEW - 2;
    }
    told(&feed, [record(json!({"sid": "c"}), 1_000, LATER), head()]).unwrap();
    assert!(feed.is_current());
    assert_eq!(feed.read().records.len(), 1);
    assert!(!revoked(&feed, json!({"sid": "a", "iat": 1})));
    assert!(revoked(&feed, json!({"sid": "c", "iat": 1})));
}

#[test]
fn each_end_of_a_connection_has_its_consequence() {
    let (good, dead) = (
        json!({"sid": "good", "iat": 1}),
        json!({"sid": "dead", "iat": 1}),
    );
    let all = |over: &Over| {
        let feed = feed(10);
        told(
            &feed,
            [
                record(json!({"sid": "dead"}), 9_000, LATER),
                event("head", "9", &json!({})),
            ],
        )
        .unwrap();
        feed.end(over);
        let since = feed.read().since;
        (
            feed.is_current(),
            revoked(&feed, dead.clone()),
            revoked(&feed, good.clone()),
            since,
        )
    };
    let kept = Some(9);
    assert_eq!(all(&Over::Lost(String::new())), (true, true, false, kept));
    assert_eq!(
        all(&Over::Forbidden(StatusCode::FORBIDDEN)),
        (false, true, false, kept)
    );
    assert_eq!(all(&Over::RealmGone), (false, true, true, kept));
    assert_eq!(all(&Over::NeverGiven), (false, false, false, None));
}

#[test]
fn a_realm_that_is_gone_stays_gone_while_nobody_answers() {
    let feed = feed(1);
    feed.end(&Over::RealmGone);
    feed.end(&Over::Lost("503".to_owned()));
    assert!(revoked(&feed, json!({})));
    feed.end(&Over::Forbidden(StatusCode::UNAUTHORIZED));
    assert!(!revoked(&feed, json!({})));
}

#[test]
fn pauses_differ() {
    let pauses: Vec<Duration> = (0..50).map(|_| by_chance(PAUSE)).collect();
    assert!(
        pauses
            .iter()
            .all(|pause| (PAUSE / 2..=PAUSE).contains(pause))
    );
    assert!(pauses.iter().any(|pause| pause != &pauses[0]));
}
