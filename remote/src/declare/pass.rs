//! One pass over what files say: each object is looked up by its name, and made or changed; in a pass
//! that only looks, what would be done is written down.

use serde_json::{Map, Value};

use super::compare::{Difference, differences, over};
use crate::json::text;
use crate::site::{Site, segment};
use crate::{Failure, failed};

/// An object of a document.
pub type Json = Map<String, Value>;

/// What becomes of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is made.
    Made,
    /// It is changed.
    Changed,
    /// It goes.
    Gone,
}

/// One object that is not as it shall be.
#[derive(Clone, Debug)]
pub struct Change {
    /// What becomes of it.
    pub fate: Fate,
    /// What it is: `client`, `realm role`.
    pub kind: String,
    /// Its name, within what it belongs to.
    pub name: String,
    /// What differs.
    pub lines: Vec<Difference>,
}

/// Whether anything is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Nothing is.
    Look,
    /// Everything is.
    Write,
}

/// What a pass has to do with, and what it found.
pub struct Pass<'a> {
    /// The server and the realm.
    pub site: &'a Site<'a>,
    /// Whether anything is written.
    pub mode: Mode,
    /// Whether what lists leave out goes.
    pub prune: bool,
    /// What was found to differ, in order.
    pub changes: Vec<Change>,
    /// What the files say and nobody compares.
    pub notes: Vec<String>,
}

/// A list of objects of the server: where they are, and what names them.
pub struct Kind {
    /// What one is called.
    pub label: &'static str,
    /// Where they are made.
    pub place: String,
    /// What names one.
    pub key: &'static str,
    /// What names one in addresses.
    pub address: &'static str,
    /// Where all of them are listed, with all that they have.
    pub list: String,
}

impl Kind {
    /// Objects whose addresses are below the place where they are made.
    pub fn new(label: &'static str, place: &str, key: &'static str, address: &'static str) -> Self {
        Self {
            label,
            place: place.to_owned(),
            key,
            address,
            list: place.to_owned(),
        }
    }

    /// The same, listed in another way.
    pub fn listed(mut self, list: &str) -> Self {
        list.clone_into(&mut self.list);
        self
    }

    /// Where an object is.
    pub fn of(&self, found: &Json) -> String {
        let address = text(found, self.address).unwrap_or_default();
        format!("{}/{}", self.place, segment(address))
    }
}

/// What came of one object.
pub struct Met {
    /// As the server has it now; none if it is not there, be it that it is not made in this pass.
    pub found: Option<Json>,
    /// Whether it was not there before.
    pub new: bool,
}

impl Met {
    /// A text of what the server has.
    pub fn text(&self, name: &str) -> Option<&str> {
        text(self.found.as_ref()?, name)
    }
}

/// Whether an item says that it shall not be there.
pub fn absent(item: &Json) -> bool {
    text(item, "$state") == Some("absent")
}

/// The objects that a document lists under a name; none if it does not name it.
pub fn listed(document: &Json, name: &str) -> Result<Option<Vec<Json>>, Failure> {
    match document.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Array(items)) => items
            .iter()
            .map(|item| item.as_object().cloned())
            .collect::<Option<Vec<_>>>()
            .map(Some)
            .ok_or_else(|| Failure::Failed(format!("{name}: a list of objects is wanted"))),
        Some(_) => failed(format!("{name}: a list of objects is wanted")),
    }
}

/// The texts that a document lists under a name; none if it does not name it.
pub fn texts(document: &Json, name: &str) -> Result<Option<Vec<String>>, Failure> {
    match document.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Array(items)) => items
            .iter()
            .map(|item| item.as_str().map(str::to_owned))
            .collect::<Option<Vec<_>>>()
            .map(Some)
            .ok_or_else(|| Failure::Failed(format!("{name}: a list of texts is wanted"))),
        Some(_) => failed(format!("{name}: a list of texts is wanted")),
    }
}

/// An object without members that are told elsewhere, or that only this server can know.
pub fn without(item: &Json, names: &[&str]) -> Json {
    let own = ["id", "internalId", "containerId", "access", "$state"];
    let kept = |name: &&String| !own.contains(&name.as_str()) && !names.contains(&name.as_str());
    let mut result = Json::new();
    for (name, value) in item.iter().filter(|(name, _)| kept(name)) {
        result.insert(name.clone(), value.clone());
    }
    result
}

impl Pass<'_> {
    /// The name of an item, which it must have.
    pub fn name<'b>(label: &str, item: &'b Json, key: &str) -> Result<&'b str, Failure> {
        match text(item, key) {
            Some(name) if !name.is_empty() => Ok(name),
            _ => failed(format!("{label}: one has no '{key}'")),
        }
    }

    /// Writes down what differs; of an object that is there already, with what was told of it before.
    pub fn tell(&mut self, fate: Fate, kind: &str, name: &str, lines: Vec<Difference>) {
        let same = |known: &&mut Change| {
            known.kind == kind && known.name == name && known.fate != Fate::Gone
        };
        if fate == Fate::Changed
            && let Some(known) = self.changes.iter_mut().find(same)
        {
            known.lines.extend(lines);
            return;
        }
        self.changes.push(Change {
            fate,
            kind: kind.to_owned(),
            name: name.to_owned(),
            lines,
        });
    }

    /// Sends, if anything is sent. The failure names the object.
    pub fn send(
        &self,
        (label, name): (&str, &str),
        method: &'static str,
        place: &str,
        body: &Value,
    ) -> Result<(), Failure> {
        if self.mode == Mode::Look {
            return Ok(());
        }
        let sent = self.site.send(method, place, body);
        sent.map(drop)
            .map_err(|failure| Failure::Failed(format!("{label} '{name}': {failure}")))
    }

    /// Makes, changes or removes one object: `found` is what the server has, `fields` what the file
    /// says beside what is told elsewhere, `whole` what is sent if the object is new.
    pub fn object(
        &mut self,
        kind: &Kind,
        shown: &str,
        found: Option<Json>,
        (fields, whole): (&Json, &Json),
    ) -> Result<Met, Failure> {
        let subject = (kind.label, shown);
        let Some(found) = found else {
            if absent(whole) {
                return Ok(Met {
                    found: None,
                    new: false,
                });
            }
            let lines = differences("", &without(whole, &[kind.key]), &Json::new());
            self.tell(Fate::Made, kind.label, shown, lines);
            let made = without(whole, &[]);
            self.send(subject, "POST", &kind.place, &Value::Object(made))?;
            return Ok(Met {
                found: None,
                new: true,
            });
        };
        if absent(whole) {
            self.remove(kind, shown, &found)?;
            return Ok(Met {
                found: None,
                new: false,
            });
        }
        let lines = differences("", fields, &found);
        if !lines.is_empty() {
            self.tell(Fate::Changed, kind.label, shown, lines);
            let body = Value::Object(over(&found, fields));
            self.send(subject, "PUT", &kind.of(&found), &body)?;
        }
        Ok(Met {
            found: Some(found),
            new: false,
        })
    }

    /// Removes an object.
    pub fn remove(&mut self, kind: &Kind, shown: &str, found: &Json) -> Result<(), Failure> {
        self.tell(Fate::Gone, kind.label, shown, Vec::new());
        self.send((kind.label, shown), "DELETE", &kind.of(found), &Value::Null)
    }

    /// A whole list that the server gives at once: what is there by name. Items of `inner` members are
    /// told elsewhere. Gives each item with what the server has of it now.
    pub fn list(
        &mut self,
        kind: &Kind,
        owner: &str,
        wanted: &[Json],
        inner: &[&str],
        protected: &dyn Fn(&Json) -> bool,
    ) -> Result<Vec<(Json, Met)>, Failure> {
        if wanted.is_empty() && !self.prune {
            return Ok(Vec::new());
        }
        let mut found = self.all(&kind.list)?;
        let mut met = Vec::new();
        for item in wanted {
            let name = Self::name(kind.label, item, kind.key)?;
            let shown = format!("{owner}{name}");
            let there = found
                .iter()
                .find(|other| text(other, kind.key) == Some(name));
            let fields = without(item, inner);
            let mut one = self.object(kind, &shown, there.cloned(), (&fields, item))?;
            if one.new && self.mode == Mode::Write {
                found = self.all(&kind.list)?;
                one.found = found
                    .iter()
                    .find(|other| text(other, kind.key) == Some(name))
                    .cloned();
            }
            met.push((item.clone(), one));
        }
        if self.prune {
            for other in &found {
                let name = text(other, kind.key).unwrap_or_default();
                let named = wanted.iter().any(|item| text(item, kind.key) == Some(name));
                if !named && !protected(other) {
                    self.remove(kind, &format!("{owner}{name}"), other)?;
                }
            }
        }
        Ok(met)
    }

    /// What a place lists; nothing if the realm is not there yet.
    pub fn all(&self, place: &str) -> Result<Vec<Json>, Failure> {
        match self.site.find(place)? {
            Some(Value::Array(items)) => {
                Ok(items.into_iter().filter_map(crate::site::object).collect())
            }
            None if self.mode == Mode::Look => Ok(Vec::new()),
            _ => failed(format!("{} is no list", self.site.url(place))),
        }
    }

    /// References to other objects: those that are missing are added, and others go with `--prune`.
    /// Gives what to add and what to remove.
    pub fn references(
        &mut self,
        (kind, name): (&str, &str),
        path: &str,
        wanted: &[String],
        found: &[String],
    ) -> (Vec<String>, Vec<String>) {
        let missing = |one: &&String| !found.contains(one);
        let add: Vec<String> = wanted.iter().filter(missing).cloned().collect();
        let extra = |one: &&String| self.prune && !wanted.contains(one);
        let remove: Vec<String> = found.iter().filter(extra).cloned().collect();
        let line = |before: Option<&String>, after: Option<&String>| Difference {
            path: path.to_owned(),
            before: before.cloned().map(Value::String),
            after: after.cloned().map(Value::String),
        };
        let added = add.iter().map(|one| line(None, Some(one)));
        let lines: Vec<_> = added
            .chain(remove.iter().map(|one| line(Some(one), None)))
            .collect();
        if !lines.is_empty() {
            self.tell(Fate::Changed, kind, name, lines);
        }
        (add, remove)
    }
}
