//! What the server says of itself (`ServerInfoRepresentation`): which features are on, which providers
//! there are, and what can be set of each. `server_info/facts.json` is what does not depend on the
//! server that is asked.

use std::sync::LazyLock;

use serde_json::{Value, json};

use crate::document::Json;

/// The release of Keycloak that the server is compatible with.
pub const KEYCLOAK_VERSION: &str = "26.7.4";

/// Features that this server has, by the names that Keycloak gives them. Whatever is not among them is
/// told as disabled, so that consoles do not offer it.
const ON: &[&str] = &[
    "ADMIN_API",
    "CLIENT_POLICIES",
    "DEVICE_FLOW",
    "HOSTNAME_V2",
    "IMPERSONATION",
    "LOGIN_V2",
    "LOG_MDC",
    "OPENTELEMETRY",
    "ORGANIZATION",
    "PAR",
    "PERSISTENT_USER_SESSIONS",
    "STEP_UP_AUTHENTICATION",
    "TOKEN_EXCHANGE_STANDARD_V2",
    "UPDATE_EMAIL",
    "USER_EVENT_METRICS",
];

static FACTS: LazyLock<Json> = LazyLock::new(|| {
    serde_json::from_str(include_str!("server_info/facts.json")).unwrap_or_default()
});

/// What is the same on every server: providers, what can be set of them, mappers, policies, names.
pub fn facts() -> impl Iterator<Item = (&'static str, &'static Value)> {
    let fixed = FACTS.iter();
    fixed
        .filter(|(name, _)| !matches!(name.as_str(), "features" | "themes"))
        .map(|(name, value)| (name.as_str(), value))
}

/// All features that Keycloak knows, each with whether it is on here. `asked` are those that the operator has
/// switched on.
pub fn features(asked: &[&str]) -> Vec<Json> {
    let known = FACTS.get("features").and_then(Value::as_array);
    let known = known.map_or(&[][..], Vec::as_slice).iter();
    known
        .filter_map(Value::as_object)
        .map(|feature| {
            let name = feature.get("name").and_then(Value::as_str);
            let on = name.is_some_and(|name| ON.contains(&name) || asked.contains(&name));
            let mut feature = feature.clone();
            feature.insert("enabled".to_owned(), json!(on));
            feature
        })
        .collect()
}

/// What `ProfileInfoRepresentation` says of the features.
pub fn profile(features: &[Json]) -> Value {
    let names = |wanted: &dyn Fn(&Json) -> bool| -> Vec<&Value> {
        let wanted = features.iter().filter(|feature| wanted(feature));
        wanted.filter_map(|feature| feature.get("name")).collect()
    };
    let is = |kind: &'static str| move |feature: &Json| feature.get("type") == Some(&json!(kind));
    json!({
        "name": "default",
        "disabledFeatures": names(&|feature| feature.get("enabled") == Some(&json!(false))),
        "previewFeatures": names(&is("PREVIEW")),
        "experimentalFeatures": names(&is("EXPERIMENTAL")),
    })
}

/// The themes that realms may name, and those of the operator: for what, and by which name.
pub fn themes(own: &[(String, String)]) -> Json {
    let mut themes = match FACTS.get("themes") {
        Some(Value::Object(themes)) => themes.clone(),
        _ => Json::new(),
    };
    for (kind, name) in own {
        let Some(Value::Array(themes)) = themes.get_mut(kind) else {
            continue;
        };
        if !themes
            .iter()
            .any(|theme| theme.get("name") == Some(&json!(name)))
        {
            themes.push(json!({ "name": name }));
        }
    }
    themes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_feature_of_ours_is_one_that_keycloak_knows() {
        let features = features(&["DOCKER"]);
        let on: Vec<&Value> = features
            .iter()
            .filter(|feature| feature["enabled"] == true)
            .map(|feature| &feature["name"])
            .collect();
        assert_eq!(on.len(), ON.len() + 1);
        assert!(ON.iter().all(|name| on.contains(&&json!(name))));
        assert_eq!(features.len(), 73);
        let profile = profile(&features);
        let off = profile["disabledFeatures"].as_array().unwrap();
        assert_eq!(off.len() + on.len(), features.len());
        assert!(off.contains(&json!("KERBEROS")) && !off.contains(&json!("DOCKER")));
        assert!(
            profile["previewFeatures"]
                .as_array()
                .unwrap()
                .contains(&json!("SCRIPTS"))
        );
    }

    #[test]
    fn themes_of_the_operator_stand_beside_the_others() {
        let own = |name: &str| ("login".to_owned(), name.to_owned());
        let themes = themes(&[
            own("shop"),
            own("keycloak"),
            ("song".to_owned(), "x".to_owned()),
        ]);
        let names: Vec<&Value> = themes["login"]
            .as_array()
            .unwrap()
            .iter()
            .map(|theme| &theme["name"])
            .collect();
        assert_eq!(names, ["keycloak", "keycloak.v2", "shop"]);
        assert!(!themes.contains_key("song"));
    }

    #[test]
    fn components_are_described_as_they_are_kept() {
        let facts: Json = facts()
            .map(|(name, value)| (name.to_owned(), value.clone()))
            .collect();
        for kind in [
            crate::component::KEY_PROVIDER,
            crate::component::CLIENT_REGISTRATION_POLICY,
        ] {
            let told: Vec<&str> = facts["componentTypes"][kind]
                .as_array()
                .unwrap()
                .iter()
                .filter_map(|kind| kind["id"].as_str())
                .collect();
            let known: Vec<&str> = crate::component::providers(kind).unwrap().collect();
            for id in &told {
                assert!(known.contains(id), "{kind} {id}");
            }
        }
        assert_eq!(facts["enums"]["operationType"].as_array().unwrap().len(), 4);
    }
}
