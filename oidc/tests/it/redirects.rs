//! Where a browser may be sent after a logout. What every client of a family of open redirects
//! (CVE-2023-6291, CVE-2024-8883 and their like) tried is here.

use claviger_testkit::{Reply, Stage};
use form_urlencoded::Serializer;
use serde_json::json;

use crate::world::{alice, oidc, realm};

/// The shop, with a client for each way to list addresses.
async fn shop() -> Stage {
    let stage = Stage::open(claviger_oidc::router()).await;
    let mut realm = realm();
    let client = |id: &str, list: Option<&str>| {
        let mut client = json!({"clientId": id, "publicClient": true,
            "redirectUris": ["http://web.example/cb", "http://localhost/native"]});
        if let Some(list) = list {
            client["attributes"] = json!({"post.logout.redirect.uris": list});
        }
        client
    };
    let list = "http://app.example/bye##http://app.example/out/*##http://y.example*##custom:*\
                ##com.app:/cb";
    let clients = realm["clients"].as_array_mut().unwrap();
    clients.push(client("listed", Some(list)));
    clients.push(client("unlisted", None));
    clients.push(client("plus", Some("+##http://app.example/bye")));
    clients.push(client("minus", Some("-")));
    clients.push(client("star", Some("*")));
    stage.import(realm).await;
    stage
}

async fn logout(stage: &Stage, parameters: &[(&str, &str)]) -> Reply {
    let mut query = Serializer::new(String::new());
    query.extend_pairs(parameters);
    stage
        .get(&format!("{}?{}", oidc("logout"), query.finish()))
        .await
}

async fn go(stage: &Stage, client: &str, uri: &str) -> Reply {
    logout(
        stage,
        &[("client_id", client), ("post_logout_redirect_uri", uri)],
    )
    .await
}

#[tokio::test]
async fn registered_addresses_are_gone_to() {
    let stage = shop().await;
    let cases = [
        ("listed", "http://app.example/bye"),
        ("listed", "http://app.example/out"),
        ("listed", "http://app.example/out/x/y?z=1#f"),
        ("listed", "http://app.example/out/x@evil.example"),
        ("listed", "http://y.example/anything"),
        ("listed", "custom:/x"),
        ("listed", "com.app:/cb"),
        ("unlisted", "http://web.example/cb"),
        ("unlisted", "http://localhost/native"),
        ("unlisted", "http://localhost:49152/native"),
        ("plus", "http://web.example/cb"),
        ("plus", "http://app.example/bye"),
        ("star", "https://anywhere.example/x"),
    ];
    for (client, uri) in cases {
        let answer = go(&stage, client, uri).await;
        assert_eq!(answer.status, 302, "{client} {uri}: {}", answer.text());
        assert_eq!(answer.header("location"), uri, "{client}");
    }
    let answer = go(&stage, "listed", "http://app.example/out/\u{fc}")
        .await
        .is(302);
    assert_eq!(answer.header("location"), "http://app.example/out/%C3%BC");
}

#[tokio::test]
async fn nobody_is_sent_anywhere_else() {
    let stage = shop().await;
    let long = format!("http://app.example/out/{}", "x".repeat(4_000));
    let cases = [
        "http://app.example/bye/",
        "http://app.example/bye?",
        "http://app.example/bye?a=b",
        "http://app.example/bye#x",
        "http://app.example/BYE",
        "https://app.example/bye",
        "http://app.example:8080/bye",
        "http://app.example./bye",
        "http://app.example/outer",
        "http://app.example//out/x",
        "http://app.example/out/../x",
        "http://app.example/out/..;/x",
        "http://app.example/out/..\\x",
        "http://app.example/out/%2e%2e/x",
        "http://app.example/out/%2E%2E%2Fx",
        "http://app.example/out/..%2fx",
        "http://app.example/out/%252e%252e/x",
        "http://app.example/out/%00",
        "http://app.example/out/%0d%0aset-cookie:a=b",
        "http://app.example/out/%zz",
        "http://app.example/out/%",
        "http://app.example/out/a b",
        "http://app.example/out/\n",
        "http://app.example/out/x?code=1",
        "http://app.example/out/x?CODE=1",
        "http://app.example/out/x?%63ode=1",
        "http://app.example/out/x?state=1",
        "http://app.example/out/x?iss=1",
        "http://app.example/out/x#access_token=1",
        "http://app.example@evil.example/bye",
        "http://app.example:x@evil.example/out/x",
        "http://user@app.example/out/x",
        "http://app.example\\@evil.example/out/x",
        "http://app.example%2f@evil.example/out/x",
        "http://app.example%40evil.example/out/x",
        "http://app.example.evil.example/out/x",
        "http://evil.example/http://app.example/out/",
        "http://evil.example#http://app.example/out/",
        "http://y.example.evil.example/",
        "http://y.example@evil.example/",
        "http://y.exampleevil/",
        "//app.example/bye",
        "/bye",
        "bye",
        "*",
        "+",
        "javascript:alert(1)",
        "JaVaScRiPt://app.example/out/%0aalert(1)",
        "data:text/html,x",
        "file:///etc/passwd",
        "com.app:/cb/x",
        "com.app://cb",
        "http:app.example/bye",
        "http:///app.example/bye",
        "http://localhost:49152/native",
        " http://app.example/bye",
        "http://app.example\u{ff0f}bye",
        "http://app\u{3002}example/bye",
        &long,
    ];
    for uri in cases {
        let refused = go(&stage, "listed", uri).await;
        assert_eq!(
            refused.status,
            400,
            "{uri:.80}: {}",
            refused.header("location")
        );
        assert_eq!(refused.header("location"), "");
        assert!(refused.text().contains(">Invalid redirect uri<"));
    }
    // An empty one is none: whoever came is asked.
    let asked = go(&stage, "listed", "").await.is(200);
    assert!(asked.text().contains("login-logout-confirm"));
}

#[tokio::test]
async fn each_client_has_its_own_list() {
    let stage = shop().await;
    let cases = [
        ("unlisted", "http://app.example/bye"),
        ("unlisted", "http://localhost:49152/other"),
        ("unlisted", "http://localhost.evil.example:49152/native"),
        ("unlisted", "https://localhost:49152/native"),
        ("plus", "http://app.example/bye/x"),
        ("minus", "http://web.example/cb"),
        ("star", "javascript:alert(1)"),
        ("star", "com.app:/cb"),
        ("star", "http://app.example@evil.example/"),
        ("star", "//evil.example"),
        ("star", "/bye"),
        ("ghost", "http://app.example/bye"),
    ];
    for (client, uri) in cases {
        let refused = go(&stage, client, uri).await.is(400);
        assert_eq!(refused.header("location"), "", "{client} {uri}");
    }
}

#[tokio::test]
async fn the_state_comes_back_encoded() {
    let stage = shop().await;
    let cases = [
        (
            "http://app.example/bye",
            "abc",
            "http://app.example/bye?state=abc",
        ),
        ("http://app.example/bye", "", "http://app.example/bye"),
        (
            "http://app.example/bye",
            "a b&c=d",
            "http://app.example/bye?state=a+b%26c%3Dd",
        ),
        (
            "http://app.example/bye",
            "\r\nX: y",
            "http://app.example/bye?state=%0D%0AX%3A+y",
        ),
        (
            "http://app.example/bye",
            "#\"<",
            "http://app.example/bye?state=%23%22%3C",
        ),
        (
            "http://app.example/out/?a=b#f",
            "x",
            "http://app.example/out/?a=b&state=x#f",
        ),
    ];
    for (uri, state, expected) in cases {
        let parameters = [
            ("client_id", "listed"),
            ("post_logout_redirect_uri", uri),
            ("state", state),
        ];
        assert_eq!(
            logout(&stage, &parameters).await.is(302).header("location"),
            expected
        );
    }
}

#[tokio::test]
async fn an_address_needs_somebody_to_belong_to() {
    let stage = shop().await;
    let hint = alice(&stage).await.member("id_token");
    let uri = ("post_logout_redirect_uri", "http://app.example/bye");
    let refused = logout(&stage, &[uri]).await.is(400);
    assert!(
        refused
            .text()
            .contains(">Missing parameters: id_token_hint<")
    );
    let refused = logout(&stage, &[("id_token_hint", &hint), ("client_id", "web")])
        .await
        .is(400);
    assert!(
        refused
            .text()
            .contains(">Invalid parameter: id_token_hint<")
    );
    let web = ("post_logout_redirect_uri", "http://web.example/cb");
    let refused = logout(&stage, &[("id_token_hint", &hint), web])
        .await
        .is(400);
    assert!(refused.text().contains(">Invalid redirect uri<"));
    // After all these refusals the session is still there.
    let good = [("id_token_hint", hint.as_str()), uri, ("state", "s")];
    for _ in 0..2 {
        let answer = logout(&stage, &good).await.is(302);
        assert_eq!(answer.header("location"), "http://app.example/bye?state=s");
    }
}
