//! What is refused, and where; what is taken over as it is.

use claviger_crypto::random::Random;
use claviger_model::Millis;
use claviger_wire::document::{Kind, LinkKind};
use serde_json::{Value, json};

use super::*;

fn compiled(file: Value) -> Result<RealmImport, ImportError> {
    let mut whole = json!({"realm": "shop", "enabled": true});
    let Value::Object(members) = file else {
        panic!("an object")
    };
    whole.as_object_mut().unwrap().extend(members);
    let random = Random::seeded(3);
    let context = Context {
        random: &random,
        now: Millis(7_000),
    };
    compile(whole.as_object().unwrap(), &context)
}

fn refused(file: &Value) -> ImportError {
    compiled(file.clone()).expect_err(&file.to_string())
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn a_broken_file_is_refused_with_its_place() {
    for (file, path) in [
        (json!({"realm": ""}), "realm"),
        (json!({"realm": "a/b"}), "realm"),
        (json!({"id": "a/b"}), "id"),
        (json!({"id": "x".repeat(37)}), "id"),
        (json!({"failureFactor": -1}), "failureFactor"),
        (json!({"sslRequired": "x"}), "sslRequired"),
        (json!({"passwordPolicy": "x(1)"}), "passwordPolicy"),
        (
            json!({"supportedLocales": ["de", "a/b"]}),
            "supportedLocales[1]",
        ),
        (
            json!({"browserSecurityHeaders": {"x": "a\nb"}}),
            "browserSecurityHeaders.x",
        ),
        (json!({"browserFlow": "x"}), "browserFlow"),
        (
            json!({"clients": [{"clientId": ""}]}),
            "clients[0].clientId",
        ),
        (
            json!({"clients": [{"clientId": "a", "redirectUris": ["http://a", "javascript:x"]}]}),
            "clients[0].redirectUris[1]",
        ),
        (
            json!({"clients": [{"clientId": "a", "authenticationFlowBindingOverrides": {"browser": "x"}}]}),
            "clients[0].authenticationFlowBindingOverrides.browser",
        ),
        (
            json!({"roles": {"realm": [{"description": "x"}]}}),
            "roles.realm[0].name",
        ),
        (
            json!({"roles": {"realm": [{"name": "a", "composites": {"realm": ["x"]}}]}}),
            "roles.realm[0].composites.realm[0]",
        ),
        (
            json!({"roles": {"realm": [{"name": "a", "composites": {"client": {"account": ["y"]}}}]}}),
            "roles.realm[0].composites.client.account[0]",
        ),
        (
            json!({"roles": {"client": {"x": [{"name": "a"}]}}}),
            "roles.client.x",
        ),
        (
            json!({"groups": [{"name": "a", "subGroups": [{"description": "x"}]}]}),
            "groups[0].subGroups[0].name",
        ),
        (
            json!({"groups": [{"name": "a"}], "defaultGroups": ["/x"]}),
            "defaultGroups[0]",
        ),
        (json!({"users": [{"email": "a@b.c"}]}), "users[0].username"),
        (
            json!({"users": [{"username": "abc", "clientRoles": {"x": ["y"]}}]}),
            "users[0].clientRoles.x",
        ),
        (
            json!({"users": [{"username": "abc", "groups": ["/x"]}]}),
            "users[0].groups[0]",
        ),
        (
            json!({"users": [{"username": "abc", "clientConsents": [{"clientId": "x"}]}]}),
            "users[0].clientConsents[0].clientId",
        ),
        (
            json!({"users": [{"username": "abc", "serviceAccountClientId": "x"}]}),
            "users[0].serviceAccountClientId",
        ),
        (
            json!({"users": [{"username": "abc", "credentials": [{"type": "otp", "value": "x"}]}]}),
            "users[0].credentials[0].type",
        ),
        (
            json!({"users": [{"username": "abc", "credentials": [{"type": "password"}]}]}),
            "users[0].credentials[0]",
        ),
        (
            json!({"passwordPolicy": "length(8)", "users": [{"username": "abc", "credentials": [
            {"type": "password", "value": "short"}]}]}),
            "users[0].credentials[0].value",
        ),
        (
            json!({"scopeMappings": [{"client": "x", "roles": ["a"]}]}),
            "scopeMappings[0].client",
        ),
        (
            json!({"scopeMappings": [{"roles": ["a"]}]}),
            "scopeMappings[0]",
        ),
        (
            json!({"clientScopeMappings": {"x": []}}),
            "clientScopeMappings.x",
        ),
        (
            json!({"authenticationFlows": [{"alias": "a", "authenticationExecutions": [
            {"requirement": "X"}]}]}),
            "authenticationFlows[0].authenticationExecutions[0].requirement",
        ),
        (
            json!({"authenticationFlows": [{"alias": "a", "authenticationExecutions": [
            {"requirement": "REQUIRED", "flowAlias": "x"}]}]}),
            "authenticationFlows[0].authenticationExecutions[0].flowAlias",
        ),
        (
            json!({"authenticationFlows": [{"alias": "a", "authenticationExecutions": [
            {"requirement": "REQUIRED", "authenticatorConfig": "x"}]}]}),
            "authenticationFlows[0].authenticationExecutions[0].authenticatorConfig",
        ),
        (
            json!({"components": {"org.keycloak.keys.KeyProvider": [{"providerId": "nope"}]}}),
            "components.org.keycloak.keys.KeyProvider[0].providerId",
        ),
        (
            json!({"identityProviders": [{"alias": "a"}]}),
            "identityProviders[0].providerId",
        ),
        (json!({"applications": [{"name": "a"}]}), "applications"),
    ] {
        let error = refused(&file);
        assert_eq!(
            (error.path.as_str(), error.problem),
            (path, ImportProblem::Invalid),
            "{error}"
        );
    }
}

#[test]
fn names_and_ids_used_twice_are_conflicts() {
    let id = "11111111-2222-4333-8444-555555555555";
    for (file, path) in [
        (
            json!({"clients": [{"clientId": "a"}, {"clientId": "a"}]}),
            "clients[1]",
        ),
        (
            json!({"clients": [{"clientId": "a", "id": id}, {"clientId": "b", "id": id}]}),
            "clients[1].id",
        ),
        (
            json!({"roles": {"realm": [{"name": "a"}, {"name": "a"}]}}),
            "roles.realm[1]",
        ),
        (
            json!({"groups": [{"name": "a"}, {"name": "a"}]}),
            "groups[1]",
        ),
        (
            json!({"clientScopes": [{"name": "a"}, {"name": "a"}]}),
            "clientScopes[1]",
        ),
        (
            json!({"users": [{"username": "abc"}, {"username": "ABC"}]}),
            "users[1].username",
        ),
        (
            json!({"users": [{"username": "abc", "email": "a@b.c"}, {"username": "abd", "email": "A@b.c"}]}),
            "users[1].email",
        ),
        (
            json!({"users": [{"username": "abc", "id": "1"}, {"username": "abd", "id": "1"}]}),
            "users[1].id",
        ),
    ] {
        let error = refused(&file);
        assert_eq!(
            (error.path.as_str(), error.problem),
            (path, ImportProblem::Conflict),
            "{error}"
        );
    }
    let twins =
        json!([{"username": "abc", "email": "a@b.c"}, {"username": "abd", "email": "a@b.c"}]);
    let allowed = compiled(json!({"duplicateEmailsAllowed": true, "users": twins}));
    assert_eq!(allowed.unwrap().users.len(), 2);
}

#[test]
fn groups_cannot_be_nested_without_end() {
    let mut group = json!({"name": "g"});
    for _ in 0..80 {
        group = json!({"name": "g", "subGroups": [group]});
    }
    assert!(
        refused(&json!({"groups": [group]}))
            .message
            .contains("deep")
    );
}

#[test]
fn credentials_come_over_in_every_form() {
    let import = compiled(json!({"users": [{"username": "Old", "enabled": true, "credentials": [
        {"type": "password", "algorithm": "pbkdf2-sha256", "hashIterations": 27500, "salt": "YWJj",
         "hashedSaltedValue": "ZGVm"},
        {"type": "totp", "hashedSaltedValue": "secret", "digits": 8, "period": 60},
        {"id": "k", "type": "webauthn", "userLabel": "key", "secretData": "{}", "createdDate": 5,
         "credentialData": "{\"counter\":1}"},
        {"type": "password", "value": "plain", "temporary": true},
    ]}]}))
    .unwrap();
    let user = &import.users[0];
    assert_eq!(user.user.username, "old");
    assert_eq!(user.user.required_actions, ["UPDATE_PASSWORD"]);
    let stored: Vec<_> = user
        .credentials
        .iter()
        .filter_map(|credential| match credential {
            NewCredential::Stored(credential) => Some(credential),
            NewCredential::Password(_) => None,
        })
        .collect();
    let json = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    assert_eq!(
        json(&stored[0].secret_data),
        json!({"value": "ZGVm", "salt": "YWJj"})
    );
    assert_eq!(json(&stored[0].credential_data)["hashIterations"], 27_500);
    assert_eq!(stored[1].kind.as_str(), "otp");
    assert_eq!(json(&stored[1].credential_data)["subType"], "totp");
    assert_eq!(json(&stored[1].credential_data)["digits"], 8);
    assert_eq!(
        (stored[2].id.as_str(), stored[2].user_label.as_deref()),
        ("k", Some("key"))
    );
    let priorities: Vec<_> = stored
        .iter()
        .map(|credential| credential.priority)
        .collect();
    assert_eq!(priorities, [10, 20, 30]);
    assert!(!format!("{:?}", user.credentials).contains("plain"));
}

#[test]
fn users_keep_what_the_file_says_and_get_nothing_else() {
    let import = compiled(
        json!({"users": [{"username": "abc", "requiredActions": ["update_password", "MINE"],
        "attributes": {"one": "x", "two": ["y", "z"]}, "createdTimestamp": 5}]}),
    )
    .unwrap();
    let new = &import.users[0];
    assert!(new.roles.is_empty(), "no default role");
    assert!(!new.user.enabled, "who is not said to be enabled is not");
    assert_eq!(new.user.required_actions, ["UPDATE_PASSWORD", "MINE"]);
    assert_eq!(new.user.attributes["one"], ["x"]);
    assert_eq!(new.user.created_at, Millis(5));
}

#[test]
fn masked_secrets_are_never_taken_over() {
    let import = compiled(json!({
        "clients": [{"clientId": "a", "secret": MASK}],
        "smtpServer": {"host": "h", "password": MASK},
        "components": {"org.keycloak.storage.UserStorageProvider": [
            {"name": "l", "providerId": "ldap", "config": {"bindCredential": [MASK], "bindDn": ["x"]}}]},
    }))
    .unwrap();
    assert!(!serde_json::to_string(&import.realm).unwrap().contains(MASK));
    for document in &import.documents {
        let text = serde_json::to_string(&document.body).unwrap();
        assert!(!text.contains(MASK), "{text}");
    }
    assert_eq!(import.warnings.len(), 2, "{:?}", import.warnings);
}

#[test]
fn links_lead_from_and_to_things_of_the_realm() {
    let import = compiled(json!({"clients": [{"clientId": "sv", "serviceAccountsEnabled": true}]}));
    let import = import.unwrap();
    let realm = import.realm["id"].as_str().unwrap();
    let exists = |id: &str| id == realm || import.documents.iter().any(|one| one.id == id);
    for link in &import.links {
        assert!(exists(&link.from) && exists(&link.to), "{link:?}");
    }
    let service = &import.users[0];
    assert_eq!(service.user.username, "service-account-sv");
    let default = import.realm["defaultRole"]["id"].as_str().unwrap();
    assert_eq!(service.roles, [RoleId::new(default)]);
}

#[test]
fn a_realm_comes_with_its_client_in_the_master_realm() {
    let part = compiled(json!({})).unwrap().master.unwrap();
    let client = part
        .documents
        .iter()
        .find(|one| one.kind == Kind::Client)
        .unwrap();
    assert_eq!(client.unique_name, "shop-realm");
    assert!(!client.body.contains_key("secret"));
    assert_eq!(part.roles.len(), 21);
    assert!(
        part.links
            .iter()
            .all(|link| link.kind == LinkKind::Composite)
    );
    assert!(
        compiled(json!({"realm": "master"}))
            .unwrap()
            .master
            .is_none()
    );
}

#[test]
fn a_name_is_one_segment_of_a_path() {
    let import = compiled(json!({"realm": "my shop"})).unwrap();
    let account = import
        .documents
        .iter()
        .find(|one| one.unique_name == "account")
        .unwrap();
    assert_eq!(account.body["baseUrl"], "/realms/my%20shop/account/");
    let default = import
        .documents
        .iter()
        .find(|one| one.unique_name == "default-roles-my shop");
    assert!(default.is_some());
}
