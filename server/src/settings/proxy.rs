//! Whom to believe about the caller's address, scheme and host.

use std::net::IpAddr;

use ipnet::IpNet;

use super::value::Values;
use super::{Notices, UsageError};

/// How many networks may be trusted.
const MOST: usize = 256;

/// Which headers a proxy sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Headers {
    /// `Forwarded` (RFC 7239).
    Forwarded,
    /// `X-Forwarded-For`, `-Proto`, `-Host`, `-Port`, `-Prefix`.
    XForwarded,
}

/// A proxy in front of the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proxy {
    /// Which headers it sets.
    pub headers: Headers,
    /// From where its requests come; empty: everybody is believed.
    trusted: Vec<IpNet>,
}

impl Proxy {
    /// A proxy that sets these headers, at these addresses.
    #[cfg(test)]
    pub fn new(headers: Headers, trusted: Vec<IpNet>) -> Self {
        Self { headers, trusted }
    }

    /// Reads `proxy-headers` and `proxy-trusted-addresses`.
    pub(super) fn check(
        values: &Values<'_>,
        notices: &mut Notices,
    ) -> Result<Option<Self>, UsageError> {
        let trusted: Vec<IpNet> = values
            .list("proxy-trusted-addresses")
            .map(network)
            .collect::<Result<_, _>>()?;
        if trusted.len() > MOST {
            return Err(UsageError(format!(
                "proxy-trusted-addresses: at most {MOST} networks"
            )));
        }
        let headers = match values.text("proxy-headers") {
            Some("forwarded") => Headers::Forwarded,
            Some(_) => Headers::XForwarded,
            None => {
                if !trusted.is_empty() {
                    notices.warn(
                        "proxy-trusted-addresses has no effect without proxy-headers".to_owned(),
                    );
                }
                return Ok(None);
            }
        };
        Ok(Some(Self { headers, trusted }))
    }

    /// Whether what comes from this address is believed.
    pub fn trusts(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.trusted.is_empty() || self.trusted.iter().any(|net| net.contains(&address))
    }
}

/// A network, or one address.
pub(super) fn network(text: &str) -> Result<IpNet, UsageError> {
    let address = || text.parse::<IpAddr>().map(IpNet::from);
    text.parse::<IpNet>().or_else(|_| address()).map_err(|_| {
        UsageError(format!(
            "{text} is not a valid IP address (IPv4 or IPv6) nor valid CIDR notation."
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_and_addresses_are_trusted() {
        let trusted = ["10.0.0.0/8", "192.168.1.7", "fd00::/8"].map(|text| network(text).unwrap());
        let proxy = Proxy::new(Headers::XForwarded, trusted.to_vec());
        for address in ["10.1.2.3", "192.168.1.7", "fd00::1", "::ffff:10.1.2.3"] {
            assert!(proxy.trusts(address.parse().unwrap()), "{address}");
        }
        for address in ["11.0.0.1", "192.168.1.8", "fe80::1"] {
            assert!(!proxy.trusts(address.parse().unwrap()), "{address}");
        }
        assert!(network("proxy.example").is_err());
        assert!(network("10.0.0.0/33").is_err());
    }

    #[test]
    fn without_a_list_everybody_is_trusted() {
        let proxy = Proxy::new(Headers::Forwarded, Vec::new());
        assert!(proxy.trusts("203.0.113.9".parse().unwrap()));
    }
}
