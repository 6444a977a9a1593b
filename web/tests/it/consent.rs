//! What a person says yes to is what the page showed, whatever the client does meanwhile.

use claviger_engine::login::Asks;
use claviger_store::Tx;
use claviger_testkit::Stage;
use claviger_wire::document::{Kind, Link, LinkKind};
use serde_json::{Value, json};

use crate::proofs::consent_code;
use crate::world::{Got, Visitor, realm, stage};

/// The shop, whose application asks for a consent to "Your orders".
async fn asking() -> Stage {
    let mut file = realm();
    file["clients"][0]["consentRequired"] = json!(true);
    file["clients"][0]["name"] = json!("The shop");
    file["clients"][0]["defaultClientScopes"] = json!(["orders"]);
    file["clientScopes"] = json!([{
        "name": "orders", "protocol": "openid-connect",
        "attributes": {
            "display.on.consent.screen": "true", "include.in.token.scope": "true",
            "consent.screen.text": "Your orders",
        },
    }, {
        "name": "cards", "protocol": "openid-connect",
        "attributes": {
            "display.on.consent.screen": "true", "include.in.token.scope": "true",
            "consent.screen.text": "Your credit cards",
        },
    }]);
    stage(file).await
}

async fn scope_id(stage: &Stage, name: &str) -> String {
    let realm = stage.app.realm("shop").await.unwrap().unwrap();
    let scopes = realm.scopes().await.unwrap();
    scopes.named(name).unwrap().id.to_string()
}

/// Changes a document of the realm as an administrator does.
async fn change(stage: &Stage, kind: Kind, name: &str, change: impl FnOnce(&mut Value)) {
    let realm = stage.app.realm("shop").await.unwrap().unwrap();
    let id = if kind == Kind::Client {
        realm.client(name).await.unwrap().unwrap().uuid.to_string()
    } else {
        scope_id(stage, name).await
    };
    let kept = stage.app.store.document(&realm.id, kind, &id).await;
    let mut kept = kept.unwrap().unwrap();
    let mut body = Value::Object(kept.body.clone());
    change(&mut body);
    kept.body = body.as_object().unwrap().clone();
    let mut tx = Tx::new();
    tx.update_document(&realm.id, &kept);
    assert!(stage.app.commit(tx).await.unwrap().is_done());
}

async fn accept(alice: &mut Visitor, page: &Got) -> Got {
    let form = [("code", &*consent_code(page)), ("accept", "Yes")];
    alice.post(&page.action(), &form).await
}

async fn asked(stage: &Stage) -> (Visitor, Got) {
    let mut alice = Visitor::new(stage);
    let sent = alice.sign_in("app", "alice", "wonderland").await.is(302);
    let page = alice.get(&sent.location).await.is(200);
    (alice, page)
}

async fn kept(stage: &Stage) -> usize {
    let realm = stage.app.realm("shop").await.unwrap().unwrap();
    let client = realm.client("app").await.unwrap().unwrap();
    let user = stage.app.store.user_by_username(&realm.id, "alice").await;
    let user = user.unwrap().unwrap();
    let store = &stage.app.store;
    let consent = store.consent(&realm.id, &user.id, &client.uuid).await;
    consent.unwrap().map_or(0, |consent| consent.scopes.len())
}

/// Whoever may change a client waits until somebody reads its question, and has it ask for more, or look
/// like somebody else, before the answer comes.
#[tokio::test]
async fn a_yes_is_to_what_the_page_showed() {
    type Change = fn(&mut Value);
    let changes: [(Kind, &str, &str, Change); 4] = [
        (Kind::ClientScope, "orders", "Everything you own", |scope| {
            scope["attributes"]["consent.screen.text"] = json!("Everything you own");
        }),
        (Kind::Client, "app", "The bank", |client| {
            client["name"] = json!("The bank");
        }),
        (Kind::Client, "app", "https://app.example/other", |client| {
            client["attributes"]["tosUri"] = json!("https://app.example/other");
        }),
        (Kind::Client, "app", "May do as it likes", |client| {
            client["attributes"]["display.on.consent.screen"] = json!("true");
            client["attributes"]["consent.screen.text"] = json!("May do as it likes");
        }),
    ];
    for (kind, name, shown, how) in changes {
        let stage = asking().await;
        let (mut alice, page) = asked(&stage).await;
        assert!(!page.html.contains(shown), "{shown}");
        change(&stage, kind, name, how).await;
        let again = accept(&mut alice, &page).await.is(200).says(shown);
        assert_eq!(kept(&stage).await, 0, "{shown}");
        assert!(alice.sessions_of("alice").await.is_empty());
        let end = accept(&mut alice, &again).await.is(302);
        assert!(end.has_code(), "{shown}: {}", end.location);
        assert!(kept(&stage).await > 0, "{shown}");
    }
}

#[tokio::test]
async fn a_scope_that_a_client_gets_meanwhile_is_asked_for() {
    let stage = asking().await;
    let (mut alice, page) = asked(&stage).await;
    let page = page.says("Your orders");
    let realm = stage.app.realm("shop").await.unwrap().unwrap();
    let client = realm.client("app").await.unwrap().unwrap();
    let link = Link {
        kind: LinkKind::DefaultScope,
        from: client.uuid.to_string(),
        to: scope_id(&stage, "cards").await,
    };
    let mut tx = Tx::new();
    tx.insert_link(&realm.id, &link);
    assert!(stage.app.commit(tx).await.unwrap().is_done());
    let again = accept(&mut alice, &page).await.is(200);
    let again = again.says("Your credit cards");
    assert_eq!(kept(&stage).await, 0);
    assert!(accept(&mut alice, &again).await.is(302).has_code());
    assert_eq!(kept(&stage).await, 2);
}

/// The same tab in two windows: the one that still shows the harmless question says nothing of the other.
#[tokio::test]
async fn an_old_page_of_a_question_is_no_answer_to_the_new_one() {
    let stage = asking().await;
    let (mut alice, old) = asked(&stage).await;
    change(&stage, Kind::ClientScope, "orders", |scope| {
        scope["attributes"]["consent.screen.text"] = json!("Everything you own");
    })
    .await;
    let address = old.action().replace("/consent?", "/required-action?");
    let new = alice.get(&address).await.is(200);
    let _new = new.says("Everything you own");
    let got = accept(&mut alice, &old).await;
    assert!(!got.has_code(), "{}", got.location);
    assert_eq!(kept(&stage).await, 0);
    let shown = alice.get(&address).await.is(200);
    let shown = shown.says("Everything you own");
    assert!(accept(&mut alice, &shown).await.is(302).has_code());
}

/// Nothing is asked for any more, as it was allowed in another window: the person is not asked again.
#[tokio::test]
async fn what_needs_no_answer_any_more_is_not_asked_again() {
    let stage = asking().await;
    let (mut alice, page) = asked(&stage).await;
    change(&stage, Kind::Client, "app", |client| {
        client["consentRequired"] = json!(false);
    })
    .await;
    assert!(accept(&mut alice, &page).await.is(302).has_code());
    assert_eq!(kept(&stage).await, 0);
    // No is no all the same.
    let stage = asking().await;
    let (mut alice, page) = asked(&stage).await;
    let _ = alice.begin("web", Asks::default()).await;
    change(&stage, Kind::Client, "app", |client| {
        client["name"] = json!("The bank");
    })
    .await;
    let form = [("code", &*consent_code(&page)), ("cancel", "No")];
    let no = alice.post(&page.action(), &form).await.is(302);
    assert_eq!(no.parameter("error").as_deref(), Some("access_denied"));
}
