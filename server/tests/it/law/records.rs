//! Whatever ends is written down for those outside, in the same job: whoever compares a token with the
//! records finds it dead as soon as the server itself refuses it, and nobody else's.

use claviger_crypto::encoding::decode_base64url;
use claviger_model::revocation::{Numbered, Subject};
use claviger_model::{Millis, RealmId, Seconds};

use super::*;

/// Somebody's access token, with a name for messages.
struct Held {
    name: &'static str,
    token: String,
}

/// The claims that a record is compared with.
struct Claims(Value);

impl Claims {
    fn of(token: &str) -> Self {
        let payload = token.split('.').nth(1).expect("a JWT");
        let payload = decode_base64url(payload).expect("base64url");
        Self(serde_json::from_slice(&payload).expect("JSON"))
    }

    fn subject(&self) -> Subject<'_> {
        let text = |name: &str| self.0[name].as_str();
        Subject {
            client: text("azp"),
            user: text("sub"),
            session: text("sid"),
            jti: text("jti"),
            issued_at: Seconds(self.0["iat"].as_i64().unwrap()).millis(),
        }
    }

    fn end(&self) -> Millis {
        Seconds(self.0["exp"].as_i64().unwrap()).millis()
    }
}

/// The record that kills a token, if there is one.
fn killer<'a>(records: &'a [Numbered], token: &str) -> Option<&'a Numbered> {
    let claims = Claims::of(token);
    let mut records = records.iter();
    records.find(|record| record.revocation.kills(&claims.subject()))
}

async fn records(world: &World, realm: &RealmId) -> Vec<Numbered> {
    let (store, now) = (&world.stage.app.store, world.stage.app.now());
    store.revocations_since(realm, 0, now, 1_000).await.unwrap()
}

/// Signs somebody in at a client.
async fn signed_in(world: &World, user: &str, client: &str, scope: &str) -> Reply {
    let secret = format!("{client}-secret");
    let form = [
        ("grant_type", "password"),
        ("client_id", client),
        ("client_secret", secret.as_str()),
        ("username", user),
        ("password", "wonderland"),
        ("scope", scope),
    ];
    world.stage.post(&oidc("token"), &form).await.is(200)
}

/// Others in the same realm, who may or may not be ended with the session in question.
async fn bystanders(world: &World) -> Vec<Held> {
    let mut held = Vec::new();
    for (name, user, client, scope) in [
        ("the user's other session", "alice", "web", "openid"),
        (
            "the user's session at another client",
            "alice",
            "app",
            "openid",
        ),
        (
            "the user's offline session",
            "alice",
            "app",
            "openid offline_access",
        ),
        ("another user's session", "bob", "web", "openid"),
        (
            "another user's offline session",
            "bob",
            "web",
            "openid offline_access",
        ),
    ] {
        let token = signed_in(world, user, client, scope).await;
        let token = token.member("access_token");
        held.push(Held { name, token });
    }
    let form = [("grant_type", "client_credentials")];
    let call = world.stage.call(Method::POST, &oidc("token"));
    let service = call.basic("app", "app-secret").form(&form).send().await;
    let token = service.is(200).member("access_token");
    let name = "a service account";
    held.push(Held { name, token });
    held
}

async fn is_active(world: &World, token: &str) -> bool {
    let told = world.introspected("", token).await;
    told.json()["active"] == true
}

#[tokio::test]
async fn whichever_door_ends_a_session_a_record_says_so_of_it_and_of_no_other() {
    for door in doors::doors() {
        let world = World::new(door.offline).await;
        let realm = world.stage.app.realm("shop").await.unwrap().unwrap();
        let others = bystanders(&world).await;
        assert_eq!(records(&world, &realm.id).await, [], "{}", door.name);
        (door.open)(&world).await;
        if world.stage.app.realm("shop").await.unwrap().is_none() {
            // A realm that is gone has no records: whoever asks for them is told that it is gone.
            let head = world.stage.app.store.revocation_head(&realm.id);
            assert_eq!(head.await.unwrap(), None, "{}", door.name);
            continue;
        }
        let records = records(&world, &realm.id).await;
        let theirs = [
            ("the token", &world.access),
            ("the exchanged token", &world.exchanged),
        ];
        // By time the tokens were over long before the session; its record is for those who ask.
        let by_time = door.name == "the session grows too old";
        let held = others.iter().map(|held| (held.name, &held.token));
        for (name, token) in theirs.into_iter().chain(held) {
            if by_time {
                break;
            }
            let active = is_active(&world, token).await;
            let dead = killer(&records, token);
            assert_ne!(active, dead.is_some(), "{}: {name}: {records:?}", door.name);
            if let Some(dead) = dead {
                let end = Claims::of(token).end();
                assert!(dead.revocation.until >= end, "{}: {name}", door.name);
            }
        }
        if by_time {
            let ended = records.iter().find(|record| {
                let session = record.revocation.session.as_ref();
                session.is_some_and(|session| session.as_str() == world.session)
            });
            assert!(ended.is_some(), "{}: {records:?}", door.name);
        }
    }
}

/// Ends that leave the session: of one token, of one client's part, of what is older than a cut.
#[tokio::test]
async fn what_ends_without_its_session_has_its_record_too() {
    type Act = for<'a> fn(&'a World) -> Answering<'a>;
    let revoke: Act = |world| Box::pin(revoke_access(world));
    let consent: Act = |world| {
        let path = format!("users/{}/consents/web", world.user);
        Box::pin(world.admin(Method::DELETE, path, None))
    };
    let client_cut: Act = |world| {
        let now = world.stage.app.now().seconds().0 + 1;
        let body = json!({"clientId": "web", "notBefore": now});
        Box::pin(world.admin(Method::PUT, format!("clients/{}", world.client), Some(body)))
    };
    let renamed: Act = |world| {
        let body = json!({"clientId": "shop-front"});
        Box::pin(world.admin(Method::PUT, format!("clients/{}", world.client), Some(body)))
    };
    let reuse: Act = |world| Box::pin(reuse(world));
    for (name, offline, act) in [
        ("revocation of an access token", false, revoke),
        ("withdrawal of a consent", true, consent),
        ("a client's not-before", false, client_cut),
        ("a client gets another name", false, renamed),
        ("a refresh token is used again", false, reuse),
    ] {
        let world = World::new(offline).await;
        let realm = world.stage.app.realm("shop").await.unwrap().unwrap();
        let other = signed_in(&world, "bob", "app", "openid").await;
        let other = other.member("access_token");
        let acted = act(&world).await;
        assert!(acted.status.is_success(), "{name}: {}", acted.text());
        let records = records(&world, &realm.id).await;
        assert!(!is_active(&world, &world.access).await, "{name}");
        assert!(
            killer(&records, &world.access).is_some(),
            "{name}: {records:?}"
        );
        assert!(is_active(&world, &other).await, "{name}");
        assert!(killer(&records, &other).is_none(), "{name}: {records:?}");
    }
}

async fn revoke_access(world: &World) -> Reply {
    let call = world.stage.call(Method::POST, &oidc("revoke"));
    let call = call.basic("web", "web-secret");
    call.form(&[("token", &world.access)]).send().await.is(200)
}

async fn reuse(world: &World) -> Reply {
    let once = json!({"revokeRefreshToken": true, "refreshTokenMaxReuse": 0});
    world
        .admin(Method::PUT, String::new(), Some(once))
        .await
        .is(204);
    world.refreshed("").await.is(200);
    world.stage.wait(Seconds(1));
    world.refreshed("").await.is(400);
    world.stage.get("/realms/shop").await
}

/// Tokens live for an hour, then new ones for a minute: a session that ends afterwards takes those of
/// the hour with it, and its record is kept for as long.
#[tokio::test]
async fn a_record_outlives_tokens_of_longer_settings() {
    let world = World::new(false).await;
    let realm = world.stage.app.realm("shop").await.unwrap().unwrap();
    for span in [3_600, 60] {
        let body = json!({"accessTokenLifespan": span, "accessTokenLifespanForImplicitFlow": span});
        world
            .admin(Method::PUT, String::new(), Some(body))
            .await
            .is(204);
        if span == 3_600 {
            let token = signed_in(&world, "alice", "web", "openid").await;
            let end = Claims::of(&token.member("access_token")).end();
            assert_eq!(end, world.stage.app.now() + Seconds(3_600));
        }
    }
    world.logout().await.is(204);
    let hour = world.stage.app.now() + Seconds(3_600);
    assert_eq!(records(&world, &realm.id).await[0].revocation.until, hour);
}

/// A client is disabled with a great many sessions: its record is written once, not for each.
#[tokio::test]
async fn a_clients_end_is_one_record_for_all_of_its_sessions() {
    let world = World::new(false).await;
    let realm = world.stage.app.realm("shop").await.unwrap().unwrap();
    for _ in 0..5 {
        signed_in(&world, "bob", "web", "openid").await;
    }
    let body = json!({"clientId": "web", "enabled": false});
    let path = format!("clients/{}", world.client);
    world.admin(Method::PUT, path, Some(body)).await.is(204);
    let records = records(&world, &realm.id).await;
    assert_eq!(records.len(), 1, "{records:?}");
    assert_eq!(records[0].revocation.client.as_deref(), Some("web"));
}

/// Every node looks for sessions whose time is over. They find the same ones, and end each once.
#[tokio::test]
async fn nodes_that_find_the_same_session_over_end_it_once() {
    let world = World::new(false).await;
    let app = &world.stage.app;
    let realm = app.realm("shop").await.unwrap().unwrap();
    world.stage.wait(Seconds(36_001));
    let now = app.now();
    let (one, two, three) = tokio::join!(
        end_expired(app, now),
        end_expired(app, now),
        end_expired(app, now)
    );
    assert!(one.unwrap() + two.unwrap() + three.unwrap() > 0);
    let ended = records(&world, &realm.id).await;
    assert_eq!(ended.len(), 1, "{ended:?}");
    assert_eq!(app.store.outbox(&realm.id, 10).await.unwrap().len(), 1);
}
