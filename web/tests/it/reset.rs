//! People who have forgotten their passwords, as far as no mail is needed.

use claviger_engine::login::{Asks, FlowPath};
use serde_json::json;

use crate::world::{Got, Visitor, realm, shop, stage};

async fn page(visitor: &mut Visitor) -> Got {
    let login = visitor.begin("app", Asks::default()).await;
    let page = login.link("/login-actions/reset-credentials");
    let page = visitor.get(&page).await;
    page.is(200).says("kc-reset-password-form")
}

/// A page without what is another's in each login: codes, ids and names.
fn shape(got: &Got) -> String {
    let mut shape = String::new();
    for part in got.html.split('"') {
        if !part.contains("login-actions") && part.len() < 43 {
            shape.push_str(part);
        }
    }
    shape
}

#[tokio::test]
async fn nobody_learns_who_has_an_account() {
    let mut file = realm();
    file["users"][1]["enabled"] = json!(false);
    file["users"].as_array_mut().unwrap().push(json!({
        "username": "mute", "enabled": true,
        "credentials": [{"type": "password", "value": "wonderland"}],
    }));
    let stage = stage(file).await;
    let cases = [
        ("nobody", "RESET_PASSWORD_ERROR", "user_not_found"),
        ("alice", "SEND_RESET_PASSWORD_ERROR", "email_send_failed"),
        (
            " ALICE@shop.example ",
            "SEND_RESET_PASSWORD_ERROR",
            "email_send_failed",
        ),
        ("bob", "RESET_PASSWORD_ERROR", "user_disabled"),
        ("mute", "RESET_PASSWORD_ERROR", "invalid_email"),
        ("<b>alice</b>", "RESET_PASSWORD_ERROR", "user_not_found"),
    ];
    let mut shapes = Vec::new();
    for (name, kind, error) in cases {
        let mut visitor = Visitor::new(&stage);
        let page = page(&mut visitor).await;
        let form = [("username", name)];
        let login = visitor.post(&page.action(), &form).await.is(200);
        let login = login.says("kc-form-login").warns();
        assert!(!login.html.contains("alice"), "{name}");
        let told = visitor.told().await;
        let first = told
            .first()
            .map(|(kind, error)| (kind.as_str(), error.as_deref()));
        assert_eq!(first, Some((kind, Some(error))), "{name}");
        assert!(login.cookies.is_empty(), "{name}: {:?}", login.cookies);
        shapes.push(shape(&login));
        // Whoever remembers after all signs in from there.
        let form = [("username", "alice"), ("password", "wonderland")];
        assert!(
            visitor.post(&login.action(), &form).await.has_code(),
            "{name}"
        );
    }
    shapes.dedup();
    assert_eq!(shapes.len(), 1, "{shapes:?}");
}

#[tokio::test]
async fn a_name_has_to_be_given() {
    let mut visitor = Visitor::new(&shop().await);
    let page = page(&mut visitor).await;
    for form in [&[("username", "")][..], &[]] {
        let again = visitor.post(&page.action(), form).await;
        let again = if again.status == 302 {
            visitor.get(&again.location).await
        } else {
            again
        };
        assert!(again.html.contains("kc-reset-password-form"));
    }
}

#[tokio::test]
async fn a_name_that_was_chosen_there_proves_nothing() {
    let stage = shop().await;
    let mut visitor = Visitor::new(&stage);
    let page = page(&mut visitor).await;
    let form = [("username", "alice")];
    let login = visitor.post(&page.action(), &form).await.is(200);
    let old = page.action();
    for address in [
        old.replace("/reset-credentials", "/authenticate"),
        old.replace("/reset-credentials", "/required-action"),
        old.clone(),
        login
            .action()
            .replace("/authenticate", "/reset-credentials"),
        login.action().replace("/authenticate", "/registration"),
        login.action().replace("/authenticate", "/required-action"),
    ] {
        for got in [
            visitor.get(&address).await,
            visitor.post(&address, &form).await,
        ] {
            assert!(!got.has_code(), "{address}");
            assert!(!got.cookies.iter().any(|name| name.starts_with("KEYCLOAK")));
        }
    }
    assert!(visitor.sessions_of("alice").await.is_empty());
}

/// A realm may arrange the flow as it likes, but for one thing.
#[tokio::test]
async fn a_flow_for_forgotten_passwords_that_asks_for_no_proof_lets_nobody_in() {
    let mut file = realm();
    file["resetCredentialsFlow"] = json!("careless");
    let steps = ["reset-credentials-choose-user", "reset-password"];
    let steps: Vec<_> = steps
        .iter()
        .enumerate()
        .map(|(place, step)| json!({"authenticator": step, "requirement": "REQUIRED", "priority": place}))
        .collect();
    file["authenticationFlows"] = json!([
        {"alias": "careless", "providerId": "basic-flow", "topLevel": true, "builtIn": false,
         "authenticationExecutions": steps},
    ]);
    let stage = stage(file).await;
    let mut visitor = Visitor::new(&stage);
    let page = page(&mut visitor).await;
    let got = visitor.post(&page.action(), &[("username", "alice")]).await;
    let got = got.is(400).says("kc-error-message");
    assert!(!got.has_code());
    let form = [
        ("password-new", "taken-over"),
        ("password-confirm", "taken-over"),
    ];
    let action = page
        .action()
        .replace("/reset-credentials", "/required-action");
    assert!(!visitor.post(&action, &form).await.has_code());
    let end = Visitor::new(&stage)
        .sign_in("app", "alice", "wonderland")
        .await;
    assert!(end.has_code());
}

#[tokio::test]
async fn a_realm_that_sends_mails_is_told_that_none_goes_out() {
    let mut file = realm();
    file["smtpServer"] = json!({"host": "mail.example", "from": "shop@shop.example"});
    let stage = stage(file).await;
    for name in ["alice", "nobody"] {
        let mut visitor = Visitor::new(&stage);
        let page = page(&mut visitor).await;
        let login = visitor.post(&page.action(), &[("username", name)]).await;
        login
            .is(200)
            .says("cannot send mails yet")
            .says("kc-form-login");
        let events = visitor.events().await;
        let told = events.first().expect("an event");
        assert!(told.kind.ends_with("_ERROR"), "{}", told.kind);
    }
}

#[tokio::test]
async fn applications_may_lead_there_without_a_login_and_nowhere_else() {
    let stage = shop().await;
    let at = "/realms/shop/login-actions/reset-credentials";
    let mut visitor = Visitor::new(&stage);
    for query in [
        "",
        "?client_id=app",
        "?client_id=app&redirect_uri=http%3A%2F%2Fapp.example%2Fhere",
    ] {
        let page = visitor.get(&format!("{at}{query}")).await;
        page.is(200).says("kc-reset-password-form");
    }
    for query in [
        "?client_id=nobody",
        "?client_id=web",
        "?redirect_uri=http%3A%2F%2Fapp.example%2F",
        "?client_id=app&redirect_uri=http%3A%2F%2Fevil.example%2F",
    ] {
        let page = visitor.get(&format!("{at}{query}")).await;
        page.is(400).says("kc-error-message");
    }
}

#[tokio::test]
async fn who_is_signed_in_and_has_forgotten_is_asked_who_it_is() {
    let mut visitor = Visitor::new(&shop().await);
    let signed_in = visitor.sign_in("app", "alice", "wonderland").await;
    assert!(signed_in.has_code());
    let page = visitor.begin_at("web", FlowPath::ResetCredentials).await;
    let page = page.is(200).says("kc-reset-password-form");
    // Their session is good all the same, for themselves.
    let end = visitor.post(&page.action(), &[("username", "bob")]).await;
    assert_eq!(
        end.parameter("session_state"),
        signed_in.parameter("session_state")
    );
    assert!(visitor.sessions_of("bob").await.is_empty());
}

#[tokio::test]
async fn nobody_is_led_there_where_the_realm_does_not_have_it() {
    let mut file = realm();
    file["resetPasswordAllowed"] = json!(false);
    let stage = stage(file).await;
    let mut visitor = Visitor::new(&stage);
    let login = visitor.begin("app", Asks::default()).await;
    assert!(!login.html.contains("reset-credentials"));
    let address = login
        .action()
        .replace("/authenticate", "/reset-credentials");
    for got in [
        visitor
            .get("/realms/shop/login-actions/reset-credentials")
            .await,
        visitor.post(&address, &[("username", "alice")]).await,
        visitor.begin_at("app", FlowPath::ResetCredentials).await,
    ] {
        got.is(400).says("kc-error-message");
    }
    let told = visitor.told().await;
    let refused = (
        "RESET_PASSWORD_ERROR".to_owned(),
        Some("not_allowed".to_owned()),
    );
    assert!(told.contains(&refused), "{told:?}");
}
