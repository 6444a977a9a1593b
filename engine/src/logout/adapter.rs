//! The admin URL of Keycloak's own adapters: `k_logout`, `k_push_not_before` and
//! `k_test_available`, each a signed order in plain text.

use std::sync::Arc;

use claviger_model::session::EndReason;
use claviger_model::{ClientSession, Seconds, UserSession};
use claviger_store::{StoreError, Tx};
use claviger_wire::document::Json;
use serde_json::json;
use tokio::task::JoinSet;
use tracing::Instrument as _;

use super::address;
use super::notice::{Channel, Notice};
use crate::app::App;
use crate::client::Client;
use crate::network::Posted;
use crate::outbox::ledger::Letter;
use crate::realm::Realm;
use crate::token::MintError;

/// Clients called at the same time.
const AT_ONCE: usize = 16;

/// What an adapter has to be told of the end of a session. Only of its own sessions that it named
/// when it fetched its tokens: an order without any means all of them.
pub(super) fn notice(
    realm: &Realm,
    client: &Client,
    session: &UserSession,
    part: &ClientSession,
    reason: EndReason,
) -> Option<Notice> {
    let configured = client.settings.admin_url.as_deref()?;
    let adapter_session = part.notes.get(address::ADAPTER_SESSION)?;
    let issuer = part.notes.get("iss")?;
    let url = address::resolved(client, issuer, configured);
    let url = address::at_host_of_session(client, issuer, url, part)?;
    let mut order = order(client, "LOGOUT");
    order.insert("adapterSessionIds".into(), json!([adapter_session]));
    order.insert("notBefore".into(), json!(0));
    order.insert("keycloakSessionIds".into(), json!([session.id.as_str()]));
    let mut notice = addressed(realm, client, address::below(&url, "k_logout"), order);
    notice.sid = Some(session.id.as_str().to_owned());
    notice.user = Some(session.user.as_str().to_owned());
    notice.reason = Some(reason.as_str().to_owned());
    Some(notice)
}

/// The longest name of an adapter's session or node, in characters.
const NAME_MAX: usize = 255;

/// Notes how an adapter calls its own session, and on which of its nodes it is, as it says when it
/// fetches tokens (`client_session_state`, `client_session_host`). What is too long is left out, and
/// so is a node that is not the client's.
pub fn name_session(client: &Client, part: &mut ClientSession, name: &str, host: Option<&str>) {
    if name.chars().count() > NAME_MAX {
        return;
    }
    let (key, name) = (address::ADAPTER_SESSION.to_owned(), name.to_owned());
    part.notes.insert(key, name);
    let issuer = part.notes.get("iss").map_or("", String::as_str);
    let host = host.filter(|host| host.chars().count() <= NAME_MAX);
    let Some(host) = host.filter(|host| address::is_node(client, issuer, host)) else {
        return;
    };
    let (key, host) = (address::ADAPTER_HOST.to_owned(), host.to_owned());
    part.notes.insert(key, host);
}

fn order(client: &Client, action: &str) -> Json {
    let mut order = Json::new();
    order.insert("resource".into(), json!(client.client_id));
    order.insert("action".into(), json!(action));
    order
}

fn addressed(realm: &Realm, client: &Client, url: String, order: Json) -> Notice {
    Notice {
        url,
        realm: realm.name.clone(),
        client: client.client_id.clone(),
        sid: None,
        user: None,
        reason: None,
        algorithm: realm.settings.default_signature_algorithm.clone(),
        claims: order,
        body: None,
        token: None,
    }
}

/// What all of a client's nodes are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Everybody is logged out; sessions from before this second are over.
    LogoutAll(Seconds),
    /// Tokens from before this second are refused.
    NotBefore(Seconds),
    /// Nothing: whether it is there.
    Test,
}

impl Order {
    const fn channel(self) -> Channel {
        match self {
            Self::LogoutAll(_) => Channel::AdapterLogout,
            Self::NotBefore(_) => Channel::AdapterNotBefore,
            Self::Test => Channel::AdapterTest,
        }
    }

    fn notice(self, realm: &Realm, client: &Client, url: &str) -> Notice {
        let (action, not_before, path) = match self {
            Self::LogoutAll(since) => ("LOGOUT", Some(since), "k_logout"),
            Self::NotBefore(since) => ("PUSH_NOT_BEFORE", Some(since), "k_push_not_before"),
            Self::Test => ("TEST_AVAILABILITY", None, "k_test_available"),
        };
        let mut order = order(client, action);
        if let Some(since) = not_before {
            order.insert("notBefore".into(), json!(since.0));
        }
        addressed(realm, client, address::below(url, path), order)
    }

    /// Whether it is told later to whoever cannot be reached now.
    const fn can_wait(self) -> bool {
        match self {
            Self::LogoutAll(_) | Self::NotBefore(_) => true,
            Self::Test => false,
        }
    }
}

/// Which admin URLs took an order, and which did not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reached {
    /// Those that did.
    pub success: Vec<String>,
    /// Those that did not; what can wait is in the outbox for them.
    pub failed: Vec<String>,
}

/// A call in the making: which node of which client, and the signed order.
struct Visit {
    client: Arc<Client>,
    url: String,
    notice: Notice,
}

/// Tells clients at once, each at all its nodes. `issuer` is this realm's at the address at which
/// the server is called now.
pub async fn tell(
    app: &App,
    realm: &Realm,
    clients: &[Arc<Client>],
    issuer: &str,
    order: Order,
) -> Result<Reached, StoreError> {
    let mut visits = Vec::new();
    for client in clients {
        for url in address::admin_urls(client, issuer, app.now().seconds()) {
            let notice = order.notice(realm, client, &url);
            let client = Arc::clone(client);
            visits.push(Visit {
                client,
                url,
                notice,
            });
        }
    }
    let mut reached = Reached::default();
    let mut ledger = Tx::new();
    for some in visits.chunks(AT_ONCE) {
        let told = told(app, realm, order, some).await?;
        for (visit, told) in some.iter().zip(told) {
            let letter = Letter {
                client: &visit.client,
                channel: order.channel(),
                notice: &visit.notice,
            };
            if let Some(status) = told {
                reached.success.push(visit.url.clone());
                if order.can_wait() {
                    letter.told(app, realm, &mut ledger, status);
                }
            } else {
                reached.failed.push(visit.url.clone());
                if order.can_wait() {
                    letter.post(app, realm, &mut ledger);
                }
            }
        }
    }
    let _done = app.commit(ledger).await?;
    Ok(reached)
}

/// Calls some at the same time; the status by which each took it, if it did.
async fn told(
    app: &App,
    realm: &Realm,
    order: Order,
    visits: &[Visit],
) -> Result<Vec<Option<u16>>, StoreError> {
    let mut calls = JoinSet::new();
    for (index, visit) in visits.iter().enumerate() {
        let token = match visit.notice.signed(app, realm, order.channel(), None).await {
            Ok(token) => token,
            Err(MintError::Store(error)) => return Err(error),
            Err(error) => {
                tracing::error!("an order to adapters cannot be signed: {error}");
                continue;
            }
        };
        let (network, url) = (Arc::clone(&app.network), visit.notice.url.clone());
        let post = async move { (index, network.post(url, Posted::Text(token)).await) };
        calls.spawn(post.in_current_span());
    }
    let mut told = vec![None; visits.len()];
    while let Some(called) = calls.join_next().await {
        // A call that panicked told nobody.
        let Ok((index, answer)) = called else {
            continue;
        };
        let problem = match answer {
            Ok(status @ 200..=299) => {
                if let Some(told) = told.get_mut(index) {
                    *told = Some(status);
                }
                continue;
            }
            Ok(status) => format!("it answered {status}"),
            Err(error) => error.to_string(),
        };
        let client = visits.get(index).map_or("", |visit| &visit.notice.client);
        let order = order.channel().as_str();
        tracing::warn!("client {client} could not be told ({order}): {problem}");
    }
    Ok(told)
}
