//! Claims: how a mapper's values are converted (`jsonType.label`) and where they go (`claim.name`).

use std::borrow::Cow;

use claviger_wire::document::Json;
use serde_json::Value;

use super::{Claims, Mapper, Target};

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
pub(super) fn hardcoded(mapper: &Mapper, target: Target, claims: &mut Claims) {
    if let Some(value) = mapper.config("claim.value") {
        put(mapper, target, &Found::One(value), claims);
    }
}

/// Converts what a mapper found as its settings say, and puts it where they say.
pub(super) fn put(mapper: &Mapper, target: Target, found: &Found<'_>, claims: &mut Claims) {
    if let Some(spot) = &mapper.spot {
        put_as(mapper, target, found, spot.multivalued, claims);
    }
}

/// As [`put`], for mappers whose values make a list or not whatever the settings say.
pub(super) fn put_as(
    mapper: &Mapper,
    target: Target,
    found: &Found<'_>,
    multivalued: bool,
    claims: &mut Claims,
) {
    let Some(spot) = &mapper.spot else {
        return;
    };
    let label = spot.label.as_deref();
    let value = match found {
        Found::One(text) => convert(label, text),
        Found::Many(texts) if multivalued => list(label, texts.iter().copied()),
        Found::Many(texts) => texts.first().and_then(|text| convert(label, text)),
    };
    if let Some(value) = value {
        let place = Place {
            path: &spot.path,
            json: label == Some("JSON"),
            multivalued,
        };
        if !place.set(target, value, claims) {
            tracing::debug!(mapper = mapper.name, "claim cannot be set");
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
    pub(super) fn set(self, target: Target, value: Value, claims: &mut Claims) -> bool {
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
        let [outermost, inner @ ..] = self.path else {
            return false;
        };
        let Some((last, outer)) = inner.split_last() else {
            match claims.get_mut(outermost) {
                Some(existing) if self.multivalued => merge(existing, value),
                _ => claims.insert(outermost.clone().into_owned(), value),
            }
            return true;
        };
        let Some(object) = parent(outermost, outer, claims) else {
            return false;
        };
        match object.get_mut(last.as_ref()) {
            Some(existing) if self.multivalued => merge(existing, value),
            _ => {
                object.insert(last.clone().into_owned(), value);
            }
        }
        true
    }

    /// Sets a claim that has a type of its own. Userinfo shows none of these but `sub` and `aud`.
    fn set_known(self, target: Target, name: &str, value: Value, claims: &mut Claims) -> bool {
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
/// is too deep, or if something that is no object is in the way.
fn parent<'c>(
    outermost: &str,
    outer: &[Cow<'_, str>],
    claims: &'c mut Claims,
) -> Option<&'c mut Json> {
    // These, the outermost and the last.
    if outer.len() + 2 > MAX_DEPTH {
        return None;
    }
    if claims.get(outermost).is_none() {
        claims.insert(outermost.to_owned(), Json::new());
    }
    let mut object = claims.get_mut(outermost)?.as_object_mut()?;
    for name in outer {
        if !object.contains_key(name.as_ref()) {
            object.insert(name.clone().into_owned(), Value::Object(Json::new()));
        }
        object = object.get_mut(name.as_ref())?.as_object_mut()?;
    }
    Some(object)
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
mod tests;
