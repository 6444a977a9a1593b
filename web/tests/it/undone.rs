//! Whatever somebody has to do first, and wherever on the way in they stand: no code, no token and no
//! session comes out before it is done.

use claviger_engine::device::{self, Asked, Begun, Polled, VERIFIED_USER_CODE};
use claviger_engine::login::{self, Asks, Entry};
use claviger_model::session::SessionKind;
use claviger_store::Tx;
use claviger_surface::browser::{browser, respond};
use claviger_testkit::Stage;
use claviger_testkit::stage::context;
use serde_json::json;

use crate::proofs::{BOB, RIGHT, consent_code, prompt};
use crate::world::{Got, Visitor, parameter, realm, stage};

/// What a realm lets be asked of somebody: what this server can do, and what it cannot do yet.
const ACTIONS: [&str; 6] = [
    "CONFIGURE_TOTP",
    "TERMS_AND_CONDITIONS",
    "UPDATE_PASSWORD",
    "UPDATE_PROFILE",
    "VERIFY_EMAIL",
    "webauthn-register",
];
/// Where forms of a login go.
const DOORS: [&str; 4] = ["authenticate", "required-action", "consent", "restart"];

/// The shop, where alice has these things to do; `web` asks for a consent, and there is a television set.
async fn shop(actions: &[&str]) -> Stage {
    let mut file = realm();
    file["users"][0]["requiredActions"] = json!(actions);
    file["users"][1]["credentials"][0]["value"] = json!("builder");
    file["clients"][1]["consentRequired"] = json!(true);
    let enabled = json!({
        "oauth2.device.authorization.grant.enabled": "true", "oauth2.device.polling.interval": "0",
    });
    let tv = json!({"clientId": "tv", "publicClient": true, "attributes": enabled});
    file["clients"].as_array_mut().unwrap().push(tv);
    let action = |alias: &&str| {
        json!({
            "alias": alias, "name": alias, "providerId": alias, "enabled": true,
            "defaultAction": false, "priority": 20, "config": {},
        })
    };
    file["requiredActions"] = ACTIONS.iter().map(action).collect();
    stage(file).await
}

/// Asks something more of somebody, as an administrator does.
async fn require(stage: &Stage, name: &str, action: &str) {
    let realm = stage.app.realm("shop").await.unwrap().unwrap();
    let user = stage.app.store.user_by_username(&realm.id, name).await;
    let mut user = user.unwrap().unwrap();
    user.required_actions.push(action.to_owned());
    let mut tx = Tx::new();
    tx.update_user(&realm.id, &user);
    assert!(stage.app.commit(tx).await.unwrap().is_done());
}

/// Nothing of alice's came out of what a browser was answered.
async fn assert_nothing(visitor: &Visitor, got: &Got, what: &str) {
    // The shop has no mail server: whoever has to show an address is told so, and stays outside.
    let told = got.html.contains("Failed to send email");
    assert!(
        got.status < 500 || told,
        "{what}: {} {}",
        got.status,
        got.html
    );
    for name in ["code=", "access_token=", "id_token="] {
        let gone = got.location.replace("session_code=", "");
        assert!(!gone.contains(name), "{what}: {}", got.location);
    }
    let app = &visitor.stage.app;
    let realm = app.realm("shop").await.unwrap().unwrap();
    let alice = visitor.user("alice").await.unwrap();
    for kind in [SessionKind::Online, SessionKind::Offline] {
        let found = app.store.sessions_of_user(&realm.id, kind, &alice.id).await;
        assert!(found.unwrap().is_empty(), "{what}: a session");
    }
    let set = got.cookies.iter();
    let set = set.filter(|name| name.starts_with("KEYCLOAK_")).count();
    assert_eq!(set, 0, "{what}: {:?}", got.cookies);
}

/// A page's own address, sent to another door, for another step or for none.
fn bent(action: &str, door: &str, step: Option<&str>) -> String {
    let is_there = |door: &&&str| action.contains(&format!("/{door}?"));
    let own = DOORS.iter().find(is_there).unwrap();
    let moved = action.replace(&format!("/{own}?"), &format!("/{door}?"));
    let execution = parameter(action, "execution").unwrap_or_default();
    let named = format!("execution={execution}");
    match step {
        Some(step) => moved.replace(&named, &format!("execution={step}")),
        None => moved.replace(&format!("{named}&"), ""),
    }
}

/// Sends forms that say yes to everything, without doing anything, to the page's address and all that it
/// can be bent to, each with a code that counts.
async fn say_yes_everywhere(visitor: &mut Visitor, action: &str, what: &str) {
    let code = parameter(action, "session_code").unwrap_or_default();
    let reload = action.replace(&format!("session_code={code}&"), "");
    let own = parameter(action, "execution").unwrap_or_default();
    let at = ACTIONS.iter().position(|known| *known == own);
    let other = ACTIONS[at.map_or(0, |at| (at + 1) % ACTIONS.len())];
    for door in DOORS {
        for step in [Some(&*own), Some(other), Some("OAUTH_GRANT"), None] {
            if own == "TERMS_AND_CONDITIONS" && step == Some(&own) && door == "required-action" {
                // Whatever comes to its form but a no is a yes.
                continue;
            }
            let page = visitor.get(&reload).await;
            assert_nothing(visitor, &page, &format!("{what}: {reload}")).await;
            let action = if page.html.contains(" action=\"") {
                page.action()
            } else {
                reload.clone()
            };
            let code = parameter(&action, "session_code").unwrap_or_default();
            let address = bent(&action, door, step);
            for form in [
                [("accept", "Yes"), ("code", &*code)],
                [("cancel-aia", "true"), ("accept", "")],
            ] {
                let got = visitor.post(&address, &form).await;
                assert_nothing(visitor, &got, &format!("{what}: {address}")).await;
            }
        }
        let later = visitor.clone().begin("app", prompt("none")).await;
        let error = later.parameter("error");
        assert_eq!(error.as_deref(), Some("login_required"), "{what}: {door}");
    }
}

/// Goes to the page of what alice has to do: the page, and where its form goes, if it has one.
async fn go(visitor: &mut Visitor, sent: &Got) -> (Got, String) {
    assert_nothing(visitor, sent, "after the password").await;
    let page = visitor.get(&sent.location).await;
    assert_nothing(visitor, &page, &sent.location).await;
    let address = if page.html.contains(" action=\"") {
        page.action()
    } else {
        sent.location.clone()
    };
    (page, address)
}

/// Signs in as far as it goes.
async fn at_page(visitor: &mut Visitor, client: &str, asks: Asks) -> (Got, String) {
    let page = visitor.begin(client, asks).await;
    let sent = visitor.post(&page.action(), &RIGHT).await.is(302);
    go(visitor, &sent).await
}

#[tokio::test]
async fn nothing_comes_out_before_or_after_the_password() {
    for action in ACTIONS {
        let stage = shop(&[action]).await;
        let mut alice = Visitor::new(&stage);
        let page = alice.begin("app", Asks::default()).await;
        say_yes_everywhere(
            &mut alice,
            &page.action(),
            &format!("{action} before the password"),
        )
        .await;
        // A page is for one form: a browser of its own.
        let mut alice = Visitor::new(&stage);
        let (_, address) = at_page(&mut alice, "app", Asks::default()).await;
        say_yes_everywhere(
            &mut alice,
            &address,
            &format!("{action} after the password"),
        )
        .await;
    }
}

#[tokio::test]
async fn nothing_comes_out_before_a_consent_or_in_another_tab() {
    for action in ACTIONS {
        let stage = shop(&[action]).await;
        let mut alice = Visitor::new(&stage);
        let (one, first) = at_page(&mut alice, "web", Asks::default()).await;
        assert!(!one.html.contains("kc-oauth"), "{action} comes first");
        // Another tab of the same browser knows nothing of the password.
        let two = alice.begin("app", Asks::default()).await.is(200);
        assert!(two.html.contains("kc-form-login"), "{action}: {}", two.html);
        let second = two.action();
        for name in ["tab_id", "session_code", "execution", "client_id"] {
            let (Some(own), Some(other)) = (parameter(&first, name), parameter(&second, name))
            else {
                continue;
            };
            for address in [first.replace(&own, &other), second.replace(&other, &own)] {
                let mut browser = alice.clone();
                let got = browser.post(&address, &[("accept", "Yes")]).await;
                assert_nothing(&browser, &got, &format!("{action}: {address}")).await;
            }
        }
        // Neither does whoever comes by another's address, nor by another's code in their own tab.
        let mut bob = Visitor::new(&stage);
        let of_bob = bob.begin("web", Asks::default()).await.action();
        let got = bob.post(&first, &[("accept", "Yes")]).await;
        assert_nothing(&bob, &got, &format!("{action}: another's address")).await;
        let other = parameter(&of_bob, "session_code").unwrap();
        if let Some(own) = parameter(&first, "session_code") {
            let got = alice.post(&first.replace(&own, &other), &RIGHT).await;
            assert_nothing(&alice, &got, &format!("{action}: another's code")).await;
        }
    }
}

#[tokio::test]
async fn nothing_comes_out_in_the_browser_of_somebody_else() {
    for action in ACTIONS {
        let stage = shop(&[action]).await;
        let mut browser = Visitor::new(&stage);
        assert!(browser.sign_in("app", "bob", "builder").await.has_code());
        let page = browser.begin("web", prompt("login")).await.is(200);
        let got = browser.post(&page.action(), &RIGHT).await;
        assert_nothing(&browser, &got, &format!("{action} with bob's cookie")).await;
        // Without the cookie of his login, there is a login of hers beside his session.
        browser.jar.remove("AUTH_SESSION_ID");
        let page = browser.begin("app", prompt("login")).await.is(200);
        let got = browser.post(&page.action(), &RIGHT).await;
        assert_nothing(&browser, &got, &format!("{action} beside bob's session")).await;
    }
}

#[tokio::test]
async fn what_an_application_asks_for_stands_in_for_nothing_else() {
    for action in ACTIONS {
        for asked in [action, "UPDATE_PASSWORD", "nonsense"] {
            let stage = shop(&[action]).await;
            let mut alice = Visitor::new(&stage);
            let asks = Asks {
                action: Some(asked.to_owned()),
                ..Asks::default()
            };
            let what = format!("{action} by kc_action={asked}");
            let (_, mut address) = at_page(&mut alice, "app", asks).await;
            // To leave one is not to leave the other.
            for _ in 0..3 {
                if address.contains("execution=TERMS_AND_CONDITIONS") {
                    // Whatever comes to its form but a no is a yes.
                    break;
                }
                let got = alice.post(&address, &[("cancel-aia", "true")]).await;
                assert_nothing(&alice, &got, &what).await;
                if got.html.contains(" action=\"") {
                    address = got.action();
                }
            }
        }
    }
}

/// The television set's codes.
async fn begun(stage: &Stage) -> Begun {
    let realm = stage.app.realm("shop").await.unwrap().unwrap();
    let client = realm.client("tv").await.unwrap().unwrap();
    let asked = Asked {
        scope: Some("openid"),
        ..Asked::default()
    };
    let begun = device::begin(&stage.app, &realm, &client, asked).await;
    begun.unwrap().unwrap()
}

#[tokio::test]
async fn no_device_is_let_in_before_it_is_done() {
    for action in ACTIONS {
        let stage = shop(&[action]).await;
        let (begun, mut alice) = (begun(&stage).await, Visitor::new(&stage));
        let realm = stage.app.realm("shop").await.unwrap().unwrap();
        let found = device::verify(&stage.app, &realm, &begun.user_code).await;
        let (_, code) = found.unwrap().unwrap();
        let notes = [
            (VERIFIED_USER_CODE.to_owned(), code),
            ("scope".to_owned(), "openid".to_owned()),
        ];
        let client = realm.client("tv").await.unwrap().unwrap();
        let entry = Entry {
            client: client.clone(),
            protocol: "openid-connect",
            redirect_uri: None,
            client_notes: notes.into(),
            asks: Asks::default(),
        };
        let headers = alice.headers();
        let (context, browser) = (context("/"), browser(&headers));
        let outcome = login::open(&stage.app, &realm, &context, &browser, entry).await;
        let response = respond(outcome.unwrap(), &realm, &context, &headers);
        let got = alice.got(response).await.is(302);
        let page = alice.get(&got.location).await.is(200);
        let sent = alice.post(&page.action(), &RIGHT).await.is(302);
        let (_, address) = go(&mut alice, &sent).await;
        say_yes_everywhere(&mut alice, &address, &format!("{action} for a device")).await;
        let polled = device::poll(&stage.app, &realm, &client, &begun.device_code).await;
        assert_eq!(polled.unwrap(), Polled::Pending, "{action}");
    }
}

/// What an administrator asks for counts from then on: at the question for a consent that stands on the
/// screen, and in a browser that is signed in.
#[tokio::test]
async fn what_is_asked_for_meanwhile_is_asked_for_at_once() {
    for action in ACTIONS {
        let stage = shop(&[]).await;
        let mut alice = Visitor::new(&stage);
        let page = alice.begin("web", Asks::default()).await;
        let sent = alice.post(&page.action(), &RIGHT).await.is(302);
        let question = alice.get(&sent.location).await.is(200);
        require(&stage, "alice", action).await;
        let code = consent_code(&question);
        let yes = [("accept", "Yes"), ("code", &*code)];
        let got = alice.post(&question.action(), &yes).await.is(302);
        assert_nothing(&alice, &got, &format!("{action} at the consent")).await;
        assert!(got.location.contains("required-action"), "{}", got.location);
        let (page, address) = go(&mut alice, &got).await;
        assert!(!page.html.contains("kc-oauth"), "{action}: {}", page.html);
        say_yes_everywhere(&mut alice, &address, &format!("{action} after the consent")).await;

        let stage = shop(&[]).await;
        let mut alice = Visitor::new(&stage);
        assert!(alice.sign_in("app", "alice", "wonderland").await.has_code());
        require(&stage, "alice", action).await;
        let got = alice.begin("app", prompt("none")).await;
        let error = got.parameter("error");
        assert_eq!(error.as_deref(), Some("interaction_required"), "{action}");
        let got = alice.begin("app", Asks::default()).await;
        assert!(!got.has_code(), "{action}: {}", got.location);
    }
}

/// A password that has run out by the realm's policy is one more thing to do.
#[tokio::test]
async fn an_expired_password_opens_nothing_but_the_page_for_a_new_one() {
    let stage = {
        let mut file = realm();
        file["passwordPolicy"] = json!("forceExpiredPasswordChange(1)");
        stage(file).await
    };
    stage.wait(claviger_model::Seconds(3 * 24 * 3600));
    let mut alice = Visitor::new(&stage);
    let (page, address) = at_page(&mut alice, "app", Asks::default()).await;
    page.says("kc-passwd-update-form");
    say_yes_everywhere(&mut alice, &address, "an expired password").await;
    let mut bob = Visitor::new(&stage);
    let page = bob.begin("app", Asks::default()).await;
    let got = bob.post(&page.action(), &BOB).await;
    assert!(!got.has_code(), "{}", got.location);
    let new = [
        ("password-new", "looking-glass"),
        ("password-confirm", "looking-glass"),
    ];
    let mut alice = Visitor::new(&stage);
    let (_, address) = at_page(&mut alice, "app", Asks::default()).await;
    let got = alice.post(&address, &new).await;
    assert!(got.has_code(), "{got:?}");
}
