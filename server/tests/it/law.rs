//! The law of logout, asserted over every door: after the first answer every endpoint refuses what
//! was ended, through either base path; repeating changes nothing and never fails.

mod doors;
mod records;

use std::future::Future;
use std::pin::Pin;

use axum::http::Method;
use claviger_engine::logout::end_expired;
use claviger_model::{Seconds, Secret};
use claviger_testkit::{Reply, Stage};
use serde_json::{Value, json};

/// What is ended, and where.
struct World {
    stage: Stage,
    access: String,
    refresh: String,
    id_token: String,
    /// What `api` has exchanged for the access token (RFC 8693).
    exchanged: String,
    session: String,
    user: String,
    client: String,
    realm: String,
}

type Answering<'a> = Pin<Box<dyn Future<Output = Reply> + 'a>>;

/// A door: how one goes through it, and what it answers the first time and again.
struct Door {
    name: &'static str,
    offline: bool,
    first: u16,
    again: u16,
    open: for<'a> fn(&'a World) -> Answering<'a>,
}

fn oidc(path: &str) -> String {
    format!("/realms/shop/protocol/openid-connect/{path}")
}

/// Doors that end one client's part in sessions, and leave the sessions themselves. What another
/// client has exchanged hangs on the session.
const OF_ONE_CLIENT: [&str; 3] = [
    "the client is disabled",
    "the client is deleted",
    "the client is disabled, with an offline token",
];

fn realm() -> Value {
    json!({
        "realm": "shop",
        "enabled": true,
        "eventsEnabled": true,
        "clients": [
            {
                "clientId": "web", "secret": "web-secret", "directAccessGrantsEnabled": true,
                "redirectUris": ["http://web.example/*"],
                "attributes": {
                    "post.logout.redirect.uris": "+",
                    "backchannel.logout.url": "http://web.example/logged-out",
                },
                "protocolMappers": [{
                    "name": "audience", "protocol": "openid-connect",
                    "protocolMapper": "oidc-audience-mapper",
                    "config": {"included.client.audience": "api", "access.token.claim": "true"},
                }],
            },
            {
                "clientId": "api", "secret": "api-secret",
                "attributes": {"standard.token.exchange.enabled": "true"},
                "protocolMappers": [{
                    "name": "audience", "protocol": "openid-connect",
                    "protocolMapper": "oidc-audience-mapper",
                    "config": {"included.client.audience": "api", "access.token.claim": "true"},
                }],
            },
            {
                "clientId": "app", "secret": "app-secret", "directAccessGrantsEnabled": true,
                "serviceAccountsEnabled": true,
                "protocolMappers": [{
                    "name": "audience", "protocol": "openid-connect",
                    "protocolMapper": "oidc-audience-mapper",
                    "config": {"included.client.audience": "api", "access.token.claim": "true"},
                }],
            },
        ],
        "users": [person("alice"), person("bob")],
    })
}

fn person(name: &str) -> Value {
    json!({
        "username": name, "enabled": true, "email": format!("{name}@shop.example"),
        "firstName": name, "lastName": "Liddell", "realmRoles": ["offline_access"],
        "credentials": [{"type": "password", "value": "wonderland"}],
    })
}

impl World {
    async fn new(offline: bool) -> Self {
        let router = claviger_oidc::router().merge(claviger_rest::router());
        let stage = Stage::open(router).await;
        let password = Secret::new("admin");
        claviger_engine::bootstrap::admin_user(&stage.app, "admin", password)
            .await
            .unwrap();
        stage.import(realm()).await;
        let scope = if offline {
            "openid offline_access"
        } else {
            "openid"
        };
        let form = [
            ("grant_type", "password"),
            ("client_id", "web"),
            ("client_secret", "web-secret"),
            ("username", "alice"),
            ("password", "wonderland"),
            ("scope", scope),
        ];
        let tokens = stage.post(&oidc("token"), &form).await.is(200);
        let mut world = Self {
            access: tokens.member("access_token"),
            refresh: tokens.member("refresh_token"),
            id_token: tokens.member("id_token"),
            exchanged: String::new(),
            session: tokens.member("session_state"),
            user: String::new(),
            client: String::new(),
            realm: "shop".to_owned(),
            stage,
        };
        world.exchanged = world.exchange().await.is(200).member("access_token");
        let users = world
            .admin(Method::GET, "users?username=alice".to_owned(), None)
            .await
            .is(200);
        world.user = users.json()[0]["id"].as_str().unwrap().to_owned();
        let clients = world
            .admin(Method::GET, "clients?clientId=web".to_owned(), None)
            .await
            .is(200);
        world.client = clients.json()[0]["id"].as_str().unwrap().to_owned();
        world
    }

    async fn admin(&self, method: Method, path: String, body: Option<Value>) -> Reply {
        let form = [
            ("grant_type", "password"),
            ("client_id", "admin-cli"),
            ("username", "admin"),
            ("password", "admin"),
        ];
        let url = "/realms/master/protocol/openid-connect/token";
        let token = self
            .stage
            .post(url, &form)
            .await
            .is(200)
            .member("access_token");
        let path = format!("/admin/realms/{}/{path}", self.realm);
        let mut call = self
            .stage
            .call(method, path.trim_end_matches('/'))
            .bearer(&token);
        if let Some(body) = body {
            call = call.json(&body);
        }
        call.send().await
    }

    async fn logout(&self) -> Reply {
        let form = [
            ("client_id", "web"),
            ("client_secret", "web-secret"),
            ("refresh_token", self.refresh.as_str()),
        ];
        self.stage.post(&oidc("logout"), &form).await
    }

    async fn logout_basic(&self) -> Reply {
        let call = self
            .stage
            .call(Method::POST, &oidc("logout"))
            .basic("web", "web-secret");
        call.form(&[("refresh_token", &self.refresh)]).send().await
    }

    async fn hinted_get(&self) -> Reply {
        let query = format!(
            "?id_token_hint={}&post_logout_redirect_uri=http%3A%2F%2Fweb.example%2Fbye",
            self.id_token
        );
        self.stage.get(&(oidc("logout") + &query)).await
    }

    async fn hinted_post(&self) -> Reply {
        let form = [
            ("id_token_hint", self.id_token.as_str()),
            ("post_logout_redirect_uri", "http://web.example/bye"),
        ];
        self.stage.post(&oidc("logout"), &form).await
    }

    async fn revoke(&self) -> Reply {
        let call = self
            .stage
            .call(Method::POST, &oidc("revoke"))
            .basic("web", "web-secret");
        call.form(&[("token", &self.refresh)]).send().await
    }

    /// Ten hours later the expiry job comes along.
    async fn expire(&self) -> Reply {
        self.stage.wait(Seconds(36_001));
        end_expired(&self.stage.app, self.stage.app.now())
            .await
            .unwrap();
        self.stage.get("/realms/shop").await
    }

    async fn refreshed(&self, base: &str) -> Reply {
        let form = [
            ("grant_type", "refresh_token"),
            ("refresh_token", self.refresh.as_str()),
        ];
        let path = format!("{base}{}", oidc("token"));
        let call = self
            .stage
            .call(Method::POST, &path)
            .basic("web", "web-secret");
        call.form(&form).send().await
    }

    async fn asked_who(&self, base: &str) -> Reply {
        let path = format!("{base}{}", oidc("userinfo"));
        self.stage
            .call(Method::GET, &path)
            .bearer(&self.access)
            .send()
            .await
    }

    async fn exchange(&self) -> Reply {
        let form = [
            (
                "grant_type",
                "urn:ietf:params:oauth:grant-type:token-exchange",
            ),
            ("subject_token", self.access.as_str()),
            (
                "subject_token_type",
                "urn:ietf:params:oauth:token-type:access_token",
            ),
        ];
        let call = self
            .stage
            .call(Method::POST, &oidc("token"))
            .basic("api", "api-secret");
        call.form(&form).send().await
    }

    async fn introspected(&self, base: &str, token: &str) -> Reply {
        let path = format!("{base}{}", oidc("token/introspect"));
        let call = self
            .stage
            .call(Method::POST, &path)
            .basic("api", "api-secret");
        call.form(&[("token", token)]).send().await
    }
}

async fn assert_alive(world: &World, door: &str) {
    assert_eq!(
        world.asked_who("").await.status,
        200,
        "{door}: alive before"
    );
    let told = world.introspected("", &world.access).await.is(200).json();
    assert_eq!(told["active"], true, "{door}: active before");
    let told = world.introspected("", &world.exchanged).await;
    assert_eq!(
        told.is(200).json()["active"],
        true,
        "{door}: exchanged before"
    );
}

/// Nothing that hung on the session is good for anything any more, on either path.
async fn assert_dead(world: &World, door: &str) {
    for base in ["", "/auth"] {
        let refreshed = world.refreshed(base).await;
        assert!(
            (400..500).contains(&refreshed.status.as_u16()),
            "{door}, refresh at '{base}': {} {}",
            refreshed.status,
            refreshed.text()
        );
        let who = world.asked_who(base).await;
        assert!(
            matches!(who.status.as_u16(), 401 | 403 | 404),
            "{door}, userinfo at '{base}': {} {}",
            who.status,
            who.text()
        );
        let theirs = (!OF_ONE_CLIENT.contains(&door)).then_some(&world.exchanged);
        for token in std::iter::once(&world.access).chain(theirs) {
            let told = world.introspected(base, token).await;
            assert!(
                told.status.as_u16() < 500,
                "{door}, introspection: {}",
                told.status
            );
            assert_ne!(
                told.json()["active"],
                true,
                "{door}, introspection at '{base}' of {token}"
            );
        }
    }
    let exchanged = world.exchange().await.status.as_u16();
    assert!(
        (400..500).contains(&exchanged),
        "{door}, exchange: {exchanged}"
    );
}

#[tokio::test]
async fn whichever_door_ends_a_session_its_tokens_are_refused_at_once_and_for_good() {
    for door in doors::doors() {
        let world = World::new(door.offline).await;
        assert_alive(&world, door.name).await;
        let first = (door.open)(&world).await;
        assert_eq!(
            first.status.as_u16(),
            door.first,
            "{}: {}",
            door.name,
            first.text()
        );
        assert_dead(&world, door.name).await;
        let again = (door.open)(&world).await;
        assert_eq!(
            again.status.as_u16(),
            door.again,
            "{} again: {}",
            door.name,
            again.text()
        );
        assert_dead(&world, door.name).await;
        let late = world.logout().await;
        assert!(
            late.status.as_u16() < 500,
            "{}: a late logout: {}",
            door.name,
            late.text()
        );
    }
}

#[tokio::test]
async fn whoever_asked_to_be_told_is_told_once_in_the_same_write() {
    let world = World::new(false).await;
    let realm = world.stage.app.realm("shop").await.unwrap().unwrap();
    world.logout().await.is(204);
    world.logout().await.is(204);
    let told = world.stage.app.store.outbox(&realm.id, 10).await.unwrap();
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0].kind, "backchannel-logout");
    assert_eq!(told[0].payload["sid"], world.session);
    assert_eq!(told[0].payload["reason"], "logout");
}

#[tokio::test]
async fn a_sessions_end_leaves_other_sessions_alone() {
    let world = World::new(false).await;
    let form = [
        ("grant_type", "password"),
        ("client_id", "web"),
        ("client_secret", "web-secret"),
        ("username", "alice"),
        ("password", "wonderland"),
        ("scope", "openid"),
    ];
    let other = world
        .stage
        .post(&oidc("token"), &form)
        .await
        .is(200)
        .member("access_token");
    world.logout().await.is(204);
    let call = world
        .stage
        .call(Method::GET, &oidc("userinfo"))
        .bearer(&other);
    call.send().await.is(200);
}
