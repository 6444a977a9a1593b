//! Things to keep.

use std::collections::BTreeMap;

use claviger_model::session::{ClientSession, SessionKind, UserSession};
use claviger_model::user::{Credential, CredentialType, User};
use claviger_model::{ClientUuid, CredentialId, Millis, RealmId, Seconds, SessionId, UserId};
use claviger_store::{Commit, RealmRow, Store, Tx};
use claviger_wire::document::{Document, Json, Kind};
use serde_json::json;

/// Text in which every kind of character that was ever lost by a database has a place.
pub const UNICODE: &str = "Ünï 日本 👩‍🚀 \u{10FFFF} 'quote' \"double\" \\back %_!? -- ; \t\n$1 ?";

pub fn object(value: serde_json::Value) -> Json {
    let serde_json::Value::Object(map) = value else {
        panic!("no object: {value}")
    };
    map
}

pub fn realm(id: &str) -> RealmRow {
    RealmRow {
        id: RealmId::new(id),
        name: format!("name of {id}"),
        enabled: true,
        version: 100,
        body: object(json!({"realm": id, "unknown": [1, null, "x"]})),
    }
}

pub fn document(kind: Kind, id: &str, parent: &str, name: &str) -> Document {
    Document {
        kind,
        id: id.to_owned(),
        parent: parent.to_owned(),
        unique_name: name.to_owned(),
        enabled: true,
        body: object(json!({"id": id, "name": name, "z": 1, "a": {"nested": true}})),
    }
}

pub fn user(id: &str, username: &str) -> User {
    User {
        id: UserId::new(id),
        username: username.to_owned(),
        email: None,
        first_name: None,
        last_name: None,
        enabled: true,
        email_verified: false,
        created_at: Millis(1_000),
        not_before: Seconds(0),
        service_account_of: None,
        federation_link: None,
        attributes: BTreeMap::new(),
        required_actions: Vec::new(),
    }
}

pub fn credential(id: &str) -> Credential {
    Credential {
        id: CredentialId::new(id),
        kind: CredentialType::Password,
        user_label: None,
        created_at: Some(Millis(5)),
        priority: 10,
        secret_data: r#"{"value":"x","salt":"y"}"#.to_owned(),
        credential_data: r#"{"algorithm":"argon2"}"#.to_owned(),
    }
}

pub fn session(kind: SessionKind, id: &str, user: &str) -> UserSession {
    UserSession {
        id: SessionId::new(id),
        kind,
        user: UserId::new(user),
        started_at: Millis(1_000),
        last_refresh: Millis(2_000),
        expires_at: Millis(9_000),
        remember_me: false,
        ip_address: "2001:db8::1".to_owned(),
        auth_method: "openid-connect".to_owned(),
        base_path: String::new(),
        notes: BTreeMap::from([("acr".to_owned(), "1".to_owned())]),
    }
}

pub fn part(kind: SessionKind, id: &str, client: &str) -> ClientSession {
    ClientSession {
        session: SessionId::new(id),
        kind,
        client: ClientUuid::new(client),
        started_at: Millis(1_000),
        last_refresh: Millis(2_000),
        refresh_token_id: None,
        refresh_token_uses: 0,
        notes: BTreeMap::from([("scope".to_owned(), "openid".to_owned())]),
    }
}

/// Writes what `fill` puts together, which must succeed.
pub async fn write(store: &Store, fill: impl FnOnce(&mut Tx)) {
    assert_eq!(attempt(store, fill).await, Commit::Done);
}

/// Writes what `fill` puts together.
pub async fn attempt(store: &Store, fill: impl FnOnce(&mut Tx)) -> Commit {
    let mut tx = Tx::new();
    fill(&mut tx);
    store
        .commit(tx)
        .await
        .unwrap_or_else(|error| panic!("{error}: {:?}", std::error::Error::source(&error)))
}
