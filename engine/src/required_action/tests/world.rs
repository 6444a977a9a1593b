//! A realm with alice and a tab of hers.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use claviger_crypto::{PasswordHasher, Random};
use claviger_model::{
    AuthenticationAction, AuthenticationSession, ClientUuid, Millis, SessionId, User,
};
use claviger_store::{Commit, EventQuery, Options, Store, Tx};
use serde_json::{Value, json};

use crate::app::App;
use crate::browser::CookieChange;
use crate::clock::Clock;
use crate::events::EventBuilder;
use crate::network::Nobody;
use crate::realm::Realm;
use crate::required_action::{Answered, Due, Form, Visit, answer, next, pending};
use crate::{authenticate, realms};

/// 2026-11-23T00:00:00Z.
const MORNING: Millis = Millis(1_795_392_000_000);

/// A server with the realm `shop`.
pub(super) struct World {
    pub(super) app: App,
    pub(super) tab: AuthenticationSession,
}

impl World {
    /// The realm, with these members beside what every realm here has. Alice has `actions`.
    pub(super) async fn open(realm: Value, alice: Value) -> Self {
        let store = Store::open(&Options::sqlite_memory()).await.unwrap();
        let random = Random::system();
        let hasher = PasswordHasher::with_threads(1, 64, &random).unwrap();
        let clock = Clock::frozen(MORNING);
        let app = App::new(store, clock, random, hasher, Arc::new(Nobody));
        realms::ensure_master(&app).await.unwrap();
        let mut person = json!({
            "username": "alice", "enabled": true, "email": "alice@shop.example",
            "emailVerified": true, "firstName": "Alice", "lastName": "Liddell",
            "credentials": [{"type": "password", "value": "wonderland"}],
        });
        lay(&mut person, alice);
        let mut file = json!({
            "realm": "shop", "enabled": true, "eventsEnabled": true,
            "passwordPolicy": "hashAlgorithm(pbkdf2-sha256) and hashIterations(1)",
            "clients": [{"clientId": "app", "publicClient": true, "enabled": true}],
            "users": [person],
        });
        lay(&mut file, realm);
        realms::create(&app, file.as_object().unwrap())
            .await
            .unwrap();
        Self { app, tab: tab() }
    }

    pub(super) async fn realm(&self) -> Arc<Realm> {
        self.app.realm("shop").await.unwrap().unwrap()
    }

    pub(super) async fn alice(&self) -> User {
        let realm = self.realm().await;
        let found = authenticate::find(&self.app, &realm, "alice").await;
        found.unwrap().expect("alice is there")
    }

    /// The application asks for an action.
    pub(super) fn asked(mut self, kc_action: &str) -> Self {
        crate::required_action::ask(&mut self.tab.client_notes, kc_action);
        self
    }

    /// What `kc_action_status` would say.
    pub(super) fn status(&self) -> Option<&str> {
        self.tab
            .client_notes
            .get("kc_action_status")
            .map(String::as_str)
    }

    /// The name of what is next.
    pub(super) async fn pending(&mut self) -> Option<String> {
        let (realm, mut user) = (self.realm().await, self.alice().await);
        let mut event = login();
        let mut visit = visit(&mut self.tab, &mut user, &mut event);
        let mut tx = Tx::new();
        let found = pending(&self.app, &realm, &mut visit, &mut tx).await;
        assert_eq!(self.app.commit(tx).await.unwrap(), Commit::Done);
        found.unwrap()
    }

    /// The page of what is next.
    pub(super) async fn next(&mut self) -> Option<Due> {
        let (realm, mut user) = (self.realm().await, self.alice().await);
        let mut event = login();
        let mut visit = visit(&mut self.tab, &mut user, &mut event);
        let mut tx = Tx::new();
        let due = next(&self.app, &realm, &mut visit, &mut tx).await.unwrap();
        assert_eq!(self.app.commit(tx).await.unwrap(), Commit::Done);
        due
    }

    /// The cookies that change on the way, for a browser with or without one for the language.
    pub(super) async fn cookies(&mut self, locale: Option<&str>) -> Vec<CookieChange> {
        let (realm, mut user) = (self.realm().await, self.alice().await);
        let mut event = login();
        let mut visit = visit(&mut self.tab, &mut user, &mut event);
        visit.locale = locale;
        let mut tx = Tx::new();
        let due = next(&self.app, &realm, &mut visit, &mut tx).await.unwrap();
        assert_eq!(due, None);
        let cookies = visit.cookies;
        assert_eq!(self.app.commit(tx).await.unwrap(), Commit::Done);
        cookies
    }

    /// Sends a form.
    pub(super) async fn send(&mut self, action: &str, fields: &[(&str, &str)]) -> Answered {
        let (realm, mut user) = (self.realm().await, self.alice().await);
        let mut event = login();
        let mut visit = visit(&mut self.tab, &mut user, &mut event);
        let mut form = Form::new();
        for (name, value) in fields {
            let values = form.entry((*name).to_owned()).or_default();
            values.push((*value).to_owned());
        }
        let mut tx = Tx::new();
        let answered = answer(&self.app, &realm, &mut visit, (action, &form), &mut tx)
            .await
            .unwrap();
        assert_eq!(self.app.commit(tx).await.unwrap(), Commit::Done);
        answered
    }

    /// The events so far, the oldest first, each as its kind and details.
    pub(super) async fn events(&self) -> Vec<(String, BTreeMap<String, String>)> {
        let query = EventQuery {
            ascending: true,
            max: -1,
            ..EventQuery::default()
        };
        let realm = self.realm().await;
        let events = self.app.store.events(&realm.id, &query).await.unwrap();
        let told = |event: claviger_model::Event| {
            let mut details: BTreeMap<String, String> = event.details.into_iter().collect();
            if let Some(error) = event.error {
                details.insert("error".to_owned(), error);
            }
            (event.kind, details)
        };
        events.into_iter().map(told).collect()
    }

    pub(super) async fn kinds(&self) -> Vec<String> {
        let events = self.events().await;
        events.into_iter().map(|(kind, _)| kind).collect()
    }

    /// Whether a password is alice's.
    pub(super) async fn opens(&self, password: &str) -> bool {
        let realm = self.realm().await;
        let sent = authenticate::DirectGrant {
            username: Some("alice".to_owned()),
            password: Some(claviger_model::Secret::new(password.to_owned())),
            ..authenticate::DirectGrant::default()
        };
        let (mut event, mut tx) = (login(), Tx::new());
        let found = authenticate::direct_grant(&self.app, &realm, &sent, &mut event, &mut tx).await;
        !matches!(
            found.unwrap(),
            Err(authenticate::LoginRefused::InvalidCredentials)
        )
    }
}

fn lay(over: &mut Value, more: Value) {
    let Value::Object(more) = more else { return };
    for (name, value) in more {
        over[name] = value;
    }
}

fn tab() -> AuthenticationSession {
    AuthenticationSession {
        root: SessionId::new("root-of-alice"),
        tab: "tab".to_owned(),
        revision: 1,
        client: ClientUuid::new("app"),
        protocol: "openid-connect".to_owned(),
        redirect_uri: None,
        base_path: String::new(),
        action: AuthenticationAction::RequiredActions,
        user: None,
        executions: BTreeMap::new(),
        required_actions: BTreeSet::new(),
        client_notes: BTreeMap::new(),
        auth_notes: BTreeMap::new(),
        session_notes: BTreeMap::new(),
        started_at: MORNING,
        expires_at: MORNING,
    }
}

fn login() -> EventBuilder {
    EventBuilder::new("LOGIN", "127.0.0.1")
}

fn visit<'a>(
    tab: &'a mut AuthenticationSession,
    user: &'a mut User,
    event: &'a mut EventBuilder,
) -> Visit<'a> {
    event.user(user.id.as_str());
    Visit {
        tab,
        user,
        event,
        locale: None,
        mode: None,
        cookies: Vec::new(),
    }
}
