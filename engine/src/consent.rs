//! What a user allows a client: asked once, remembered, and asked again for what is new (OpenID
//! Connect Core §3.1.2.4).

use std::sync::Arc;

use claviger_crypto::digest::sha256;
use claviger_crypto::encoding::base64url;
use claviger_model::user::Consent;
use claviger_model::{AuthenticationSession, UserId};
use claviger_store::{StoreError, Tx};
use serde_json::Value;

use crate::app::App;
use crate::client::Client;
use crate::device;
use crate::page::{Grant, Page};
use crate::realm::{Realm, Scope};
use crate::scope::{has_word, requested};

/// Whether the user has to be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Need {
    /// For this.
    Ask(Question),
    /// Nothing is to be asked; why, as the event tells it (`consent`).
    Settled(&'static str),
}

/// What a person is asked for a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// What the client would have.
    pub grants: Vec<Grant>,
    /// Stands for all that the page says, and for what it means: a question with another mark is another
    /// question, and a yes to the one is none to the other.
    pub mark: String,
}

/// What of a request a consent screen names: client scopes, and the client itself if it wants to be
/// named.
struct Wish {
    /// The id under which a consent is kept.
    id: String,
    /// Where it stands on the screen.
    order: i64,
    grant: Grant,
}

fn wish_of_scope(scope: &Scope) -> Wish {
    let attribute = |name: &str| {
        let attributes = scope.body.get("attributes").and_then(Value::as_object);
        let text = attributes.and_then(|all| all.get(name)?.as_str());
        text.filter(|text| !text.is_empty())
    };
    Wish {
        id: scope.id.as_str().to_owned(),
        order: order(attribute("gui.order")),
        grant: Grant {
            text: attribute("consent.screen.text")
                .unwrap_or(&scope.name)
                .to_owned(),
            parameter: None,
        },
    }
}

fn wish_of_client(client: &Client) -> Option<Wish> {
    let settings = &client.settings;
    let wants = settings.flag_attribute("display.on.consent.screen", false);
    wants.then(|| Wish {
        id: client.uuid.as_str().to_owned(),
        order: order(settings.attribute("gui.order")),
        grant: Grant {
            text: settings
                .attribute("consent.screen.text")
                .unwrap_or(&client.client_id)
                .to_owned(),
            parameter: None,
        },
    })
}

/// What has no place stands at the end.
fn order(text: Option<&str>) -> i64 {
    text.and_then(|text| text.trim().parse().ok())
        .unwrap_or(i64::MAX)
}

/// What a request with this `scope` needs a consent for.
async fn wishes(
    realm: &Realm,
    client: &Client,
    scope: Option<&str>,
) -> Result<Vec<Wish>, StoreError> {
    let scopes = requested(realm, client, scope).await?;
    let shown = scopes.iter().filter(|scope| scope.on_consent_screen);
    let mut wishes: Vec<Wish> = shown.map(|scope| wish_of_scope(scope)).collect();
    wishes.extend(wish_of_client(client));
    wishes.sort_by(|one, other| {
        let texts = || one.grant.text.cmp(&other.grant.text);
        one.order.cmp(&other.order).then_with(texts)
    });
    Ok(wishes)
}

fn is_granted(consent: Option<&Consent>, wish: &Wish) -> bool {
    consent.is_some_and(|consent| consent.scopes.contains(&wish.id))
}

fn scope_of(tab: &AuthenticationSession) -> Option<&str> {
    tab.client_notes.get("scope").map(String::as_str)
}

/// Whether the user of a tab has to be asked before its client is answered. With `prompt=consent`
/// what was allowed before does not count.
///
/// # Errors
///
/// The store's.
pub async fn needed(
    app: &App,
    realm: &Realm,
    client: &Client,
    tab: &AuthenticationSession,
    user: &UserId,
) -> Result<Need, StoreError> {
    // Whoever connects a device is told which one, each time (RFC 8628 §5.4).
    let is_device = device::is_verification(tab);
    if !client.settings.consent_required && !is_device {
        return Ok(Need::Settled("no_consent_required"));
    }
    let prompt = tab.client_notes.get("prompt").map(String::as_str);
    let known = if is_device || has_word(prompt, "consent") {
        None
    } else {
        app.store.consent(&realm.id, user, &client.uuid).await?
    };
    let wishes = wishes(realm, client, scope_of(tab)).await?.into_iter();
    let open: Vec<Wish> = wishes
        .filter(|wish| !is_granted(known.as_ref(), wish))
        .collect();
    Ok(match (open.is_empty(), known) {
        (false, _) => Need::Ask(Question {
            mark: mark(client, &open),
            grants: open.into_iter().map(|wish| wish.grant).collect(),
        }),
        (true, Some(_)) => Need::Settled("persistent_consent"),
        (true, None) => Need::Settled("no_consent_required"),
    })
}

/// What the page says of the client and its wishes, and by which ids these are kept, as one short text.
fn mark(client: &Client, wishes: &[Wish]) -> String {
    let settings = &client.settings;
    let links = ["logoUri", "policyUri", "tosUri"].map(|name| settings.attribute(name));
    let said = serde_json::json!({
        "client": [client.uuid.as_str(), &client.client_id],
        "name": settings.name,
        "links": links,
        "wishes": wishes
            .iter()
            .map(|wish| (&wish.id, &wish.grant.text, &wish.grant.parameter))
            .collect::<Vec<_>>(),
    });
    base64url(&sha256(said.to_string().as_bytes()))
}

/// The page that asks; `code` is the tab's, so that the answer is to this question.
pub fn page(client: &Arc<Client>, grants: Vec<Grant>, code: String) -> Page {
    let address = |name: &str| client.settings.attribute(name).map(str::to_owned);
    Page::Consent {
        grants,
        code,
        logo: address("logoUri"),
        policy: address("policyUri"),
        terms: address("tosUri"),
    }
}

/// The user said yes: all that the tab's client asks for is allowed from now on, beside what was.
///
/// # Errors
///
/// The store's.
pub async fn accept(
    app: &App,
    realm: &Realm,
    (client, tab): (&Client, &AuthenticationSession),
    user: &UserId,
    tx: &mut Tx,
) -> Result<(), StoreError> {
    let now = app.now();
    let known = app.store.consent(&realm.id, user, &client.uuid).await?;
    let mut consent = known.unwrap_or_else(|| Consent {
        client: client.uuid.clone(),
        scopes: Vec::new(),
        created_at: now,
        updated_at: now,
    });
    let before = consent.scopes.len();
    for wish in wishes(realm, client, scope_of(tab)).await? {
        if !consent.scopes.contains(&wish.id) {
            consent.scopes.push(wish.id);
        }
    }
    if consent.scopes.len() > before {
        consent.updated_at = now;
    }
    tx.put_consent(&realm.id, user, &consent);
    Ok(())
}

/// Whether all that a request with this `scope` needs is still allowed: what was taken back is not
/// handed out again.
///
/// # Errors
///
/// The store's.
pub async fn is_given(
    app: &App,
    realm: &Realm,
    client: &Client,
    user: &UserId,
    scope: Option<&str>,
) -> Result<bool, StoreError> {
    if !client.settings.consent_required {
        return Ok(true);
    }
    let wishes = wishes(realm, client, scope).await?;
    if wishes.is_empty() {
        return Ok(true);
    }
    let known = app.store.consent(&realm.id, user, &client.uuid).await?;
    Ok(wishes.iter().all(|wish| is_granted(known.as_ref(), wish)))
}
