//! Files with every member of every representation, drawn at random: nothing of them is lost, and
//! what was once exported comes back as it is.

use std::collections::HashMap;
use std::sync::LazyLock;

use claviger_crypto::random::Random;
use proptest::prelude::{ProptestConfig, any, proptest};
use serde_json::{Value, json};

use super::same::{assert_same, comparable};
use super::{Options, assemble, compile, parts};

/// Keycloak's representations with the types of their members.
static SCHEMA: LazyLock<Value> = LazyLock::new(|| {
    let text = include_str!("../../../../wire/src/representations.json");
    serde_json::from_str(text).unwrap()
});

/// Members that no export has: what older releases called things, what an answer tells beside a
/// thing, and what other members say already.
const NOT_EXPORTED: &[&str] = &[
    "RealmRepresentation.applicationScopeMappings",
    "RealmRepresentation.applications",
    "RealmRepresentation.certificate",
    "RealmRepresentation.clientTemplates",
    "RealmRepresentation.codeSecret",
    "RealmRepresentation.defaultRoles",
    "RealmRepresentation.keycloakVersion",
    "RealmRepresentation.oauthClients",
    "RealmRepresentation.otpSupportedApplications",
    "RealmRepresentation.privateKey",
    "RealmRepresentation.protocolMappers",
    "RealmRepresentation.publicKey",
    "RealmRepresentation.socialProviders",
    "RealmRepresentation.userFederationMappers",
    "RealmRepresentation.userFederationProviders",
    "ClientRepresentation.access",
    "ClientRepresentation.clientTemplate",
    "ClientRepresentation.defaultRoles",
    "ClientRepresentation.directGrantsOnly",
    "ClientRepresentation.origin",
    "ClientRepresentation.registrationAccessToken",
    "ClientRepresentation.useTemplateConfig",
    "ClientRepresentation.useTemplateMappers",
    "ClientRepresentation.useTemplateScope",
    "CredentialRepresentation.algorithm",
    "CredentialRepresentation.counter",
    "CredentialRepresentation.device",
    "CredentialRepresentation.digits",
    "CredentialRepresentation.federationLink",
    "CredentialRepresentation.hashIterations",
    "CredentialRepresentation.hashedSaltedValue",
    "CredentialRepresentation.period",
    "CredentialRepresentation.priority",
    "CredentialRepresentation.salt",
    "CredentialRepresentation.temporary",
    "CredentialRepresentation.value",
    "GroupRepresentation.access",
    "GroupRepresentation.parentId",
    "GroupRepresentation.path",
    "GroupRepresentation.subGroupCount",
    "IdentityProviderRepresentation.types",
    "ProtocolMapperRepresentation.consentRequired",
    "ProtocolMapperRepresentation.consentText",
    "RoleRepresentation.clientRole",
    "RoleRepresentation.composite",
    "RoleRepresentation.containerId",
    "RoleRepresentation.scopeParamRequired",
    "RoleRepresentation.Composites.application",
    "RolesRepresentation.application",
    "ScopeMappingRepresentation.clientTemplate",
    "ScopeMappingRepresentation.self",
    "UserConsentRepresentation.grantedRealmRoles",
    "UserRepresentation.access",
    "UserRepresentation.applicationRoles",
    "UserRepresentation.disableableCredentialTypes",
    "UserRepresentation.origin",
    "UserRepresentation.self",
    "UserRepresentation.socialLinks",
    "UserRepresentation.totp",
    "UserRepresentation.userProfileMetadata",
];

/// Draws representations.
struct Draw {
    random: Random,
    count: u64,
    /// How many of each class were drawn: their names.
    named: HashMap<&'static str, u64>,
}

impl Draw {
    fn below(&mut self, limit: u64) -> u64 {
        let text = self.random.alphanumeric(8);
        let sum = text
            .bytes()
            .fold(0_u64, |sum, byte| sum.wrapping_mul(131) ^ u64::from(byte));
        (sum ^ (sum >> 17)) % limit
    }

    fn one_of(&mut self, all: &[&str]) -> Value {
        let index = usize::try_from(self.below(all.len() as u64)).unwrap();
        json!(all[index])
    }

    fn text(&mut self) -> String {
        self.count += 1;
        let odd = ["", "ü 日本", "\"\\\n", "${x}", "a/b", "{\"a\":1}"];
        let odd = odd[usize::try_from(self.below(6)).unwrap()];
        format!("t{} {odd}", self.count)
    }

    fn name(&mut self, class: &'static str) -> Value {
        let number = self.named.entry(class).or_default();
        *number += 1;
        json!(format!("{class} {number}"))
    }

    /// An object with every member but those that no export has.
    fn class(&mut self, class: &str, depth: usize) -> Value {
        let members = SCHEMA["classes"][class].as_object().unwrap();
        let mut object = serde_json::Map::new();
        for (member, kind) in members {
            let place = format!("{class}.{member}");
            if NOT_EXPORTED.contains(&place.as_str()) {
                continue;
            }
            let value = match self.known(&place, depth) {
                Some(value) => value,
                None => self.value(kind.as_str().unwrap(), depth),
            };
            if !value.is_null() {
                object.insert(member.clone(), value);
            }
        }
        Value::Object(object)
    }

    fn value(&mut self, kind: &str, depth: usize) -> Value {
        let inside = |open, close| kind.strip_prefix(open)?.strip_suffix(close);
        match kind.trim_end_matches('!') {
            "text" => json!(self.text()),
            "flag" => json!(self.below(2) == 0),
            "int" | "long" => json!(self.below(1_000_000)),
            "any" => json!({"any": [1, {"x": self.text()}], "none": []}),
            "attributes" => json!({"one": [self.text()], "two": [self.text(), ""]}),
            _ => {
                if let Some(element) = inside("[", "]") {
                    if depth == 0 {
                        return json!([]);
                    }
                    return (0..2).map(|_| self.value(element, depth - 1)).collect();
                }
                if let Some(element) = inside("{", "}") {
                    if depth == 0 {
                        return json!({});
                    }
                    return json!({"k ü.": self.value(element, depth - 1)});
                }
                if let Some(name) = kind.strip_prefix('#') {
                    return SCHEMA["enums"][name][0].clone();
                }
                if depth == 0 {
                    Value::Null
                } else {
                    self.class(kind, depth - 1)
                }
            }
        }
    }

    /// Members whose values name something, or are not free.
    #[expect(clippy::too_many_lines, clippy::match_same_arms, reason = "a table")]
    fn known(&mut self, place: &str, depth: usize) -> Option<Value> {
        let member = place.rsplit('.').next().unwrap();
        Some(match place {
            "RealmRepresentation.realm" => json!("generated"),
            "RealmRepresentation.browserSecurityHeaders" => json!({"x": "y \u{fc}"}),
            "RealmRepresentation.sslRequired" => self.one_of(&["none", "all", "external"]),
            "RealmRepresentation.passwordPolicy" => json!("length(8) and notUsername(undefined)"),
            "RealmRepresentation.supportedLocales" => json!(["de", "en"]),
            // What is shown beside it has to be there.
            "RealmRepresentation.adminPermissionsEnabled" => json!(false),
            "RealmRepresentation.adminPermissionsClient" => Value::Null,
            "RealmRepresentation.duplicateEmailsAllowed" => json!(true),
            // Some attributes are members in another place.
            "RealmRepresentation.attributes" => json!({"mine": self.text()}),
            "RealmRepresentation.browserFlow" => json!("flow 1"),
            "RealmRepresentation.registrationFlow"
            | "RealmRepresentation.directGrantFlow"
            | "RealmRepresentation.resetCredentialsFlow"
            | "RealmRepresentation.clientAuthenticationFlow"
            | "RealmRepresentation.dockerAuthenticationFlow"
            | "RealmRepresentation.firstBrokerLoginFlow" => json!("flow 2"),
            "RealmRepresentation.defaultGroups" => json!(["/group 1"]),
            "RealmRepresentation.defaultRole" => {
                json!({"id": self.random.uuid(), "name": "role 1", "description": self.text()})
            }
            "RealmRepresentation.defaultDefaultClientScopes" => json!(["scope 1"]),
            "RealmRepresentation.defaultOptionalClientScopes" => json!(["scope 2"]),
            "RealmRepresentation.roles" => self.roles(depth),
            "RealmRepresentation.scopeMappings" => json!([
                {"client": "client 1", "roles": ["role 1", "role 2"]},
                {"clientScope": "scope 1", "roles": ["role 2"]},
            ]),
            "RealmRepresentation.clientScopeMappings" => json!({"client 1": [
                {"client": "client 2", "roles": ["role 3"]},
                {"clientScope": "scope 2", "roles": ["role 3"]},
            ]}),
            "RealmRepresentation.components" => self.components(),
            "RealmRepresentation.federatedUsers" => {
                json!([{"id": "f:x:1", "attributes": {"a": [self.text()]}, "notBefore": 3}])
            }
            "ClientRepresentation.clientId" => self.name("client"),
            "ClientRepresentation.protocol" => json!("openid-connect"),
            "ClientRepresentation.publicClient" => json!(false),
            "ClientRepresentation.redirectUris" => {
                json!([format!("https://{}/", self.count), "/*"])
            }
            "ClientRepresentation.rootUrl"
            | "ClientRepresentation.baseUrl"
            | "ClientRepresentation.adminUrl" => json!("https://a.example/x"),
            "ClientRepresentation.attributes" => {
                json!({"mine": self.text(), "realm_client": "false"})
            }
            "ClientRepresentation.authenticationFlowBindingOverrides" => {
                json!({"browser": "flow-id-1"})
            }
            "ClientRepresentation.defaultClientScopes" => json!(["scope 1"]),
            "ClientRepresentation.optionalClientScopes" => json!(["scope 2"]),
            "ClientRepresentation.authorizationSettings" => {
                self.class("ResourceServerRepresentation", 3)
            }
            "ClientScopeRepresentation.name" => self.name("scope"),
            "GroupRepresentation.name" => self.name("group"),
            "GroupRepresentation.subGroups" if depth > 4 => {
                json!([self.class("GroupRepresentation", 3)])
            }
            "GroupRepresentation.subGroups" => json!([]),
            "AuthenticationFlowRepresentation.alias" => self.name("flow"),
            "AuthenticationFlowRepresentation.id" => {
                json!(format!(
                    "flow-id-{}",
                    self.named.get("flow").copied().unwrap_or(0)
                ))
            }
            "AuthenticationExecutionExportRepresentation.flowAlias" => json!("flow 2"),
            "AuthenticationExecutionExportRepresentation.requirement" => {
                self.one_of(&["REQUIRED", "ALTERNATIVE", "DISABLED", "CONDITIONAL"])
            }
            "AuthenticationExecutionExportRepresentation.authenticatorConfig" => json!("config 1"),
            // Two spellings of one flag.
            "AuthenticationExecutionExportRepresentation.authenticatorFlow"
            | "AuthenticationExecutionExportRepresentation.autheticatorFlow" => json!(true),
            "AuthenticatorConfigRepresentation.alias" => self.name("config"),
            "RequiredActionProviderRepresentation.alias" => self.name("action"),
            "IdentityProviderRepresentation.alias" => self.name("idp"),
            "IdentityProviderRepresentation.firstBrokerLoginFlowAlias"
            | "IdentityProviderRepresentation.postBrokerLoginFlowAlias" => json!("flow 1"),
            "IdentityProviderMapperRepresentation.identityProviderAlias" => json!("idp 1"),
            // The organizations of the file say it.
            "IdentityProviderRepresentation.organizationId" => Value::Null,
            "OrganizationRepresentation.name" => self.name("organization"),
            "OrganizationRepresentation.alias" => {
                let number = self.named.get("organization").copied().unwrap_or(0);
                json!(format!("organization-{number}"))
            }
            "OrganizationRepresentation.redirectUrl" => json!("https://a.example/"),
            "OrganizationRepresentation.domains" => json!([
                {"name": format!("*.{}.example.org", self.count), "verified": true}]),
            "OrganizationRepresentation.identityProviders" => {
                let number = self.named.get("organization").copied().unwrap_or(0);
                if number == 1 {
                    json!([{"alias": "idp 1"}])
                } else {
                    Value::Null
                }
            }
            // Members and groups are named; the rest of a user is with the user.
            "OrganizationRepresentation.groups" => {
                // They do not count among the realm's.
                let count = self.named.get("group").copied().unwrap_or(0);
                let groups = json!([self.class("GroupRepresentation", 5)]);
                self.named.insert("group", count);
                groups
            }
            "OrganizationRepresentation.members" => json!([
                {"username": "user 1", "membershipType": "MANAGED"},
                {"username": "user 2", "membershipType": "UNMANAGED"}]),
            "UserRepresentation.username" => {
                json!(self.name("user").as_str().unwrap().to_lowercase())
            }
            "UserRepresentation.email" => json!(format!("{}@example.org", self.count)),
            "UserRepresentation.serviceAccountClientId" => Value::Null,
            "UserRepresentation.groups" => json!(["/group 1"]),
            "UserRepresentation.realmRoles" | "GroupRepresentation.realmRoles" => json!(["role 1"]),
            "UserRepresentation.clientRoles" | "GroupRepresentation.clientRoles" => {
                json!({"client 1": ["role 3"]})
            }
            "UserRepresentation.clientConsents" => json!([
                {"clientId": "client 1", "grantedClientScopes": ["scope 1", "scope 2"],
                 "createdDate": 1, "lastUpdatedDate": self.below(9)}]),
            "UserRepresentation.federatedIdentities" => json!([
                {"identityProvider": "idp 1", "userId": self.text(), "userName": self.text()}]),
            "CredentialRepresentation.type" => self.one_of(&[
                "password",
                "otp",
                "webauthn",
                "recovery-authn-codes",
                "mine",
            ]),
            "CredentialRepresentation.secretData" | "CredentialRepresentation.credentialData" => {
                json!(format!("{{ \"x\" : \"{}\"}}", self.count))
            }
            _ if matches!(member, "id" | "internalId") => json!(self.random.uuid()),
            _ => return None,
        })
    }

    fn roles(&mut self, depth: usize) -> Value {
        let mut role = |name: &str, composites: Value| {
            let mut role = self.class("RoleRepresentation", depth);
            role["name"] = json!(name);
            role["composites"] = composites;
            role
        };
        let both = json!({"realm": ["role 2"], "client": {"client 1": ["role 3"]}});
        json!({
            "realm": [role("role 2", Value::Null)],
            "client": {"client 1": [role("role 3", Value::Null)], "client 2": [role("role 4", both)]},
        })
    }

    fn components(&mut self) -> Value {
        let mut below = self.class("ComponentExportRepresentation", 2);
        below["subComponents"] = json!({});
        let mut above = self.class("ComponentExportRepresentation", 2);
        above["subComponents"] = json!({"some.Mapper": [below]});
        json!({
            "org.keycloak.storage.UserStorageProvider": [above],
            "org.keycloak.services.clientregistration.policy.ClientRegistrationPolicy": [],
        })
    }
}

/// The places at which `file` says something that `export` does not.
fn lost(file: &Value, export: &Value, path: &str, found: &mut Vec<String>) {
    const NAMES: &[&str] = &["clientId", "username", "alias", "name", "id"];
    match (file, export) {
        (Value::Object(one), Value::Object(two)) => {
            for (name, value) in one {
                match two.get(name) {
                    Some(other) => lost(value, other, &format!("{path}.{name}"), found),
                    // A composite that is none, a role without what it would contain.
                    None if value.is_null() => {}
                    None => found.push(format!("{path}.{name}")),
                }
            }
        }
        (Value::Array(one), Value::Array(two)) => {
            for value in one {
                let key = NAMES.iter().find(|name| value.get(**name).is_some());
                let other = two.iter().find(|other| {
                    if let Some(key) = key {
                        return value[*key] == other[*key];
                    }
                    let mut differing = Vec::new();
                    lost(value, other, "", &mut differing);
                    differing.is_empty()
                });
                match other {
                    Some(other) if key.is_some() => lost(value, other, &format!("{path}[]"), found),
                    Some(_) => {}
                    None => found.push(format!("{path}: no {value}")),
                }
            }
        }
        (one, two) if one == two => {}
        (one, two) => found.push(format!("{path}: {two} instead of {one}")),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_of_a_file_is_lost(seed in any::<u64>()) {
        let mut draw = Draw { random: Random::seeded(seed), count: 0, named: HashMap::new() };
        let mut file = draw.class("RealmRepresentation", 6);
        file["nobodyKnows"] = json!({"this": [draw.text()]});
        let once = Value::Object(assemble(&parts(compile(&file)), Options::FULL));
        let mut found = Vec::new();
        lost(&file, &once, "", &mut found);
        assert!(found.is_empty(), "{}", found.join("\n"));
        let twice = Value::Object(assemble(&parts(compile(&once)), Options::FULL));
        // A client that comes from a file gets what every client of a file has.
        let thrice = Value::Object(assemble(&parts(compile(&twice)), Options::FULL));
        assert_same(&thrice, &twice);
        assert_eq!(comparable(&thrice["users"]), comparable(&once["users"]));
    }
}
