//! The machine's clock is set: forwards, back, and to where no clock should be.

use claviger_engine::logout;
use claviger_model::{Millis, Seconds};
use claviger_testkit::Stage;
use claviger_testkit::stage::MORNING;
use serde_json::Value;

use crate::world::{alice, oidc, refresh, shop, userinfo};

const HOUR: Seconds = Seconds(3600);
const YEAR: Seconds = Seconds(365 * 24 * 3600);

fn back(span: Seconds) -> Seconds {
    Seconds(-span.0)
}

/// Introspects as a client that may.
async fn introspect(stage: &Stage, token: &str) -> Value {
    let form = [
        ("client_id", "api"),
        ("client_secret", "api-secret"),
        ("token", token),
    ];
    stage
        .post(&oidc("token/introspect"), &form)
        .await
        .is(200)
        .json()
}

/// Lifetimes are told as spans of time, never below zero, and never longer than configured.
fn assert_lifetimes(answer: &Value) {
    for (name, most) in [("expires_in", 300), ("refresh_expires_in", 1800)] {
        let span = answer[name].as_i64().unwrap();
        assert!((0..=most).contains(&span), "{name}: {span}");
    }
}

#[tokio::test]
async fn a_clock_that_is_set_back_ends_nothing_and_lengthens_nothing() {
    let stage = shop().await;
    let first = alice(&stage).await.json();
    stage.wait(back(HOUR));
    let text = |answer: &Value, name: &str| answer[name].as_str().unwrap().to_owned();
    userinfo(&stage, &text(&first, "access_token"))
        .await
        .is(200);
    let renewed = refresh(&stage, &text(&first, "refresh_token"))
        .await
        .is(200);
    assert_lifetimes(&renewed.json());
    // An hour later the clock says what it had said before, and the session is an hour older.
    stage.wait(HOUR);
    let answer = refresh(&stage, &renewed.member("refresh_token")).await;
    assert_eq!(
        answer.status, 400,
        "a session lives for half an hour unused"
    );
}

#[tokio::test]
async fn a_clock_that_was_far_ahead_for_a_moment_has_ended_nothing() {
    let stage = shop().await;
    let answer = alice(&stage).await;
    let (access, token) = (
        answer.member("access_token"),
        answer.member("refresh_token"),
    );
    stage.wait(YEAR);
    userinfo(&stage, &access).await.is(401);
    stage.wait(back(YEAR));
    userinfo(&stage, &access).await.is(200);
    let answer = refresh(&stage, &token).await.is(200);
    assert_lifetimes(&answer.json());
}

#[tokio::test]
async fn what_was_ended_stays_ended_whatever_the_clock_says_later() {
    let stage = shop().await;
    let answer = alice(&stage).await;
    let (access, token) = (
        answer.member("access_token"),
        answer.member("refresh_token"),
    );
    let kept = alice(&stage).await.member("refresh_token");
    let form = [("client_id", "app"), ("refresh_token", token.as_str())];
    stage.post(&oidc("logout"), &form).await.is(204);
    for jump in [back(YEAR), YEAR, back(HOUR), HOUR] {
        stage.wait(jump);
        userinfo(&stage, &access).await.is(401);
        refresh(&stage, &token).await.is(400);
        assert_eq!(introspect(&stage, &access).await["active"], false);
    }
    refresh(&stage, &kept).await.is(200);
    // Neither comes back what expired, and was ended for that.
    stage.wait(YEAR);
    while logout::end_expired(&stage.app, stage.app.now())
        .await
        .unwrap()
        > 0
    {}
    stage.wait(back(YEAR));
    refresh(&stage, &kept).await.is(400);
}

#[tokio::test]
async fn at_the_ends_of_time_there_are_answers_and_no_failures() {
    let stage = shop().await;
    let first = alice(&stage).await;
    let (access, token) = (first.member("access_token"), first.member("refresh_token"));
    let mut now = MORNING;
    for at in [
        Millis(0),
        Millis(-1_000),
        Millis(i64::from(i32::MAX) * 1000),
        Millis(253_402_300_800_000),
        Millis(i64::MAX / 1000 * 1000),
        Millis(i64::MIN / 1000 * 1000),
        MORNING,
    ] {
        stage.wait(Seconds(at.0 / 1000 - now.0 / 1000));
        now = at;
        for status in [
            userinfo(&stage, &access).await.status.as_u16(),
            refresh(&stage, &token).await.status.as_u16(),
        ] {
            assert!(status < 500, "{status} at {}", at.0);
        }
        let form = [
            ("grant_type", "password"),
            ("client_id", "app"),
            ("username", "alice"),
            ("password", "wonderland"),
        ];
        let answer = stage.post(&oidc("token"), &form).await;
        assert!(
            answer.status.as_u16() < 500,
            "{} at {}",
            answer.text(),
            at.0
        );
        if answer.status == 200 {
            assert_lifetimes(&answer.json());
        }
    }
}
