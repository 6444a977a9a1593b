//! Realm files as Keycloak lays them out: one realm, a list of realms, or a folder with
//! `<realm>-realm.json` and users beside it in `<realm>-users-0.json`, `-1`, …
//!
//! Files are read twice: [`survey`] takes the configuration of all realms and counts their users, an
//! import ([`super::carry`]) then reads the users one by one. So it does not matter where in a file
//! they are, nor how many.

use std::io::{self, Read};
use std::sync::Arc;

use claviger_wire::document::Json;
use claviger_wire::schema;
use serde_json::Value;

use super::problem::{At, ImportError};
use super::shape::text;
use super::walk::{Found, Wanted, walk};

/// A file that can be read from its beginning, more than once.
pub trait Source: Send + Sync {
    /// Its name, without a folder.
    fn name(&self) -> &str;

    /// Opens it.
    ///
    /// # Errors
    /// If it cannot be read.
    fn open(&self) -> io::Result<Box<dyn Read + Send>>;
}

/// A realm in some files.
#[derive(Clone)]
pub struct RealmFile {
    /// The file with its configuration, for messages.
    pub name: String,
    /// The representation without users.
    pub file: Json,
    /// What the representation has that nobody knows; it is kept.
    pub warnings: Vec<String>,
    /// How many users it has in all files.
    pub people: u64,
    /// Where its users are.
    pub(crate) shelves: Vec<Shelf>,
}

/// A file with users of one realm.
#[derive(Clone)]
pub(crate) struct Shelf {
    pub(crate) source: Arc<dyn Source>,
    /// The place of the realm in the file's list; none if the file is one realm.
    pub(crate) realm: Option<usize>,
}

impl std::fmt::Debug for RealmFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RealmFile")
            .field("name", &self.name)
            .field("people", &self.people)
            .finish_non_exhaustive()
    }
}

impl RealmFile {
    /// The name of the realm; empty if it has none.
    pub fn realm(&self) -> &str {
        text(&self.file, "realm").unwrap_or_default()
    }
}

/// Looks through files: users go to the realm beside which they lie, files of other names hold
/// whole realms, one or a list.
///
/// # Errors
/// If a file cannot be read, is not JSON, is not a realm, or holds users of a realm that is not
/// there. The place begins with the file's name.
pub fn survey(sources: &[Arc<dyn Source>]) -> Result<Vec<RealmFile>, ImportError> {
    let mut realms = Vec::new();
    let mut users = Vec::new();
    for source in sources {
        match users_of(source.name()) {
            Some((realm, number)) => users.push((realm.to_owned(), number, source)),
            None => survey_realms(source, &mut realms)?,
        }
    }
    users.sort_by(|one, two| (&one.0, one.1, one.2.name()).cmp(&(&two.0, two.1, two.2.name())));
    for (realm, _, source) in users {
        survey_users(source, &realm, &mut realms)?;
    }
    Ok(realms)
}

fn survey_realms(source: &Arc<dyn Source>, realms: &mut Vec<RealmFile>) -> Result<(), ImportError> {
    each_realm(source, |position, realm, people| {
        let file_at = At::File(source.name());
        let at = position.map_or(file_at, |position| file_at.index(position));
        let mut realm = known(source.name(), realm, &at)?;
        if people > 0 {
            let source = Arc::clone(source);
            let shelf = Shelf {
                source,
                realm: position,
            };
            realm.shelves.push(shelf);
            realm.people = people;
        }
        realms.push(realm);
        Ok(())
    })
}

fn survey_users(
    source: &Arc<dyn Source>,
    beside: &str,
    realms: &mut [RealmFile],
) -> Result<(), ImportError> {
    each_realm(source, |position, file, people| {
        let file_at = At::File(source.name());
        if position.is_some() {
            return Err(file_at.invalid("a file of users is a JSON object"));
        }
        let named = text(&file, "realm").unwrap_or(beside);
        let Some(home) = realms.iter_mut().find(|home| home.realm() == named) else {
            let problem = format!("there is no file of the realm `{named}` beside it");
            return Err(file_at.invalid(problem));
        };
        home.people = home.people.saturating_add(people);
        home.shelves.push(Shelf {
            source: Arc::clone(source),
            realm: None,
        });
        Ok(())
    })
}

/// Calls for each realm of a file, with its place, itself and the number of its users.
fn each_realm(
    source: &Arc<dyn Source>,
    mut call: impl FnMut(Option<usize>, Json, u64) -> Result<(), ImportError>,
) -> Result<(), ImportError> {
    let reader = open(source.as_ref())?;
    let mut tell = |found| match found {
        Found::Realm {
            position,
            body,
            people,
        } => call(position, body, people),
        Found::User { .. } => Ok(()),
    };
    walk(source.name(), reader, Wanted::Realms, &mut tell)
}

/// Opens a file, or says that it cannot be read.
pub(crate) fn open(source: &dyn Source) -> Result<Box<dyn Read + Send>, ImportError> {
    let at = At::File(source.name());
    let opened = source.open();
    opened.map_err(|error| at.invalid(format!("cannot be read: {error}")))
}

fn known(name: &str, realm: Json, at: &At<'_>) -> Result<RealmFile, ImportError> {
    let checked = schema::check_lenient("RealmRepresentation", Value::Object(realm))
        .map_err(|error| at.key(&error.path).invalid(error.message.clone()))?;
    let warnings = checked.unknown.into_iter();
    let warnings = warnings.map(|path| format!("{}: nobody knows this member", at.key(&path)));
    Ok(RealmFile {
        name: name.to_owned(),
        warnings: warnings.collect(),
        file: checked.body,
        people: 0,
        shelves: Vec::new(),
    })
}

/// The realm and number in `<realm>-users-<number>.json`, or with `-federated-users-`.
fn users_of(name: &str) -> Option<(&str, u64)> {
    let stem = name.strip_suffix(".json")?;
    let (rest, number) = stem.rsplit_once('-')?;
    let number = number.parse().ok()?;
    let realm = rest
        .strip_suffix("-federated-users")
        .or_else(|| rest.strip_suffix("-users"))?;
    Some((realm, number))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use serde_json::json;

    /// A file in memory.
    pub(crate) struct InMemory {
        name: String,
        bytes: Vec<u8>,
    }

    impl Source for InMemory {
        fn name(&self) -> &str {
            &self.name
        }

        fn open(&self) -> io::Result<Box<dyn Read + Send>> {
            Ok(Box::new(io::Cursor::new(self.bytes.clone())))
        }
    }

    pub(crate) fn in_memory(name: &str, bytes: impl Into<Vec<u8>>) -> Arc<dyn Source> {
        let (name, bytes) = (name.to_owned(), bytes.into());
        Arc::new(InMemory { name, bytes })
    }

    #[test]
    fn files_are_read_as_keycloak_lays_them_out() {
        assert_eq!(users_of("shop-users-12.json"), Some(("shop", 12)));
        assert_eq!(
            users_of("my-users-shop-users-0.json"),
            Some(("my-users-shop", 0))
        );
        assert_eq!(users_of("shop-federated-users-1.json"), Some(("shop", 1)));
        assert_eq!(users_of("shop-realm.json"), None);
        assert_eq!(users_of("shop-users-x.json"), None);
    }

    #[test]
    fn a_file_may_hold_several_realms() {
        let read = |text: &[u8]| survey(&[in_memory("all.json", text)]);
        let realms = read(br#"[{"realm":"a"},{"realm":"b","users":[{},{}],"nope":1}]"#).unwrap();
        assert_eq!(realms.len(), 2);
        assert_eq!(realms[1].warnings.len(), 1, "{:?}", realms[1].warnings);
        assert_eq!(realms[1].file["nope"], 1);
        assert_eq!((realms[0].people, realms[1].people), (0, 2));
        assert!(!realms[1].file.contains_key("users"));
        assert!(read(b"[{\"realm\":\"a\"},5]").is_err());
        let error = read(br#"[{"realm":"a"},{"enabled":{}}]"#).unwrap_err();
        assert_eq!(error.path, "all.json: [1].enabled");
    }

    #[test]
    fn users_find_their_realm_in_the_order_of_their_files() {
        let file = |name: &str, value: Value| in_memory(name, value.to_string());
        let users = |count: usize| json!({"realm": "shop", "users": vec![json!({}); count]});
        let folder = [
            file("shop-users-10.json", users(1)),
            file("shop-users-2.json", users(2)),
            file("shop-realm.json", users(4)),
        ];
        let realms = survey(&folder).unwrap();
        let shelves = realms[0].shelves.iter();
        let names: Vec<&str> = shelves.map(|shelf| shelf.source.name()).collect();
        assert_eq!(
            names,
            ["shop-realm.json", "shop-users-2.json", "shop-users-10.json"]
        );
        assert_eq!(realms[0].people, 7);
        let alone = [file("shop-users-0.json", users(0))];
        assert_eq!(survey(&alone).unwrap_err().path, "shop-users-0.json");
    }
}
