//! What a browser sees once its session has ended: frames of clients that want to be told within it
//! (OpenID Connect Front-Channel Logout 1.0), the way back, or a page that says so. Never a dead end.

use std::sync::Arc;

use claviger_model::UserSession;
use url::Url;

use super::browser::{Scene, success};
use crate::browser::Outcome;
use crate::client::Client;
use crate::login::LoginError;
use crate::mapper::origin::absolute;
use crate::page::{FrontChannelClient, Page};

/// How many frames a page has at most.
const FRAMES_MAX: usize = 100;

/// A farewell in the making.
#[derive(Debug)]
pub(super) struct Farewell {
    client: Option<Arc<Client>>,
    target: Option<String>,
    frames: Vec<FrontChannelClient>,
}

impl Farewell {
    /// For a browser that is sent back to a client, or nowhere.
    pub(super) const fn new(client: Option<Arc<Client>>, target: Option<String>) -> Self {
        Self {
            client,
            target,
            frames: Vec::new(),
        }
    }

    /// Notes which clients of a session want to be told in the browser. Called before it ends.
    pub(super) async fn collect(
        &mut self,
        scene: Scene<'_>,
        session: &UserSession,
    ) -> Result<(), LoginError> {
        let (store, realm) = (&scene.app.store, scene.realm);
        let parts = store
            .client_sessions(&realm.id, session.kind, &session.id)
            .await?;
        for part in parts {
            let Some(client) = realm.client_by_uuid(&part.client).await? else {
                continue;
            };
            let issuer = part.notes.get("iss").map(String::as_str);
            let own = scene.context.issuer(&realm.name);
            let Some(address) = frame(&client, issuer.unwrap_or(&own), session) else {
                continue;
            };
            let name = client.settings.name.clone();
            let name = name.unwrap_or_else(|| client.client_id.clone());
            if self.frames.len() < FRAMES_MAX {
                self.frames.push(FrontChannelClient { name, address });
            }
        }
        Ok(())
    }

    pub(super) fn outcome(self, scene: Scene<'_>) -> Outcome {
        if self.frames.is_empty() {
            return logged_out(scene, self.client.as_ref(), self.target);
        }
        let mut view = scene.view(Page::FrontChannelLogout {
            clients: self.frames,
            // Without an address to go to, the page goes on to the one that says that all is done.
            end: scene.question_path(),
            proceed: self.target,
        });
        view.client = self.client;
        Outcome::page(view)
    }
}

/// Where a client is told in a frame: its address with the session, unless it does not want that
/// (Front-Channel Logout 1.0 §2, §3).
fn frame(client: &Client, issuer: &str, session: &UserSession) -> Option<String> {
    let settings = &client.settings;
    if !settings.frontchannel_logout {
        return None;
    }
    let configured = settings.attribute("frontchannel.logout.url")?;
    let mut url = Url::parse(&absolute(client, issuer, configured.trim())).ok()?;
    if !matches!(url.scheme(), "http" | "https") {
        return None;
    }
    if settings.flag_attribute("frontchannel.logout.session.required", true) {
        url.query_pairs_mut()
            .append_pair("sid", session.id.as_str())
            .append_pair("iss", issuer);
    }
    Some(url.into())
}

/// The way back to the client, or the page that says that the person is logged out.
pub(super) fn logged_out(
    scene: Scene<'_>,
    client: Option<&Arc<Client>>,
    target: Option<String>,
) -> Outcome {
    let wants_page = client.is_some_and(|client| {
        let attribute = "logout.confirmation.enabled";
        client.settings.flag_attribute(attribute, false)
    });
    let back = match target {
        Some(target) if !wants_page => return Outcome::go(target),
        Some(target) => Some(target),
        None => client.and_then(|client| scene.home(client)),
    };
    let mut view = scene.view(Page::Info {
        header: None,
        required_actions: Vec::new(),
        back,
        proceed: None,
    });
    view.client = client.cloned();
    success(view)
}
