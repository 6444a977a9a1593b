//! Users by the thousand, and the one among them that is wrong.

use std::sync::Arc;

use claviger_crypto::PasswordHasher;
use claviger_crypto::random::Random;
use claviger_store::{Kept, Options, Store};
use serde_json::json;

use super::*;
use crate::clock::Clock;
use crate::import::files::tests::in_memory;
use crate::import::files::{Source, survey};
use crate::network::Nobody;

async fn app() -> App {
    let store = Store::open(&Options::sqlite_memory()).await.unwrap();
    let random = Random::system();
    let hasher = PasswordHasher::with_threads(1, 64, &random).unwrap();
    let clock = Clock::frozen(Millis(1_795_392_000_000));
    let app = App::new(store, clock, random, hasher, Arc::new(Nobody));
    realms::ensure_master(&app).await.unwrap();
    app
}

fn user(number: usize) -> Value {
    json!({
        "id": format!("id-{number}"), "username": format!("user-{number:06}"), "enabled": true,
        "email": format!("{number}@example.org"), "realmRoles": ["customer"],
        "credentials": [{"id": "c", "type": "password", "createdDate": 1,
            "secretData": "{\"value\":\"aGFzaA==\",\"salt\":\"c2FsdA==\"}",
            "credentialData": "{\"hashIterations\":5,\"algorithm\":\"argon2\"}"}],
        "federatedIdentities": [{"identityProvider": "up", "userId": format!("{number}")}],
    })
}

fn files(users: &[Value]) -> Vec<Arc<dyn Source>> {
    let realm = json!({"id": "the-shop", "realm": "shop", "enabled": true,
        "groups": [{"name": "staff"}]});
    let mut all = vec![in_memory("shop-realm.json", realm.to_string())];
    for (number, users) in users.chunks(700).enumerate() {
        let file = json!({"realm": "shop", "users": users});
        let name = format!("shop-users-{number}.json");
        all.push(in_memory(&name, file.to_string()));
    }
    all
}

async fn import(app: &App, files: &[Arc<dyn Source>]) -> Result<Created, CreateError> {
    let realm = survey(files).unwrap().remove(0);
    replace(app, &realm, &mut |_| ()).await
}

async fn names(app: &App) -> Vec<String> {
    let realm = RealmId::new("the-shop");
    let people = app.store.people(&realm, "", -1).await.unwrap();
    people.into_iter().map(|one| one.user.username).collect()
}

#[tokio::test]
async fn thousands_of_users_are_written_and_counted() {
    let app = app().await;
    let users: Vec<Value> = (0..1_600).map(user).collect();
    let realm = survey(&files(&users)).unwrap().remove(0);
    let mut told = Vec::new();
    replace(&app, &realm, &mut |progress| told.push(progress))
        .await
        .unwrap();
    let done: Vec<u64> = told.iter().map(|progress| progress.done).collect();
    assert_eq!(done, [500, 1_000, 1_500, 1_600]);
    assert!(told.iter().all(|progress| progress.of == 1_600));
    assert_eq!(names(&app).await.len(), 1_600);
    let shop = app.realm("shop").await.unwrap().unwrap();
    let roles = shop.roles().await.unwrap();
    let customer = roles
        .named(None, "customer")
        .expect("made, for users have it");
    let with_role = app.store.users_with_role(&shop.id, &customer.id, 0, -1);
    assert_eq!(with_role.await.unwrap().len(), 1_600);
}

/// What is wrong with user 1,234 of two thousand is told with file and place, and of the realm
/// nothing is there, or the one of before.
#[tokio::test]
#[expect(clippy::too_many_lines, reason = "a table")]
async fn one_bad_user_leaves_the_realm_as_it_was() {
    let app = app().await;
    let set = |member: &str, value: Value| {
        let mut bad = user(1_234);
        bad[member] = value;
        bad
    };
    let cases = [
        (
            set("username", Value::Null),
            "username: User name is missing",
        ),
        (
            set("username", json!("USER-000007")),
            "username: User exists with same username",
        ),
        (set("id", json!("id-7")), "id: User exists with same id"),
        (
            set("email", json!("7@Example.org")),
            "email: User exists with same email",
        ),
        (set("enabled", json!({})), "enabled: "),
        (
            set("groups", json!(["/nobody"])),
            "groups[0]: there is no group of path `/nobody`",
        ),
        (
            set("username", json!("x".repeat(300))),
            "username: has at most 255 characters",
        ),
        (
            set("credentials", json!([{"type": "password"}])),
            "credentials[0]: neither value",
        ),
        (
            set(
                "credentials",
                json!([{"type": "otp", "secretData": "{", "credentialData": "{}"}]),
            ),
            "credentials[0].secretData: must be a JSON object as text",
        ),
        (
            set(
                "federatedIdentities",
                json!([{"identityProvider": "up", "userId": "7"}]),
            ),
            "federatedIdentities: another user is linked to the same person there: up",
        ),
        (set("firstName", json!("a\u{0}b")), "U+0000"),
    ];
    for before in [false, true] {
        if before {
            import(&app, &files(&[user(1)])).await.unwrap();
        }
        for (bad, message) in &cases {
            let mut users: Vec<Value> = (0..2_000).map(user).collect();
            users[1_234] = bad.clone();
            let error = import(&app, &files(&users)).await.unwrap_err().to_string();
            assert!(
                error.starts_with("shop-users-1.json: users[534]"),
                "{error}"
            );
            assert!(error.contains(message), "{error}");
            let there = app.realm("shop").await.unwrap();
            assert_eq!(there.is_some(), before);
            assert_eq!(names(&app).await.len(), usize::from(before), "{error}");
            let aside = aside(&RealmId::new("the-shop"));
            for (table, rows) in app.store.count_rows(&aside).await.unwrap() {
                assert_eq!(rows, 0, "left in {table}");
            }
        }
    }
    // What was refused once is taken when it is mended.
    let users: Vec<Value> = (0..600).map(user).collect();
    import(&app, &files(&users)).await.unwrap();
    assert_eq!(names(&app).await.len(), 600);
}

#[tokio::test]
async fn a_file_that_ends_too_early_leaves_nothing() {
    let app = app().await;
    let users: Vec<Value> = (0..1_500).map(user).collect();
    let text = json!({"realm": "shop", "users": users}).to_string();
    let whole = in_memory("shop.json", text.clone());
    let realm = survey(&[whole]).unwrap().remove(0);
    // It was whole when it was looked through.
    let cut = in_memory("shop.json", text[..text.len() - 100_000].to_owned());
    let mut realm = realm;
    realm.shelves[0].source = cut;
    let error = replace(&app, &realm, &mut |_| ()).await.unwrap_err();
    let error = error.to_string();
    assert!(
        error.starts_with("shop.json: users[") && error.contains("EOF"),
        "{error}"
    );
    assert!(app.realm("shop").await.unwrap().is_none());
}

#[tokio::test]
async fn an_import_over_another_keeps_the_later() {
    let app = app().await;
    let users: Vec<Value> = (0..3).map(user).collect();
    let realm = survey(&files(&users)).unwrap().remove(0);
    let below = RealmId::new("the-shop");
    // Another node begins the same import while this one writes its last users.
    let other = app.store.clone();
    let (there, mut tx) = (below.clone(), Tx::new());
    tx.open_ticket(&there, "of another", app.now());
    let mut taken = Some(tx);
    let (tell, mut told) = mpsc::unbounded_channel();
    let mut progress = move |progress| {
        let _ = tell.send(progress);
        if let Some(tx) = taken.take() {
            let other = other.clone();
            let taken = std::thread::spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build()
                    .unwrap();
                runtime.block_on(other.commit(tx)).unwrap()
            })
            .join()
            .unwrap();
            assert!(taken.is_done());
        }
    };
    let error = replace(&app, &realm, &mut progress).await.unwrap_err();
    assert!(told.recv().await.is_some());
    assert!(
        matches!(error, CreateError::Overtaken | CreateError::Exists(_)),
        "{error}"
    );
    assert!(app.realm("shop").await.unwrap().is_none());
    let mut tx = Tx::new();
    tx.show_ticket(&below, "of another", app.now());
    assert!(
        app.commit(tx).await.unwrap().is_done(),
        "the other one goes on"
    );
}

#[tokio::test]
async fn what_nobody_acts_upon_is_kept() {
    let app = app().await;
    let mut odd = user(1);
    odd["shoeSize"] = json!(43);
    odd["credentials"][0]["colour"] = json!("red");
    let file = json!({"id": "the-shop", "realm": "shop", "enabled": true, "users": [odd],
        "federatedUsers": [{"id": "f:x:1", "attributes": {"a": ["b"]}}]});
    let realm = survey(&[in_memory("shop.json", file.to_string())]).unwrap();
    let created = replace(&app, &realm[0], &mut |_| ()).await.unwrap();
    let odd = "shop.json: users[0].shoeSize: nobody knows this member";
    assert!(
        created.warnings.iter().any(|warning| warning == odd),
        "{:?}",
        created.warnings
    );
    let shop = RealmId::new("the-shop");
    let person = app.store.people(&shop, "", 1).await.unwrap().remove(0);
    assert_eq!(
        Value::Object(person.kept),
        json!({"shoeSize": 43, "credentials": {"c": {"colour": "red"}}})
    );
    let kept = app.store.kept(&shop, Kept::FederatedUser, "", 10);
    assert_eq!(kept.await.unwrap().len(), 1);
}
