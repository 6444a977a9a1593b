//! The question whether to log out: kept in the store while the person reads it, so that any node
//! takes the answer.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use claviger_model::session::SessionKind;
use claviger_model::{AuthenticationAction, AuthenticationSession, ClientUuid, Seconds, SessionId};
use claviger_store::Tx;

use super::asked::Refusal;
use super::browser::{Leave, Reached, Reply, SYSTEM, Scene, shown};
use super::scope::{LogoutScope, Reach, preview};
use crate::browser::Outcome;
use crate::client::Client;
use crate::login::{self, Identity, LoginError, cookies};
use crate::page::Page;

/// The client that stands in where none sent the browser, in a realm without [`SYSTEM`].
const NOBODY: &str = "_system";
/// Questions of one browser that wait for their answer.
const QUESTIONS_MAX: usize = 5;

/// Notes of a question, by Keycloak's names.
pub(super) mod note {
    pub const CODE: &str = "active_code";
    pub const REDIRECT_URI: &str = "OIDC_LOGOUT_REDIRECT_URI";
    /// The same with the client's `state`.
    pub const ADDRESS: &str = "address";
    pub const SESSION: &str = "OIDC_LOGOUT_VALIDATED_ID_TOKEN_SESSION_STATE";
    pub const ISSUED_AT: &str = "OIDC_LOGOUT_VALIDATED_ID_TOKEN_ISSUED_AT";
    pub const PROVIDER: &str = "LOGOUT_INITIATING_IDP";
    pub const UI_LOCALES: &str = "ui_locales";
    pub const LOCALE: &str = "locale_client_requested";
    pub const USER: &str = "user";
    pub const SCOPE: &str = "logout_scope";
}

impl Scene<'_> {
    /// The question that a form belongs to.
    pub(super) async fn tab(
        &self,
        reply: &Reply,
    ) -> Result<Option<AuthenticationSession>, LoginError> {
        let bound = cookies::bound(self.realm, self.browser).await?;
        let (Some(root), Some(id)) = (bound, &reply.tab) else {
            return Ok(None);
        };
        let store = &self.app.store;
        let found = store
            .authentication_session(&self.realm.id, &root, id)
            .await?;
        let now = self.app.now();
        Ok(found
            .filter(|tab| tab.action == AuthenticationAction::LoggingOut && tab.expires_at > now))
    }

    /// Puts the question into the store, and shows it.
    pub(super) async fn ask(
        &self,
        leave: &Leave,
        identity: Option<&Identity>,
        root: &SessionId,
    ) -> Result<Reached, LoginError> {
        let (app, realm) = (self.app, self.realm);
        let system = self.system_client().await?;
        let client = leave.client.as_ref().or(system.as_ref());
        let now = app.now();
        let mut tab = AuthenticationSession {
            root: root.clone(),
            tab: app.random.token(8),
            revision: 1,
            client: client.map_or_else(
                || ClientUuid::new(NOBODY.to_owned()),
                |client| client.uuid.clone(),
            ),
            protocol: "openid-connect".to_owned(),
            redirect_uri: None,
            base_path: self.context.base_path.clone(),
            action: AuthenticationAction::LoggingOut,
            user: None,
            executions: BTreeMap::new(),
            required_actions: BTreeSet::new(),
            client_notes: BTreeMap::new(),
            auth_notes: leave.notes(),
            session_notes: BTreeMap::new(),
            started_at: now,
            expires_at: now + login::tab::lifespan(realm),
        };
        let code = app.random.token(32);
        tab.auth_notes.insert(note::CODE.to_owned(), code);
        let mut tx = Tx::new();
        self.forget_oldest(root, &mut tx).await?;
        tx.insert_authentication_session(&realm.id, &tab);
        // A miss means that another request has tidied up at the same moment.
        if !app.commit(tx).await?.is_done() {
            let mut tx = Tx::new();
            tx.insert_authentication_session(&realm.id, &tab);
            let _done = app.commit(tx).await?;
        }
        self.asking(&tab, leave, identity, client).await
    }

    async fn forget_oldest(&self, root: &SessionId, tx: &mut Tx) -> Result<(), LoginError> {
        let (store, realm) = (&self.app.store, &self.realm.id);
        let tabs = store.authentication_sessions(realm, root).await?;
        let asked = tabs
            .iter()
            .filter(|tab| tab.action == AuthenticationAction::LoggingOut);
        for tab in asked.skip(QUESTIONS_MAX - 1) {
            tx.delete_authentication_session(realm, tab);
        }
        Ok(())
    }

    /// Shows a question that was asked before, with a new code.
    pub(super) async fn ask_again(
        &self,
        mut tab: AuthenticationSession,
        leave: &Leave,
        identity: Option<&Identity>,
    ) -> Result<Reached, LoginError> {
        let code = self.app.random.token(32);
        tab.auth_notes.insert(note::CODE.to_owned(), code);
        let mut tx = Tx::new();
        tx.update_authentication_session(&self.realm.id, &tab);
        if !self.app.commit(tx).await?.is_done() {
            return Ok(Reached::Refused(Refusal::Over, leave.client.clone()));
        }
        let system = self.system_client().await?;
        let client = leave.client.as_ref().or(system.as_ref());
        self.asking(&tab, leave, identity, client).await
    }

    async fn asking(
        &self,
        tab: &AuthenticationSession,
        leave: &Leave,
        identity: Option<&Identity>,
        client: Option<&Arc<Client>>,
    ) -> Result<Reached, LoginError> {
        let code = tab.auth_notes.get(note::CODE).cloned().unwrap_or_default();
        let back = leave.client.as_deref().and_then(|client| self.home(client));
        let reach = self.reach(leave, identity).await?;
        let mut view = self.view(Page::LogoutConfirm { code, back, reach });
        view.client.clone_from(&leave.client);
        let id = client.map_or(NOBODY, |client| &client.client_id);
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.append_pair("client_id", id);
        query.append_pair("tab_id", &tab.tab);
        view.action = format!("{}?{}", self.question_path(), query.finish());
        Ok(shown(leave, Outcome::page(view)))
    }

    /// What a yes will end, as far as it can be known: whoever sits there without a cookie, and whom no
    /// client speaks of, has nothing here that could end.
    async fn reach(
        &self,
        leave: &Leave,
        identity: Option<&Identity>,
    ) -> Result<Option<Reach>, LoginError> {
        let (app, realm) = (self.app, self.realm);
        let session = match (identity, &leave.hinted) {
            (Some(identity), _) => Some(identity.session.clone()),
            (None, Some(id)) => {
                let store = &app.store;
                store
                    .user_session(&realm.id, SessionKind::Online, id)
                    .await?
            }
            (None, None) => None,
        };
        Ok(match session {
            Some(session) => Some(preview(app, realm, &session, leave.scope).await?),
            None => None,
        })
    }

    /// Where the question is asked, below this server's origin.
    pub(super) fn question_path(&self) -> String {
        let realm = percent_encoding::utf8_percent_encode(
            &self.realm.name,
            percent_encoding::NON_ALPHANUMERIC,
        );
        let realm = realm.to_string().replace("%2D", "-").replace("%5F", "_");
        let base = &self.context.base_path;
        format!("{base}/realms/{realm}/protocol/openid-connect/logout/logout-confirm")
    }

    async fn system_client(&self) -> Result<Option<Arc<Client>>, LoginError> {
        Ok(self.realm.client(SYSTEM).await?)
    }

    /// What a question was asked with.
    pub(super) async fn read(&self, tab: &AuthenticationSession) -> Result<Leave, LoginError> {
        let text = |name: &str| tab.auth_notes.get(name).cloned();
        let found = self.realm.client_by_uuid(&tab.client).await?;
        let client = found.filter(|client| client.client_id != SYSTEM);
        Ok(Leave {
            client,
            target: text(note::REDIRECT_URI),
            address: text(note::ADDRESS),
            hinted: text(note::SESSION).map(SessionId::new),
            issued_at: text(note::ISSUED_AT).and_then(|at| at.parse().ok().map(Seconds)),
            ui_locales: text(note::UI_LOCALES),
            chosen: text(note::LOCALE),
            profile: text(note::USER),
            provider: text(note::PROVIDER),
            scope: text(note::SCOPE)
                .and_then(|word| LogoutScope::parse(&word))
                .unwrap_or_default(),
        })
    }
}

impl Leave {
    fn notes(&self) -> BTreeMap<String, String> {
        let hinted = self.hinted.as_ref().map(|id| id.as_str().to_owned());
        let issued_at = self.issued_at.map(|at| at.0.to_string());
        let notes = [
            (note::REDIRECT_URI, self.target.clone()),
            (note::ADDRESS, self.address.clone()),
            (note::SESSION, hinted),
            (note::ISSUED_AT, issued_at),
            (note::UI_LOCALES, self.ui_locales.clone()),
            (note::USER, self.profile.clone()),
            (note::PROVIDER, self.provider.clone()),
            (note::SCOPE, Some(self.scope.as_str().to_owned())),
        ];
        let notes = notes.into_iter();
        notes
            .filter_map(|(name, value)| Some((name.to_owned(), value?)))
            .collect()
    }
}
