//! What an attacker gets out of a login of their own that others are led into: by a link, by a form of
//! another site, by cookies that were put into the other browser. `docs/login-attacks.md` has them all.

use claviger_engine::authorize::ClientData;
use claviger_engine::login::{self, Asks};
use claviger_model::Seconds;
use serde_json::json;

use crate::proofs::{BOB, RIGHT, prompt};
use crate::world::{CB, Got, Visitor, parameter, realm, shop, stage};

/// Cookies that a browser carries of a login, and not of a session.
const LOGIN_COOKIES: [&str; 3] = ["AUTH_SESSION_ID", "KC_AUTH_SESSION_HASH", "KC_RESTART"];

/// Puts the cookies of one browser's login into another, as a page of a sibling host can.
fn plant(from: &Visitor, into: &mut Visitor) {
    for name in LOGIN_COOKIES {
        if let Some(value) = from.jar.get(name) {
            into.jar.insert(name.to_owned(), value.clone());
        }
    }
}

/// Everything that whoever has a tab may ask of it.
async fn knock(attacker: &mut Visitor, page: &Got) -> Vec<Got> {
    let action = page.action();
    let mut got = Vec::new();
    for path in ["authenticate", "required-action", "consent", "restart"] {
        for more in ["", "&skip_logout=true", "&skip_logout=false"] {
            let address = action.replace("/authenticate?", &format!("/{path}?")) + more;
            got.push(attacker.clone().get(&address).await);
            got.push(attacker.clone().post(&address, &[("accept", "Yes")]).await);
        }
    }
    for asks in [prompt("none"), Asks::default(), prompt("consent")] {
        got.push(attacker.begin("app", asks).await);
    }
    got
}

/// Session fixation: the attacker begins a login in two tabs, plants its cookies, and sends the link of one
/// tab. The victim signs in by it. The other tab is the attacker's.
#[tokio::test]
async fn who_plants_a_login_is_not_let_into_the_session_that_comes_of_it() {
    let stage = shop().await;
    let mut attacker = Visitor::new(&stage);
    let planted = attacker.begin("app", Asks::default()).await;
    let other = attacker.begin("app", Asks::default()).await;
    let mut victim = Visitor::new(&stage);
    plant(&attacker, &mut victim);
    let page = victim.get(&planted.action()).await.is(200);
    let end = victim.post(&page.action(), &RIGHT).await;
    assert!(end.has_code(), "{} {}", end.location, end.html);
    for got in knock(&mut attacker, &other).await {
        assert!(!got.has_code(), "{}", got.location);
        assert!(!got.html.contains("alice"), "{}", got.html);
        let identity = got.cookies.iter().any(|name| name == "KEYCLOAK_IDENTITY");
        assert!(!identity, "{:?}", got.cookies);
    }
    // Nor is the victim's session over, or anybody told whose it is (CVE-2026-7507).
    assert_eq!(victim.sessions_of("alice").await.len(), 1);
    assert!(victim.begin("web", prompt("none")).await.has_code());
}

/// The attacker signs in as themselves in the tab that is left: they are told nothing of who came before,
/// and have a session of their own.
#[tokio::test]
async fn who_comes_after_in_a_planted_login_learns_no_name() {
    let stage = shop().await;
    let mut attacker = Visitor::new(&stage);
    let planted = attacker.begin("app", Asks::default()).await;
    let other = attacker.begin("app", Asks::default()).await;
    let mut victim = Visitor::new(&stage);
    plant(&attacker, &mut victim);
    let end = victim.post(&planted.action(), &RIGHT).await;
    let alices = end.parameter("session_state");
    assert!(alices.is_some(), "{}", end.html);
    let end = attacker.post(&other.action(), &BOB).await;
    assert!(!end.html.contains("alice"), "{}", end.html);
    assert!(end.has_code(), "{}", end.html);
    assert_ne!(end.parameter("session_state"), alices);
    assert_eq!(attacker.sessions_of("alice").await.len(), 1);
    assert_eq!(attacker.sessions_of("bob").await.len(), 1);
    assert!(victim.begin("web", prompt("none")).await.has_code());
    // The browser that is signed in is told, as its owner has to know.
    let mut both = Visitor::new(&stage);
    let one = both.begin("app", Asks::default()).await;
    let two = both.begin("app", Asks::default()).await;
    assert!(both.post(&one.action(), &RIGHT).await.has_code());
    let told = both.post(&two.action(), &BOB).await;
    assert!(!told.has_code(), "{}", told.location);
}

/// Login CSRF: the attacker has proven who *they* are, and sends the victim what is left to do. Without the
/// attacker's cookies nothing of it is shown or done, and the victim's own login goes on as theirs.
#[tokio::test]
async fn a_link_into_anothers_login_signs_nobody_in_as_them() {
    let mut file = realm();
    file["users"][1]["requiredActions"] = json!(["UPDATE_PASSWORD"]);
    let stage = stage(file).await;
    let mut attacker = Visitor::new(&stage);
    let sent = attacker.sign_in("app", "bob", "wonderland").await.is(302);
    let page = attacker.get(&sent.location).await.is(200);
    let form = [("password-new", "mine"), ("password-confirm", "mine")];
    let bare = Visitor::new(&stage);
    let mut busy = Visitor::new(&stage);
    let own = busy.begin("app", Asks::default()).await;
    let mut signed_in = Visitor::new(&stage);
    signed_in.sign_in("app", "alice", "wonderland").await;
    for victim in [&bare, &busy, &signed_in] {
        let before = victim.jar.get("KEYCLOAK_IDENTITY").cloned();
        for address in [sent.location.clone(), page.action()] {
            for is_form in [false, true] {
                let mut victim = victim.clone();
                let got = if is_form {
                    victim.post(&address, &form).await
                } else {
                    victim.get(&address).await
                };
                assert!(!got.has_code(), "{}", got.location);
                assert!(!got.html.contains("password-new"), "{}", got.html);
                assert!(!got.html.contains("bob"), "{}", got.html);
                assert_eq!(victim.jar.get("KEYCLOAK_IDENTITY"), before.as_ref());
            }
        }
    }
    assert!(busy.post(&own.action(), &RIGHT).await.has_code());
    assert_eq!(busy.sessions_of("bob").await.len(), 0);
}

/// A page of another site posts the attacker's name and password with the victim's cookies: it does not
/// know the code of the victim's form, whatever else it knows.
#[tokio::test]
async fn a_form_of_another_site_signs_nobody_in() {
    let stage = shop().await;
    let mut attacker = Visitor::new(&stage);
    let theirs = attacker.begin("app", Asks::default()).await.action();
    let mut victim = Visitor::new(&stage);
    let own = victim.begin("app", Asks::default()).await.action();
    let code = parameter(&own, "session_code").unwrap();
    let other = parameter(&theirs, "session_code").unwrap();
    let tab = parameter(&own, "tab_id").unwrap();
    let addresses = [
        theirs.clone(),
        own.replace(&code, ""),
        own.replace(&format!("session_code={code}&"), ""),
        own.replace(&code, &other),
        own.replace(&code, &code[1..]),
        theirs.replace(&parameter(&theirs, "tab_id").unwrap(), &tab),
        own.replace(&tab, ""),
        own.replace(&tab, &tab[1..]),
    ];
    for address in addresses {
        let mut victim = victim.clone();
        let got = victim.post(&address, &BOB).await;
        assert!(!got.has_code(), "{address}: {}", got.location);
        assert!(!victim.jar.contains_key("KEYCLOAK_IDENTITY"), "{address}");
    }
    assert_eq!(victim.sessions_of("bob").await.len(), 0);
    // The code in a body is none of the address: only the page for consents has it there.
    let bare = own.replace(&format!("session_code={code}&"), "");
    let form = [BOB[0], BOB[1], ("session_code", &*code), ("code", &*code)];
    assert!(!victim.post(&bare, &form).await.has_code());
}

/// What a browser keeps of its request leads nowhere but where that request was to go, though its login is
/// gone and the address says something else.
#[tokio::test]
async fn the_memory_of_a_request_is_not_bent_by_an_address() {
    let stage = shop().await;
    let forged = ClientData {
        redirect_uri: Some("http://app.example/forum/post".into()),
        response_type: Some("code".into()),
        response_mode: Some("fragment".into()),
        state: Some("theirs".into()),
    };
    let mut victim = Visitor::new(&stage);
    let page = victim.begin("app", Asks::default()).await;
    stage.wait(Seconds(4_000));
    let own = parameter(&page.action(), "client_data").unwrap();
    let bent = page.action().replace(&own, &forged.encode());
    let sent = victim.get(&bent).await.is(302);
    let page = victim.get(&sent.location).await.is(200);
    let end = victim.post(&page.action(), &RIGHT).await.is(302);
    assert!(
        end.location.starts_with(&format!("{CB}?")),
        "{}",
        end.location
    );
    assert_eq!(end.parameter("state").as_deref(), Some("s-1"));
    // The memory of a login at one client begins none at another.
    let mut victim = Visitor::new(&stage);
    let page = victim.begin("app", Asks::default()).await;
    stage.wait(Seconds(4_000));
    let other = page.action().replace("client_id=app", "client_id=web");
    let got = victim.get(&other).await.is(400);
    assert!(got.location.is_empty());
}

/// `KC_RESTART` and `AUTH_SESSION_ID` of another server, cut short, made longer, or of one kind in place of
/// the other.
#[tokio::test]
async fn a_cookie_that_the_realm_has_not_made_is_none() {
    let (here, elsewhere) = (shop().await, shop().await);
    let mut stranger = Visitor::new(&elsewhere);
    let page = stranger.begin("app", Asks::default()).await;
    let mut own = Visitor::new(&here);
    let ours = own.begin("app", Asks::default()).await;
    let (restart, root) = (&own.jar["KC_RESTART"], &own.jar["AUTH_SESSION_ID"]);
    let cut = |text: &str| text[..text.len() - 2].to_owned();
    let bad = [
        (stranger.jar["KC_RESTART"].clone(), String::new()),
        (String::new(), stranger.jar["AUTH_SESSION_ID"].clone()),
        (cut(restart), cut(root)),
        (format!("{restart}AA"), format!("AA{root}")),
        (root.clone(), restart.clone()),
        ("a.b.c.d.e".to_owned(), "a.b".to_owned()),
        ("x".repeat(20_000), "x".repeat(20_000)),
    ];
    for (restart, root) in bad {
        let mut victim = Visitor::new(&here);
        victim.jar.insert("KC_RESTART".to_owned(), restart);
        victim.jar.insert("AUTH_SESSION_ID".to_owned(), root);
        for address in [page.action(), ours.action()] {
            let got = victim.post(&address, &RIGHT).await;
            assert_eq!((got.status, &*got.location), (400, ""), "{}", got.html);
        }
    }
}

/// A stranger loads the login page again and again. What goes is what nobody was known in, and whoever that
/// was goes on by what their browser keeps.
#[tokio::test]
async fn strangers_do_not_fill_the_database_with_logins_that_they_never_finish() {
    let mut file = realm();
    file["users"][1]["requiredActions"] = json!(["UPDATE_PASSWORD"]);
    let stage = stage(file).await;
    let mut alice = Visitor::new(&stage);
    let alices = alice.begin("app", Asks::default()).await;
    let mut bob = Visitor::new(&stage);
    let bobs = bob.sign_in("app", "bob", "wonderland").await.is(302);
    for _ in 0..20 {
        stage.wait(Seconds(1));
        Visitor::new(&stage).begin("app", Asks::default()).await;
    }
    let gone = login::thin_out(&stage.app, 5).await.unwrap();
    assert_eq!(gone, 17);
    assert!(stage.app.store.crowds(5).await.unwrap().is_empty());
    assert_eq!(stage.app.store.crowds(4).await.unwrap()[0].known, 1);
    assert_eq!(login::thin_out(&stage.app, 5).await.unwrap(), 0);
    bob.get(&bobs.location).await.is(200).says("password-new");
    let anew = alice.post(&alices.action(), &RIGHT).await.is(302);
    assert!(!anew.has_code(), "{}", anew.location);
    let page = alice.get(&anew.location).await.is(200);
    assert!(alice.post(&page.action(), &RIGHT).await.has_code());
}
