//! Replays what Keycloak 26.7.4 answered (`cases.json`): administrators creating and changing users,
//! users changing themselves in the account console, and sign-ins that need a complete profile.

use claviger_model::{ClientUuid, Millis, Seconds, UserId};
use serde_json::json;

use super::*;

const RECORDED: &str = include_str!("cases.json");
/// Configurations that administrators sent, and the answers.
const CONFIGURATIONS: &str = include_str!("configurations.json");
/// Default client scopes of the client that signs in.
const SCOPES: [&str; 6] = ["acr", "basic", "email", "profile", "roles", "web-origins"];

fn new_user(username: &str) -> User {
    User {
        id: UserId::new("u"),
        username: username.to_owned(),
        email: None,
        first_name: None,
        last_name: None,
        enabled: true,
        email_verified: false,
        created_at: Millis(0),
        not_before: Seconds(0),
        service_account_of: None,
        federation_link: None,
        attributes: BTreeMap::new(),
        required_actions: Vec::new(),
    }
}

fn input(sent: &Value) -> ProfileInput {
    let text = |name: &str| sent[name].as_str().map(str::to_owned);
    ProfileInput {
        username: text("username"),
        email: text("email"),
        first_name: text("firstName"),
        last_name: text("lastName"),
        attributes: sent
            .get("attributes")
            .map(|attributes| serde_json::from_value(attributes.clone()).unwrap()),
    }
}

/// Field, message, parameters but the first (which pages translate).
fn expected_faults(body: &Value) -> Vec<Value> {
    let one = |fault: &Value| {
        let params = fault["params"].as_array().cloned().unwrap_or_default();
        json!([
            fault["field"],
            fault["errorMessage"],
            params.get(1..).unwrap_or_default()
        ])
    };
    match body["errors"].as_array() {
        Some(faults) => faults.iter().map(one).collect(),
        None => vec![one(body)],
    }
}

fn faults(candidate: &Candidate<'_>) -> Vec<Value> {
    let violations = candidate.violations();
    assert!(
        violations
            .iter()
            .all(|it| it.params.first() == Some(&json!(it.attribute)))
    );
    if violations
        .iter()
        .any(|it| it.error_key == "missingUsernameMessage")
        && candidate.scene.context.is_admin()
    {
        return vec![json!([null, "User name is missing", []])];
    }
    let told = |it: &Violation| json!([it.attribute, it.error_key, it.params[1..]]);
    violations.iter().map(told).collect()
}

fn shown(visible: Visible) -> Value {
    let mut body = json!({});
    for (name, value) in [
        ("username", visible.username.map(Value::from)),
        ("email", visible.email.map(Value::from)),
        ("firstName", visible.first_name.map(Value::from)),
        ("lastName", visible.last_name.map(Value::from)),
        ("emailVerified", visible.email_verified.map(Value::from)),
    ] {
        if let Some(value) = value {
            body[name] = value;
        }
    }
    if !visible.attributes.is_empty() {
        body["attributes"] = json!(visible.attributes);
    }
    body
}

/// Administrators are always told whether the address is verified.
fn shown_to_admins(profile: &UserProfile, realm: &RealmSettings, user: &User) -> Value {
    let mut body = shown(profile.visible(realm, user, Context::UserApi, Detail::Full));
    body["emailVerified"] = json!(user.email_verified);
    body
}

/// Sets have no order.
fn sorted_sets(mut value: Value) -> Value {
    match &mut value {
        Value::Array(items) => {
            for item in items.iter_mut() {
                *item = sorted_sets(item.take());
            }
            if items.iter().all(Value::is_string) {
                items.sort_by_key(ToString::to_string);
            }
        }
        Value::Object(fields) => {
            for (_, field) in fields.iter_mut() {
                *field = sorted_sets(field.take());
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
    value
}

/// The Account API tells numbers as text.
fn numbers_as_text(fault: &mut Value) {
    for param in fault[2].as_array_mut().unwrap() {
        if param.is_number() {
            *param = Value::from(param.to_string());
        }
    }
}

struct Replay<'a> {
    profile: &'a UserProfile,
    realm: &'a RealmSettings,
    user: Option<User>,
    differences: Vec<String>,
}

impl Replay<'_> {
    fn compare(&mut self, ours: &Value, keycloaks: &Value, label: &str) {
        if ours != keycloaks {
            self.differences.push(format!(
                "{label}\n  ours: {ours}\n  Keycloak's: {keycloaks}"
            ));
        }
    }

    fn step(&mut self, step: &Value, label: &str) {
        let context = match step["context"].as_str().unwrap() {
            "complete" => {
                let user = self.user.as_ref().unwrap();
                let complete = self.profile.is_complete_for(user, self.realm, &SCOPES);
                self.compare(&json!(complete), &json!(step["status"] == 200), label);
                return;
            }
            "account" => Context::Account,
            _ => Context::UserApi,
        };
        let existing = self.user.clone();
        if let Some(before) = step.get("before") {
            let user = existing.as_ref().unwrap();
            let visible = self
                .profile
                .visible(self.realm, user, context, Detail::Full);
            let mut body = shown(visible);
            let metadata = self.profile.metadata_of(self.realm, user, context);
            body["userProfileMetadata"] = Value::Object(metadata);
            self.compare(&body, before, label);
        }
        let scene = Scene {
            realm: self.realm,
            context,
            existing: existing.as_ref(),
            scopes: &SCOPES,
        };
        let sent = input(&step["input"]);
        let candidate = self.profile.candidate(scene, &sent);
        let refused = step["status"].as_i64().unwrap() >= 400;
        let expected = if refused {
            expected_faults(&step["body"])
        } else {
            vec![]
        };
        let mut found = faults(&candidate);
        if context == Context::Account {
            found.iter_mut().for_each(numbers_as_text);
        }
        self.compare(&json!(found), &json!(expected), label);
        if !refused {
            let missing = if context == Context::Account || sent.attributes.is_some() {
                Missing::Remove
            } else {
                Missing::Keep
            };
            let mut user = existing.clone().unwrap_or_else(|| {
                let mut user = new_user(candidate.username().unwrap());
                user.email_verified = step["input"]["emailVerified"] == true;
                user
            });
            let missing = if existing.is_none() {
                Missing::Keep
            } else {
                missing
            };
            candidate.apply_to(&mut user, missing);
            self.user = Some(user);
        }
        if let (Some(after), Some(user)) = (step.get("after"), &self.user) {
            assert_eq!(
                &shown_to_admins(self.profile, self.realm, user),
                after,
                "{label}: after"
            );
        }
    }
}

#[test]
fn answers_are_keycloaks() {
    let groups: Vec<Value> = serde_json::from_str(RECORDED).unwrap();
    let mut differences = Vec::new();
    for group in &groups {
        let name = group["name"].as_str().unwrap();
        let scopes = ["email", "offline_access"];
        let profile = UserProfile::configure(&group["config"], &scopes).unwrap();
        let profile = profile.with_switches(RealmSwitches {
            update_email: group["switches"]["update_email"] == true,
            terms_and_conditions: group["switches"]["terms"] == true,
            ascii_local_part: group["switches"]["ascii"] == true,
        });
        let realm = RealmSettings::from_body(group["realm"].as_object().unwrap());
        let first = group["service_account"].as_str().map(|name| User {
            service_account_of: Some(ClientUuid::new("c")),
            ..new_user(name)
        });
        if first.is_none() {
            let ours = sorted_sets(Value::Object(profile.to_json()));
            assert_eq!(ours, sorted_sets(group["stored"].clone()), "{name}");
            let metadata = Value::Object(profile.metadata(&realm));
            assert_eq!(metadata, group["metadata"], "{name}: metadata");
        }
        for case in group["cases"].as_array().unwrap() {
            let mut replay = Replay {
                profile: &profile,
                realm: &realm,
                user: first.clone(),
                differences: vec![],
            };
            for step in case.as_array().unwrap() {
                let label = format!("{name}: {} {}", step["context"], step["input"]);
                replay.step(step, &label);
            }
            differences.append(&mut replay.differences);
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

#[test]
fn configurations_are_refused_in_keycloaks_words() {
    let recorded: Vec<Value> = serde_json::from_str(CONFIGURATIONS).unwrap();
    for case in &recorded {
        match UserProfile::configure(&case["config"], &["email"]) {
            Ok(profile) => {
                assert_eq!(case["status"], 200, "{case}");
                assert_eq!(Value::Object(profile.to_json()), case["body"]);
            }
            Err(ProfileConfigError::Json(_)) => assert_eq!(case["body"], json!({}), "{case}"),
            Err(error) => assert_eq!(json!(error.to_string()), case["body"]["errorMessage"]),
        }
    }
}

#[test]
fn a_profile_has_limits() {
    let mut attributes = vec![json!({"name": "username"}), json!({"name": "email"})];
    let more = |count: usize| (0..count).map(|at| json!({"name": format!("a{at}")}));
    attributes.extend(more(998));
    let full = json!({"attributes": attributes});
    assert!(UserProfile::configure(&full, &[]).is_ok());
    attributes.push(json!({"name": "more"}));
    assert!(UserProfile::configure(&json!({"attributes": attributes}), &[]).is_err());
}

#[test]
fn an_unreadable_profile_is_the_default_one() {
    for text in [
        None,
        Some(""),
        Some("{"),
        Some("[]"),
        Some("{\"attributes\": 1}"),
    ] {
        let profile = UserProfile::read(text);
        let names: Vec<&str> = profile
            .config
            .attributes()
            .iter()
            .map(config::Attribute::name)
            .collect();
        assert_eq!(
            names,
            ["username", "email", "firstName", "lastName"],
            "{text:?}"
        );
        assert_eq!(profile.unmanaged_attribute_policy(), None);
    }
    let own = UserProfile::configure(
        &json!({"attributes": [{"name": "username"}, {"name": "email"}]}),
        &[],
    );
    let own = own.unwrap();
    let text = Value::Object(own.to_json()).to_string();
    assert_eq!(UserProfile::read(Some(&text)), own);
}

const BY_EMAIL: &str = r#"{"registrationEmailAsUsername": true}"#;

/// Messages by context, realm, what is sent: pages where nobody is signed in yet.
#[test]
fn newcomers_are_checked() {
    let all = |username: &str, email: &str| ProfileInput {
        username: Some(username.to_owned()),
        email: Some(email.to_owned()),
        first_name: Some("A".to_owned()),
        last_name: Some("B".to_owned()),
        attributes: None,
    };
    let no_username = ProfileInput {
        username: None,
        ..all("", "a@b.c")
    };
    for (context, realm, sent, expected) in [
        (Context::Registration, "{}", all("alice", "a@b.c"), vec![]),
        (
            Context::Registration,
            "{}",
            no_username.clone(),
            vec!["missingUsernameMessage"],
        ),
        (
            Context::Registration,
            "{}",
            all("alice", ""),
            vec!["error-user-attribute-required", "missingEmailMessage"],
        ),
        (Context::Registration, BY_EMAIL, no_username.clone(), vec![]),
        (
            Context::Registration,
            BY_EMAIL,
            all("ignored", "a@b.c"),
            vec![],
        ),
        (
            Context::Registration,
            BY_EMAIL,
            all("ignored", "nonsense"),
            vec!["error-invalid-email", "invalidEmailMessage"],
        ),
        (
            Context::IdpReview,
            "{}",
            no_username.clone(),
            vec!["missingUsernameMessage"],
        ),
        (Context::IdpReview, BY_EMAIL, no_username, vec![]),
        (Context::IdpReview, "{}", all("alice", "a@b.c"), vec![]),
    ] {
        let realm = RealmSettings::from_body(&serde_json::from_str(realm).unwrap());
        let violations = UserProfile::read(None).validate(&realm, &sent, None, context, &[]);
        let mut found: Vec<&str> = violations.iter().map(|it| it.error_key.as_str()).collect();
        found.sort_unstable();
        assert_eq!(found, expected, "{context:?} {sent:?}");
    }
}

#[test]
fn scopes_decide_what_is_asked_and_what_exists() {
    let config = json!({"attributes": [
        {"name": "username"}, {"name": "email"},
        {"name": "asked", "required": {"scopes": ["email"]},
         "permissions": {"view": ["user"], "edit": ["user"]}},
        {"name": "there", "selector": {"scopes": ["email"]},
         "permissions": {"view": ["user"], "edit": ["user"]}},
    ]});
    let profile = UserProfile::configure(&config, &["email"]).unwrap();
    let realm = RealmSettings::from_body(&Json::new());
    let user = new_user("alice");
    assert!(profile.is_complete(&user, &realm));
    assert!(!profile.is_complete_for(&user, &realm, &["email"]));
    let input = ProfileInput {
        attributes: Some([("there".to_owned(), vec!["x".to_owned()])].into()),
        ..ProfileInput::default()
    };
    for (scopes, expected) in [(&["profile"][..], 0), (&["email"][..], 1)] {
        let scene = Scene {
            realm: &realm,
            context: Context::UpdateProfile,
            existing: Some(&user),
            scopes,
        };
        assert_eq!(
            profile.candidate(scene, &input).get("there").len(),
            expected
        );
    }
}

/// Nobody but the server may set its own attributes, whatever the profile says about others.
#[test]
fn users_never_set_the_servers_attributes() {
    let config = json!({"unmanagedAttributePolicy": "ENABLED",
                        "attributes": [{"name": "username"}, {"name": "email"}]});
    let profile = UserProfile::configure(&config, &[]).unwrap();
    let realm = RealmSettings::from_body(&Json::new());
    let user = new_user("alice");
    for name in [
        "ldap_id",
        "LDAP_ENTRY_DN",
        "userCertificate",
        "saml.persistent.name.id.for.x",
    ] {
        let input = ProfileInput {
            attributes: Some([(name.to_owned(), vec!["x".to_owned()])].into()),
            ..ProfileInput::default()
        };
        for context in [Context::Account, Context::UpdateProfile] {
            let scene = Scene {
                realm: &realm,
                context,
                existing: Some(&user),
                scopes: &[],
            };
            let candidate = profile.candidate(scene, &input);
            let keys: Vec<_> = candidate
                .violations()
                .into_iter()
                .map(|it| it.error_key)
                .collect();
            assert_eq!(keys, ["updateReadOnlyAttributesRejectedMessage"], "{name}");
            let mut changed = user.clone();
            candidate.apply_to(&mut changed, Missing::Remove);
            assert_eq!(changed, user, "{name}");
        }
    }
}

proptest::proptest! {
    /// Whatever is sent, checking and applying it ends, and what a user may not change stays.
    #[test]
    fn nothing_sent_changes_what_is_read_only(
        names in proptest::collection::vec("[a-z.A-Z_]{0,8}", 0..6),
        values in proptest::collection::vec(".{0,12}", 0..4),
        username in proptest::option::of(".{0,12}"),
    ) {
        let profile = UserProfile::read(None);
        let realm = RealmSettings::from_body(&Json::new());
        let user = User {
            attributes: [("LDAP_ID".to_owned(), vec!["1".to_owned()])].into(),
            ..new_user("alice")
        };
        let attributes = names.into_iter().map(|name| (name, values.clone())).collect();
        let input = ProfileInput { username, attributes: Some(attributes), ..ProfileInput::default() };
        let scene = Scene {
            realm: &realm, context: Context::Account, existing: Some(&user), scopes: &[],
        };
        let candidate = profile.candidate(scene, &input);
        let _ = candidate.violations();
        let mut changed = user.clone();
        candidate.apply_to(&mut changed, Missing::Remove);
        proptest::prop_assert_eq!(changed.username, user.username);
        proptest::prop_assert_eq!(changed.attributes, user.attributes);
    }
}
