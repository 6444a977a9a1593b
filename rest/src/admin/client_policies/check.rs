//! What profiles and policies may say, refused in Keycloak's words.

use std::collections::HashSet;
use std::sync::LazyLock;

use claviger_wire::document::Json;
use claviger_wire::fields::Fields;
use serde_json::{Value, json};

/// How many profiles, or policies, a realm has at most.
const LIST_MAX: usize = 1_000;

/// Profiles that every realm has.
pub(super) static GLOBAL_PROFILES: LazyLock<Vec<Value>> = LazyLock::new(|| {
    serde_json::from_str(include_str!("global_profiles.json")).unwrap_or_default()
});

/// What profiles may demand of clients.
const EXECUTORS: [&str; 35] = [
    "auth-flow-enforcer",
    "confidential-client",
    "consent-required",
    "downscope-assertion-grant-enforcer",
    "dpop-bind-enforcer",
    "full-scope-disabled",
    "holder-of-key-enforcer",
    "intent-client-bind-checker",
    "jwt-claim-enforcer",
    "pkce-enforcer",
    "registration-access-token-rotation-disabled",
    "reject-implicit-grant",
    "reject-request",
    "reject-ropc-grant",
    "saml-avoid-redirect",
    "saml-secure-client-uris",
    "saml-signature-enforcer",
    "secure-ciba-req-sig-algorithm",
    "secure-ciba-session",
    "secure-ciba-signed-authn-req",
    "secure-client-authentication-assertion",
    "secure-client-authenticator",
    "secure-client-uris",
    "secure-client-uris-pattern",
    "secure-logout",
    "secure-par-content",
    "secure-redirect-uris-enforcer",
    "secure-request-object",
    "secure-response-type",
    "secure-session",
    "secure-signature-algorithm",
    "secure-signature-algorithm-signed-jwt",
    "suppress-refresh-token-rotation",
    "tls-client-auth-ca-subject-dn",
    "use-lightweight-access-token",
];

/// When policies apply.
const CONDITIONS: [&str; 13] = [
    "acr-condition",
    "any-client",
    "client-access-type",
    "client-attributes",
    "client-roles",
    "client-scopes",
    "client-type",
    "client-updater-context",
    "client-updater-source-groups",
    "client-updater-source-host",
    "client-updater-source-roles",
    "grant-type",
    "identity-provider-alias",
];

fn names(list: &[&Json]) -> Vec<Option<String>> {
    list.iter()
        .map(|one| Fields::of(one).text("name"))
        .collect()
}

fn has_duplicates<T: std::hash::Hash + Eq>(list: &[T]) -> bool {
    list.iter().collect::<HashSet<_>>().len() != list.len()
}

fn global_names<'a>() -> impl Iterator<Item = &'a str> {
    GLOBAL_PROFILES
        .iter()
        .filter_map(|profile| profile.get("name")?.as_str())
}

/// Whether somebody wants to change what every realm has.
fn changes(sent: &Json, member: &str, global: &[Value]) -> bool {
    let sent = sent.get(member).and_then(Value::as_array);
    sent.is_some_and(|sent| !sent.is_empty() && sent != global)
}

/// The realm's own profiles of those that were sent.
pub(super) fn checked_profiles(sent: &Json) -> Result<Vec<Value>, String> {
    let list: Vec<&Json> = Fields::of(sent).objects("profiles").collect();
    let names = names(&list);
    if list.len() > LIST_MAX {
        return Err(format!("A realm has at most {LIST_MAX} client profiles"));
    }
    if names
        .iter()
        .any(|name| name.as_deref().is_none_or(str::is_empty))
    {
        return Err("client profile without its name not allowed.".to_owned());
    }
    if has_duplicates(&names) {
        return Err("proposed client profile name duplicated.".to_owned());
    }
    if changes(sent, "globalProfiles", &GLOBAL_PROFILES) {
        return Err("Global profiles cannot be updated".to_owned());
    }
    for name in names.iter().flatten() {
        if global_names().any(|global| global == name) {
            return Err(format!(
                "Proposed profile name '{name}' is duplicated as a global profile"
            ));
        }
    }
    let mut executors = list
        .iter()
        .flat_map(|profile| Fields::of(profile).objects("executors"));
    if executors.any(|one| !is_one_of(one, "executor", &EXECUTORS)) {
        return Err(
            "proposed client profile contains the executor, which does not have valid \
                    provider, or has invalid configuration."
                .to_owned(),
        );
    }
    Ok(list.into_iter().cloned().map(Value::Object).collect())
}

fn is_one_of(object: &Json, member: &str, known: &[&str]) -> bool {
    Fields::of(object)
        .str(member)
        .is_some_and(|name| known.contains(&name))
}

/// The policies that were sent, as they are kept. `own` are the realm's profiles.
pub(super) fn checked_policies(sent: &Json, own: &[Value]) -> Result<Vec<Value>, String> {
    let list: Vec<&Json> = Fields::of(sent).objects("policies").collect();
    if list.len() > LIST_MAX {
        return Err(format!("A realm has at most {LIST_MAX} client policies"));
    }
    if changes(sent, "globalPolicies", &[]) {
        return Err("Global policies cannot be updated".to_owned());
    }
    if has_duplicates(&names(&list)) {
        return Err("proposed client policy name duplicated".to_owned());
    }
    let own = own
        .iter()
        .filter_map(|profile| profile.get("name")?.as_str());
    let mut profiles: HashSet<&str> = own.collect();
    profiles.extend(global_names());
    list.into_iter()
        .map(|policy| checked_policy(policy, &profiles))
        .collect()
}

fn checked_policy(policy: &Json, profiles: &HashSet<&str>) -> Result<Value, String> {
    let fields = Fields::of(policy);
    let name = fields.text("name");
    let name = name.ok_or_else(|| "client policy without name not allowed".to_owned())?;
    let mut kept = Json::new();
    kept.insert("name".to_owned(), json!(name));
    if let Some(text) = fields.text("description") {
        kept.insert("description".to_owned(), json!(text));
    }
    kept.insert("enabled".to_owned(), json!(fields.flag("enabled", false)));
    if let Some(mode) = fields.text("mode") {
        if !matches!(mode.as_str(), "ENFORCE" | "WARN" | "SILENT") {
            return Err(format!("Policy {name} has invalid mode"));
        }
        kept.insert("mode".to_owned(), json!(mode));
    }
    let conditions: Vec<&Json> = fields.objects("conditions").collect();
    for condition in &conditions {
        if !is_one_of(condition, "condition", &CONDITIONS) {
            let condition = Fields::of(condition).text("condition").unwrap_or_default();
            return Err(format!(
                "Policy {name} contains invalid condition {condition}"
            ));
        }
    }
    kept.insert("conditions".to_owned(), json!(conditions));
    let wanted = fields.texts("profiles");
    if has_duplicates(&wanted) {
        return Err(format!("Policy {name} contains duplicated profiles"));
    }
    if let Some(unknown) = wanted
        .iter()
        .find(|wanted| !profiles.contains(wanted.as_str()))
    {
        return Err(format!("Policy {name} contains invalid profile {unknown}"));
    }
    kept.insert("profiles".to_owned(), json!(wanted));
    Ok(Value::Object(kept))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(value: Value) -> Json {
        let Value::Object(object) = value else {
            panic!("an object")
        };
        object
    }

    #[test]
    fn global_profiles_demand_what_is_known() {
        assert_eq!(GLOBAL_PROFILES.len(), 10);
        for profile in GLOBAL_PROFILES
            .iter()
            .map(|profile| profile.as_object().unwrap())
        {
            for executor in Fields::of(profile).objects("executors") {
                assert!(is_one_of(executor, "executor", &EXECUTORS), "{executor:?}");
            }
        }
    }

    #[test]
    fn profiles_are_refused_in_keycloaks_words() {
        for (profiles, expected) in [
            (json!([]), None),
            (
                json!([{"name": "p", "executors": [{"executor": "pkce-enforcer"}]}]),
                None,
            ),
            (
                json!([{}]),
                Some("client profile without its name not allowed."),
            ),
            (
                json!([{"name": "p"}, {"name": "p"}]),
                Some("proposed client profile name duplicated."),
            ),
            (
                json!([{"name": "fapi-ciba"}]),
                Some("Proposed profile name 'fapi-ciba' is duplicated as a global profile"),
            ),
            (
                json!([{"name": "p", "executors": [{"executor": "nope"}]}]),
                Some(
                    "proposed client profile contains the executor, which does not have valid \
                      provider, or has invalid configuration.",
                ),
            ),
        ] {
            let sent = object(json!({"profiles": profiles}));
            let refused = checked_profiles(&sent).err();
            assert_eq!(refused.as_deref(), expected, "{profiles}");
        }
        let sent = object(json!({"globalProfiles": [{"name": "x"}]}));
        assert_eq!(
            checked_profiles(&sent).unwrap_err(),
            "Global profiles cannot be updated"
        );
        let sent = object(json!({"globalProfiles": *GLOBAL_PROFILES}));
        assert_eq!(checked_profiles(&sent), Ok(Vec::new()));
    }

    #[test]
    fn policies_name_known_profiles_and_conditions() {
        let own = [json!({"name": "own"})];
        for (policies, expected) in [
            (
                json!([{"name": "p", "profiles": ["own", "fapi-ciba"]}]),
                None,
            ),
            (
                json!([{"name": "p", "conditions": [{"condition": "any-client"}]}]),
                None,
            ),
            (json!([{}]), Some("client policy without name not allowed")),
            (
                json!([{"name": "p"}, {"name": "p"}]),
                Some("proposed client policy name duplicated"),
            ),
            (
                json!([{"name": "p", "mode": "x"}]),
                Some("Policy p has invalid mode"),
            ),
            (
                json!([{"name": "p", "conditions": [{"condition": "x"}]}]),
                Some("Policy p contains invalid condition x"),
            ),
            (
                json!([{"name": "p", "profiles": ["own", "own"]}]),
                Some("Policy p contains duplicated profiles"),
            ),
            (
                json!([{"name": "p", "profiles": ["nope"]}]),
                Some("Policy p contains invalid profile nope"),
            ),
        ] {
            let sent = object(json!({"policies": policies}));
            let refused = checked_policies(&sent, &own).err();
            assert_eq!(refused.as_deref(), expected, "{policies}");
        }
        let sent = object(json!({"policies": [{"name": "p"}]}));
        let expected = json!({"name": "p", "enabled": false, "conditions": [], "profiles": []});
        assert_eq!(checked_policies(&sent, &own), Ok(vec![expected]));
    }
}
