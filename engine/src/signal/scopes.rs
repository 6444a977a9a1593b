//! The client scopes with which receivers see and change their streams: made as soon as a realm's
//! transmitter is switched on, as in Keycloak.

use claviger_store::{StoreError, Tx};
use claviger_wire::document::{Document, Json, Kind, Link, LinkKind};
use serde_json::{Value, json};

use super::{TRANSMITTER, is_transmitter};
use crate::app::App;
use crate::realm::Realm;

/// The scopes, with what administrators read of them.
const SCOPES: [(&str, &str); 2] = [
    (
        "ssf.manage",
        "SSF manage access to create, update, and delete stream configurations",
    ),
    ("ssf.read", "SSF read access to stream configurations"),
];

/// Whether a realm's representation switches the transmitter on.
pub(crate) fn are_wanted(realm: &Json) -> bool {
    let set = realm.get("attributes").and_then(|all| all.get(TRANSMITTER));
    let set = set.and_then(Value::as_str);
    set.is_some_and(|set| set.eq_ignore_ascii_case("true"))
}

/// The scopes as realm files have them.
pub(crate) fn representations() -> impl Iterator<Item = (&'static str, Json)> {
    SCOPES.into_iter().map(|(name, description)| {
        let attributes = json!({
            "include.in.token.scope": "true", "display.on.consent.screen": "false",
        });
        let scope = [
            ("name", json!(name)),
            ("description", json!(description)),
            ("protocol", json!("openid-connect")),
            ("attributes", attributes),
        ];
        let scope = scope
            .into_iter()
            .map(|(key, value)| (key.to_owned(), value));
        (name, scope.collect())
    })
}

/// Adds the scopes to a realm that is about to be a transmitter, as far as they are missing: optional
/// for clients made from now on.
///
/// # Errors
///
/// The store's.
pub async fn complete(
    app: &App,
    realm: &Realm,
    tx: &mut Tx,
    body: &Json,
) -> Result<(), StoreError> {
    if is_transmitter(realm) || !are_wanted(body) {
        return Ok(());
    }
    for (name, mut scope) in representations() {
        let (store, kind) = (&app.store, Kind::ClientScope);
        if store
            .document_by_name(&realm.id, kind, "", name)
            .await?
            .is_some()
        {
            continue;
        }
        let id = app.random.uuid();
        scope.insert("id".to_owned(), json!(id));
        let document = Document {
            kind,
            id: id.clone(),
            parent: String::new(),
            unique_name: name.to_owned(),
            enabled: true,
            body: scope,
        };
        tx.insert_document(&realm.id, &document);
        let link = Link {
            kind: LinkKind::RealmOptionalScope,
            from: realm.id.as_str().to_owned(),
            to: id,
        };
        tx.insert_link(&realm.id, &link);
    }
    Ok(())
}
