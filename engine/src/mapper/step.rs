//! A mapper with its settings read: for each version of its realm once, instead of for each token.

use std::borrow::Cow;
use std::ops::Deref;

use claviger_wire::mapper::ProtocolMapper;

use super::Target;
use super::claim::path;
use super::kind::{self, Kind};

/// A mapper, ready to be applied.
#[derive(Debug)]
pub struct Mapper {
    settings: ProtocolMapper,
    /// None: a script, or nothing that we know.
    pub(super) kind: Option<Kind>,
    /// The targets that it serves, as bits.
    targets: u8,
    /// The attribute, property or note that it tells.
    pub(super) source: Option<Box<str>>,
    /// Whether it tells the values of all groups, instead of the nearest.
    pub(super) aggregates: bool,
    /// Where it puts what it tells.
    pub(super) spot: Option<Spot>,
}

/// `claim.name` with what goes with it.
#[derive(Debug)]
pub(super) struct Spot {
    /// Names from the outermost object inwards.
    pub(super) path: Vec<Cow<'static, str>>,
    /// `jsonType.label`.
    pub(super) label: Option<Box<str>>,
    /// `multivalued`.
    pub(super) multivalued: bool,
}

impl Deref for Mapper {
    type Target = ProtocolMapper;

    fn deref(&self) -> &ProtocolMapper {
        &self.settings
    }
}

impl Mapper {
    /// Reads the settings.
    pub fn new(settings: ProtocolMapper) -> Self {
        let kind = Kind::named(&settings.protocol_mapper);
        let serves = |target| match kind {
            Some(kind) => kind.serves(target, &settings),
            None => kind::is_switched_on(target, &settings),
        };
        let chosen = Target::ALL.into_iter().filter(|target| serves(*target));
        let targets = chosen.fold(0, |bits, target| bits | target.bit());
        let source = settings.config(match kind {
            Some(Kind::SessionNote) => "user.session.note",
            _ => "user.attribute",
        });
        let spot = settings.config("claim.name").map(|name| Spot {
            path: path(name)
                .into_iter()
                .map(|part| Cow::Owned(part.into_owned()))
                .collect(),
            label: settings.config("jsonType.label").map(Into::into),
            multivalued: settings.is_set("multivalued"),
        });
        Self {
            kind,
            targets,
            source: source.map(Into::into),
            aggregates: settings
                .config("aggregate.attrs")
                .is_some_and(|text| text.eq_ignore_ascii_case("true")),
            spot,
            settings,
        }
    }

    /// Whether it has anything to do for a target.
    pub(super) const fn serves(&self, target: Target) -> bool {
        self.targets & target.bit() != 0
    }

    /// Where it stands in the order of application, lowest first: `sub` so that others may replace
    /// it; whatever reads no roles; renaming, then adding of roles; then what reads them.
    pub fn priority(&self) -> u32 {
        self.kind.map_or(kind::UNKNOWN_LAST, Kind::priority)
    }
}
