//! What policies let through, without a database.

use claviger_wire::document::Document;

use super::*;

fn component(provider: &str, sub_type: &str, config: &Value) -> ComponentView {
    let body = json!({
        "id": "1", "name": provider, "providerId": provider, "subType": sub_type,
        "providerType": CLIENT_REGISTRATION_POLICY, "config": config,
    });
    ComponentView::from_body(body.as_object().unwrap())
}

fn mapper_policy() -> Policy {
    let allowed = json!({"allowed-protocol-mapper-types": ["oidc-usermodel-property-mapper"]});
    Policy {
        rule: Some(Rule::ProtocolMappers),
        component: component("allowed-protocol-mappers", "anonymous", &allowed),
    }
}

fn client(mappers: &Value) -> Client {
    let body = json!({"clientId": "a", "protocolMappers": mappers});
    let document = Document {
        kind: Kind::Client,
        id: "u".into(),
        parent: String::new(),
        unique_name: "a".into(),
        enabled: true,
        body: body.as_object().unwrap().clone(),
    };
    Client::new(document, vec![], vec![], vec![])
}

fn judged(given: &Value, client: Option<&Client>) -> Option<String> {
    let given = json!({"protocolMappers": [given]});
    let policy = mapper_policy();
    let error = mappers(&policy, given.as_object().unwrap(), client).err()?;
    let PolicyError::Refused { detail, .. } = error else {
        panic!("{error}")
    };
    Some(detail)
}

#[test]
fn policies_of_the_other_standing_and_of_other_kinds_do_not_count() {
    let mut foreign = component("scope", "anonymous", &json!({}));
    foreign.provider_type = "org.keycloak.keys.KeyProvider".to_owned();
    let all = vec![
        component("max-clients", "anonymous", &json!({})),
        component("trusted-hosts", "anonymous", &json!({})),
        component("client-disabled", "authenticated", &json!({})),
        foreign,
    ];
    let rules = |standing| -> Vec<Option<Rule>> {
        let policies = Policies::among(all.clone().into_iter(), standing);
        policies.0.iter().map(|policy| policy.rule).collect()
    };
    assert_eq!(
        rules(Standing::Anonymous),
        [Some(Rule::TrustedHosts), Some(Rule::MaxClients)]
    );
    assert_eq!(rules(Standing::Authenticated), [Some(Rule::ClientDisabled)]);
}

#[test]
fn a_policy_that_nobody_knows_lets_nothing_through() {
    let policies = Policies::among(
        [component("mine", "anonymous", &json!({}))].into_iter(),
        Standing::Anonymous,
    );
    let error = policies.0[0].known().unwrap_err();
    assert_eq!(error.told(), "Policy of type 'mine' not found");
}

#[test]
fn new_clients_become_what_policies_say() {
    let names = ["consent-required", "scope", "client-disabled"];
    let mut all: Vec<ComponentView> = names
        .iter()
        .map(|name| component(name, "anonymous", &json!({})))
        .collect();
    all.push(mapper_policy().component);
    let policies = Policies::among(all.into_iter(), Standing::Anonymous);
    let mut body = json!({
        "consentRequired": false, "fullScopeAllowed": true, "enabled": true,
        "protocolMappers": [
            {"protocolMapper": "oidc-hardcoded-role-mapper"},
            {"protocolMapper": "oidc-usermodel-property-mapper"},
        ],
    });
    policies.after_register(body.as_object_mut().unwrap());
    let expected = json!({
        "consentRequired": true, "fullScopeAllowed": false, "enabled": false,
        "protocolMappers": [{"protocolMapper": "oidc-usermodel-property-mapper"}],
    });
    assert_eq!(body, expected);
}

#[test]
fn cve_2026_15572_a_mapper_keeps_its_type_and_settings_or_is_refused() {
    let role = json!({"id": "m", "name": "r", "protocolMapper": "oidc-hardcoded-role-mapper",
        "config": {"role": "viewer"}});
    let swapped = json!({"id": "p", "name": "p", "protocolMapper": "oidc-hardcoded-role-mapper",
        "config": {"user.attribute": "x"}});
    let property = json!({"id": "p", "name": "p",
        "protocolMapper": "oidc-usermodel-property-mapper", "config": {"user.attribute": "x"}});
    let mut other_role = role.clone();
    other_role["config"]["role"] = json!("admin");
    let mut without_id = role.clone();
    without_id.as_object_mut().unwrap().remove("id");
    let mut stranger = role.clone();
    stranger["id"] = json!("s");
    let not_allowed = Some("ProtocolMapper type not allowed".to_owned());
    let has_both = client(&json!([role, property]));
    for (given, had, expected) in [
        (&role, Some(&has_both), None),
        (&property, None, None),
        (&role, None, not_allowed.clone()),
        (&swapped, Some(&has_both), not_allowed.clone()),
        (&other_role, Some(&has_both), not_allowed),
        (
            &without_id,
            Some(&has_both),
            Some("Missing id for mapper named 'r'".to_owned()),
        ),
        (
            &stranger,
            Some(&has_both),
            Some("No existing mapper model found for id 's'".to_owned()),
        ),
    ] {
        assert_eq!(judged(given, had), expected, "{given}");
    }
}

#[test]
fn cve_2026_16102_no_claim_that_says_what_somebody_may_do_is_written() {
    for (claim, refused) in [
        ("realm_access.roles", true),
        ("realm_access", true),
        (" resource_access.realm-management.roles", true),
        ("scope", true),
        ("realm_access\\.roles", false),
        ("my.realm_access", false),
        ("real\\m_access.roles", true),
        ("nickname", false),
    ] {
        let mapper = json!({"name": "p", "protocolMapper": "oidc-usermodel-property-mapper",
            "config": {"user.attribute": "username", "claim.name": claim}});
        assert_eq!(judged(&mapper, None).is_some(), refused, "{claim}");
    }
}
