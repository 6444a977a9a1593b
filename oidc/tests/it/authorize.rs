//! The authorization endpoint: what is told to whom, before and after somebody signs in.

use claviger_testkit::{Reply, Stage};
use serde_json::{Value, json};

use crate::browser::{Browser, address, answer, parameter};
use crate::world::{oidc, realm};

pub const CB: &str = "http://app.example/cb";

pub async fn shop(change: impl FnOnce(&mut Value)) -> Stage {
    let stage = Stage::open(claviger_oidc::router()).await;
    let mut realm = realm();
    let clients = realm["clients"].as_array_mut().unwrap();
    clients.push(json!({"clientId": "closed", "enabled": false, "redirectUris": ["*"]}));
    clients.push(json!({"clientId": "bearer", "bearerOnly": true, "redirectUris": ["*"]}));
    clients.push(json!({"clientId": "saml", "protocol": "saml", "redirectUris": ["*"]}));
    clients.push(json!({"clientId": "hybrid", "publicClient": true,
        "implicitFlowEnabled": true, "redirectUris": ["http://app.example/cb"]}));
    clients.push(json!({"clientId": "pkce", "publicClient": true,
        "redirectUris": ["http://app.example/cb"],
        "attributes": {"pkce.code.challenge.method": "S256"}}));
    clients.push(json!({"clientId": "pushing", "publicClient": true,
        "redirectUris": ["http://app.example/cb"],
        "attributes": {"require.pushed.authorization.requests": "true"}}));
    clients.push(json!({"clientId": "native", "publicClient": true,
        "redirectUris": ["urn:ietf:wg:oauth:2.0:oob", "http://127.0.0.1/cb", "com.app:/cb"]}));
    change(&mut realm);
    stage.import(realm).await;
    stage
}

/// The name of the page of help that a refusal points to.
fn helped(reply: &Reply) -> String {
    let link = reply.header("link");
    let page = link.strip_suffix(">; rel=\"help\"").unwrap_or_default();
    page.rsplit('/').next().unwrap_or_default().to_owned()
}

/// Parameters, by name.
type Pairs<'a> = &'a [(&'a str, &'a str)];

/// CVE-2018-14658 and its family: as long as it is not known where an answer may go, it goes nowhere.
#[tokio::test]
async fn what_cannot_be_answered_is_told_on_a_page() {
    let stage = shop(|_| {}).await;
    let cases: [(Pairs<'_>, u16, &str); 14] = [
        (&[("client_id", "")], 400, "authorization-client"),
        (&[("client_id", "nobody")], 400, "authorization-client"),
        (&[("client_id", "closed")], 400, "client-disabled"),
        (&[("client_id", "bearer")], 403, "client-bearer-only"),
        (&[("client_id", "saml")], 400, "client-protocol"),
        (&[("redirect_uri", "")], 400, "redirect-uri"),
        (
            &[("redirect_uri", "http://evil.example/")],
            400,
            "redirect-uri",
        ),
        (
            &[("redirect_uri", "http://app.example@evil.example/")],
            400,
            "redirect-uri",
        ),
        (
            &[("redirect_uri", "http://app.example/../x")],
            400,
            "redirect-uri",
        ),
        (
            &[
                ("redirect_uri", "http://evil.example/"),
                ("response_mode", "form_post.jwt"),
            ],
            400,
            "redirect-uri",
        ),
        (&[("request", "garbage")], 400, "request-object"),
        (
            &[("request_uri", "http://app.example/r")],
            400,
            "request-object",
        ),
        (
            &[("request", "a"), ("request_uri", "b")],
            400,
            "request-object",
        ),
        (&[("max_age", "soon")], 400, "request-object"),
    ];
    for (more, status, help) in cases {
        let reply = Browser::default().ask(&stage, more).await.is(status);
        assert_eq!(reply.header("location"), "", "{more:?}");
        assert!(reply.text().contains("kc-error-message"), "{more:?}");
        assert_eq!(helped(&reply), help, "{more:?}");
    }
    let twice = format!("{}&client_id=web", address(&[]));
    Browser::default().open(&stage, &twice).await.is(400);
    assert!(
        stage.network.asked().is_empty(),
        "nobody is called for a stranger"
    );
}

/// RFC 6749 §4.1.2.1: the client is told, with its state, where it registered to be answered.
#[tokio::test]
async fn what_can_be_answered_is_told_to_the_client() {
    let stage = shop(|_| {}).await;
    let cases: [(Pairs<'_>, &str, &str); 16] = [
        (
            &[("response_type", "")],
            "invalid_request",
            "Missing parameter: response_type",
        ),
        (
            &[("response_type", "magic")],
            "unsupported_response_type",
            "",
        ),
        (
            &[("response_type", "code none")],
            "unsupported_response_type",
            "",
        ),
        (
            &[("response_mode", "magic")],
            "invalid_request",
            "Invalid parameter: response_mode",
        ),
        (
            &[("response_type", "token")],
            "unauthorized_client",
            "Client is not allowed to initiate browser login with given response_type. \
             Implicit flow is disabled for the client.",
        ),
        (
            &[
                ("client_id", "hybrid"),
                ("response_type", "token"),
                ("response_mode", "query"),
            ],
            "invalid_request",
            "Response_mode 'query' not allowed for implicit or hybrid flow",
        ),
        (
            &[("client_id", "hybrid"), ("response_type", "id_token")],
            "invalid_request",
            "Missing parameter: nonce",
        ),
        (
            &[("client_id", "hybrid"), ("response_type", "code id_token")],
            "invalid_request",
            "Missing parameter: nonce",
        ),
        (
            &[("scope", "openid nonsense")],
            "invalid_scope",
            "Invalid scopes: openid nonsense",
        ),
        (
            &[("resource", "relative")],
            "invalid_target",
            "The requested resource is invalid, missing, unknown, or malformed.",
        ),
        (
            &[("code_challenge_method", "S256")],
            "invalid_request",
            "Missing parameter: code_challenge",
        ),
        (
            &[("code_challenge", "short")],
            "invalid_request",
            "Invalid parameter: code_challenge",
        ),
        (
            &[("client_id", "pkce")],
            "invalid_request",
            "Missing parameter: code_challenge_method",
        ),
        (
            &[
                ("client_id", "pkce"),
                ("code_challenge_method", "plain"),
                (
                    "code_challenge",
                    "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
                ),
            ],
            "invalid_request",
            "Invalid parameter: code challenge method is not matching the configured one",
        ),
        (
            &[("client_id", "pushing")],
            "invalid_request",
            "Pushed Authorization Request is only allowed.",
        ),
        (&[("prompt", "none")], "login_required", ""),
    ];
    for (more, error, text) in cases {
        let reply = Browser::default().ask(&stage, more).await;
        let (to, _) = answer(&reply);
        assert_eq!(to, CB, "{more:?}");
        let told =
            ["error", "error_description", "state", "iss"].map(|name| parameter(&reply, name));
        let expected = [error, text, "s&1", "http://localhost/realms/shop"];
        assert_eq!(told, expected.map(str::to_owned), "{more:?}");
        assert!(
            reply.header("cache-control").contains("no-store"),
            "{more:?}"
        );
    }
    let twice = format!("{}&state=other", address(&[]));
    let reply = Browser::default().open(&stage, &twice).await;
    assert_eq!(
        parameter(&reply, "error_description"),
        "duplicated parameter"
    );
    assert_eq!(parameter(&reply, "state"), "s&1");
}

/// CVE-2026-9689: what an address brings along cannot pass for a part of the answer.
#[tokio::test]
async fn an_address_brings_no_answer_of_its_own() {
    let stage = shop(|realm| {
        realm["clients"][0]["redirectUris"] =
            json!(["http://app.example/*", "http://app.example/cb?code=evil"]);
    })
    .await;
    let mut browser = Browser::signed_in(&stage, "alice").await;
    for address in [
        "http://app.example/cb?code=evil",
        "http://app.example/cb?state=evil",
        "http://app.example/cb?x=1&c%6fde=evil",
        "http://app.example/cb#id_token=evil",
    ] {
        browser
            .ask(&stage, &[("redirect_uri", address)])
            .await
            .is(400);
    }
    let reply = browser
        .ask(&stage, &[("redirect_uri", "http://app.example/cb?x=1")])
        .await;
    assert!(
        reply
            .header("location")
            .starts_with("http://app.example/cb?x=1&state=")
    );
}

#[tokio::test]
async fn programs_without_a_browser_show_the_code_to_be_copied() {
    let stage = shop(|_| {}).await;
    let mut browser = Browser::signed_in(&stage, "alice").await;
    let more = [
        ("client_id", "native"),
        ("redirect_uri", "urn:ietf:wg:oauth:2.0:oob"),
    ];
    let reply = browser.ask(&stage, &more).await;
    let (to, _) = answer(&reply);
    assert_eq!(
        to,
        "http://localhost/realms/shop/protocol/openid-connect/oauth/oob"
    );
    let location = reply.header("location");
    let path = location.strip_prefix("http://localhost").unwrap();
    let code = parameter(&reply, "code");
    let page = browser.open(&stage, path).await.is(200).text();
    assert!(page.contains(&code), "{page}");
    let form = [
        ("grant_type", "authorization_code"),
        ("client_id", "native"),
        ("code", &code),
        ("redirect_uri", "urn:ietf:wg:oauth:2.0:oob"),
    ];
    stage.post(&oidc("token"), &form).await.is(200);
}

/// CVE-2022-4137: the page shows what stands in its address, as text.
#[tokio::test]
async fn the_page_for_codes_runs_nothing() {
    let stage = shop(|_| {}).await;
    for name in ["code", "error"] {
        let path = format!(
            "{}?{name}=%3Cscript%3Ealert(1)%3C/script%3E",
            oidc("oauth/oob")
        );
        let page = Browser::default().open(&stage, &path).await.is(200).text();
        assert!(!page.contains("<script>alert(1)"), "{name}: {page}");
    }
}

#[tokio::test]
async fn loopback_and_custom_schemes_lead_back_to_the_program() {
    let stage = shop(|_| {}).await;
    let mut browser = Browser::signed_in(&stage, "alice").await;
    for address in ["http://127.0.0.1:51234/cb", "com.app:/cb"] {
        let more = [("client_id", "native"), ("redirect_uri", address)];
        let reply = browser.ask(&stage, &more).await;
        assert!(
            reply
                .header("location")
                .starts_with(&format!("{address}?state=")),
            "{address}"
        );
    }
}

#[tokio::test]
async fn a_disabled_realm_and_plain_http_are_told_on_a_page() {
    let stage = shop(|realm| realm["enabled"] = json!(false)).await;
    let reply = Browser::default().ask(&stage, &[]).await.is(400);
    assert_eq!(helped(&reply), "realm-disabled");
    let stage = shop(|realm| realm["sslRequired"] = json!("all")).await;
    let reply = Browser::default().ask(&stage, &[]).await.is(400);
    assert_eq!(helped(&reply), "https-required");
}

#[tokio::test]
async fn an_essential_level_that_nobody_reaches_is_refused() {
    let stage = shop(|_| {}).await;
    let claims = r#"{"id_token":{"acr":{"essential":true,"values":["gold"]}}}"#;
    let reply = Browser::default()
        .ask(&stage, &[("claims", claims)])
        .await
        .is(400);
    assert_eq!(helped(&reply), "authorization-request");
    let voluntary = r#"{"id_token":{"acr":{"values":["gold"]}}}"#;
    for claims in [voluntary, "{", "[]", "null"] {
        Browser::default()
            .ask(&stage, &[("claims", claims)])
            .await
            .is(200);
    }
}

#[tokio::test]
async fn registration_is_told_to_be_off() {
    let stage = shop(|_| {}).await;
    let reply = Browser::default()
        .ask(&stage, &[("prompt", "create")])
        .await
        .is(400);
    assert_eq!(helped(&reply), "registration-off");
    let path = address(&[]).replace("/auth?", "/registrations?");
    let reply = Browser::default().open(&stage, &path).await.is(400);
    assert_eq!(helped(&reply), "registration-off");
}
