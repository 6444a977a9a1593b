//! What the server reads of a `RealmRepresentation`, with Keycloak's defaults.

use std::collections::BTreeMap;

use claviger_model::{RealmId, RoleId, Seconds};

use crate::document::Json;
use crate::fields::Fields;

/// Which requests must come over TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SslRequired {
    /// None.
    None,
    /// Those from public addresses.
    External,
    /// All.
    All,
}

/// A realm's settings, read once per version of the realm.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent switches, as administrators see them"
)]
pub struct RealmSettings {
    /// UUID text.
    pub id: RealmId,
    /// The name in addresses.
    pub name: String,
    /// The name that people read.
    pub display_name: Option<String>,
    /// The same as HTML for the login page.
    pub display_name_html: Option<String>,
    /// A disabled realm does nothing.
    pub enabled: bool,
    /// Which requests must come over TLS.
    pub ssl_required: SslRequired,
    /// Tokens issued before this instant are refused.
    pub not_before: Seconds,
    /// Signs tokens of clients that do not choose.
    pub default_signature_algorithm: String,
    /// The role that every new user gets.
    pub default_role: RoleId,
    /// Policy text, e.g. `length(8) and notUsername(undefined)`.
    pub password_policy: Option<String>,
    /// How long things live.
    pub lifespans: Lifespans,
    /// What the login pages allow.
    pub login: LoginSettings,
    /// Locking of accounts that are being guessed at.
    pub brute_force: BruteForce,
    /// How one-time passwords are made.
    pub otp: OtpPolicy,
    /// Which events are kept.
    pub events: EventsSettings,
    /// Aliases of the flows in use.
    pub flows: FlowBindings,
    /// Languages of the pages.
    pub locales: LocaleSettings,
    /// Names of the themes in use.
    pub themes: Themes,
    /// The address that mails come from (`smtpServer.from`); without one none can be sent.
    pub mail_sender: Option<String>,
    /// Security headers of pages, by Keycloak's key (`contentSecurityPolicy`, …).
    pub browser_security_headers: BTreeMap<String, String>,
    /// Whether users may share their own resources (UMA).
    pub user_managed_access_allowed: bool,
    /// Whether organizations are in use.
    pub organizations_enabled: bool,
    /// Whether fine-grained administrator permissions are in use.
    pub admin_permissions_enabled: bool,
    /// Further settings by name, e.g. `frontendUrl`, `acr.loa.map`.
    pub attributes: BTreeMap<String, String>,
}

/// Idle times and lifespans. Zero means "as the user session" for client sessions and "as without
/// remember me" for remember-me sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    missing_docs,
    reason = "each is the setting of the same name in Keycloak's JSON"
)]
pub struct Lifespans {
    pub revoke_refresh_token: bool,
    pub refresh_token_max_reuse: i64,
    pub access_token_lifespan: Seconds,
    pub access_token_lifespan_for_implicit_flow: Seconds,
    pub sso_session_idle_timeout: Seconds,
    pub sso_session_max_lifespan: Seconds,
    pub sso_session_idle_timeout_remember_me: Seconds,
    pub sso_session_max_lifespan_remember_me: Seconds,
    pub offline_session_idle_timeout: Seconds,
    pub offline_session_max_lifespan_enabled: bool,
    pub offline_session_max_lifespan: Seconds,
    pub client_session_idle_timeout: Seconds,
    pub client_session_max_lifespan: Seconds,
    pub client_offline_session_idle_timeout: Seconds,
    pub client_offline_session_max_lifespan: Seconds,
    pub access_code_lifespan: Seconds,
    pub access_code_lifespan_user_action: Seconds,
    pub access_code_lifespan_login: Seconds,
    pub action_token_generated_by_admin_lifespan: Seconds,
    pub action_token_generated_by_user_lifespan: Seconds,
    pub oauth2_device_code_lifespan: Seconds,
    pub oauth2_device_polling_interval: Seconds,
}

/// What the login pages allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    missing_docs,
    reason = "each is the setting of the same name in Keycloak's JSON"
)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent switches, as administrators see them"
)]
pub struct LoginSettings {
    pub registration_allowed: bool,
    pub registration_email_as_username: bool,
    pub remember_me: bool,
    pub verify_email: bool,
    pub login_with_email_allowed: bool,
    pub duplicate_emails_allowed: bool,
    pub reset_password_allowed: bool,
    pub edit_username_allowed: bool,
}

/// How the waiting time grows with failures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BruteForceStrategy {
    /// By whole multiples of the failure factor.
    Multiple,
    /// With each failure beyond the failure factor.
    Linear,
}

/// Locking of accounts that are being guessed at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BruteForce {
    /// Whether failures are counted at all.
    pub enabled: bool,
    /// Whether an account stays locked until an administrator frees it.
    pub permanent_lockout: bool,
    /// How many temporary locks come before a permanent one; 0 for none.
    pub max_temporary_lockouts: i64,
    /// How the waiting time grows.
    pub strategy: BruteForceStrategy,
    /// How many failures are free.
    pub failure_factor: i64,
    /// What each further failure adds.
    pub wait_increment: Seconds,
    /// The longest wait.
    pub max_failure_wait: Seconds,
    /// Two failures within this many milliseconds count as a machine's.
    pub quick_login_check_millis: i64,
    /// The wait after such a pair.
    pub minimum_quick_login_wait: Seconds,
    /// Failures are forgotten after this time.
    pub max_delta_time: Seconds,
    /// How many wrong second factors lock the account; 0 for any number.
    pub max_secondary_auth_failures: i64,
}

/// How one-time passwords are made (RFC 4226, RFC 6238).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OtpPolicy {
    /// `totp` or `hotp`.
    pub kind: String,
    /// `HmacSHA1`, `HmacSHA256` or `HmacSHA512`.
    pub algorithm: String,
    /// First counter of HOTP.
    pub initial_counter: i64,
    /// Digits of a code: 6 or 8.
    pub digits: i64,
    /// How many steps a clock or counter may be off.
    pub look_ahead_window: i64,
    /// Step of TOTP.
    pub period: Seconds,
    /// Whether a code may be used twice within its step.
    pub code_reusable: bool,
}

/// Which events are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventsSettings {
    /// Whether user events are stored.
    pub enabled: bool,
    /// How long they are kept; none for ever.
    pub expiration: Option<Seconds>,
    /// Who is told, e.g. `jboss-logging`.
    pub listeners: Vec<String>,
    /// Types that are stored; empty means Keycloak's default set.
    pub enabled_types: Vec<String>,
    /// Whether admin events are stored.
    pub admin_events_enabled: bool,
    /// Whether the representation is stored with them.
    pub admin_events_details_enabled: bool,
    /// How long admin events are kept; none for ever.
    pub admin_events_expiration: Option<Seconds>,
}

/// Aliases of the flows in use; none where nothing is bound.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    missing_docs,
    reason = "each is the setting of the same name in Keycloak's JSON"
)]
pub struct FlowBindings {
    pub browser: Option<String>,
    pub registration: Option<String>,
    pub direct_grant: Option<String>,
    pub reset_credentials: Option<String>,
    pub client_authentication: Option<String>,
    pub docker_authentication: Option<String>,
    pub first_broker_login: Option<String>,
}

/// Languages of the pages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocaleSettings {
    /// Whether there is more than the default language.
    pub enabled: bool,
    /// Languages to choose from.
    pub supported: Vec<String>,
    /// The language of those who do not choose.
    pub default: Option<String>,
}

/// Names of the themes in use; none for the built-in one.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    missing_docs,
    reason = "each is the setting of the same name in Keycloak's JSON"
)]
pub struct Themes {
    pub login: Option<String>,
    pub account: Option<String>,
    pub admin: Option<String>,
    pub email: Option<String>,
}

impl RealmSettings {
    /// Reads a realm's document.
    pub fn from_body(body: &Json) -> Self {
        let fields = Fields::of(body);
        let attributes = fields.text_map("attributes");
        Self {
            id: RealmId::new(fields.text("id").unwrap_or_default()),
            name: fields.text("realm").unwrap_or_default(),
            display_name: fields.filled_text("displayName"),
            display_name_html: fields.filled_text("displayNameHtml"),
            enabled: fields.flag("enabled", false),
            ssl_required: ssl_required(fields),
            not_before: fields.seconds("notBefore", 0),
            default_signature_algorithm: fields
                .filled_text("defaultSignatureAlgorithm")
                .unwrap_or_else(|| "RS256".to_owned()),
            default_role: default_role(fields),
            password_policy: fields.filled_text("passwordPolicy"),
            lifespans: Lifespans::read(fields),
            login: LoginSettings::read(fields),
            brute_force: BruteForce::read(fields),
            otp: OtpPolicy::read(fields),
            events: EventsSettings::read(fields, &attributes),
            flows: FlowBindings::read(fields),
            locales: LocaleSettings {
                enabled: fields.flag("internationalizationEnabled", false),
                supported: fields.texts("supportedLocales"),
                default: fields.filled_text("defaultLocale"),
            },
            themes: Themes {
                login: fields.filled_text("loginTheme"),
                account: fields.filled_text("accountTheme"),
                admin: fields.filled_text("adminTheme"),
                email: fields.filled_text("emailTheme"),
            },
            mail_sender: fields
                .text_map("smtpServer")
                .remove("from")
                .filter(|from| !from.trim().is_empty()),
            browser_security_headers: fields.text_map("browserSecurityHeaders"),
            user_managed_access_allowed: fields.flag("userManagedAccessAllowed", false),
            organizations_enabled: fields.flag("organizationsEnabled", false),
            admin_permissions_enabled: fields.flag("adminPermissionsEnabled", false),
            attributes,
        }
    }

    /// A further setting, if it has text.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes
            .get(name)
            .map(String::as_str)
            .filter(|text| !text.is_empty())
    }

    /// A further setting as a number.
    pub fn integer_attribute(&self, name: &str) -> Option<i64> {
        self.attribute(name)?.trim().parse().ok()
    }

    /// How long a link of this kind (`verify-email`, `reset-credentials`, …) lives when the user
    /// asked for it.
    pub fn action_token_lifespan_of(&self, kind: &str) -> Seconds {
        self.integer_attribute(&format!("actionTokenGeneratedByUserLifespan.{kind}"))
            .map_or(
                self.lifespans.action_token_generated_by_user_lifespan,
                Seconds,
            )
    }
}

/// Reads `sslRequired`; what cannot be read counts as the stricter default.
fn ssl_required(fields: Fields<'_>) -> SslRequired {
    match fields
        .str("sslRequired")
        .map(str::to_ascii_lowercase)
        .as_deref()
    {
        Some("none") => SslRequired::None,
        Some("all") => SslRequired::All,
        Some(_) | None => SslRequired::External,
    }
}

fn default_role(fields: Fields<'_>) -> RoleId {
    let role = fields
        .object("defaultRole")
        .and_then(|role| Fields::of(role).text("id"));
    RoleId::new(role.unwrap_or_default())
}

impl Lifespans {
    fn read(fields: Fields<'_>) -> Self {
        let user_action = fields.seconds("accessCodeLifespanUserAction", 300);
        Self {
            revoke_refresh_token: fields.flag("revokeRefreshToken", false),
            refresh_token_max_reuse: fields.integer("refreshTokenMaxReuse").unwrap_or(0),
            access_token_lifespan: fields.seconds("accessTokenLifespan", 300),
            access_token_lifespan_for_implicit_flow: fields
                .seconds("accessTokenLifespanForImplicitFlow", 900),
            sso_session_idle_timeout: fields.seconds("ssoSessionIdleTimeout", 1_800),
            sso_session_max_lifespan: fields.seconds("ssoSessionMaxLifespan", 36_000),
            sso_session_idle_timeout_remember_me: fields
                .seconds("ssoSessionIdleTimeoutRememberMe", 0),
            sso_session_max_lifespan_remember_me: fields
                .seconds("ssoSessionMaxLifespanRememberMe", 0),
            offline_session_idle_timeout: fields.seconds("offlineSessionIdleTimeout", 2_592_000),
            offline_session_max_lifespan_enabled: fields
                .flag("offlineSessionMaxLifespanEnabled", false),
            offline_session_max_lifespan: fields.seconds("offlineSessionMaxLifespan", 5_184_000),
            client_session_idle_timeout: fields.seconds("clientSessionIdleTimeout", 0),
            client_session_max_lifespan: fields.seconds("clientSessionMaxLifespan", 0),
            client_offline_session_idle_timeout: fields
                .seconds("clientOfflineSessionIdleTimeout", 0),
            client_offline_session_max_lifespan: fields
                .seconds("clientOfflineSessionMaxLifespan", 0),
            access_code_lifespan: fields.seconds("accessCodeLifespan", 60),
            access_code_lifespan_user_action: user_action,
            access_code_lifespan_login: fields.seconds("accessCodeLifespanLogin", 1_800),
            action_token_generated_by_admin_lifespan: fields
                .seconds("actionTokenGeneratedByAdminLifespan", 43_200),
            action_token_generated_by_user_lifespan: fields
                .seconds("actionTokenGeneratedByUserLifespan", user_action.0),
            oauth2_device_code_lifespan: fields.seconds("oauth2DeviceCodeLifespan", 600),
            oauth2_device_polling_interval: fields.seconds("oauth2DevicePollingInterval", 5),
        }
    }
}

impl LoginSettings {
    fn read(fields: Fields<'_>) -> Self {
        Self {
            registration_allowed: fields.flag("registrationAllowed", false),
            registration_email_as_username: fields.flag("registrationEmailAsUsername", false),
            remember_me: fields.flag("rememberMe", false),
            verify_email: fields.flag("verifyEmail", false),
            login_with_email_allowed: fields.flag("loginWithEmailAllowed", true),
            duplicate_emails_allowed: fields.flag("duplicateEmailsAllowed", false),
            reset_password_allowed: fields.flag("resetPasswordAllowed", false),
            edit_username_allowed: fields.flag("editUsernameAllowed", false),
        }
    }
}

impl BruteForce {
    fn read(fields: Fields<'_>) -> Self {
        Self {
            enabled: fields.flag("bruteForceProtected", false),
            permanent_lockout: fields.flag("permanentLockout", false),
            max_temporary_lockouts: fields.integer("maxTemporaryLockouts").unwrap_or(0),
            strategy: match fields.str("bruteForceStrategy") {
                Some("LINEAR") => BruteForceStrategy::Linear,
                Some(_) | None => BruteForceStrategy::Multiple,
            },
            failure_factor: fields.integer("failureFactor").unwrap_or(30),
            wait_increment: fields.seconds("waitIncrementSeconds", 60),
            max_failure_wait: fields.seconds("maxFailureWaitSeconds", 900),
            quick_login_check_millis: fields
                .integer("quickLoginCheckMilliSeconds")
                .unwrap_or(1_000),
            minimum_quick_login_wait: fields.seconds("minimumQuickLoginWaitSeconds", 60),
            max_delta_time: fields.seconds("maxDeltaTimeSeconds", 43_200),
            max_secondary_auth_failures: fields.integer("maxSecondaryAuthFailures").unwrap_or(0),
        }
    }
}

impl OtpPolicy {
    fn read(fields: Fields<'_>) -> Self {
        Self {
            kind: fields
                .filled_text("otpPolicyType")
                .unwrap_or_else(|| "totp".to_owned()),
            algorithm: fields
                .filled_text("otpPolicyAlgorithm")
                .unwrap_or_else(|| "HmacSHA1".to_owned()),
            initial_counter: fields.integer("otpPolicyInitialCounter").unwrap_or(0),
            digits: fields.integer("otpPolicyDigits").unwrap_or(6),
            look_ahead_window: fields.integer("otpPolicyLookAheadWindow").unwrap_or(1),
            period: fields.seconds("otpPolicyPeriod", 30),
            code_reusable: fields.flag("otpPolicyCodeReusable", false),
        }
    }
}

impl OtpPolicy {
    /// Message keys of the applications that can make such passwords, in Keycloak's order.
    pub fn supported_applications(&self) -> Vec<&'static str> {
        let totp = self.kind == "totp";
        let half_minute = self.period == Seconds(30);
        let mut applications = vec!["totpAppFreeOTPName"];
        if !totp || half_minute {
            applications.push("totpAppGoogleName");
        }
        if totp && half_minute && self.digits == 6 && self.algorithm == "HmacSHA1" {
            applications.push("totpAppMicrosoftAuthenticatorName");
        }
        applications
    }
}

impl EventsSettings {
    fn read(fields: Fields<'_>, attributes: &BTreeMap<String, String>) -> Self {
        let positive = |seconds: i64| (seconds > 0).then_some(Seconds(seconds));
        Self {
            enabled: fields.flag("eventsEnabled", false),
            expiration: fields.integer("eventsExpiration").and_then(positive),
            listeners: fields
                .maybe_texts("eventsListeners")
                .unwrap_or_else(|| vec!["jboss-logging".to_owned()]),
            enabled_types: fields.texts("enabledEventTypes"),
            admin_events_enabled: fields.flag("adminEventsEnabled", false),
            admin_events_details_enabled: fields.flag("adminEventsDetailsEnabled", false),
            admin_events_expiration: attributes
                .get("adminEventsExpiration")
                .and_then(|text| text.trim().parse().ok())
                .and_then(positive),
        }
    }
}

impl FlowBindings {
    fn read(fields: Fields<'_>) -> Self {
        Self {
            browser: fields.filled_text("browserFlow"),
            registration: fields.filled_text("registrationFlow"),
            direct_grant: fields.filled_text("directGrantFlow"),
            reset_credentials: fields.filled_text("resetCredentialsFlow"),
            client_authentication: fields.filled_text("clientAuthenticationFlow"),
            docker_authentication: fields.filled_text("dockerAuthenticationFlow"),
            first_broker_login: fields.filled_text("firstBrokerLoginFlow"),
        }
    }
}

#[cfg(test)]
mod tests;
