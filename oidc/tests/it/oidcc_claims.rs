//! What the modules of the OpenID conformance suite look for in tokens, in userinfo and in answers to
//! browsers. `docs/conformance.md` says which module is shown where.

use axum::http::Method;
use claviger_crypto::digest::sha256;
use claviger_crypto::encoding::base64url;
use claviger_testkit::{Reply, Stage};
use serde_json::{Value, json};

use crate::authorize::{CB, shop};
use crate::browser::{Browser, address, answer, claims, parameter};
use crate::world::{oidc, refresh, userinfo};

/// The shop, where alice has all that the standard knows of a person.
async fn known() -> Stage {
    shop(|realm| {
        realm["users"][0]["emailVerified"] = json!(true);
        realm["users"][0]["attributes"] = json!({
            "middleName": ["Pleasance"], "nickname": ["Al"], "profile": ["https://alice.example"],
            "picture": ["https://alice.example/me.png"], "website": ["https://alice.example"],
            "gender": ["female"], "birthdate": ["1852-05-04"], "zoneinfo": ["Europe/London"],
            "locale": ["en"], "updatedAt": ["1700000000"],
            "phoneNumber": ["+44 1865 276150"], "phoneNumberVerified": ["true"],
            "street": ["St Aldates"], "locality": ["Oxford"], "region": ["Oxfordshire"],
            "postal_code": ["OX1 1DP"], "country": ["UK"],
        });
    })
    .await
}

/// The claims of each scope (OpenID Connect Core §5.4) as alice has them.
fn of_scope(scope: &str) -> Value {
    match scope {
        "profile" => json!({
            "name": "Alice Liddell", "family_name": "Liddell", "given_name": "Alice",
            "middle_name": "Pleasance", "nickname": "Al", "preferred_username": "alice",
            "profile": "https://alice.example", "picture": "https://alice.example/me.png",
            "website": "https://alice.example", "gender": "female", "birthdate": "1852-05-04",
            "zoneinfo": "Europe/London", "locale": "en", "updated_at": 1_700_000_000,
        }),
        "email" => json!({"email": "alice@shop.example", "email_verified": true}),
        "phone" => {
            json!({"phone_number": "+44 1865 276150", "phone_number_verified": true})
        }
        "address" => json!({"address": {
            "street_address": "St Aldates", "locality": "Oxford", "region": "Oxfordshire",
            "postal_code": "OX1 1DP", "country": "UK",
        }}),
        _ => json!({}),
    }
}

#[track_caller]
fn holds(told: &Value, scopes: &str) {
    for scope in scopes.split(' ') {
        for (name, value) in of_scope(scope).as_object().unwrap() {
            assert_eq!(&told[name], value, "{scopes}: {name} in {told}");
        }
    }
}

/// The tokens for the code of an answer.
pub async fn tokens(stage: &Stage, client: &str, answer: &Reply) -> Reply {
    let form = [
        ("grant_type", "authorization_code"),
        ("client_id", client),
        ("code", &parameter(answer, "code")),
        ("redirect_uri", CB),
    ];
    stage.post(&oidc("token"), &form).await.is(200)
}

/// `oidcc-scope-profile`, `-email`, `-address`, `-phone`, `-all`: userinfo tells them where there is an
/// access token, the ID token where there is none.
#[tokio::test]
async fn oidcc_scopes_bring_their_claims() {
    let stage = known().await;
    let mut browser = Browser::signed_in(&stage, "alice").await;
    for scope in [
        "openid profile",
        "openid email",
        "openid address",
        "openid phone",
        "openid profile email address phone",
    ] {
        let reply = browser.ask(&stage, &[("scope", scope)]).await;
        let access = tokens(&stage, "app", &reply).await.member("access_token");
        holds(&userinfo(&stage, &access).await.is(200).json(), scope);
        let more = [
            ("client_id", "hybrid"),
            ("response_type", "id_token"),
            ("nonce", "n"),
            ("scope", scope),
        ];
        let reply = browser.ask(&stage, &more).await;
        holds(&claims(&parameter(&reply, "id_token")), scope);
        let more = [
            ("response_type", "id_token token"),
            more[0],
            more[2],
            more[3],
        ];
        let reply = browser.ask(&stage, &more).await;
        let access = parameter(&reply, "access_token");
        holds(&userinfo(&stage, &access).await.is(200).json(), scope);
    }
    let reply = browser.ask(&stage, &[]).await;
    let access = tokens(&stage, "app", &reply).await.member("access_token");
    let told = userinfo(&stage, &access).await.json();
    assert!(
        told["address"].is_null() && told["phone_number"].is_null(),
        "nobody asked: {told}"
    );
}

/// `oidcc-claims-essential`: a claim of userinfo that the application cannot do without.
#[tokio::test]
async fn oidcc_claims_essential() {
    let stage = known().await;
    let mut browser = Browser::signed_in(&stage, "alice").await;
    let wanted = json!({"userinfo": {"name": {"essential": true}}}).to_string();
    let reply = browser.ask(&stage, &[("claims", &wanted)]).await;
    let access = tokens(&stage, "app", &reply).await.member("access_token");
    assert_eq!(
        userinfo(&stage, &access).await.json()["name"],
        "Alice Liddell"
    );
}

/// `oidcc-display-page`, `-popup`, `oidcc-ui-locales`, `oidcc-claims-locales`, `oidcc-login-hint`,
/// `oidcc-id-token-hint`, `…-with-acr-values-succeeds`, `…-with-unknown-parameter-succeeds`: wishes, of
/// which none stands in the way.
#[tokio::test]
async fn oidcc_wishes_do_not_stand_in_the_way() {
    let stage = shop(|_| {}).await;
    let mut browser = Browser::signed_in(&stage, "alice").await;
    let first = browser.ask(&stage, &[("nonce", "n")]).await;
    let hint = tokens(&stage, "app", &first).await.member("id_token");
    let subject = claims(&hint)["sub"].clone();
    for more in [
        ("display", "page"),
        ("display", "popup"),
        ("ui_locales", "se"),
        ("ui_locales", "fr-CA fr en"),
        ("claims_locales", "se"),
        ("login_hint", "alice"),
        ("login_hint", "somebody@else.example"),
        ("id_token_hint", &hint),
        ("extra", "foobar"),
    ] {
        let reply = browser.ask(&stage, &[more, ("prompt", "none")]).await;
        assert_eq!(parameter(&reply, "error"), "", "{more:?}");
        let told = claims(&tokens(&stage, "app", &reply).await.member("id_token"));
        assert_eq!(told["sub"], subject, "{more:?}");
        assert!(told["acr"].is_string(), "{more:?}");
        // Whoever is not signed in gets the same page to sign in.
        let page = Browser::default().ask(&stage, &[more]).await.is(200).text();
        assert!(page.contains("kc-form-login"), "{more:?}: {page}");
    }
    let page = Browser::default()
        .ask(&stage, &[("acr_values", "1 2")])
        .await;
    assert!(page.is(200).text().contains("kc-form-login"));
    let page = Browser::default()
        .ask(&stage, &[("login_hint", "al\"ice")])
        .await;
    assert!(page.text().contains("value=\"al&quot;ice\"") || page.text().contains("al&#34;ice"));
}

/// The first half of a digest (OpenID Connect Core §3.1.3.6, §3.3.2.11; FAPI's `s_hash`).
fn half(text: &str) -> String {
    base64url(&sha256(text.as_bytes())[..16])
}

/// `oidcc-server` of each plan: what binds an ID token to what came with it, by value.
#[tokio::test]
async fn oidcc_id_tokens_are_bound_to_what_comes_with_them() {
    let stage = shop(|_| {}).await;
    let mut browser = Browser::signed_in(&stage, "alice").await;
    for kind in [
        "id_token",
        "id_token token",
        "code id_token",
        "code id_token token",
    ] {
        let more = [
            ("client_id", "hybrid"),
            ("response_type", kind),
            ("nonce", "n-0S6_WzA2Mj"),
            ("max_age", "10000"),
        ];
        let reply = browser.ask(&stage, &more).await;
        let id = claims(&parameter(&reply, "id_token"));
        for (name, value) in [
            ("iss", "http://localhost/realms/shop"),
            ("aud", "hybrid"),
            ("azp", "hybrid"),
            ("nonce", "n-0S6_WzA2Mj"),
            ("sid", &*parameter(&reply, "session_state")),
            ("s_hash", &half("s&1")),
        ] {
            assert_eq!(id[name], value, "{kind}: {name}");
        }
        for (name, from) in [("at_hash", "access_token"), ("c_hash", "code")] {
            let came = parameter(&reply, from);
            let expected = (!came.is_empty()).then(|| half(&came));
            assert_eq!(id[name].as_str(), expected.as_deref(), "{kind}: {name}");
        }
        let number = |name: &str| id[name].as_i64().unwrap();
        assert!(number("exp") > number("iat") && number("auth_time") <= number("iat"));
        if kind.starts_with("code") {
            let later = tokens(&stage, "hybrid", &reply).await;
            let again = claims(&later.member("id_token"));
            for name in ["iss", "sub", "aud", "nonce", "auth_time"] {
                assert_eq!(again[name], id[name], "{kind}: {name}");
            }
            assert_eq!(again["at_hash"], half(&later.member("access_token")));
        }
    }
}

/// `oidcc-refresh-token`: also where an access token for offline access comes before the code is used.
#[tokio::test]
async fn oidcc_refresh_token() {
    let stage = shop(|realm| {
        realm["users"][0]["realmRoles"] = json!(["customer", "offline_access"]);
    })
    .await;
    let mut browser = Browser::signed_in(&stage, "alice").await;
    for kind in ["code", "code id_token", "code token", "code id_token token"] {
        let more = [
            ("client_id", "hybrid"),
            ("response_type", kind),
            ("nonce", "n"),
            ("scope", "openid offline_access"),
        ];
        let reply = browser.ask(&stage, &more).await;
        let front = parameter(&reply, "access_token");
        if !front.is_empty() {
            userinfo(&stage, &front).await.is(200);
        }
        let first = tokens(&stage, "hybrid", &reply).await;
        let token = first.member("refresh_token");
        // By default the client is `app`: it was not issued to that one.
        let foreign = refresh(&stage, &token).await.is(400);
        assert_eq!(foreign.member("error"), "invalid_grant", "{kind}");
        let form = [
            ("grant_type", "refresh_token"),
            ("client_id", "hybrid"),
            ("refresh_token", &token),
        ];
        let second = stage.post(&oidc("token"), &form).await.is(200);
        let [old, new] = [&first, &second].map(|reply| claims(&reply.member("id_token")));
        for name in ["iss", "sub", "aud", "auth_time", "azp"] {
            assert_eq!(old[name], new[name], "{kind}: {name}");
        }
        userinfo(&stage, &second.member("access_token"))
            .await
            .is(200);
    }
}

/// `oidcc-redirect-uri-query-OK`, `-mismatch`, `-added`, `oidcc-redirect-uri-regfrag`,
/// `oidcc-ensure-registered-redirect-uri`: an address is the registered one, with its query.
#[tokio::test]
async fn oidcc_an_address_is_registered_with_its_query() {
    let stage = shop(|realm| {
        realm["clients"][0]["redirectUris"] = json!(["http://app.example/cb?foo=bar"]);
    })
    .await;
    let mut browser = Browser::signed_in(&stage, "alice").await;
    let good = browser
        .ask(&stage, &[("redirect_uri", "http://app.example/cb?foo=bar")])
        .await;
    let (to, _) = answer(&good);
    assert_eq!((to.as_str(), &*parameter(&good, "foo")), (CB, "bar"));
    assert!(!parameter(&good, "code").is_empty());
    for other in [
        CB,
        "http://app.example/cb?foo=baz",
        "http://app.example/cb?foo=bar&more=yes",
        "http://app.example/cb?more=yes&foo=bar",
        "http://app.example/cb?foo=bar#part",
        "http://app.example/cb/foobar?foo=bar",
        "",
    ] {
        let reply = browser.ask(&stage, &[("redirect_uri", other)]).await;
        let page = reply.is(400);
        assert_eq!(page.header("location"), "", "{other}");
        assert!(page.text().contains("kc-error-message"), "{other}");
    }
}

/// `oidcc-ensure-request-object-with-redirect-uri`: the object's address counts, whatever stands beside it.
#[tokio::test]
async fn oidcc_ensure_request_object_with_redirect_uri() {
    let stage = shop(|_| {}).await;
    let mut browser = Browser::signed_in(&stage, "alice").await;
    let part = |value: Value| base64url(value.to_string().as_bytes());
    let object = |uri: &str| {
        let inner = json!({"client_id": "app", "response_type": "code", "scope": "openid",
            "state": "inner", "redirect_uri": uri});
        format!("{}.{}.", part(json!({"alg": "none"})), part(inner))
    };
    for beside in [CB, "http://app.example/other", "http://evil.example/"] {
        let request = object(CB);
        let more = [("request", &*request), ("redirect_uri", beside)];
        let reply = browser.ask(&stage, &more).await;
        let (to, _) = answer(&reply);
        assert_eq!(to, CB, "{beside}");
        assert_eq!(parameter(&reply, "state"), "inner");
        assert!(!parameter(&reply, "code").is_empty());
    }
    let request = object("http://evil.example/");
    browser.ask(&stage, &[("request", &request)]).await.is(400);
}

/// `oidcc-response-type-missing`, `oidcc-ensure-request-without-nonce-fails` and
/// `…-succeeds-for-code-flow`, also in the form that sends itself.
#[tokio::test]
async fn oidcc_what_is_missing_is_told_in_the_mode_that_was_asked_for() {
    let stage = shop(|_| {}).await;
    let cases = [
        ("", "invalid_request"),
        ("id_token", "invalid_request"),
        ("code id_token", "invalid_request"),
        ("code", "login_required"),
        ("code token", "login_required"),
    ];
    for (kind, error) in cases {
        let more = [
            ("client_id", "hybrid"),
            ("response_type", kind),
            ("prompt", "none"),
        ];
        let reply = Browser::default().ask(&stage, &more).await;
        assert_eq!(parameter(&reply, "error"), error, "{kind}");
        let more = [more[0], more[1], more[2], ("response_mode", "form_post")];
        let call = stage.call(Method::GET, &address(&more)).send().await;
        let page = call.is(200).text();
        assert!(
            page.contains(&format!("VALUE=\"{error}\"")),
            "{kind}: {page}"
        );
    }
}

/// `oidcc-alternate-happy-flow`: neither words nor parameters have an order.
#[tokio::test]
async fn oidcc_alternate_happy_flow() {
    let stage = shop(|_| {}).await;
    let mut browser = Browser::signed_in(&stage, "alice").await;
    let query = "state=x&redirect_uri=http%3A%2F%2Fapp.example%2Fcb&scope=email%20openid&nonce=n\
                 &response_type=token%20id_token%20code&client_id=hybrid";
    let reply = browser
        .open(&stage, &format!("{}?{query}", oidc("auth")))
        .await;
    for name in ["code", "access_token", "id_token"] {
        assert!(!parameter(&reply, name).is_empty(), "{name}");
    }
    let id = claims(&tokens(&stage, "hybrid", &reply).await.member("id_token"));
    assert_eq!(
        (&id["nonce"], &id["email"]),
        (&json!("n"), &json!("alice@shop.example"))
    );
}
