//! What a client's document must be like. The texts are Keycloak's.

use std::collections::{BTreeMap, HashSet};

use claviger_wire::client::{DOCKER, OPENID_CONNECT};
use claviger_wire::document::Json;
use claviger_wire::fields::Fields;
use claviger_wire::realm::RealmSettings;
use serde_json::Value;

use super::body::{SAML, text};

mod addresses;

/// Most characters of a `clientId`, as the database has room for.
const CLIENT_ID_MAX: usize = 255;
/// Most characters of an id.
const ID_MAX: usize = 36;

/// What the rules look at besides the client.
#[derive(Clone, Copy)]
pub struct Surroundings<'a> {
    /// The realm's settings.
    pub realm: &'a RealmSettings,
    /// The levels of authentication that the realm's flows know, as numbers.
    pub levels: &'a [String],
    /// Whether clients may be Docker registries.
    pub docker: bool,
}

/// Keys come from one place.
const BOTH_JWKS: &str =
    "The \"Use JWKS\" switch and the switch \"Use JWKS URL\" cannot be ON at the same time.";

/// Everything that is wrong with a client's document, in order.
pub fn problems(body: &Json, around: Surroundings<'_>) -> Vec<String> {
    let mut problems = Vec::new();
    names(body, around.docker, &mut problems);
    addresses::check(body, &mut problems);
    let attributes = Attributes::of(body);
    if attributes.flag("use.jwks.url") && attributes.flag("use.jwks.string") {
        problems.push(BOTH_JWKS.to_owned());
    }
    levels(body, around.levels, &mut problems);
    timeouts(body, around.realm, &mut problems);
    // Each is told once, however many addresses it is about.
    let mut seen = HashSet::new();
    problems.retain(|problem| seen.insert(problem.clone()));
    problems
}

/// The attributes of a client, read as text.
struct Attributes<'a>(Option<&'a Json>);

impl<'a> Attributes<'a> {
    fn of(body: &'a Json) -> Self {
        Self(body.get("attributes").and_then(Value::as_object))
    }

    fn text(&self, name: &str) -> &'a str {
        self.0.map_or("", |attributes| text(attributes, name))
    }

    fn flag(&self, name: &str) -> bool {
        self.text(name).eq_ignore_ascii_case("true")
    }

    fn list(&self, name: &str) -> impl Iterator<Item = &'a str> {
        self.text(name).split("##").filter(|part| !part.is_empty())
    }
}

fn names(body: &Json, docker: bool, problems: &mut Vec<String>) {
    let client_id = text(body, "clientId");
    if client_id.trim().is_empty() {
        problems.push("Client ID cannot be blank".to_owned());
    }
    if client_id.chars().count() > CLIENT_ID_MAX {
        problems.push(format!(
            "Client ID has more than {CLIENT_ID_MAX} characters"
        ));
    }
    if text(body, "id").chars().count() > ID_MAX {
        problems.push(format!("ID has more than {ID_MAX} characters"));
    }
    let protocol = text(body, "protocol");
    let is_docker = docker && protocol == DOCKER;
    if ![OPENID_CONNECT, SAML].contains(&protocol) && !is_docker {
        problems.push(format!("Invalid protocol: {protocol}"));
    }
}

/// Values of `acr` that the client names must stand for a level that somebody can reach.
fn levels(body: &Json, known: &[String], problems: &mut Vec<String>) {
    let attributes = Attributes::of(body);
    let map = attributes.text("acr.loa.map");
    let mut names: Vec<String> = Vec::new();
    if !map.trim().is_empty() {
        match serde_json::from_str::<BTreeMap<String, i64>>(map) {
            Ok(map) => names = map.into_keys().collect(),
            Err(_) => {
                problems.push("Invalid client configuration (ACR-LOA map) for client".to_owned());
            }
        }
    }
    if text(body, "protocol") != OPENID_CONNECT {
        return;
    }
    let is_known = |value: &str| {
        names.iter().any(|name| name == value) || known.iter().any(|level| level == value)
    };
    for _ in attributes
        .list("default.acr.values")
        .filter(|value| !is_known(value))
    {
        let text = "Default ACR values need to contain values specified in the ACR-To-Loa mapping \
                    or number levels from set realm browser flow";
        problems.push(text.to_owned());
    }
    let minimum = attributes.text("minimum.acr.value");
    if !minimum.is_empty() && !is_known(minimum) {
        let text = "Minimum ACR value needs to be value specified in the ACR-To-Loa mapping or \
                    number level from set realm browser flow";
        problems.push(text.to_owned());
    }
}

/// A client's session cannot outlive the user's.
fn timeouts(body: &Json, realm: &RealmSettings, problems: &mut Vec<String>) {
    let attributes = Attributes::of(body);
    let number = |name: &str| attributes.text(name).parse::<i64>().ok();
    let spans = &realm.lifespans;
    let remember = realm.login.remember_me;
    let longest = |short: i64, long: i64| if remember { short.max(long) } else { short };
    let idle = longest(
        spans.sso_session_idle_timeout.0,
        spans.sso_session_idle_timeout_remember_me.0,
    );
    let max = longest(
        spans.sso_session_max_lifespan.0,
        spans.sso_session_max_lifespan_remember_me.0,
    );
    if number("client.session.idle.timeout").is_some_and(|asked| asked > idle) {
        let more = if remember {
            " and RememberMe idle timeout"
        } else {
            ""
        };
        problems.push(format!(
            "Client session idle timeout cannot exceed realm SSO session idle timeout{more}."
        ));
    }
    if number("client.session.max.lifespan").is_some_and(|asked| asked > max) {
        let more = if remember {
            " and RememberMe Max span"
        } else {
            ""
        };
        problems.push(format!(
            "Client session max lifespan cannot exceed realm SSO session max lifespan{more}."
        ));
    }
}

/// Whether two mappers of a document have the same name and protocol.
pub fn has_twin_mappers(body: &Json) -> bool {
    let mut seen = HashSet::new();
    let mappers: Vec<&Json> = Fields::of(body).objects("protocolMappers").collect();
    !mappers
        .iter()
        .all(|mapper| seen.insert((text(mapper, "protocol"), text(mapper, "name"))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn told(mut body: Value) -> Vec<String> {
        let object = body.as_object_mut().unwrap();
        object.entry("clientId").or_insert(json!("app"));
        object.entry("protocol").or_insert(json!("openid-connect"));
        let realm = RealmSettings::from_body(&Json::new());
        let around = Surroundings {
            realm: &realm,
            levels: &["1".to_owned()],
            docker: false,
        };
        problems(object, around)
    }

    #[test]
    fn names_levels_and_timeouts_are_checked() {
        for (body, problem) in [
            (json!({"clientId": " "}), "Client ID cannot be blank"),
            (json!({"protocol": "magic"}), "Invalid protocol: magic"),
            (
                json!({"protocol": "docker-v2"}),
                "Invalid protocol: docker-v2",
            ),
            (
                json!({"attributes": {"use.jwks.url": "true", "use.jwks.string": "true"}}),
                BOTH_JWKS,
            ),
            (
                json!({"attributes": {"acr.loa.map": "nonsense"}}),
                "Invalid client configuration (ACR-LOA map) for client",
            ),
            (
                json!({"attributes": {"minimum.acr.value": "gold"}}),
                "Minimum ACR value needs to be value specified in the ACR-To-Loa mapping or number \
                 level from set realm browser flow",
            ),
            (
                json!({"attributes": {"client.session.idle.timeout": "99999999"}}),
                "Client session idle timeout cannot exceed realm SSO session idle timeout.",
            ),
            (
                json!({"attributes": {"client.session.max.lifespan": "99999999"}}),
                "Client session max lifespan cannot exceed realm SSO session max lifespan.",
            ),
        ] {
            assert_eq!(told(body.clone()), [problem], "{body}");
        }
        let acr = json!({"attributes": {
            "acr.loa.map": "{\"gold\":2}", "default.acr.values": "gold##1",
            "minimum.acr.value": "gold", "client.session.idle.timeout": "60",
        }});
        assert!(told(acr).is_empty());
        assert_eq!(told(json!({"clientId": "x".repeat(256)})).len(), 1);
    }

    #[test]
    fn several_problems_are_all_told() {
        let body = json!({
            "redirectUris": ["javascript:alert(1)", "http://x/#a"],
            "rootUrl": "data:x", "baseUrl": "http://b b",
        });
        assert_eq!(told(body).len(), 4);
    }

    #[test]
    fn twins_are_mappers_of_the_same_name_and_protocol() {
        let body = |two: Value| {
            let body = json!({"protocolMappers": [{"name": "a", "protocol": "saml"}, two]});
            has_twin_mappers(body.as_object().unwrap())
        };
        assert!(body(json!({"name": "a", "protocol": "saml"})));
        assert!(!body(json!({"name": "a", "protocol": "openid-connect"})));
    }
}
