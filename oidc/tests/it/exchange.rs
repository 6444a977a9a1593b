//! Token exchange (RFC 8693): a client that was handed a token gets one of its own.

use claviger_crypto::encoding::decode_base64url;
use claviger_testkit::{Reply, Stage};
use serde_json::{Value, json};

use crate::world::{oidc, userinfo};

mod ended;

const GRANT: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const ACCESS: &str = "urn:ietf:params:oauth:token-type:access_token";
const ID: &str = "urn:ietf:params:oauth:token-type:id_token";
const REFRESH: &str = "urn:ietf:params:oauth:token-type:refresh_token";

fn to(name: &str) -> Value {
    json!({
        "name": format!("to {name}"), "protocol": "openid-connect",
        "protocolMapper": "oidc-audience-mapper",
        "config": {
            "included.client.audience": name, "access.token.claim": "true",
            "introspection.token.claim": "true",
        },
    })
}

/// `front` has users, and hands their tokens to `middle` and `keeper`, which call `stock` and
/// `bank`. `keeper` may keep refresh tokens; `stranger` is handed nothing.
fn shop() -> Value {
    let client = |name: &str, attributes: Value, mappers: &[Value]| {
        json!({
            "clientId": name, "secret": "secret", "directAccessGrantsEnabled": true,
            "serviceAccountsEnabled": true, "attributes": attributes, "protocolMappers": mappers,
        })
    };
    let enabled = json!({"standard.token.exchange.enabled": "true"});
    let refreshing = json!({
        "standard.token.exchange.enabled": "true",
        "standard.token.exchange.enableRefreshRequestedTokenType": "SAME_SESSION",
    });
    let handed = [to("middle"), to("keeper"), to("open"), to("asking")];
    let called = [to("stock"), to("bank")];
    let mut asking = client("asking", enabled.clone(), &called);
    asking["consentRequired"] = json!(true);
    json!({
        "realm": "shop", "enabled": true, "eventsEnabled": true,
        "roles": {"client": {"bank": [{"name": "clerk"}]}},
        "clients": [
            client("front", json!({}), &handed),
            client("middle", enabled.clone(), &called),
            client("keeper", refreshing, &called),
            client("stranger", enabled.clone(), &called),
            client("stock", json!({}), &[]),
            client("bank", json!({}), &[]),
            asking,
            {"clientId": "open", "publicClient": true, "attributes": enabled},
            {"clientId": "closed", "secret": "secret", "enabled": false},
        ],
        "users": [{
            "username": "alice", "enabled": true, "email": "alice@shop.example",
            "firstName": "Alice", "lastName": "Liddell", "realmRoles": ["offline_access"],
            "clientRoles": {"bank": ["clerk"]},
            "credentials": [{"type": "password", "value": "wonderland"}],
        }],
    })
}

struct Shop {
    stage: Stage,
}

impl Shop {
    async fn open() -> Self {
        let stage = Stage::open(claviger_oidc::router()).await;
        stage.import(shop()).await;
        Self { stage }
    }

    async fn post(&self, path: &str, client: &str, form: &[(&str, &str)]) -> Reply {
        let mut all = vec![("client_id", client)];
        if client != "open" {
            all.push(("client_secret", "secret"));
        }
        all.extend_from_slice(form);
        self.stage.post(&oidc(path), &all).await
    }

    async fn sign_in(&self, client: &str, scope: &str) -> Reply {
        let form = [
            ("grant_type", "password"),
            ("username", "alice"),
            ("password", "wonderland"),
            ("scope", scope),
        ];
        self.post("token", client, &form).await.is(200)
    }

    /// Alice's access token at `front`.
    async fn handed(&self) -> String {
        self.sign_in("front", "openid").await.member("access_token")
    }

    async fn exchange(&self, client: &str, token: &str, more: &[(&str, &str)]) -> Reply {
        let mut form = vec![
            ("grant_type", GRANT),
            ("subject_token", token),
            ("subject_token_type", ACCESS),
        ];
        form.extend_from_slice(more);
        self.post("token", client, &form).await
    }

    async fn refreshed(&self, client: &str, token: &str) -> Reply {
        let form = [("grant_type", "refresh_token"), ("refresh_token", token)];
        self.post("token", client, &form).await
    }

    async fn told(&self, client: &str, token: &str) -> Value {
        let form = [("token", token)];
        let reply = self.post("token/introspect", client, &form).await;
        reply.is(200).json()
    }
}

fn claims(token: &str) -> Value {
    let payload = decode_base64url(token.split('.').nth(1).unwrap()).unwrap();
    serde_json::from_slice(&payload).unwrap()
}

fn of(reply: &Reply, member: &str) -> Value {
    claims(&reply.member(member))
}

#[tokio::test]
async fn a_token_is_exchanged_for_one_of_the_same_session_for_the_exchanging_client() {
    let shop = Shop::open().await;
    let token = shop.handed().await;
    let reply = shop.exchange("middle", &token, &[]).await.is(200);
    let (old, new) = (claims(&token), of(&reply, "access_token"));
    for name in ["sub", "sid", "iss"] {
        assert_eq!(old[name], new[name], "{name}");
    }
    assert_eq!(new["azp"], "middle");
    assert_eq!(new["aud"], json!(["stock", "bank"]));
    assert!(new["jti"].as_str().unwrap().starts_with("ntrtte:"), "{new}");
    let answer = reply.json();
    assert_eq!(answer["issued_token_type"], ACCESS);
    assert_eq!(answer["token_type"], "Bearer");
    assert_eq!(answer.get("refresh_token"), None);
    assert_eq!(answer.get("id_token"), None, "openid was not asked for");

    let asked = [("scope", "openid")];
    let reply = shop.exchange("middle", &token, &asked).await.is(200);
    userinfo(&shop.stage, &reply.member("access_token"))
        .await
        .is(200);
    assert_eq!(of(&reply, "id_token")["aud"], "middle");
    let form = [("token", &*reply.member("access_token"))];
    shop.post("revoke", "middle", &form).await.is(200);
    userinfo(&shop.stage, form[0].1).await.is(401);
}

#[tokio::test]
async fn an_id_token_goes_where_an_access_token_would() {
    let shop = Shop::open().await;
    let token = shop.handed().await;
    let asked = [("requested_token_type", ID)];
    let reply = shop.exchange("middle", &token, &asked).await.is(200);
    let id = of(&reply, "access_token");
    assert_eq!((&id["typ"], &id["aud"]), (&json!("ID"), &json!("middle")));
    assert_eq!(
        id.get("at_hash"),
        None,
        "there is no access token beside it"
    );
    let answer = reply.json();
    assert_eq!(
        (&answer["token_type"], &answer["issued_token_type"]),
        (&json!("N_A"), &json!(ID))
    );
    shop.exchange("middle", &reply.member("access_token"), &[])
        .await
        .is(400)
        .says("invalid_request", "Invalid token");
}

#[tokio::test]
async fn cve_2022_1245_an_audience_narrows_and_never_widens() {
    let shop = Shop::open().await;
    let token = shop.handed().await;
    let narrow = [("audience", "stock"), ("scope", "openid")];
    let reply = shop.exchange("middle", &token, &narrow).await.is(200);
    let access = reply.member("access_token");
    assert_eq!(claims(&access)["aud"], "stock");
    assert_eq!(
        claims(&access)["resource_access"],
        json!({}),
        "no roles of others"
    );
    let both = [
        ("audience", "stock"),
        ("audience", "bank"),
        ("audience", "stock"),
    ];
    let reply = shop.exchange("middle", &token, &both).await.is(200);
    let access_to_both = of(&reply, "access_token");
    assert_eq!(access_to_both["aud"], json!(["stock", "bank"]));
    assert_eq!(
        access_to_both["resource_access"],
        json!({"bank": {"roles": ["clerk"]}})
    );

    assert_eq!(shop.told("bank", &access).await["active"], false);
    let told = shop.told("stock", &access).await;
    assert_eq!(told["aud"], "stock", "asking does not widen it: {told}");

    let refused = [
        (
            "stranger",
            "invalid_request",
            "Requested audience not available: stranger",
        ),
        ("nobody", "invalid_client", "Audience not found"),
        ("", "invalid_client", "Audience not found"),
        ("closed", "invalid_client", "Client disabled"),
    ];
    for (audience, error, text) in refused {
        let asked = [("audience", "stock"), ("audience", audience)];
        let reply = shop.exchange("middle", &token, &asked).await.is(400);
        reply.says(error, text);
    }
    let names: Vec<String> = (0..101).map(|number| format!("client-{number}")).collect();
    let many: Vec<(&str, &str)> = names.iter().map(|name| ("audience", &**name)).collect();
    shop.exchange("middle", &token, &many)
        .await
        .is(400)
        .says("invalid_request", "Too many audiences");
}

#[tokio::test]
async fn whoever_is_not_meant_by_a_token_cannot_exchange_it() {
    let shop = Shop::open().await;
    let token = shop.handed().await;
    shop.exchange("stranger", &token, &[])
        .await
        .is(403)
        .says("access_denied", "Client is not within the token audience");
    shop.exchange("open", &token, &[]).await.is(400).says(
        "invalid_client",
        "Public client is not allowed to exchange token",
    );
    let text = "Standard token exchange is not enabled for the requested client";
    shop.exchange("stock", &token, &[])
        .await
        .is(400)
        .says("invalid_request", text);
    let own = shop
        .sign_in("stranger", "openid")
        .await
        .member("access_token");
    shop.exchange("stranger", &own, &[]).await.is(200);
    let form = [
        ("grant_type", GRANT),
        ("client_id", "middle"),
        ("client_secret", "wrong"),
        ("subject_token", &token),
        ("subject_token_type", ACCESS),
    ];
    shop.stage.post(&oidc("token"), &form).await.is(401);
}

#[tokio::test]
async fn cve_2026_9704_a_subject_token_that_is_missing_or_empty_leads_nowhere() {
    let shop = Shop::open().await;
    let token = shop.handed().await;
    let tokens = shop.sign_in("front", "openid").await;
    let (refresh, id) = (tokens.member("refresh_token"), tokens.member("id_token"));
    let long = format!("{token}{}", "x".repeat(20_000));
    let invalid = "Invalid token";
    let needed = "Parameter 'subject_token' required for standard token exchange";
    let cases = [
        (None, needed),
        (Some(""), invalid),
        (Some("garbage"), invalid),
        (Some(&*refresh), invalid),
        (Some(&*id), invalid),
        (Some(&*long), needed),
    ];
    for (subject, text) in cases {
        let mut form = vec![("grant_type", GRANT), ("subject_token_type", ACCESS)];
        form.extend(subject.map(|subject| ("subject_token", subject)));
        let reply = shop.post("token", "middle", &form).await.is(400);
        reply.says("invalid_request", text);
    }
    let form = [("grant_type", GRANT), ("subject_token", &*token)];
    let text = "Parameter 'subject_token_type' required for standard token exchange";
    shop.post("token", "middle", &form)
        .await
        .is(400)
        .says("invalid_request", text);
    let kinds = [
        (REFRESH, &*refresh),
        (ID, &*id),
        ("urn:ietf:params:oauth:token-type:jwt", &*token),
    ];
    for (kind, subject) in kinds {
        let form = [
            ("grant_type", GRANT),
            ("subject_token", subject),
            ("subject_token_type", kind),
        ];
        let text = "Parameter 'subject_token' supports access tokens only";
        shop.post("token", "middle", &form)
            .await
            .is(400)
            .says("invalid_request", text);
    }
}

#[tokio::test]
async fn what_is_no_part_of_the_standard_is_refused() {
    let shop = Shop::open().await;
    let token = shop.handed().await;
    for name in ["requested_subject", "requested_issuer", "subject_issuer"] {
        let text = format!("Parameter '{name}' is not supported for standard token exchange");
        let reply = shop
            .exchange("middle", &token, &[(name, "bob")])
            .await
            .is(400);
        reply.says("invalid_request", &text);
    }
    let text = "requested_token_type unsupported";
    let saml = "urn:ietf:params:oauth:token-type:saml2";
    for kind in [saml, REFRESH, "token", ""] {
        let asked = [("requested_token_type", kind)];
        let reply = shop.exchange("middle", &token, &asked).await.is(400);
        reply.says("invalid_request", text);
    }
    let twice = [("scope", "openid"), ("scope", "email")];
    let reply = shop.exchange("middle", &token, &twice).await.is(400);
    reply.says("invalid_request", "duplicated parameter");
    let reply = shop
        .exchange("middle", &token, &[("scope", "nonsense")])
        .await
        .is(400);
    reply.says("invalid_scope", "Invalid scopes: nonsense");
}

#[tokio::test]
async fn a_refresh_token_keeps_the_client_in_the_session_and_the_audience_narrow() {
    let shop = Shop::open().await;
    let token = shop.handed().await;
    let asked = [("requested_token_type", REFRESH), ("audience", "stock")];
    let reply = shop.exchange("keeper", &token, &asked).await.is(200);
    let access = of(&reply, "access_token");
    assert!(
        access["jti"].as_str().unwrap().starts_with("onrtte:"),
        "{access}"
    );
    assert_eq!(access["aud"], "stock");
    assert_eq!(reply.json()["issued_token_type"], REFRESH);
    let again = shop
        .refreshed("keeper", &reply.member("refresh_token"))
        .await
        .is(200);
    assert_eq!(
        of(&again, "access_token")["aud"],
        "stock",
        "a refresh does not widen"
    );
    let third = shop
        .refreshed("keeper", &again.member("refresh_token"))
        .await
        .is(200);
    assert_eq!(of(&third, "access_token")["aud"], "stock");

    // From now on the client is in the session, and what it exchanges hangs on its part.
    let reply = shop.exchange("keeper", &token, &[]).await.is(200);
    let access = of(&reply, "access_token");
    assert!(
        access["jti"].as_str().unwrap().starts_with("onrtte:"),
        "{access}"
    );
}

#[tokio::test]
async fn offline_access_cannot_be_had_by_an_exchange() {
    let shop = Shop::open().await;
    let token = shop.handed().await;
    let refreshing = ("requested_token_type", REFRESH);
    let asked = [refreshing, ("scope", "offline_access")];
    let text = "Scope offline_access not allowed for token exchange";
    let reply = shop.exchange("keeper", &token, &asked).await.is(400);
    reply.says("invalid_request", text);
    let session = "Refresh token not valid as requested_token_type because creating a new session is \
                   needed";
    let offline = shop
        .sign_in("front", "openid offline_access")
        .await
        .member("access_token");
    let reply = shop
        .exchange("keeper", &offline, &[refreshing])
        .await
        .is(400);
    reply.says("invalid_request", session);
    let reply = shop.exchange("middle", &offline, &[]).await.is(200);
    let alone = of(&reply, "access_token");
    assert!(
        alone["jti"].as_str().unwrap().starts_with("ftrtte:"),
        "{alone}"
    );
    assert_eq!(
        shop.told("stock", &reply.member("access_token")).await["active"],
        true
    );
    let alone = shop
        .exchange("middle", &token, &[])
        .await
        .is(200)
        .member("access_token");
    let reply = shop.exchange("middle", &alone, &[refreshing]).await.is(400);
    reply.says("invalid_request", "requested_token_type unsupported");

    // A client in the session whose exchanged token has the scope still has an online token.
    shop.exchange("keeper", &token, &[refreshing]).await.is(200);
    let asked = [("scope", "openid offline_access")];
    let reply = shop.exchange("keeper", &token, &asked).await.is(200);
    userinfo(&shop.stage, &reply.member("access_token"))
        .await
        .is(200);
}

#[tokio::test]
async fn a_service_accounts_token_is_exchanged_for_one_without_a_session() {
    let shop = Shop::open().await;
    let form = [("grant_type", "client_credentials")];
    let token = shop
        .post("token", "front", &form)
        .await
        .is(200)
        .member("access_token");
    let asked = [("scope", "openid")];
    let reply = shop.exchange("middle", &token, &asked).await.is(200);
    let access = of(&reply, "access_token");
    assert!(
        access["jti"].as_str().unwrap().starts_with("trrtte:"),
        "{access}"
    );
    assert_eq!(access.get("sid"), None);
    assert_eq!(access["sub"], claims(&token)["sub"]);
    userinfo(&shop.stage, &reply.member("access_token"))
        .await
        .is(200);
    let asked = [("requested_token_type", REFRESH)];
    shop.exchange("keeper", &token, &asked).await.is(400);
}

#[tokio::test]
async fn without_the_users_consent_nothing_is_exchanged() {
    let shop = Shop::open().await;
    let token = shop.handed().await;
    let text = "Missing consents for Token Exchange in client asking";
    let reply = shop.exchange("asking", &token, &[]).await.is(400);
    reply.says("invalid_scope", text);
}
