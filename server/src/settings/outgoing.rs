//! Whom the server may call: keys of clients, sector identifiers, and whatever else is configured by an address.

use ipnet::IpNet;

use super::UsageError;
use super::proxy::network;
use super::value::Values;

/// How many networks may be let through.
const MOST: usize = 256;

/// Whom the server may call. Addresses that are nobody's, such as those of a cloud's metadata, are never called.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outgoing {
    /// Whether addresses of private networks and of this machine are refused.
    pub deny_private: bool,
    /// Networks that may be called nevertheless.
    pub allow: Vec<IpNet>,
}

impl Outgoing {
    /// Reads `outgoing-deny-private` and `outgoing-allow`.
    pub(super) fn check(values: &Values<'_>) -> Result<Self, UsageError> {
        let deny_private = values.flag("outgoing-deny-private")?;
        let allow: Vec<IpNet> = values
            .list("outgoing-allow")
            .map(network)
            .collect::<Result<_, _>>()?;
        if allow.len() > MOST {
            let text = format!("outgoing-allow: at most {MOST} networks");
            return Err(UsageError(text));
        }
        if !allow.is_empty() && !deny_private {
            let text = "outgoing-allow has no effect without outgoing-deny-private=true: \
                private networks may be called";
            return Err(UsageError(text.to_owned()));
        }
        Ok(Self {
            deny_private,
            allow,
        })
    }
}
