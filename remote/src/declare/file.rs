//! Files that say what realms shall be: read, with variables put in, one laid over the other.

use std::path::Path;

use serde_json::{Map, Value};

use super::compare::{Hidden, MASK};
use super::yaml;
use crate::json::{merge, text};
use crate::world::World;
use crate::{Failure, failed};

/// The longest file, in bytes.
const LONGEST: u64 = 64 << 20;

/// What an item of a list is told apart by, first that it has.
const KEYS: [&str; 6] = [
    "clientId",
    "username",
    "alias",
    "name",
    "client",
    "clientScope",
];

/// A realm as files want it.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// Its name.
    pub realm: String,
    /// The representation, as far as it is told.
    pub document: Map<String, Value>,
}

/// Reads files in order; of two that name a value the later one counts. Lists of named objects are
/// laid over each other by name. What came out of variables is to be hidden.
pub fn read(
    paths: &[&str],
    realm: Option<&str>,
    world: &dyn World,
) -> Result<(Vec<Wanted>, Hidden), Failure> {
    let mut all: Vec<Wanted> = Vec::new();
    let mut hidden = Hidden::default();
    for path in paths {
        let broken = |told: String| Failure::Failed(format!("{path}: {told}"));
        let documents = yaml::documents(&contents(path, world)?).map_err(broken)?;
        let parts = documents.into_iter().flat_map(|document| match document {
            // Keycloak writes several realms as a list.
            Value::Array(items) => items,
            one => vec![one],
        });
        for mut part in parts {
            if part.is_null() {
                continue;
            }
            put_in(&mut part, world, &mut hidden).map_err(broken)?;
            let Value::Object(document) = part else {
                return Err(broken("a realm is an object".into()));
            };
            let name = text(&document, "realm").or(realm).map(str::to_owned);
            let name =
                name.ok_or_else(|| broken("it names no realm: say 'realm: …', or give -r".into()))?;
            if realm.is_some_and(|asked| asked != name) {
                continue;
            }
            match all.iter_mut().find(|known| known.realm == name) {
                Some(known) => lay(&mut known.document, document),
                None => all.push(Wanted {
                    realm: name,
                    document,
                }),
            }
        }
    }
    if all.is_empty() {
        return failed("The files name no realm");
    }
    Ok((all, hidden))
}

fn contents(path: &str, world: &dyn World) -> Result<String, Failure> {
    if path == "-" {
        return world.input().map_err(Failure::Failed);
    }
    let unreadable =
        |error: std::io::Error| Failure::Failed(format!("{path} cannot be read: {error}"));
    if std::fs::metadata(Path::new(path))
        .map_err(unreadable)?
        .len()
        > LONGEST
    {
        return failed(format!("{path} is too long"));
    }
    std::fs::read_to_string(path).map_err(unreadable)
}

/// Lays one object over another. Items of lists that have a name are laid over those of that name.
fn lay(below: &mut Map<String, Value>, above: Map<String, Value>) {
    for (name, value) in above {
        match (below.get_mut(&name), value) {
            (Some(Value::Object(below)), Value::Object(above)) => lay(below, above),
            (Some(Value::Array(below)), Value::Array(above))
                if is_named(below) && is_named(&above) =>
            {
                for item in above {
                    let same = |other: &&mut Value| identity(other) == identity(&item);
                    match (below.iter_mut().find(same), item) {
                        (Some(Value::Object(below)), Value::Object(above)) => lay(below, above),
                        (_, item) => below.push(item),
                    }
                }
            }
            (_, value) => {
                let mut rest = Value::Null;
                merge(&mut rest, value);
                below.insert(name, rest);
            }
        }
    }
}

fn is_named(items: &[Value]) -> bool {
    items.iter().all(|item| identity(item).is_some())
}

/// What an item of a list is told apart by.
fn identity(item: &Value) -> Option<(&'static str, &str)> {
    KEYS.iter()
        .find_map(|key| Some((*key, item.get(key)?.as_str()?)))
}

/// Puts variables into all texts: `${NAME}`, with `${NAME:-otherwise}`, and `$(env:NAME)` as other
/// tools write it. Names are of capitals, digits and low lines, so that texts of Keycloak's own
/// (`${role_admin}`, `${vault.key}`) stay; `$${NAME}` is `${NAME}`. A text never becomes structure.
fn put_in(value: &mut Value, world: &dyn World, hidden: &mut Hidden) -> Result<(), String> {
    match value {
        Value::String(text) if text.contains('$') => {
            *text = filled(text, world, hidden)?;
            Ok(())
        }
        Value::Array(items) => items
            .iter_mut()
            .try_for_each(|item| put_in(item, world, hidden)),
        Value::Object(members) => {
            // An export tells that there is a secret, and not which: then the file does not name it.
            members.retain(|_, member| !is_masked(member));
            let mut inner = members.values_mut();
            inner.try_for_each(|member| put_in(member, world, hidden))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Ok(()),
    }
}

fn is_masked(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.iter().any(is_masked),
        other => other.as_str() == Some(MASK),
    }
}

fn filled(text: &str, world: &dyn World, hidden: &mut Hidden) -> Result<String, String> {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        let (before, from) = rest.split_at(at);
        out.push_str(before);
        let escaped = from
            .strip_prefix("$${")
            .and_then(|inner| variable(inner, '}'));
        if let Some((_, _, after)) = escaped {
            let kept = from.len() - after.len();
            out.push_str(from.get(1..kept).unwrap_or_default());
            rest = after;
            continue;
        }
        let found = from
            .strip_prefix("${")
            .and_then(|inner| variable(inner, '}'))
            .or_else(|| variable(from.strip_prefix("$(env:")?, ')'));
        let Some((name, otherwise, after)) = found else {
            out.push('$');
            rest = from.get(1..).unwrap_or_default();
            continue;
        };
        match (world.variable(name), otherwise) {
            (Some(value), _) => {
                if !value.is_empty() {
                    hidden.0.insert(value.clone());
                }
                out.push_str(&value);
            }
            (None, Some(otherwise)) => out.push_str(otherwise),
            (None, None) => return Err(format!("the variable {name} is not set")),
        }
        rest = after;
    }
    out.push_str(rest);
    Ok(out)
}

/// Reads `NAME}` or `NAME:-otherwise}`: name, what holds otherwise, and what follows.
fn variable(text: &str, end: char) -> Option<(&str, Option<&str>, &str)> {
    let (inner, after) = text.split_once(end)?;
    let (name, otherwise) = match inner.split_once(":-") {
        Some((name, otherwise)) => (name, Some(otherwise)),
        None => (inner, None),
    };
    let fits = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    let fine =
        name.starts_with(|c: char| c.is_ascii_uppercase() || c == '_') && name.chars().all(fits);
    fine.then_some((name, otherwise, after))
}

#[cfg(test)]
mod tests {
    use claviger_model::Secret;
    use serde_json::json;

    use super::*;
    use crate::world::{Trust, Web};

    /// Two variables, and a file on standard input.
    struct Small(&'static str);

    impl World for Small {
        fn web(&self, _: &Trust) -> Result<Box<dyn Web>, String> {
            Err("no network".into())
        }

        fn variable(&self, name: &str) -> Option<String> {
            let known = [("APP_SECRET", "a\"b: c"), ("FLAG", "true")];
            let found = known.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        }

        fn now(&self) -> i64 {
            0
        }

        fn secret(&self, _: &str) -> Result<Secret, String> {
            Err("nobody".into())
        }

        fn input(&self) -> Result<String, String> {
            Ok(self.0.to_owned())
        }

        fn confirm(&self, _: &str) -> Result<Option<bool>, String> {
            Ok(None)
        }

        fn print(&self, _: &str) {}

        fn tell(&self, _: &str) {}
    }

    fn read_one(text: &'static str) -> (Map<String, Value>, Hidden) {
        let (mut all, hidden) = read(&["-"], None, &Small(text)).unwrap();
        (all.remove(0).document, hidden)
    }

    #[test]
    fn variables_become_texts_and_nothing_else() {
        let text = "realm: shop\na: ${APP_SECRET}\nb: x${FLAG}y$(env:FLAG)\nc: ${NONE:-d}\nd: $${FLAG}\n\
                    e: ${role_x} ${vault.k} $5 $\nf: ['**********']\ng: '**********'\n";
        let (document, hidden) = read_one(text);
        let expected = json!({
            "realm": "shop", "a": "a\"b: c", "b": "xtrueytrue", "c": "d", "d": "${FLAG}",
            "e": "${role_x} ${vault.k} $5 $",
        });
        assert_eq!(Value::Object(document), expected);
        assert!(hidden.0.contains("a\"b: c"));
        let refused = read(&["-"], None, &Small("realm: x\na: ${NONE}\n")).unwrap_err();
        assert_eq!(refused.to_string(), "-: the variable NONE is not set");
    }

    #[test]
    fn later_documents_are_laid_over_earlier_ones_by_name() {
        let text = "realm: shop\nlist: [a]\nclients:\n- {clientId: one, x: 1, y: 1}\n- {clientId: two}\n---\n\
                    realm: shop\nlist: [b]\nclients:\n- {clientId: one, y: 2}\n- {clientId: three}\n";
        let expected = json!({
            "realm": "shop", "list": ["b"],
            "clients": [{"clientId": "one", "x": 1, "y": 2}, {"clientId": "two"}, {"clientId": "three"}],
        });
        assert_eq!(Value::Object(read_one(text).0), expected);
        let several = Small("[{\"realm\": \"a\"}, {\"realm\": \"b\"}]");
        assert_eq!(read(&["-"], None, &several).unwrap().0.len(), 2);
        assert_eq!(read(&["-"], Some("b"), &several).unwrap().0.len(), 1);
        assert!(read(&["-"], None, &Small("a: 1")).is_err());
        assert_eq!(
            read(&["-"], Some("c"), &Small("a: 1")).unwrap().0[0].realm,
            "c"
        );
    }
}
