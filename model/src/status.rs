//! Token Status List: where the status of a token stands.

/// A place in one of a realm's status lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StatusIndex {
    /// Number of the list, from 0.
    pub list: i32,
    /// Place in the list, from 0: `idx` of a token's status.
    pub index: i32,
}
