//! Which attributes a context knows, and who may see, change and must fill them.

use std::collections::{BTreeMap, BTreeSet};

use super::candidate::Candidate;
use super::config::Attribute;
use super::validator::{self, Validator};
use super::{Context, UserProfile, java};

pub(super) const USERNAME: &str = "username";
pub(super) const EMAIL: &str = "email";
pub(super) const FIRST_NAME: &str = "firstName";
pub(super) const LAST_NAME: &str = "lastName";
pub(super) const LOCALE: &str = "locale";
/// The new address of a user who has not verified it yet.
const EMAIL_PENDING: &str = "kc.email.pending";
/// When the user accepted the terms.
const TERMS: &str = "terms_and_conditions";

/// What an attribute is to the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Username,
    Email,
    /// Named by the configuration alone.
    Custom,
    Locale,
    EmailPending,
    Terms,
}

/// An attribute that a context knows.
#[derive(Clone, Debug)]
pub(super) struct Managed<'a> {
    pub(super) name: &'a str,
    pub(super) kind: Kind,
    pub(super) config: Option<&'a Attribute>,
    /// Place on the page.
    pub(super) order: i32,
    pub(super) validators: Vec<&'a Validator>,
}

/// Whether a field of its own holds the attribute in representations.
pub(super) fn is_root(name: &str) -> bool {
    matches!(name, USERNAME | EMAIL | FIRST_NAME | LAST_NAME | LOCALE)
}

impl UserProfile {
    /// All attributes of a context, selected or not.
    pub(super) fn managed(&self, context: Context) -> BTreeMap<&str, Managed<'_>> {
        let mut known = BTreeMap::new();
        let mut add = |name, kind, order| {
            let validators = match kind {
                Kind::Username => validator::of_username(context),
                Kind::Email => validator::of_email(context),
                Kind::Custom | Kind::Locale | Kind::EmailPending | Kind::Terms => Vec::new(),
            };
            known.insert(
                name,
                Managed {
                    name,
                    kind,
                    config: None,
                    order,
                    validators,
                },
            );
        };
        add(USERNAME, Kind::Username, -2);
        add(EMAIL, Kind::Email, -1);
        if matches!(
            context,
            Context::UserApi | Context::Account | Context::Registration
        ) {
            add(LOCALE, Kind::Locale, -1);
        }
        if context == Context::UserApi {
            add(EMAIL_PENDING, Kind::EmailPending, -1);
            add(TERMS, Kind::Terms, -1);
        }
        let supported = self
            .config
            .attributes()
            .iter()
            .zip(&self.validators)
            .filter(|(it, _)| {
                !it.name().is_empty() && (context != Context::UpdateEmail || it.name() == EMAIL)
            });
        for (order, (attribute, validators)) in (1..).zip(supported) {
            let name = attribute.name();
            let managed = known
                .remove(name)
                .filter(|base| matches!(base.kind, Kind::Username | Kind::Email))
                .unwrap_or_else(|| Managed {
                    name,
                    kind: Kind::Custom,
                    config: None,
                    order: 0,
                    validators: Vec::new(),
                });
            known.insert(name, managed.configured(attribute, validators, order));
        }
        known
    }
}

impl<'a> Managed<'a> {
    fn configured(
        mut self,
        attribute: &'a Attribute,
        configured: &'a [Validator],
        order: i32,
    ) -> Self {
        let mut more: Vec<&Validator> = configured.iter().collect();
        if attribute.required.is_some() {
            more.push(&validator::REQUIRED);
        }
        more.push(&validator::IMMUTABLE);
        let single = !more
            .iter()
            .any(|known| known.id() == validator::MULTIVALUED);
        // The default profile's limit stays on the two that every profile has.
        if single && (!attribute.multivalued || self.kind != Kind::Custom) {
            more.push(&validator::SINGLE_VALUE);
        }
        self.validators
            .retain(|base| !more.iter().any(|new| new.id() == base.id()));
        self.validators.extend(more);
        self.config = Some(attribute);
        self.order = order;
        self
    }

    pub(super) fn display_name(&self) -> &str {
        let own = self
            .config
            .and_then(|config| config.display_name.as_deref());
        let base = match self.kind {
            Kind::Username => Some("${username}"),
            Kind::Email => Some("${email}"),
            Kind::EmailPending => Some("${emailPendingVerification}"),
            Kind::Terms => Some("${termsAndConditionsUserAttribute}"),
            Kind::Custom | Kind::Locale => None,
        };
        own.or(base)
            .filter(|text| !java::is_blank(text))
            .unwrap_or(self.name)
    }

    fn is_built_in(&self) -> bool {
        matches!(self.kind, Kind::Username | Kind::Email)
    }

    fn role_may_edit(&self, context: Context) -> bool {
        let Some(config) = self.config else {
            return true;
        };
        match &config.permissions {
            None => self.is_built_in(),
            Some(it) if it.view.is_empty() && it.edit.is_empty() => self.is_built_in(),
            Some(it) => it.edit.contains(context.role()),
        }
    }

    fn role_may_view(&self, context: Context) -> bool {
        let named = self
            .config
            .and_then(|config| config.permissions.as_ref())
            .is_some_and(|permissions| permissions.view.contains(context.role()));
        named || self.role_may_edit(context)
    }
}

fn filled(set: Option<&BTreeSet<String>>) -> Option<&BTreeSet<String>> {
    set.filter(|set| !set.is_empty())
}

impl Candidate<'_> {
    pub(super) fn can_edit(&self, managed: &Managed<'_>) -> bool {
        let realm = self.scene.realm;
        let condition = match managed.kind {
            Kind::Custom => true,
            Kind::Username => self.username_is_editable(),
            Kind::Email => self.email_is_editable(),
            Kind::Locale => return realm.locales.enabled,
            Kind::EmailPending => {
                return self.profile.switches.update_email && !self.get(managed.name).is_empty();
            }
            Kind::Terms => return false,
        };
        condition && managed.role_may_edit(self.scene.context)
    }

    pub(super) fn can_view(&self, managed: &Managed<'_>) -> bool {
        let condition = match managed.kind {
            Kind::Custom => true,
            Kind::Username => self.username_is_visible(),
            Kind::Email => self.email_is_visible(managed),
            Kind::Locale | Kind::EmailPending => return self.can_edit(managed),
            Kind::Terms => return self.profile.switches.terms_and_conditions,
        };
        condition && managed.role_may_view(self.scene.context)
    }

    fn username_is_editable(&self) -> bool {
        let login = self.scene.realm.login;
        let new = matches!(
            self.scene.context,
            Context::Registration | Context::IdpReview
        ) || self.scene.existing.is_none();
        !login.registration_email_as_username && (new || login.edit_username_allowed)
    }

    fn username_is_visible(&self) -> bool {
        let login = self.scene.realm.login;
        match self.scene.context {
            Context::Registration | Context::IdpReview => !login.registration_email_as_username,
            Context::UpdateProfile => {
                !login.registration_email_as_username && login.edit_username_allowed
            }
            Context::UpdateEmail => false,
            Context::UserApi | Context::Account => true,
        }
    }

    fn email_is_editable(&self) -> bool {
        let login = self.scene.realm.login;
        let context = self.scene.context;
        match context {
            Context::Registration | Context::UserApi | Context::IdpReview => return true,
            Context::Account | Context::UpdateProfile | Context::UpdateEmail => {}
        }
        let Some(existing) = self.scene.existing else {
            return !self.profile.switches.update_email || context == Context::UpdateEmail;
        };
        if self.profile.switches.update_email {
            let has_none = existing.email.as_deref().is_none_or(java::is_blank);
            return context == Context::UpdateEmail
                || (context == Context::UpdateProfile && has_none);
        }
        !login.registration_email_as_username || login.edit_username_allowed
    }

    fn email_is_visible(&self, managed: &Managed<'_>) -> bool {
        let login = self.scene.realm.login;
        match self.scene.context {
            Context::UpdateProfile if self.profile.switches.update_email => {
                self.get(EMAIL).is_empty() && self.can_edit(managed)
            }
            Context::UpdateProfile => {
                !login.registration_email_as_username || login.edit_username_allowed
            }
            Context::UserApi
            | Context::Account
            | Context::Registration
            | Context::UpdateEmail
            | Context::IdpReview => true,
        }
    }

    pub(super) fn is_required(&self, managed: &Managed<'_>) -> bool {
        let by_email = self.scene.realm.login.registration_email_as_username;
        let person = !self.is_service_account();
        match managed.kind {
            Kind::Locale | Kind::EmailPending | Kind::Terms => false,
            Kind::Username => !by_email,
            Kind::Email => person && (by_email || self.is_required_by_configuration(managed)),
            Kind::Custom => person && self.is_required_by_configuration(managed),
        }
    }

    fn is_required_by_configuration(&self, managed: &Managed<'_>) -> bool {
        let Some(config) = managed.config else {
            return true;
        };
        let Some(required) = &config.required else {
            return false;
        };
        let roles = filled(required.roles.as_ref());
        let scopes = filled(required.scopes.as_ref());
        let for_role = roles.is_some_and(|roles| roles.contains(self.scene.context.role()));
        match scopes {
            Some(scopes) => self.scene.context.knows_scopes() && self.is_requested(scopes),
            None => roles.is_none() || for_role,
        }
    }

    /// Whether the attribute is part of this profile at all.
    pub(super) fn is_selected(&self, managed: &Managed<'_>) -> bool {
        let scopes = managed
            .config
            .filter(|_| !managed.is_built_in() && self.scene.context.knows_scopes())
            .and_then(|config| config.selector.as_ref())
            .and_then(|selector| filled(selector.scopes.as_ref()));
        scopes.is_none_or(|scopes| self.is_requested(scopes))
    }

    fn is_requested(&self, scopes: &BTreeSet<String>) -> bool {
        self.scene
            .scopes
            .iter()
            .any(|scope| scopes.contains(*scope))
    }

    pub(super) fn is_service_account(&self) -> bool {
        self.scene
            .existing
            .is_some_and(|user| user.service_account_of.is_some())
    }
}
