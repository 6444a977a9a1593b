//! Many requests about one session at the same moment.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use claviger_model::Seconds;
use claviger_model::session::SessionKind;
use claviger_testkit::{Reply, Stage};
use serde_json::json;

use crate::world::{alice, oidc, realm, refresh, userinfo};

async fn shop(rotating: bool) -> Stage {
    let stage = Stage::open(claviger_oidc::router()).await;
    let mut realm = realm();
    realm["revokeRefreshToken"] = json!(rotating);
    realm["refreshTokenMaxReuse"] = json!(0);
    stage.import(realm).await;
    stage
}

/// Refreshes with one token, so many times at once.
async fn refresh_at_once(stage: &Stage, token: &str, times: usize) -> Vec<Reply> {
    let calls: Vec<_> = (0..times)
        .map(|_| {
            let (stage, token) = (stage.clone(), token.to_owned());
            tokio::spawn(async move { refresh(&stage, &token).await })
        })
        .collect();
    let mut replies = Vec::new();
    for call in calls {
        replies.push(call.await.unwrap());
    }
    replies
}

async fn sessions(stage: &Stage) -> usize {
    let realm = stage.app.realm("shop").await.unwrap().unwrap();
    let found = stage
        .app
        .store
        .sessions_of_realm(&realm.id, SessionKind::Online, 100)
        .await;
    found.unwrap().len()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_who_use_one_refresh_token_one_wins() {
    let stage = shop(true).await;
    for _ in 0..5 {
        let token = alice(&stage).await.member("refresh_token");
        let replies = refresh_at_once(&stage, &token, 32).await;
        let (won, lost): (Vec<_>, Vec<_>) = replies.iter().partition(|reply| reply.status == 200);
        assert_eq!(won.len(), 1);
        for reply in lost {
            assert_eq!(reply.status, 400, "{}", reply.text());
            assert_eq!(reply.member("error"), "invalid_grant");
        }
        // A token that was used twice was stolen: what the winner holds is worth nothing either.
        let _ = refresh(&stage, &won[0].member("refresh_token"))
            .await
            .is(400);
        let _ = userinfo(&stage, &won[0].member("access_token"))
            .await
            .is(401);
    }
}

#[tokio::test]
async fn a_successor_is_good_though_the_second_turns_while_it_is_made() {
    let stage = shop(true).await;
    let mut token = alice(&stage).await.member("refresh_token");
    stage.app.clock.pace(Seconds(1));
    for _ in 0..4 {
        token = refresh(&stage, &token)
            .await
            .is(200)
            .member("refresh_token");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn without_rotation_all_of_them_win() {
    let stage = shop(false).await;
    let token = alice(&stage).await.member("refresh_token");
    for reply in refresh_at_once(&stage, &token, 32).await {
        assert_eq!(reply.status, 200, "{}", reply.text());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn after_the_answer_to_a_logout_nobody_refreshes() {
    for rotating in [false, true] {
        let stage = shop(rotating).await;
        for _ in 0..10 {
            let token = alice(&stage).await.member("refresh_token");
            let over = Arc::new(AtomicBool::new(false));
            let refreshing: Vec<_> = (0..8)
                .map(|_| {
                    let (stage, token, over) = (stage.clone(), token.clone(), Arc::clone(&over));
                    tokio::spawn(async move {
                        let mut got = Vec::new();
                        for _ in 0..4 {
                            let late = over.load(Ordering::SeqCst);
                            let reply = refresh(&stage, &token).await;
                            assert!(
                                matches!(reply.status.as_u16(), 200 | 400),
                                "{}",
                                reply.text()
                            );
                            assert!(!(late && reply.status == 200), "refreshed after the logout");
                            if reply.status == 200 {
                                got.push(reply);
                            }
                        }
                        got
                    })
                })
                .collect();
            tokio::task::yield_now().await;
            let form = [("client_id", "app"), ("refresh_token", token.as_str())];
            let _ = stage.post(&oidc("logout"), &form).await.is(204);
            over.store(true, Ordering::SeqCst);
            for task in refreshing {
                for reply in task.await.unwrap() {
                    let _ = refresh(&stage, &reply.member("refresh_token"))
                        .await
                        .is(400);
                    let _ = userinfo(&stage, &reply.member("access_token"))
                        .await
                        .is(401);
                }
            }
            assert_eq!(sessions(&stage).await, 0);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_token_can_be_given_back_by_many_at_once() {
    let stage = shop(true).await;
    for name in ["access_token", "refresh_token"] {
        let tokens = alice(&stage).await;
        let token = tokens.member(name);
        let calls: Vec<_> = (0..16)
            .map(|_| {
                let (stage, token) = (stage.clone(), token.clone());
                tokio::spawn(async move {
                    let form = [("client_id", "app"), ("token", token.as_str())];
                    stage.post(&oidc("revoke"), &form).await
                })
            })
            .collect();
        for call in calls {
            let _ = call.await.unwrap().is(200);
        }
        let _ = userinfo(&stage, &tokens.member("access_token"))
            .await
            .is(401);
        let alive = usize::from(name == "access_token");
        assert_eq!(sessions(&stage).await, alive, "{name}");
        let form = [
            ("client_id", "app"),
            ("refresh_token", &*tokens.member("refresh_token")),
        ];
        let _ = stage.post(&oidc("logout"), &form).await.is(204);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_session_is_logged_out_once_by_many() {
    let stage = shop(false).await;
    let token = alice(&stage).await.member("refresh_token");
    let calls: Vec<_> = (0..16)
        .map(|_| {
            let (stage, token) = (stage.clone(), token.clone());
            tokio::spawn(async move {
                let form = [("client_id", "app"), ("refresh_token", token.as_str())];
                stage.post(&oidc("logout"), &form).await
            })
        })
        .collect();
    for call in calls {
        let _ = call.await.unwrap().is(204);
    }
    assert_eq!(sessions(&stage).await, 0);
}
