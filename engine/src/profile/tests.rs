//! Replays what Keycloak 26.7.4 answered (`cases.json`): administrators creating and changing users,
//! users changing themselves in the account console, and sign-ins that need a complete profile.

use claviger_model::{Millis, Seconds, UserId};
use serde_json::json;

use super::*;

const RECORDED: &str = include_str!("cases.json");
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
        _ => {}
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
        let realm = RealmSettings::from_body(group["realm"].as_object().unwrap());
        assert_eq!(
            sorted_sets(Value::Object(profile.to_json())),
            sorted_sets(group["stored"].clone()),
            "{name}"
        );
        assert_eq!(
            Value::Object(profile.metadata(&realm)),
            group["metadata"],
            "{name}: metadata"
        );
        for case in group["cases"].as_array().unwrap() {
            let mut replay = Replay {
                profile: &profile,
                realm: &realm,
                user: None,
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
