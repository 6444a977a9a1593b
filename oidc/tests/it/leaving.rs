//! A browser at the end of a session.

use axum::http::Method;
use claviger_crypto::Algorithm;
use claviger_crypto::encoding::base64url;
use claviger_crypto::{digest, jws};
use claviger_testkit::{Reply, Stage};
use serde_json::{Value, json};

use crate::world::oidc;

const ISSUER: &str = "http://localhost/realms/shop";

/// A browser that keeps what it is given.
pub struct Browser {
    pub stage: Stage,
    pub cookies: Vec<(String, String)>,
}

/// A page, as far as it matters here.
pub struct Question {
    pub action: String,
    pub code: String,
}

pub fn realm() -> Value {
    let attributes =
        json!({"post.logout.redirect.uris": "http://app.example/bye##http://app.example/q?a=1"});
    let framed = |id: &str, further: Value| {
        let mut attributes = json!({"frontchannel.logout.url": format!("http://{id}.example/out")});
        let all = attributes.as_object_mut().unwrap();
        all.extend(further.as_object().unwrap().clone());
        json!({
            "clientId": id, "publicClient": true, "directAccessGrantsEnabled": true, "name": "<b>One</b>",
            "frontchannelLogout": true, "redirectUris": [format!("http://{id}.example/*")],
            "attributes": attributes,
        })
    };
    json!({
        "realm": "shop", "enabled": true, "eventsEnabled": true,
        "internationalizationEnabled": true, "supportedLocales": ["en", "de", "ar"],
        "clients": [
            {
                "clientId": "app", "publicClient": true, "directAccessGrantsEnabled": true,
                "redirectUris": ["http://app.example/*"], "baseUrl": "http://app.example/home",
                "attributes": attributes,
            },
            framed("one", json!({"frontchannel.logout.session.required": "true"})),
            framed("two", json!({"frontchannel.logout.session.required": "false"})),
        ],
        "users": [{
            "username": "alice", "enabled": true, "email": "alice@shop.example",
            "firstName": "Alice", "lastName": "Liddell",
            "credentials": [{"type": "password", "value": "wonderland"}],
        }],
    })
}

impl Browser {
    pub async fn new() -> Self {
        Self::over(realm()).await
    }

    /// One before a realm of the test's own.
    pub async fn over(realm: Value) -> Self {
        let stage = Stage::open(claviger_oidc::router()).await;
        stage.import(realm).await;
        Self {
            stage,
            cookies: Vec::new(),
        }
    }

    pub async fn tokens(&self, client: &str) -> Reply {
        let form = [
            ("grant_type", "password"),
            ("client_id", client),
            ("username", "alice"),
            ("password", "wonderland"),
            ("scope", "openid"),
        ];
        self.stage.post(&oidc("token"), &form).await.is(200)
    }

    /// Gets the cookies that a sign-in by these tokens would have left here.
    pub async fn signed_in_by(&mut self, tokens: &Reply) {
        let realm = self.stage.app.realm("shop").await.unwrap().unwrap();
        let now = self.stage.app.now();
        let ring = claviger_engine::keys::ring_for(&self.stage.app, &realm, &[Algorithm::Hs512]);
        let ring = ring.await.unwrap();
        let key = ring.active(Algorithm::Hs512, now).unwrap();
        let session = tokens.member("session_state");
        let users = self.stage.app.store.user_by_username(&realm.id, "alice");
        let user = users.await.unwrap().unwrap();
        let claims = json!({
            "exp": now.seconds().0 + 36_000, "iat": now.seconds().0, "jti": "1", "iss": ISSUER,
            "sub": user.id.as_str(), "typ": "Serialized-ID", "sid": session,
        });
        let token = jws::sign(key, Some("JWT"), claims.to_string().as_bytes()).unwrap();
        self.keep("KEYCLOAK_IDENTITY", &token);
        self.keep(
            "KEYCLOAK_SESSION",
            &base64url(&digest::sha384(session.as_bytes())),
        );
    }

    fn keep(&mut self, name: &str, value: &str) {
        self.cookies.retain(|(known, _)| known != name);
        if !value.is_empty() {
            self.cookies.push((name.to_owned(), value.to_owned()));
        }
    }

    pub fn has(&self, name: &str) -> bool {
        self.cookies.iter().any(|(known, _)| known == name)
    }

    pub async fn send(
        &mut self,
        method: Method,
        path: &str,
        form: Option<&[(&str, &str)]>,
    ) -> Reply {
        let pairs: Vec<String> = self
            .cookies
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let mut call = self.stage.call(method, path);
        if !pairs.is_empty() {
            call = call.header("cookie", &pairs.join("; "));
        }
        if let Some(form) = form {
            call = call.form(form);
        }
        let reply = call.send().await;
        let given: Vec<String> = reply
            .headers
            .get_all("set-cookie")
            .iter()
            .map(|value| value.to_str().unwrap().to_owned())
            .collect();
        for cookie in given {
            let (name, rest) = cookie.split_once('=').unwrap();
            self.keep(name, rest.split(';').next().unwrap());
        }
        reply
    }

    pub async fn logout(&mut self, query: &[(&str, &str)]) -> Reply {
        let mut text = form_urlencoded::Serializer::new(String::new());
        let path = format!("{}?{}", oidc("logout"), text.extend_pairs(query).finish());
        self.send(Method::GET, &path, None).await
    }

    pub async fn confirm(&mut self, question: &Question) -> Reply {
        let form = [("session_code", &*question.code), ("confirmLogout", "x")];
        self.send(Method::POST, &question.action, Some(&form)).await
    }

    pub async fn is_alive(&self, tokens: &Reply) -> bool {
        let call = self.stage.call(Method::GET, &oidc("userinfo"));
        let call = call.bearer(&tokens.member("access_token"));
        call.send().await.status == 200
    }

    /// The events of logging out: type, client, error.
    pub async fn events(&self) -> Vec<(String, Option<String>, Option<String>)> {
        let realm = self.stage.app.realm("shop").await.unwrap().unwrap();
        let query = claviger_store::EventQuery {
            max: -1,
            ..Default::default()
        };
        let events = self
            .stage
            .app
            .store
            .events(&realm.id, &query)
            .await
            .unwrap();
        let logouts = events
            .into_iter()
            .filter(|event| event.kind.contains("LOGOUT"));
        logouts
            .map(|event| (event.kind, event.client_id, event.error))
            .collect()
    }
}

pub fn between<'a>(text: &'a str, before: &str, after: &str) -> &'a str {
    let from = text
        .find(before)
        .unwrap_or_else(|| panic!("{before} in {text}"))
        + before.len();
    let rest = &text[from..];
    &rest[..rest.find(after).unwrap()]
}

#[track_caller]
pub fn asks(reply: &Reply) -> Question {
    assert_eq!(reply.status, 200, "{}", reply.text());
    let page = reply.text();
    assert!(page.contains("id=\"kc-logout\""), "{page}");
    let action = between(&page, "<form action=\"", "\"").replace("&amp;", "&");
    Question {
        action: action.replace("&#x2f;", "/"),
        code: between(&page, "name=\"session_code\" value=\"", "\"").to_owned(),
    }
}

#[track_caller]
pub fn says_goodbye(reply: &Reply) {
    assert_eq!(reply.status, 200, "{}", reply.text());
    let page = reply.text();
    assert!(
        page.contains("kc-info-message") && !page.contains("<form"),
        "{page}"
    );
}

#[track_caller]
pub fn goes_to(reply: &Reply, address: &str) {
    assert_eq!(reply.status, 302, "{}", reply.text());
    assert_eq!(reply.header("location"), address);
}
