//! What an administrator sends as a user, laid over the user that is there.

use axum::http::StatusCode;
use claviger_engine::profile::{ProfileInput, Violation};
use claviger_model::{Millis, User};
use claviger_wire::document::Json;
use claviger_wire::fields::Fields;
use serde_json::{Value, json};

use crate::problem::Problem;

/// Required actions that a user can be given: those that Keycloak has code for.
pub(super) const REQUIRED_ACTIONS: [&str; 14] = [
    "CONFIGURE_RECOVERY_AUTHN_CODES",
    "CONFIGURE_TOTP",
    "TERMS_AND_CONDITIONS",
    "UPDATE_EMAIL",
    UPDATE_PASSWORD,
    "UPDATE_PROFILE",
    "VERIFY_EMAIL",
    "VERIFY_PROFILE",
    "delete_account",
    "delete_credential",
    "idp_link",
    "update_user_locale",
    "webauthn-register",
    "webauthn-register-passwordless",
];
/// The action that a temporary password asks for.
pub(super) const UPDATE_PASSWORD: &str = "UPDATE_PASSWORD";

/// Whether a user is made or changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Occasion {
    /// Made.
    Create,
    /// Changed.
    Update,
}

/// The part of a representation that the user profile rules.
pub(crate) fn profile_input(body: &Json) -> ProfileInput {
    let fields = Fields::of(body);
    ProfileInput {
        username: fields.text("username"),
        email: fields.text("email"),
        first_name: fields.text("firstName"),
        last_name: fields.text("lastName"),
        attributes: fields
            .object("attributes")
            .map(|_| fields.texts_map("attributes")),
    }
}

/// Lays what the profile does not rule over a user. What was not sent stays.
pub(super) fn apply(user: &mut User, body: &Json, occasion: Occasion) {
    let fields = Fields::of(body);
    if let Some(enabled) = fields.maybe_flag("enabled") {
        user.enabled = enabled;
    }
    if let Some(verified) = fields.maybe_flag("emailVerified") {
        user.email_verified = verified;
    }
    if occasion == Occasion::Create
        && let Some(created) = fields.integer("createdTimestamp")
    {
        user.created_at = Millis(created);
    }
    if let Some(wanted) = fields.maybe_texts("requiredActions") {
        for action in REQUIRED_ACTIONS {
            if wanted.iter().any(|wanted| wanted == action) {
                add_action(user, action);
            } else if occasion == Occasion::Update {
                user.required_actions.retain(|known| known != action);
            }
        }
    }
    let temporary = |credential: &Json| {
        let fields = Fields::of(credential);
        fields.str("type") == Some("password") && fields.flag("temporary", false)
    };
    if fields.objects("credentials").any(temporary) {
        add_action(user, UPDATE_PASSWORD);
    }
}

/// Adds a required action, once.
pub(super) fn add_action(user: &mut User, action: &str) {
    if !user.required_actions.iter().any(|known| known == action) {
        user.required_actions.push(action.to_owned());
    }
}

/// What an admin event tells of it: never credentials.
pub(super) fn told(body: &Json) -> Value {
    let mut body = body.clone();
    body.shift_remove("credentials");
    Value::Object(body)
}

/// How what is wrong with a profile is told: one fault as itself, several in a list.
pub(super) fn refused(violations: &[Violation]) -> Problem {
    Problem::with_body(StatusCode::BAD_REQUEST, faults(violations))
}

fn faults(violations: &[Violation]) -> Json {
    let one = |violation: &Violation| {
        Json::from_iter([
            ("field".to_owned(), json!(violation.attribute)),
            ("errorMessage".to_owned(), json!(violation.error_key)),
            ("params".to_owned(), json!(violation.params)),
        ])
    };
    match violations {
        [only] => one(only),
        many => {
            let all: Vec<Value> = many.iter().map(|fault| Value::Object(one(fault))).collect();
            Json::from_iter([("errors".to_owned(), Value::Array(all))])
        }
    }
}

#[cfg(test)]
mod tests {
    use claviger_model::{Seconds, UserId};

    use super::*;

    fn alice() -> User {
        User {
            id: UserId::new("u"),
            username: "alice".to_owned(),
            email: None,
            first_name: None,
            last_name: None,
            enabled: true,
            email_verified: false,
            created_at: Millis(7),
            not_before: Seconds(0),
            service_account_of: None,
            federation_link: None,
            attributes: std::collections::BTreeMap::new(),
            required_actions: vec!["VERIFY_EMAIL".to_owned(), "custom".to_owned()],
        }
    }

    fn applied(body: &Value, occasion: Occasion) -> User {
        let mut user = alice();
        apply(&mut user, body.as_object().unwrap(), occasion);
        user
    }

    #[test]
    fn what_was_not_sent_stays() {
        assert_eq!(applied(&json!({}), Occasion::Update), alice());
        assert_eq!(
            applied(&json!({"notBefore": 9, "totp": true}), Occasion::Update),
            alice()
        );
        let sent = json!({"enabled": false, "emailVerified": true, "createdTimestamp": 5});
        let changed = applied(&sent, Occasion::Update);
        assert_eq!(
            (changed.enabled, changed.email_verified, changed.created_at),
            (false, true, Millis(7)),
            "the time of creation is past"
        );
        assert_eq!(applied(&sent, Occasion::Create).created_at, Millis(5));
    }

    #[test]
    fn required_actions_are_those_that_there_are() {
        let sent = json!({"requiredActions": ["UPDATE_PASSWORD", "NOPE", "verify_email"]});
        let actions = |occasion| applied(&sent, occasion).required_actions;
        assert_eq!(actions(Occasion::Update), ["custom", "UPDATE_PASSWORD"]);
        assert_eq!(
            actions(Occasion::Create),
            ["VERIFY_EMAIL", "custom", "UPDATE_PASSWORD"]
        );
        let none = json!({"requiredActions": []});
        assert_eq!(
            applied(&none, Occasion::Update).required_actions,
            ["custom"]
        );
    }

    #[test]
    fn a_temporary_password_has_to_be_changed() {
        let cases = [
            (
                json!([{"type": "password", "value": "x", "temporary": true}]),
                true,
            ),
            (
                json!([{"type": "password", "value": "x", "temporary": false}]),
                false,
            ),
            (json!([{"type": "password", "value": "x"}]), false),
            (json!([{"type": "otp", "temporary": true}]), false),
        ];
        for (credentials, expected) in cases {
            let user = applied(&json!({"credentials": credentials}), Occasion::Update);
            let asked = user
                .required_actions
                .iter()
                .any(|action| action == UPDATE_PASSWORD);
            assert_eq!(asked, expected, "{credentials}");
        }
    }

    #[test]
    fn events_tell_no_credentials() {
        let body = json!({"username": "a", "credentials": [{"value": "secret"}]});
        assert_eq!(told(body.as_object().unwrap()), json!({"username": "a"}));
    }

    #[test]
    fn one_fault_is_told_as_itself() {
        let fault = |attribute: &str| Violation {
            attribute: attribute.to_owned(),
            error_key: "error-invalid-length".to_owned(),
            params: vec![json!(attribute), json!(3), json!(255)],
        };
        let one = |name| {
            json!({
                "field": name, "errorMessage": "error-invalid-length", "params": [name, 3, 255],
            })
        };
        assert_eq!(json!(faults(&[fault("a")])), one("a"));
        let two = json!({"errors": [one("a"), one("b")]});
        assert_eq!(json!(faults(&[fault("a"), fault("b")])), two);
        assert_eq!(refused(&[fault("a")]).status(), StatusCode::BAD_REQUEST);
    }
}
