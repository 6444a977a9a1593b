//! Mappers of what is known of the user: attributes, properties, full name, address.

use std::borrow::Cow;

use claviger_model::User;
use claviger_wire::document::Json;
use serde_json::Value;

use super::claim::{Found, put};
use super::{Claims, Mapper, Subject, Target};
use crate::person::{Membership, Person};
use crate::realm::Group;

/// `oidc-usermodel-attribute-mapper`: an attribute of the user, or else of its groups.
pub(super) fn attribute(
    mapper: &Mapper,
    target: Target,
    subject: &Subject<'_>,
    claims: &mut Claims,
) {
    let Some(name) = mapper.source.as_deref() else {
        return;
    };
    let values = if mapper.aggregates {
        aggregated(subject.person, name)
    } else {
        nearest(subject.person, name)
    };
    // Most users lack most attributes of the profile: the settings are not worth reading then.
    if !values.is_empty() {
        put(mapper, target, &Found::Many(values), claims);
    }
}

/// The user's own values, or those of the first group, by name, that has or inherits any.
fn nearest<'a>(person: &'a Person, name: &str) -> Vec<&'a str> {
    let own = of_user(&person.user, name);
    if !own.is_empty() || BUILTIN.contains(&name) {
        return own;
    }
    super::group::by_name(person)
        .map(|membership| inherited(membership, name))
        .find(|values| !values.is_empty())
        .unwrap_or_default()
}

fn inherited<'a>(membership: &'a Membership, name: &str) -> Vec<&'a str> {
    let mut line = membership.line().map(|group| of_group(group, name));
    line.find(|values| !values.is_empty()).unwrap_or_default()
}

/// The values of the user, of all its groups and of all groups above these, each once.
fn aggregated<'a>(person: &'a Person, name: &str) -> Vec<&'a str> {
    let groups = super::group::by_name(person).flat_map(Membership::line);
    let mut values = of_user(&person.user, name);
    for group in groups {
        values.extend(of_group(group, name));
    }
    let mut seen = std::collections::HashSet::with_capacity(values.len());
    values.retain(|value| seen.insert(*value));
    values
}

fn of_group<'a>(group: &'a Group, name: &str) -> Vec<&'a str> {
    let values = group.body.get("attributes").and_then(|all| all.get(name));
    let values = values.and_then(Value::as_array);
    values
        .map(|list| list.iter().filter_map(Value::as_str).collect())
        .unwrap_or_default()
}

fn of_user<'a>(user: &'a User, name: &str) -> Vec<&'a str> {
    match user.attributes.get(name) {
        Some(values) if !BUILTIN.contains(&name) => values.iter().map(String::as_str).collect(),
        _ => builtin(user, name).into_iter().collect(),
    }
}

/// The attributes that are fields of their own.
const BUILTIN: [&str; 4] = ["username", "email", "firstName", "lastName"];

fn builtin<'a>(user: &'a User, name: &str) -> Option<&'a str> {
    match name {
        "username" => Some(&user.username),
        "email" => user.email.as_deref(),
        "firstName" => user.first_name.as_deref(),
        "lastName" => user.last_name.as_deref(),
        _ => None,
    }
}

/// `oidc-usermodel-property-mapper`: what every user has.
pub(super) fn property(
    mapper: &Mapper,
    target: Target,
    subject: &Subject<'_>,
    claims: &mut Claims,
) {
    let value = mapper
        .source
        .as_deref()
        .and_then(|name| property_of(subject.person, name));
    if let Some(value) = value {
        put(mapper, target, &Found::One(&value), claims);
    }
}

/// A property as text. Names may begin with a capital: very old realms have them so.
fn property_of<'a>(person: &'a Person, name: &str) -> Option<Cow<'a, str>> {
    let user = &person.user;
    let mut characters = name.chars();
    let start = characters.next()?.to_ascii_lowercase();
    let flag = |value: bool| Some(Cow::Borrowed(if value { "true" } else { "false" }));
    let text = |value: Option<&'a str>| value.map(Cow::Borrowed);
    match (start, characters.as_str()) {
        ('u', "sername") => text(Some(&user.username)),
        ('e', "mail") => text(user.email.as_deref()),
        ('e', "mailVerified") => flag(user.email_verified),
        ('e', "nabled") => flag(user.enabled),
        ('f', "irstName") => text(user.first_name.as_deref()),
        ('l', "astName") => text(user.last_name.as_deref()),
        ('i', "d") => text(Some(user.id.as_str())),
        ('c', "reatedTimestamp") => Some(Cow::Owned(user.created_at.0.to_string())),
        ('f', "ederationLink") => text(user.federation_link.as_deref()),
        ('f', "ederated") => flag(user.federation_link.is_some()),
        ('s', "erviceAccountClientLink") => text(
            user.service_account_of
                .as_ref()
                .map(claviger_model::ClientUuid::as_str),
        ),
        ('g', "roupsCount") => Some(Cow::Owned(person.groups.len().to_string())),
        _ => None,
    }
}

/// `oidc-full-name-mapper`: `name`, the given and the family name.
pub(super) fn full_name(subject: &Subject<'_>, claims: &mut Claims) {
    if let Some(name) = name_of(&subject.person.user) {
        claims.insert("name", Value::String(name));
    }
}

fn name_of(user: &User) -> Option<String> {
    let filled = |part: &'_ Option<String>| part.clone().filter(|text| !text.is_empty());
    match (filled(&user.first_name), filled(&user.last_name)) {
        (Some(first), Some(last)) => Some(format!("{first} {last}")),
        (first, last) => first.or(last),
    }
}

/// Members of the address (OpenID Connect Core §5.1.1), and the names that settings have for them.
const ADDRESS: [(&str, &str, &str); 6] = [
    ("street_address", "user.attribute.street", "street"),
    ("locality", "user.attribute.locality", "locality"),
    ("region", "user.attribute.region", "region"),
    ("postal_code", "user.attribute.postal_code", "postal_code"),
    ("country", "user.attribute.country", "country"),
    ("formatted", "user.attribute.formatted", "formatted"),
];

/// `oidc-address-mapper`: `address`, out of attributes.
pub(super) fn address(mapper: &Mapper, subject: &Subject<'_>, claims: &mut Claims) {
    let mut address = Json::new();
    for (member, setting, usual) in ADDRESS {
        let attribute = mapper.config(setting).unwrap_or(usual);
        if let Some(value) = of_user(&subject.person.user, attribute).first() {
            address.insert(member.to_owned(), Value::String((*value).to_owned()));
        }
    }
    if address.is_empty() {
        return;
    }
    match claims.get_mut("address").and_then(Value::as_object_mut) {
        Some(existing) => existing.extend(address),
        None => {
            claims.insert("address", Value::Object(address));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::{Settings, World, everywhere};
    use super::*;

    const ATTRIBUTE: &str = "oidc-usermodel-attribute-mapper";
    const PROPERTY: &str = "oidc-usermodel-property-mapper";

    fn world() -> World {
        let mut world = World::new();
        let attributes = [("colour", vec!["red", "blue"]), ("size", vec!["7"])];
        for (name, values) in attributes {
            let values = values.into_iter().map(str::to_owned).collect();
            world.person.user.attributes.insert(name.to_owned(), values);
        }
        world.join(&[
            ("zoo", &[("deep", &["top", "top2"]), ("colour", &["green"])]),
            ("middle", &[("deep", &["middle"])]),
            ("ants", &[]),
        ]);
        world.join(&[(
            "bees",
            &[
                ("deep", &["bees"]),
                ("colour", &["red"]),
                ("firstName", &["B"]),
            ],
        )]);
        world
    }

    #[test]
    fn attributes_of_the_user_go_before_those_of_groups() {
        let cases: [(Settings<'_>, Value); 9] = [
            (&[("user.attribute", "colour")], json!({"x": "red"})),
            (
                &[("user.attribute", "colour"), ("multivalued", "true")],
                json!({"x": ["red", "blue"]}),
            ),
            (
                &[
                    ("user.attribute", "colour"),
                    ("multivalued", "true"),
                    ("aggregate.attrs", "true"),
                ],
                json!({"x": ["red", "blue", "green"]}),
            ),
            // The first group by name is `ants`, which inherits from the nearest above it.
            (
                &[("user.attribute", "deep"), ("multivalued", "true")],
                json!({"x": ["middle"]}),
            ),
            (
                &[
                    ("user.attribute", "deep"),
                    ("multivalued", "true"),
                    ("aggregate.attrs", "true"),
                ],
                json!({"x": ["middle", "top", "top2", "bees"]}),
            ),
            (
                &[("user.attribute", "size"), ("jsonType.label", "int")],
                json!({"x": 7}),
            ),
            (&[("user.attribute", "firstName")], json!({"x": "Alice"})),
            (&[("user.attribute", "nothing")], json!({})),
            (&[], json!({})),
        ];
        for (config, expected) in cases {
            let config = [config, &[("claim.name", "x")]].concat();
            let claims = world().claims(Target::Access, &[everywhere(ATTRIBUTE, &config)]);
            assert_eq!(claims, expected, "{config:?}");
        }
    }

    #[test]
    fn a_group_does_not_lend_its_members_a_name() {
        let mut world = world();
        world.person.user.first_name = None;
        let config = [("user.attribute", "firstName"), ("claim.name", "x")];
        let claims = world.claims(Target::Id, &[everywhere(ATTRIBUTE, &config)]);
        assert_eq!(claims, json!({}));
    }

    #[test]
    fn properties() {
        let cases = [
            ("username", Some("alice")),
            ("Username", Some("alice")),
            ("email", Some("alice@shop.example")),
            ("emailVerified", Some("true")),
            ("enabled", Some("true")),
            ("firstName", Some("Alice")),
            ("lastName", Some("Liddell")),
            ("id", Some("00f039e9-6424-4400-92a4-7b9507b6118d")),
            ("createdTimestamp", Some("1600000000000")),
            ("groupsCount", Some("2")),
            ("federated", Some("false")),
            ("federationLink", None),
            ("serviceAccountClientLink", None),
            ("USERNAME", None),
            ("password", None),
            ("", None),
        ];
        let world = world();
        for (name, expected) in cases {
            assert_eq!(
                property_of(&world.person, name).as_deref(),
                expected,
                "{name}"
            );
        }
        let config = [
            ("user.attribute", "emailVerified"),
            ("claim.name", "email_verified"),
            ("jsonType.label", "boolean"),
        ];
        let claims = world.claims(Target::Id, &[everywhere(PROPERTY, &config)]);
        assert_eq!(claims, json!({"email_verified": true}));
    }

    #[test]
    fn full_names_leave_out_what_is_empty() {
        let cases = [
            (Some("Alice"), Some("Liddell"), Some("Alice Liddell")),
            (Some(""), Some("Liddell"), Some("Liddell")),
            (Some("Alice"), None, Some("Alice")),
            (Some(""), None, None),
        ];
        for (first, last, expected) in cases {
            let user = User {
                first_name: first.map(str::to_owned),
                last_name: last.map(str::to_owned),
                ..world().person.user
            };
            assert_eq!(name_of(&user).as_deref(), expected);
        }
    }

    #[test]
    fn addresses_are_put_together() {
        let mut world = World::new();
        let kind = "oidc-address-mapper";
        assert_eq!(
            world.claims(Target::Id, &[everywhere(kind, &[])]),
            json!({})
        );
        for (name, value) in [
            ("street", "1 Hole"),
            ("land", "Wonderland"),
            ("region", "R"),
        ] {
            world
                .person
                .user
                .attributes
                .insert(name.to_owned(), vec![value.to_owned()]);
        }
        let config = [
            ("user.attribute.country", "land"),
            ("user.attribute.region", "nothing"),
        ];
        let fixed = [("claim.name", "address.note"), ("claim.value", "n")];
        let mappers = [
            everywhere("oidc-hardcoded-claim-mapper", &fixed),
            everywhere(kind, &config),
        ];
        let address = json!({"note": "n", "street_address": "1 Hole", "country": "Wonderland"});
        assert_eq!(
            world.claims(Target::Id, &mappers),
            json!({"address": address})
        );
    }
}
