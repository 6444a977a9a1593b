//! Tokens that nobody issued, or not for this: signed with another key, with no key, with the
//! realm's own key over claims that this server never writes.

use axum::http::Method;
use claviger_crypto::encoding::base64url;
use claviger_crypto::jws::sign;
use claviger_crypto::{Algorithm, PrivateKey, SigningKey};
use claviger_testkit::Stage;
use serde_json::{Map, Value, json};

use crate::world::{alice, oidc, refresh, shop, userinfo};

/// Parts of a token.
fn parts(token: &str) -> (Value, Map<String, Value>) {
    let mut parts = token.split('.');
    let mut read = || {
        let bytes = claviger_crypto::encoding::decode_base64url(parts.next().unwrap()).unwrap();
        serde_json::from_slice::<Value>(&bytes).unwrap()
    };
    let header = read();
    let Value::Object(claims) = read() else {
        panic!("claims are an object")
    };
    (header, claims)
}

/// A token of this text and header with the same signature.
fn with_header(token: &str, header: &Value, signature: &str) -> String {
    let payload = token.split('.').nth(1).unwrap();
    format!(
        "{}.{payload}.{signature}",
        base64url(header.to_string().as_bytes())
    )
}

/// Signs with the shop's own key, as somebody could who has a copy of an imported one.
async fn resign(stage: &Stage, token: &str, change: &Value) -> String {
    let (header, mut claims) = parts(token);
    for (name, value) in change.as_object().unwrap() {
        if value == "-" {
            claims.remove(name);
        } else {
            claims.insert(name.clone(), value.clone());
        }
    }
    let realm = stage.app.realm("shop").await.unwrap().unwrap();
    let ring = realm.keys().await.unwrap();
    let algorithm = Algorithm::from_name(header["alg"].as_str().unwrap()).unwrap();
    let key = ring.active(algorithm, stage.app.now()).unwrap();
    sign(
        key,
        Some("JWT"),
        Value::Object(claims).to_string().as_bytes(),
    )
    .unwrap()
}

/// Shows a token to every endpoint; none may take it.
async fn refused_everywhere(stage: &Stage, what: &str, token: &str) {
    let seen = userinfo(stage, token).await;
    assert!(
        matches!(seen.status.as_u16(), 401 | 403),
        "{what}: userinfo {}",
        seen.status
    );
    let form = [
        ("token", token),
        ("client_id", "web"),
        ("client_secret", "web-secret"),
    ];
    let seen = stage.post(&oidc("token/introspect"), &form).await.is(200);
    assert_eq!(seen.json(), json!({"active": false}), "{what}");
    let seen = refresh(stage, token).await.is(400);
    assert!(
        matches!(
            seen.member("error").as_str(),
            "invalid_grant" | "invalid_request"
        ),
        "{what}: {}",
        seen.text()
    );
    let seen = stage
        .post(&oidc("revoke"), &[("client_id", "app"), ("token", token)])
        .await;
    let refusals = ["invalid_token", "unsupported_token_type"];
    assert!(
        refusals.contains(&seen.member("error").as_str()),
        "{what}: {}",
        seen.text()
    );
    let form = [("client_id", "app"), ("refresh_token", token)];
    let seen = stage.post(&oidc("logout"), &form).await.is(400);
    assert_eq!(
        seen.member("error"),
        "invalid_grant",
        "{what}: {}",
        seen.text()
    );
    let seen = stage
        .post(&oidc("logout"), &[("id_token_hint", token)])
        .await;
    assert_eq!(seen.status, 400, "{what}: {}", seen.text());
}

#[tokio::test]
async fn a_token_that_is_not_exactly_as_issued_is_none() {
    let stage = shop().await;
    let tokens = alice(&stage).await;
    for name in ["access_token", "refresh_token", "id_token"] {
        let token = tokens.member(name);
        let (header, claims) = parts(&token);
        let signature = token.rsplit('.').next().unwrap();
        let payload = token.split('.').nth(1).unwrap();
        let alg = |alg: Value| {
            let mut header = header.clone();
            header["alg"] = alg;
            header
        };
        let mut bob = claims.clone();
        bob.insert("preferred_username".into(), json!("bob"));
        let head = token.split('.').next().unwrap();
        let cases = [
            ("cut", token[..token.len() - 5].to_owned()),
            ("without signature", format!("{head}.{payload}.")),
            ("two parts", format!("{head}.{payload}")),
            ("four parts", format!("{token}.x")),
            ("five parts", format!("{token}.x.y")),
            ("a dot at its end", format!("{token}.")),
            ("a dot before it", format!(".{token}")),
            ("padding", format!("{token}==")),
            ("upper case", token.to_uppercase()),
            ("no words", "..".to_owned()),
            ("not a token", "garbage".to_owned()),
            ("another payload", {
                let payload = base64url(Value::Object(bob).to_string().as_bytes());
                format!("{head}.{payload}.{signature}")
            }),
            (
                "no algorithm",
                with_header(&token, &json!({"alg": "none"}), ""),
            ),
            ("None", with_header(&token, &alg(json!("None")), "")),
            (
                "NONE, signed",
                with_header(&token, &alg(json!("NONE")), signature),
            ),
            (
                "an empty algorithm",
                with_header(&token, &alg(json!("")), signature),
            ),
            (
                "a number of an algorithm",
                with_header(&token, &alg(json!(5)), signature),
            ),
            (
                "an unknown algorithm",
                with_header(&token, &alg(json!("XS999")), signature),
            ),
            (
                "a header that is a list",
                with_header(&token, &json!([]), signature),
            ),
            (
                "70,000 bytes",
                format!("{head}.{}.{signature}", "A".repeat(70_000)),
            ),
        ];
        for (what, forged) in cases {
            refused_everywhere(&stage, &format!("{name}, {what}"), &forged).await;
        }
    }
    let _ = refresh(&stage, &tokens.member("refresh_token"))
        .await
        .is(200);
}

#[tokio::test]
async fn a_key_is_the_realms_or_it_is_nobodys() {
    let stage = shop().await;
    let tokens = alice(&stage).await;
    let certs = stage.get(&oidc("certs")).await.json();
    let mut keys = certs["keys"].as_array().unwrap().iter();
    let public = keys.find(|key| key["use"] == "sig").unwrap().clone();
    let info = stage.get("/realms/shop").await.member("public_key");
    let pem = format!("-----BEGIN PUBLIC KEY-----\n{info}\n-----END PUBLIC KEY-----\n");
    let kid = public["kid"].as_str().unwrap();
    let own = PrivateKey::generate_ed25519().unwrap();
    for name in ["access_token", "refresh_token", "id_token"] {
        let token = tokens.member(name);
        let (header, claims) = parts(&token);
        let claims = Value::Object(claims).to_string();
        let signature = token.rsplit('.').next().unwrap();
        let mut cases = Vec::new();
        for (what, secret) in [("PEM", pem.as_bytes()), ("text", info.as_bytes())] {
            let key = SigningKey::hmac(kid, Algorithm::Hs256, secret).unwrap();
            let forged = sign(&key, Some("JWT"), claims.as_bytes()).unwrap();
            cases.push((format!("public key as a secret, {what}"), forged));
        }
        for kid in [
            kid,
            "nobody",
            "",
            "../../../../dev/null",
            "' OR 1=1 --",
            "\0",
        ] {
            let key = SigningKey::new(kid, Algorithm::EdDsa, own.clone()).unwrap();
            let forged = sign(&key, Some("JWT"), claims.as_bytes()).unwrap();
            cases.push((format!("a key of one's own as {kid:?}"), forged));
        }
        let jwk = json!({"kty": "OKP", "crv": "Ed25519", "x": "AAAA"});
        for (member, value) in [
            ("jwk", jwk.clone()),
            ("jku", json!("http://evil.example/jwks")),
            ("x5u", json!("http://evil.example/chain")),
            ("x5c", json!(["AAAA"])),
            ("crit", json!(["exp"])),
            ("b64", json!(false)),
            ("zip", json!("DEF")),
        ] {
            let mut odd = header.clone();
            odd[member] = value;
            cases.push((
                format!("{member} in the header"),
                with_header(&token, &odd, signature),
            ));
        }
        let twice = header.to_string().replacen('{', "{\"alg\":\"none\",", 1);
        let payload = token.split('.').nth(1).unwrap();
        let twice = format!("{}.{payload}.{signature}", base64url(twice.as_bytes()));
        cases.push(("a member twice".to_owned(), twice));
        let mut unnamed = header.clone();
        unnamed.as_object_mut().unwrap().remove("kid");
        cases.push((
            "no kid".to_owned(),
            with_header(&token, &unnamed, signature),
        ));
        for (what, forged) in cases {
            refused_everywhere(&stage, &format!("{name}, {what}"), &forged).await;
        }
    }
    assert!(
        stage.network.asked().is_empty(),
        "no address in a token is ever asked"
    );
    let _ = refresh(&stage, &tokens.member("refresh_token"))
        .await
        .is(200);
}

#[tokio::test]
async fn claims_that_are_not_ours_make_it_another_token() {
    let stage = shop().await;
    let tokens = alice(&stage).await;
    let now = stage.app.now().seconds().0;
    let cases = [
        json!({"exp": now}),
        json!({"exp": -1}),
        json!({"exp": "soon"}),
        json!({"exp": 1e30}),
        json!({"exp": 4_000_000_000.5}),
        json!({"exp": [now + 100]}),
        json!({"nbf": now + 1_000}),
        json!({"nbf": "x"}),
        json!({"iat": "-"}),
        json!({"iat": "now"}),
        json!({"iss": "-"}),
        json!({"iss": "http://evil.example/realms/shop"}),
        json!({"iss": "http://localhost/realms/shop/"}),
        json!({"iss": "http://localhost/realms/master"}),
        json!({"iss": 5}),
        json!({"azp": ["app"]}),
        json!({"azp": "app\u{0}"}),
        json!({"sid": 5}),
        json!({"sid": "a\u{0}b"}),
        json!({"sub": {"x": 1}}),
        json!({"jti": "-"}),
        json!({"jti": ""}),
        json!({"jti": "x".repeat(1_000)}),
        json!({"typ": "Logout"}),
        json!({"typ": "-"}),
        json!({"typ": "bearer"}),
        json!({"scope": ["openid"]}),
    ];
    for change in cases {
        for name in ["access_token", "refresh_token", "id_token"] {
            let over = change.get("exp").or_else(|| change.get("nbf")).is_some();
            let whole = over && change.as_object().unwrap().values().all(Value::is_i64);
            if whole && name != "access_token" {
                // Logout takes tokens that are over.
                continue;
            }
            if change.get("typ").is_some() && name == "access_token" {
                continue;
            }
            let forged = resign(&stage, &tokens.member(name), &change).await;
            let what = format!("{name} {change}")
                .chars()
                .take(80)
                .collect::<String>();
            if name == "access_token" && whole {
                let _ = userinfo(&stage, &forged).await.is(401);
                continue;
            }
            refused_everywhere(&stage, &what, &forged).await;
        }
    }
    let _ = refresh(&stage, &tokens.member("refresh_token"))
        .await
        .is(200);
}

#[tokio::test]
async fn a_token_stands_for_its_own_kind_client_and_session_only() {
    let stage = shop().await;
    let tokens = alice(&stage).await;
    let (access, refresh_token) = (
        tokens.member("access_token"),
        tokens.member("refresh_token"),
    );
    // Every kind of token at every other kind's door (CVE-2023-0657, CVE-2017-12160).
    for wrong in [&access, &tokens.member("id_token")] {
        let told = refresh(&stage, wrong).await.is(400);
        told.says("invalid_grant", "Invalid refresh token");
    }
    for wrong in [&refresh_token, &tokens.member("id_token")] {
        let _ = userinfo(&stage, wrong).await.is(401);
    }
    let web = [("client_id", "web"), ("client_secret", "web-secret")];
    let text = "Invalid refresh token. Token client and authorized client don't match";
    let form = [
        web[0],
        web[1],
        ("grant_type", "refresh_token"),
        ("refresh_token", &refresh_token),
    ];
    stage
        .post(&oidc("token"), &form)
        .await
        .is(400)
        .says("invalid_grant", text);
    stage
        .post(
            &oidc("logout"),
            &form[..2]
                .iter()
                .chain(&form[3..])
                .copied()
                .collect::<Vec<_>>(),
        )
        .await
        .is(400)
        .says("invalid_grant", text);
    let form = [web[0], web[1], ("token", refresh_token.as_str())];
    stage
        .post(&oidc("revoke"), &form)
        .await
        .is(400)
        .says("invalid_request", "Unmatching clients");
    // With the realm's key the claims can be changed, but not what they have to agree with.
    let other = alice(&stage).await;
    let (_, claims) = parts(&other.member("access_token"));
    let bob = json!({"sub": "nobody"});
    for change in [
        json!({"sid": "-"}),
        json!({"sid": "nowhere"}),
        json!({"sid": "x".repeat(1_000)}),
        json!({"azp": "-"}),
        json!({"azp": "ghost"}),
        json!({"azp": "web"}),
        json!({"azp": "x".repeat(1_000)}),
        json!({"iat": 0}),
        json!({"jti": "ofrtro:1"}),
        json!({"jti": "trrtcc:1", "sid": "-", "sub": "nobody"}),
        json!({"typ": "DPoP"}),
        json!({"cnf": {"jkt": "thumbprint"}}),
    ] {
        let forged = resign(&stage, &access, &change).await;
        let refused = userinfo(&stage, &forged).await;
        assert_eq!(refused.status, 401, "{change:.60}");
    }
    for change in [
        json!({"sid": "-"}),
        json!({"sid": "nowhere"}),
        json!({"azp": "-"}),
        json!({"azp": "web"}),
        json!({"typ": "Offline"}),
        json!({"iat": 0}),
        json!({"cnf": {"jkt": "thumbprint"}}),
    ] {
        let forged = resign(&stage, &refresh_token, &change).await;
        let refused = refresh(&stage, &forged).await;
        assert_eq!(refused.status, 400, "{change:.60}");
        assert_eq!(refused.member("error"), "invalid_grant", "{change:.60}");
    }
    let hint = resign(&stage, &tokens.member("id_token"), &json!({"iat": 0})).await;
    let refused = stage
        .post(&oidc("logout"), &[("id_token_hint", &hint)])
        .await
        .is(400);
    assert!(refused.text().contains(">Session not active.<"));
    // The session decides whose token it is, whatever the token says.
    let mixed = resign(&stage, &access, &json!({"sid": claims["sid"]})).await;
    assert_eq!(
        userinfo(&stage, &mixed)
            .await
            .is(200)
            .member("preferred_username"),
        "alice"
    );
    let other_subject = resign(&stage, &access, &bob).await;
    let told = userinfo(&stage, &other_subject).await;
    assert!(told.status == 401 || told.member("preferred_username") == "alice");
    let _ = refresh(&stage, &refresh_token).await.is(200);
}

#[tokio::test]
async fn a_token_of_another_realm_is_a_stranger_even_with_the_same_keys() {
    let stage = shop().await;
    let master = stage.app.realm("shop").await.unwrap().unwrap();
    let documents = stage
        .app
        .store
        .documents(&master.id, claviger_wire::document::Kind::Component)
        .await;
    let providers: Vec<Value> = documents
        .unwrap()
        .iter()
        .filter(|document| document.body["providerType"] == "org.keycloak.keys.KeyProvider")
        .map(|document| {
            json!({"name": document.body["name"], "providerId": document.body["providerId"],
                "config": document.body["config"]})
        })
        .collect();
    assert!(providers.len() >= 3);
    let mut twin = crate::world::realm();
    twin["realm"] = json!("twin");
    twin["components"] = json!({"org.keycloak.keys.KeyProvider": providers});
    stage.import(twin).await;
    let form = [
        ("grant_type", "password"),
        ("client_id", "app"),
        ("username", "alice"),
        ("password", "wonderland"),
        ("scope", "openid"),
    ];
    let token = "/realms/twin/protocol/openid-connect/token";
    let tokens = stage.post(token, &form).await.is(200);
    let kid = |token: String| parts(&token).0["kid"].clone();
    let own = alice(&stage).await;
    assert_eq!(
        kid(tokens.member("access_token")),
        kid(own.member("access_token"))
    );
    for name in ["access_token", "refresh_token", "id_token"] {
        let foreign = tokens.member(name);
        refused_everywhere(&stage, &format!("{name} of the twin"), &foreign).await;
        // Not even with this realm's issuer: its session is not here.
        let issuer = json!({"iss": "http://localhost/realms/shop"});
        let moved = resign(&stage, &foreign, &issuer).await;
        let _ = userinfo(&stage, &moved).await.is(401);
        let _ = refresh(&stage, &moved).await.is(400);
    }
    let userinfo = stage.call(Method::GET, "/realms/twin/protocol/openid-connect/userinfo");
    let _ = userinfo
        .bearer(&tokens.member("access_token"))
        .send()
        .await
        .is(200);
}
