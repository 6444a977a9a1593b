//! What it means that a client is made, changed or deleted, whoever asks for it: an administrator,
//! or somebody who registers it.

use std::collections::HashSet;

use claviger_engine::App;
use claviger_engine::client::Client;
use claviger_engine::defaults::REALM_MANAGEMENT;
use claviger_engine::import::management::master_client_id;
use claviger_engine::logout::{end_client, end_sessions_of_client};
use claviger_engine::realm::Realm;
use claviger_engine::revocation::record;
use claviger_engine::service_account;
use claviger_model::session::EndReason;
use claviger_model::{ClientUuid, ScopeId};
use claviger_store::{StoreError, Tx};
use claviger_wire::document::{Document, Json, Kind, Link, LinkKind};
use claviger_wire::fields::Fields;
use serde_json::Value;

use super::body::{self, Maker, flag, text};
use super::certificates;
use super::document;
use super::validate::{self, Surroundings};
use crate::call::AdminCall;
use crate::guard::MASTER;
use crate::problem::Problem;

/// Clients without which a realm does not work: nobody deletes them.
const BUILT_IN: &[&str] = &[
    "account",
    "account-console",
    "admin-cli",
    "broker",
    "realm-management",
    "security-admin-console",
];

/// What is wrong with two mappers of the same name.
pub(crate) const TWINS: &str = "Cannot add protocol mapper: there is one of the same name already";

/// The clients of a realm, to be changed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clients<'a> {
    /// The server.
    pub(crate) app: &'a App,
    /// The realm.
    pub(crate) realm: &'a Realm,
}

/// What a change has to be followed by once it is written.
#[derive(Clone, Copy, Debug)]
#[must_use = "sessions go on until they are ended"]
pub(crate) struct Change {
    /// Whether the client was switched off.
    disabled: bool,
}

impl<'a> Clients<'a> {
    /// Those of the realm that is administered.
    pub(crate) fn of(call: &'a AdminCall) -> Self {
        Self {
            app: &call.app,
            realm: &call.realm,
        }
    }

    /// Makes documents of representations.
    pub(crate) fn maker(self) -> Maker<'a> {
        Maker {
            random: &self.app.random,
            now: self.app.now(),
            realm: &self.realm.name,
        }
    }

    /// Everything that is wrong with a client's document, in Keycloak's words.
    pub(crate) async fn problems(self, body: &Json) -> Result<Vec<String>, StoreError> {
        let mut levels = Vec::new();
        let attributes = body.get("attributes").and_then(Value::as_object);
        let asks = |name: &str| attributes.is_some_and(|all| !text(all, name).is_empty());
        if asks("default.acr.values") || asks("minimum.acr.value") {
            let kind = Kind::AuthenticatorConfig;
            let configs = self.app.store.documents(&self.realm.id, kind).await?;
            levels.extend(configs.iter().filter_map(|document| {
                Fields::of(Fields::of(&document.body).object("config")?).text("loa-condition-level")
            }));
        }
        let around = Surroundings {
            realm: &self.realm.settings,
            levels: &levels,
            docker: self.app.speaks_docker(),
        };
        Ok(validate::problems(body, around))
    }

    /// What is wrong with the flows that a client has in place of the realm's.
    pub(crate) async fn unknown_flow(self, body: &Json) -> Result<Option<String>, StoreError> {
        let overrides = body
            .get("authenticationFlowBindingOverrides")
            .and_then(Value::as_object);
        for (binding, flow) in overrides.into_iter().flatten() {
            let id = flow.as_str().unwrap_or_default();
            let store = &self.app.store;
            if store
                .document(&self.realm.id, Kind::Flow, id)
                .await?
                .is_none()
            {
                return Ok(Some(format!(
                    "Unable to resolve auth flow binding override for: {binding}"
                )));
            }
        }
        Ok(None)
    }

    /// Writes a new client with its scopes and its service account, by the representation that it
    /// was made of.
    pub(crate) async fn add(
        self,
        tx: &mut Tx,
        given: &Json,
        body: &mut Json,
    ) -> Result<(), Problem> {
        if text(given, "protocol") == body::SAML {
            self.sign_requests(body).await?;
        }
        let id = text(body, "id").to_owned();
        tx.insert_document(
            &self.realm.id,
            &Document {
                kind: Kind::Client,
                id: id.clone(),
                parent: String::new(),
                unique_name: text(body, "clientId").to_owned(),
                enabled: flag(body, "enabled"),
                body: body.clone(),
            },
        );
        self.link_scopes(tx, given, body, &[]).await?;
        if flag(body, "serviceAccountsEnabled") {
            let uuid = ClientUuid::new(id);
            let client_id = text(body, "clientId");
            service_account::enable(self.app, self.realm, tx, &uuid, client_id).await?;
        }
        Ok(())
    }

    /// Gives a client that must sign its requests a key for it, unless it has one.
    async fn sign_requests(self, body: &mut Json) -> Result<(), Problem> {
        const CERTIFICATE: &str = "saml.signing.certificate";
        let signs = body::attribute(body, "saml.client.signature") == Some("true");
        if signs && body::attribute(body, CERTIFICATE).is_none() {
            let pair = certificates::key_pair(self.app, text(body, "clientId")).await?;
            body::set_attribute(body, CERTIFICATE, Some(&pair.certificate));
            body::set_attribute(body, "saml.signing.private.key", Some(&pair.private_key));
        }
        Ok(())
    }

    /// Links a client to the scopes that it names, or to the realm's of its protocol if it names none;
    /// those that it had are left alone.
    async fn link_scopes(
        self,
        tx: &mut Tx,
        given: &Json,
        body: &Json,
        had: &[ScopeId],
    ) -> Result<(), StoreError> {
        let realm = &self.realm.id;
        let scopes = self.realm.scopes().await?;
        let fields = Fields::of(given);
        // Kind of the client's link, names that it asks for, kind of the realm's link.
        let wishes = [
            (
                LinkKind::DefaultScope,
                fields.maybe_texts("defaultClientScopes"),
                LinkKind::RealmDefaultScope,
            ),
            (
                LinkKind::OptionalScope,
                fields.maybe_texts("optionalClientScopes"),
                LinkKind::RealmOptionalScope,
            ),
        ];
        let none_wished = wishes.iter().all(|(_, names, _)| names.is_none());
        let mut linked: HashSet<String> = had.iter().map(|id| id.as_str().to_owned()).collect();
        for (kind, names, of_realm) in wishes {
            let ids: Vec<String> = if none_wished {
                let ids = self
                    .app
                    .store
                    .links_from(realm, of_realm, realm.as_str())
                    .await?;
                let fits = |id: &String| {
                    let scope = scopes.get(&ScopeId::new(id.clone()));
                    scope.is_some_and(|scope| scope.protocol == text(body, "protocol"))
                };
                ids.into_iter().filter(fits).collect()
            } else {
                // Keycloak passes over names that nobody knows.
                let names = names.unwrap_or_default();
                let known = names.iter().filter_map(|name| scopes.named(name));
                known.map(|scope| scope.id.as_str().to_owned()).collect()
            };
            for to in ids {
                // A scope that is named twice is a default one.
                if linked.insert(to.clone()) {
                    tx.insert_link(
                        realm,
                        &Link {
                            kind,
                            from: text(body, "id").to_owned(),
                            to,
                        },
                    );
                }
            }
        }
        Ok(())
    }

    /// Gives a client exactly the scopes that a representation names, if it names any; one that is
    /// named twice is a default one.
    pub(crate) async fn replace_scopes(
        self,
        tx: &mut Tx,
        client: &Client,
        given: &Json,
    ) -> Result<(), StoreError> {
        let fields = Fields::of(given);
        let defaults = fields.maybe_texts("defaultClientScopes");
        let optional = fields.maybe_texts("optionalClientScopes");
        if defaults.is_none() && optional.is_none() {
            return Ok(());
        }
        let scopes = self.realm.scopes().await?;
        let link = |kind, to: &ScopeId| Link {
            kind,
            from: client.uuid.as_str().to_owned(),
            to: to.as_str().to_owned(),
        };
        let (kinds, realm) = (
            [LinkKind::DefaultScope, LinkKind::OptionalScope],
            &self.realm.id,
        );
        for kind in kinds {
            tx.delete_links_from(realm, kind, client.uuid.as_str());
        }
        let mut linked = HashSet::new();
        for (kind, names) in kinds.into_iter().zip([defaults, optional]) {
            for scope in names.iter().flatten().filter_map(|name| scopes.named(name)) {
                if linked.insert(scope.id.clone()) {
                    tx.insert_link(realm, &link(kind, &scope.id));
                }
            }
        }
        Ok(())
    }

    /// Writes a client's other document, with what hangs on it. [`Self::changed`] has to follow.
    pub(crate) async fn change(
        self,
        tx: &mut Tx,
        client: &Client,
        body: Json,
    ) -> Result<Change, Problem> {
        let (app, realm) = (self.app, self.realm);
        let client_id = text(&body, "clientId").to_owned();
        if flag(&body, "serviceAccountsEnabled") {
            service_account::enable(app, realm, tx, &client.uuid, &client_id).await?;
        } else {
            service_account::disable(app, realm, tx, &client.uuid).await?;
        }
        if client_id != client.client_id && flag(&body, "serviceAccountsEnabled") {
            service_account::rename(app, realm, tx, &client.uuid, &client_id).await?;
        }
        if text(&body, "protocol") != client.settings.protocol {
            // Another protocol has other scopes; those of the old one come back with it.
            let had = [client.default_scopes.as_slice(), &client.optional_scopes].concat();
            self.link_scopes(tx, &Json::new(), &body, &had).await?;
        }
        let disabled = client.settings.enabled && !flag(&body, "enabled");
        record::client_changed(app, realm, tx, client, &body).await?;
        tx.update_document(&realm.id, &document(client, body));
        Ok(Change { disabled })
    }

    /// What follows a change that is written.
    pub(crate) async fn changed(self, client: &Client, change: Change) -> Result<(), StoreError> {
        if change.disabled {
            let reason = EndReason::ClientDisabled;
            end_sessions_of_client(self.app, self.realm, &client.uuid, reason).await?;
        }
        Ok(())
    }

    /// Ends a client's part in every session, and gives the job that deletes it.
    /// [`Self::deleted`] has to follow.
    pub(crate) async fn delete(self, client: &Client) -> Result<Tx, StoreError> {
        let (app, realm, uuid) = (self.app, self.realm, &client.uuid);
        end_client(app, realm, client).await?;
        let mut tx = Tx::new();
        record::client_ended(app, realm, &mut tx, client, EndReason::ClientDeleted).await?;
        let roles = app.store.children(&realm.id, Kind::Role, uuid.as_str());
        for role in roles.await? {
            tx.delete_document(&realm.id, Kind::Role, &role.id);
        }
        service_account::delete(app, realm, &mut tx, uuid).await?;
        tx.delete_document(&realm.id, Kind::Client, uuid.as_str());
        Ok(tx)
    }

    /// Whoever signed in while the client was deleted is out, too.
    pub(crate) async fn deleted(self, client: &Client) -> Result<(), StoreError> {
        let reason = EndReason::ClientDeleted;
        end_sessions_of_client(self.app, self.realm, &client.uuid, reason).await?;
        Ok(())
    }

    /// Whether a client belongs to the server itself.
    pub(crate) async fn is_built_in(self, client: &Client) -> Result<bool, StoreError> {
        if BUILT_IN.contains(&client.client_id.as_str()) {
            return Ok(true);
        }
        if self.realm.name != MASTER {
            return Ok(false);
        }
        let realms = self.app.store.realms().await?;
        Ok(realms
            .iter()
            .any(|realm| master_client_id(&realm.name) == client.client_id))
    }
}

/// Whether a client is one whose roles are rights over a realm.
pub(crate) fn is_management(realm: &str, client_id: &str) -> bool {
    if realm == MASTER {
        client_id.ends_with("-realm")
    } else {
        client_id == REALM_MANAGEMENT
    }
}
