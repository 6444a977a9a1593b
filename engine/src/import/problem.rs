//! What is wrong with a realm file, and where.

use std::fmt;

/// Whether a file is wrong in itself or in the way of something else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImportProblem {
    /// It cannot be what somebody wants: a broken reference, a missing name, an unknown value.
    Invalid,
    /// Two things in it, or one in it and one in the store, claim the same name or id.
    Conflict,
}

/// A realm file that is refused as a whole; nothing of it was written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {message}")]
pub struct ImportError {
    /// Where in the file, e.g. `clients[3].redirectUris`; empty for the file itself.
    pub path: String,
    /// What is wrong there.
    pub message: String,
    /// Which kind of wrong.
    pub problem: ImportProblem,
}

impl ImportError {
    /// The same with the name of the file in front of the place.
    #[must_use]
    /// An organization has a member who is no user of the realm.
    pub(crate) fn no_such_member() -> Self {
        let problem = "an organization has a member who is no user of the realm";
        At::Root.key("organizations").invalid(problem)
    }

    pub(crate) fn within(self, file: &str) -> Self {
        let path = if self.path.is_empty() {
            file.to_owned()
        } else {
            format!("{file}: {}", self.path)
        };
        Self { path, ..self }
    }
}

/// A place in the file, built up without allocation while walking down.
#[derive(Clone, Copy)]
pub(crate) enum At<'a> {
    Root,
    File(&'a str),
    /// A place that was written down before.
    Known(&'a str),
    Key(&'a At<'a>, &'a str),
    Index(&'a At<'a>, usize),
}

impl<'a> At<'a> {
    pub(crate) const fn key(&'a self, name: &'a str) -> Self {
        At::Key(self, name)
    }

    pub(crate) const fn index(&'a self, index: usize) -> Self {
        At::Index(self, index)
    }

    pub(crate) fn invalid(&self, message: impl Into<String>) -> ImportError {
        self.error(message.into(), ImportProblem::Invalid)
    }

    pub(crate) fn conflict(&self, message: impl Into<String>) -> ImportError {
        self.error(message.into(), ImportProblem::Conflict)
    }

    fn error(&self, message: String, problem: ImportProblem) -> ImportError {
        ImportError {
            path: self.to_string(),
            message,
            problem,
        }
    }
}

impl fmt::Display for At<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            At::Root => Ok(()),
            At::File(name) | At::Known(name) | At::Key(At::Root, name) => f.write_str(name),
            At::Key(file @ At::File(_), name) => write!(f, "{file}: {name}"),
            At::Index(file @ At::File(_), index) => write!(f, "{file}: [{index}]"),
            At::Key(parent, name) => write!(f, "{parent}.{name}"),
            At::Index(parent, index) => write!(f, "{parent}[{index}]"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_reads_like_a_path() {
        let clients = At::Root.key("clients");
        let fourth = clients.index(3);
        let uris = fourth.key("redirectUris");
        let second = uris.index(1);
        assert_eq!(second.to_string(), "clients[3].redirectUris[1]");
        let error = second.invalid("must be text");
        assert_eq!(
            error.to_string(),
            "clients[3].redirectUris[1]: must be text"
        );
        let file = At::File("shop-realm.json");
        let clients = file.key("clients");
        assert_eq!(clients.index(3).to_string(), "shop-realm.json: clients[3]");
        assert_eq!(file.index(1).to_string(), "shop-realm.json: [1]");
        let same = At::Root.key("clients").index(3).invalid("x");
        assert_eq!(
            same.within("shop-realm.json").path,
            clients.index(3).to_string()
        );
    }
}
