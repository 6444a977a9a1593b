//! A person signs in for a device, and says yes or no.

use claviger_engine::device::{self, Asked, Begun, Polled, VERIFIED_USER_CODE};
use claviger_engine::login::{self, Asks, Entry};
use claviger_surface::browser::{browser, respond};
use claviger_testkit::Stage;
use claviger_testkit::stage::context;
use serde_json::{Value, json};

use crate::world::{Got, Visitor, realm, stage};

/// The shop with a television set.
async fn shop() -> Stage {
    let mut realm = realm();
    let enabled = json!({
        "oauth2.device.authorization.grant.enabled": "true", "oauth2.device.polling.interval": "0",
    });
    let tv: Value = json!({"clientId": "tv", "publicClient": true, "attributes": enabled});
    realm["clients"].as_array_mut().expect("clients").push(tv);
    stage(realm).await
}

async fn begun(stage: &Stage) -> Begun {
    let realm = stage
        .app
        .realm("shop")
        .await
        .expect("store")
        .expect("realm");
    let client = realm.client("tv").await.expect("store").expect("client");
    let asked = Asked {
        scope: Some("openid"),
        ..Asked::default()
    };
    let begun = device::begin(&stage.app, &realm, &client, asked).await;
    begun.expect("store").expect("a free code")
}

async fn polled(stage: &Stage, begun: &Begun) -> Polled {
    let realm = stage
        .app
        .realm("shop")
        .await
        .expect("store")
        .expect("realm");
    let client = realm.client("tv").await.expect("store").expect("client");
    let polled = device::poll(&stage.app, &realm, &client, &begun.device_code).await;
    polled.expect("store")
}

/// Types the code: the page that the browser is sent to.
async fn typed(visitor: &mut Visitor, begun: &Begun) -> Got {
    let app = &visitor.stage.app;
    let realm = app.realm("shop").await.expect("store").expect("realm");
    let (_, code) = device::verify(app, &realm, &begun.user_code)
        .await
        .expect("store")
        .expect("a code");
    let notes = [
        (VERIFIED_USER_CODE.to_owned(), code),
        ("scope".to_owned(), "openid".to_owned()),
    ];
    let entry = Entry {
        client: realm.client("tv").await.expect("store").expect("client"),
        protocol: "openid-connect",
        redirect_uri: None,
        client_notes: notes.into(),
        asks: Asks::default(),
    };
    let headers = visitor.headers();
    let (context, browser) = (context("/"), browser(&headers));
    let outcome = login::open(app, &realm, &context, &browser, entry).await;
    let response = respond(outcome.expect("an outcome"), &realm, &context, &headers);
    let got = visitor.got(response).await.is(302);
    visitor.get(&got.location).await
}

/// Answers the page that asks what the device may have.
async fn answered(visitor: &mut Visitor, page: &Got, answer: &str) -> Got {
    let at = page
        .html
        .find("name=\"code\"")
        .expect("the question's code");
    let rest = &page.html[at..];
    let rest = rest.split_once("value=\"").expect("its value").1;
    let code = rest.split('"').next().expect("an end").to_owned();
    let form = [("code", code.as_str()), (answer, "")];
    visitor.post(&page.action(), &form).await.is(302)
}

const ALICE: [(&str, &str); 2] = [("username", "alice"), ("password", "wonderland")];

#[tokio::test]
async fn whoever_says_yes_connects_the_device_to_their_session() {
    let stage = shop().await;
    let (begun, mut alice) = (begun(&stage).await, Visitor::new(&stage));
    let page = typed(&mut alice, &begun).await.is(200);
    let asked = alice.post(&page.action(), &ALICE).await.is(302);
    assert!(
        asked.location.contains("execution=OAUTH_GRANT"),
        "{}",
        asked.location
    );
    assert_eq!(
        polled(&stage, &begun).await,
        Polled::Pending,
        "nobody has said yes"
    );
    let page = alice.get(&asked.location).await.is(200);
    let done = answered(&mut alice, &page, "accept").await;
    assert_eq!(done.location, "http://localhost/realms/shop/device/status");
    let session = alice.sessions_of("alice").await.remove(0);
    let Polled::Approved(_, id) = polled(&stage, &begun).await else {
        panic!("nobody has said yes")
    };
    assert_eq!(id, session.id);
}

#[tokio::test]
async fn whoever_is_signed_in_is_asked_about_each_device() {
    let stage = shop().await;
    let mut alice = Visitor::new(&stage);
    assert!(alice.sign_in("app", "alice", "wonderland").await.has_code());
    for _ in 0..2 {
        let begun = begun(&stage).await;
        let asked = typed(&mut alice, &begun).await.is(302);
        assert!(
            asked.location.contains("execution=OAUTH_GRANT"),
            "{}",
            asked.location
        );
        assert_eq!(polled(&stage, &begun).await, Polled::Pending);
        let page = alice.get(&asked.location).await.is(200);
        let done = answered(&mut alice, &page, "accept").await;
        assert!(
            done.location.ends_with("/device/status"),
            "{}",
            done.location
        );
        assert!(matches!(polled(&stage, &begun).await, Polled::Approved(..)));
    }
    assert_eq!(alice.sessions_of("alice").await.len(), 1);
}

#[tokio::test]
async fn whoever_says_no_leaves_the_device_out() {
    let stage = shop().await;
    let (begun, mut alice) = (begun(&stage).await, Visitor::new(&stage));
    let page = typed(&mut alice, &begun).await.is(200);
    let asked = alice.post(&page.action(), &ALICE).await.is(302);
    let page = alice.get(&asked.location).await.is(200);
    let done = answered(&mut alice, &page, "cancel").await;
    let to = "http://localhost/realms/shop/device/status?error=access_denied";
    assert_eq!(done.location, to);
    assert_eq!(polled(&stage, &begun).await, Polled::Denied);
    assert!(alice.sessions_of("alice").await.is_empty());
}

#[tokio::test]
async fn who_answers_too_late_is_told_so() {
    let stage = shop().await;
    let (begun, mut alice) = (begun(&stage).await, Visitor::new(&stage));
    let page = typed(&mut alice, &begun).await.is(200);
    let asked = alice.post(&page.action(), &ALICE).await.is(302);
    let page = alice.get(&asked.location).await.is(200);
    // Somebody else has used the same code meanwhile.
    let mut bob = Visitor::new(&stage);
    let first = typed(&mut bob, &begun).await.is(200);
    let form = [("username", "bob"), ("password", "wonderland")];
    let sent = bob.post(&first.action(), &form).await.is(302);
    let question = bob.get(&sent.location).await.is(200);
    let done = answered(&mut bob, &question, "accept").await;
    assert!(
        done.location.ends_with("/device/status"),
        "{}",
        done.location
    );
    let late = answered(&mut alice, &page, "accept").await;
    assert!(
        late.location.ends_with("?error=expired_token"),
        "{}",
        late.location
    );
    let Polled::Approved(_, id) = polled(&stage, &begun).await else {
        panic!("bob has said yes")
    };
    assert_eq!(id, bob.sessions_of("bob").await.remove(0).id);
}
