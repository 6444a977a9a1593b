//! What a step can ask: the authenticators by their ids, and what a flow has to know of each.

use std::sync::Arc;

use super::{Known, Part, form};

/// An authenticator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Authenticator {
    /// `auth-cookie`: the browser is signed in already.
    Cookie,
    /// `auth-username-password-form`.
    UsernamePasswordForm,
    /// `auth-username-form`.
    UsernameForm,
    /// `auth-password-form`.
    PasswordForm,
    /// `auth-otp-form`.
    OtpForm,
    /// `auth-conditional-otp-form`: its settings say for whom.
    ConditionalOtpForm,
    /// `identity-provider-redirector`.
    ProviderRedirector,
    /// `organization`: who belongs to an organization is sent where it signs in.
    Organization,
    /// `http-basic-authenticator`.
    HttpBasic,
    /// `docker-http-basic-authenticator`.
    DockerBasic,
    /// `allow-access-authenticator`.
    AllowAccess,
    /// `deny-access-authenticator`.
    DenyAccess,
    /// `user-session-limits`.
    SessionLimits,
    /// `direct-grant-validate-username`.
    DirectUsername,
    /// `direct-grant-validate-password`.
    DirectPassword,
    /// `direct-grant-validate-otp`.
    DirectOtp,
    /// `registration-page-form`: people make an account, by the parts of the page that are on.
    Registration(Arc<[Part]>),
    /// `reset-credentials-choose-user`: who has forgotten a credential.
    ResetUser,
    /// `reset-credential-email`: the mail with the way on.
    ResetMail,
    /// `reset-password`: a new password is to be chosen.
    ResetPassword,
    /// `reset-otp`: a generator of one-time codes is to be set up.
    ResetOtp,
    /// One that decides whether its flow counts.
    Condition(Condition),
    /// One that cannot be asked here, by its id. It never succeeds.
    Other(String),
}

/// A condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Condition {
    /// `conditional-user-configured`.
    UserConfigured,
    /// `conditional-user-role`.
    Role,
    /// `conditional-user-attribute`.
    Attribute,
    /// `conditional-level-of-authentication`.
    Level,
    /// `conditional-client-scope`.
    ClientScope,
    /// `conditional-sub-flow-executed`.
    FlowExecuted,
    /// `conditional-credential`.
    Credential,
}

/// The ids of authenticators that have no variant of their own but a type of credential, so that who has
/// such a credential is not let in without it.
const OTHERS: [(&str, &str); 3] = [
    ("webauthn-authenticator", "webauthn"),
    (
        "webauthn-authenticator-passwordless",
        "webauthn-passwordless",
    ),
    ("auth-recovery-authn-code-form", "recovery-authn-codes"),
];

impl Authenticator {
    /// All that there is code for.
    pub const BUILT: [Self; 27] = {
        use Condition as C;
        [
            Self::Cookie,
            Self::UsernamePasswordForm,
            Self::UsernameForm,
            Self::PasswordForm,
            Self::OtpForm,
            Self::ConditionalOtpForm,
            Self::ProviderRedirector,
            Self::Organization,
            Self::HttpBasic,
            Self::DockerBasic,
            Self::AllowAccess,
            Self::DenyAccess,
            Self::SessionLimits,
            Self::DirectUsername,
            Self::DirectPassword,
            Self::DirectOtp,
            Self::ResetUser,
            Self::ResetMail,
            Self::ResetPassword,
            Self::ResetOtp,
            Self::Condition(C::UserConfigured),
            Self::Condition(C::Role),
            Self::Condition(C::Attribute),
            Self::Condition(C::Level),
            Self::Condition(C::ClientScope),
            Self::Condition(C::FlowExecuted),
            Self::Condition(C::Credential),
        ]
    };

    /// Reads an id of Keycloak's.
    pub fn from_id(id: &str) -> Self {
        let known = Self::BUILT.into_iter().find(|known| known.id() == id);
        known.unwrap_or_else(|| Self::Other(id.to_owned()))
    }

    /// Keycloak's id.
    pub fn id(&self) -> &str {
        match self {
            Self::Cookie => "auth-cookie",
            Self::UsernamePasswordForm => "auth-username-password-form",
            Self::UsernameForm => "auth-username-form",
            Self::PasswordForm => "auth-password-form",
            Self::OtpForm => "auth-otp-form",
            Self::ConditionalOtpForm => "auth-conditional-otp-form",
            Self::ProviderRedirector => "identity-provider-redirector",
            Self::Organization => "organization",
            Self::HttpBasic => "http-basic-authenticator",
            Self::DockerBasic => "docker-http-basic-authenticator",
            Self::AllowAccess => "allow-access-authenticator",
            Self::DenyAccess => "deny-access-authenticator",
            Self::SessionLimits => "user-session-limits",
            Self::DirectUsername => "direct-grant-validate-username",
            Self::DirectPassword => "direct-grant-validate-password",
            Self::DirectOtp => "direct-grant-validate-otp",
            Self::Registration(_) => form::PAGE,
            Self::ResetUser => "reset-credentials-choose-user",
            Self::ResetMail => "reset-credential-email",
            Self::ResetPassword => "reset-password",
            Self::ResetOtp => "reset-otp",
            Self::Condition(Condition::UserConfigured) => "conditional-user-configured",
            Self::Condition(Condition::Role) => "conditional-user-role",
            Self::Condition(Condition::Attribute) => "conditional-user-attribute",
            Self::Condition(Condition::Level) => "conditional-level-of-authentication",
            Self::Condition(Condition::ClientScope) => "conditional-client-scope",
            Self::Condition(Condition::FlowExecuted) => "conditional-sub-flow-executed",
            Self::Condition(Condition::Credential) => "conditional-credential",
            Self::Other(id) => id,
        }
    }

    /// Whether it can ask nothing before somebody is known.
    pub fn requires_user(&self) -> bool {
        match self {
            Self::PasswordForm
            | Self::OtpForm
            | Self::ConditionalOtpForm
            | Self::DirectPassword
            | Self::DirectOtp
            | Self::ResetPassword
            | Self::ResetOtp => true,
            // A passkey may tell whose it is.
            Self::Other(id) => {
                id != "webauthn-authenticator-passwordless" && self.credential().is_some()
            }
            Self::Cookie
            | Self::UsernamePasswordForm
            | Self::UsernameForm
            | Self::ProviderRedirector
            | Self::Organization
            | Self::HttpBasic
            | Self::DockerBasic
            | Self::AllowAccess
            | Self::DenyAccess
            | Self::SessionLimits
            | Self::DirectUsername
            | Self::Registration(_)
            | Self::ResetUser
            | Self::ResetMail
            | Self::Condition(_) => false,
        }
    }

    /// The type of credential that it asks for, where the person may choose among credentials by it.
    pub fn credential(&self) -> Option<&str> {
        match self {
            Self::PasswordForm => Some("password"),
            Self::OtpForm | Self::ConditionalOtpForm | Self::DirectOtp => Some("otp"),
            Self::Other(id) => OTHERS
                .iter()
                .find(|(known, _)| known == id)
                .map(|(_, credential)| *credential),
            Self::Cookie
            | Self::UsernamePasswordForm
            | Self::UsernameForm
            | Self::ProviderRedirector
            | Self::Organization
            | Self::HttpBasic
            | Self::DockerBasic
            | Self::AllowAccess
            | Self::DenyAccess
            | Self::SessionLimits
            | Self::DirectUsername
            | Self::DirectPassword
            | Self::Registration(_)
            | Self::ResetUser
            | Self::ResetMail
            | Self::ResetPassword
            | Self::ResetOtp
            | Self::Condition(_) => None,
        }
    }

    /// Whether a user who lacks its credential may sign in and set it up at once.
    pub fn may_be_set_up(&self) -> bool {
        match self {
            Self::OtpForm | Self::ConditionalOtpForm => true,
            Self::Other(_) => self.credential().is_some(),
            Self::Cookie
            | Self::UsernamePasswordForm
            | Self::UsernameForm
            | Self::PasswordForm
            | Self::ProviderRedirector
            | Self::Organization
            | Self::HttpBasic
            | Self::DockerBasic
            | Self::AllowAccess
            | Self::DenyAccess
            | Self::SessionLimits
            | Self::DirectUsername
            | Self::DirectPassword
            | Self::DirectOtp
            | Self::Registration(_)
            | Self::ResetUser
            | Self::ResetMail
            | Self::ResetPassword
            | Self::ResetOtp
            | Self::Condition(_) => false,
        }
    }

    /// The required action in which its credential is set up.
    pub fn setup_action(&self) -> Option<&'static str> {
        match self.credential()? {
            "otp" => Some("CONFIGURE_TOTP"),
            "webauthn" => Some("webauthn-register"),
            "webauthn-passwordless" => Some("webauthn-register-passwordless"),
            "recovery-authn-codes" => Some("CONFIGURE_RECOVERY_AUTHN_CODES"),
            _ => None,
        }
    }

    /// Whether a user has what it asks for.
    pub fn is_configured_for(&self, user: &Known) -> bool {
        // As Keycloak has it: these count as not set up for anybody, and are asked all the same.
        if matches!(
            self,
            Self::HttpBasic
                | Self::DockerBasic
                | Self::Organization
                | Self::AllowAccess
                | Self::DenyAccess
        ) {
            return false;
        }
        if matches!(self, Self::ResetOtp) {
            return user.has("otp");
        }
        self.credential()
            .is_none_or(|credential| user.has(credential))
    }

    /// The same of a user who may not be known yet: then what requires one is not set up.
    pub(super) fn is_set_up_for(&self, user: Option<&Known>) -> bool {
        match user {
            Some(user) => self.is_configured_for(user),
            None => {
                !self.requires_user()
                    && !matches!(
                        self,
                        Self::Organization | Self::AllowAccess | Self::DenyAccess
                    )
            }
        }
    }
}
