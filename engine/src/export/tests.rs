//! Files of ours beside files of Keycloak 26.7.4, ids and order left aside.

use std::sync::Arc;

use claviger_crypto::PasswordHasher;
use claviger_crypto::random::Random;
use claviger_model::Millis;
use claviger_store::Store;
use serde_json::{Value, json};

use super::{ExportError, Options, RealmParts, Secrets, UserFiles, assemble};
use crate::app::App;
use crate::clock::Clock;
use crate::import::{self, Context, RealmImport};
use crate::network::Nobody;
use crate::{defaults, realms};

const MASKED: Options = Options {
    clients: true,
    groups_and_roles: true,
    secrets: Secrets::Masked,
};

/// Members that differ each time; `types` is Keycloak's knowledge of its identity providers.
const PASSING: &[&str] = &[
    "id",
    "internalId",
    "containerId",
    "parentId",
    "createdTimestamp",
    "types",
    "client.secret.creation.time",
];

/// Leaves out ids and sorts lists and members, so that two files can be compared.
fn comparable(value: &Value) -> Value {
    match value {
        Value::Object(object) => {
            let mut members: Vec<_> = object
                .iter()
                .filter(|(name, _)| !PASSING.contains(&name.as_str()))
                .map(|(name, value)| (name.clone(), comparable(value)))
                .collect();
            members.sort_by(|one, two| one.0.cmp(&two.0));
            Value::Object(members.into_iter().collect())
        }
        Value::Array(list) => {
            let mut list: Vec<Value> = list.iter().map(comparable).collect();
            list.sort_by_key(Value::to_string);
            Value::Array(list)
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
    }
}

/// The places where two comparable values differ.
fn differences(ours: &Value, theirs: &Value, path: &str, found: &mut Vec<String>) {
    match (ours, theirs) {
        (Value::Object(one), Value::Object(two)) => {
            for (name, value) in one {
                let path = format!("{path}.{name}");
                match two.get(name) {
                    Some(other) => differences(value, other, &path, found),
                    None => found.push(format!("{path}: ours alone: {value}")),
                }
            }
            for (name, value) in two.iter().filter(|(name, _)| !one.contains_key(*name)) {
                found.push(format!("{path}.{name}: theirs alone: {value}"));
            }
        }
        (Value::Array(one), Value::Array(two)) if one.len() == two.len() => {
            for (index, (value, other)) in one.iter().zip(two).enumerate() {
                differences(value, other, &format!("{path}[{index}]"), found);
            }
        }
        (one, two) if one == two => {}
        (one, two) => found.push(format!("{path}: {one} instead of {two}")),
    }
}

fn assert_same(ours: &Value, theirs: &Value) {
    let mut found = Vec::new();
    differences(&comparable(ours), &comparable(theirs), "", &mut found);
    assert!(found.is_empty(), "{}", found.join("\n"));
}

fn compile(file: &Value) -> RealmImport {
    let random = Random::seeded(7);
    let file = file.as_object().expect("a realm file is an object");
    import::compile(
        file,
        &Context {
            random: &random,
            now: Millis(1_000_000),
        },
    )
    .expect("compiles")
}

fn parts(import: RealmImport) -> RealmParts {
    let RealmImport {
        realm,
        documents,
        links,
        users,
        ..
    } = import;
    RealmParts {
        realm,
        documents,
        links,
        users,
    }
}

#[test]
fn a_new_realm_is_keycloaks() {
    let seed = defaults::new_realm("shop", &Random::seeded(1), Millis(0)).unwrap();
    let parts = RealmParts {
        realm: seed.realm,
        documents: seed.documents,
        links: seed.links,
        users: Vec::new(),
    };
    let ours = Value::Object(assemble(&parts, MASKED));
    let theirs: Value = serde_json::from_str(include_str!("testdata/new_realm.json")).unwrap();
    assert_same(&ours, &theirs);
}

/// Lays recorded differences over a value: members changed, new and gone, elements changed, removed
/// and added.
fn apply(base: &Value, delta: &Value) -> Value {
    if let Some(value) = delta.get("is") {
        return value.clone();
    }
    match base {
        Value::Object(object) => {
            let mut object = object.clone();
            for (name, delta) in delta["changed"].as_object().into_iter().flatten() {
                object[name] = apply(&object[name], delta);
            }
            for (name, value) in delta["new"].as_object().into_iter().flatten() {
                object.insert(name.clone(), value.clone());
            }
            for name in delta["gone"].as_array().into_iter().flatten() {
                object.shift_remove(name.as_str().unwrap());
            }
            Value::Object(object)
        }
        Value::Array(list) => {
            let removed = delta["removed"].as_array().cloned().unwrap_or_default();
            let kept = list
                .iter()
                .enumerate()
                .filter(|(index, _)| !removed.contains(&json!(index)));
            let changed = kept.map(|(index, value)| match delta["at"].get(index.to_string()) {
                Some(delta) => apply(value, delta),
                None => value.clone(),
            });
            let added = delta["added"].as_array().cloned().unwrap_or_default();
            Value::Array(changed.chain(added).collect())
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => base.clone(),
    }
}

#[test]
fn imports_end_as_keycloaks_do() {
    let fresh: Value = serde_json::from_str(include_str!("testdata/new_realm.json")).unwrap();
    let cases: Value = serde_json::from_str(include_str!("testdata/imports.json")).unwrap();
    let mut wrong = Vec::new();
    for case in cases.as_array().unwrap() {
        let mut parts = parts(compile(&case["file"]));
        // A partial export holds no users but service accounts.
        parts
            .users
            .retain(|new| new.user.service_account_of.is_some());
        let ours = comparable(&Value::Object(assemble(&parts, MASKED)));
        let theirs = comparable(&apply(&fresh, &case["delta"]));
        let mut found = Vec::new();
        differences(&ours, &theirs, "", &mut found);
        wrong.extend(
            found
                .into_iter()
                .map(|difference| format!("{}: {difference}", case["case"])),
        );
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn keycloaks_own_export_comes_back_as_it_is() {
    let folder = [
        (
            "shop-users-1.json",
            include_str!("testdata/shop-users-1.json"),
        ),
        ("shop-realm.json", include_str!("testdata/shop-realm.json")),
        (
            "shop-users-0.json",
            include_str!("testdata/shop-users-0.json"),
        ),
    ];
    let folder = folder.map(|(name, text)| (name.to_owned(), text.as_bytes().to_vec()));
    let mut read = import::files::read_folder(folder.to_vec()).unwrap();
    assert_eq!(read.len(), 1);
    let shop = read.remove(0);
    assert_eq!(shop.warnings, Vec::<String>::new());
    let theirs = Value::Object(shop.file);
    let import = compile(&theirs);
    assert_eq!(import.warnings, Vec::<String>::new());
    let ours = Value::Object(assemble(&parts(import), Options::FULL));
    assert_same(&without_additions(&ours), &without_additions(&theirs));
}

/// A server in memory that calls nobody.
async fn app() -> App {
    let store = Store::open(&claviger_store::Options::sqlite_memory())
        .await
        .unwrap();
    let random = Random::system();
    let hasher = PasswordHasher::with_threads(1, 64, &random).unwrap();
    let clock = Clock::frozen(Millis(1_795_392_000_000));
    let app = App::new(store, clock, random, hasher, Arc::new(Nobody));
    realms::ensure_master(&app).await.unwrap();
    app
}

#[tokio::test]
async fn a_realm_goes_through_the_store_and_out_again() {
    let app = app().await;
    let file = json!({
        "realm": "shop", "enabled": true,
        "groups": [{"name": "staff", "subGroups": [{"name": "night"}]}],
        "users": (0..5).map(|number| json!({
            "username": format!("user-{number}"), "enabled": true, "email": format!("{number}@x"),
            "realmRoles": ["customer"], "groups": ["/staff/night"], "attributes": {"n": ["1", "2"]},
            "clientConsents": [{"clientId": "web", "grantedClientScopes": ["email"]}],
            "credentials": [{"type": "password", "value": "secret"}],
        })).collect::<Vec<_>>(),
        "clients": [{"clientId": "web", "serviceAccountsEnabled": true}],
    });
    realms::create(&app, file.as_object().unwrap())
        .await
        .unwrap();
    let mut files = Vec::new();
    let users = UserFiles::DifferentFiles { per_file: 4 };
    super::export_realm(&app.store, "shop", users, |file| {
        files.push((file.name.clone(), Value::Object(file.content.clone())));
        Ok(())
    })
    .await
    .unwrap();
    let names: Vec<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        names,
        ["shop-realm.json", "shop-users-0.json", "shop-users-1.json"]
    );
    let key = &files[0].1["components"]["org.keycloak.keys.KeyProvider"][0]["config"];
    assert!(
        key.get("privateKey").or(key.get("secret")).is_some(),
        "keys are exported: {key}"
    );
    let user = &files[1].1["users"][1];
    assert_eq!(user["groups"], json!(["/staff/night"]));
    assert_eq!(user["attributes"], json!({"n": ["1", "2"]}));
    assert!(user["credentials"][0]["secretData"].is_string());

    // The same server refuses it, another one takes it and tells the same.
    let folder = files
        .iter()
        .map(|(name, file)| (name.clone(), file.to_string().into_bytes()));
    let read = import::files::read_folder(folder.collect()).unwrap();
    let refused = realms::create(&app, &read[0].file).await.unwrap_err();
    assert!(
        matches!(refused, realms::CreateError::Exists(_)),
        "{refused}"
    );
    let other = self::app().await;
    realms::create(&other, &read[0].file).await.unwrap();
    let mut again = Vec::new();
    super::export_realm(&other.store, "shop", UserFiles::RealmFile, |file| {
        again.push(Value::Object(file.content.clone()));
        Ok(())
    })
    .await
    .unwrap();
    let first = Value::Object(read[0].file.clone());
    assert_same(&without_additions(&again[0]), &without_additions(&first));
}

#[tokio::test]
async fn a_realm_that_is_not_there_is_not_exported() {
    let app = app().await;
    let nothing = super::export_realm(&app.store, "shop", UserFiles::Skip, |_| Ok(())).await;
    assert!(matches!(nothing, Err(ExportError::NoSuchRealm(_))));
    let full = super::export_realm(&app.store, "master", UserFiles::Skip, |_| {
        Err(std::io::Error::other("the disk is full"))
    });
    assert!(matches!(full.await, Err(ExportError::Write { .. })));
}

/// Without what an import adds, in Keycloak too: to built-in clients what every client of a file
/// gets, and attributes that show settings a second time.
fn without_additions(file: &Value) -> Value {
    let mut file = file.clone();
    file["attributes"]
        .as_object_mut()
        .unwrap()
        .retain(|name, _| !name.starts_with("client"));
    for client in file["clients"].as_array_mut().unwrap() {
        let name = client["clientId"].as_str().unwrap();
        if ["admin-cli", "broker", "realm-management"].contains(&name) {
            let client = client.as_object_mut().unwrap();
            client.shift_remove("secret");
            let attributes = client["attributes"].as_object_mut().unwrap();
            attributes.shift_remove("post.logout.redirect.uris");
        }
    }
    file
}

#[test]
fn an_export_of_an_import_is_the_same_again() {
    let file = json!({
        "realm": "shop", "enabled": true, "displayName": "Shop",
        "roles": {
            "realm": [{"name": "customer"},
                      {"name": "manager", "composites": {"realm": ["customer"],
                                                         "client": {"web": ["editor"]}}}],
            "client": {"web": [{"name": "editor", "attributes": {"a": ["1"]}}]}},
        "groups": [{"name": "staff", "realmRoles": ["customer"], "attributes": {"floor": ["2"]},
                    "subGroups": [{"name": "night shift", "clientRoles": {"web": ["editor"]}}]}],
        "defaultGroups": ["/staff"],
        "clients": [{"clientId": "web", "secret": "s", "serviceAccountsEnabled": true,
                     "redirectUris": ["http://web/*"]}],
        "scopeMappings": [{"client": "web", "roles": ["customer"]}],
        "identityProviders": [{"alias": "up", "providerId": "oidc", "config": {"clientId": "x"}}],
        "identityProviderMappers": [{"name": "m", "identityProviderAlias": "up",
                                     "identityProviderMapper": "oidc-username-idp-mapper"}],
        "users": [{"username": "Alice", "enabled": true, "email": "A@x", "realmRoles": ["manager"],
                   "clientRoles": {"web": ["editor"]}, "groups": ["/staff/night shift"],
                   "attributes": {"k": ["v", "w"]},
                   "federatedIdentities": [{"identityProvider": "up", "userId": "1"}],
                   "clientConsents": [{"clientId": "web", "grantedClientScopes": ["email"]}],
                   "credentials": [{"type": "password", "secretData": "{}",
                                    "credentialData": "{}", "createdDate": 5}]}],
    });
    // Built-in clients that come from a file get a secret and a logout address as any other does.
    let first = Value::Object(assemble(&parts(compile(&file)), Options::FULL));
    let once = Value::Object(assemble(&parts(compile(&first)), Options::FULL));
    let twice = Value::Object(assemble(&parts(compile(&once)), Options::FULL));
    assert_same(&twice, &once);
    // Ids are kept, too.
    assert_eq!(once["id"], twice["id"]);
    let ids = |file: &Value, list: &str| -> Vec<String> {
        file[list]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["id"].to_string())
            .collect()
    };
    for list in [
        "clients",
        "clientScopes",
        "groups",
        "users",
        "authenticationFlows",
    ] {
        assert_eq!(ids(&once, list), ids(&twice, list), "{list}");
    }
}
