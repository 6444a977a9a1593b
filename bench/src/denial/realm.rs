//! The realm in which sessions end: who signs in, and by which doors it ends.

use anyhow::{Context, Result, bail};
use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::caller::Caller;
use crate::client::{Client, text};

/// Its name.
pub const REALM: &str = "denial";
/// The API's own client: it asks, and follows.
pub const API: (&str, &str) = ("api", "api-secret");
/// Longer than any measurement: nothing is refused because it ran out.
const LIFESPAN: u64 = 7_200;

/// The nodes, and what is the same at all of them.
pub struct World {
    /// Addresses of the nodes.
    pub nodes: Vec<String>,
    /// The realm's issuer.
    pub issuer: String,
}

/// A way to take a token back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Door {
    /// The logout endpoint, with the refresh token.
    Logout,
    /// RFC 7009 with the refresh token: its session ends.
    RefreshToken,
    /// RFC 7009 with the access token: it alone dies.
    AccessToken,
    /// An administrator deletes the session.
    Session,
    /// An administrator logs the user out.
    User,
}

impl Door {
    /// All of them, in the order in which sessions go through them.
    pub const ALL: [Self; 5] = [
        Self::Logout,
        Self::RefreshToken,
        Self::AccessToken,
        Self::Session,
        Self::User,
    ];
}

/// Somebody who is signed in.
pub struct Session {
    /// Which one it is.
    pub number: usize,
    pub access: String,
    refresh: String,
    pub sid: String,
    pub user: String,
    pub jti: String,
    /// `iat` in milliseconds.
    pub issued_ms: i64,
    /// Its place in a status list: the list's address and the index.
    pub place: Option<(String, usize)>,
}

impl Session {
    /// Reads what the token endpoint gave.
    pub fn of(number: usize, tokens: &Value) -> Result<Self> {
        let access = text(tokens, "access_token")?;
        let claims = claims(access)?;
        let place = claims.get("status").and_then(|status| {
            let list = status.get("status_list")?;
            let index = usize::try_from(list.get("idx")?.as_u64()?).ok()?;
            Some((list.get("uri")?.as_str()?.to_owned(), index))
        });
        let issued = claims.get("iat").and_then(Value::as_i64);
        Ok(Self {
            number,
            access: access.to_owned(),
            refresh: text(tokens, "refresh_token")?.to_owned(),
            sid: text(&claims, "sid")?.to_owned(),
            user: text(&claims, "sub")?.to_owned(),
            jti: text(&claims, "jti")?.to_owned(),
            issued_ms: issued.context("no iat")?.saturating_mul(1000),
            place,
        })
    }

    /// Which door it goes through: each node meets each door.
    pub fn door(&self, nodes: usize) -> Door {
        let turn = self.number / nodes.max(1) % Door::ALL.len();
        Door::ALL.get(turn).copied().unwrap_or(Door::Logout)
    }
}

/// The claims of a token that we have asked for ourselves.
pub fn claims(token: &str) -> Result<Value> {
    let payload = token.split('.').nth(1).context("no JWT")?;
    Ok(serde_json::from_slice(
        &BASE64_URL_SAFE_NO_PAD.decode(payload)?,
    )?)
}

impl World {
    /// Makes the realm at the first node.
    pub fn make(nodes: &[String], users: usize) -> Result<Self> {
        let first = nodes.first().context("no node")?;
        Client::new(first.clone()).create_realm(&realm(users))?;
        Ok(Self {
            nodes: nodes.to_vec(),
            issuer: format!("{first}/realms/{REALM}"),
        })
    }

    /// The node of that number, round and round.
    pub fn node(&self, number: usize) -> &str {
        let node = self.nodes.get(number % self.nodes.len().max(1));
        node.map_or("", String::as_str)
    }

    /// An address of the realm at a node.
    pub fn url(&self, node: usize, path: &str) -> String {
        format!("{}/realms/{REALM}{path}", self.node(node))
    }

    /// Signs the user of that number in, at the node that is its turn.
    pub fn sign_in(&self, caller: &Caller, number: usize) -> Result<Session> {
        let form = format!(
            "grant_type=password&client_id=app&scope=openid&username=user-{number}&password=wonderland"
        );
        let url = self.url(number, "/protocol/openid-connect/token");
        let (status, tokens) = caller.form(&url, &form)?;
        if status != 200 {
            bail!("nobody is signed in: {status} {tokens}");
        }
        Session::of(number, &tokens)
    }

    /// A token of the operator, who may end sessions.
    pub fn operator(&self, caller: &Caller) -> Result<String> {
        let form = "grant_type=client_credentials&client_id=operator&client_secret=operator-secret";
        let url = self.url(0, "/protocol/openid-connect/token");
        let (_, tokens) = caller.form(&url, form)?;
        Ok(text(&tokens, "access_token")?.to_owned())
    }

    /// Ends a session by its door, at the node that is its turn, and insists that it is answered.
    pub fn end(&self, caller: &Caller, session: &Session, operator: &str) -> Result<()> {
        let node = session.number;
        let oidc = |endpoint: &str| self.url(node, &format!("/protocol/openid-connect/{endpoint}"));
        let admin = |path: &str| format!("{}/admin/realms/{REALM}{path}", self.node(node));
        let door = session.door(self.nodes.len());
        let (status, wanted) = match door {
            Door::Logout => {
                let form = format!("client_id=app&refresh_token={}", session.refresh);
                (caller.form(&oidc("logout"), &form)?.0, 204)
            }
            Door::RefreshToken => {
                let form = format!("client_id=app&token={}", session.refresh);
                (caller.form(&oidc("revoke"), &form)?.0, 200)
            }
            Door::AccessToken => {
                let form = format!("client_id=app&token={}", session.access);
                (caller.form(&oidc("revoke"), &form)?.0, 200)
            }
            Door::Session => {
                let url = admin(&format!("/sessions/{}", session.sid));
                (caller.delete(&url, operator)?, 204)
            }
            Door::User => {
                let url = admin(&format!("/users/{}/logout", session.user));
                (caller.post(&url, operator)?, 204)
            }
        };
        if status != wanted {
            bail!("{door:?} answers {status}");
        }
        Ok(())
    }
}

/// `Authorization` of the API's client.
pub fn basic() -> String {
    let pair = format!("{}:{}", API.0, API.1);
    format!("Basic {}", BASE64_STANDARD.encode(pair))
}

fn realm(users: usize) -> Value {
    let mut all: Vec<Value> = (0..users)
        .map(|number| {
            json!({
                "username": format!("user-{number}"), "enabled": true,
                "email": format!("{number}@denial.example"), "emailVerified": true,
                "firstName": "A", "lastName": "B",
                "credentials": [{"type": "password", "value": "wonderland"}],
            })
        })
        .collect();
    all.push(json!({
        "username": "service-account-operator", "enabled": true,
        "serviceAccountClientId": "operator",
        "clientRoles": {"realm-management": ["manage-users"]},
    }));
    json!({
        "realm": REALM,
        "enabled": true,
        "passwordPolicy": "hashAlgorithm(pbkdf2-sha512) and hashIterations(1)",
        "accessTokenLifespan": LIFESPAN,
        "ssoSessionIdleTimeout": LIFESPAN,
        "attributes": {"gateway.check.enabled": "true", "status.list.ttl": "1"},
        "clients": [
            {"clientId": "app", "publicClient": true, "directAccessGrantsEnabled": true,
             "standardFlowEnabled": false, "attributes": {"status.list.enabled": "true"}},
            {"clientId": API.0, "secret": API.1, "standardFlowEnabled": false,
             "attributes": {"revocation.feed.enabled": "true",
                            "allow.token.introspection.without.audience.check": "true"}},
            {"clientId": "operator", "secret": "operator-secret", "serviceAccountsEnabled": true,
             "standardFlowEnabled": false},
        ],
        "users": all,
    })
}
