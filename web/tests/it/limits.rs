//! How many sessions somebody may have, where a flow limits them.

use claviger_model::Seconds;
use serde_json::{Value, json};

use crate::flows::{add, ask, configure};
use crate::world::{Visitor, realm, stage};

#[tokio::test]
async fn sessions_beyond_the_limit_are_refused_or_end() {
    for (behavior, denies) in [
        ("Deny new session", true),
        ("Terminate oldest session", false),
    ] {
        let stage = stage(limited(behavior, "2", "0")).await;
        let mut sessions = Vec::new();
        for _ in 0..2 {
            let got = Visitor::new(&stage)
                .sign_in("app", "alice", "wonderland")
                .await;
            sessions.extend(got.parameter("session_state"));
            stage.wait(Seconds(5));
        }
        let mut third = Visitor::new(&stage);
        let got = third.sign_in("app", "alice", "wonderland").await;
        assert_eq!(got.has_code(), !denies, "{behavior}");
        let left = third.sessions_of("alice").await;
        let first = left
            .iter()
            .any(|session| session.id.as_str() == sessions[0]);
        assert_eq!((left.len(), first), (2, denies), "{behavior}");
    }
}

/// The shop, where a flow limits sessions: those of a user at all, and those at one client. Zero is no
/// limit.
fn limited(behavior: &str, at_all: &str, at_client: &str) -> Value {
    let mut file = realm();
    add(
        &mut file,
        "limited",
        true,
        vec![
            ask("auth-username-password-form", "REQUIRED", ""),
            ask("user-session-limits", "REQUIRED", "limits"),
        ],
    );
    let settings = json!({
        "behavior": behavior,
        "userRealmLimit": at_all,
        "userClientLimit": at_client,
    });
    configure(&mut file, "limits", &settings);
    file["browserFlow"] = json!("limited");
    file
}

/// The shop, whose users have one session at most.
async fn one_session(behavior: &str, actions: &[&str]) -> claviger_testkit::Stage {
    let mut file = limited(behavior, "1", "1");
    file["users"][0]["requiredActions"] = json!(actions);
    file["clients"][0]["consentRequired"] = json!(true);
    stage(file).await
}

/// Who stands at the question for a consent has come by the limit, and is held to it at the end: however
/// many browsers stand there, and whether they say yes one by one or at once.
#[tokio::test]
async fn no_more_sessions_begin_than_the_limit_allows_however_many_come_at_once() {
    for (behavior, at_once) in [
        ("Deny new session", false),
        ("Deny new session", true),
        ("Terminate oldest session", false),
        ("Terminate oldest session", true),
    ] {
        let stage = one_session(behavior, &[]).await;
        let mut waiting = Vec::new();
        for _ in 0..6 {
            let mut alice = Visitor::new(&stage);
            let sent = alice.sign_in("app", "alice", "wonderland").await.is(302);
            let page = alice.get(&sent.location).await.is(200);
            waiting.push((alice, page));
        }
        let mut answers = tokio::task::JoinSet::new();
        let mut ended = Vec::new();
        for (mut alice, page) in waiting {
            let code = crate::proofs::consent_code(&page);
            let say_yes = async move {
                let yes = [("accept", "Yes"), ("code", &*code)];
                alice.post(&page.action(), &yes).await
            };
            if at_once {
                answers.spawn(say_yes);
            } else {
                ended.push(say_yes.await);
            }
        }
        ended.extend(answers.join_all().await);
        let signed_in = ended.iter().filter(|got| got.has_code()).count();
        for got in ended.iter().filter(|got| !got.has_code()) {
            let told = (got.status, got.html.contains("kc-error-message"));
            assert!(got.status == 503 || told == (403, true), "{got:?}");
        }
        let anybody = Visitor::new(&stage);
        assert_eq!(anybody.sessions_of("alice").await.len(), 1, "{behavior}");
        if behavior.starts_with("Deny") {
            assert_eq!(signed_in, 1, "{behavior}");
        } else {
            assert!(signed_in >= 1 && (at_once || signed_in == 6), "{behavior}");
        }
    }
}

/// The cookie of somebody else's session is no session of one's own that goes on.
#[tokio::test]
async fn a_limit_is_not_got_around_in_the_browser_of_another() {
    let stage = one_session("Deny new session", &[]).await;
    let accepted = async |visitor: &mut Visitor, name: &str| {
        let page = visitor
            .begin("web", crate::proofs::prompt("login"))
            .await
            .is(200);
        let form = [("username", name), ("password", "wonderland")];
        visitor.post(&page.action(), &form).await
    };
    let mut alice = Visitor::new(&stage);
    assert!(accepted(&mut alice, "alice").await.has_code());
    let mut browser = Visitor::new(&stage);
    assert!(accepted(&mut browser, "bob").await.has_code());
    browser.jar.remove("AUTH_SESSION_ID");
    let got = accepted(&mut browser, "alice").await;
    assert!(!got.has_code(), "{}", got.location);
    assert_eq!(alice.sessions_of("alice").await.len(), 1);
    assert_eq!(alice.sessions_of("bob").await.len(), 1);
}
