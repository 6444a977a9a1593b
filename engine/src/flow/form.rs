//! A page of a flow with several parts, each of which looks at the same form: registration is one.

use std::sync::Arc;

use super::Config;

/// The provider of the one page there is.
pub(super) const PAGE: &str = "registration-page-form";

/// A part of a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// What it looks at.
    pub kind: PartKind,
    /// Its settings, if it has any.
    pub config: Option<Arc<Config>>,
}

/// What a part of a page looks at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PartKind {
    /// `registration-user-creation`: the profile, of which the account is made.
    User,
    /// `registration-password-action`.
    Password,
    /// `registration-terms-and-conditions`.
    Terms,
    /// `registration-recaptcha-action` and `registration-recaptcha-enterprise`: a third party says
    /// whether a person sits there.
    Recaptcha,
    /// One that is no part of this server, by its id. It never succeeds.
    Other(String),
}

impl PartKind {
    /// Reads an id of Keycloak's.
    pub fn from_id(id: &str) -> Self {
        match id {
            "registration-user-creation" => Self::User,
            "registration-password-action" => Self::Password,
            "registration-terms-and-conditions" => Self::Terms,
            "registration-recaptcha-action" | "registration-recaptcha-enterprise" => {
                Self::Recaptcha
            }
            other => Self::Other(other.to_owned()),
        }
    }
}

impl Part {
    /// A setting, if it has text.
    pub fn setting(&self, name: &str) -> Option<&str> {
        let text = self.config.as_ref()?.get(name)?;
        (!text.is_empty()).then_some(text)
    }
}
