//! Files of ours beside files of Keycloak 26.7.4, ids and order left aside.

mod generated;
mod same;

use std::sync::Arc;

use claviger_crypto::PasswordHasher;
use claviger_crypto::random::Random;
use claviger_model::Millis;
use claviger_store::{Kept, Store};
use same::{assert_same, comparable, differences, ids, without_additions};
use serde_json::{Value, json};

use super::{ExportError, Options, RealmParts, Secrets, Sink, UserFiles, assemble};
use crate::app::App;
use crate::clock::Clock;
use crate::import::files::tests::in_memory;
use crate::import::files::{Source, survey};
use crate::import::{self, Context, RealmImport, carry};
use crate::network::Nobody;
use crate::{defaults, realms};

const MASKED: Options = Options {
    clients: true,
    groups_and_roles: true,
    secrets: Secrets::Masked,
};

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
        organizations,
        kept,
        ..
    } = import;
    let kept = |kind| {
        let parts = kept.iter().filter(move |part| part.kind == kind);
        parts.map(|part| part.body.clone()).collect()
    };
    RealmParts {
        realm,
        documents,
        links,
        users,
        federated_users: kept(Kept::FederatedUser),
        organizations,
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
        federated_users: Vec::new(),
        organizations: Vec::new(),
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

/// A realm out of the files of a folder, its users with it.
fn whole(folder: &[Arc<dyn Source>]) -> Value {
    let mut realms = survey(folder).unwrap();
    assert_eq!(realms.len(), 1);
    let realm = realms.remove(0);
    assert_eq!(realm.warnings, Vec::<String>::new());
    let mut file = realm.file;
    for source in folder {
        let mut text = String::new();
        std::io::Read::read_to_string(&mut source.open().unwrap(), &mut text).unwrap();
        let part: Value = serde_json::from_str(&text).unwrap();
        for list in ["users", "federatedUsers"] {
            let Some(users) = part.get(list).and_then(Value::as_array) else {
                continue;
            };
            let all = file.entry(list).or_insert(json!([]));
            all.as_array_mut().unwrap().extend(users.iter().cloned());
        }
    }
    Value::Object(file)
}

macro_rules! folder {
    ($($name:literal),* $(,)?) => {
        [$(in_memory($name, include_str!(concat!("testdata/", $name)))),*]
    };
}

/// What Keycloak exported, a realm at a time: every kind of credential, organizations with members,
/// permissions with policies, flows, key providers, user storage, policies for clients, texts.
fn exports_of_keycloak() -> [Vec<Arc<dyn Source>>; 3] {
    [
        folder!["shop-users-1.json", "shop-realm.json", "shop-users-0.json",].to_vec(),
        folder![
            "rt-credentials-realm.json",
            "rt-credentials-users-0.json",
            "rt-credentials-users-1.json",
        ]
        .to_vec(),
        folder![
            "rt-configuration-realm.json",
            "rt-configuration-users-0.json",
            "rt-configuration-federated-users-0.json",
        ]
        .to_vec(),
    ]
}

#[test]
fn keycloaks_own_exports_come_back_as_they_are() {
    for folder in exports_of_keycloak() {
        let theirs = whole(&folder);
        let ours = Value::Object(assemble(&parts(compile(&theirs)), Options::FULL));
        assert_same(&without_additions(&ours), &without_additions(&theirs));
        assert_eq!(ids(&ours), ids(&theirs), "ids are kept");
    }
}

#[tokio::test]
async fn keycloaks_own_exports_go_through_the_store_in_every_layout() {
    // The keys of the first one are no keys.
    for mut folder in exports_of_keycloak().into_iter().skip(1) {
        let theirs = whole(&folder);
        for layout in [
            UserFiles::DifferentFiles { per_file: 2 },
            UserFiles::SameFile,
            UserFiles::RealmFile,
        ] {
            let app = app().await;
            let realm = survey(&folder).unwrap().remove(0);
            carry::replace(&app, &realm, &mut |_| ()).await.unwrap();
            folder = exported(&app, realm.realm(), layout).await;
            let ours = whole(&folder);
            assert_same(&without_additions(&ours), &without_additions(&theirs));
            assert_eq!(ids(&ours), ids(&theirs), "{layout:?}");
        }
    }
}

/// Takes files into memory.
#[derive(Default)]
struct Folder {
    files: Vec<(String, Vec<u8>)>,
}

impl Sink for Folder {
    fn begin(&mut self, name: &str) -> std::io::Result<()> {
        self.files.push((name.to_owned(), Vec::new()));
        Ok(())
    }

    fn write(&mut self, piece: &[u8]) -> std::io::Result<()> {
        self.files.last_mut().unwrap().1.extend_from_slice(piece);
        Ok(())
    }

    fn end(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

async fn exported(app: &App, realm: &str, users: UserFiles) -> Vec<Arc<dyn Source>> {
    let mut folder = Folder::default();
    super::export_realm(&app.store, realm, users, &mut folder)
        .await
        .unwrap();
    let files = folder.files.into_iter();
    files.map(|(name, bytes)| in_memory(&name, bytes)).collect()
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
    let files = exported(&app, "shop", UserFiles::DifferentFiles { per_file: 4 }).await;
    let names: Vec<&str> = files.iter().map(|file| file.name()).collect();
    assert_eq!(
        names,
        ["shop-realm.json", "shop-users-0.json", "shop-users-1.json"]
    );
    let first = whole(&files);
    let key = &first["components"]["org.keycloak.keys.KeyProvider"][0]["config"];
    assert!(
        key.get("privateKey").or(key.get("secret")).is_some(),
        "keys are exported: {key}"
    );
    let user = &first["users"][1];
    assert_eq!(user["groups"], json!(["/staff/night"]));
    assert_eq!(user["attributes"], json!({"n": ["1", "2"]}));
    assert!(user["credentials"][0]["secretData"].is_string());

    // The same server refuses it, another one takes it and tells the same.
    let refused = realms::create(&app, first.as_object().unwrap()).await;
    let refused = refused.unwrap_err();
    assert!(
        matches!(refused, realms::CreateError::Exists(_)),
        "{refused}"
    );
    let other = self::app().await;
    realms::create(&other, first.as_object().unwrap())
        .await
        .unwrap();
    let again = whole(&exported(&other, "shop", UserFiles::RealmFile).await);
    assert_same(&without_additions(&again), &without_additions(&first));
}

#[tokio::test]
async fn organizations_go_through_the_store_with_all_that_belongs_to_them() {
    let file = json!({
        "realm": "shop", "enabled": true, "organizationsEnabled": true,
        "roles": {"realm": [{"name": "buyer"}]},
        "identityProviders": [{"alias": "up", "providerId": "oidc",
                               "config": {"kc.org.domain": "acme.example"}}],
        "users": [{"username": "alice", "enabled": true}, {"username": "bob", "enabled": true}],
        "organizations": [
            {"id": "acme-id", "name": "Acme Inc", "alias": "acme", "description": "d",
             "redirectUrl": "https://acme.example/", "attributes": {"tier": ["gold", "1"]},
             "domains": [{"name": "acme.example", "verified": true}, {"name": "*.acme.net"}],
             "identityProviders": [{"alias": "up"}],
             "groups": [{"id": "top", "name": "top", "realmRoles": ["buyer"],
                         "subGroups": [{"id": "below", "name": "below"}]}],
             "members": [{"username": "Alice", "membershipType": "MANAGED",
                          "groups": ["below", "top"]},
                         {"username": "bob", "membershipType": "UNMANAGED"}]},
            {"name": "empty", "enabled": false}],
    });
    let app = app().await;
    let shop = realms::create(&app, file.as_object().unwrap())
        .await
        .unwrap();
    assert_eq!(shop.warnings, Vec::<String>::new());
    let first = whole(&exported(&app, "shop", UserFiles::SameFile).await);
    let acme = &first["organizations"].as_array().unwrap().iter();
    let acme = acme.clone().find(|one| one["id"] == "acme-id").unwrap();
    assert_eq!(
        acme["members"],
        json!([
            {"username": "alice", "membershipType": "MANAGED", "groups": ["below", "top"]},
            {"username": "bob", "membershipType": "UNMANAGED"},
        ])
    );
    assert_eq!(
        acme["identityProviders"],
        json!([{"alias": "up", "enabled": true, "config": {}}])
    );
    assert_eq!(acme["groups"][0]["subGroups"][0]["path"], "/top/below");
    assert_eq!(first["groups"], json!([]), "they are not the realm's");
    assert_eq!(
        first["identityProviders"][0].get("organizationId"),
        None,
        "the organization says it"
    );
    let other = self::app().await;
    realms::create(&other, first.as_object().unwrap())
        .await
        .unwrap();
    let again = whole(&exported(&other, "shop", UserFiles::RealmFile).await);
    assert_same(&without_additions(&again), &without_additions(&first));
    assert_eq!(ids(&again), ids(&first), "ids are kept");

    let mut without = first.clone();
    without["users"].as_array_mut().unwrap().remove(0);
    let third = self::app().await;
    let refused = realms::create(&third, without.as_object().unwrap()).await;
    let refused = refused.unwrap_err().to_string();
    assert!(refused.contains("who is no user of the realm"), "{refused}");
    assert!(third.realm("shop").await.unwrap().is_none());
}

#[tokio::test]
async fn a_realm_that_is_not_there_is_not_exported() {
    let app = app().await;
    let mut folder = Folder::default();
    let nothing = super::export_realm(&app.store, "shop", UserFiles::Skip, &mut folder).await;
    assert!(matches!(nothing, Err(ExportError::NoSuchRealm(_))));
    let full = super::export_realm(&app.store, "master", UserFiles::Skip, &mut FullDisk).await;
    let Err(ExportError::Write { name, .. }) = full else {
        panic!("{full:?}")
    };
    assert_eq!(name, "master-realm.json");
}

struct FullDisk;

impl Sink for FullDisk {
    fn begin(&mut self, _: &str) -> std::io::Result<()> {
        Ok(())
    }

    fn write(&mut self, _: &[u8]) -> std::io::Result<()> {
        Err(std::io::Error::other("the disk is full"))
    }

    fn end(&mut self) -> std::io::Result<()> {
        Ok(())
    }
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
