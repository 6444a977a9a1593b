//! The corpus: what Keycloak 26.7.4 said of each address, and where we say otherwise.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::mapper::testing::client;

/// Where Keycloak ran when it was asked.
const BASE: &str = "http://localhost:8180";

/// What Keycloak sends browsers to and we do not: the address registered, the address asked for.
const STRICTER: &[(&str, &str)] = &[
    // What climbs is what climbs, in however many encodings (CVE-2022-3782).
    (IN, "https://app.example/in/%252e%252e%252fx"),
    (IN, "https://app.example/in/..%252fx"),
    (IN, "https://app.example/in/%25252e%25252e/x"),
    // Keycloak cleans the parameter of control characters first, as our surfaces do.
    (IN, "https://app.example/in/a\tb"),
    (IN, "https://app.example/in/a\nb"),
    (IN, "https://app.example/in/a\rb"),
    (IN, "https://app.example/in/\u{7f}"),
    (IN, "\thttps://app.example/in/x"),
    (IN, "https://app.example/in/x\n"),
    // A control character has no business in a path.
    (IN, "https://app.example/in/%00"),
    (IN, "https://app.example/in/%09"),
    (IN, "https://app.example/in/%0d%0aset-cookie:a=b"),
    // No browser could go there.
    ("https://app.example:*", "https://app.example:/x"),
    ("https://app.example:*", "https://app.example:99999/x"),
    ("https://*", "https:///x"),
    ("http://localhost/cb", "http://localhost:65536/cb"),
    ("http://localhost:8080/cb", "http://localhost:*/p"),
    ("https://app.example*", "https://app.example*"),
    ("https://*", "https://*"),
    ("http://*/cb", "http://*/cb"),
    ("http://*/cb", "http://*.app.example/*"),
    ("*", "http://[fe80::1%25eth0]/x"),
    ("*", "http://[fe80::1%eth0]/x"),
    // Wherever, but not under a false flag, and by an address that is one.
    ("*", "https://user@evil.example/"),
    ("*", "//evil.example/x"),
    ("*", "/x"),
    ("*", "x"),
    ("*", ".."),
    ("*", "?a=b"),
    ("*", "*"),
];
const IN: &str = "https://app.example/in/*";

fn corpus() -> Vec<Value> {
    serde_json::from_str(include_str!("corpus.json")).unwrap()
}

#[test]
fn browsers_go_where_keycloak_sends_them_and_nowhere_else() {
    let mut found = Vec::new();
    let entries = corpus();
    for entry in &entries {
        let client = client(&json!({
            "redirectUris": entry["registered"], "rootUrl": entry["root"],
        }));
        let first = entry["registered"][0].as_str().unwrap();
        for (asked, verdict) in entry["asked"].as_object().unwrap() {
            let theirs = verdict.as_bool().expect("the corpus is recorded");
            match (theirs, is_redirect_uri(&client, BASE, asked)) {
                (false, true) => panic!("{asked:?} passes, and Keycloak refuses it: {entry}"),
                (true, false) => found.push((first, asked.as_str())),
                (true, true) | (false, false) => {}
            }
        }
    }
    found.sort_unstable();
    let mut expected = STRICTER.to_vec();
    expected.sort_unstable();
    assert_eq!(found, expected);
}

#[test]
fn addresses_after_a_logout_follow_the_same_rules() {
    for entry in corpus() {
        let uris: Vec<&str> = entry["registered"]
            .as_array()
            .unwrap()
            .iter()
            .map(|uri| uri.as_str().unwrap())
            .collect();
        let redirects = client(&json!({"redirectUris": uris, "rootUrl": entry["root"]}));
        let logouts = client(&json!({
            "rootUrl": entry["root"],
            "attributes": {"post.logout.redirect.uris": uris.join("##")},
        }));
        for asked in entry["asked"].as_object().unwrap().keys() {
            assert_eq!(
                post_logout_uri(&logouts, BASE, asked).is_some(),
                redirect_uri(&redirects, BASE, asked).is_some(),
                "{asked:?} by {uris:?}"
            );
        }
    }
}

#[test]
fn relative_addresses_are_below_a_root() {
    let (here, root) = ("https://id.example/auth", "https://root.example/a");
    let cases = [
        (None, "https://id.example/in/x"),
        (Some(""), "https://id.example/in/x"),
        (Some("${authBaseUrl}"), "https://id.example/auth/in/x"),
        (Some("${authAdminUrl}"), "https://id.example/auth/in/x"),
        (Some(root), "https://root.example/a/in/x"),
    ];
    for (root, good) in cases {
        let client = client(&json!({"redirectUris": ["/in/*"], "rootUrl": root}));
        for (_, asked) in cases {
            let passes = is_redirect_uri(&client, here, asked);
            assert_eq!(passes, asked == good, "{root:?} {asked}");
        }
    }
}

#[test]
fn a_client_with_one_address_need_not_name_it() {
    let cases = [
        (
            json!(["https://app.example/cb"]),
            Some("https://app.example/cb"),
        ),
        (
            json!(["https://app.example/*"]),
            Some("https://app.example"),
        ),
        (json!(["/app/*"]), Some("http://localhost:8180/app")),
        (json!(["https://a.example/", "https://b.example/"]), None),
        (json!([]), None),
        (json!(["*"]), None),
        (json!(["javascript:alert(1)"]), None),
    ];
    for (registered, expected) in cases {
        let client = client(&json!({"redirectUris": registered}));
        let only = only_redirect_uri(&client, BASE);
        assert_eq!(
            only.as_ref().map(RedirectUri::as_str),
            expected,
            "{registered}"
        );
    }
}

#[test]
fn there_is_an_end_to_long_addresses() {
    let client = client(&json!({"redirectUris": ["https://app.example/*"]}));
    let long = |length: usize| format!("https://app.example/{}", "x".repeat(length - 20));
    assert!(is_redirect_uri(&client, BASE, &long(LENGTH_MAX)));
    assert!(!is_redirect_uri(&client, BASE, &long(LENGTH_MAX + 1)));
}

#[test]
fn state_is_appended_and_encoded() {
    let uri = PostLogoutUri("https://app.example/bye?a=1".into());
    assert_eq!(
        uri.with_state(Some("s 1&")),
        "https://app.example/bye?a=1&state=s+1%26"
    );
    // One state: not another one before it.
    for (registered, expected) in [
        (
            "https://app.example/?state=old",
            "https://app.example/?state=new",
        ),
        (
            "https://app.example/?a=%20b&st%61te=x&c",
            "https://app.example/?a=%20b&c&state=new",
        ),
    ] {
        let uri = PostLogoutUri(registered.into());
        assert_eq!(uri.with_state(Some("new")), expected);
    }
}

/// Pieces that open redirects were made of.
fn piece() -> impl Strategy<Value = String> {
    const PIECES: [&str; 48] = [
        "https://app.example",
        "http://app.example",
        "https:",
        "http:",
        "//",
        "/",
        "\\",
        "@",
        ":",
        ";",
        "?",
        "#",
        "..",
        ".",
        "%2e",
        "%2E",
        "%252e",
        "%2f",
        "%5c",
        "%00",
        "%0d%0a",
        "%09",
        "%40",
        "%23",
        "in",
        "in/",
        "/in/",
        "x",
        "app.example",
        "evil.example",
        "user",
        "user:pw@",
        ":443",
        ":8443",
        ":80",
        "*",
        "+",
        "[::1]",
        "127.0.0.1",
        "localhost",
        "\u{3002}",
        "\u{ff0f}",
        "\t",
        "\n",
        " ",
        "code=1",
        "%",
        "javascript:",
    ];
    prop_oneof![
        8 => proptest::sample::select(&PIECES[..]).prop_map(str::to_owned),
        1 => any::<char>().prop_map(String::from),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    /// What passes goes, by a browser's reading, to the registered host by the registered scheme, to
    /// the port, and below the path; and it carries no name or password along.
    #[test]
    fn whatever_passes_leads_to_where_was_registered(
        registered in proptest::sample::select(&[
            "https://app.example/in/*", "https://app.example/in", "https://app.example*",
            "https://app.example:8443/*", "http://127.0.0.1/in/*", "https://app.example:*",
        ][..]),
        near: bool,
        pieces in proptest::collection::vec(piece(), 0..8),
    ) {
        let client = client(&json!({"redirectUris": [registered]}));
        let base = registered.trim_end_matches('*').trim_end_matches(':');
        let start = if near { base } else { "" };
        let asked = format!("{start}{}", pieces.concat());
        if let Some(passed) = redirect_uri(&client, BASE, &asked) {
            let (known, gone) = (Url::parse(base).unwrap(), Url::parse(passed.as_str()).unwrap());
            prop_assert_eq!(gone.scheme(), known.scheme(), "{}", asked);
            prop_assert_eq!(gone.host_str(), known.host_str(), "{}", asked);
            let any_port = registered.ends_with(":*") || registered.contains("127.0.0.1");
            prop_assert!(any_port || gone.port() == known.port(), "{}", asked);
            let below = known.path().trim_end_matches('/');
            prop_assert!(gone.path().starts_with(below), "{}", asked);
            prop_assert_eq!((gone.username(), gone.password()), ("", None), "{}", asked);
            prop_assert!(!gone.query().unwrap_or_default().contains("code=1&"), "{}", asked);
        }
    }

    /// No text makes it panic, and without a list nobody goes anywhere.
    #[test]
    fn any_text_is_judged(asked: String) {
        let none = client(&json!({"redirectUris": []}));
        prop_assert!(!is_redirect_uri(&none, BASE, &asked));
        let one = client(&json!({"redirectUris": ["https://app.example/*", "app:*"]}));
        let _ = is_redirect_uri(&one, BASE, &asked);
        let _ = is_redirect_uri(&one, BASE, &format!("https://app.example{asked}"));
    }
}
