//! The declarative user profile: which attributes users have, who may see and change them, and what
//! their values must look like.
//!
//! A [`UserProfile`] is a realm's configuration, read once. A [`Candidate`] is what somebody wants a
//! user to be (or what the user is), seen from one [`Context`]: it says what is wrong, what is
//! visible, and changes a [`User`]. Whether a name or an address is taken is the caller's to ask,
//! because nothing here reads the store.

mod apply;
mod candidate;
mod check;
mod config;
mod configure;
mod date;
pub(crate) mod email;
mod fields;
mod form;
pub(crate) mod java;
mod managed;
mod metadata;
pub mod pattern;
mod taken;
pub mod uri;
mod validator;
mod value;

use std::collections::BTreeMap;

use claviger_model::User;
use claviger_wire::document::Json;
use claviger_wire::realm::RealmSettings;
use serde_json::Value;

pub use apply::{Change, Missing};
pub use candidate::{Candidate, Detail, Scene, Visible};
pub use config::{UnmanagedAttributePolicy, UserProfile};
pub use configure::ProfileConfigError;
pub use taken::{Taken, hold_email, taken};

/// From where a profile is looked at; it decides which role (`admin` or `user`) counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Context {
    /// Administrators, through the Admin API (`USER_API`).
    UserApi,
    /// Users, in the account console and its API.
    Account,
    /// Users, while they register.
    Registration,
    /// Users, asked for their profile while they sign in.
    UpdateProfile,
    /// Users, asked for their address while they sign in: knows no attribute but `email`.
    UpdateEmail,
    /// Users, when they come from an identity provider for the first time.
    IdpReview,
}

impl Context {
    const fn is_admin(self) -> bool {
        matches!(self, Self::UserApi)
    }

    /// Whether requested scopes may decide what is asked for.
    const fn knows_scopes(self) -> bool {
        !self.is_admin()
    }

    /// Whether a new address has to be verified again.
    const fn resets_email_verified(self) -> bool {
        matches!(
            self,
            Self::UpdateProfile | Self::Account | Self::UpdateEmail
        )
    }

    const fn role(self) -> &'static str {
        if self.is_admin() { "admin" } else { "user" }
    }
}

/// Switches of a realm that its settings do not hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RealmSwitches {
    /// The required action `UPDATE_EMAIL` is enabled: addresses change through it alone.
    pub update_email: bool,
    /// The required action `TERMS_AND_CONDITIONS` is enabled.
    pub terms_and_conditions: bool,
    /// The realm's mail server is set up and takes no UTF-8 before the `@`.
    pub ascii_local_part: bool,
}

/// What somebody sends as a user's profile.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(
    missing_docs,
    reason = "each is the field of the same name in Keycloak's JSON"
)]
pub struct ProfileInput {
    pub username: Option<String>,
    pub email: Option<String>,
    pub first_name: Option<String>,
    pub last_name: Option<String>,
    /// Without it an administrator's update leaves attributes as they are.
    pub attributes: Option<BTreeMap<String, Vec<String>>>,
}

/// Something wrong with an attribute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The attribute's name.
    pub attribute: String,
    /// Key of the message, e.g. `error-invalid-length`, `missingUsernameMessage`.
    pub error_key: String,
    /// What goes into the message; the first is the attribute's name.
    pub params: Vec<Value>,
}

impl UserProfile {
    /// A user as they are.
    pub fn of_user<'a>(&'a self, scene: Scene<'a>, user: &User) -> Candidate<'a> {
        Candidate::of_user(self, scene, user)
    }

    /// A candidate made of what was sent.
    pub fn candidate<'a>(&'a self, scene: Scene<'a>, input: &ProfileInput) -> Candidate<'a> {
        Candidate::new(self, scene, input)
    }

    /// What is wrong with what was sent, in the order in which Keycloak tells it.
    pub fn validate(
        &self,
        realm: &RealmSettings,
        input: &ProfileInput,
        existing: Option<&User>,
        context: Context,
        scopes: &[&str],
    ) -> Vec<Violation> {
        self.candidate(
            Scene {
                realm,
                context,
                existing,
                scopes,
            },
            input,
        )
        .violations()
    }

    /// Whether the user's own page would have nothing to ask (the required action `VERIFY_PROFILE`).
    pub fn is_complete(&self, user: &User, realm: &RealmSettings) -> bool {
        self.is_complete_for(user, realm, &[])
    }

    /// The same for a sign-in that asks for client scopes.
    pub fn is_complete_for(&self, user: &User, realm: &RealmSettings, scopes: &[&str]) -> bool {
        let scene = Scene {
            realm,
            context: Context::UpdateProfile,
            existing: Some(user),
            scopes,
        };
        Candidate::of_user(self, scene, user)
            .violations()
            .is_empty()
    }

    /// What of a user may be seen from there.
    pub fn visible(
        &self,
        realm: &RealmSettings,
        user: &User,
        context: Context,
        detail: Detail,
    ) -> Visible {
        let scene = Scene {
            realm,
            context,
            existing: Some(user),
            scopes: &[],
        };
        Candidate::of_user(self, scene, user).visible(user, detail)
    }

    /// `userProfileMetadata` of a user: how a page shows the attributes.
    pub fn metadata_of(&self, realm: &RealmSettings, user: &User, context: Context) -> Json {
        let scene = Scene {
            realm,
            context,
            existing: Some(user),
            scopes: &[],
        };
        Candidate::of_user(self, scene, user).metadata()
    }

    /// The body of `GET users/profile/metadata`.
    pub fn metadata(&self, realm: &RealmSettings) -> Json {
        let scene = Scene {
            realm,
            context: Context::UserApi,
            existing: None,
            scopes: &[],
        };
        self.candidate(scene, &ProfileInput::default()).metadata()
    }
}

#[cfg(test)]
mod tests;
