//! Which mappers there are, and what some of them ask for.

use std::collections::BTreeSet;

use claviger_engine::App;
use claviger_engine::profile::uri;
use claviger_wire::document::Json;
use serde_json::json;

/// The mapper that hides users' ids (OpenID Connect Core §8.1).
pub const PAIRWISE: &str = "oidc-sha256-pairwise-sub-mapper";
/// How the names of all that do so end.
pub const PAIRWISE_SUFFIX: &str = "-pairwise-sub-mapper";
/// Its setting: the document that lists a sector's redirect URIs.
pub const SECTOR: &str = "sectorIdentifierUri";
/// Its secret.
pub const PAIRWISE_SALT: &str = "pairwiseSubAlgorithmSalt";
/// The mapper of roles into verifiable credentials.
pub const TARGET_ROLE: &str = "oid4vc-target-role-mapper";

/// All mappers that Keycloak has, so that realms of it can be managed whole; engines and exports
/// pass over those that are not OpenID Connect's.
const KNOWN: &[&str] = &[
    "docker-v2-allow-all-mapper",
    "oid4vc-context-mapper",
    "oid4vc-generated-id-mapper",
    "oid4vc-issued-at-time-claim-mapper",
    "oid4vc-static-claim-mapper",
    "oid4vc-subject-id-mapper",
    TARGET_ROLE,
    "oid4vc-user-attribute-mapper",
    "oid4vc-vc-type-mapper",
    "saml-audience-mapper",
    "saml-audience-resolve-mapper",
    "saml-authn-context-class-ref-mapper",
    "saml-group-membership-mapper",
    "saml-hardcode-attribute-mapper",
    "saml-hardcode-role-mapper",
    "saml-organization-group-membership-mapper",
    "saml-organization-membership-mapper",
    "saml-role-list-mapper",
    "saml-role-name-mapper",
    "saml-user-attribute-mapper",
    "saml-user-attribute-nameid-mapper",
    "saml-user-property-mapper",
    "saml-user-session-note-mapper",
    "oidc-acr-mapper",
    "oidc-address-mapper",
    "oidc-allowed-origins-mapper",
    "oidc-amr-mapper",
    "oidc-audience-mapper",
    "oidc-audience-resolve-mapper",
    "oidc-claims-param-token-mapper",
    "oidc-claims-param-value-idtoken-mapper",
    "oidc-full-name-mapper",
    "oidc-group-membership-mapper",
    "oidc-hardcoded-claim-mapper",
    "oidc-hardcoded-role-mapper",
    "oidc-nonce-backwards-compatible-mapper",
    "oidc-organization-group-membership-mapper",
    "oidc-organization-membership-mapper",
    "oidc-parameterized-scope-mapper",
    "oidc-parameterized-scope-user-property-mapper",
    "oidc-role-name-mapper",
    "oidc-session-state-mapper",
    PAIRWISE,
    "oidc-sub-mapper",
    "oidc-usermodel-attribute-mapper",
    "oidc-usermodel-client-role-mapper",
    "oidc-usermodel-property-mapper",
    "oidc-usermodel-realm-role-mapper",
    "oidc-usersessionmodel-note-mapper",
];

const ACCESS: &str = "access.token.claim";
const ID: &str = "id.token.claim";
const USER_INFO: &str = "userinfo.token.claim";
const INTROSPECTION: &str = "introspection.token.claim";

/// The document of a sector did not come, or is none.
const UNREACHABLE: &str = "Failed to get redirect URIs from the Sector Identifier URI.";

/// Whether there is such a mapper.
pub fn is_known(mapper: &str) -> bool {
    KNOWN.contains(&mapper)
}

/// Adds the settings that follow from others, as they are told but not kept: userinfo follows the
/// ID token, introspection the access token.
pub fn tell_defaults(mapper: &str, config: &mut Json) {
    if !mapper.starts_with("oidc-") {
        return;
    }
    if mapper == "oidc-organization-membership-mapper" {
        return tell_organization_defaults(config);
    }
    if [
        "oidc-allowed-origins-mapper",
        "oidc-audience-resolve-mapper",
    ]
    .contains(&mapper)
    {
        config.entry(ACCESS).or_insert(json!("true"));
    } else if let Some(id) = config.get(ID).cloned() {
        config.entry(USER_INFO).or_insert(id);
    }
    if let Some(access) = config.get(ACCESS).cloned() {
        config.entry(INTROSPECTION).or_insert(access);
    }
}

/// The defaults of the mapper of organizations: details only fit into a list, and only as JSON.
fn tell_organization_defaults(config: &mut Json) {
    const DETAILS: [&str; 2] = ["addOrganizationAttributes", "addOrganizationId"];
    let is_true = |config: &Json, name: &str| config.get(name) == Some(&json!("true"));
    config.entry("jsonType.label").or_insert(json!("String"));
    if !is_true(config, "multivalued") {
        config.extend(DETAILS.map(|name| (name.to_owned(), json!("false"))));
    }
    if DETAILS.iter().any(|name| is_true(config, name)) {
        config.insert("jsonType.label".to_owned(), json!("JSON"));
    }
    config.entry("claim.name").or_insert(json!("organization"));
    config.entry("multivalued").or_insert(json!("true"));
}

/// Checks that users' ids can be hidden per sector: the redirect URIs belong to one host, or to a
/// document that lists them. `root` is the client's, and `uris` its redirect URIs.
///
/// # Errors
/// What is wrong, in Keycloak's words.
pub async fn check_pairwise(
    app: &App,
    root: &str,
    uris: &[String],
    sector: &str,
) -> Result<(), &'static str> {
    let redirects = redirects(root, uris);
    if sector.is_empty() {
        return one_host(&redirects);
    }
    let is_address = uri::parse(sector).is_ok_and(|uri| uri.scheme.is_some());
    if !is_address || host(sector).is_none() {
        return Err("Invalid Sector Identifier URI.");
    }
    let body = app
        .network
        .get(sector.to_owned())
        .await
        .map_err(|_| UNREACHABLE)?;
    let listed: Vec<String> = serde_json::from_slice(&body).map_err(|_| UNREACHABLE)?;
    if redirects.iter().all(|redirect| listed.contains(redirect)) {
        return Ok(());
    }
    Err("Client redirect URIs does not match redirect URIs fetched from the Sector Identifier URI.")
}

/// Redirect URIs with relative ones below the root.
fn redirects(root: &str, given: &[String]) -> Vec<String> {
    let whole = |redirect: &String| match redirect.strip_prefix('/') {
        Some(_) => format!("{root}{redirect}"),
        None => redirect.clone(),
    };
    given.iter().map(whole).collect()
}

fn one_host(redirects: &[String]) -> Result<(), &'static str> {
    let mut hosts = BTreeSet::new();
    for redirect in redirects {
        if uri::parse(redirect).is_err() {
            return Err("Client contained an invalid redirect URI.");
        }
        hosts.insert(host(redirect));
    }
    match hosts.len() {
        0 => Err("Client redirect URIs must contain a valid host component."),
        1 => Ok(()),
        _ => Err(
            "Without a configured Sector Identifier URI, client redirect URIs must not contain \
             multiple host components.",
        ),
    }
}

/// The host of an address (RFC 3986 §3.2.2).
fn host(address: &str) -> Option<&str> {
    let (_, rest) = address.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let host = authority.rsplit('@').next()?;
    let host = match host.find(']') {
        Some(end) => host.get(..=end)?,
        None => host.split(':').next()?,
    };
    (!host.is_empty()).then_some(host)
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn settings_that_follow_from_others_are_told() {
        for (mapper, given, told) in [
            (
                "oidc-hardcoded-claim-mapper",
                json!({ACCESS: "true"}),
                json!({ACCESS: "true", INTROSPECTION: "true"}),
            ),
            (
                "oidc-hardcoded-claim-mapper",
                json!({ID: "false", ACCESS: "true", INTROSPECTION: "false"}),
                json!({ID: "false", ACCESS: "true", INTROSPECTION: "false", USER_INFO: "false"}),
            ),
            (
                "oidc-full-name-mapper",
                json!({"q": "1"}),
                json!({"q": "1"}),
            ),
            (
                "oidc-audience-resolve-mapper",
                json!({}),
                json!({ACCESS: "true", INTROSPECTION: "true"}),
            ),
            (
                "oidc-organization-membership-mapper",
                json!({"multivalued": "true", "addOrganizationId": "true"}),
                json!({"multivalued": "true", "addOrganizationId": "true",
                    "jsonType.label": "JSON", "claim.name": "organization"}),
            ),
            (
                "oidc-organization-membership-mapper",
                json!({}),
                json!({"multivalued": "true", "addOrganizationId": "false",
                    "addOrganizationAttributes": "false", "jsonType.label": "String",
                    "claim.name": "organization"}),
            ),
            (
                "saml-role-list-mapper",
                json!({ACCESS: "true"}),
                json!({ACCESS: "true"}),
            ),
        ] {
            let mut config = given.as_object().unwrap().clone();
            tell_defaults(mapper, &mut config);
            assert_eq!(Value::Object(config), told, "{mapper}");
        }
    }

    #[test]
    fn redirects_of_one_host_make_a_sector() {
        let of = |list: &[&str]| {
            let given: Vec<String> = list.iter().map(|text| (*text).to_owned()).collect();
            one_host(&redirects("http://root.example", &given))
        };
        assert_eq!(of(&["http://a/*", "https://u@a:8/b"]), Ok(()));
        assert_eq!(of(&["/x"]), Ok(()));
        assert!(
            of(&["http://a/", "http://b/"])
                .unwrap_err()
                .contains("multiple host")
        );
        assert!(of(&[]).unwrap_err().contains("valid host"));
        assert!(
            of(&["http://a b"])
                .unwrap_err()
                .contains("invalid redirect")
        );
        assert_eq!(host("http://[::1]:8/x"), Some("[::1]"));
    }
}
