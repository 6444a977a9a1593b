//! What chance chooses, and what it chooses from.

use proptest::prelude::Rng;
use proptest::test_runner::{RngAlgorithm, TestRng};
use serde_json::{Map, Value, json};

/// Names that mean something in the shop, or at any server.
const NAMES: [&str; 24] = [
    "customer",
    "manager",
    "harmless",
    "web",
    "app",
    "alice",
    "bob",
    "staff",
    "newcomers",
    "partner",
    "browser",
    "direct grant",
    "openid-connect",
    "saml",
    "oidc",
    "docker-v2",
    "profile",
    "email",
    "offline_access",
    "shop",
    "master",
    "account",
    "realm-management",
    "default-roles-shop",
];
/// Texts that go wrong somewhere.
const TEXTS: [&str; 26] = [
    "",
    " ",
    "x",
    "true",
    "0",
    "null",
    "[]",
    "{}",
    "a,b",
    "a b",
    "../..",
    "%2e%2e",
    "a/b",
    "a\\b",
    "'; --",
    "\"",
    "<b>x</b>",
    "${vault.x}",
    "${x}",
    "\u{0}",
    "\u{202e}x",
    "Ünïcödé",
    "🎉",
    "e\u{301}",
    "http://x.example/*",
    "not a url:",
];

/// Chance, the same for the same seed.
pub struct Dice(TestRng);

impl Dice {
    pub fn of(seed: u64) -> Self {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_be_bytes());
        Self(TestRng::from_seed(RngAlgorithm::ChaCha, &bytes))
    }

    pub fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.0.next_u64() % u64::try_from(end.max(1)).unwrap()).unwrap()
    }

    pub fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }

    pub fn text(&mut self) -> String {
        match self.below(10) {
            0..=3 => format!("n{}", self.below(1000)),
            4..=5 => (*self.pick(&NAMES)).to_owned(),
            6 => self.uuid(),
            7..=8 => (*self.pick(&TEXTS)).to_owned(),
            _ => "long".repeat(1 + self.below(400)),
        }
    }

    pub fn uuid(&mut self) -> String {
        let (high, low) = (self.0.next_u64(), self.0.next_u64());
        let text = format!("{high:016x}{low:016x}");
        let parts = [
            &text[..8],
            &text[8..12],
            &text[12..16],
            &text[16..20],
            &text[20..],
        ];
        parts.join("-")
    }

    pub fn number(&mut self, long: bool) -> Value {
        let edges = [
            0,
            1,
            -1,
            60,
            300,
            86_400,
            i64::from(i32::MAX),
            i64::from(i32::MIN),
        ];
        match self.below(10) {
            9 if long => json!(self.pick(&[i64::MAX, i64::MIN, 1 << 53])),
            0..=4 => json!(self.below(1000)),
            _ => json!(self.pick(&edges)),
        }
    }

    /// A value that a schema allows.
    pub fn value(&mut self, schema: &Value, document: &Value, depth: usize) -> Value {
        if let Some(place) = schema["$ref"].as_str() {
            let found = document.pointer(place.trim_start_matches('#')).unwrap();
            return self.value(found, document, depth);
        }
        if let Some(names) = schema["enum"].as_array() {
            return self.pick(names).clone();
        }
        let room = if depth > 4 { 0 } else { 1 + self.below(3) };
        match schema["type"].as_str() {
            Some("string") => json!(self.text()),
            Some("integer") => self.number(schema["format"] == "int64"),
            Some("boolean") => json!(self.chance(50)),
            Some("array") => {
                let element = &schema["items"];
                (0..room)
                    .map(|_| self.value(element, document, depth + 1))
                    .collect()
            }
            Some("object") => self.object(schema, document, depth),
            _ => self.oddity(),
        }
    }

    fn object(&mut self, schema: &Value, document: &Value, depth: usize) -> Value {
        let mut object = Map::new();
        if let Some(members) = schema["properties"].as_object() {
            let usual = if depth > 3 {
                0
            } else {
                500 / members.len().max(5)
            };
            for (name, schema) in members {
                let named = matches!(
                    name.as_str(),
                    "name"
                        | "username"
                        | "clientId"
                        | "alias"
                        | "realm"
                        | "providerId"
                        | "type"
                        | "value"
                );
                let likely = if named { 80 } else { usual.min(60) };
                if self.chance(likely) {
                    object.insert(name.clone(), self.value(schema, document, depth + 1));
                }
            }
        }
        let values = &schema["additionalProperties"];
        if values.is_object() && depth <= 4 {
            for _ in 0..self.below(3) {
                object.insert(self.text(), self.value(values, document, depth + 1));
            }
        }
        Value::Object(object)
    }

    /// A value that fits few places.
    pub fn oddity(&mut self) -> Value {
        match self.below(14) {
            0..=1 => Value::Null,
            2 => json!(true),
            3 => json!(-1),
            4 => json!(1e300),
            5 => json!(u64::MAX),
            6 => json!(0.5),
            7 => json!("x".repeat(100_000)),
            8 => json!([]),
            9 => json!({}),
            10 => json!([null]),
            11 => json!({"a": {"b": [1, "c", null]}}),
            12 => (0..60).fold(json!(1), |inner, _| json!([inner])),
            _ => json!(self.text()),
        }
    }

    /// Puts an oddity somewhere into a value, or takes a member away, or adds one.
    pub fn spoil(&mut self, value: &mut Value) {
        let deeper = self.chance(70);
        match value {
            Value::Object(members) if deeper && !members.is_empty() => {
                let at = self.below(members.len());
                let name = members.keys().nth(at).unwrap().clone();
                match self.below(8) {
                    0 => drop(members.shift_remove(&name)),
                    1 => drop(members.insert("nobodyKnowsThis".to_owned(), json!(1))),
                    _ => self.spoil(&mut members[&name]),
                }
            }
            Value::Array(elements) if deeper && !elements.is_empty() => {
                let at = self.below(elements.len());
                self.spoil(&mut elements[at]);
            }
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::String(_)
            | Value::Array(_)
            | Value::Object(_) => *value = self.oddity(),
        }
    }

    /// A body that is no JSON, or other JSON than anybody expects.
    pub fn rubbish(&mut self, good: &Value) -> Vec<u8> {
        let good = good.to_string().into_bytes();
        match self.below(12) {
            0 => Vec::new(),
            1 => b"null".to_vec(),
            2 => b"[]".to_vec(),
            3 => b"{}".to_vec(),
            4 => b"\"x\"".to_vec(),
            5 => b"17".to_vec(),
            6 => b"{".to_vec(),
            7 => good[..self.below(good.len())].to_vec(),
            8 => vec![0xff, 0xfe, 0x00],
            9 => "[".repeat(20_000).into_bytes(),
            10 => b"{\"a\":".repeat(5_000),
            _ => [good.as_slice(), b"x"].concat(),
        }
    }
}
