//! Who asks, and whether they may.
//!
//! Four kinds of caller: nobody, an administrator, somebody with leave to register clients, and a
//! client with the token of its own registration. Each token says what it is in its `typ`; all are
//! checked by the realm's keys first.

use std::sync::Arc;

use axum::http::{StatusCode, header};
use claviger_engine::client::Client;
use claviger_engine::client_registration::{Policies, PolicyError, Standing};
use claviger_engine::registration_token::{ATTRIBUTE, INITIAL, ORIGINS, STANDING, TYPE};
use claviger_engine::token::TokenClaims;
use claviger_model::Millis;
use claviger_store::InitialAccess;
use claviger_surface::Help;
use claviger_wire::client::OPENID_CONNECT;
use claviger_wire::document::Json;
use claviger_wire::fields::Fields;

use super::call::Call;
use crate::guard::{Admin, Right};
use crate::problem::Problem;

/// Somebody who asks.
#[derive(Debug)]
pub(super) enum Caller {
    /// Nobody knows who.
    Anonymous,
    /// Somebody with an access token of this realm.
    Bearer(Box<Admin>, Box<TokenClaims>),
    /// Somebody with leave to register clients.
    Initial(InitialAccess, Box<TokenClaims>),
    /// A client with the token of a registration.
    Registration {
        /// The token.
        text: String,
        /// What it says.
        token: Box<TokenClaims>,
    },
}

/// Which words the endpoint speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Endpoint {
    /// OpenID Connect's: for its clients alone.
    OpenIdConnect,
    /// Keycloak's own.
    Own,
}

/// The bearer token of a request (RFC 6750 §2.1). What is not exactly one word after the scheme is
/// none, as at Keycloak; of two headers another server might read the other.
fn bearer(call: &Call) -> Result<Option<String>, ()> {
    let mut headers = call.headers.get_all(header::AUTHORIZATION).iter();
    let Some(only) = headers.next() else {
        return Ok(None);
    };
    if headers.next().is_some() {
        return Err(());
    }
    let parts = only.to_str().ok().and_then(|text| text.split_once(' '));
    let token = parts.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
    let token = token.map(|(_, token)| token.to_owned());
    Ok(token.filter(|token| !token.trim().is_empty() && !token.contains(' ')))
}

impl Caller {
    /// Finds out who asks.
    pub(super) async fn of(call: &mut Call) -> Result<Self, Problem> {
        let undecoded = "Failed decode token";
        let text = match bearer(call) {
            Ok(Some(text)) => text,
            Ok(None) => return Ok(Self::Anonymous),
            Err(()) => return Err(call.unauthorized(undecoded).await),
        };
        let ring = call.realm.keys().await?;
        let now = call.app.now();
        let token = TokenClaims::verify(&ring, &text)
            .filter(|token| call.context.is_issuer(&token.issuer, &call.realm.name))
            .filter(|token| token.is_active(now) && !token.is_bound_to_a_key());
        let Some(token) = token else {
            return Err(call.unauthorized(undecoded).await);
        };
        if call
            .app
            .store
            .token_revoked(&call.realm.id, &token.id)
            .await?
        {
            return Err(call.unauthorized(undecoded).await);
        }
        match token.kind.as_str() {
            "Bearer" => {
                let admin = Admin::authenticate(&call.app, &call.context, Some(&text)).await;
                match admin {
                    Ok(admin) => Ok(Self::Bearer(Box::new(admin), Box::new(token))),
                    Err(problem) if problem.status() == StatusCode::UNAUTHORIZED => {
                        Err(call.unauthorized(undecoded).await)
                    }
                    Err(problem) => Err(problem),
                }
            }
            INITIAL => {
                let store = &call.app.store;
                match store.initial_access(&call.realm.id, &token.id).await? {
                    Some(access) => Ok(Self::Initial(access, Box::new(token))),
                    None => Err(call.unauthorized("Initial Access Token not found").await),
                }
            }
            TYPE => Ok(Self::Registration {
                text,
                token: Box::new(token),
            }),
            _ => Err(call.unauthorized("Invalid type of token").await),
        }
    }

    fn token(&self) -> Option<&TokenClaims> {
        match self {
            Self::Anonymous => None,
            Self::Bearer(_, token) | Self::Initial(_, token) | Self::Registration { token, .. } => {
                Some(token)
            }
        }
    }

    fn standing(&self) -> Standing {
        match self {
            Self::Anonymous => Standing::Anonymous,
            Self::Registration { token, .. } => Standing::of(token.text(STANDING)),
            Self::Bearer(..) | Self::Initial(..) => Standing::Authenticated,
        }
    }

    /// Web origins whose pages may read what this caller is answered: those of their token, and
    /// those of the realm's policies.
    pub(super) async fn origins(&self, call: &Call) -> Result<Vec<String>, Problem> {
        let policies = Policies::of(&call.app, &call.realm, self.standing()).await?;
        let claimed = self
            .token()
            .map(|token| Fields::of(&token.all).texts(ORIGINS));
        let mut origins = claimed.unwrap_or_default();
        origins.extend(policies.origins().map(str::to_owned));
        let mut seen = std::collections::HashSet::new();
        origins.retain(|origin| seen.insert(origin.clone()));
        Ok(origins)
    }

    /// Whether they may register a client by this representation, and as whom.
    pub(super) async fn may_register(
        &self,
        call: &mut Call,
        given: &Json,
    ) -> Result<(Standing, Policies), Problem> {
        let standing = match self {
            Self::Bearer(admin, _) => {
                let rights = [Right::ManageClients, Right::CreateClient];
                if !admin.may(&call.realm, &rights).await? {
                    return Err(call.forbidden("Forbidden").await);
                }
                Standing::Authenticated
            }
            Self::Initial(access, _) => {
                if let Some(text) = no_leave(access, call.app.now()) {
                    return Err(call.unauthorized(text).await);
                }
                Standing::Authenticated
            }
            // The token of one registration is no leave for another.
            Self::Anonymous | Self::Registration { .. } => Standing::Anonymous,
        };
        let policies = Policies::of(&call.app, &call.realm, standing).await?;
        let judged = policies.before_register(call.site(), given).await;
        agreed(call, judged).await?;
        Ok((standing, policies))
    }

    /// The client that the path names, if they may look at it.
    pub(super) async fn may_see(
        &self,
        call: &mut Call,
        endpoint: Endpoint,
    ) -> Result<Arc<Client>, Problem> {
        if matches!(self, Self::Initial(..)) {
            let text = "Not initial access token allowed";
            return Err(call.unauthorized(text).await);
        }
        let rights = [Right::ManageClients, Right::ViewClients];
        let Some(client) = self.named(call, endpoint, &rights).await? else {
            let text =
                "Not authorized to view client. Not valid token or client credentials provided.";
            return Err(call.unauthorized(text).await);
        };
        let policies = Policies::of(&call.app, &call.realm, self.standing()).await?;
        let judged = policies.before_use(call.site()).await;
        agreed(call, judged).await?;
        Ok(client)
    }

    /// The client that the path names, if they may change it, and the policies that watch over it.
    pub(super) async fn may_change(
        &self,
        call: &mut Call,
        endpoint: Endpoint,
    ) -> Result<(Arc<Client>, Standing, Policies), Problem> {
        let rights = [Right::ManageClients];
        let Some(client) = self.named(call, endpoint, &rights).await? else {
            let text = "Not authorized to update client. Maybe missing token or bad token type.";
            return Err(call.unauthorized(text).await);
        };
        let standing = self.standing();
        let policies = Policies::of(&call.app, &call.realm, standing).await?;
        Ok((client, standing, policies))
    }

    /// The client that the path names, for an administrator with one of some rights and for whoever has
    /// the token of its registration; nobody else learns whether there is such a client.
    async fn named(
        &self,
        call: &Call,
        endpoint: Endpoint,
        rights: &[Right],
    ) -> Result<Option<Arc<Client>>, Problem> {
        let client = call.realm.client(&call.client_id).await?;
        match self {
            Self::Bearer(admin, token) => {
                let used = token.issued_for.as_deref().unwrap_or_default();
                if let Some(used) = call.realm.client(used).await? {
                    fits(endpoint, &used)?;
                }
                if !admin.may(&call.realm, rights).await? {
                    return Err(call.forbidden("Forbidden").await);
                }
                match client {
                    Some(client) => Ok(Some(client)),
                    None => Err(call.no_client().await),
                }
            }
            Self::Registration { token, .. } => {
                let client = client.filter(|client| is_of(token, client));
                if let Some(client) = &client {
                    fits(endpoint, client)?;
                }
                Ok(client)
            }
            Self::Initial(..) | Self::Anonymous => Ok(None),
        }
    }
}

/// Why an initial access token is no leave any more. Whether it is still so when the client is
/// written, the write says.
fn no_leave(access: &InitialAccess, now: Millis) -> Option<&'static str> {
    if access.remaining <= 0 {
        return Some(USED_UP);
    }
    let is_over = access.expires_at.is_some_and(|end| end <= now);
    is_over.then_some("Expired initial access token")
}

/// What somebody reads whose token has made as many clients as it may.
pub(super) const USED_UP: &str = "No remaining count on initial access token";

/// Whether a token is the last one of a client's registration. A client that was switched off does
/// not switch itself on again (CVE-2026-9705), and reads nothing.
fn is_of(token: &TokenClaims, client: &Client) -> bool {
    client.settings.enabled && client.settings.attribute(ATTRIBUTE) == Some(&*token.id)
}

/// Clients of another protocol have their own words.
fn fits(endpoint: Endpoint, client: &Client) -> Result<(), Problem> {
    if endpoint == Endpoint::Own || client.settings.protocol == OPENID_CONNECT {
        return Ok(());
    }
    let status = StatusCode::BAD_REQUEST;
    let problem = Problem::described(status, "invalid_client", "Wrong client protocol.");
    Err(problem.helped(Help::ClientProtocol))
}

/// Tells what a policy said.
pub(super) async fn agreed(
    call: &mut Call,
    judged: Result<(), PolicyError>,
) -> Result<(), Problem> {
    let error = match judged {
        Ok(()) => return Ok(()),
        Err(PolicyError::Store(error)) => return Err(error.into()),
        Err(error @ PolicyError::Refused { .. }) => error,
    };
    if let PolicyError::Refused {
        policy: Some(policy),
        ..
    } = &error
    {
        call.event
            .detail("client_registration_policy", policy.as_str());
    }
    Err(call.forbidden(&error.told()).await)
}
