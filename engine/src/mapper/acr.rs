//! `acr`: how well the user signed in (OpenID Connect Core §2), by name or as a level.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Claims, Subject, claims_parameter};
use crate::client::Client;
use crate::realm::Realm;

/// Names of levels, in a client's or a realm's attributes: `{"silver": 1, "gold": 2}`.
const LEVELS: &str = "acr.loa.map";
/// A client's attribute: names that count as asked for, separated by [`SEPARATOR`].
const DEFAULTS: &str = "default.acr.values";
/// A client's attribute: the lowest name that it may ask for.
const MINIMUM: &str = "minimum.acr.value";

/// The client session's note of the level reached.
const LEVEL_NOTE: &str = "level-of-authentication";
/// The client session's note that the user was signed in already.
const SSO_NOTE: &str = "SSO_AUTH";
/// The client session's note of parameter `acr_values`.
const ACR_VALUES_NOTE: &str = "acr_values";

/// Levels by name.
pub(crate) type Levels = BTreeMap<String, i64>;

/// `oidc-acr-mapper`: the name of the level reached that fits best what the client asked for.
pub(super) fn level(subject: &Subject<'_>, claims: &mut Claims) {
    let level = reached(subject);
    let acr = name_of(level, subject).unwrap_or_else(|| level.to_string());
    claims.insert("acr", Value::String(acr));
}

/// The level reached; without steps in the flow 1 for a login and 0 for a session that was there.
fn reached(subject: &Subject<'_>) -> i64 {
    let notes = &subject.part.notes;
    let level = notes
        .get(LEVEL_NOTE)
        .and_then(|text| text.parse::<i32>().ok());
    let sso = notes
        .get(SSO_NOTE)
        .is_some_and(|text| text.eq_ignore_ascii_case("true"));
    level
        .filter(|level| *level >= 0)
        .map_or(i64::from(!sso), i64::from)
}

/// The names that a client has for levels, or else its realm; none if neither has any.
pub(crate) fn levels(realm: &Realm, client: &Client) -> Option<Levels> {
    let read = |text: &str| parse(text).filter(|levels| !levels.is_empty());
    let own = client.settings.attribute(LEVELS).and_then(read);
    own.or_else(|| realm.settings.attribute(LEVELS).and_then(read))
}

/// The names that count as asked for if a request asks for none.
pub(crate) fn defaults(client: &Client) -> Vec<&str> {
    client.settings.list_attribute(DEFAULTS)
}

/// Drops names below the client's lowest; if none is left, the lowest is asked for.
pub(crate) fn raise<'a>(client: &'a Client, levels: &Levels, names: &mut Vec<&'a str>) {
    if let Some(minimum) = client.settings.attribute(MINIMUM)
        && let Some(lowest) = of(minimum, levels)
    {
        names.retain(|name| of(name, levels).is_some_and(|level| level >= lowest));
        if names.is_empty() {
            names.push(minimum);
        }
    }
}

fn name_of(level: i64, subject: &Subject<'_>) -> Option<String> {
    let client = subject.client;
    let levels = levels(subject.realm, client)?;
    let note = subject.part.notes.get(claims_parameter::NOTE);
    let asked = note.and_then(|text| in_claims(text));
    let (essential, by_claims) = asked.unwrap_or_default();
    let by_claims = || by_claims.iter().map(String::as_str);
    let parameter = subject.part.notes.get(ACR_VALUES_NOTE);
    let mut names: Vec<&str> = parameter.iter().flat_map(|text| text.split(' ')).collect();
    names.extend(by_claims());
    if names.is_empty() {
        names.extend(defaults(client));
    }
    raise(client, &levels, &mut names);
    let required = if essential {
        best(level, &levels, by_claims())
    } else {
        None
    };
    required
        .or_else(|| best(level, &levels, names.iter().copied()))
        .or_else(|| best(level, &levels, levels.keys().map(String::as_str)))
        .map(str::to_owned)
}

fn parse(text: &str) -> Option<Levels> {
    match serde_json::from_str(text) {
        Ok(levels) => Some(levels),
        Err(error) => {
            tracing::debug!(%error, "levels of authentication cannot be read");
            None
        }
    }
}

/// The names in a `claims` parameter, and whether they are essential (Core §5.5.1.1).
pub(crate) fn in_claims(text: &str) -> Option<(bool, Vec<String>)> {
    let parameter: Value = serde_json::from_str(text).ok()?;
    let acr = parameter.get("id_token")?.get("acr")?;
    let essential = acr
        .get("essential")
        .and_then(Value::as_bool)
        .unwrap_or(false);
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let names = match acr.get("values").and_then(Value::as_array) {
        Some(values) => values.iter().filter_map(text).collect(),
        None => acr.get("value").and_then(text).into_iter().collect(),
    };
    Some((essential, names))
}

/// The level of a name; a name may also be the level itself.
pub(crate) fn of(name: &str, levels: &Levels) -> Option<i64> {
    levels
        .get(name)
        .copied()
        .or_else(|| name.parse::<i32>().ok().map(i64::from))
}

/// The name of the highest level that is not above the one reached; the first of equals.
fn best<'a>(level: i64, levels: &Levels, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let mut best: Option<(i64, &str)> = None;
    for name in names {
        if let Some(own) = of(name, levels).filter(|own| (0..=level).contains(own))
            && best.is_none_or(|(highest, _)| own > highest)
        {
            best = Some((own, name));
        }
    }
    best.map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::{Settings, World, client, realm};
    use super::*;

    fn acr(notes: Settings<'_>, attributes: &Value, of_realm: &Value) -> String {
        let mut world = World {
            client: client(&json!({"attributes": attributes})),
            realm: realm(&json!({"attributes": of_realm})),
            ..World::new()
        };
        let owned = notes
            .iter()
            .map(|(name, note)| ((*name).to_owned(), (*note).to_owned()));
        world.part.notes.extend(owned);
        let mut claims = Claims::default();
        level(&world.subject(), &mut claims);
        claims.get("acr").unwrap().as_str().unwrap().to_owned()
    }

    #[test]
    fn without_names_the_level_is_told() {
        let cases: [(Settings<'_>, &str); 6] = [
            (&[], "1"),
            (&[("SSO_AUTH", "true")], "0"),
            (&[("level-of-authentication", "-1")], "1"),
            (
                &[("level-of-authentication", "0"), ("SSO_AUTH", "false")],
                "0",
            ),
            (&[("level-of-authentication", "3")], "3"),
            (
                &[("level-of-authentication", "high"), ("acr_values", "gold")],
                "1",
            ),
        ];
        for (notes, expected) in cases {
            assert_eq!(acr(notes, &json!({}), &json!({})), expected, "{notes:?}");
        }
    }

    #[test]
    fn the_name_that_fits_best_is_told() {
        let map = r#"{"bronze":1,"silver":2,"gold":3}"#;
        let asked = |essential: bool| {
            let acr = json!({"essential": essential, "values": ["bronze", "gold"]});
            json!({"id_token": {"acr": acr}}).to_string()
        };
        let (may, must) = (asked(false), asked(true));
        let two = ("level-of-authentication", "2");
        let cases: [(Settings<'_>, Value, &str); 9] = [
            (&[two], json!({"acr.loa.map": map}), "silver"),
            (
                &[two, ("acr_values", "bronze")],
                json!({"acr.loa.map": map}),
                "bronze",
            ),
            (
                &[two, ("acr_values", "gold")],
                json!({"acr.loa.map": map}),
                "silver",
            ),
            (
                &[two, ("acr_values", "1 2 3")],
                json!({"acr.loa.map": map}),
                "2",
            ),
            (
                &[two, ("acr_values", "silver"), ("claims", &may)],
                json!({"acr.loa.map": map}),
                "silver",
            ),
            (
                &[two, ("acr_values", "silver"), ("claims", &must)],
                json!({"acr.loa.map": map}),
                "bronze",
            ),
            (
                &[two],
                json!({"acr.loa.map": map, "default.acr.values": "bronze##gold"}),
                "bronze",
            ),
            (
                &[two, ("acr_values", "bronze")],
                json!({"acr.loa.map": map, "minimum.acr.value": "silver"}),
                "silver",
            ),
            (&[two], json!({"acr.loa.map": "["}), "2"),
        ];
        for (notes, attributes, expected) in cases {
            assert_eq!(
                acr(notes, &attributes, &json!({})),
                expected,
                "{notes:?} {attributes}"
            );
        }
    }

    #[test]
    fn names_of_the_realm_hold_where_the_client_has_none() {
        let notes = [("level-of-authentication", "2")];
        let of_realm = json!({"acr.loa.map": r#"{"plain":1,"strong":2}"#});
        assert_eq!(acr(&notes, &json!({}), &of_realm), "strong");
        assert_eq!(
            acr(&notes, &json!({"acr.loa.map": "{}"}), &of_realm),
            "strong"
        );
        let own = json!({"acr.loa.map": r#"{"own":1}"#});
        assert_eq!(acr(&notes, &own, &of_realm), "own");
    }
}
