//! Mappers of roles: renaming, adding, and putting them into claims.

use std::borrow::Cow;
use std::collections::BTreeSet;

use serde_json::Value;

use super::claim::{self, Place};
use super::step::Spot;
use super::{Claims, Mapper, Subject, Target};
use crate::scope::RoleNames;

/// Stands for the `clientId` in a `claim.name` and in a prefix.
const CLIENT_ID: &str = "${client_id}";

/// `oidc-role-name-mapper`: shows a role under another name, perhaps at another client.
pub(super) fn rename(mapper: &Mapper, subject: &mut Subject<'_>) {
    let (Some(from), Some(to)) = (mapper.config("role"), mapper.config("new.role.name")) else {
        return;
    };
    let roles = subject.roles.to_mut();
    let had = match split(from) {
        (None, name) => roles.realm.remove(name),
        (Some(client), name) => roles
            .clients
            .get_mut(client)
            .is_some_and(|names| names.remove(name)),
    };
    if had {
        add(roles, to);
    }
}

/// `oidc-hardcoded-role-mapper`: a role that every token has, whether it exists or not.
pub(super) fn hardcoded(mapper: &Mapper, subject: &mut Subject<'_>) {
    if let Some(role) = mapper.config("role") {
        add(subject.roles.to_mut(), role);
    }
}

fn add(roles: &mut RoleNames, role: &str) {
    let (client, name) = split(role);
    let names = match client {
        None => &mut roles.realm,
        Some(client) => roles.clients.entry(client.to_owned()).or_default(),
    };
    names.insert(name.to_owned());
}

/// Splits `client.role` at its last dot; without one it names a role of the realm.
fn split(role: &str) -> (Option<&str>, &str) {
    role.rsplit_once('.')
        .map_or((None, role), |(client, name)| (Some(client), name))
}

/// `oidc-usermodel-realm-role-mapper`.
pub(super) fn of_realm(
    mapper: &Mapper,
    target: Target,
    subject: &Subject<'_>,
    claims: &mut Claims,
) {
    if let Some(shelf) = Shelf::of(mapper, target) {
        let prefix = mapper
            .config("usermodel.realmRoleMapping.rolePrefix")
            .unwrap_or_default();
        shelf.put(None, prefix, &subject.roles.realm, claims);
    }
}

/// `oidc-usermodel-client-role-mapper`: the roles of one client, or of each.
pub(super) fn of_clients(
    mapper: &Mapper,
    target: Target,
    subject: &Subject<'_>,
    claims: &mut Claims,
) {
    let Some(shelf) = Shelf::of(mapper, target) else {
        return;
    };
    let prefix = mapper
        .config("usermodel.clientRoleMapping.rolePrefix")
        .unwrap_or_default();
    if let Some(client) = mapper.config("usermodel.clientRoleMapping.clientId") {
        if let Some(names) = subject.roles.clients.get(client) {
            shelf.put(Some(client), prefix, names, claims);
        }
        return;
    }
    for (client, names) in &subject.roles.clients {
        let prefix = fill(prefix, Some(client));
        shelf.put(Some(client), &prefix, names, claims);
    }
}

/// The claim at a path, if it is there.
fn find<'c>(path: &[Cow<'_, str>], claims: &'c mut Claims) -> Option<&'c mut Value> {
    let (first, inner) = path.split_first()?;
    let mut found = claims.get_mut(first.as_ref())?;
    for name in inner {
        found = found.as_object_mut()?.get_mut(name.as_ref())?;
    }
    Some(found)
}

/// Puts the `clientId` where its placeholder stands.
fn fill<'a>(text: &'a str, client: Option<&str>) -> Cow<'a, str> {
    match client {
        Some(client) if text.contains(CLIENT_ID) => Cow::Owned(text.replace(CLIENT_ID, client)),
        _ => Cow::Borrowed(text),
    }
}

/// A path with the `clientId` where its placeholder stands; most have none.
fn filled<'a>(path: &'a [Cow<'a, str>], client: Option<&str>) -> Cow<'a, [Cow<'a, str>]> {
    if client.is_none() || !path.iter().any(|part| part.contains(CLIENT_ID)) {
        return Cow::Borrowed(path);
    }
    Cow::Owned(path.iter().map(|part| fill(part, client)).collect())
}

/// Where a role mapper puts names.
struct Shelf<'a> {
    mapper: &'a Mapper,
    spot: &'a Spot,
    target: Target,
}

impl<'a> Shelf<'a> {
    fn of(mapper: &'a Mapper, target: Target) -> Option<Self> {
        let spot = mapper.spot.as_ref()?;
        Some(Self {
            mapper,
            spot,
            target,
        })
    }

    fn put(
        &self,
        client: Option<&str>,
        prefix: &str,
        names: &BTreeSet<String>,
        claims: &mut Claims,
    ) {
        let label = self.spot.label.as_deref();
        let convert = |name: &String| match prefix {
            "" => claim::convert(label, name),
            prefix => claim::convert(label, &format!("{prefix}{name}")),
        };
        if !self.spot.multivalued {
            if let Some(value) = names.first().and_then(convert) {
                self.place(client, value, claims);
            }
        } else if !names.is_empty() {
            let values = names
                .iter()
                .map(|name| convert(name).unwrap_or(Value::Null));
            self.place(client, Value::Array(values.collect()), claims);
        }
    }

    fn place(&self, client: Option<&str>, value: Value, claims: &mut Claims) {
        // Splitting comes before filling in: dots of a `clientId` do not nest.
        let path = filled(&self.spot.path, client);
        let done = if let Value::Array(values) = value {
            self.extend(&path, values, claims)
        } else {
            self.replace(&path, value, claims)
        };
        if !done {
            tracing::debug!(
                mapper = self.mapper.name,
                "roles cannot be put into the claim"
            );
        }
    }

    fn replace(&self, path: &[Cow<'_, str>], value: Value, claims: &mut Claims) -> bool {
        let place = Place {
            path,
            json: false,
            multivalued: false,
        };
        place.set(self.target, value, claims)
    }

    /// Adds a list to the one that is there. `realm_access` and `resource_access` of access tokens
    /// are sets; other lists keep roles of the same name at different clients.
    fn extend(&self, path: &[Cow<'_, str>], values: Vec<Value>, claims: &mut Claims) -> bool {
        let is_set = match path {
            [access, roles] => access == "realm_access" && roles == "roles",
            [access, _, roles] => access == "resource_access" && roles == "roles",
            _ => false,
        };
        let Some(list) = find(path, claims).and_then(Value::as_array_mut) else {
            return self.replace(path, Value::Array(values), claims);
        };
        if is_set && self.target != Target::Id {
            for value in values {
                if !list.contains(&value) {
                    list.push(value);
                }
            }
        } else {
            list.extend(values);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::{Settings, World, everywhere, mapper};
    use super::*;

    const REALM: &str = "oidc-usermodel-realm-role-mapper";
    const CLIENTS: &str = "oidc-usermodel-client-role-mapper";

    fn world() -> World {
        let mut world = World::new();
        let names = |list: &[&str]| list.iter().map(|name| (*name).to_owned()).collect();
        world.roles.realm = names(&["r1", "r2"]);
        world
            .roles
            .clients
            .insert("web".into(), names(&["view", "edit"]));
        world
            .roles
            .clients
            .insert("dot.ted".into(), names(&["view"]));
        world
    }

    #[test]
    fn roles_go_where_settings_say() {
        let many = ("multivalued", "true");
        let cases: [(&str, Settings<'_>, Value); 9] = [
            (
                REALM,
                &[("claim.name", "realm_access.roles"), many],
                json!({"realm_access": {"roles": ["r1", "r2"]}}),
            ),
            (
                REALM,
                &[
                    ("claim.name", "one"),
                    ("usermodel.realmRoleMapping.rolePrefix", "P_"),
                ],
                json!({"one": "P_r1"}),
            ),
            (
                REALM,
                &[("claim.name", "${client_id}.q"), many],
                json!({"${client_id}": {"q": ["r1", "r2"]}}),
            ),
            (REALM, &[many], json!({})),
            (
                CLIENTS,
                &[("claim.name", "resource_access.${client_id}.roles"), many],
                json!({"resource_access": {
                    "dot.ted": {"roles": ["view"]},
                    "web": {"roles": ["edit", "view"]},
                }}),
            ),
            (
                CLIENTS,
                &[("claim.name", "flat"), many],
                json!({"flat": ["view", "edit", "view"]}),
            ),
            (
                CLIENTS,
                &[
                    ("claim.name", "flat"),
                    many,
                    ("usermodel.clientRoleMapping.rolePrefix", "${client_id}:"),
                ],
                json!({"flat": ["dot.ted:view", "web:edit", "web:view"]}),
            ),
            (
                CLIENTS,
                &[
                    ("claim.name", "x.${client_id}.y"),
                    many,
                    ("usermodel.clientRoleMapping.clientId", "dot.ted"),
                    ("usermodel.clientRoleMapping.rolePrefix", "${client_id}:"),
                ],
                json!({"x": {"dot.ted": {"y": ["${client_id}:view"]}}}),
            ),
            (
                CLIENTS,
                &[
                    ("claim.name", "x"),
                    many,
                    ("usermodel.clientRoleMapping.clientId", "none"),
                ],
                json!({}),
            ),
        ];
        for (kind, config, expected) in cases {
            let claims = world().claims(Target::Access, &[everywhere(kind, config)]);
            assert_eq!(claims, expected, "{kind} {config:?}");
        }
    }

    #[test]
    fn lists_are_added_to_and_access_is_a_set() {
        let twice = |name: &str| {
            let config = [("claim.name", name), ("multivalued", "true")];
            [everywhere(REALM, &config), everywhere(REALM, &config)]
        };
        let cases = [
            (
                Target::Access,
                "realm_access.roles",
                json!({"realm_access": {"roles": ["r1", "r2"]}}),
            ),
            (
                Target::Id,
                "realm_access.roles",
                json!({"realm_access": {"roles": ["r1", "r2", "r1", "r2"]}}),
            ),
            (
                Target::Access,
                "flat",
                json!({"flat": ["r1", "r2", "r1", "r2"]}),
            ),
        ];
        for (target, name, expected) in cases {
            assert_eq!(
                world().claims(target, &twice(name)),
                expected,
                "{target:?} {name}"
            );
        }
    }

    #[test]
    fn roles_do_not_forge_what_the_token_is() {
        for name in ["exp", "nonce.x", "iss", "scope"] {
            let config = [("claim.name", name), ("multivalued", "true")];
            let mappers = [everywhere(REALM, &config), everywhere(CLIENTS, &config)];
            assert_eq!(
                world().claims(Target::Access, &mappers),
                json!({}),
                "{name}"
            );
        }
    }

    #[test]
    fn roles_are_renamed_and_added() {
        let renamed = |role: &str, new: &str| {
            mapper(
                "oidc-role-name-mapper",
                &[("role", role), ("new.role.name", new)],
            )
        };
        let added = |role: &str| mapper("oidc-hardcoded-role-mapper", &[("role", role)]);
        let access = [
            everywhere(
                REALM,
                &[
                    ("claim.name", "realm_access.roles"),
                    ("multivalued", "true"),
                ],
            ),
            everywhere(
                CLIENTS,
                &[
                    ("claim.name", "resource_access.${client_id}.roles"),
                    ("multivalued", "true"),
                ],
            ),
        ];
        let steps = [
            renamed("r1", "web.new"),
            renamed("web.view", "moved"),
            renamed("dot.ted.view", "dd.x"),
            renamed("r9", "never"),
            renamed("none.view", "never"),
            mapper("oidc-role-name-mapper", &[("role", "r2")]),
            added("fixed"),
            added("else.role"),
        ];
        let expected = json!({
            "realm_access": {"roles": ["fixed", "moved", "r2"]},
            "resource_access": {
                "dd": {"roles": ["x"]},
                "else": {"roles": ["role"]},
                "web": {"roles": ["edit", "new"]},
            },
        });
        let mappers = [&access[..], &steps[..]].concat();
        for target in [Target::Access, Target::Id, Target::LightweightAccess] {
            assert_eq!(world().claims(target, &mappers), expected, "{target:?}");
        }
    }
}
