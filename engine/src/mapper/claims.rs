//! The claims of a token in the making.

use std::borrow::Cow;

use claviger_wire::document::Json;
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::Value;

/// A name of a claim; most are known when the program is built.
type Name = Cow<'static, str>;

/// Names and values, each name once, in order. A token has two dozen of them: to look at each costs
/// less than the hashes of a map.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Claims(Vec<(Name, Value)>);

impl Claims {
    /// None yet.
    pub fn with_capacity(capacity: usize) -> Self {
        Self(Vec::with_capacity(capacity))
    }

    /// A claim's value.
    pub fn get(&self, name: &str) -> Option<&Value> {
        let mut all = self.0.iter();
        all.find(|(known, _)| known == name).map(|(_, value)| value)
    }

    /// A claim's value, to be changed.
    pub fn get_mut(&mut self, name: &str) -> Option<&mut Value> {
        let mut all = self.0.iter_mut();
        all.find(|(known, _)| known == name).map(|(_, value)| value)
    }

    /// A claim's value as text.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.get(name).and_then(Value::as_str)
    }

    /// Sets a claim; one that is there keeps its place.
    pub fn insert(&mut self, name: impl Into<Name>, value: impl Into<Value>) {
        let (name, value) = (name.into(), value.into());
        match self.get_mut(&name) {
            Some(known) => *known = value,
            None => self.0.push((name, value)),
        }
    }

    /// Takes a claim out.
    pub fn remove(&mut self, name: &str) -> Option<Value> {
        let place = self.0.iter().position(|(known, _)| known == name)?;
        Some(self.0.remove(place).1)
    }

    /// Keeps the claims whose names a rule lets pass.
    #[cfg(feature = "scripts")]
    pub(super) fn retain(&mut self, keep: impl Fn(&str) -> bool) {
        self.0.retain(|(name, _)| keep(name));
    }

    /// Puts the well-known claims into Keycloak's order, before all others, which keep theirs.
    pub fn arrange(&mut self) {
        self.0.sort_by_cached_key(|(name, _)| rank(name));
    }

    /// Names and values, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.0.iter().map(|(name, value)| (&**name, value))
    }

    /// A JSON object of them.
    pub fn into_json(self) -> Json {
        let all = self.0.into_iter();
        all.map(|(name, value)| (name.into_owned(), value))
            .collect()
    }
}

impl From<Json> for Claims {
    fn from(object: Json) -> Self {
        let all = object.into_iter();
        Self(all.map(|(name, value)| (Cow::Owned(name), value)).collect())
    }
}

impl Serialize for Claims {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in self.iter() {
            object.serialize_entry(name, value)?;
        }
        object.end()
    }
}

/// The place of a claim among those that the server itself knows, in the order in which Keycloak
/// writes them; all others come last.
fn rank(name: &str) -> u8 {
    match name {
        "exp" => 0,
        "nbf" => 1,
        "iat" => 2,
        "auth_time" => 3,
        "jti" => 4,
        "iss" => 5,
        "aud" => 6,
        "sub" => 7,
        "typ" => 8,
        "azp" => 9,
        "nonce" => 10,
        "sid" => 11,
        "at_hash" => 12,
        "c_hash" => 13,
        "acr" => 14,
        "s_hash" => 15,
        "trusted-certs" => 16,
        "allowed-origins" => 17,
        "realm_access" => 18,
        "resource_access" => 19,
        "authorization" => 20,
        "cnf" => 21,
        "scope" => 22,
        "authorization_details" => 23,
        _ => 24,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn claims(object: &Value) -> Claims {
        object.as_object().unwrap().clone().into()
    }

    #[test]
    fn claims_are_arranged() {
        let object = json!({"b": 1, "scope": "x", "a": 2, "acr": "1", "iat": 5, "exp": 6});
        let mut claims = claims(&object);
        claims.arrange();
        let names: Vec<&str> = claims.iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["exp", "iat", "acr", "scope", "b", "a"]);
    }

    #[test]
    fn a_claim_is_there_once_and_keeps_its_place() {
        let mut claims = claims(&json!({"a": 1, "b": "x", "c": [true, null]}));
        claims.insert("a", 2);
        claims.insert("d".to_owned(), "y");
        assert_eq!(claims.remove("c"), Some(json!([true, null])));
        assert_eq!((claims.remove("c"), claims.text("b")), (None, Some("x")));
        let text = serde_json::to_string(&claims).unwrap();
        assert_eq!(text, r#"{"a":2,"b":"x","d":"y"}"#);
        assert_eq!(Value::Object(claims.into_json()).to_string(), text);
    }
}
