//! Files of older releases of Keycloak: what its own upgrade adds to them.
//!
//! A file that names no version is taken as it is. Each step bears the release whose upgrade it
//! repeats; steps for things that this server does not have are left out.

use claviger_wire::component::{KEY_PROVIDER, USER_PROFILE_PROVIDER};
use claviger_wire::document::{Document, Json, Kind, LinkKind};
use serde_json::{Value, json};

use super::assembly::{Assembly, Place};
use super::clients::{Given, set_attribute};
use super::problem::{At, ImportError};
use super::shape::{each, first_setting, flag, text};
use super::{flows, roles, scopes};
use crate::defaults::{self, Template};

/// A release, compared number by number.
type Version = (u32, u32, u32);

/// What a step may change.
struct Upgrade<'a, 'r> {
    assembly: &'a mut Assembly<'r>,
    realm: &'a mut Json,
    template: &'a Template<'a>,
}

/// Part of one release's upgrade.
enum Step {
    /// Adds something, for which there may be no room.
    Adds(fn(&mut Upgrade<'_, '_>) -> Result<(), ImportError>),
    /// Changes what is there.
    Changes(fn(&mut Upgrade<'_, '_>)),
}

#[expect(
    clippy::redundant_closure_for_method_calls,
    reason = "the path of a method is for one lifetime only"
)]
const STEPS: &[(Version, Step)] = &[
    ((18, 0, 0), Step::Adds(|up| up.add_scope("acr"))),
    ((20, 0, 0), Step::Adds(|up| up.add_view_groups())),
    ((22, 0, 0), Step::Changes(|up| up.rename_themes())),
    ((23, 0, 0), Step::Changes(|up| up.join_profile_pieces())),
    ((23, 0, 0), Step::Changes(|up| up.remove_profile_action())),
    ((24, 0, 0), Step::Adds(|up| up.allow_unmanaged_attributes())),
    ((24, 0, 0), Step::Adds(|up| up.add_hs512_key())),
    (
        (24, 0, 3),
        Step::Adds(|up| up.add_action("delete_credential")),
    ),
    ((25, 0, 0), Step::Adds(|up| up.add_scope("basic"))),
    ((26, 0, 0), Step::Changes(|up| up.lighten_admin_clients())),
    (
        (26, 1, 0),
        Step::Adds(|up| up.add_scope_to_realm(scopes::SERVICE_ACCOUNT)),
    ),
    ((26, 3, 0), Step::Adds(|up| up.add_action("idp_link"))),
    ((26, 7, 0), Step::Changes(|up| up.verify_mail_first())),
    ((26, 7, 0), Step::Changes(|up| up.rename_dynamic_scopes())),
    (
        (26, 7, 0),
        Step::Adds(|up| up.add_scope("AuthnContextClassRef")),
    ),
];

/// Brings what was put together from an older release's file up to date.
pub(crate) fn upgrade(
    assembly: &mut Assembly<'_>,
    file: &Json,
    realm: &mut Json,
    template: &Template<'_>,
) -> Result<(), ImportError> {
    let Some(version) = text(file, "keycloakVersion") else {
        return Ok(());
    };
    let Some(from) = parse(version) else {
        let at = At::Root.key("keycloakVersion");
        assembly
            .warnings
            .push(format!("{at}: `{version}` is no release of Keycloak"));
        return Ok(());
    };
    let mut up = Upgrade {
        assembly,
        realm,
        template,
    };
    for (release, step) in STEPS {
        if from < *release {
            match step {
                Step::Adds(add) => add(&mut up)?,
                Step::Changes(change) => change(&mut up),
            }
        }
    }
    Ok(())
}

/// `26.7.4`, `24.0.5.redhat-00001`, `999.0.0-SNAPSHOT`.
fn parse(text: &str) -> Option<Version> {
    let mut numbers = text.split(['.', '-']).map_while(|part| part.parse().ok());
    Some((
        numbers.next()?,
        numbers.next().unwrap_or(0),
        numbers.next().unwrap_or(0),
    ))
}

impl Upgrade<'_, '_> {
    fn ids_of(&self, kind: Kind, wanted: impl Fn(&Document) -> bool) -> Vec<String> {
        let found = self
            .assembly
            .of_kind(kind)
            .filter(|document| wanted(document));
        found.map(|document| document.id.clone()).collect()
    }

    /// Adds a built-in scope that is missing; whether it was.
    fn add_scope_to_realm(&mut self, name: &str) -> Result<(), ImportError> {
        if self.assembly.find(Kind::ClientScope, "", name).is_none() {
            scopes::add_default(self.assembly, self.template, name)?;
        }
        Ok(())
    }

    /// Adds a built-in scope that is missing, to all clients of its protocol as well: without
    /// `basic`, tokens would lose their `sub`.
    fn add_scope(&mut self, name: &str) -> Result<(), ImportError> {
        if self.assembly.find(Kind::ClientScope, "", name).is_some() {
            return Ok(());
        }
        self.add_scope_to_realm(name)?;
        let Some(scope) = self.assembly.find(Kind::ClientScope, "", name) else {
            return Ok(());
        };
        let body = self.assembly.body_mut(Kind::ClientScope, &scope);
        let protocol = body.and_then(|body| text(body, "protocol").map(str::to_owned));
        let protocol = protocol.unwrap_or_default();
        let clients = self.ids_of(Kind::Client, |client| {
            text(&client.body, "protocol") == Some(&protocol) && !flag(&client.body, "bearerOnly")
        });
        for client in clients {
            self.assembly.link(LinkKind::DefaultScope, &client, &scope);
        }
        Ok(())
    }

    fn add_view_groups(&mut self) -> Result<(), ImportError> {
        let name = "view-groups";
        let Some(account) = self.assembly.find(Kind::Client, "", "account") else {
            return Ok(());
        };
        if self.assembly.find(Kind::Role, &account, name).is_some() {
            return Ok(());
        }
        let builtin = Template::client_roles("account");
        let Some(role) = builtin.iter().find(|role| text(role, "name") == Some(name)) else {
            return Ok(());
        };
        let role = roles::add_role(self.assembly, &account, role, &At::Root.key("roles"))?;
        if let Some(console) = self.assembly.find(Kind::Client, "", "account-console") {
            self.assembly.link(LinkKind::ScopeMapping, &console, &role);
        }
        Ok(())
    }

    fn rename_themes(&mut self) {
        for (member, old, new) in [
            (
                "adminTheme",
                &["keycloak", "rh-sso"][..],
                Some("keycloak.v2"),
            ),
            (
                "accountTheme",
                &["keycloak", "rh-sso", "rh-sso.v2"],
                Some("keycloak.v2"),
            ),
            ("loginTheme", &["rh-sso"], None),
            ("emailTheme", &["rh-sso"], None),
        ] {
            if text(self.realm, member).is_some_and(|theme| old.contains(&theme)) {
                match new {
                    Some(new) => self.realm.insert(member.to_owned(), json!(new)),
                    None => self.realm.shift_remove(member),
                };
            }
        }
    }

    /// The user profile was cut into pieces of some thousand characters.
    fn join_profile_pieces(&mut self) {
        for component in self.ids_of(Kind::Component, is_user_profile) {
            let body = self.assembly.body_mut(Kind::Component, &component);
            let config = body.and_then(|body| body.get_mut("config"));
            let Some(Value::Object(config)) = config else {
                continue;
            };
            let count =
                first_setting(config, "config-pieces-count").and_then(|count| count.parse().ok());
            let Some(count) = count.filter(|count: &usize| (1..=1_000).contains(count)) else {
                continue;
            };
            let pieces = (0..count)
                .filter_map(|piece| first_setting(config, &format!("config-piece-{piece}")));
            let joined: String = pieces.collect();
            config.retain(|name, _| !name.starts_with("config-piece"));
            config.insert("kc.user.profile.config".to_owned(), json!([joined]));
        }
    }

    /// The profile is checked by the form's own step since then.
    fn remove_profile_action(&mut self) {
        let is_form = |flow: &Document| text(&flow.body, "providerId") == Some("form-flow");
        for flow in self.ids_of(Kind::Flow, is_form) {
            let body = self.assembly.body_mut(Kind::Flow, &flow);
            let steps = body.and_then(|body| body.get_mut("authenticationExecutions"));
            if let Some(Value::Array(steps)) = steps {
                steps.retain(|step| step["authenticator"] != "registration-profile-action");
            }
        }
    }

    /// Before, a realm without a profile of its own took any attribute of users.
    fn allow_unmanaged_attributes(&mut self) -> Result<(), ImportError> {
        let attributes = self
            .realm
            .get_mut("attributes")
            .and_then(Value::as_object_mut);
        let enabled = attributes.and_then(|all| all.shift_remove("userProfileEnabled"));
        if enabled.is_some_and(|enabled| enabled == "true") {
            return Ok(());
        }
        let stored = self.ids_of(Kind::Component, is_user_profile).pop();
        let body = stored
            .as_ref()
            .and_then(|id| self.assembly.body_mut(Kind::Component, id));
        let config = body.and_then(|body| body.get_mut("config"));
        let text = config.as_deref().and_then(Value::as_object);
        let text = text.and_then(|config| first_setting(config, "kc.user.profile.config"));
        let profile = text.and_then(|text| serde_json::from_str(text).ok());
        let mut profile = profile.unwrap_or_else(|| defaults::user_profile().clone());
        profile.insert("unmanagedAttributePolicy".to_owned(), json!("ENABLED"));
        let profile = json!([Value::Object(profile).to_string()]);
        if let Some(Value::Object(config)) = config {
            config.insert("kc.user.profile.config".to_owned(), profile);
            return Ok(());
        }
        self.add_component(json!({
            "providerId": "declarative-user-profile",
            "providerType": USER_PROFILE_PROVIDER,
            "config": {"kc.user.profile.config": profile},
        }))
    }

    fn add_hs512_key(&mut self) -> Result<(), ImportError> {
        let is_hs512 = |component: &Document| {
            text(&component.body, "providerType") == Some(KEY_PROVIDER)
                && text(&component.body, "providerId") == Some("hmac-generated")
                && component
                    .body
                    .get("config")
                    .and_then(Value::as_object)
                    .is_some_and(|config| first_setting(config, "algorithm") == Some("HS512"))
        };
        if !self.ids_of(Kind::Component, is_hs512).is_empty() {
            return Ok(());
        }
        self.add_component(json!({
            "name": "hmac-generated-hs512",
            "providerId": "hmac-generated",
            "providerType": KEY_PROVIDER,
            "config": {"priority": ["100"], "algorithm": ["HS512"]},
        }))
    }

    fn add_component(&mut self, component: Value) -> Result<(), ImportError> {
        let Value::Object(mut body) = component else {
            return Ok(());
        };
        let parent = self.assembly.realm_id.clone();
        body.insert("parentId".to_owned(), json!(parent));
        let place = Place {
            kind: Kind::Component,
            parent: &parent,
            name: "",
        };
        self.assembly
            .add(&place, body, &At::Root.key("components"))?;
        Ok(())
    }

    fn add_action(&mut self, alias: &str) -> Result<(), ImportError> {
        if self
            .assembly
            .find(Kind::RequiredAction, "", alias)
            .is_some()
        {
            return Ok(());
        }
        match self.template.named("requiredActions", "alias", alias) {
            Some(action) => {
                let at = At::Root.key("requiredActions");
                flows::add_required_action(self.assembly, action, &at)
            }
            None => Ok(()),
        }
    }

    fn lighten_admin_clients(&mut self) {
        for name in ["security-admin-console", "admin-cli"] {
            let Some(id) = self.assembly.find(Kind::Client, "", name) else {
                continue;
            };
            if let Some(body) = self.assembly.body_mut(Kind::Client, &id) {
                body.insert("fullScopeAllowed".to_owned(), json!(true));
                let light = "client.use.lightweight.access.token.enabled";
                set_attribute(body, light, "true", Given::Replace);
            }
        }
    }

    /// The mail address is proven before credentials are set up.
    fn verify_mail_first(&mut self) {
        let priority = |action: &Json| action.get("priority").and_then(Value::as_i64).unwrap_or(0);
        let find = |up: &Self, alias: &str| {
            let id = up.assembly.find(Kind::RequiredAction, "", alias)?;
            let mut actions = up.assembly.of_kind(Kind::RequiredAction);
            let action = actions.find(|action| action.id == id)?;
            Some((id, priority(&action.body)))
        };
        let Some((_, verify)) = find(self, "VERIFY_EMAIL") else {
            return;
        };
        let (totp, password) = (find(self, "CONFIGURE_TOTP"), find(self, "UPDATE_PASSWORD"));
        let untouched = verify == 50
            && totp.as_ref().is_some_and(|(_, totp)| *totp == 10)
            && password
                .as_ref()
                .is_some_and(|(_, password)| *password == 30);
        let actions = self.assembly.of_kind(Kind::RequiredAction);
        let taken: Vec<i64> = actions.map(|action| priority(&action.body)).collect();
        let free = |after: i64| {
            let mut next = after.saturating_add(1);
            while taken.contains(&next) {
                next += 1;
            }
            next
        };
        let mut last = verify;
        for ((id, _), default) in [(totp, 54), (password, 57)]
            .into_iter()
            .filter_map(|(found, default)| Some((found?, default)))
        {
            last = if untouched { default } else { free(last) };
            if let Some(body) = self.assembly.body_mut(Kind::RequiredAction, &id) {
                body.insert("priority".to_owned(), json!(last));
            }
        }
    }

    /// Dynamic scopes are called parameterized, and say which values they take.
    fn rename_dynamic_scopes(&mut self) {
        for scope in self.ids_of(Kind::ClientScope, |_| true) {
            let Some(body) = self.assembly.body_mut(Kind::ClientScope, &scope) else {
                continue;
            };
            let prefix = format!("{}:", text(body, "name").unwrap_or_default());
            let Some(Value::Object(attributes)) = body.get_mut("attributes") else {
                continue;
            };
            let regexp = "parameterized.scope.regexp";
            for (old, new) in [
                ("is.dynamic.scope", "is.parameterized.scope"),
                ("dynamic.scope.regexp", regexp),
            ] {
                if let Some(value) = attributes.shift_remove(old) {
                    attributes.insert(new.to_owned(), value);
                }
            }
            let kind = "parameterized.scope.type";
            if text(attributes, "is.parameterized.scope") != Some("true")
                || attributes.contains_key(kind)
            {
                continue;
            }
            let (value, rest) = match text(attributes, regexp) {
                None => ("string", None),
                Some(regexp) => match regexp.strip_prefix(&prefix) {
                    Some("*") => ("string", None),
                    Some(rest) => ("custom", Some(rest.to_owned())),
                    None => continue,
                },
            };
            attributes.shift_remove(regexp);
            attributes.insert(kind.to_owned(), json!(value));
            if let Some(rest) = rest {
                attributes.insert(regexp.to_owned(), json!(rest));
            }
        }
    }
}

fn is_user_profile(component: &Document) -> bool {
    text(&component.body, "providerType") == Some(USER_PROFILE_PROVIDER)
}

/// Names what a file has that no release since 2 writes, or that this server cannot take over.
pub(crate) fn refuse_or_warn(file: &Json, warnings: &mut Vec<String>) -> Result<(), ImportError> {
    for old in [
        "applications",
        "oauthClients",
        "clientTemplates",
        "applicationScopeMappings",
    ] {
        if file.get(old).is_some_and(is_filled) {
            let problem = "is of a release before 4; export the realm from a newer one";
            return Err(At::Root.key(old).invalid(problem));
        }
    }
    for unknown in ["socialProviders", "protocolMappers"] {
        if file.get(unknown).is_some_and(is_filled) {
            warnings.push(format!("{}: not taken over", At::Root.key(unknown)));
        }
    }
    if file.get("federatedUsers").is_some_and(is_filled) {
        let at = At::Root.key("federatedUsers");
        warnings.push(format!("{at}: kept, but not acted upon yet"));
    }
    for (index, client) in each(file, "clients") {
        if client.get("authorizationSettings").is_some_and(is_filled) {
            let clients = At::Root.key("clients");
            let at = clients.index(index);
            let at = at.key("authorizationSettings");
            warnings.push(format!("{at}: kept, but not acted upon yet"));
        }
    }
    Ok(())
}

fn is_filled(value: &Value) -> bool {
    match value {
        Value::Array(list) => !list.is_empty(),
        Value::Object(object) => !object.is_empty(),
        Value::Null => false,
        Value::Bool(_) | Value::Number(_) | Value::String(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_are_compared_by_their_numbers() {
        assert_eq!(parse("26.7.4"), Some((26, 7, 4)));
        assert_eq!(parse("24.0.5.redhat-00001"), Some((24, 0, 5)));
        assert_eq!(parse("999.0.0-SNAPSHOT"), Some((999, 0, 0)));
        assert_eq!(parse("9"), Some((9, 0, 0)));
        assert_eq!(parse("new"), None);
        assert!(
            STEPS.windows(2).all(|two| two[0].0 <= two[1].0),
            "in the order of releases"
        );
    }
}
