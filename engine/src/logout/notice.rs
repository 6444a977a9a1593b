//! What a client has to be told of a session's end: written so that nothing else is needed to tell
//! it, as the session, the user, the client and even the realm may be gone by then.

use claviger_model::{Millis, Seconds};
use claviger_store::OutboxRow;
use claviger_wire::document::Json;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::global;
use crate::app::App;
use crate::client::Client;
use crate::realm::Realm;
use crate::token::MintError;
use crate::token::sign::signed;

/// How long a logout token is good (OpenID Connect Back-Channel Logout 1.0 §4 advises two minutes).
const LOGOUT_TOKEN: Seconds = Seconds(120);
/// How long an order to an adapter is good, as Keycloak has it.
const ADMIN_ACTION: Seconds = Seconds(30);

/// How something is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Channel {
    /// A logout token at `backchannel.logout.url` (Back-Channel Logout 1.0 §2.5).
    BackChannel,
    /// `k_logout` below the admin URL of Keycloak's own adapters.
    AdapterLogout,
    /// `k_push_not_before` below the admin URL.
    AdapterNotBefore,
    /// `k_test_available` below the admin URL.
    AdapterTest,
    /// A security event token, over a stream of shared signals (RFC 8935).
    SecurityEvent,
    /// A request to end everything that a user has, at `global.token.revocation.url`.
    GlobalRevocation,
}

impl Channel {
    const ALL: [Self; 6] = [
        Self::BackChannel,
        Self::AdapterLogout,
        Self::AdapterNotBefore,
        Self::AdapterTest,
        Self::SecurityEvent,
        Self::GlobalRevocation,
    ];

    /// A stable name for rows, logs and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::BackChannel => "backchannel-logout",
            Self::AdapterLogout => "admin-url-logout",
            Self::AdapterNotBefore => "admin-url-not-before",
            Self::AdapterTest => "admin-url-test",
            Self::SecurityEvent => "security-event",
            Self::GlobalRevocation => "global-token-revocation",
        }
    }

    /// The channel of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|channel| channel.as_str() == name)
    }
}

/// One thing to tell. In the outbox it is JSON.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Notice {
    /// Where to, absolute; nothing for a stream, which says it when it is told.
    pub url: String,
    /// The realm's name, for the log.
    pub realm: String,
    /// The client's id, for the log.
    pub client: String,
    /// The session, for the log.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub sid: Option<String>,
    /// Whose session it was, for the ledger.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub user: Option<String>,
    /// Why it ended, for the log.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reason: Option<String>,
    /// How the token is signed.
    pub algorithm: String,
    /// What the token says, but for what depends on when it is told.
    pub claims: Json,
    /// What is sent beside the token, where the token says only who asks.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub body: Option<Json>,
    /// The token itself, where it cannot be signed later: its realm is about to go with its keys.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub token: Option<String>,
}

/// Tokens are not for logs.
impl std::fmt::Debug for Notice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Notice")
            .field("client", &self.client)
            .finish_non_exhaustive()
    }
}

impl Notice {
    /// The notice in a row.
    pub fn read(row: &OutboxRow) -> Option<(Channel, Self)> {
        let channel = Channel::named(&row.kind)?;
        let notice = serde_json::from_value(Value::Object(row.payload.clone())).ok()?;
        Some((channel, notice))
    }

    /// As it is kept.
    pub fn payload(&self) -> Json {
        match serde_json::to_value(self) {
            Ok(Value::Object(payload)) => payload,
            // A struct of texts and JSON always is an object.
            Ok(_) | Err(_) => Json::new(),
        }
    }

    /// A row for the outbox, due at once.
    pub fn row(&self, app: &App, realm: &Realm, client: &Client, channel: Channel) -> OutboxRow {
        let now = app.now();
        OutboxRow {
            id: app.random.uuid(),
            realm: realm.id.clone(),
            kind: channel.as_str().to_owned(),
            target: client.uuid.as_str().to_owned(),
            payload: self.payload(),
            created_at: now,
            next_at: now,
            attempts: 0,
        }
    }

    /// The signed token, good from now on for a while, or until `end`.
    pub async fn signed(
        &self,
        app: &App,
        realm: &Realm,
        channel: Channel,
        end: Option<Millis>,
    ) -> Result<String, MintError> {
        let now = app.now();
        let mut claims = Json::new();
        let typ = match channel {
            Channel::BackChannel | Channel::GlobalRevocation => {
                let end = end.unwrap_or(now + LOGOUT_TOKEN);
                claims.insert("exp".into(), json!(end.seconds().0));
                claims.insert("iat".into(), json!(now.seconds().0));
                claims.insert("jti".into(), json!(app.random.uuid()));
                if channel == Channel::GlobalRevocation {
                    global::TYP
                } else {
                    "logout+jwt"
                }
            }
            Channel::AdapterLogout | Channel::AdapterNotBefore | Channel::AdapterTest => {
                let end = end.unwrap_or(now + ADMIN_ACTION);
                let id = format!("{}-{}", app.random.uuid(), now.0);
                claims.insert("id".into(), json!(id));
                claims.insert("expiration".into(), json!(end.seconds().0));
                "JWT"
            }
            // All is said already, and it is the same each time it is told.
            Channel::SecurityEvent => claviger_wire::signal::SET_TYPE,
        };
        claims.extend(self.claims.clone());
        signed(app, realm, &self.algorithm, typ, &claims).await
    }
}
