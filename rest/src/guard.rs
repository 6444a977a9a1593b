//! Who administers, and what they may.
//!
//! An administrator is a user (or a service account) of the realm that is administered, with roles
//! of its client `realm-management`, or one of the master realm, with roles of the client
//! `<realm>-realm` there. The token only says who it is; roles are read anew each time and narrowed
//! to what the token's client may carry, so that a withdrawn role is gone at once.

use std::collections::HashSet;
use std::sync::Arc;

use claviger_engine::App;
use claviger_engine::client::Client;
use claviger_engine::gate::{GateError, usable, usable_user};
use claviger_engine::person::Person;
use claviger_engine::realm::Realm;
use claviger_engine::request::RequestContext;
use claviger_engine::scope::Granted;
use claviger_engine::token::{Expected, TokenClaims, apparent};
use claviger_model::SessionId;
use claviger_store::StoreError;
use claviger_surface::Help;

use crate::problem::Problem;

/// The realm whose administrators may administer all realms.
pub const MASTER: &str = "master";

/// A right, as a role of `realm-management` or of `<realm>-realm`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Right {
    /// `view-realm`
    ViewRealm,
    /// `view-users`
    ViewUsers,
    /// `view-clients`
    ViewClients,
    /// `view-events`
    ViewEvents,
    /// `view-identity-providers`
    ViewIdentityProviders,
    /// `view-authorization`
    ViewAuthorization,
    /// `manage-realm`
    ManageRealm,
    /// `manage-users`
    ManageUsers,
    /// `manage-clients`
    ManageClients,
    /// `manage-events`
    ManageEvents,
    /// `manage-identity-providers`
    ManageIdentityProviders,
    /// `manage-authorization`
    ManageAuthorization,
    /// `query-users`
    QueryUsers,
    /// `query-clients`
    QueryClients,
    /// `query-realms`
    QueryRealms,
    /// `query-groups`
    QueryGroups,
    /// `create-client`
    CreateClient,
    /// `impersonation`
    Impersonation,
    /// `view-organizations`
    ViewOrganizations,
    /// `manage-organizations`
    ManageOrganizations,
    /// `query-organizations`
    QueryOrganizations,
}

impl Right {
    /// All of them: whoever has one is an administrator of some kind.
    pub const ALL: [Self; 21] = [
        Self::ViewRealm,
        Self::ViewUsers,
        Self::ViewClients,
        Self::ViewEvents,
        Self::ViewIdentityProviders,
        Self::ViewAuthorization,
        Self::ManageRealm,
        Self::ManageUsers,
        Self::ManageClients,
        Self::ManageEvents,
        Self::ManageIdentityProviders,
        Self::ManageAuthorization,
        Self::QueryUsers,
        Self::QueryClients,
        Self::QueryRealms,
        Self::QueryGroups,
        Self::CreateClient,
        Self::Impersonation,
        Self::ViewOrganizations,
        Self::ManageOrganizations,
        Self::QueryOrganizations,
    ];

    /// The role's name.
    pub const fn role(self) -> &'static str {
        match self {
            Self::ViewRealm => "view-realm",
            Self::ViewUsers => "view-users",
            Self::ViewClients => "view-clients",
            Self::ViewEvents => "view-events",
            Self::ViewIdentityProviders => "view-identity-providers",
            Self::ViewAuthorization => "view-authorization",
            Self::ManageRealm => "manage-realm",
            Self::ManageUsers => "manage-users",
            Self::ManageClients => "manage-clients",
            Self::ManageEvents => "manage-events",
            Self::ManageIdentityProviders => "manage-identity-providers",
            Self::ManageAuthorization => "manage-authorization",
            Self::QueryUsers => "query-users",
            Self::QueryClients => "query-clients",
            Self::QueryRealms => "query-realms",
            Self::QueryGroups => "query-groups",
            Self::CreateClient => "create-client",
            Self::Impersonation => "impersonation",
            Self::ViewOrganizations => "view-organizations",
            Self::ManageOrganizations => "manage-organizations",
            Self::QueryOrganizations => "query-organizations",
        }
    }
}

/// Somebody whose token is good.
#[derive(Clone, Debug)]
pub struct Admin {
    /// The realm that they belong to.
    pub realm: Arc<Realm>,
    /// The client that they use.
    pub client: Arc<Client>,
    /// Who they are.
    pub person: Person,
    /// The session that their token belongs to, if to any.
    pub session: Option<SessionId>,
    /// What their token may carry: roles narrowed to those of the client.
    granted: Arc<Granted>,
}

impl Admin {
    /// Finds out who sends a bearer token. Every failure looks the same from outside, but for help
    /// with what the caller can read in its own token.
    pub async fn authenticate(
        app: &App,
        context: &RequestContext,
        bearer: Option<&str>,
    ) -> Result<Self, Problem> {
        let Some(token) = bearer else {
            return Err(Problem::unauthorized(Help::AdminTokenMissing));
        };
        let refused = || Problem::unauthorized(help_with_token(app, context, token));
        let name = issuing_realm(context, token).ok_or_else(refused)?;
        let realm = app.realm(&name).await?.ok_or_else(refused)?;
        let ring = realm.keys().await?;
        let claims = TokenClaims::verify(&ring, token)
            .filter(|claims| claims.kind == "Bearer")
            .filter(|claims| context.is_issuer(&claims.issuer, &realm.name))
            .filter(|claims| claims.is_active(app.now()))
            .ok_or_else(refused)?;
        if app.store.token_revoked(&realm.id, &claims.id).await? {
            return Err(refused().because(Help::TokenRevoked));
        }
        let client_id = claims.issued_for.as_deref().ok_or_else(refused)?;
        let client = realm.client(client_id).await?.ok_or_else(refused)?;
        let is_stateless = claims.is_stateless();
        let user = if is_stateless {
            usable_user(app, &realm, &client, &claims.claim()).await
        } else {
            let usable = usable(app, &realm, &client, &claims.claim()).await;
            usable.map(|usable| usable.user().clone())
        };
        let user = user.map_err(|error| match error {
            GateError::Unusable(reason) => refused().because(Help::of_unusable(&reason)),
            GateError::Store(error) => error.into(),
        })?;
        let person = Person::load(&app.store, &realm, user).await?;
        let granted = Granted::new(&realm, &client, &person, claims.scope.as_deref()).await?;
        Ok(Self {
            realm,
            client,
            person,
            session: claims.session.filter(|_| !is_stateless),
            granted,
        })
    }

    /// Whether they belong to the master realm.
    pub fn is_of_master(&self) -> bool {
        self.realm.name == MASTER
    }

    /// Whether they have a realm role of their own realm: `admin`, `create-realm`.
    pub async fn has_realm_role(&self, name: &str) -> Result<bool, StoreError> {
        let roles = self.realm.roles().await?;
        Ok(roles
            .named(None, name)
            .is_some_and(|role| self.granted.roles.contains(&role.id)))
    }

    /// Whether they have one of some rights over a realm.
    pub async fn may(&self, realm: &Realm, rights: &[Right]) -> Result<bool, StoreError> {
        let names: Vec<&str> = rights.iter().map(|right| right.role()).collect();
        self.may_as(realm, &names).await
    }

    /// Whether they have one of some roles of the client whose roles are rights over a realm.
    pub async fn may_as(&self, realm: &Realm, names: &[&str]) -> Result<bool, StoreError> {
        let Some(client) = self.administering(realm).await? else {
            return Ok(false);
        };
        let roles = self.realm.roles().await?;
        Ok(names.iter().any(|name| {
            let role = roles.named(Some(&client.uuid), name);
            role.is_some_and(|role| self.granted.roles.contains(&role.id))
        }))
    }

    /// Whether they administer a realm in any way. Signing in as somebody else is none.
    pub async fn is_any(&self, realm: &Realm) -> Result<bool, StoreError> {
        let rights = Right::ALL
            .iter()
            .filter(|right| **right != Right::Impersonation);
        let names: Vec<&str> = rights.map(|right| right.role()).collect();
        self.may_as(realm, &names).await
    }

    /// Whether they administer any realm in any way, or may make realms.
    pub async fn is_anywhere(&self, app: &App) -> Result<bool, StoreError> {
        if self.is_any(&self.realm).await? {
            return Ok(true);
        }
        if !self.is_of_master() {
            return Ok(false);
        }
        if self.has_realm_role("admin").await? || self.has_realm_role("create-realm").await? {
            return Ok(true);
        }
        let roles = self.realm.roles().await?;
        let held = self.granted.roles.iter().filter_map(|id| roles.get(id));
        let clients: HashSet<_> = held.filter_map(|role| role.client.as_ref()).collect();
        for uuid in clients {
            let client = self.realm.client_by_uuid(uuid).await?;
            let name = client
                .as_ref()
                .and_then(|client| client.client_id.strip_suffix("-realm"));
            let Some(name) = name else { continue };
            if let Some(realm) = app.realm(name).await?
                && self.is_any(&realm).await?
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The client whose roles are rights over a realm, for this administrator.
    pub(crate) async fn administering(
        &self,
        realm: &Realm,
    ) -> Result<Option<Arc<Client>>, StoreError> {
        if self.is_of_master() {
            return self.realm.client(&format!("{}-realm", realm.name)).await;
        }
        if self.realm.id == realm.id {
            return self.realm.client("realm-management").await;
        }
        Ok(None)
    }
}

/// Where help is for a token that was refused, by what anybody can read off it.
fn help_with_token(app: &App, context: &RequestContext, token: &str) -> Help {
    let realm = issuing_realm(context, token).unwrap_or_default();
    let seen = apparent(token, Expected::Access, context, &realm, app.now());
    Help::of_token(seen, Expected::Access, Help::AdminTokenNotAccepted)
}

/// The name of the realm that a token says it is of; its signature is checked with that realm's
/// keys afterwards.
fn issuing_realm(context: &RequestContext, token: &str) -> Option<String> {
    let token = claviger_crypto::jws::Unverified::parse(token).ok()?;
    let claims = token.unverified_claims().ok()?;
    let issuer = claims.get("iss")?.as_str()?;
    let name = issuer.rsplit_once("/realms/")?.1.to_owned();
    context.is_issuer(issuer, &name).then_some(name)
}
