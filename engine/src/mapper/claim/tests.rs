//! Claims by name, type and number of values, as Keycloak writes them.

use proptest::prelude::*;
use serde_json::json;

use super::super::testing::ready;
use super::*;

/// What the claims are after a list of `(claim.name, claim.value, type, multivalued)`.
fn claims(target: Target, settings: &[(&str, &str, &str, &str)]) -> Value {
    let mut claims = Claims::default();
    for (name, value, label, multivalued) in settings {
        let config = [
            ("claim.name", *name),
            ("claim.value", *value),
            ("jsonType.label", *label),
            ("multivalued", *multivalued),
        ];
        hardcoded(
            &ready("oidc-hardcoded-claim-mapper", &config),
            target,
            &mut claims,
        );
    }
    Value::Object(claims.into_json())
}

#[test]
fn names_split_at_dots() {
    let cases: [(&str, &[&str]); 12] = [
        ("", &[]),
        ("a", &["a"]),
        ("a.b.c", &["a", "b", "c"]),
        (r"a\.b.c", &["a.b", "c"]),
        (r"a\\.b", &[r"a\", "b"]),
        (r"\q\_", &["q_"]),
        (r"a\", &[r"a\"]),
        ("a.", &["a"]),
        (".lead", &[".lead"]),
        ("a..q", &["a", ".q"]),
        ("...", &["..."]),
        ("ü.ß", &["ü", "ß"]),
    ];
    for (name, expected) in cases {
        assert_eq!(path(name), expected, "{name}");
    }
}

#[test]
fn types_convert_or_leave_nothing() {
    let cases = [
        (None, "x", Some(json!("x"))),
        (Some("String"), "", Some(json!(""))),
        (Some("unheard-of"), "x", Some(json!("x"))),
        (Some("boolean"), "TRUE", Some(json!(true))),
        (Some("boolean"), "yes", Some(json!(false))),
        (Some("long"), "99999999999", Some(json!(99_999_999_999_i64))),
        (Some("long"), "+5", Some(json!(5))),
        (Some("long"), " 5", None),
        (Some("long"), "", None),
        (Some("int"), "99999999999", None),
        (Some("int"), "-5", Some(json!(-5))),
        (
            Some("JSON"),
            r#"[1,"a",{"k":1.0}]"#,
            Some(json!([1, "a", {"k": 1.0}])),
        ),
        (Some("JSON"), "null", Some(Value::Null)),
        (Some("JSON"), "1 2", Some(json!(1))),
        (Some("JSON"), "{x", None),
        (Some("JSON"), "", None),
    ];
    for (label, text, expected) in cases {
        assert_eq!(convert(label, text), expected, "{label:?} {text:?}");
    }
}

#[test]
fn lists_keep_a_gap_where_a_value_does_not_convert() {
    let found = Found::Many(vec!["1", "x", "3"]);
    let put = |config: &[(&str, &str)], found: &Found<'_>| {
        let mut claims = Claims::default();
        put(&ready("any", config), Target::Access, found, &mut claims);
        Value::Object(claims.into_json())
    };
    let int = [("claim.name", "n"), ("jsonType.label", "int")];
    assert_eq!(put(&int, &found), json!({"n": 1}));
    let ints = [int[0], int[1], ("multivalued", "true")];
    assert_eq!(put(&ints, &found), json!({"n": [1, null, 3]}));
    assert_eq!(put(&ints, &Found::Many(Vec::new())), json!({}));
    assert_eq!(put(&ints[1..], &found), json!({}));
}

#[test]
fn claims_nest_and_merge() {
    let nested = [
        ("a.b", "1", "", ""),
        ("a.c.d", "2", "", ""),
        ("a..q", "6", "", ""),
    ];
    let expected = json!({"a": {"b": "1", "c": {"d": "2"}, ".q": "6"}});
    assert_eq!(claims(Target::Access, &nested), expected);

    let replaced = [("m", "1", "", ""), ("m", "2", "", "")];
    assert_eq!(claims(Target::Access, &replaced), json!({"m": "2"}));
    let merged = [
        ("m", "1", "", "true"),
        ("m", "2", "", "true"),
        ("m", "1", "", "true"),
    ];
    assert_eq!(claims(Target::Access, &merged), json!({"m": ["1", "2"]}));

    let in_the_way = [("m", "1", "", ""), ("m.n", "2", "", "")];
    assert_eq!(claims(Target::Access, &in_the_way), json!({"m": "1"}));
}

#[test]
fn known_claims_keep_their_types() {
    let cases = [
        (("sub", "5", "int"), json!({"sub": "5"})),
        (("azp", "other", ""), json!({"azp": "other"})),
        (("acr", "7", "int"), json!({"acr": "7"})),
        (("auth_time", "12", ""), json!({"auth_time": 12})),
        (("auth_time", "noon", ""), json!({})),
        (("aud", "a", ""), json!({"aud": "a"})),
        (
            ("aud", r#"["a","b"]"#, "JSON"),
            json!({"aud": r#"["a","b"]"#}),
        ),
        (("sub.x", "1", ""), json!({})),
    ];
    for ((name, value, label), expected) in cases {
        assert_eq!(
            claims(Target::Id, &[(name, value, label, "")]),
            expected,
            "{name} {value}"
        );
    }
    let user_info = [
        ("acr", "7", "", ""),
        ("azp", "x", "", ""),
        ("aud", "a", "", ""),
    ];
    assert_eq!(claims(Target::UserInfo, &user_info), json!({"aud": ["a"]}));
}

#[test]
fn a_list_of_audiences_replaces_the_audience() {
    let config = [("claim.name", "aud"), ("multivalued", "true")];
    let mapper = ready("oidc-usermodel-attribute-mapper", &config);
    let mut claims = Claims::default();
    claims.insert("aud".to_owned(), json!("app"));
    put(
        &mapper,
        Target::Access,
        &Found::Many(vec!["a", "b"]),
        &mut claims,
    );
    assert_eq!(claims.get("aud"), Some(&json!(["a", "b"])));
    put(
        &mapper,
        Target::Access,
        &Found::Many(vec!["a"]),
        &mut claims,
    );
    assert_eq!(claims.text("aud"), Some("a"));
}

#[test]
fn nobody_forges_what_the_token_is() {
    for name in PROTECTED {
        let nested = format!("{name}.x");
        let settings = [(name, "1", "", ""), (nested.as_str(), "1", "", "")];
        assert_eq!(claims(Target::Access, &settings), json!({}), "{name}");
    }
    for name in PROTECTED_IN_RESPONSE {
        let settings = [(name, "1", "", "")];
        assert_eq!(
            claims(Target::TokenResponse, &settings),
            json!({}),
            "{name}"
        );
    }
    let settings = [("sub", "x", "", ""), ("n.x", "1", "int", "")];
    let expected = json!({"sub": "x", "n": {"x": 1}});
    assert_eq!(claims(Target::TokenResponse, &settings), expected);
}

#[test]
fn depth_ends() {
    let name = "a.".repeat(MAX_DEPTH) + "a";
    assert_eq!(
        claims(Target::Access, &[(name.as_str(), "1", "", "")]),
        json!({})
    );
}

proptest! {
    #[test]
    fn escaping_brings_every_name_back(names in prop::collection::vec("[a.\\\\ü]{1,4}", 1..4)) {
        let escape = |name: &String| name.replace('\\', r"\\").replace('.', r"\.");
        let joined = names.iter().map(escape).collect::<Vec<_>>().join(".");
        prop_assert_eq!(path(&joined), names);
    }

    #[test]
    fn any_setting_is_survived(name in ".{0,12}", value in ".{0,12}", label in "(JSON|long|)") {
        claims(Target::Id, &[(name.as_str(), value.as_str(), label.as_str(), "true")]);
    }
}
