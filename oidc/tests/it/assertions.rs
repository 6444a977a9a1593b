//! Client assertions that nobody entitled has signed, or that say what no assertion says.

use axum::http::Method;
use claviger_crypto::encoding::{base64, base64url, decode_base64url};
use claviger_crypto::jwk::{Naming, public_jwk};
use claviger_crypto::jws::sign;
use claviger_crypto::{Algorithm, KeyUse, PrivateKey, SigningKey};
use claviger_testkit::{Reply, Stage};
use serde_json::{Value, json};

use crate::bank::{KEYS_URL, realm};
use crate::world::oidc;

const TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
const ISSUER: &str = "http://localhost/realms/bank";

/// A bank whose client `signer` has published an RSA key.
struct Bank {
    stage: Stage,
    key: SigningKey,
    jwk: Value,
    private: PrivateKey,
}

impl Bank {
    async fn open() -> Self {
        let private = PrivateKey::generate_rsa(2048).unwrap();
        let naming = Naming {
            kid: Some("k1"),
            algorithm: Some("RS256"),
            key_use: Some(KeyUse::Sig),
        };
        let jwk = Value::Object(public_jwk(&private.public_key().unwrap(), &naming, None));
        let stage = Stage::open(claviger_oidc::router()).await;
        let jwks = json!({"keys": [jwk]}).to_string();
        stage.import(realm(&jwks)).await;
        let key = SigningKey::new("k1", Algorithm::Rs256, private.clone()).unwrap();
        Self {
            stage,
            key,
            jwk,
            private,
        }
    }

    /// The claims of a good assertion, unlike every other one's.
    fn claims(&self) -> Value {
        let now = self.stage.app.now().seconds().0;
        let id = self.stage.app.random.uuid();
        json!({"iss": "signer", "sub": "signer", "aud": ISSUER, "jti": id, "exp": now + 50})
    }

    fn good(&self) -> String {
        sign(&self.key, None, self.claims().to_string().as_bytes()).unwrap()
    }

    async fn ask(&self, assertion: &str) -> Reply {
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", "signer"),
            ("client_assertion_type", TYPE),
            ("client_assertion", assertion),
        ];
        let path = oidc("token").replace("shop", "bank");
        let call = self.stage.call(Method::POST, &path).form(&form);
        call.send().await
    }

    /// Plays each of them; none gets in, and the server learns nothing from the network.
    async fn refuses(&self, attacks: Vec<(String, String)>) {
        for (attack, assertion) in attacks {
            let seen = self.ask(&assertion).await;
            assert!(
                matches!(seen.status.as_u16(), 400 | 401),
                "{attack}: {} {}",
                seen.status,
                seen.text()
            );
            let error = seen.member("error");
            let refusals = ["invalid_client", "invalid_request", "unauthorized_client"];
            assert!(
                refusals.contains(&error.as_str()),
                "{attack}: {}",
                seen.text()
            );
        }
        assert!(self.stage.network.asked().is_empty());
        let _ = self.ask(&self.good()).await.is(200);
    }
}

fn token(header: &str, claims: &str, sign: impl FnOnce(&[u8]) -> Vec<u8>) -> String {
    let input = format!(
        "{}.{}",
        base64url(header.as_bytes()),
        base64url(claims.as_bytes())
    );
    let signature = base64url(&sign(input.as_bytes()));
    format!("{input}.{signature}")
}

#[tokio::test]
async fn an_assertion_is_signed_by_the_clients_key() {
    let bank = Bank::open().await;
    let claims = bank.claims().to_string();
    let mut attacks: Vec<(String, String)> = Vec::new();
    let mut add = |attack: &str, token: String| attacks.push((attack.to_owned(), token));
    for alg in [
        "none",
        "None",
        "NONE",
        "nOnE",
        "",
        "rs256",
        "RS256 ",
        "ＲＳ２５６",
        "R\\u0405256",
    ] {
        let header = format!(r#"{{"alg":"{alg}","kid":"k1"}}"#);
        add(
            &format!("alg {alg:?} without signature"),
            token(&header, &claims, |_| Vec::new()),
        );
        let signed = token(&header, &claims, |input| bank.key.sign(input).unwrap());
        add(&format!("alg {alg:?}"), signed);
    }
    let public = bank.private.public_key().unwrap();
    let pem = format!(
        "-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n",
        base64(&public.spki())
    );
    for (form, secret) in [
        ("DER", public.spki()),
        ("PEM", pem.into_bytes()),
        ("base64", base64(&public.spki()).into_bytes()),
        ("JWK", bank.jwk.to_string().into_bytes()),
        (
            "JWK Set",
            json!({"keys": [bank.jwk]}).to_string().into_bytes(),
        ),
        (
            "modulus",
            decode_base64url(bank.jwk["n"].as_str().unwrap()).unwrap(),
        ),
        ("client's secret", b"x".to_vec()),
        ("client's id", b"signer".to_vec()),
    ] {
        for algorithm in [Algorithm::Hs256, Algorithm::Hs512] {
            let forger = SigningKey::hmac("k1", algorithm, &secret).unwrap();
            add(
                &format!("{algorithm} by the {form}"),
                sign(&forger, None, claims.as_bytes()).unwrap(),
            );
        }
    }
    let other = SigningKey::new("k1", Algorithm::Ps256, bank.private.clone()).unwrap();
    add(
        "PS256 where the key is for RS256",
        sign(&other, None, claims.as_bytes()).unwrap(),
    );
    let attacker = PrivateKey::generate_rsa(2048).unwrap();
    let naming = Naming {
        kid: Some("k1"),
        ..Naming::default()
    };
    let jwk = public_jwk(&attacker.public_key().unwrap(), &naming, None);
    let attacker = SigningKey::new("k1", Algorithm::Rs256, attacker).unwrap();
    for (attack, member) in [
        ("jwk", json!({"jwk": jwk})),
        ("jku", json!({"jku": KEYS_URL})),
        ("x5u", json!({"x5u": KEYS_URL})),
        ("x5c", json!({"x5c": ["AAAA"]})),
        ("kid that is a path", json!({"kid": "../../../dev/null"})),
        ("kid that is SQL", json!({"kid": "' OR '1'='1"})),
        ("kid that is a URL", json!({"kid": KEYS_URL})),
        ("kid that is no text", json!({"kid": ["k1"]})),
        ("kid with a zero byte", json!({"kid": "k1\0"})),
        ("no kid", json!({"kid": null})),
    ] {
        let mut header = json!({"alg": "RS256", "kid": "k1"});
        header
            .as_object_mut()
            .unwrap()
            .extend(member.as_object().unwrap().clone());
        let header = header.to_string();
        add(
            attack,
            token(&header, &claims, |input| attacker.sign(input).unwrap()),
        );
    }
    bank.refuses(attacks).await;
}

#[tokio::test]
async fn an_assertion_has_one_form_and_one_meaning() {
    let bank = Bank::open().await;
    let signed =
        |header: &str, claims: &str| token(header, claims, |input| bank.key.sign(input).unwrap());
    let head = r#"{"alg":"RS256","kid":"k1"}"#;
    let claims = bank.claims().to_string();
    let with = |member: &str| format!("{},{member}}}", claims.trim_end_matches('}'));
    let but = |name: &str, value: &str| {
        let mut claims = bank.claims();
        claims.as_object_mut().unwrap().remove(name);
        let text = claims.to_string();
        format!("{},\"{name}\":{value}}}", text.trim_end_matches('}'))
    };
    let deep = format!("{}{}", "[".repeat(5_000), "]".repeat(5_000));
    let good = bank.good();
    let parts: Vec<&str> = good.split('.').collect();
    let json_form = json!({"payload": parts[1], "signatures": [{"protected": parts[0], "signature": parts[2]}]});
    let mut attacks: Vec<(String, String)> = [
        (
            "crit",
            signed(r#"{"alg":"RS256","kid":"k1","crit":["x"]}"#, &claims),
        ),
        (
            "b64",
            signed(r#"{"alg":"RS256","kid":"k1","b64":false}"#, &claims),
        ),
        (
            "zip",
            signed(r#"{"alg":"RS256","kid":"k1","zip":"DEF"}"#, &claims),
        ),
        (
            "alg twice",
            signed(r#"{"alg":"RS256","alg":"RS256","kid":"k1"}"#, &claims),
        ),
        ("sub twice", signed(head, &with(r#""sub":"other""#))),
        (
            "iss twice, once escaped",
            signed(head, &with(r#""\u0069ss":"other""#)),
        ),
        ("deep claims", signed(head, &with(&format!("\"x\":{deep}")))),
        ("JSON serialization", json_form.to_string()),
        ("a signature more", format!("{good}.{}", parts[2])),
        (
            "five parts",
            format!("{}..{}.{}.{}", parts[0], parts[1], parts[2], parts[0]),
        ),
        ("padding", format!("{good}==")),
        ("a blank", format!(" {good}")),
        (
            "very long",
            format!("{}.{}.{}", parts[0], "A".repeat(100_000), parts[2]),
        ),
        ("claims in a list", signed(head, &format!("[{claims}]"))),
        ("no claims", signed(head, "")),
        ("null", signed(head, "null")),
    ]
    .map(|(attack, token)| (attack.to_owned(), token))
    .to_vec();
    for value in [
        "1e400",
        "NaN",
        "\"4000000000\"",
        "-1",
        "0",
        "[4000000000]",
        "{}",
        "true",
        "1e30",
        "99999999999999999999",
        "null",
    ] {
        attacks.push((format!("exp {value}"), signed(head, &but("exp", value))));
    }
    for value in ["\"soon\"", "1e400", "[]", "{}", "9223372036854775807"] {
        attacks.push((
            format!("nbf {value}"),
            signed(head, &with(&format!("\"nbf\":{value}"))),
        ));
        attacks.push((
            format!("iat {value}"),
            signed(head, &with(&format!("\"iat\":{value}"))),
        ));
    }
    for value in ["[]", "{}", "[[\"x\"]]", "null"] {
        attacks.push((format!("aud {value}"), signed(head, &but("aud", value))));
        attacks.push((format!("jti {value}"), signed(head, &but("jti", value))));
        attacks.push((format!("sub {value}"), signed(head, &but("sub", value))));
    }
    bank.refuses(attacks).await;
}
