//! Requests that no well-made client sends. What Keycloak 26.7.4 answers with 5xx is a 4xx here.

use axum::http::Method;
use claviger_store::EventQuery;
use claviger_testkit::{Reply, Stage};

use crate::world::{alice, oidc, shop};

const FORM: &str = "application/x-www-form-urlencoded";
const SIGN_IN: &str =
    "grant_type=password&client_id=app&username=alice&password=wonderland&scope=openid";

/// Sends bytes as they are to an endpoint of the shop.
async fn send(stage: &Stage, endpoint: &str, media: &str, body: impl Into<Vec<u8>>) -> Reply {
    let call = stage.call(Method::POST, &oidc(endpoint));
    call.header("content-type", media).bytes(body).send().await
}

/// Signs in with one parameter written in another way.
async fn sign_in(stage: &Stage, name: &str, value: &str) -> Reply {
    let others = SIGN_IN
        .split('&')
        .filter(|field| !field.starts_with(&format!("{name}=")));
    let mut body: Vec<String> = others.map(str::to_owned).collect();
    if !value.is_empty() {
        body.push(value.to_owned());
    }
    send(stage, "token", FORM, body.join("&")).await
}

#[tokio::test]
async fn each_parameter_in_a_form_that_it_should_not_have() {
    let stage = shop().await;
    let missing_grant = ("invalid_request", "Missing form parameter: grant_type");
    let unknown_grant = ("unsupported_grant_type", "Unsupported grant_type");
    let client = (
        "invalid_client",
        "Invalid client or Invalid client credentials",
    );
    let user = ("invalid_grant", "Invalid user credentials");
    let repeated = ("invalid_request", "duplicated parameter");
    let long = "x".repeat(100_000);
    let cases = [
        ("grant_type", String::new(), 400, missing_grant),
        ("grant_type", "grant_type=".to_owned(), 400, unknown_grant),
        (
            "grant_type",
            "GRANT_TYPE=password".to_owned(),
            400,
            missing_grant,
        ),
        (
            "grant_type",
            "grant_type[]=password".to_owned(),
            400,
            missing_grant,
        ),
        (
            "grant_type",
            "grant_type=PASSWORD".to_owned(),
            400,
            unknown_grant,
        ),
        (
            "grant_type",
            format!("grant_type={long}"),
            400,
            unknown_grant,
        ),
        ("client_id", String::new(), 401, client),
        ("client_id", "client_id=APP".to_owned(), 401, client),
        ("client_id", "client_id=app%20".to_owned(), 401, client),
        ("client_id", "client_id=app%00".to_owned(), 401, client),
        ("client_id", "client_id=app%09".to_owned(), 401, client),
        (
            "client_id",
            format!("client_id={}", "x".repeat(256)),
            401,
            client,
        ),
        ("client_id", format!("client_id={long}"), 401, client),
        (
            "client_id",
            "client_id=app&client_id=app".to_owned(),
            400,
            repeated,
        ),
        ("username", "username=".to_owned(), 400, user),
        ("username", "username=+alice".to_owned(), 400, user),
        ("username", "username=alice%20".to_owned(), 400, user),
        ("username", "username=alice%00".to_owned(), 400, user),
        ("username", "username=alice%0d%0a".to_owned(), 400, user),
        ("username", "username=al%ffice".to_owned(), 400, user),
        ("username", format!("username={long}"), 400, user),
        (
            "username",
            "username=alice&username=bob".to_owned(),
            400,
            repeated,
        ),
        ("password", String::new(), 400, user),
        ("password", "password=wonderland%00".to_owned(), 400, user),
        ("password", "password=wonderland%09".to_owned(), 400, user),
        ("password", "password=WONDERLAND".to_owned(), 400, user),
        ("password", format!("password={long}"), 400, user),
        (
            "scope",
            "scope=".to_owned(),
            400,
            ("invalid_scope", "Invalid scopes: "),
        ),
        (
            "scope",
            "scope=OPENID".to_owned(),
            400,
            ("invalid_scope", "Invalid scopes: OPENID"),
        ),
        ("scope", "x=1&x=1".to_owned(), 400, repeated),
    ];
    for (name, value, status, (error, text)) in cases {
        let shown: String = value.chars().take(60).collect();
        let refused = sign_in(&stage, name, &value).await;
        assert_eq!(
            refused.status.as_u16(),
            status,
            "{name}: {shown:?}: {}",
            refused.text()
        );
        refused.says(error, text);
        assert_eq!(refused.header("cache-control"), "no-store", "{shown:?}");
        assert_eq!(refused.header("pragma"), "no-cache", "{shown:?}");
    }
    let _ = sign_in(&stage, "username", "username=ALICE").await.is(200);
    let _ = sign_in(&stage, "grant_type", "grant_type=pass%00word")
        .await
        .is(200);
    let _ = sign_in(&stage, "scope", "scope=openid%20openid")
        .await
        .is(200);
    let _ = sign_in(&stage, "scope", &format!("scope={}", "x".repeat(4_001)))
        .await
        .is(200);
}

#[tokio::test]
async fn a_password_is_compared_to_the_last_byte() {
    let stage = shop().await;
    let user = serde_json::json!({"username": "tab", "enabled": true, "email": "t@shop.example",
        "firstName": "T", "lastName": "Ab",
        "credentials": [{"type": "password", "value": "a\tb c\u{1}"}]});
    let mut realm = crate::world::realm();
    realm["realm"] = "tabs".into();
    realm["users"] = serde_json::json!([user]);
    stage.import(realm).await;
    let form = |password| {
        [
            ("grant_type", "password"),
            ("client_id", "app"),
            ("username", "tab"),
            ("password", password),
        ]
    };
    let token = "/realms/tabs/protocol/openid-connect/token";
    let _ = stage.post(token, &form("a\tb c\u{1}")).await.is(200);
    for wrong in ["ab c", "a\tb c", "a b c\u{1}"] {
        let _ = stage.post(token, &form(wrong)).await.is(400);
    }
}

#[tokio::test]
async fn a_form_that_can_be_read_in_two_ways_is_refused_as_a_whole() {
    let stage = shop().await;
    for broken in ["x=%zz", "x=%4", "%=1", "password=wonderland%"] {
        for endpoint in ["token", "logout", "revoke", "token/introspect", "userinfo"] {
            let refused = send(&stage, endpoint, FORM, format!("{SIGN_IN}&{broken}")).await;
            refused.is(400).says(
                "invalid_request",
                "The request is not form-encoded: a % without two digits",
            );
        }
    }
    for many in [1_000, 5_000] {
        let body = format!("{SIGN_IN}{}", "&p=1".repeat(many));
        let refused = send(&stage, "token", FORM, body).await.is(400);
        refused.says("invalid_request", "The request has too many parameters");
    }
    let fields: Vec<String> = (0..990).map(|number| format!("p{number}=1")).collect();
    let body = format!("{}&{SIGN_IN}", fields.join("&"));
    let _ = send(&stage, "token", FORM, body).await.is(200);
}

#[tokio::test]
async fn a_request_is_not_longer_than_it_has_to_be() {
    let stage = shop().await;
    for size in [131_072, 262_144, 1_000_000, 11_000_000] {
        for endpoint in ["token", "logout", "revoke", "token/introspect", "userinfo"] {
            let body = format!("{SIGN_IN}&x={}", "y".repeat(size));
            let refused = send(&stage, endpoint, FORM, body).await.is(413);
            assert_eq!(
                refused.member("error"),
                "HTTP 413 Request Entity Too Large",
                "{size}"
            );
        }
    }
}

#[tokio::test]
async fn what_is_not_a_form_has_no_parameters() {
    let stage = shop().await;
    let multipart = "--x\r\nContent-Disposition: form-data; name=\"grant_type\"\r\n\r\npassword\r\n\
                     --x--\r\n";
    let cases = [
        (
            "application/json",
            r#"{"grant_type":"password","client_id":"app"}"#,
        ),
        ("text/plain", SIGN_IN),
        ("nonsense", SIGN_IN),
        ("", SIGN_IN),
        ("multipart/form-data; boundary=x", multipart),
        ("multipart/form-data", SIGN_IN),
        (
            "application/x-www-form-urlencoded, application/json",
            SIGN_IN,
        ),
        ("application/*", SIGN_IN),
        (FORM, r#"{"grant_type":"password"}"#),
        (FORM, ""),
    ];
    for (media, body) in cases {
        let refused = send(&stage, "token", media, body).await;
        refused
            .is(400)
            .says("invalid_request", "Missing form parameter: grant_type");
        for endpoint in ["revoke", "token/introspect"] {
            let refused = send(&stage, endpoint, media, body).await.is(401);
            assert_eq!(
                refused.member("error"),
                "invalid_client",
                "{endpoint} {media}"
            );
        }
        let refused = send(&stage, "userinfo", media, body).await.is(401);
        assert_eq!(refused.header("www-authenticate"), "Bearer realm=\"shop\"");
        // Nothing was asked for: somebody in a browser, perhaps. They are asked themselves.
        let page = send(&stage, "logout", media, body).await.is(200);
        assert!(page.text().contains("login-logout-confirm"), "{media}");
    }
    for parameters in [
        "",
        ";",
        "; charset=utf-8",
        ";charset=\"utf-8\"",
        "; charset=nonsense",
        "; charset=",
        " ; boundary=x",
    ] {
        let _ = send(&stage, "token", &format!("{FORM}{parameters}"), SIGN_IN)
            .await
            .is(200);
    }
}

#[tokio::test]
async fn a_query_with_control_characters_is_blocked() {
    let stage = shop().await;
    let paths = [
        oidc("certs"),
        oidc("logout"),
        oidc("userinfo"),
        "/realms/shop".to_owned(),
    ];
    for path in &paths {
        for query in ["x=%00", "x=%1b%5b0m", "x=%1f", "%00=x"] {
            let refused = stage.get(&format!("{path}?{query}")).await.is(400);
            assert_eq!(
                refused.member("error"),
                "Blocking invalid query parameter value"
            );
        }
        let _ = stage.get(&format!("{path}?x=%zz")).await.is(400);
    }
    let _ = stage
        .get(&format!("{}?x=%0a%ff", oidc("certs")))
        .await
        .is(200);
}

#[tokio::test]
async fn a_realm_is_found_by_its_exact_name() {
    let stage = shop().await;
    let long = "x".repeat(4_000);
    for name in [
        "nowhere", "SHOP", "shop%20", "shop%00", "%ff", "%F0%28", "'", "*", "%25", &long,
    ] {
        for rest in [
            "",
            "/.well-known/openid-configuration",
            "/protocol/openid-connect/certs",
        ] {
            let refused = stage.get(&format!("/realms/{name}{rest}")).await.is(404);
            assert_eq!(
                refused.member("error"),
                "Realm does not exist",
                "{name:.20}{rest}"
            );
        }
        let path = format!("/realms/{name}/protocol/openid-connect/token");
        let _ = stage
            .post(&path, &[("grant_type", "password")])
            .await
            .is(404);
    }
}

#[tokio::test]
async fn odd_basic_credentials_let_nobody_in() {
    let stage = shop().await;
    let base64 = claviger_crypto::encoding::base64;
    let long = format!("Basic {}", base64("w".repeat(20_000).as_bytes()));
    let cases = [
        ("Basic".to_owned(), 401),
        ("Basic ".to_owned(), 401),
        ("Basic !!!".to_owned(), 401),
        (format!("Basic {}", base64(b"web")), 401),
        (format!("Basic {}", base64(b":")), 401),
        (format!("Basic {}", base64(b":web-secret")), 401),
        (format!("Basic {}", base64(b"web:")), 401),
        (format!("Basic {}", base64(b"web:web-secret:x")), 401),
        (format!("Basic {}", base64(b"web%00:web-secret")), 401),
        (format!("Basic {}", base64(b"\xff\xfe:\xff")), 401),
        (format!("Basic {}", base64(b"web:100%")), 400),
        (format!("Basic  {}", base64(b"web:wrong")), 401),
        (
            format!("Basic {}, Bearer x", base64(b"web:web-secret")),
            401,
        ),
        ("Digest username=web".to_owned(), 401),
        ("Bearer abc".to_owned(), 401),
        (long, 401),
    ];
    for (header, status) in cases {
        for (endpoint, form) in [
            ("token", ("grant_type", "client_credentials")),
            ("revoke", ("token", "x")),
            ("token/introspect", ("token", "x")),
            ("logout", ("refresh_token", "x")),
        ] {
            let call = stage
                .call(Method::POST, &oidc(endpoint))
                .header("authorization", &header);
            let refused = call.form(&[form]).send().await;
            assert_eq!(refused.status.as_u16(), status, "{endpoint}: {header:.40}");
        }
    }
    let call = stage
        .call(Method::POST, &oidc("token"))
        .basic("%77eb", "web%2Dsecret");
    let _ = call
        .form(&[("grant_type", "client_credentials")])
        .send()
        .await
        .is(200);
}

#[tokio::test]
async fn a_failure_is_recorded_whatever_was_sent() {
    let stage = shop().await;
    let realm = stage.app.realm("shop").await.unwrap().unwrap();
    for name in ["x".repeat(256), "\u{fc}".repeat(4_000), "a\0b".to_owned()] {
        let form = [("grant_type", "password"), ("client_id", name.as_str())];
        let _ = stage.post(&oidc("token"), &form).await.is(401);
        let query = EventQuery {
            max: 1,
            ..EventQuery::default()
        };
        let event = stage
            .app
            .store
            .events(&realm.id, &query)
            .await
            .unwrap()
            .remove(0);
        let kept: String = name.chars().take(255).collect();
        assert_eq!(event.client_id, Some(kept.replace('\0', "\u{fffd}")));
        assert_eq!(event.error.as_deref(), Some("client_not_found"));
        stage.wait(claviger_model::Seconds(1));
    }
}

#[tokio::test]
async fn userinfo_takes_one_token_in_one_place() {
    let stage = shop().await;
    let access = alice(&stage).await.member("access_token");
    let get = |header: String| {
        stage
            .call(Method::GET, &oidc("userinfo"))
            .header("authorization", &header)
            .send()
    };
    for good in [format!("bearer {access}"), format!("BEARER {access}")] {
        let _ = get(good).await.is(200);
    }
    let none = "Bearer realm=\"shop\"";
    for bad in [
        access.clone(),
        "Bearer".to_owned(),
        "Bearer ".to_owned(),
        format!("Bearer  {access}"),
        format!("Bearer\t{access}"),
        format!("Bearer {access}, Bearer {access}"),
        format!("Basic {access}"),
        format!("DPoP {access}"),
    ] {
        assert_eq!(
            get(bad.clone()).await.is(401).header("www-authenticate"),
            none,
            "{bad:.30}"
        );
    }
    let path = format!("{}?access_token={access}", oidc("userinfo"));
    assert_eq!(
        stage.get(&path).await.is(401).header("www-authenticate"),
        none
    );
    let twice = stage
        .call(Method::GET, &oidc("userinfo"))
        .bearer(&access)
        .bearer(&access);
    assert_eq!(
        twice.send().await.is(401).member("error"),
        "HTTP 401 Unauthorized"
    );
    let form = [("access_token", access.as_str())];
    let _ = stage.post(&oidc("userinfo"), &form).await.is(200);
    let both = stage
        .call(Method::POST, &oidc("userinfo"))
        .bearer(&access)
        .form(&form);
    let refused = both.send().await.is(400);
    let text = "More than one method used for including an access token";
    assert!(refused.header("www-authenticate").contains(text));
    let twice = [form[0], form[0]];
    let refused = stage.post(&oidc("userinfo"), &twice).await.is(400);
    assert!(
        refused
            .header("www-authenticate")
            .contains("Duplicate parameter")
    );
}

#[tokio::test]
async fn documents_are_json_for_whoever_asks() {
    let stage = shop().await;
    for accept in ["text/html", "application/jwt", "nonsense", "", "*/*"] {
        for path in [
            "/realms/shop/.well-known/openid-configuration",
            "/realms/shop",
        ] {
            let call = stage.call(Method::GET, path).header("accept", accept);
            let answer = call.send().await.is(200);
            assert!(
                answer
                    .header("content-type")
                    .starts_with("application/json"),
                "{accept}"
            );
        }
    }
    for method in [Method::POST, Method::PUT, Method::DELETE] {
        let call = stage.call(method, "/realms/shop/.well-known/openid-configuration");
        assert_eq!(
            call.send().await.is(404).member("error"),
            "HTTP 404 Not Found"
        );
    }
}
