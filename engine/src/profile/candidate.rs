//! A user's profile as somebody wants it, or as it is.

use std::collections::{BTreeMap, BTreeSet};

use claviger_model::User;
use claviger_wire::realm::RealmSettings;

use super::managed::{EMAIL, FIRST_NAME, LAST_NAME, LOCALE, Managed, USERNAME};
use super::{Context, ProfileInput, UnmanagedAttributePolicy, UserProfile, java};

/// Forms may name attributes with this in front.
const FORM_PREFIX: &str = "user.attributes.";
/// The name under which Keycloak keeps its rule about read-only attributes; never an attribute.
const READ_ONLY: &str = "kc.read.only";
/// Attributes that the server alone sets. Whoever may change them could take over the entry of a
/// directory, or undo a lock.
const INTERNAL: &[&str] = &[
    "KERBEROS_PRINCIPAL",
    "LDAP_ID",
    "LDAP_ENTRY_DN",
    "CREATED_TIMESTAMP",
    "createTimestamp",
    "modifyTimestamp",
];
/// Those that administrators may set, but nobody else.
const INTERNAL_TO_USERS: &[&str] = &[
    "userCertificate",
    "ENABLED",
    "EMAIL_VERIFIED",
    "disabledReason",
    "kc.email.pending",
];
/// As [`INTERNAL_TO_USERS`], with anything behind it.
const INTERNAL_TO_USERS_PREFIX: &str = "saml.persistent.name.id.for.";
/// Attributes that representations always show.
const ALWAYS_SHOWN: [&str; 2] = ["disabledReason", "is_temporary_admin"];

/// Who looks at whom.
#[derive(Clone, Copy, Debug)]
pub struct Scene<'a> {
    /// The realm's settings.
    pub realm: &'a RealmSettings,
    /// From where.
    pub context: Context,
    /// The user as stored; none for a new one.
    pub existing: Option<&'a User>,
    /// Names of the client scopes that the sign-in asks for, default ones included.
    pub scopes: &'a [&'a str],
}

/// How much of a user is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// The fields, no attributes but the language.
    Brief,
    /// All that may be seen.
    Full,
}

/// What may be seen of a user.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(
    missing_docs,
    reason = "each is the field of the same name in Keycloak's JSON"
)]
pub struct Visible {
    pub username: Option<String>,
    pub email: Option<String>,
    /// Told only together with the address.
    pub email_verified: Option<bool>,
    pub first_name: Option<String>,
    pub last_name: Option<String>,
    pub attributes: BTreeMap<String, Vec<String>>,
}

/// A profile under examination.
#[derive(Clone, Debug)]
pub struct Candidate<'a> {
    pub(super) profile: &'a UserProfile,
    pub(super) scene: Scene<'a>,
    pub(super) managed: BTreeMap<&'a str, Managed<'a>>,
    pub(super) values: BTreeMap<String, Vec<String>>,
    unmanaged: BTreeSet<String>,
    /// Names that were sent.
    sent: BTreeSet<String>,
}

impl<'a> Candidate<'a> {
    pub(super) fn new(profile: &'a UserProfile, scene: Scene<'a>, input: &ProfileInput) -> Self {
        Self::of_attributes(profile, scene, raw(&scene, input))
    }

    pub(super) fn of_user(profile: &'a UserProfile, scene: Scene<'a>, user: &User) -> Self {
        Self::of_attributes(profile, scene, all_stored(user))
    }

    fn of_attributes(
        profile: &'a UserProfile,
        scene: Scene<'a>,
        sent: BTreeMap<String, Vec<String>>,
    ) -> Self {
        let mut candidate = Self {
            profile,
            scene,
            managed: profile.managed(scene.context),
            values: BTreeMap::new(),
            unmanaged: BTreeSet::new(),
            sent: sent.keys().cloned().collect(),
        };
        let mut managed = std::mem::take(&mut candidate.managed);
        managed.retain(|_, attribute| candidate.is_selected(attribute));
        candidate.managed = managed;
        candidate.values = candidate.normalized(sent);
        candidate
    }

    /// Drops what the context does not know, and adds what it knows and was not sent.
    fn normalized(&mut self, sent: BTreeMap<String, Vec<String>>) -> BTreeMap<String, Vec<String>> {
        let mut values = BTreeMap::new();
        let mut unmanaged = BTreeMap::new();
        for (name, sent) in sent {
            if name == READ_ONLY {
                continue;
            }
            let plain = name.strip_prefix(FORM_PREFIX).unwrap_or(&name);
            let normalized = self.normalized_values(plain, sent);
            if self.managed.contains_key(plain) || self.changes_internal(&name, &[]) {
                values.insert(plain.to_owned(), normalized);
            } else if self.takes_unmanaged() {
                unmanaged.insert(plain.to_owned(), normalized);
            }
        }
        for (name, managed) in &self.managed {
            if values.contains_key(*name) {
                continue;
            }
            let kept = !self.can_edit(managed)
                || (self.scene.context.is_admin() && self.changes_internal(name, &[]));
            let stored = match self.scene.existing {
                Some(user) if kept => stored(user, name),
                Some(_) | None => Vec::new(),
            };
            values.insert((*name).to_owned(), self.normalized_values(name, stored));
        }
        self.settle_username(&mut values);
        self.unmanaged = unmanaged.keys().cloned().collect();
        values.append(&mut unmanaged);
        values
    }

    /// A name that may not be changed need not be sent; and an address may be the name.
    fn settle_username(&self, values: &mut BTreeMap<String, Vec<String>>) {
        let is_empty = |values: &BTreeMap<String, Vec<String>>, name| {
            values.get(name).is_none_or(Vec::is_empty)
        };
        if self.is_service_account() {
            return;
        }
        if let Some(user) = self.scene.existing
            && is_empty(values, USERNAME)
            && self.is_read_only(USERNAME)
        {
            values.insert(USERNAME.to_owned(), vec![user.username.clone()]);
        }
        if !self.scene.realm.login.registration_email_as_username || is_empty(values, EMAIL) {
            return;
        }
        if let Some(user) = self.scene.existing
            && self.is_read_only(EMAIL)
        {
            values.insert(EMAIL.to_owned(), stored(user, EMAIL));
        }
        let email = values.get(EMAIL).cloned().unwrap_or_default();
        values.insert(USERNAME.to_owned(), email);
    }

    fn normalized_values(&self, name: &str, values: Vec<String>) -> Vec<String> {
        let default = self
            .managed
            .get(name)
            .and_then(|managed| managed.config)
            .and_then(|config| config.default_value.clone())
            .filter(|_| values.is_empty());
        let lower = name == EMAIL || (name == USERNAME && !self.is_federated());
        values
            .into_iter()
            .chain(default)
            .map(|value| if lower { value.to_lowercase() } else { value })
            .collect()
    }

    /// The names in the order in which Keycloak goes through them: that of a hash map, filled with
    /// what was sent and then with what else the profile has.
    pub(super) fn names(&self) -> Vec<&str> {
        let last_name_first = |name: &&str| (*name == FIRST_NAME, *name == LAST_NAME);
        let known = self.values.keys().map(String::as_str);
        let (mut sent, mut rest): (Vec<&str>, Vec<&str>) =
            known.partition(|name| self.sent.contains(*name));
        sent.sort_by_key(last_name_first);
        java::sort_as_hash_map(&mut sent, |name| name);
        rest.sort_by_key(|name| self.managed.get(name).map(|managed| managed.order));
        java::sort_as_hash_map(&mut rest, |name| name);
        sent.append(&mut rest);
        java::sort_as_copied_hash_map(&mut sent, |name| name);
        sent
    }

    /// The values of an attribute.
    pub fn get(&self, name: &str) -> &[String] {
        self.values.get(name).map(Vec::as_slice).unwrap_or_default()
    }

    /// The first value of an attribute, if it has text.
    pub fn first(&self, name: &str) -> Option<&str> {
        self.get(name)
            .first()
            .map(String::as_str)
            .filter(|text| !java::is_blank(text))
    }

    /// The name that the user would have: for a new user without one, the address.
    pub fn username(&self) -> Option<&str> {
        self.first(USERNAME).or_else(|| self.first(EMAIL))
    }

    /// The address that the user would have.
    pub fn email(&self) -> Option<&str> {
        self.first(EMAIL)
    }

    fn is_federated(&self) -> bool {
        self.scene.existing.is_some_and(|user| {
            user.federation_link.is_some() || user.id.as_str().starts_with("f:")
        })
    }

    pub(super) fn is_unmanaged(&self, name: &str) -> bool {
        self.unmanaged.contains(name)
    }

    fn takes_unmanaged(&self) -> bool {
        if self.is_service_account() {
            return self.scene.context.is_admin();
        }
        match self.profile.unmanaged_attribute_policy() {
            None => false,
            Some(UnmanagedAttributePolicy::Enabled) => true,
            Some(UnmanagedAttributePolicy::AdminView | UnmanagedAttributePolicy::AdminEdit) => {
                self.scene.context.is_admin()
            }
        }
    }

    fn may_edit_unmanaged(&self) -> bool {
        let may = match self.profile.unmanaged_attribute_policy() {
            None | Some(UnmanagedAttributePolicy::AdminView) => self.is_service_account(),
            Some(_) => true,
        };
        may && self.takes_unmanaged()
    }

    /// Whether the attribute is the server's own and would be another one.
    pub(super) fn changes_internal(&self, name: &str, values: &[String]) -> bool {
        let is = |known: &str| known.eq_ignore_ascii_case(name);
        let admin = self.scene.context.is_admin();
        let to_users = INTERNAL_TO_USERS.iter().any(|known| is(known))
            || name
                .get(..INTERNAL_TO_USERS_PREFIX.len())
                .is_some_and(|start| start.eq_ignore_ascii_case(INTERNAL_TO_USERS_PREFIX));
        if !INTERNAL.iter().any(|known| is(known)) && (admin || !to_users) {
            return false;
        }
        let before = self.scene.existing.map(|user| stored(user, name));
        let before = before.unwrap_or_default();
        // A value behind a blank one is a value as well.
        let is_new = |value: &String| !java::is_blank(value) && !before.contains(value);
        (!before.is_empty() && values.first() != before.first()) || values.iter().any(is_new)
    }

    /// Whether whoever sends may not change the attribute.
    pub fn is_read_only(&self, name: &str) -> bool {
        if self.is_service_account() {
            return name == USERNAME || !self.scene.context.is_admin();
        }
        if self.is_needed_to_register(name) {
            return false;
        }
        match self.managed.get(name) {
            Some(managed) => !self.can_edit(managed) || self.changes_internal(name, self.get(name)),
            None => self.changes_internal(name, self.get(name)) || !self.may_edit_unmanaged(),
        }
    }

    /// Without a name or, where it is the name, an address nobody could register.
    fn is_needed_to_register(&self, name: &str) -> bool {
        self.scene.context == Context::Registration
            && self
                .managed
                .get(name)
                .is_some_and(|managed| self.is_required(managed))
            && match name {
                EMAIL => self.scene.realm.login.registration_email_as_username,
                _ => name == USERNAME,
            }
    }

    fn may_view(&self, name: &str) -> bool {
        if self.is_unmanaged(name) {
            return self.may_edit_unmanaged()
                || self.profile.unmanaged_attribute_policy()
                    == Some(UnmanagedAttributePolicy::AdminView);
        }
        self.managed
            .get(name)
            .is_some_and(|managed| self.is_needed_to_register(name) || self.can_view(managed))
    }

    /// The attributes that may be seen.
    pub fn readable(&self) -> impl Iterator<Item = (&str, &[String])> {
        self.values
            .iter()
            .filter(|(name, _)| self.may_view(name))
            .map(|(name, values)| (name.as_str(), values.as_slice()))
    }

    pub(super) fn visible(&self, user: &User, detail: Detail) -> Visible {
        let mut seen = Visible::default();
        for (name, values) in self.readable() {
            let Some(first) = values.first() else {
                continue;
            };
            let first = (!self.is_unmanaged(name)).then(|| first.clone());
            match name {
                USERNAME => seen.username = first,
                EMAIL => {
                    seen.email = first;
                    seen.email_verified = Some(user.email_verified);
                }
                FIRST_NAME => seen.first_name = first,
                LAST_NAME => seen.last_name = first,
                _ if detail == Detail::Full || name == LOCALE => {
                    seen.attributes.insert(name.to_owned(), values.to_vec());
                }
                _ => {}
            }
        }
        for name in ALWAYS_SHOWN {
            if let Some(values) = user.attributes.get(name) {
                seen.attributes.insert(name.to_owned(), values.clone());
            }
        }
        seen
    }
}

/// All that was sent, fields included. A field counts more than an attribute of its name.
fn raw(scene: &Scene<'_>, input: &ProfileInput) -> BTreeMap<String, Vec<String>> {
    let mut sent = input.attributes.clone().unwrap_or_default();
    for (name, value) in [(USERNAME, &input.username), (EMAIL, &input.email)] {
        match value {
            Some(value) => sent.insert(name.to_owned(), vec![value.clone()]),
            None => sent.remove(name),
        };
    }
    for (name, value) in [
        (LAST_NAME, &input.last_name),
        (FIRST_NAME, &input.first_name),
    ] {
        if let Some(value) = value {
            sent.insert(name.to_owned(), vec![value.clone()]);
        }
    }
    if scene.context.is_admin()
        && input.attributes.is_none()
        && let Some(user) = scene.existing
    {
        for (name, values) in all_stored(user) {
            sent.entry(name).or_insert(values);
        }
    }
    sent
}

/// The values of a stored attribute, fields included.
pub(super) fn stored(user: &User, name: &str) -> Vec<String> {
    match name {
        USERNAME => vec![user.username.clone()],
        EMAIL => user.email.iter().cloned().collect(),
        FIRST_NAME => user.first_name.iter().cloned().collect(),
        LAST_NAME => user.last_name.iter().cloned().collect(),
        _ => user.attributes.get(name).cloned().unwrap_or_default(),
    }
}

fn all_stored(user: &User) -> BTreeMap<String, Vec<String>> {
    let mut all = user.attributes.clone();
    for name in [USERNAME, EMAIL, FIRST_NAME, LAST_NAME] {
        all.insert(name.to_owned(), stored(user, name));
    }
    all
}

/// Whether both hold the same values, in whatever order.
pub(super) fn same_values(a: &[String], b: &[String]) -> bool {
    let sorted = |values: &[String]| {
        let mut values = values.to_vec();
        values.sort();
        values
    };
    a.len() == b.len() && sorted(a) == sorted(b)
}
