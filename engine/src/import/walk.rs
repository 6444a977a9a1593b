//! Reads a realm file as a stream: its users one by one, the rest as a whole.
//!
//! However long a file is, only one user of it is in memory at a time. What is bounded is the
//! configuration, each user, and the depth of the JSON.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::io::{self, BufRead, BufReader, Read};
use std::rc::Rc;

use claviger_wire::document::Json;
use serde::Deserializer;
use serde::de::{DeserializeSeed, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use super::problem::{At, ImportError};

/// Most bytes of configuration in one file.
const MAX_CONFIGURATION_BYTES: u64 = 512 << 20;
/// Most bytes of one user.
const MAX_USER_BYTES: u64 = 16 << 20;
/// Most realms in one file.
const MAX_REALMS: usize = 10_000;
/// How much is read at a time.
const BUFFER_BYTES: usize = 64 << 10;

/// A list of users in a realm file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum People {
    /// Users of the realm itself.
    Users,
    /// What is known of users of other stores.
    FederatedUsers,
}

impl People {
    /// The member of the realm.
    pub(crate) const fn member(self) -> &'static str {
        match self {
            Self::Users => "users",
            Self::FederatedUsers => "federatedUsers",
        }
    }

    fn of(member: &str) -> Option<Self> {
        match member {
            "users" => Some(Self::Users),
            "federatedUsers" => Some(Self::FederatedUsers),
            _ => None,
        }
    }
}

/// What is found in a file.
pub(crate) enum Found {
    /// A realm without its users.
    Realm {
        /// Its place in the file's list; none if the file is this one realm.
        position: Option<usize>,
        /// Everything but users.
        body: Json,
        /// How many users it has, those of other stores among them.
        people: u64,
    },
    /// A user.
    User {
        /// The place of the realm in the file's list.
        realm: Option<usize>,
        /// The list of the realm.
        list: People,
        /// The place in it.
        index: usize,
        /// The representation.
        body: Value,
    },
}

/// What somebody wants of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// Realms, their users counted.
    Realms,
    /// Users, the rest passed over.
    Users,
}

/// Reads a file from its beginning and tells what is found in it.
///
/// # Errors
/// If it cannot be read or is not JSON, with the line and the column, and the user within which it
/// is; or the error of `tell`.
pub(crate) fn walk(
    file: &str,
    reader: impl Read,
    wanted: Wanted,
    tell: &mut dyn FnMut(Found) -> Result<(), ImportError>,
) -> Result<(), ImportError> {
    let file_at = At::File(file);
    let budget = Rc::new(Cell::new(MAX_CONFIGURATION_BYTES));
    let metered = Metered {
        inner: reader,
        budget: Rc::clone(&budget),
    };
    let mut buffered = BufReader::with_capacity(BUFFER_BYTES, metered);
    skip_mark(&mut buffered).map_err(|error| unreadable(&file_at, &error))?;
    let walker = Walker {
        wanted,
        budget,
        within: Cell::new(None),
        refused: RefCell::new(None),
        tell: RefCell::new(tell),
    };
    let mut json = serde_json::Deserializer::from_reader(buffered);
    let read = Top(&walker).deserialize(&mut json);
    let read = read.and_then(|()| json.end());
    let refused = walker.refused.take();
    match (read, refused) {
        (_, Some(error)) => Err(error),
        (Ok(()), None) => Ok(()),
        (Err(error), None) => Err(walker.broken(&file_at, &error)),
    }
}

fn unreadable(at: &At<'_>, error: &io::Error) -> ImportError {
    at.invalid(format!("cannot be read: {error}"))
}

/// A mark of UTF-8 is passed over; marks of UTF-16 are refused, for all that follows would be a
/// riddle.
fn skip_mark(reader: &mut impl BufRead) -> io::Result<()> {
    let head = reader.fill_buf()?;
    if head.starts_with(b"\xEF\xBB\xBF") {
        reader.consume(3);
    } else if head.starts_with(b"\xFF\xFE") || head.starts_with(b"\xFE\xFF") {
        return Err(io::Error::other("it is UTF-16, and has to be UTF-8"));
    }
    Ok(())
}

/// Counts what is read against what is left, so that nothing endless is taken into memory.
struct Metered<R> {
    inner: R,
    budget: Rc<Cell<u64>>,
}

impl<R: Read> Read for Metered<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        let bytes = u64::try_from(count).unwrap_or(u64::MAX);
        let Some(left) = self.budget.get().checked_sub(bytes) else {
            let (configuration, user) = (MAX_CONFIGURATION_BYTES >> 20, MAX_USER_BYTES >> 20);
            return Err(io::Error::other(format!(
                "longer than {configuration} MiB without its users, or a user than {user} MiB"
            )));
        };
        self.budget.set(left);
        Ok(count)
    }
}

/// Where the walk is, and who is told.
struct Walker<'t> {
    wanted: Wanted,
    budget: Rc<Cell<u64>>,
    within: Cell<Option<(Option<usize>, People, usize)>>,
    refused: RefCell<Option<ImportError>>,
    tell: RefCell<&'t mut dyn FnMut(Found) -> Result<(), ImportError>>,
}

impl Walker<'_> {
    /// Tells what was found; a refusal ends the walk.
    fn tell<E: serde::de::Error>(&self, found: Found) -> Result<(), E> {
        (self.tell.borrow_mut())(found).map_err(|error| {
            *self.refused.borrow_mut() = Some(error);
            E::custom("refused")
        })
    }

    fn broken(&self, file: &At<'_>, error: &serde_json::Error) -> ImportError {
        let text = match error.classify() {
            serde_json::error::Category::Io => format!("cannot be read: {error}"),
            serde_json::error::Category::Data => error.to_string(),
            serde_json::error::Category::Syntax | serde_json::error::Category::Eof => {
                format!("not JSON: {error}")
            }
        };
        match self.within.get() {
            Some((realm, list, index)) => {
                let path = place(file, realm, list, index);
                At::Known(&path).invalid(text)
            }
            None => file.invalid(text),
        }
    }
}

/// Where a user is, e.g. `shop-users-3.json: users[17]`.
pub(crate) fn place(file: &At<'_>, realm: Option<usize>, list: People, index: usize) -> String {
    match realm {
        Some(position) => {
            let realm = file.index(position);
            let list = realm.key(list.member());
            list.index(index).to_string()
        }
        None => file.key(list.member()).index(index).to_string(),
    }
}

/// A realm, or a list of realms.
struct Top<'w, 't>(&'w Walker<'t>);

impl<'de> DeserializeSeed<'de> for Top<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Top<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a realm or a list of realms")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        RealmSeed(self.0, None).visit_map(map)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let mut position = 0;
        while list
            .next_element_seed(RealmSeed(self.0, Some(position)))?
            .is_some()
        {
            position += 1;
            if position > MAX_REALMS {
                return Err(A::Error::custom(format!(
                    "a file has at most {MAX_REALMS} realms"
                )));
            }
        }
        Ok(())
    }
}

/// One realm.
struct RealmSeed<'w, 't>(&'w Walker<'t>, Option<usize>);

impl<'de> DeserializeSeed<'de> for RealmSeed<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for RealmSeed<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a realm")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Self(walker, position) = self;
        let (mut body, mut people) = (Json::new(), 0_u64);
        while let Some(name) = map.next_key::<String>()? {
            if let Some(list) = People::of(&name) {
                let found = map.next_value_seed(UsersSeed(walker, position, list))?;
                people = people.saturating_add(found);
            } else if walker.wanted == Wanted::Users {
                map.next_value::<IgnoredAny>()?;
            } else if body.contains_key(&name) {
                // Of two parsers one may take the first and one the last.
                return Err(A::Error::custom(format!("the realm has `{name}` twice")));
            } else {
                body.insert(name, map.next_value()?);
            }
        }
        if walker.wanted == Wanted::Users {
            return Ok(());
        }
        walker.tell(Found::Realm {
            position,
            body,
            people,
        })
    }
}

/// A list of users of a realm.
struct UsersSeed<'w, 't>(&'w Walker<'t>, Option<usize>, People);

impl<'de> DeserializeSeed<'de> for UsersSeed<'_, '_> {
    type Value = u64;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<u64, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for UsersSeed<'_, '_> {
    type Value = u64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of users")
    }

    fn visit_unit<E>(self) -> Result<u64, E> {
        Ok(0)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<u64, A::Error> {
        let Self(walker, realm, kind) = self;
        let rest = walker.budget.get();
        let mut index = 0;
        loop {
            walker.within.set(Some((realm, kind, index)));
            walker.budget.set(MAX_USER_BYTES);
            let more = match walker.wanted {
                Wanted::Realms => list.next_element::<IgnoredAny>()?.is_some(),
                Wanted::Users => match list.next_element()? {
                    Some(body) => {
                        walker.tell(Found::User {
                            realm,
                            list: kind,
                            index,
                            body,
                        })?;
                        true
                    }
                    None => false,
                },
            };
            if !more {
                break;
            }
            index += 1;
        }
        walker.within.set(None);
        walker.budget.set(rest);
        Ok(u64::try_from(index).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests;
