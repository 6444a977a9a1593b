//! Answers of Keycloak 26.7.4 to request bodies, good and bad.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn user(body: &str) -> Result<Value, JsonProblem> {
    parse("UserRepresentation", body.as_bytes()).map(Value::Object)
}

#[test]
fn values_are_taken_as_jackson_takes_them() {
    for (body, read) in [
        (r#"{"enabled":"true"}"#, json!({"enabled": true})),
        (r#"{"enabled":"TRUE"}"#, json!({"enabled": true})),
        (r#"{"enabled":" true "}"#, json!({"enabled": true})),
        (r#"{"enabled":1}"#, json!({"enabled": true})),
        (r#"{"enabled":-1}"#, json!({"enabled": true})),
        (r#"{"enabled":0}"#, json!({"enabled": false})),
        (r#"{"enabled":""}"#, json!({})),
        (r#"{"enabled":"null"}"#, json!({})),
        (r#"{"enabled":null}"#, json!({})),
        (r#"{"firstName":5}"#, json!({"firstName": "5"})),
        (r#"{"firstName":true}"#, json!({"firstName": "true"})),
        (r#"{"firstName":1.50}"#, json!({"firstName": "1.50"})),
        (r#"{"notBefore":"5"}"#, json!({"notBefore": 5})),
        (r#"{"notBefore":" -5 "}"#, json!({"notBefore": -5})),
        (r#"{"notBefore":5.7}"#, json!({"notBefore": 5})),
        (r#"{"notBefore":5e0}"#, json!({"notBefore": 5})),
        (r#"{"notBefore":""}"#, json!({})),
        (
            r#"{"createdTimestamp":5.9}"#,
            json!({"createdTimestamp": 5}),
        ),
        (
            r#"{"requiredActions":[5,null]}"#,
            json!({"requiredActions": ["5"]}),
        ),
        (
            r#"{"attributes":{"a":"b","c":["d",1]}}"#,
            json!({"attributes": {"a": ["b"], "c": ["d", "1"]}}),
        ),
        (r#"{"attributes":[]}"#, json!({"attributes": {}})),
        (r#"{"attributes":"x"}"#, json!({"attributes": {}})),
        (
            r#"{"access":{"a":"true","b":1,"c":null}}"#,
            json!({"access": {"a": true, "b": true, "c": null}}),
        ),
        (
            r#"{"enabled":true,"enabled":false}"#,
            json!({"enabled": false}),
        ),
        (r#"{"enabled":true} x"#, json!({"enabled": true})),
        ("\u{feff}{}", json!({})),
    ] {
        assert_eq!(user(body), Ok(read), "{body}");
    }
}

#[test]
fn wrong_types_are_refused() {
    for body in [
        r#"{"enabled":"yes"}"#,
        r#"{"enabled":"TruE"}"#,
        r#"{"enabled":1.5}"#,
        r#"{"enabled":[true]}"#,
        r#"{"enabled":{}}"#,
        r#"{"firstName":["a"]}"#,
        r#"{"firstName":{"a":1}}"#,
        r#"{"requiredActions":"UPDATE_PASSWORD"}"#,
        r#"{"requiredActions":""}"#,
        r#"{"groups":[["a"]]}"#,
        r#"{"notBefore":"x"}"#,
        r#"{"notBefore":"5.7"}"#,
        r#"{"notBefore":"99999999999"}"#,
        r#"{"notBefore":true}"#,
        r#"{"credentials":"x"}"#,
        r#"{"credentials":{"type":"password"}}"#,
        r#"{"credentials":[{"config":{"a":"b"}}]}"#,
        r#"{"access":{"a":"x"}}"#,
        r#"{"access":""}"#,
        r#"{"clientRoles":{"a":"b"}}"#,
        r#"{"clientRoles":[]}"#,
        r#"{"userProfileMetadata":""}"#,
        r#"{"enabled":"yes","nope":1}"#,
        "[]",
        "\"x\"",
        "5",
    ] {
        assert_eq!(user(body), Err(JsonProblem::WrongType), "{body}");
    }
}

#[test]
fn broken_json_is_told_from_json_broken_within_a_value() {
    for body in [
        "{",
        r#"{"enabled":true,}"#,
        "{'enabled':true}",
        "{enabled:true}",
        "// c\n{}",
        r#"{"nope":"#,
        r#"{"nope":NaN}"#,
        r#"{"firstName":01}"#,
        r#"{"firstName":.5}"#,
        r#"{"firstName":"x""#,
        r#"{"first\qName":"x"}"#,
        r#"{"firstName":"x" "y"}"#,
        r#"{"firstName":tru}"#,
    ] {
        assert_eq!(user(body), Err(JsonProblem::Broken), "{body}");
    }
    for body in [
        r#"{"credentials":[{"type":"x",}]}"#,
        r#"{"credentials":[tru]}"#,
        r#"{"requiredActions":["a",]}"#,
        r#"{"attributes":{"a":["b"}"#,
        r#"{"firstName":"\q"}"#,
        "{\"firstName\":\"a\tb\"}",
        r#"{"firstName":"x}"#,
        r#"{"enabled":"tr"#,
        r#"{"notBefore":99999999999}"#,
        r#"{"createdTimestamp":99999999999999999999}"#,
        // Keycloak takes half a pair of surrogates; it is no text.
        r#"{"firstName":"\ud800"}"#,
    ] {
        assert_eq!(user(body), Err(JsonProblem::BrokenWithin), "{body}");
    }
    for body in ["", "   ", "null"] {
        assert_eq!(user(body), Err(JsonProblem::Empty), "{body}");
    }
}

#[test]
fn unknown_members_are_refused_with_keycloaks_place() {
    for (body, class, field, line, column) in [
        (r#"{"nope":1}"#, "UserRepresentation", "nope", 1, 10),
        (r#"{"nope":"abc"}"#, "UserRepresentation", "nope", 1, 10),
        (r#"{"nope":true}"#, "UserRepresentation", "nope", 1, 13),
        (r#"{"nope":null}"#, "UserRepresentation", "nope", 1, 13),
        (r#"{"nope":1.5e3 }"#, "UserRepresentation", "nope", 1, 14),
        (r#"{"nope":[1,2]}"#, "UserRepresentation", "nope", 1, 10),
        (r#"{"nope": {"a":}}"#, "UserRepresentation", "nope", 1, 11),
        (
            r#"{"nope" : "x", "b":1}"#,
            "UserRepresentation",
            "nope",
            1,
            12,
        ),
        ("{\"nope\"\n:\n\"x\"}", "UserRepresentation", "nope", 3, 2),
        (
            "{\n  \"enabled\": true,\n  \"nope\" : {\"x\":1}\n}",
            "UserRepresentation",
            "nope",
            3,
            13,
        ),
        (
            r#"{"firstName":"üü","nope":1}"#,
            "UserRepresentation",
            "nope",
            1,
            29,
        ),
        (
            r#"{"firstName":"😀","nope":1}"#,
            "UserRepresentation",
            "nope",
            1,
            29,
        ),
        (r#"{"n\u0041":1}"#, "UserRepresentation", "nA", 1, 13),
        (
            r#"{"credentials":[{"nope":"x"}]}"#,
            "CredentialRepresentation",
            "nope",
            1,
            26,
        ),
        (
            r#"{"userProfileMetadata":{"attributes":[{"nope":1}]}}"#,
            "UserProfileAttributeMetadata",
            "nope",
            1,
            48,
        ),
    ] {
        let (class, field) = (class.to_owned(), field.to_owned());
        let problem = JsonProblem::Unrecognized {
            class,
            field,
            line,
            column,
        };
        assert_eq!(user(body), Err(problem), "{body}");
    }
    let problem = parse("RoleRepresentation", br#"{"composites":{"nope":1}}"#).unwrap_err();
    let text = "Invalid json representation for Composites. Unrecognized field \"nope\" at line 1 column 24.";
    assert_eq!(problem.to_string(), text);
}

#[test]
fn some_classes_pass_over_what_they_do_not_know() {
    let scope = parse(
        "ClientScopeRepresentation",
        br#"{"name":"x","nope":{"a":[1]}}"#,
    );
    assert_eq!(scope.map(Value::Object), Ok(json!({"name": "x"})));
}

#[test]
fn enums_and_free_members() {
    let realm = |body: &str| parse("RealmRepresentation", body.as_bytes()).map(Value::Object);
    assert_eq!(
        realm(r#"{"bruteForceStrategy":"linear"}"#),
        Err(JsonProblem::WrongType)
    );
    let read =
        realm(r#"{"bruteForceStrategy":0,"clientPolicies":{"x":null},"eventsExpiration":"5"}"#);
    let expected = json!({
        "bruteForceStrategy": "LINEAR", "clientPolicies": {"x": null}, "eventsExpiration": 5,
    });
    assert_eq!(read, Ok(expected));
}

#[test]
fn lists_of_representations() {
    let roles = |body: &str| parse_list("RoleRepresentation", body.as_bytes());
    assert_eq!(roles("[]"), Ok(Vec::new()));
    assert_eq!(roles("[null]"), Ok(Vec::new()));
    assert_eq!(roles(r#"{"name":"x"}"#), Err(JsonProblem::WrongType));
    assert_eq!(roles(""), Err(JsonProblem::Empty));
    let problem = roles(r#"[{"nope":1}]"#).unwrap_err();
    assert!(
        matches!(problem, JsonProblem::Unrecognized { column: 11, .. }),
        "{problem:?}"
    );
    assert_eq!(
        parse_texts(br#"["a",5]"#),
        Ok(vec!["a".to_owned(), "5".to_owned()])
    );
}

#[test]
fn limits() {
    let large = vec![b' '; MAX_BODY_BYTES + 1];
    assert_eq!(
        parse("UserRepresentation", &large),
        Err(JsonProblem::TooLarge)
    );
    let deep = format!("{{\"a\":{}", "[".repeat(200));
    assert_eq!(parse_any(deep.as_bytes()), Err(JsonProblem::BrokenWithin));
    let many = format!(
        "{{\"requiredActions\":[{}\"\"]}}",
        "\"\",".repeat(MAX_VALUES)
    );
    assert_eq!(user(&many), Err(JsonProblem::TooLarge));
}

#[test]
fn every_class_and_type_of_the_schema_exists() {
    fn classes(kind: &Type) -> Vec<&str> {
        match kind {
            Type::Class(name) => vec![name],
            Type::List(kind) | Type::Map(kind) => classes(kind),
            Type::Enum(names) => {
                assert!(!names.is_empty());
                Vec::new()
            }
            Type::Text | Type::Flag | Type::Int | Type::Long | Type::Any | Type::Attributes => {
                Vec::new()
            }
        }
    }
    for (name, class) in SCHEMA.iter() {
        for (field, kind) in &class.fields {
            for class in classes(kind) {
                assert!(SCHEMA.contains_key(class), "{name}.{field}: {class}");
            }
        }
    }
    assert!(knows("UserRepresentation", "username") && !knows("UserRepresentation", "nope"));
}

#[test]
fn realm_files_keep_what_nobody_knows() {
    let file = json!({
        "realm": "shop", "enabled": "true", "nope": 1, "displayName": null,
        "clients": [{"clientId": "a", "odd": {"x": 1}}, {"clientId": 5}],
    });
    let checked = check_lenient("RealmRepresentation", file).unwrap();
    assert_eq!(checked.unknown, ["nope", "clients[0].odd"]);
    let expected = json!({
        "realm": "shop", "enabled": true, "nope": 1,
        "clients": [{"clientId": "a", "odd": {"x": 1}}, {"clientId": "5"}],
    });
    assert_eq!(Value::Object(checked.body), expected);
    let wrong = json!({"clients": [{"clientId": "a", "enabled": "perhaps"}]});
    let wrong = check_lenient("RealmRepresentation", wrong).unwrap_err();
    assert_eq!(wrong.path, "clients[0].enabled");
}

/// Any JSON value.
fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(|flag| json!(flag)),
        any::<i64>().prop_map(|number| json!(number)),
        (-1e9_f64..1e9).prop_map(|number| json!(number)),
        any::<String>().prop_map(|text| json!(text)),
    ];
    leaf.prop_recursive(4, 64, 8, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..8).prop_map(Value::Array),
            prop::collection::vec((any::<String>(), inner), 0..8)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn json_is_read_as_every_reader_does(value in value()) {
        let text = json!({"x": value}).to_string();
        let read = parse_any(text.as_bytes()).map(Value::Object);
        prop_assert_eq!(read, Ok(serde_json::from_str::<Value>(&text).unwrap()));
    }

    #[test]
    fn no_bytes_are_too_strange(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = parse("RealmRepresentation", &bytes);
    }

    #[test]
    fn what_is_refused_as_broken_is_broken(text in r#"\{"x":[\[\]{}",:0-9a-z\\ ]{0,30}\}"#) {
        let ours = parse_any(text.as_bytes()).is_ok();
        let mut theirs = serde_json::Deserializer::from_str(&text);
        let theirs = Value::deserialize(&mut theirs);
        prop_assert_eq!(ours, theirs.is_ok_and(|value| value.is_object()), "{}", text);
    }
}
