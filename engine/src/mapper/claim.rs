//! Claims: how a mapper's values are converted (`jsonType.label`) and where they go (`claim.name`).

use std::borrow::Cow;

use claviger_wire::document::Json;
use claviger_wire::mapper::ProtocolMapper;
use serde_json::Value;

use super::Target;

/// How deep a `claim.name` may nest: deeper ones would only serve to exhaust a parser's stack.
const MAX_DEPTH: usize = 32;

/// Claims that say what the token is. Letting a mapper write them would forge it.
const PROTECTED: [&str; 8] = [
    "jti",
    "typ",
    "iat",
    "exp",
    "iss",
    "scope",
    "nonce",
    "session_state",
];

/// Members of the token endpoint's answer (RFC 6749 §5.1) that no mapper may write.
const PROTECTED_IN_RESPONSE: [&str; 9] = [
    "access_token",
    "token_type",
    "session_state",
    "expires_in",
    "id_token",
    "refresh_token",
    "refresh_expires_in",
    "not-before-policy",
    "scope",
];

/// What a mapper found, before conversion.
#[derive(Clone, Debug)]
pub(super) enum Found<'a> {
    /// A single value.
    One(&'a str),
    /// The values of something that may have many, in order.
    Many(Vec<&'a str>),
}

/// `oidc-hardcoded-claim-mapper`: a value that is in the settings.
pub(super) fn hardcoded(mapper: &ProtocolMapper, target: Target, claims: &mut Json) {
    if let Some(value) = mapper.config("claim.value") {
        put(mapper, target, &Found::One(value), claims);
    }
}

/// Converts what a mapper found as its settings say, and puts it where they say.
pub(super) fn put(mapper: &ProtocolMapper, target: Target, found: &Found<'_>, claims: &mut Json) {
    put_as(mapper, target, found, mapper.is_set("multivalued"), claims);
}

/// As [`put`], for mappers whose values make a list or not whatever the settings say.
pub(super) fn put_as(
    mapper: &ProtocolMapper,
    target: Target,
    found: &Found<'_>,
    multivalued: bool,
    claims: &mut Json,
) {
    let Some(name) = mapper.config("claim.name") else {
        return;
    };
    let label = mapper.config("jsonType.label");
    let value = match found {
        Found::One(text) => convert(label, text),
        Found::Many(texts) if multivalued => list(label, texts.iter().copied()),
        Found::Many(texts) => texts.first().and_then(|text| convert(label, text)),
    };
    if let Some(value) = value {
        let place = Place {
            path: &path(name),
            json: label == Some("JSON"),
            multivalued,
        };
        if !place.set(target, value, claims) {
            tracing::debug!(mapper = mapper.name, claim = name, "claim cannot be set");
        }
    }
}

/// Converts a list; what does not convert leaves a `null`. An empty list is no value at all.
pub(super) fn list<'a>(
    label: Option<&str>,
    texts: impl ExactSizeIterator<Item = &'a str>,
) -> Option<Value> {
    (texts.len() > 0).then(|| {
        Value::Array(
            texts
                .map(|text| convert(label, text).unwrap_or(Value::Null))
                .collect(),
        )
    })
}

/// Converts one value as `jsonType.label` says; none if the text is not of that type.
pub(super) fn convert(label: Option<&str>, text: &str) -> Option<Value> {
    match label {
        Some("boolean") => Some(Value::Bool(text.eq_ignore_ascii_case("true"))),
        Some("long") => text.parse::<i64>().ok().map(Value::from),
        Some("int") => text.parse::<i32>().ok().map(Value::from),
        // Whatever follows the first JSON value is left unread, as Keycloak does.
        Some("JSON") => serde_json::Deserializer::from_str(text)
            .into_iter()
            .next()?
            .ok(),
        Some(_) | None => Some(Value::String(text.to_owned())),
    }
}

/// Splits a `claim.name` at its dots; a backslash takes the meaning from the character after it.
/// What is left after a dot that has nothing before it is one component, dots included.
pub(super) fn path(name: &str) -> Vec<Cow<'_, str>> {
    let mut path = Vec::new();
    let mut rest = name;
    while let Some(dot) = first_dot(rest) {
        let (component, after) = rest.split_at(dot);
        path.push(unescape(component));
        rest = after.get(1..).unwrap_or_default();
    }
    if !rest.is_empty() {
        path.push(unescape(rest));
    }
    path
}

/// Where the first component ends: at a dot that is neither escaped nor the first character.
fn first_dot(text: &str) -> Option<usize> {
    let mut escaped = false;
    for (index, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'.' => return (index > 0).then_some(index),
            _ => {}
        }
    }
    None
}

fn unescape(text: &str) -> Cow<'_, str> {
    if !text.contains('\\') {
        return Cow::Borrowed(text);
    }
    let mut plain = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        // A backslash at the very end stands for itself.
        let escaped = if character == '\\' {
            characters.next()
        } else {
            None
        };
        plain.push(escaped.unwrap_or(character));
    }
    Cow::Owned(plain)
}

/// Where a claim goes, and how it treats one that is there already.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place<'a> {
    /// Names from the outermost object inwards.
    pub(super) path: &'a [Cow<'a, str>],
    /// Whether the value came out of JSON text: then lists are not lists of audiences.
    pub(super) json: bool,
    /// Whether values are added to those that are there, instead of replacing them.
    pub(super) multivalued: bool,
}

impl Place<'_> {
    /// Sets the claim; false if it is protected, nests too deep or is below one that is no object.
    pub(super) fn set(self, target: Target, value: Value, claims: &mut Json) -> bool {
        let Some(first) = self.path.first() else {
            return false;
        };
        let protected: &[&str] = match target {
            Target::TokenResponse => &PROTECTED_IN_RESPONSE,
            Target::Access
            | Target::LightweightAccess
            | Target::Id
            | Target::UserInfo
            | Target::Introspection => &PROTECTED,
        };
        if protected.contains(&first.as_ref()) {
            return false;
        }
        if target != Target::TokenResponse && is_known(first) {
            return self.path.len() == 1 && self.set_known(target, first, value, claims);
        }
        let Some((last, object)) = parent(self.path, claims) else {
            return false;
        };
        match object.get_mut(last) {
            Some(existing) if self.multivalued => merge(existing, value),
            _ => {
                object.insert(last.to_owned(), value);
            }
        }
        true
    }

    /// Sets a claim that has a type of its own. Userinfo shows none of these but `sub` and `aud`.
    fn set_known(self, target: Target, name: &str, value: Value, claims: &mut Json) -> bool {
        let value = match (name, value) {
            ("sub", value) => Value::String(text(value, self.json)),
            ("aud", Value::Array(list)) if !self.json || self.multivalued => audience(
                target,
                list.into_iter()
                    .map(|value| text(value, self.json))
                    .collect(),
            ),
            ("aud", value) => audience(target, vec![text(value, self.json)]),
            _ if target == Target::UserInfo => return true,
            ("auth_time", value) => match text(value, self.json).parse::<i64>() {
                Ok(seconds) => Value::from(seconds),
                Err(_) => return false,
            },
            (_, value) => Value::String(text(value, self.json)),
        };
        claims.insert(name.to_owned(), value);
        true
    }
}

/// Whether a claim has a type of its own, which a mapper cannot change.
fn is_known(name: &str) -> bool {
    matches!(name, "sub" | "azp" | "acr" | "auth_time" | "aud")
}

/// One audience is written as text, several as a list (RFC 7519 §4.1.3); userinfo always has a list.
fn audience(target: Target, mut names: Vec<String>) -> Value {
    match names.pop() {
        Some(only) if names.is_empty() && target != Target::UserInfo => Value::String(only),
        Some(last) => {
            names.push(last);
            Value::from(names)
        }
        None => Value::Array(Vec::new()),
    }
}

/// A value as text: lists in brackets, JSON as JSON.
fn text(value: Value, json: bool) -> String {
    match value {
        Value::String(text) if !json => text,
        Value::Array(list) if !json => {
            let parts: Vec<String> = list.into_iter().map(|value| text(value, json)).collect();
            format!("[{}]", parts.join(", "))
        }
        Value::Null
        | Value::Bool(_)
        | Value::Number(_)
        | Value::String(_)
        | Value::Array(_)
        | Value::Object(_) => value.to_string(),
    }
}

/// The object that a path's last name belongs into, made if it is not there yet. None if the path
/// is empty or too deep, or if something that is no object is in the way.
fn parent<'p, 'c>(
    path: &'p [Cow<'_, str>],
    claims: &'c mut Json,
) -> Option<(&'p str, &'c mut Json)> {
    let (last, outer) = path.split_last()?;
    if path.len() > MAX_DEPTH {
        return None;
    }
    let mut object = claims;
    for name in outer {
        if !object.contains_key(name.as_ref()) {
            object.insert(name.clone().into_owned(), Value::Object(Json::new()));
        }
        object = object.get_mut(name.as_ref())?.as_object_mut()?;
    }
    Some((last.as_ref(), object))
}

/// Adds values to those that are there, each once.
fn merge(existing: &mut Value, value: Value) {
    if !existing.is_array() {
        *existing = Value::Array(vec![existing.take()]);
    }
    let Value::Array(list) = existing else { return };
    let values = match value {
        Value::Array(values) => values,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => {
            vec![value]
        }
    };
    for value in values {
        if !list.contains(&value) {
            list.push(value);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::super::testing::mapper;
    use super::*;

    /// What the claims are after a list of `(claim.name, claim.value, type, multivalued)`.
    fn claims(target: Target, settings: &[(&str, &str, &str, &str)]) -> Value {
        let mut claims = Json::new();
        for (name, value, label, multivalued) in settings {
            let config = [
                ("claim.name", *name),
                ("claim.value", *value),
                ("jsonType.label", *label),
                ("multivalued", *multivalued),
            ];
            hardcoded(
                &mapper("oidc-hardcoded-claim-mapper", &config),
                target,
                &mut claims,
            );
        }
        Value::Object(claims)
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
            let mut claims = Json::new();
            put(&mapper("any", config), Target::Access, found, &mut claims);
            Value::Object(claims)
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
        let mapper = mapper("oidc-usermodel-attribute-mapper", &config);
        let mut claims = Json::new();
        claims.insert("aud".to_owned(), json!("app"));
        put(
            &mapper,
            Target::Access,
            &Found::Many(vec!["a", "b"]),
            &mut claims,
        );
        assert_eq!(claims["aud"], json!(["a", "b"]));
        put(
            &mapper,
            Target::Access,
            &Found::Many(vec!["a"]),
            &mut claims,
        );
        assert_eq!(claims["aud"], json!("a"));
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
}
