use claviger_model::Seconds;

use super::*;

fn context(origin: &str, base_path: &str) -> RequestContext {
    RequestContext {
        base_url: format!("{origin}{base_path}"),
        base_path: base_path.to_owned(),
        origin: origin.to_owned(),
        base_paths: [String::new(), "/auth".to_owned()].into(),
        ip_address: "127.0.0.1".to_owned(),
        secure: origin.starts_with("https"),
        help_links: false,
        backchannel_url: None,
        admin_url: None,
    }
}

type Asked<'a> = &'a [(&'static str, &'a str)];

fn headers(pairs: Asked<'_>) -> HeaderMap {
    let pairs = pairs.iter().map(|(name, value)| {
        let value = HeaderValue::from_bytes(value.as_bytes()).unwrap();
        (HeaderName::from_static(name), value)
    });
    let mut all = HeaderMap::new();
    for (name, value) in pairs {
        all.append(name, value);
    }
    all
}

#[test]
fn cookies_are_read_as_browsers_send_them() {
    let asked = headers(&[
        (
            "cookie",
            "a=1; AUTH_SESSION_ID=first; AUTH_SESSION_ID=second",
        ),
        (
            "cookie",
            "KEYCLOAK_REMEMBER_ME=\"username:\\\"ö\\\\\"; KC_RESTART=",
        ),
        ("accept-language", "de"),
        ("authorization", "Basic eA=="),
    ]);
    let browser = browser(&asked);
    let text = |secret: Option<Secret>| secret.map(|secret| secret.reveal().to_owned());
    assert_eq!(text(browser.authentication).as_deref(), Some("first"));
    assert_eq!(browser.remembered.as_deref(), Some("username:\"ö\\"));
    assert_eq!(text(browser.restart), None);
    assert_eq!(text(browser.identity), None);
    assert_eq!(browser.accept_language.as_deref(), Some("de"));
    assert_eq!(text(browser.authorization).as_deref(), Some("Basic eA=="));
}

#[test]
fn a_cookie_is_written_as_keycloak_writes_it() {
    let session = CookieChange::set(CookieName::AuthenticationSession, "abc");
    let hash =
        CookieChange::set(CookieName::AuthenticationSessionHash, "a/b=").lasting(Seconds(60));
    let gone = CookieChange::clear(CookieName::Restart);
    let remembered = CookieChange::set(CookieName::RememberMe, "username:a\"b");
    let cases = [
        (
            &session,
            "https://id.example",
            "",
            "AUTH_SESSION_ID=abc;Version=1;Path=/realms/my%20shop/;Secure;HttpOnly;SameSite=None",
        ),
        (
            &session,
            "http://localhost:8080",
            "/auth",
            "AUTH_SESSION_ID=abc;Version=1;Path=/auth/realms/my%20shop/;Secure;HttpOnly;SameSite=None",
        ),
        (
            &session,
            "http://id.example",
            "",
            "AUTH_SESSION_ID=abc;Version=1;Path=/realms/my%20shop/;HttpOnly;SameSite=Lax",
        ),
        (
            &hash,
            "http://127.0.0.1:8080",
            "",
            "KC_AUTH_SESSION_HASH=\"a/b=\";Version=1;Path=/realms/my%20shop/;Max-Age=60;Secure;SameSite=None",
        ),
        (
            &gone,
            "http://[::1]:8080",
            "",
            "KC_RESTART=;Version=1;Path=/realms/my%20shop/;Max-Age=0",
        ),
        (
            &remembered,
            "https://id.example",
            "",
            "KEYCLOAK_REMEMBER_ME=\"username:a\\\"b\";Version=1;Path=/realms/my%20shop/;Secure;HttpOnly;SameSite=None",
        ),
    ];
    for (change, origin, base_path, expected) in cases {
        let context = context(origin, base_path);
        let trusted = is_secure(&context, &HeaderMap::new());
        let value = set_cookie(change, "my shop", &context, trusted).unwrap();
        assert_eq!(value.to_str().unwrap(), expected);
    }
    let split = CookieChange::set(CookieName::Locale, "a\r\nSet-Cookie: b=c");
    let context = context("https://id.example", "");
    assert_eq!(set_cookie(&split, "shop", &context, true), None);
}

#[test]
fn safari_and_frames_of_plain_pages_take_no_secure_cookies() {
    let safari = "Mozilla/5.0 (Macintosh) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.4 Safari/605.1.15";
    let chrome =
        "Mozilla/5.0 (X11) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36";
    let cases: [(&str, Asked<'_>, bool); 8] = [
        ("http://localhost:8080", &[("user-agent", chrome)], true),
        ("http://localhost:8080", &[("user-agent", safari)], false),
        ("https://localhost", &[("user-agent", safari)], true),
        ("http://shop.localhost", &[], true),
        ("http://localhost.example", &[], false),
        ("http://10.0.0.1:8080", &[], false),
        (
            "https://id.example",
            &[
                ("sec-fetch-dest", "iframe"),
                ("referer", "http://app.example/"),
            ],
            false,
        ),
        (
            "https://id.example",
            &[
                ("sec-fetch-dest", "iframe"),
                ("referer", "https://app.example/"),
            ],
            true,
        ),
    ];
    for (origin, asked, expected) in cases {
        assert_eq!(
            is_secure(&context(origin, ""), &headers(asked)),
            expected,
            "{origin} {asked:?}"
        );
    }
}

#[test]
fn an_answer_is_put_where_the_client_looks_for_it() {
    let answer = |redirect_uri: &str| ClientAnswer {
        redirect_uri: redirect_uri.to_owned(),
        delivery: Delivery::Query,
        parameters: vec![
            ("state".to_owned(), "a b&c".to_owned()),
            ("iss".to_owned(), "https://id/realms/x".to_owned()),
        ],
    };
    let text = "state=a+b%26c&iss=https%3A%2F%2Fid%2Frealms%2Fx";
    let cases = [
        (
            "https://app/cb",
            format!("https://app/cb?{text}"),
            format!("https://app/cb#{text}"),
        ),
        (
            "https://app/cb?x=y",
            format!("https://app/cb?x=y&{text}"),
            format!("https://app/cb?x=y#{text}"),
        ),
        (
            "https://app/cb?",
            format!("https://app/cb?{text}"),
            format!("https://app/cb?#{text}"),
        ),
        (
            "https://app/cb#/con",
            format!("https://app/cb?{text}#/con"),
            format!("https://app/cb#/con&{text}"),
        ),
        (
            "com.app:/cb",
            format!("com.app:/cb?{text}"),
            format!("com.app:/cb#{text}"),
        ),
    ];
    for (uri, query, fragment) in cases {
        assert_eq!(with_query(&answer(uri)), query);
        assert_eq!(with_fragment(&answer(uri)), fragment);
    }
}

#[test]
fn an_address_that_is_no_header_leads_nowhere() {
    let response = redirect("https://app/\r\nX: y");
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(response.headers().get(header::LOCATION), None);
}

#[test]
fn frames_are_allowed_beside_those_of_the_realm() {
    let frames = HeaderValue::from_static("app.example");
    let cases = [
        (
            "frame-src 'self'; frame-ancestors 'self'; object-src 'none';",
            "frame-src 'self' app.example ; frame-ancestors 'self'; object-src 'none';",
        ),
        ("frame-src 'none'", "frame-src app.example ;"),
        ("frame-ancestors 'self'", "frame-ancestors 'self';"),
        (
            "default-src 'self'",
            "default-src 'self'; frame-src app.example;",
        ),
    ];
    for (policy, expected) in cases {
        let mut all = headers(&[("content-security-policy", policy)]);
        allow_frames(&mut all, &frames);
        let found = all.get(header::CONTENT_SECURITY_POLICY).unwrap();
        assert_eq!(found.to_str().unwrap().replace("  ", " "), expected);
    }
}
