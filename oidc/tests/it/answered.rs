//! Answers to clients, made without a browser in between: what a code stands for is chosen freely.

use std::collections::BTreeMap;

use claviger_engine::authorize::{Finishing, finish, part_notes};
use claviger_engine::events::EventBuilder;
use claviger_engine::request::RequestContext;
use claviger_engine::session::{self, Beginning};
use claviger_model::session::SessionKind;
use claviger_model::{AuthenticationAction, AuthenticationSession, Millis};
use claviger_store::Tx;
use claviger_testkit::{Reply, Stage};
use serde_json::Value;

use crate::world::{oidc, realm};

pub const CB: &str = "http://app.example/cb";
/// The example of RFC 7636, appendix B.
pub const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
pub const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// The shop, whose public client asks for consent where `consent` says so.
pub async fn shop(change: impl FnOnce(&mut Value)) -> Stage {
    let stage = Stage::open(claviger_oidc::router()).await;
    let mut realm = realm();
    change(&mut realm);
    stage.import(realm).await;
    stage
}

pub fn context() -> RequestContext {
    RequestContext {
        base_url: "http://localhost".into(),
        base_path: String::new(),
        origin: "http://localhost".into(),
        base_paths: [String::new(), "/auth".into()].into(),
        ip_address: "127.0.0.1".into(),
        secure: false,
        help_links: true,
        backchannel_url: None,
        admin_url: None,
    }
}

pub fn tab(client: &claviger_model::ClientUuid, request: &[(&str, &str)]) -> AuthenticationSession {
    let mut notes: BTreeMap<String, String> = [
        ("response_type", "code"),
        ("redirect_uri", CB),
        ("scope", "openid"),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .collect();
    for (name, value) in request {
        notes.insert((*name).to_owned(), (*value).to_owned());
    }
    AuthenticationSession {
        root: claviger_model::SessionId::new("root"),
        tab: "tab".into(),
        revision: 1,
        client: client.clone(),
        protocol: "openid-connect".into(),
        redirect_uri: Some(CB.into()),
        base_path: String::new(),
        action: AuthenticationAction::Authenticate,
        user: None,
        executions: BTreeMap::new(),
        required_actions: std::collections::BTreeSet::new(),
        client_notes: notes,
        auth_notes: BTreeMap::new(),
        session_notes: BTreeMap::new(),
        started_at: Millis(0),
        expires_at: Millis(0),
    }
}

/// What alice's browser takes to a client after she signed in.
pub async fn answered(
    stage: &Stage,
    client: &str,
    request: &[(&str, &str)],
) -> Vec<(String, String)> {
    let app = &stage.app;
    let realm = app.realm("shop").await.unwrap().unwrap();
    let client = realm.client(client).await.unwrap().unwrap();
    let user = app
        .store
        .user_by_username(&realm.id, "alice")
        .await
        .unwrap()
        .unwrap();
    let tab = tab(&client.uuid, request);
    let context = context();
    let notes = part_notes(&context, &realm, &tab, true);
    let usable = session::begin(
        app,
        &realm,
        SessionKind::Online,
        Beginning {
            user: &user,
            client: &client,
            ip_address: "127.0.0.1",
            base_path: "",
            auth_method: "openid-connect",
            notes: vec![("AUTH_TIME", app.now().seconds().0.to_string())],
            part_notes: notes
                .iter()
                .map(|(name, value)| (&**name, value.clone()))
                .collect(),
        },
    );
    let mut tx = Tx::new();
    session::keep(&realm, &mut tx, &usable);
    let finishing = Finishing {
        client: &client,
        tab: &tab,
        usable: &usable,
    };
    let mut event = EventBuilder::new("LOGIN", "127.0.0.1");
    let answer = finish(app, &realm, &context, &finishing, (&mut event, &mut tx))
        .await
        .unwrap();
    assert_eq!(answer.redirect_uri, CB);
    assert!(app.commit(tx).await.unwrap().is_done());
    answer.parameters
}

pub fn parameter(answer: &[(String, String)], name: &str) -> String {
    let found = answer.iter().find(|(known, _)| known == name);
    found
        .unwrap_or_else(|| panic!("{name}: {answer:?}"))
        .1
        .clone()
}

pub async fn code(stage: &Stage, request: &[(&str, &str)]) -> String {
    parameter(&answered(stage, "app", request).await, "code")
}

pub async fn exchange(stage: &Stage, code: &str, more: &[(&str, &str)]) -> Reply {
    let mut form = vec![
        ("grant_type", "authorization_code"),
        ("client_id", "app"),
        ("code", code),
        ("redirect_uri", CB),
    ];
    for (name, value) in more {
        form.retain(|(known, _)| known != name);
        if !value.is_empty() {
            form.push((name, value));
        }
    }
    stage.post(&oidc("token"), &form).await
}

pub fn claims(token: &str) -> Value {
    let payload = token.split('.').nth(1).unwrap();
    let bytes = claviger_crypto::encoding::decode_base64url(payload).unwrap();
    serde_json::from_slice(&bytes).unwrap()
}
