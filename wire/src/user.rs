//! Users as the Admin API and realm files show them.

use claviger_model::user::User;
use serde_json::json;

use crate::document::Json;

/// The members of a `UserRepresentation` that come from the user itself. Empty and absent ones are
/// left out, as Keycloak does; roles, groups, credentials and access are for the caller to add.
pub fn representation(user: &User) -> Json {
    let mut body = Json::from_iter([
        ("id".to_owned(), json!(user.id.as_str())),
        ("username".to_owned(), json!(user.username)),
    ]);
    for (member, value) in [
        ("firstName", &user.first_name),
        ("lastName", &user.last_name),
        ("email", &user.email),
    ] {
        if let Some(value) = value {
            body.insert(member.to_owned(), json!(value));
        }
    }
    body.insert("emailVerified".to_owned(), json!(user.email_verified));
    if !user.attributes.is_empty() {
        body.insert("attributes".to_owned(), json!(user.attributes));
    }
    body.insert("enabled".to_owned(), json!(user.enabled));
    body.insert("createdTimestamp".to_owned(), json!(user.created_at.0));
    body.insert("requiredActions".to_owned(), json!(user.required_actions));
    body.insert("notBefore".to_owned(), json!(user.not_before.0));
    body
}

#[cfg(test)]
mod tests {
    use super::*;
    use claviger_model::{Millis, Seconds, UserId};

    #[test]
    fn absent_members_are_left_out() {
        let user = User {
            id: UserId::new("u"),
            username: "alice".to_owned(),
            email: None,
            first_name: Some("Alice".to_owned()),
            last_name: None,
            enabled: true,
            email_verified: false,
            created_at: Millis(7),
            not_before: Seconds(0),
            service_account_of: None,
            federation_link: None,
            attributes: std::collections::BTreeMap::new(),
            required_actions: Vec::new(),
        };
        let expected = json!({
            "id": "u", "username": "alice", "firstName": "Alice", "emailVerified": false,
            "enabled": true, "createdTimestamp": 7, "requiredActions": [], "notBefore": 0,
        });
        assert_eq!(json!(representation(&user)), expected);
    }
}
