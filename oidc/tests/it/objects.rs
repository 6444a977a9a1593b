//! Request objects and pushed requests at the authorization endpoint (RFC 9101, RFC 9126).

use axum::http::Method;
use claviger_crypto::content_encryption::ContentEncryption;
use claviger_crypto::jwe::{self, EncryptionKey, KeyManagement, Recipient};
use claviger_crypto::jws::sign;
use claviger_crypto::{Algorithm, Curve, PrivateKey, SigningKey, jwk};
use claviger_model::Seconds;
use claviger_testkit::Stage;
use serde_json::{Value, json};

use crate::browser::{Browser, address, answer, parameter};
use crate::world::{oidc, realm};

const URI: &str = "https://objects.example/request.jwt";

struct Keys {
    own: SigningKey,
    foreign: SigningKey,
}

fn key() -> (SigningKey, Value) {
    let private = PrivateKey::generate_ec(Curve::P256).unwrap();
    let public = private.public_key().unwrap();
    let naming = jwk::Naming {
        kid: Some("k"),
        algorithm: Some("ES256"),
        key_use: Some(claviger_crypto::KeyUse::Sig),
    };
    let jwk = Value::Object(jwk::public_jwk(&public, &naming, None));
    let signing = SigningKey::new("k", Algorithm::Es256, private).unwrap();
    (signing, jwk)
}

async fn shop() -> (Stage, Keys) {
    let stage = Stage::open(claviger_oidc::router()).await;
    let (own, jwk) = key();
    let (foreign, _) = key();
    let mut realm = realm();
    let set = json!({ "keys": [jwk] }).to_string();
    let with = |id: &str, more: Value| {
        let mut attributes = json!({"use.jwks.string": "true", "jwks.string": set});
        let all = attributes.as_object_mut().unwrap();
        all.extend(more.as_object().unwrap().clone());
        json!({"clientId": id, "secret": "object-secret-of-32-bytes-or-more",
            "redirectUris": ["http://app.example/cb"], "attributes": attributes})
    };
    let clients = realm["clients"].as_array_mut().unwrap();
    clients.push(with(
        "signing",
        json!({"request.object.signature.alg": "ES256",
        "request.uris": URI}),
    ));
    clients.push(with("any", json!({"request.uris": URI})));
    clients.push(with(
        "only",
        json!({"request.object.required": "request only"}),
    ));
    stage.import(realm).await;
    (stage, Keys { own, foreign })
}

fn object(key: &SigningKey, claims: &Value) -> String {
    sign(key, None, claims.to_string().as_bytes()).unwrap()
}

fn unsigned(claims: &Value) -> String {
    let part = |value: &Value| claviger_crypto::encoding::base64url(value.to_string().as_bytes());
    format!("{}.{}.", part(&json!({"alg": "none"})), part(claims))
}

fn inner(client: &str) -> Value {
    json!({"client_id": client, "response_type": "code", "redirect_uri": "http://app.example/cb",
        "scope": "openid", "prompt": "none", "state": "inner"})
}

/// `oidcc-request-uri-*`, `oidcc-unsigned-request-object-supported-correctly-or-rejected`: what is in the
/// object wins, whoever put something else beside it.
#[tokio::test]
async fn parameters_in_a_good_object_win() {
    let (stage, keys) = shop().await;
    stage
        .network
        .answer(URI, object(&keys.own, &inner("signing")));
    let cases = [
        ("signing", "request", object(&keys.own, &inner("signing"))),
        ("signing", "request_uri", URI.to_owned()),
        ("any", "request", unsigned(&inner("any"))),
        ("any", "request", object(&keys.own, &inner("any"))),
    ];
    for (client, name, value) in cases {
        let more = [
            ("client_id", client),
            ("state", "outer"),
            (name, value.as_str()),
        ];
        let reply = Browser::default().ask(&stage, &more).await;
        assert_eq!(
            parameter(&reply, "error"),
            "login_required",
            "{client} {name}"
        );
        assert_eq!(parameter(&reply, "state"), "inner", "{client} {name}");
    }
}

#[tokio::test]
async fn an_object_that_the_client_did_not_make_is_refused() {
    let (stage, keys) = shop().await;
    let with = |more: Value| {
        let mut claims = inner("signing");
        let all = claims.as_object_mut().unwrap();
        all.extend(more.as_object().unwrap().clone());
        object(&keys.own, &claims)
    };
    let now = stage.app.now().seconds().0;
    let hmac = SigningKey::hmac("", Algorithm::Hs256, b"object-secret-of-32-bytes-or-more");
    let cases = [
        ("signing", object(&keys.foreign, &inner("signing"))),
        ("signing", unsigned(&inner("signing"))),
        ("signing", object(&hmac.unwrap(), &inner("signing"))),
        ("any", object(&keys.foreign, &inner("any"))),
        ("signing", object(&keys.own, &inner("app"))),
        ("signing", with(json!({"request_uri": URI}))),
        ("signing", with(json!({"request": "x"}))),
        ("signing", with(json!({"exp": now - 1}))),
        ("signing", with(json!({"nbf": now + 3_600}))),
        ("signing", with(json!({"exp": "soon"}))),
        ("signing", "garbage".to_owned()),
        ("signing", "a.b.c".to_owned()),
        ("signing", String::from("e30.e30.")),
    ];
    for (client, text) in cases {
        let more = [("client_id", client), ("request", text.as_str())];
        let reply = Browser::default().ask(&stage, &more).await.is(400);
        assert_eq!(reply.header("location"), "", "{text}");
    }
    Browser::default()
        .ask(&stage, &[("client_id", "only")])
        .await
        .is(400);
    let shared = SigningKey::hmac("", Algorithm::Hs256, b"object-secret-of-32-bytes-or-more");
    let text = object(&shared.unwrap(), &inner("any"));
    let more = [("client_id", "any"), ("request", text.as_str())];
    let reply = Browser::default().ask(&stage, &more).await;
    assert_eq!(
        parameter(&reply, "error"),
        "login_required",
        "signed with the client's secret"
    );
    let other = with(json!({"response_type": "token"}));
    let more = [("client_id", "signing"), ("request", other.as_str())];
    let reply = Browser::default().ask(&stage, &more).await;
    assert_eq!(answer(&reply).0, "http://app.example/cb");
    assert!(!parameter(&reply, "error").is_empty());
}

#[tokio::test]
async fn cve_2020_10770_only_registered_addresses_are_fetched() {
    let (stage, _) = shop().await;
    for uri in [
        "http://127.0.0.1:9000/health",
        "http://169.254.169.254/latest",
        "https://objects.example/other",
        "https://objects.example/request.jwt/../x",
        "https://objects.example@evil.example/request.jwt",
        "file:///etc/passwd",
    ] {
        for client in ["signing", "app", "nobody"] {
            let more = [("client_id", client), ("request_uri", uri)];
            Browser::default().ask(&stage, &more).await.is(400);
        }
    }
    assert!(stage.network.asked().is_empty());
    // Nobody answers there: that is told, and nobody is sent anywhere.
    let more = [("client_id", "signing"), ("request_uri", URI)];
    Browser::default().ask(&stage, &more).await.is(400);
    assert_eq!(stage.network.asked(), [URI]);
}

async fn push(stage: &Stage, client: (&str, &str), form: &[(&str, &str)]) -> String {
    let call = stage
        .call(Method::POST, &oidc("ext/par/request"))
        .form(form);
    let reply = call.basic(client.0, client.1).send().await.is(201);
    reply.member("request_uri")
}

const SECRET: &str = "object-secret-of-32-bytes-or-more";
const PUSHED: [(&str, &str); 4] = [
    ("response_type", "code"),
    ("redirect_uri", "http://app.example/cb"),
    ("scope", "openid"),
    ("state", "pushed"),
];

#[tokio::test]
async fn a_pushed_request_is_for_one_login_of_its_client() {
    let (stage, _) = shop().await;
    let uri = push(&stage, ("any", SECRET), &PUSHED).await;
    let of = |client: &str| {
        let path = oidc("auth");
        let uri = uri.replace(':', "%3A");
        format!("{path}?client_id={client}&request_uri={uri}")
    };
    // Another client, though it knows the address.
    Browser::default()
        .open(&stage, &of("signing"))
        .await
        .is(400);
    // The page of the login is at an address that can be loaded anew, and the request still there.
    for _ in 0..2 {
        let reply = Browser::default().open(&stage, &of("any")).await;
        let (to, _) = answer(&reply);
        assert!(to.ends_with("/login-actions/authenticate"), "{to}");
    }
    stage.wait(Seconds(60));
    Browser::default().open(&stage, &of("any")).await.is(400);
}

#[tokio::test]
async fn cve_2024_4540_cookies_of_a_pushed_request_hold_no_secret() {
    let (stage, _) = shop().await;
    let mut form = PUSHED.to_vec();
    form.push(("client_id", "any"));
    form.push(("client_secret", SECRET));
    let call = stage
        .call(Method::POST, &oidc("ext/par/request"))
        .form(&form);
    let uri = call.send().await.is(201).member("request_uri");
    let path = format!("{}?client_id=any&request_uri={uri}", oidc("auth"));
    let reply = Browser::default().open(&stage, &path).await.is(302);
    for line in reply.headers.get_all("set-cookie") {
        let line = line.to_str().unwrap();
        let value = line.split(';').next().unwrap().split_once('=').unwrap().1;
        let mut texts = vec![value.to_owned()];
        for part in value.split('.') {
            let bytes = claviger_crypto::encoding::decode_base64url(part).unwrap_or_default();
            texts.push(String::from_utf8_lossy(&bytes).into_owned());
        }
        for text in texts {
            assert!(!text.contains(SECRET) && !text.contains("pushed"), "{line}");
        }
    }
    assert!(!reply.header("location").contains(SECRET));
}

/// CVE-2026-7571: whatever the browser's address says, a flow that is off hands out nothing.
#[tokio::test]
async fn cve_2026_7571_a_flow_that_is_off_stays_off() {
    let (stage, _) = shop().await;
    let mut browser = Browser::signed_in(&stage, "alice").await;
    for kind in ["token", "id_token", "code token"] {
        let more = [("response_type", kind), ("nonce", "n")];
        let reply = browser.ask(&stage, &more).await;
        assert_eq!(parameter(&reply, "error"), "unauthorized_client", "{kind}");
        assert!(!reply.header("location").contains("_token="), "{kind}");
    }
    let path = format!("{}&client_data=eyJydCI6InRva2VuIn0", address(&[]));
    let reply = browser.open(&stage, &path).await;
    assert!(!reply.header("location").contains("_token="));
}

/// RFC 9101 §6.1: what is encrypted to the realm, by the algorithm that its key is for.
#[tokio::test]
async fn encrypted_objects_are_read_and_need_their_signature_all_the_same() {
    let (stage, keys) = shop().await;
    let set = stage.get(&oidc("certs")).await.is(200).json();
    let find = |key: &&Value| key["use"] == "enc" && key["alg"] == "RSA-OAEP";
    let jwk = set["keys"].as_array().unwrap().iter().find(find).unwrap();
    let key = jwk::Jwk::from_json(jwk.as_object().unwrap()).unwrap();
    let seal = |management, content: &str| {
        let recipient = Recipient {
            kid: key.kid.as_deref(),
            management,
            encryption: ContentEncryption::A256Gcm,
            key: EncryptionKey::Public(&key.key),
        };
        jwe::encrypt(
            &recipient,
            Some("JWT"),
            content.as_bytes(),
            &stage.app.random,
        )
        .unwrap()
    };
    let signed = object(&keys.own, &inner("signing"));
    let foreign = object(&keys.foreign, &inner("signing"));
    let bare = inner("signing").to_string();
    let cases = [
        ("signing", seal(KeyManagement::RsaOaep, &signed), true),
        ("signing", seal(KeyManagement::RsaOaep, &foreign), false),
        ("signing", seal(KeyManagement::RsaOaep, &bare), false),
        ("signing", seal(KeyManagement::RsaOaep256, &signed), false),
        ("signing", seal(KeyManagement::Rsa15, &signed), false),
        (
            "any",
            seal(KeyManagement::RsaOaep, &inner("any").to_string()),
            true,
        ),
    ];
    for (client, text, good) in cases {
        let more = [("client_id", client), ("request", text.as_str())];
        let reply = Browser::default().ask(&stage, &more).await;
        assert_eq!(
            reply.status.as_u16(),
            if good { 302 } else { 400 },
            "{client} {good}"
        );
    }
}
