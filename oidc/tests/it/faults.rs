//! The database fails at any statement: the answer is an error, and nothing is half done.

use std::sync::Arc;

use claviger_model::Seconds;
use claviger_model::session::SessionKind;
use claviger_store::{EventQuery, FaultPlan};
use claviger_testkit::{Ground, Reply, Stage};
use serde_json::json;

use crate::world::{alice, oidc, realm};

/// How many statements one request has at most.
const STATEMENTS_MAX: u32 = 200;

struct World {
    stage: Stage,
    plan: Arc<FaultPlan>,
}

/// A client's part in a session: the refresh token used last, and how many were.
type Part = (Option<String>, i32);

/// What the database holds: online and offline sessions with their parts, revoked or not, events.
#[derive(Clone, Debug, PartialEq, Eq)]
struct State {
    sessions: Vec<(String, i64, Vec<Part>)>,
    events: Vec<(String, Option<String>)>,
}

impl World {
    async fn open() -> Self {
        let plan = Arc::new(FaultPlan::default());
        let mut ground = Ground::new();
        ground.options.fault = Some(Arc::clone(&plan));
        let stage = Stage::over(ground, claviger_oidc::router()).await;
        let mut realm = realm();
        realm["revokeRefreshToken"] = json!(true);
        realm["refreshTokenMaxReuse"] = json!(0);
        realm["enabledEventTypes"] = json!([
            "LOGIN",
            "LOGOUT",
            "REFRESH_TOKEN",
            "REVOKE_GRANT",
            "CLIENT_LOGIN"
        ]);
        stage.import(realm).await;
        Self { stage, plan }
    }

    async fn state(&self) -> State {
        self.plan.fail_at(0);
        let realm = self.stage.app.realm("shop").await.unwrap().unwrap();
        let store = &self.stage.app.store;
        let mut sessions = Vec::new();
        for kind in SessionKind::ALL {
            for session in store
                .sessions_of_realm(&realm.id, kind, 1_000)
                .await
                .unwrap()
            {
                let parts = store
                    .client_sessions(&realm.id, kind, &session.id)
                    .await
                    .unwrap();
                let parts = parts
                    .into_iter()
                    .map(|part| (part.refresh_token_id, part.refresh_token_uses));
                let id = session.id.as_str().to_owned();
                sessions.push((id, session.last_refresh.0, parts.collect()));
            }
        }
        sessions.sort();
        let query = EventQuery {
            max: 1_000,
            ..EventQuery::default()
        };
        let events = store.events(&realm.id, &query).await.unwrap();
        let events = events
            .into_iter()
            .map(|event| (event.kind, event.session_id))
            .collect();
        State { sessions, events }
    }

    async fn post(&self, endpoint: &str, form: &[(&str, &str)]) -> Reply {
        self.stage.post(&oidc(endpoint), form).await
    }

    /// Sends one request again and again, each time with a later statement failing, until all have
    /// had their turn. Then it succeeds, once. Returns how many statements it has.
    async fn try_all(&self, endpoint: &str, form: &[(&str, &str)], success: u16) -> u32 {
        for n in 1..STATEMENTS_MAX {
            self.stage.wait(Seconds(1));
            let before = self.state().await;
            self.plan.fail_at(n);
            let answer = self.post(endpoint, form).await;
            let done = self.plan.seen() < i64::from(n);
            let after = self.state().await;
            if done {
                assert_eq!(
                    answer.status.as_u16(),
                    success,
                    "{endpoint}: {}",
                    answer.text()
                );
                assert_ne!(before, after, "{endpoint}");
                for (id, _, parts) in &after.sessions {
                    assert!(!parts.is_empty(), "{endpoint}: session {id} has no part");
                }
                return n - 1;
            }
            assert!(
                answer.status.is_server_error(),
                "{endpoint}, statement {n}: {}",
                answer.text()
            );
            assert!(
                !answer.text().contains("on purpose"),
                "the cause is for the log"
            );
            assert_eq!(
                before, after,
                "{endpoint}: statement {n} left something behind"
            );
        }
        panic!("{endpoint} has no end of statements");
    }
}

#[tokio::test]
async fn a_sign_in_happens_as_a_whole() {
    let world = World::open().await;
    let form = [
        ("grant_type", "password"),
        ("client_id", "app"),
        ("username", "alice"),
        ("password", "wonderland"),
        ("scope", "openid"),
    ];
    assert!(world.try_all("token", &form, 200).await > 3);
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", "web"),
        ("client_secret", "web-secret"),
    ];
    assert!(world.try_all("token", &form, 200).await > 3);
}

#[tokio::test]
async fn a_refresh_happens_as_a_whole() {
    let world = World::open().await;
    let token = alice(&world.stage).await.member("refresh_token");
    let form = [
        ("grant_type", "refresh_token"),
        ("client_id", "app"),
        ("refresh_token", &token),
    ];
    assert!(world.try_all("token", &form, 200).await > 3);
    // The token was used exactly once, whatever had failed before.
    let state = world.state().await;
    assert_eq!(state.sessions[0].2[0].1, 1);
}

#[tokio::test]
async fn a_logout_happens_as_a_whole() {
    let world = World::open().await;
    let token = alice(&world.stage).await.member("refresh_token");
    let form = [("client_id", "app"), ("refresh_token", token.as_str())];
    assert!(world.try_all("logout", &form, 204).await > 3);
    assert!(world.state().await.sessions.is_empty());
}

#[tokio::test]
async fn a_token_is_given_back_as_a_whole() {
    for name in ["access_token", "refresh_token"] {
        let world = World::open().await;
        let token = alice(&world.stage).await.member(name);
        let form = [("client_id", "app"), ("token", token.as_str())];
        assert!(world.try_all("revoke", &form, 200).await > 3, "{name}");
        let alive = usize::from(name == "access_token");
        assert_eq!(world.state().await.sessions.len(), alive, "{name}");
    }
}
