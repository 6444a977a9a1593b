//! `UserRepresentation` as administrators see it: what the user profile lets them see.

use std::collections::BTreeMap;

use claviger_engine::profile::{Context, Detail, UserProfile, Visible};
use claviger_engine::realm::Realm;
use claviger_model::User;
use claviger_wire::document::Json;
use claviger_wire::fields::Fields;
use serde_json::{Value, json};

use crate::call::AdminCall;
use crate::guard::Right;
use crate::problem::Problem;

/// What an administrator may do with users.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::admin) struct Access {
    /// See them.
    pub(in crate::admin) view: bool,
    /// Change them.
    pub(in crate::admin) manage: bool,
    /// Sign in as them.
    pub(in crate::admin) impersonate: bool,
}

impl Access {
    /// Of the administrator who asks.
    pub(in crate::admin) async fn of(call: &AdminCall) -> Result<Self, Problem> {
        let may = |rights: &'static [Right]| call.admin.may(&call.realm, rights);
        let manage = may(&[Right::ManageUsers]).await?;
        Ok(Self {
            view: manage || may(&[Right::ViewUsers]).await?,
            manage,
            impersonate: may(&[Right::Impersonation]).await?,
        })
    }

    /// `access` of one user.
    fn of_one(self) -> Value {
        json!({
            "manageGroupMembership": self.manage,
            "resetPassword": self.manage,
            "view": self.view,
            "mapRoles": self.manage,
            "impersonate": self.impersonate,
            "manage": self.manage,
        })
    }

    /// `access` of users in lists.
    fn of_many(self) -> Value {
        json!({"manage": self.manage})
    }
}

/// How users of one realm are shown.
#[derive(Clone, Copy, Debug)]
pub(in crate::admin) struct Showing<'a> {
    /// The realm.
    pub(in crate::admin) realm: &'a Realm,
    /// Its profile.
    pub(in crate::admin) profile: &'a UserProfile,
    /// What the administrator may do.
    pub(in crate::admin) access: Access,
}

impl Showing<'_> {
    fn visible(&self, user: &User, detail: Detail) -> Visible {
        self.profile
            .visible(&self.realm.settings, user, Context::UserApi, detail)
    }

    /// One user of a list, with the fields only.
    pub(in crate::admin) fn brief(&self, user: &User) -> Json {
        let mut body = fields(user, &self.visible(user, Detail::Brief));
        body.insert("access".to_owned(), self.access.of_many());
        body
    }

    /// One user of a list.
    pub(in crate::admin) fn listed(&self, user: &User, totp: bool) -> Json {
        let mut body = fields(user, &self.visible(user, Detail::Full));
        add_state(&mut body, user, totp);
        body.insert("access".to_owned(), self.access.of_many());
        body
    }

    /// The user that was asked for.
    pub(super) fn full(&self, user: &User, totp: bool) -> Json {
        let mut body = fields(user, &self.visible(user, Detail::Full));
        add_state(&mut body, user, totp);
        body.insert("access".to_owned(), self.access.of_one());
        body
    }

    /// Attributes that the realm's profile does not name, as far as they may be seen.
    pub(super) fn unmanaged(&self, user: &User) -> BTreeMap<String, Vec<String>> {
        let policy = self.profile.unmanaged_attribute_policy();
        if policy.is_none() && user.service_account_of.is_none() {
            return BTreeMap::new();
        }
        let config = self.profile.to_json();
        let managed: Vec<String> = Fields::of(&config)
            .objects("attributes")
            .filter_map(|attribute| Fields::of(attribute).text("name"))
            .collect();
        let mut seen = self.visible(user, Detail::Full).attributes;
        let blank = |values: &[String]| values.iter().all(|value| value.trim().is_empty());
        seen.retain(|name, values| !managed.contains(name) && !blank(values));
        seen
    }

    /// `userProfileMetadata`.
    pub(super) fn metadata(&self, user: &User) -> Json {
        self.profile
            .metadata_of(&self.realm.settings, user, Context::UserApi)
    }
}

/// The fields that every representation has; absent ones are left out.
fn fields(user: &User, seen: &Visible) -> Json {
    let mut body = Json::new();
    let mut put = |name: &str, value: Value| {
        if !value.is_null() {
            body.insert(name.to_owned(), value);
        }
    };
    put("id", json!(user.id.as_str()));
    put("username", json!(seen.username));
    put("firstName", json!(seen.first_name));
    put("lastName", json!(seen.last_name));
    put("email", json!(seen.email));
    put("emailVerified", json!(user.email_verified));
    if !seen.attributes.is_empty() {
        put("attributes", json!(seen.attributes));
    }
    put("enabled", json!(user.enabled));
    put("createdTimestamp", json!(user.created_at.0));
    body
}

fn add_state(body: &mut Json, user: &User, totp: bool) {
    body.insert("totp".to_owned(), json!(totp));
    if let Some(link) = &user.federation_link {
        body.insert("federationLink".to_owned(), json!(link));
        body.insert("origin".to_owned(), json!(link));
    }
    body.insert("disableableCredentialTypes".to_owned(), json!([]));
    body.insert("requiredActions".to_owned(), json!(user.required_actions));
    body.insert("notBefore".to_owned(), json!(user.not_before.0));
}

#[cfg(test)]
mod tests {
    use claviger_model::{Millis, Seconds, UserId};

    use super::*;

    fn alice() -> User {
        User {
            id: UserId::new("u"),
            username: "alice".to_owned(),
            email: Some("alice@shop.example".to_owned()),
            first_name: None,
            last_name: None,
            enabled: true,
            email_verified: true,
            created_at: Millis(7),
            not_before: Seconds(3),
            service_account_of: None,
            federation_link: None,
            attributes: [("hidden".to_owned(), vec!["x".to_owned()])].into(),
            required_actions: vec!["VERIFY_EMAIL".to_owned()],
        }
    }

    #[test]
    fn only_what_is_visible_is_shown() {
        let seen = Visible {
            username: Some("alice".to_owned()),
            ..Visible::default()
        };
        let mut body = fields(&alice(), &seen);
        let brief = json!({
            "id": "u", "username": "alice", "emailVerified": true, "enabled": true,
            "createdTimestamp": 7,
        });
        assert_eq!(json!(body), brief);
        add_state(&mut body, &alice(), true);
        let mut full = brief;
        for (name, value) in [
            ("totp", json!(true)),
            ("disableableCredentialTypes", json!([])),
            ("requiredActions", json!(["VERIFY_EMAIL"])),
            ("notBefore", json!(3)),
        ] {
            full[name] = value;
        }
        assert_eq!(json!(body), full);
    }
}
