//! The realm that the pages speak of, and what their variables stand for.

use std::collections::HashMap;

use claviger_crypto::encoding::{base64, base64url, decode_base64url};
use claviger_crypto::jws::sign;
use claviger_crypto::{Algorithm, PrivateKey, SigningKey};
use serde_json::{Map, Value, json};

use crate::http;
use crate::program::Server;

const SECRET: &str = "myclient-secret-with-at-least-32-bytes";
const OTHER_SECRET: &str = "otherclient-secret";
const PASSWORD: &str = "wonderland";
const HMAC: [u8; 64] = [7; 64];
/// Of a realm's not-before, and of a token that is older.
const CUT: i64 = 1_700_000_000;

/// A server with an administrator, and keys with which the test can sign as the realm does.
pub struct World {
    pub server: Server,
    rsa: PrivateKey,
    stranger: PrivateKey,
    values: HashMap<String, String>,
    count: u32,
}

/// Puts one object's members into another's, deeply; lists are replaced.
fn overlay(base: &mut Value, over: Value) {
    match (base, over) {
        (Value::Object(base), Value::Object(over)) => {
            for (name, value) in over {
                overlay(base.entry(name).or_insert(Value::Null), value);
            }
        }
        (base, over) => *base = over,
    }
}

/// What the realm is like for a page, other than usual.
fn of_realm(page: &str) -> Value {
    match page {
        "account-locked" => json!({"bruteForceProtected": true, "failureFactor": 1}),
        "refresh-token-reused" => json!({"revokeRefreshToken": true}),
        "token-before-cut" => json!({"notBefore": CUT}),
        "realm-disabled" => json!({"enabled": false}),
        "https-required" => json!({"sslRequired": "all"}),
        "global-revocation-subject" => {
            json!({"attributes": {"global.token.revocation.enabled": "true"}})
        }
        "gate-audience" | "gate-scope" => {
            json!({"attributes": {"gateway.check.enabled": "true"}})
        }
        "signals-receiver" | "signals-stream" => {
            json!({"attributes": {"ssf.transmitterEnabled": "true"}})
        }
        "signals-event" => json!({"attributes": {
            "ssf.receiver.upstream.issuer": "https://elsewhere.example",
            "ssf.receiver.upstream.jwks.url": "https://elsewhere.example/keys",
            "ssf.receiver.upstream.audience": "https://here.example",
        }}),
        "direct-grant-flow" => {
            let flow = json!({
                "alias": "odd", "providerId": "basic-flow", "topLevel": true, "builtIn": false,
                "authenticationExecutions": [{
                    "authenticator": "nobody-knows", "requirement": "REQUIRED",
                    "priority": 10,
                }],
            });
            json!({"directGrantFlow": "odd", "authenticationFlows": [flow]})
        }
        _ => json!({}),
    }
}

/// What `myclient` is like for a page, other than usual.
fn of_client(page: &str) -> Value {
    let attribute = |name: &str, value: &str| json!({"attributes": {name: value}});
    match page {
        "client-disabled" => json!({"enabled": false}),
        "client-method-differs" => json!({"clientAuthenticatorType": "client-x509"}),
        "client-secret-unusable" => attribute("client.secret.expiration.time", "1"),
        "client-secret-place" => {
            let name = "client.secret.authentication.allowed.method";
            attribute(name, "client_secret_basic")
        }
        "assertion-malformed" | "assertion-signature" | "assertion-claims" | "assertion-reused" => {
            json!({"clientAuthenticatorType": "client-secret-jwt"})
        }
        "signals-receiver" | "signals-stream" => attribute("ssf.enabled", "true"),
        "global-revocation-subject" => attribute("global.token.revocation.allowed", "true"),
        "revocation-feed-gone" => attribute("revocation.feed.enabled", "true"),
        "request-not-pushed" => attribute("require.pushed.authorization.requests", "true"),
        "client-protocol" => json!({"protocol": "saml"}),
        "client-bearer-only" => json!({"bearerOnly": true}),
        "direct-access-grants-off" => json!({"directAccessGrantsEnabled": false}),
        "consent-required" => json!({"consentRequired": true}),
        "service-accounts-off" => json!({"serviceAccountsEnabled": false}),
        page if page.starts_with("token-exchange-") => {
            attribute("standard.token.exchange.enabled", "true")
        }
        "device-code" => attribute("oauth2.device.authorization.grant.enabled", "true"),
        "lightweight-token" => attribute("client.use.lightweight.access.token.enabled", "true"),
        _ => json!({}),
    }
}

/// What alice is like for a page, other than usual.
fn of_user(page: &str) -> Value {
    match page {
        "user-disabled" => json!({"enabled": false}),
        "account-not-set-up" => json!({"requiredActions": ["VERIFY_EMAIL"]}),
        "admin-of-another-realm" => {
            json!({"clientRoles": {"realm-management": ["realm-admin"]}})
        }
        _ => json!({}),
    }
}

impl World {
    pub fn new(server: Server) -> Self {
        Self {
            server,
            rsa: PrivateKey::generate_rsa(2048).unwrap(),
            stranger: PrivateKey::generate_rsa(2048).unwrap(),
            values: HashMap::new(),
            count: 0,
        }
    }

    /// The realm with these differences: in itself, in `myclient`, in alice.
    fn file(&self, realm: Value, client: Value, user: Value) -> Value {
        let key = base64(&self.rsa.to_pkcs8().unwrap());
        let mut myclient = json!({
            "clientId": "myclient", "secret": SECRET, "directAccessGrantsEnabled": true,
            "serviceAccountsEnabled": true, "redirectUris": ["https://app.example/*"],
            "attributes": {"post.logout.redirect.uris": "https://app.example/bye"},
            "protocolMappers": [{
                "name": "for itself", "protocol": "openid-connect",
                "protocolMapper": "oidc-audience-mapper",
                "config": {"included.client.audience": "myclient", "access.token.claim": "true"},
            }],
        });
        overlay(&mut myclient, client);
        let mut alice = json!({
            "username": "alice", "enabled": true, "email": "alice@shop.example",
            "firstName": "Alice", "lastName": "Liddell",
            "credentials": [{"type": "password", "value": PASSWORD}],
        });
        overlay(&mut alice, user);
        let mut file = json!({
            "realm": "myrealm", "enabled": true, "passwordPolicy": "hashIterations(1)",
            "clients": [
                myclient,
                {
                    "clientId": "mypublicclient", "publicClient": true,
                    "directAccessGrantsEnabled": true, "webOrigins": ["https://app.example"],
                    "attributes": {"standard.token.exchange.enabled": "true"},
                },
                {
                    "clientId": "otherclient", "secret": OTHER_SECRET,
                    "attributes": {"standard.token.exchange.enabled": "true"},
                },
            ],
            "users": [alice],
            "components": {"org.keycloak.keys.KeyProvider": [
                {
                    "name": "rsa", "providerId": "rsa",
                    "config": {"priority": ["100"], "privateKey": [key], "kid": ["rsa"]},
                },
                {
                    "name": "hmac", "providerId": "hmac-generated",
                    "config": {
                        "priority": ["100"], "kid": ["hmac"], "secret": [base64url(&HMAC)],
                        "algorithm": ["HS512"],
                    },
                },
            ]},
        });
        overlay(&mut file, realm);
        file
    }

    /// Makes the realm as the page needs it; what was made for the page before is gone.
    pub fn open(&mut self, page: &str) {
        self.values.clear();
        let file = self.file(of_realm(page), of_client(page), of_user(page));
        self.admin("DELETE", "/admin/realms/myrealm", None);
        let made = self.admin("POST", "/admin/realms", Some(&file));
        assert_eq!(made.status, 201, "{page}: {made:?}");
        if page == "account-locked" {
            for _ in 0..3 {
                self.token(&[
                    ("grant_type", "password"),
                    ("username", "alice"),
                    ("password", "x"),
                ]);
            }
        }
        if page == "service-account-unusable" {
            let id = self.value(page, "SERVICE_ACCOUNT_UUID");
            let path = format!("/admin/realms/myrealm/users/{id}");
            let done = self.admin("PUT", &path, Some(&json!({"enabled": false})));
            assert_eq!(done.status, 204, "{done:?}");
        }
    }

    /// A request of the administrator, signed in anew if need be.
    pub fn admin(&mut self, method: &str, path: &str, body: Option<&Value>) -> http::Answer {
        let token = self.value("", "ADMIN_TOKEN");
        let more = format!("Authorization: Bearer {token}\r\nContent-Type: application/json\r\n");
        let body = body.map(Value::to_string).unwrap_or_default();
        http::request(&self.server.address, method, path, &more, &body)
    }

    /// A request of `myclient` to the token endpoint.
    pub fn token(&self, form: &[(&str, &str)]) -> http::Answer {
        self.post("token", form)
    }

    /// A request of `myclient`.
    pub fn post(&self, endpoint: &str, form: &[(&str, &str)]) -> http::Answer {
        let mut all = vec![("client_id", "myclient"), ("client_secret", SECRET)];
        all.extend(form);
        let path = format!("/realms/myrealm/protocol/openid-connect/{endpoint}");
        self.server.post(&path, &all)
    }

    /// Alice's tokens of a new session.
    fn sign_in(&self, scope: &str) -> Value {
        let form = [
            ("grant_type", "password"),
            ("username", "alice"),
            ("password", PASSWORD),
            ("scope", scope),
        ];
        let answer = self.token(&form);
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()
    }

    /// The tokens of a session that has ended.
    fn signed_out(&self) -> Value {
        let tokens = self.sign_in("openid");
        let form = [("refresh_token", text(&tokens, "refresh_token"))];
        let answer = self.post("logout", &form);
        assert_eq!(answer.status, 204, "{answer:?}");
        tokens
    }

    /// A token with other claims, signed by the realm's own key.
    fn signed_anew(&self, token: &str, change: Value) -> String {
        let mut claims = Value::Object(claims_of(token));
        overlay(&mut claims, change);
        let key = if claims["typ"] == "Refresh" {
            SigningKey::hmac("hmac", Algorithm::Hs512, &HMAC).unwrap()
        } else {
            SigningKey::new("rsa", Algorithm::Rs256, self.rsa.clone()).unwrap()
        };
        sign(&key, Some("JWT"), claims.to_string().as_bytes()).unwrap()
    }

    /// A token that claims what another does, signed by somebody else.
    fn forged(&self, token: &str) -> String {
        let key = SigningKey::new("rsa", Algorithm::Rs256, self.stranger.clone()).unwrap();
        let claims = Value::Object(claims_of(token)).to_string();
        sign(&key, Some("JWT"), claims.as_bytes()).unwrap()
    }

    fn assertion(&mut self, secret: &str, lifespan: i64) -> String {
        self.count += 1;
        let now = jiff::Timestamp::now().as_second();
        let claims = json!({
            "iss": "myclient", "sub": "myclient", "jti": format!("assertion-{}", self.count),
            "aud": format!("http://{}/realms/myrealm", self.server.address),
            "iat": now + lifespan.min(0), "exp": now + lifespan,
        });
        let key = SigningKey::hmac("", Algorithm::Hs256, secret.as_bytes()).unwrap();
        sign(&key, Some("JWT"), claims.to_string().as_bytes()).unwrap()
    }

    fn id(&mut self, path: &str, name: &str, wanted: &str) -> String {
        let answer = self.admin("GET", &format!("/admin/realms/myrealm/{path}"), None);
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        let found = answer.json();
        let all = found.as_array().cloned().unwrap_or_else(|| vec![found]);
        let one = all.iter().find(|one| one[name] == wanted);
        text(one.unwrap_or_else(|| panic!("no {wanted}: {all:?}")), "id").to_owned()
    }

    /// What a variable of a page stands for; within a page always the same, but for assertions,
    /// which are good once.
    pub fn value(&mut self, page: &str, name: &str) -> String {
        if let Some(known) = self.values.get(name) {
            return known.clone();
        }
        let value = self.made(page, name);
        if !name.ends_with("ASSERTION") {
            self.values.insert(name.to_owned(), value.clone());
        }
        value
    }

    fn made(&mut self, page: &str, name: &str) -> String {
        let access = |tokens: &Value| text(tokens, "access_token").to_owned();
        match name {
            "CLIENT_SECRET" => SECRET.to_owned(),
            "OTHER_CLIENT_SECRET" => OTHER_SECRET.to_owned(),
            "PASSWORD" => PASSWORD.to_owned(),
            "ADMIN_PASSWORD" => "admin".to_owned(),
            "ADMIN_TOKEN" | "TOKEN_OF_ANOTHER_REALM" => {
                access(&self.server.login("admin", "admin").json())
            }
            "OLD_ADMIN_TOKEN" => {
                let tokens = self.server.login("admin", "admin").json();
                let refresh = text(&tokens, "refresh_token");
                let form = [("client_id", "admin-cli"), ("refresh_token", refresh)];
                let path = "/realms/master/protocol/openid-connect/logout";
                assert_eq!(self.server.post(path, &form).status, 204);
                access(&tokens)
            }
            "INITIAL_ACCESS_TOKEN" => {
                let path = "/admin/realms/myrealm/clients-initial-access";
                let made = self.admin("POST", path, Some(&json!({"count": 5})));
                text(&made.json(), "token").to_owned()
            }
            "REALM_ADMIN_TOKEN" => self.value(page, "ACCESS_TOKEN"),
            "ACCESS_TOKEN" | "REFRESH_TOKEN" | "ID_TOKEN" => {
                let tokens = self.sign_in("openid");
                for member in ["access_token", "refresh_token", "id_token"] {
                    let value = text(&tokens, member).to_owned();
                    self.values.insert(member.to_uppercase(), value);
                }
                self.value(page, name)
            }
            "RECEIVER_TOKEN" => {
                let form = [
                    ("grant_type", "client_credentials"),
                    ("scope", "ssf.read ssf.manage"),
                ];
                access(&self.token(&form).json())
            }
            "TOKEN_WITHOUT_OPENID" => access(&self.sign_in("email")),
            "OLD_ACCESS_TOKEN" => access(&self.signed_out()),
            "OLD_REFRESH_TOKEN" => text(&self.signed_out(), "refresh_token").to_owned(),
            "REVOKED_ACCESS_TOKEN" => {
                let token = access(&self.sign_in("openid"));
                assert_eq!(self.post("revoke", &[("token", &token)]).status, 200);
                token
            }
            "USED_REFRESH_TOKEN" => {
                let token = text(&self.sign_in("openid"), "refresh_token").to_owned();
                let form = [
                    ("grant_type", "refresh_token"),
                    ("refresh_token", token.as_str()),
                ];
                assert_eq!(self.token(&form).status, 200);
                token
            }
            "CLIENT_ASSERTION" => self.assertion(SECRET, 50),
            "WRONGLY_SIGNED_ASSERTION" => self.assertion("another-secret-of-at-least-32-bytes", 50),
            "EXPIRED_ASSERTION" => self.assertion(SECRET, -50),
            "USED_ASSERTION" => self.used_assertion(),
            other if other.ends_with("_UUID") => self.id_of(page, other),
            other => self.changed(page, other),
        }
    }

    /// A token that the realm never issued, or not like this.
    fn changed(&mut self, page: &str, name: &str) -> String {
        let genuine = if name.ends_with("REFRESH_TOKEN") {
            "REFRESH_TOKEN"
        } else {
            "ACCESS_TOKEN"
        };
        let token = self.value(page, genuine);
        match name {
            "EXPIRED_ACCESS_TOKEN" | "EXPIRED_REFRESH_TOKEN" => {
                self.signed_anew(&token, json!({"exp": CUT}))
            }
            "STALE_REFRESH_TOKEN" => self.signed_anew(&token, json!({"iat": CUT - 1})),
            "DPOP_BOUND_TOKEN" => self.signed_anew(&token, json!({"cnf": {"jkt": "thumbprint"}})),
            "FORGED_ACCESS_TOKEN" | "FORGED_REFRESH_TOKEN" => self.forged(&token),
            other => panic!("{page}: nobody knows what ${other} stands for"),
        }
    }

    fn id_of(&mut self, page: &str, name: &str) -> String {
        let mut client = |id: &str| self.id(&format!("clients?clientId={id}"), "clientId", id);
        match name {
            "USER_UUID" => self.id("users?username=alice", "username", "alice"),
            "CLIENT_UUID" => client("myclient"),
            "PUBLIC_CLIENT_UUID" => client("mypublicclient"),
            "REALM_MANAGEMENT_UUID" => client("realm-management"),
            "SERVICE_ACCOUNT_UUID" => {
                let id = client("myclient");
                let path = format!("clients/{id}/service-account-user");
                self.id(&path, "username", "service-account-myclient")
            }
            "ROLE_UUID" if page == "admin-role-missing" => {
                let id = client("realm-management");
                self.id(&format!("clients/{id}/roles"), "name", "view-users")
            }
            "ROLE_UUID" => self.id("roles", "name", "offline_access"),
            other => panic!("{page}: nobody knows what ${other} stands for"),
        }
    }

    fn used_assertion(&mut self) -> String {
        let used = self.assertion(SECRET, 50);
        let kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
        let form = [
            ("grant_type", "client_credentials"),
            ("client_assertion_type", kind),
            ("client_assertion", used.as_str()),
        ];
        let path = "/realms/myrealm/protocol/openid-connect/token";
        let answer = self.server.post(path, &form);
        assert_eq!(answer.status, 200, "{answer:?}");
        used
    }
}

fn claims_of(token: &str) -> Map<String, Value> {
    let payload = decode_base64url(token.split('.').nth(1).unwrap()).unwrap();
    serde_json::from_slice(&payload).unwrap()
}

/// A text member.
fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name]
        .as_str()
        .unwrap_or_else(|| panic!("no {name}: {value}"))
}
