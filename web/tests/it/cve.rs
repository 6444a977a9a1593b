//! Attacks that worked elsewhere, by their numbers (`docs/cve-regressions.md`).

use claviger_engine::authorize::ClientData;
use claviger_engine::gate::{self, Claim, GateError, Unusable};
use claviger_engine::login::Asks;
use claviger_model::Seconds;
use claviger_model::session::SessionKind;
use claviger_store::Tx;
use claviger_wire::document::Kind;
use serde_json::json;

use crate::proofs::{BOB, RIGHT, asking, end, prompt};
use crate::world::{Got, Visitor, parameter, realm, shop, stage};

/// A session's id is that of a browser's login. In another tab of it nobody signs in under the id of a
/// session that is over, and tokens of the one are never those of the other.
#[tokio::test]
async fn cve_2025_12390_nobody_signs_in_under_the_id_of_a_session_before() {
    let stage = shop().await;
    let mut browser = Visitor::new(&stage);
    let one = browser.begin("app", Asks::default()).await;
    let two = browser.begin("web", Asks::default()).await;
    assert!(browser.post(&one.action(), &RIGHT).await.has_code());
    let first = browser.sessions_of("alice").await.remove(0);
    end(&stage, &first).await;
    for cookie in ["KEYCLOAK_IDENTITY", "KEYCLOAK_SESSION"] {
        browser.jar.remove(cookie);
    }
    let mut got = browser.post(&two.action(), &BOB).await;
    for _ in 0..2 {
        if got.has_code() {
            break;
        }
        let page = browser.get(&got.location).await;
        got = browser.post(&page.action(), &BOB).await;
    }
    let second = browser.sessions_of("bob").await.remove(0);
    assert_ne!(first.id, second.id);
    // Even were they the same, a token of alice would not be one of bob.
    let realm = stage.app.realm("shop").await.unwrap().unwrap();
    let client = realm.client("web").await.unwrap().unwrap();
    let claim = Claim {
        subject: Some(first.user.clone()),
        session: Some(second.id.clone()),
        kinds: &[SessionKind::Online],
        issued_at: stage.app.now().seconds(),
        part: gate::Part::Needed,
    };
    let found = gate::usable(&stage.app, &realm, &client, &claim).await;
    assert!(
        matches!(found, Err(GateError::Unusable(Unusable::SessionNotFound))),
        "{found:?}"
    );
}

/// Another site's page may send any form with the browser's cookies, and knows no code.
#[tokio::test]
async fn cve_2024_5203_no_form_counts_without_its_code() {
    let stage = asking().await;
    let bare = |action: &str| {
        let code = parameter(action, "session_code").unwrap();
        action.replace(&format!("session_code={code}&"), "")
    };
    let mut alice = Visitor::new(&stage);
    let page = alice.begin("app", Asks::default()).await;
    let shown = alice.post(&bare(&page.action()), &RIGHT).await.is(200);
    shown.says("kc-form-login");
    assert!(alice.sessions_of("alice").await.is_empty());
    let page = alice.get(&bare(&page.action())).await;
    let sent = alice.post(&page.action(), &RIGHT).await.is(302);
    let page = alice.get(&sent.location).await.is(200);
    let yes = [("accept", "Yes")];
    for action in [page.action(), sent.location.clone()] {
        let got = alice.post(&action, &yes).await;
        assert!(!got.has_code(), "{action}: {}", got.location);
        let forged = [("accept", "Yes"), ("code", "guess")];
        let got = alice.post(&action, &forged).await;
        assert!(!got.has_code(), "{action}: {}", got.location);
    }
    assert!(alice.sessions_of("alice").await.is_empty());
}

#[tokio::test]
async fn cve_2020_1724_the_next_at_the_browser_is_not_the_one_before() {
    let stage = shop().await;
    let mut browser = Visitor::new(&stage);
    browser.sign_in("app", "alice", "wonderland").await;
    let session = browser.sessions_of("alice").await.remove(0);
    end(&stage, &session).await;
    // Old cookies and all.
    let page = browser.begin("app", Asks::default()).await.is(200);
    assert!(!page.html.to_lowercase().contains("alice"), "{}", page.html);
    assert!(browser.post(&page.action(), &BOB).await.has_code());
    let of_bob = browser.sessions_of("bob").await.remove(0);
    assert_ne!(of_bob.id, session.id);
    let got = browser.begin("web", prompt("none")).await;
    assert_eq!(
        got.parameter("session_state").as_deref(),
        Some(of_bob.id.as_str())
    );
}

/// Guesses in several tabs at once count like guesses one after the other.
#[tokio::test]
async fn cve_2024_4629_many_tabs_guess_no_more_than_one() {
    let mut file = realm();
    file["bruteForceProtected"] = json!(true);
    file["failureFactor"] = json!(3);
    file["waitIncrementSeconds"] = json!(600);
    file["quickLoginCheckMilliSeconds"] = json!(0);
    let stage = stage(file).await;
    let mut tabs = Vec::new();
    for _ in 0..12 {
        let mut visitor = Visitor::new(&stage);
        let page = visitor.begin("app", Asks::default()).await;
        tabs.push((visitor, page.action()));
    }
    let mut guesses = tokio::task::JoinSet::new();
    for (mut visitor, action) in tabs {
        guesses.spawn(async move {
            let wrong = [("username", "alice"), ("password", "guess")];
            visitor.post(&action, &wrong).await.status
        });
    }
    while let Some(status) = guesses.join_next().await {
        assert_eq!(status.unwrap(), 200);
    }
    let mut alice = Visitor::new(&stage);
    assert!(!alice.sign_in("app", "alice", "wonderland").await.has_code());
    let told = alice.events().await;
    let told = told
        .iter()
        .filter(|event| event.error.as_deref() == Some("invalid_user_credentials"))
        .count();
    assert!(told <= 3, "{told} guesses were told");
}

/// What a page loads is below its folder.
#[tokio::test]
async fn cve_2020_14366_no_path_leads_out_of_the_files_of_pages() {
    let stage = shop().await;
    let style = "/resources/0/login/claviger/../../../../etc/passwd";
    let paths = [
        style.to_owned(),
        style.replace("..", "%2e%2e"),
        style.replace("../", "..%2f"),
        style.replace("../", "..%5c"),
        style.replace("..", "%252e%252e"),
        style.replace("../", "..;/"),
        "/resources/0/..%2f..%2f/claviger/passwd".to_owned(),
        "/resources/0/login/claviger//etc/passwd".to_owned(),
        "/resources/0/login/claviger/%00".to_owned(),
    ];
    for path in paths {
        let got = Visitor::new(&stage).get(&path).await;
        assert_eq!((got.status, &*got.html), (404, ""), "{path}");
    }
}

/// Whatever a client is to be told travels as text (CVE-2018-14655), and in its own place.
#[tokio::test]
async fn cve_2018_14655_what_a_client_sends_comes_back_as_text() {
    let stage = shop().await;
    let evil = "\"'><script>alert(1)</script>&code=evil#code=evil\r\nSet-Cookie: x=y";
    for mode in ["query", "fragment", "form_post"] {
        for prompt_value in ["none", "login"] {
            let mut alice = Visitor::new(&stage);
            let more = [("response_mode", mode), ("state", evil)];
            let got = alice.begin_with("app", prompt(prompt_value), &more).await;
            let end = if prompt_value == "none" {
                got
            } else {
                let page = got.is(200);
                assert!(!page.html.contains("<script>alert"), "{mode}");
                alice.post(&page.action(), &RIGHT).await
            };
            assert!(!end.html.contains("<script>alert"), "{mode}: {}", end.html);
            assert!(
                !end.location.contains(['<', '"', '\r', '\n']),
                "{}",
                end.location
            );
            assert!(!end.location.contains("code=evil"), "{}", end.location);
            if mode == "form_post" {
                assert!(end.html.contains("&lt;script&gt;"), "{}", end.html);
            }
        }
    }
}

/// What stands in an address says where an error may be told, and nothing of what is handed out.
#[tokio::test]
async fn cve_2026_7571_an_address_says_nothing_of_what_is_handed_out() {
    let mut file = realm();
    file["clients"][0]["implicitFlowEnabled"] = json!(false);
    file["clients"][1]["implicitFlowEnabled"] = json!(true);
    let stage = stage(file).await;
    let forged = ClientData {
        redirect_uri: Some("http://app.example/cb".into()),
        response_type: Some("token id_token".into()),
        response_mode: Some("fragment".into()),
        state: Some("s".into()),
    };
    let forged = forged.encode();
    let tokens = |got: &Got| {
        ["access_token", "id_token"]
            .iter()
            .any(|name| got.location.contains(name) || got.html.contains(name))
    };
    for late in [false, true] {
        let mut alice = Visitor::new(&stage);
        let page = alice.begin("app", Asks::default()).await;
        if late {
            stage.wait(Seconds(4_000));
        }
        let own = parameter(&page.action(), "client_data").unwrap();
        let mut got = alice
            .post(&page.action().replace(&own, &forged), &RIGHT)
            .await;
        for _ in 0..3 {
            assert!(!tokens(&got), "{}", got.location);
            if got.has_code() {
                break;
            }
            let page = alice.get(&got.location).await;
            got = alice.post(&page.action(), &RIGHT).await;
        }
        assert!(got.has_code() && !tokens(&got), "{}", got.location);
    }
    // What a client may not have any more is not handed out either.
    let mut alice = Visitor::new(&stage);
    let wants = [("response_type", "id_token token"), ("nonce", "n")];
    let page = alice.begin_with("web", Asks::default(), &wants).await;
    let realm = stage.app.realm("shop").await.unwrap().unwrap();
    let client = realm.client("web").await.unwrap().unwrap();
    let store = &stage.app.store;
    let kept = store.document(&realm.id, Kind::Client, client.uuid.as_str());
    let mut kept = kept.await.unwrap().unwrap();
    kept.body
        .insert("implicitFlowEnabled".to_owned(), json!(false));
    let mut tx = Tx::new();
    tx.update_document(&realm.id, &kept);
    assert!(stage.app.commit(tx).await.unwrap().is_done());
    let got = alice.post(&page.action(), &RIGHT).await.is(302);
    assert!(!tokens(&got), "{}", got.location);
    assert!(
        got.location.contains("error=unauthorized_client"),
        "{}",
        got.location
    );
}
