//! Devices: a pair of codes, a person who says yes or no elsewhere, and tokens once.

use std::collections::{BTreeMap, BTreeSet};

use axum::http::Method;
use claviger_engine::device::{self, VERIFIED_USER_CODE};
use claviger_engine::session::{self, Beginning};
use claviger_model::session::SessionKind;
use claviger_model::{AuthenticationAction, AuthenticationSession, Millis, Seconds, SessionId};
use claviger_store::Tx;
use claviger_testkit::{Reply, Stage};
use claviger_wire::document::Kind;
use serde_json::{Value, json};

use crate::world::{oidc, realm, userinfo};

const GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";
/// The example of RFC 7636, appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// What is sent, and the status and error that come back.
type Case<'a> = (&'a [(&'a str, &'a str)], u16, &'a str);

/// The shop with a television set and a box, both switched on for the grant.
async fn shop() -> Stage {
    let stage = Stage::open(claviger_oidc::router()).await;
    let mut realm = realm();
    let enabled = json!({"oauth2.device.authorization.grant.enabled": "true"});
    for id in ["tv", "box"] {
        let client = json!({"clientId": id, "publicClient": true, "attributes": enabled});
        realm["clients"].as_array_mut().unwrap().push(client);
    }
    stage.import(realm).await;
    stage
}

async fn begin(stage: &Stage, more: &[(&str, &str)]) -> Value {
    let mut form = vec![("client_id", "tv"), ("scope", "openid")];
    form.extend(more);
    stage.post(&oidc("auth/device"), &form).await.is(200).json()
}

async fn poll(stage: &Stage, device: &Value, more: &[(&str, &str)]) -> Reply {
    let code = device["device_code"].as_str().unwrap();
    let mut form = vec![("grant_type", GRANT), ("device_code", code)];
    form.extend(more);
    if !more.iter().any(|(name, _)| *name == "client_id") {
        form.push(("client_id", "tv"));
    }
    stage.post(&oidc("token"), &form).await
}

fn told(reply: &Reply) -> (u16, String) {
    let body: Value = reply.json();
    let error = body["error"].as_str().unwrap_or_default().to_owned();
    (reply.status.as_u16(), error)
}

fn refused(error: &str) -> (u16, String) {
    (400, error.to_owned())
}

/// The tab of a browser in which somebody typed a device's code.
async fn tab(stage: &Stage, device: &Value) -> AuthenticationSession {
    let realm = stage.app.realm("shop").await.unwrap().unwrap();
    let client = realm.client("tv").await.unwrap().unwrap();
    let typed = device["user_code"].as_str().unwrap();
    let found = device::verify(&stage.app, &realm, typed).await.unwrap();
    let (_, code) = found.unwrap();
    AuthenticationSession {
        root: SessionId::new("root"),
        tab: "tab".into(),
        revision: 1,
        client: client.uuid.clone(),
        protocol: "openid-connect".into(),
        redirect_uri: None,
        base_path: String::new(),
        action: AuthenticationAction::Authenticate,
        user: None,
        executions: BTreeMap::new(),
        required_actions: BTreeSet::new(),
        client_notes: BTreeMap::from([(VERIFIED_USER_CODE.to_owned(), code)]),
        auth_notes: BTreeMap::new(),
        session_notes: BTreeMap::new(),
        started_at: Millis(0),
        expires_at: Millis(0),
    }
}

/// Alice signs in and says yes. The session that comes of it.
async fn approve(stage: &Stage, device: &Value) -> SessionId {
    let app = &stage.app;
    let realm = app.realm("shop").await.unwrap().unwrap();
    let client = realm.client("tv").await.unwrap().unwrap();
    let alice = app.store.user_by_username(&realm.id, "alice").await;
    let alice = alice.unwrap().unwrap();
    let beginning = Beginning {
        user: &alice,
        client: &client,
        ip_address: "127.0.0.1",
        base_path: "",
        auth_method: "openid-connect",
        notes: Vec::new(),
        part_notes: Vec::new(),
    };
    let usable = session::begin(app, &realm, SessionKind::Online, beginning);
    let mut tx = Tx::new();
    session::keep(&realm, &mut tx, &usable);
    let session = usable.session().id.clone();
    let tab = tab(stage, device).await;
    let done = device::approve(app, &realm, &tab, &session, &mut tx).await;
    assert!(done.unwrap());
    assert!(app.commit(tx).await.unwrap().is_done());
    session
}

#[tokio::test]
async fn a_device_begins_with_two_codes() {
    let stage = shop().await;
    let form = [("client_id", "tv"), ("scope", "openid")];
    let reply = stage.post(&oidc("auth/device"), &form).await.is(200);
    assert_eq!(
        reply.header("cache-control"),
        "no-store, must-revalidate, max-age=0"
    );
    let device: Value = reply.json();
    let code = device["user_code"].as_str().unwrap();
    let is_letter = |letter: char| letter.is_ascii_uppercase();
    assert!(code.len() == 9 && code[..4].chars().chain(code[5..].chars()).all(is_letter));
    assert_eq!(&code[4..5], "-");
    assert_eq!(device["device_code"].as_str().unwrap().len(), 43);
    assert_eq!(device["expires_in"], 600);
    assert_eq!(device["interval"], 5);
    let address = "http://localhost/realms/shop/device";
    assert_eq!(device["verification_uri"], address);
    let complete = format!("{address}?user_code={code}");
    assert_eq!(device["verification_uri_complete"], complete);
}

#[tokio::test]
async fn a_client_that_may_not_is_refused() {
    let stage = shop().await;
    let cases: [Case<'_>; 4] = [
        (&[("client_id", "app")], 400, "unauthorized_client"),
        (&[("client_id", "nobody")], 401, "invalid_client"),
        (
            &[("client_id", "tv"), ("code_challenge_method", "S256")],
            400,
            "invalid_request",
        ),
        (
            &[("client_id", "tv"), ("scope", "a"), ("scope", "b")],
            400,
            "invalid_grant",
        ),
    ];
    for (form, status, error) in cases {
        let reply = stage.post(&oidc("auth/device"), form).await;
        assert_eq!(told(&reply), (status, error.to_owned()), "{form:?}");
    }
    let get = stage.call(Method::GET, &oidc("auth/device")).send().await;
    assert_eq!(get.status.as_u16(), 405);
}

#[tokio::test]
async fn a_device_polls_until_its_person_said_yes_and_gets_tokens_once() {
    let stage = shop().await;
    let device = begin(&stage, &[]).await;
    assert_eq!(
        told(&poll(&stage, &device, &[]).await),
        refused("authorization_pending")
    );
    assert_eq!(
        told(&poll(&stage, &device, &[]).await),
        refused("slow_down")
    );
    let session = approve(&stage, &device).await;
    assert_eq!(
        told(&poll(&stage, &device, &[]).await),
        refused("slow_down")
    );
    stage.wait(Seconds(5));
    let tokens: Value = poll(&stage, &device, &[]).await.is(200).json();
    assert_eq!(tokens["session_state"], session.as_str());
    let access = tokens["access_token"].as_str().unwrap();
    userinfo(&stage, access).await.is(200);
    stage.wait(Seconds(5));
    assert_eq!(
        told(&poll(&stage, &device, &[]).await),
        refused("invalid_grant")
    );
}

/// CVE-2023-2585: a device code is its client's.
#[tokio::test]
async fn cve_2023_2585_no_other_client_gets_the_tokens_of_a_device() {
    let stage = shop().await;
    let device = begin(&stage, &[]).await;
    let _session = approve(&stage, &device).await;
    let other = [("client_id", "box")];
    assert_eq!(
        told(&poll(&stage, &device, &other).await),
        refused("invalid_grant")
    );
    let without = [("client_id", "app")];
    assert_eq!(
        told(&poll(&stage, &device, &without).await),
        refused("invalid_grant")
    );
    poll(&stage, &device, &[]).await.is(200);
}

/// CVE-2026-4282: what is kept for one purpose is good for no other.
#[tokio::test]
async fn cve_2026_4282_codes_of_one_kind_are_no_codes_of_another() {
    let stage = shop().await;
    let device = begin(&stage, &[]).await;
    let _session = approve(&stage, &device).await;
    let code = device["device_code"].as_str().unwrap().to_owned();
    let user_code = device["user_code"].as_str().unwrap().to_owned();
    for code in [
        code.clone(),
        user_code.replace('-', ""),
        format!("device:{code}"),
    ] {
        let form = [
            ("grant_type", "authorization_code"),
            ("client_id", "tv"),
            ("code", &code),
            ("redirect_uri", "http://app.example/cb"),
        ];
        let reply = stage.post(&oidc("token"), &form).await;
        assert_eq!(told(&reply), refused("invalid_grant"), "{code}");
    }
    for code in [user_code.replace('-', ""), user_code] {
        let form = [
            ("grant_type", GRANT),
            ("client_id", "tv"),
            ("device_code", &code),
        ];
        let reply = stage.post(&oidc("token"), &form).await;
        assert_eq!(told(&reply), refused("invalid_grant"), "{code}");
    }
    poll(&stage, &device, &[]).await.is(200);
}

#[tokio::test]
async fn who_says_no_is_heard() {
    let stage = shop().await;
    let device = begin(&stage, &[]).await;
    let realm = stage.app.realm("shop").await.unwrap().unwrap();
    let tab = tab(&stage, &device).await;
    let mut tx = Tx::new();
    let denied = device::deny(&stage.app, &realm, &tab, &mut tx).await;
    assert!(denied.unwrap());
    assert!(stage.app.commit(tx).await.unwrap().is_done());
    let mut tx = Tx::new();
    let session = SessionId::new("session");
    let approved = device::approve(&stage.app, &realm, &tab, &session, &mut tx).await;
    assert!(!approved.unwrap(), "no cannot be turned into yes");
    assert!(tx.is_empty());
    assert_eq!(
        told(&poll(&stage, &device, &[]).await),
        refused("access_denied")
    );
}

#[tokio::test]
async fn codes_run_out() {
    let stage = shop().await;
    let device = begin(&stage, &[]).await;
    let tab = tab(&stage, &device).await;
    stage.wait(Seconds(601));
    assert_eq!(
        told(&poll(&stage, &device, &[]).await),
        refused("expired_token")
    );
    let realm = stage.app.realm("shop").await.unwrap().unwrap();
    let mut tx = Tx::new();
    let session = SessionId::new("session");
    let approved = device::approve(&stage.app, &realm, &tab, &session, &mut tx).await;
    assert!(!approved.unwrap());
}

#[tokio::test]
async fn a_device_whose_person_is_signed_out_or_disabled_gets_nothing() {
    let stage = shop().await;
    let device = begin(&stage, &[]).await;
    let session = approve(&stage, &device).await;
    let realm = stage.app.realm("shop").await.unwrap().unwrap();
    let mut tx = Tx::new();
    tx.delete_user_session(&realm.id, SessionKind::Online, &session);
    assert!(stage.app.commit(tx).await.unwrap().is_done());
    assert_eq!(
        told(&poll(&stage, &device, &[]).await),
        refused("invalid_grant")
    );

    let device = begin(&stage, &[]).await;
    let _session = approve(&stage, &device).await;
    let alice = stage.app.store.user_by_username(&realm.id, "alice").await;
    let mut alice = alice.unwrap().unwrap();
    alice.enabled = false;
    let mut tx = Tx::new();
    tx.update_user(&realm.id, &alice);
    assert!(stage.app.commit(tx).await.unwrap().is_done());
    assert_eq!(
        told(&poll(&stage, &device, &[]).await),
        refused("invalid_grant")
    );
}

#[tokio::test]
async fn a_device_that_binds_its_codes_proves_that_it_is_the_same() {
    let stage = shop().await;
    let bound = [
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
    ];
    let device = begin(&stage, &bound).await;
    let _session = approve(&stage, &device).await;
    let wrong = VERIFIER.replace('d', "e");
    for (more, expected) in [
        (vec![], "invalid_grant"),
        (vec![("code_verifier", wrong.as_str())], "invalid_grant"),
    ] {
        assert_eq!(told(&poll(&stage, &device, &more).await), refused(expected));
        stage.wait(Seconds(5));
    }
    poll(&stage, &device, &[("code_verifier", VERIFIER)])
        .await
        .is(200);
}

#[tokio::test]
async fn a_person_types_the_code_that_the_device_shows() {
    let stage = shop().await;
    let page = stage.get("/realms/shop/device").await.is(200);
    assert!(page.text().contains("device_user_code"), "{}", page.text());
    let device = begin(&stage, &[]).await;
    let code = device["user_code"].as_str().unwrap();
    let lower = code.to_lowercase().replace('-', " ");
    let typed = [("device_user_code", lower.as_str())];
    let by_form = stage.post("/realms/shop/device", &typed).await;
    let by_address = stage
        .get(&format!("/realms/shop/device?user_code={code}"))
        .await;
    for reply in [by_form, by_address] {
        let reply = reply.is(302);
        let to = reply.header("location");
        let login = "http://localhost/realms/shop/login-actions/authenticate?client_id=tv&tab_id=";
        assert!(to.starts_with(login), "{to}");
        assert!(to.ends_with("&client_data=e30"), "{to}");
        let cookies = reply.headers.get_all("set-cookie").iter();
        let cookies: Vec<&str> = cookies.map(|cookie| cookie.to_str().unwrap()).collect();
        for name in ["AUTH_SESSION_ID=", "KC_AUTH_SESSION_HASH=", "KC_RESTART="] {
            assert!(
                cookies.iter().any(|cookie| cookie.starts_with(name)),
                "{name}"
            );
        }
    }
}

/// Takes the grant from a client.
async fn switch_off(stage: &Stage, client: &str) {
    let (app, kind) = (&stage.app, Kind::Client);
    let realm = app.realm("shop").await.unwrap().unwrap();
    let found = app
        .store
        .document_by_name(&realm.id, kind, "", client)
        .await;
    let mut client = found.unwrap().unwrap();
    client.body.remove("attributes");
    let mut tx = Tx::new();
    tx.update_document(&realm.id, &client);
    assert!(app.commit(tx).await.unwrap().is_done());
}

#[tokio::test]
async fn a_code_that_no_device_waits_for_leads_nowhere() {
    let stage = shop().await;
    let used = begin(&stage, &[]).await;
    let _session = approve(&stage, &used).await;
    let other = begin(&stage, &[]).await;
    let of_bank = begin(&stage, &[]).await;
    stage
        .import(json!({"realm": "bank", "enabled": true}))
        .await;
    let code = |device: &Value| device["user_code"].as_str().unwrap().to_owned();
    let refused = |reply: Reply| {
        let reply = reply.is(200);
        assert!(
            reply.text().contains("device_user_code"),
            "{}",
            reply.text()
        );
        assert!(reply.text().contains("alert-error"), "{}", reply.text());
    };
    for typed in ["WRONG-CODE", "x", "ABCD-EFGH-IJKL", &code(&used)] {
        let form = [("device_user_code", typed)];
        refused(stage.post("/realms/shop/device", &form).await);
    }
    let elsewhere = format!("/realms/bank/device?user_code={}", code(&of_bank));
    refused(stage.get(&elsewhere).await);
    let off = begin(&stage, &[]).await;
    switch_off(&stage, "tv").await;
    refused(
        stage
            .get(&format!("/realms/shop/device?user_code={}", code(&off)))
            .await,
    );
    stage.wait(Seconds(601));
    refused(
        stage
            .get(&format!("/realms/shop/device?user_code={}", code(&other)))
            .await,
    );
}

#[tokio::test]
async fn the_browser_is_told_what_came_of_it() {
    let stage = shop().await;
    let done = stage.get("/realms/shop/device/status").await.is(200);
    assert!(
        !done.text().contains("/realms/shop/device\""),
        "there is nothing to go on to"
    );
    for error in [
        "access_denied",
        "expired_token",
        "%3Cscript%3E",
        "server_error",
    ] {
        let address = format!("/realms/shop/device/status?error={error}");
        let failed = stage.get(&address).await.is(200);
        assert!(
            failed.text().contains("/realms/shop/device"),
            "a way to begin again"
        );
        assert!(!failed.text().contains("<script>"), "{}", failed.text());
    }
}
