//! Operations as the description tells them: requests are made of it, and answers held to it.

use std::collections::HashMap;

use axum::http::Method;
use claviger_testkit::Reply;
use jsonschema::Validator;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use super::dice::Dice;
use super::things::Things;
use crate::world::Shop;

/// Where clients of Keycloak know a failure, which is described. There will be no more of them.
const KNOWN_FAILURES: [&str; 4] = [
    "createUser",
    "sendExecuteActionsEmail",
    "sendResetPasswordEmail",
    "sendVerifyEmail",
];

/// One operation of the description.
#[derive(Clone, Debug)]
pub struct Operation {
    pub name: String,
    pub method: Method,
    pub path: String,
    told: Value,
}

/// A request that was made up.
#[derive(Clone, Debug)]
pub struct Made {
    pub address: String,
    kind: Option<String>,
    body: Vec<u8>,
}

/// All operations: reading first, then what makes, what changes, and last what takes away.
pub fn operations(document: &Value) -> Vec<Operation> {
    const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];
    let mut all = Vec::new();
    for (at, method) in METHODS.iter().enumerate() {
        let paths = document["paths"].as_object().unwrap();
        let mut some: Vec<Operation> = paths
            .iter()
            .filter(|(_, item)| item[method].is_object())
            .map(|(path, item)| Operation {
                name: item[method]["operationId"].as_str().unwrap().to_owned(),
                method: METHODS[at].to_ascii_uppercase().parse().unwrap(),
                path: path.clone(),
                told: item[method].clone(),
            })
            .collect();
        // What hangs below something goes before that thing itself.
        some.sort_by_key(|operation| std::cmp::Reverse(operation.path.matches('/').count()));
        all.extend(some);
    }
    all
}

impl Operation {
    pub fn reads(&self) -> bool {
        self.method == Method::GET
    }

    /// Makes a request up. Most of it is good, most of the time.
    pub async fn make(
        &self,
        shop: &Shop,
        document: &Value,
        things: &mut Things,
        dice: &mut Dice,
    ) -> Made {
        let mut address = String::new();
        let mut template = String::new();
        for segment in self.path.split('/').skip(1) {
            template.push('/');
            template.push_str(segment);
            let filled = match segment
                .strip_prefix('{')
                .and_then(|name| name.strip_suffix('}'))
            {
                None => segment.to_owned(),
                Some(name) if dice.chance(85) => {
                    let place = (address.as_str(), template.as_str(), name);
                    let thing = things.find(shop, document, place, dice).await;
                    let thing = thing.unwrap_or_else(|| dice.uuid());
                    if name == "path" {
                        thing
                    } else {
                        encoded(&thing)
                    }
                }
                Some(name) => encoded(&rubbish(name, dice)),
            };
            address.push('/');
            address.push_str(&filled);
        }
        address.push_str(&self.query(dice));
        let (kind, body) = self.body(document, dice);
        Made {
            address,
            kind,
            body,
        }
    }

    fn query(&self, dice: &mut Dice) -> String {
        let mut pairs = Vec::new();
        for parameter in self.told["parameters"].as_array().into_iter().flatten() {
            if !dice.chance(35) {
                continue;
            }
            let kind = parameter["schema"]["type"].as_str().unwrap();
            let value = match kind {
                "integer" if dice.chance(85) => dice.number(false).to_string(),
                "boolean" if dice.chance(85) => dice.chance(50).to_string(),
                _ => dice.text(),
            };
            pairs.push(format!(
                "{}={}",
                parameter["name"].as_str().unwrap(),
                encoded(&value)
            ));
        }
        if dice.chance(5) {
            pairs.push("nobody=knows".to_owned());
        }
        if pairs.is_empty() {
            return String::new();
        }
        format!("?{}", pairs.join("&"))
    }

    fn body(&self, document: &Value, dice: &mut Dice) -> (Option<String>, Vec<u8>) {
        let content = self.told["requestBody"]["content"].as_object();
        let Some((media, told)) = content.and_then(|content| content.iter().next()) else {
            return (None, Vec::new());
        };
        let kind = match dice.below(30) {
            0 => None,
            1 => Some("text/plain".to_owned()),
            2 => Some("application/json; charset=latin1".to_owned()),
            _ => Some(media.clone()),
        };
        match media.as_str() {
            "application/json" => {
                let mut value = dice.value(&told["schema"], document, 0);
                let body = match dice.below(10) {
                    0..=4 => value.to_string().into_bytes(),
                    5..=8 => {
                        dice.spoil(&mut value);
                        value.to_string().into_bytes()
                    }
                    _ => dice.rubbish(&value),
                };
                (kind, body)
            }
            "application/x-www-form-urlencoded" => {
                let fields = told["schema"]["properties"].as_object().unwrap();
                let pairs = fields
                    .keys()
                    .map(|name| format!("{name}={}", encoded(&dice.text())));
                (kind, pairs.collect::<Vec<_>>().join("&").into_bytes())
            }
            "multipart/form-data" => {
                let kind = kind.map(|kind| format!("{kind}; boundary=seam"));
                (kind, multipart(dice))
            }
            _ => (kind, dice.text().into_bytes()),
        }
    }
}

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

/// A name of nothing, or of something else. Segments are never empty, which would be another address; and what
/// is written in the realm of the administrator would put an end to them.
fn rubbish(name: &str, dice: &mut Dice) -> String {
    loop {
        let text = dice.text();
        if !text.is_empty() && (name != "realm" || text != "master") {
            return text;
        }
    }
}

fn multipart(dice: &mut Dice) -> Vec<u8> {
    let formats = [
        "JSON Web Key Set",
        "Certificate PEM",
        "JKS",
        "PKCS12",
        "Public Key PEM",
    ];
    let format = if dice.chance(80) {
        *dice.pick(&formats)
    } else {
        "x"
    };
    let file = dice.text();
    let part = |name: &str, text: &str| {
        format!("--seam\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{text}\r\n")
    };
    let mut body = part("keystoreFormat", format) + &part("file", &file);
    if dice.chance(80) {
        body.push_str("--seam--\r\n");
    }
    body.into_bytes()
}

impl Made {
    pub async fn send(&self, shop: &Shop, method: &Method) -> Reply {
        let mut call = shop.at(method.clone(), &self.address);
        if let Some(kind) = &self.kind {
            call = call.header("content-type", kind);
        }
        call.bytes(self.body.clone()).send().await
    }

    /// The request for whoever has to repeat it.
    pub fn told(&self) -> String {
        let body: String = String::from_utf8_lossy(&self.body)
            .chars()
            .take(400)
            .collect();
        let address: String = self.address.chars().take(300).collect();
        format!(
            "{address} [{}] {body}",
            self.kind.as_deref().unwrap_or("no type")
        )
    }
}

/// Holds answers to the description.
pub struct Judge {
    document: Value,
    validators: HashMap<String, Validator>,
}

impl Judge {
    pub fn new(document: &Value) -> Self {
        Self {
            document: document.clone(),
            validators: HashMap::new(),
        }
    }

    /// What is wrong with an answer.
    pub fn fault(&mut self, operation: &Operation, reply: &Reply) -> Option<String> {
        let status = reply.status.as_str();
        let mut response = &operation.told["responses"][status];
        if response.is_null() {
            return Some(format!("{status} is not described: {}", reply.text()));
        }
        let known = status == "501" || KNOWN_FAILURES.contains(&operation.name.as_str());
        if reply.status.is_server_error() && !known {
            return Some(format!("{status}: {}", reply.text()));
        }
        if let Some(place) = response["$ref"].as_str() {
            response = self
                .document
                .pointer(place.trim_start_matches('#'))
                .unwrap();
        }
        let kind = reply.header("content-type");
        let kind = kind.split(';').next().unwrap_or_default().trim();
        let Some(content) = response["content"].as_object() else {
            let empty = reply.body.is_empty();
            return (!empty).then(|| format!("{status} with a body: {}", reply.text()));
        };
        let Some(told) = content.get(kind) else {
            return Some(format!("{status} of type {kind:?}: {}", reply.text()));
        };
        if kind != "application/json" || told["schema"].is_null() {
            return None;
        }
        let Ok(body) = serde_json::from_slice::<Value>(&reply.body) else {
            return Some(format!("{status} with broken JSON: {}", reply.text()));
        };
        let schema = &told["schema"];
        let components = &self.document["components"];
        let validator = self
            .validators
            .entry(schema.to_string())
            .or_insert_with(|| {
                let mut whole = schema.clone();
                whole["components"] = json!({"schemas": components["schemas"]});
                jsonschema::draft202012::new(&whole).expect("a schema")
            });
        let error = validator.iter_errors(&body).next()?;
        Some(format!(
            "{status} is another: {error} at {}",
            error.instance_path()
        ))
    }
}
