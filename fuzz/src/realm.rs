//! What realms are made of: representations, realm files, addresses, policies, profiles.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::sync::Arc;

use claviger_crypto::Random;
use claviger_engine::client::Client;
use claviger_engine::import::files::{self, Source};
use claviger_engine::import::{Context, compile};
use claviger_engine::password_policy::PasswordPolicy;
use claviger_engine::profile::pattern::Pattern;
use claviger_engine::profile::{self, ProfileInput, UserProfile};
use claviger_engine::redirect;
use claviger_model::Millis;
use claviger_wire::component::mask_config;
use claviger_wire::document::{Document, Json, Kind};
use claviger_wire::realm::RealmSettings;
use claviger_wire::{ClientScopeSettings, ClientSettings, ComponentView, schema};
use serde_json::{Value, json};
use url::Url;

use super::{first_line, text};

/// The representations that administrators send.
const CLASSES: [&str; 8] = [
    "RealmRepresentation",
    "ClientRepresentation",
    "ClientScopeRepresentation",
    "ProtocolMapperRepresentation",
    "UserRepresentation",
    "RoleRepresentation",
    "GroupRepresentation",
    "ComponentRepresentation",
];

/// Bodies of the Admin API. What is accepted once is accepted again.
pub fn representation(data: &[u8]) {
    let _ = (
        schema::parse_list("RoleRepresentation", data),
        schema::parse_texts(data),
    );
    for class in CLASSES {
        let Ok(body) = schema::parse(class, data) else {
            continue;
        };
        let written = Value::Object(body.clone()).to_string();
        assert!(
            schema::parse(class, written.as_bytes()).is_ok(),
            "{class}: {written}"
        );
        read(class, body);
    }
}

fn read(class: &str, body: Json) {
    match class {
        "RealmRepresentation" => {
            let realm = RealmSettings::from_body(&body);
            let _ = PasswordPolicy::parse(realm.password_policy.as_deref());
        }
        "ClientRepresentation" => drop(ClientSettings::from_body(&body)),
        "ClientScopeRepresentation" => drop(ClientScopeSettings::from_body(&body)),
        "ComponentRepresentation" => {
            let view = ComponentView::from_body(&body);
            if let Some(Value::Object(mut config)) = body.get("config").cloned() {
                mask_config(&view.provider_type, &view.provider_id, &mut config);
            }
        }
        _ => {}
    }
}

/// Realm files: whatever is refused is refused before anything is written.
pub fn file(data: &[u8]) {
    let random = Random::seeded(1);
    let context = Context {
        random: &random,
        now: Millis(1_795_392_000_000),
    };
    let source: Arc<dyn Source> = Arc::new(InMemory(data.to_vec()));
    for file in files::survey(&[source]).unwrap_or_default() {
        if let Ok(import) = compile(&file.file, &context) {
            assert!(import.realm.contains_key("id") && import.realm.contains_key("realm"));
        }
    }
    if let Ok(Value::Object(file)) = serde_json::from_slice(data) {
        let _ = compile(&file, &context);
    }
}

/// A realm file that lies nowhere.
struct InMemory(Vec<u8>);

impl Source for InMemory {
    fn name(&self) -> &str {
        "realm.json"
    }

    fn open(&self) -> io::Result<Box<dyn Read + Send>> {
        Ok(Box::new(io::Cursor::new(self.0.clone())))
    }
}

/// An address that a client asks for. Whatever passes leads to the client's own host, for every
/// reader of addresses.
pub fn redirect(data: &[u8]) {
    let Some(asked) = text(data) else { return };
    for registered in ["https://app.example/*", "https://app.example/cb", "/cb/*"] {
        let client = client(json!({"redirectUris": [registered]}));
        let origin = "https://app.example";
        let _ = redirect::is_redirect_uri(&client, origin, asked);
        let Some(passed) = redirect::post_logout_uri(&client, origin, asked) else {
            continue;
        };
        let url = Url::parse(passed.as_str()).expect("an absolute address");
        assert_eq!(url.origin().ascii_serialization(), origin, "{asked:?}");
        assert!(
            url.username().is_empty() && url.password().is_none(),
            "{asked:?}"
        );
        let ended = Url::parse(&passed.with_state(Some("a&b=\n"))).expect("still an address");
        assert_eq!(ended.origin(), url.origin());
    }
    // And whatever a client registers, it matches without trouble.
    let (registered, asked) = first_line(asked);
    let client = client(json!({"redirectUris": [registered], "rootUrl": "https://app.example"}));
    let _ = redirect::is_redirect_uri(&client, "https://id.example", asked);
}

fn client(body: Value) -> Client {
    let Value::Object(body) = body else {
        return client(json!({}));
    };
    let document = Document {
        kind: Kind::Client,
        id: "1".to_owned(),
        parent: String::new(),
        unique_name: "app".to_owned(),
        enabled: true,
        body,
    };
    Client::new(document, Vec::new(), Vec::new(), Vec::new())
}

/// A realm's password policy, a line break, and a password.
pub fn password_policy(data: &[u8]) {
    let Some(text) = text(data) else { return };
    let (policy, password) = first_line(text);
    let stored = PasswordPolicy::parse(Some(policy));
    let _ = stored.check(password, Some("alice"), Some("alice@shop.example"));
    let _ = (stored.history(), stored.max_auth_age(), stored.hash());
    if PasswordPolicy::configure(policy, &[]).is_ok() {
        let _ = stored.is_expired(Millis(0), Millis(i64::MAX));
    }
}

/// The configuration of a user profile, a line break, and what a user enters.
pub fn profile(data: &[u8]) {
    let Some(text) = text(data) else { return };
    let (config, value) = first_line(text);
    let _ = UserProfile::read(Some(config));
    let Ok(config) = serde_json::from_str::<Value>(config) else {
        return;
    };
    let Ok(profile) = UserProfile::configure(&config, &["email", "profile"]) else {
        return;
    };
    let written = Value::Object(profile.to_json());
    assert!(
        UserProfile::configure(&written, &["email", "profile"]).is_ok(),
        "{written}"
    );
    let realm = RealmSettings::from_body(&Json::new());
    let values = vec![value.to_owned(); 2];
    let names = ["username", "email", "a", "b"];
    let attributes = names.map(|name| (name.to_owned(), values.clone()));
    let input = ProfileInput {
        username: Some(value.to_owned()),
        email: Some(value.to_owned()),
        first_name: None,
        last_name: Some(value.to_owned()),
        attributes: Some(BTreeMap::from(attributes)),
    };
    for context in [profile::Context::UserApi, profile::Context::Registration] {
        let _ = profile.validate(&realm, &input, None, context, &["email"]);
    }
    let _ = profile.metadata(&realm);
}

/// A pattern in Java's syntax, a line break, and a text to be matched.
pub fn pattern(data: &[u8]) {
    let Some(text) = text(data) else { return };
    let (source, value) = first_line(text);
    if let Ok(pattern) = Pattern::compile(source) {
        assert_eq!(pattern.source(), source);
        let _ = pattern.matches(value);
    }
}

/// Addresses as Java reads them.
pub fn uri(data: &[u8]) {
    let Some(text) = text(data) else { return };
    if let Ok(uri) = profile::uri::parse(text) {
        let _ = uri.not_a_url();
    }
}
