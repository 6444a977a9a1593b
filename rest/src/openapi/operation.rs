//! One operation of the description, out of its row and its line.

use axum::http::{Method, StatusCode};
use claviger_wire::document::Json;
use serde_json::{Map, Value, json};

use super::table::{Asked, AskedKind, Body, Line};
use crate::guard::Right;
use crate::route::{Rights, Route};

/// Refusals, with when they are answered.
const REFUSALS: [(u16, &str, &str); 11] = [
    (
        400,
        "Invalid",
        "What was sent is not what this operation takes, or what is there does not allow it.",
    ),
    (
        401,
        "Unauthorized",
        "No access token of an administrator was sent.",
    ),
    (403, "Forbidden", "The administrator lacks the right."),
    (
        404,
        "NotFound",
        "The realm, or something else that the address names, is not there.",
    ),
    (
        409,
        "Conflict",
        "A name or an id is taken, or somebody else changed the same meanwhile.",
    ),
    (412, "Preconditions", "What it goes with is not there."),
    (413, "TooLarge", "The body is too large."),
    (
        415,
        "UnsupportedMediaType",
        "The body says to be of another media type.",
    ),
    (
        500,
        "Failed",
        "It could not be done; the log of the server says why.",
    ),
    (
        501,
        "NotBuilt",
        "The feature is off, or this server does not have it.",
    ),
    (
        503,
        "Busy",
        "The server is busy, or its database is away. `Retry-After` says when to come again.",
    ),
];

/// The parameters that all operations of a path have.
pub(super) fn path_item(path: &str) -> Json {
    let names = path.split('/').filter_map(|segment| {
        let name = segment.strip_prefix('{')?.strip_suffix('}')?;
        Some(name.trim_start_matches('*'))
    });
    let parameters: Vec<Value> = names
        .map(|name| {
            let mut parameter =
                json!({"name": name, "in": "path", "required": true, "schema": {"type": "string"}});
            if let (Some(text), Value::Object(members)) = (meaning(name), &mut parameter) {
                members.insert("description".to_owned(), json!(text));
            }
            parameter
        })
        .collect();
    let mut item = Map::new();
    if !parameters.is_empty() {
        item.insert("parameters".to_owned(), Value::Array(parameters));
    }
    item
}

/// What a parameter of a path means, where its name does not tell.
fn meaning(name: &str) -> Option<&'static str> {
    Some(match name {
        "realm" => "The realm's name.",
        "user" | "group" | "scope" | "component" | "credential" | "session" => "Its id.",
        "client" | "holder" | "target" => "The client's id, which is not its `clientId`.",
        "role" => "The role's name.",
        "role-id" => "The role's id.",
        "path" => "Names of groups with slashes between.",
        _ => return None,
    })
}

/// The operation.
pub(super) fn operation(route: &Route, line: &Line) -> Value {
    let mut operation = Map::new();
    let mut put = |name: &str, value: Value| operation.insert(name.to_owned(), value);
    put("operationId", json!(line.name));
    put("summary", json!(summary(line.name)));
    put("tags", json!([line.tag]));
    let mut description = line.note.to_owned();
    if let Some((roles, who)) = rights(route.rights) {
        put("x-claviger-rights", roles);
        let blank = if description.is_empty() { "" } else { " " };
        description = format!("{description}{blank}{who}");
    }
    put("description", json!(description));
    if line.note.starts_with("Deprecated") {
        put("deprecated", json!(true));
    }
    if !line.asks.is_empty() {
        put("parameters", line.asks.iter().map(parameter).collect());
    }
    if let Some(content) = content(&line.takes) {
        put("requestBody", json!({"required": true, "content": content}));
    }
    put("responses", responses(line));
    Value::Object(operation)
}

/// `listUserGroups` as words: `List user groups`.
fn summary(name: &str) -> String {
    let mut words = String::new();
    for (at, letter) in name.chars().enumerate() {
        match letter {
            _ if at == 0 => words.extend(letter.to_uppercase()),
            upper if upper.is_uppercase() => {
                words.push(' ');
                words.extend(upper.to_lowercase());
            }
            other => words.push(other),
        }
    }
    words
}

/// The roles of which one lets somebody in, and the same in words; none where the note of the line tells
/// who may.
fn rights(rights: Rights) -> Option<(Value, String)> {
    match rights {
        Rights::Any(rights) => {
            let roles: Vec<&str> = rights.iter().map(|right| right.role()).collect();
            let words: Vec<String> = roles.iter().map(|role| format!("`{role}`")).collect();
            Some((json!(roles), format!("Takes {}.", words.join(" or "))))
        }
        Rights::AnyAdmin => {
            let all = Right::ALL
                .iter()
                .filter(|right| **right != Right::Impersonation);
            let roles: Vec<&str> = all.map(|right| right.role()).collect();
            let words = "Takes any role of an administrator but `impersonation`.";
            Some((json!(roles), words.to_owned()))
        }
        Rights::Handler => None,
    }
}

fn parameter(asked: &Asked) -> Value {
    let schema = match asked.kind {
        AskedKind::Text => json!({"type": "string"}),
        AskedKind::Flag => json!({"type": "boolean"}),
        AskedKind::Number => json!({"type": "integer", "format": "int32"}),
        AskedKind::Texts => json!({"type": "array", "items": {"type": "string"}}),
    };
    json!({"name": asked.name, "in": "query", "schema": schema})
}

fn content(body: &Body) -> Option<Value> {
    match body {
        Body::None => None,
        Body::Json(schema) => Some(json!({"application/json": {"schema": schema}})),
        Body::Media(media) => Some(json!({*media: {}})),
        Body::Form(fields) => {
            let fields = fields
                .iter()
                .map(|name| ((*name).to_owned(), json!({"type": "string"})));
            let fields = Value::Object(fields.collect());
            let schema = json!({"type": "object", "properties": fields});
            Some(json!({"application/x-www-form-urlencoded": {"schema": schema}}))
        }
    }
}

/// What is written in the line, and the refusals that follow from it.
fn responses(line: &Line) -> Value {
    let mut responses = Map::new();
    for (status, body) in &line.gives {
        let code = status.as_str().to_owned();
        if let Some(refusal) = refusal(status.as_u16()) {
            responses.insert(code, refusal);
            continue;
        }
        let reason = status.canonical_reason().unwrap_or_default();
        let mut response = json!({"description": reason});
        if let Value::Object(members) = &mut response {
            members.extend(content(body).map(|content| ("content".to_owned(), content)));
            if *status == StatusCode::CREATED {
                let text = "The address of what was made.";
                let location =
                    json!({"Location": {"description": text, "schema": {"type": "string"}}});
                members.insert("headers".to_owned(), location);
            }
        }
        responses.insert(code, response);
    }
    for status in implied(line) {
        if let Some(refusal) = refusal(status) {
            responses.entry(status.to_string()).or_insert(refusal);
        }
    }
    responses.sort_keys();
    Value::Object(responses)
}

/// The refusals that follow from what an endpoint is: anybody may be a stranger, addresses may name
/// nothing, bodies may be rubbish, and of two writers one may be late.
fn implied(line: &Line) -> Vec<u16> {
    let mut statuses = vec![401, 403, 503];
    let has_number = line
        .asks
        .iter()
        .any(|asked| asked.kind == AskedKind::Number);
    if line.path.contains('{') || has_number {
        statuses.push(404);
    }
    if line.method != Method::GET {
        statuses.extend([400, 409]);
    }
    match line.takes {
        Body::None => {}
        Body::Media(_) | Body::Json(_) | Body::Form(_) => statuses.extend([413, 415]),
    }
    statuses
}

fn refusal(status: u16) -> Option<Value> {
    let (_, name, _) = REFUSALS.iter().find(|(known, ..)| *known == status)?;
    Some(json!({"$ref": format!("#/components/responses/{name}")}))
}

/// The refusals that operations refer to.
pub(super) fn refusals() -> Value {
    let refusals = REFUSALS.iter().map(|(_, name, text)| {
        let schema = json!({"$ref": "#/components/schemas/Refusal"});
        let content = json!({"application/json": {"schema": schema}});
        let response = json!({"description": text, "content": content});
        ((*name).to_owned(), response)
    });
    Value::Object(refusals.collect())
}

/// The shapes of refusals: a code or a status with a description, a message, or several of these.
pub(super) fn refusal_schema() -> Value {
    json!({
        "type": "object",
        "description": "Why a request is refused.",
        "properties": {
            "error": {"type": "string"},
            "errorMessage": {"type": "string"},
            "error_description": {"type": "string"},
            "errors": {"type": "array", "items": {"type": "object"}},
        },
        "anyOf": [{"required": ["error"]}, {"required": ["errorMessage"]}, {"required": ["errors"]}],
    })
}
