//! Which addresses may be called: the defence against server-side request forgery (OWASP API7;
//! RFC 8414 §6.2 asks for it where others name our targets).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// Ranges that nobody needs and attackers want: never called, whatever the settings say.
const NEVER_V4: [Ipv4Net; 7] = [
    v4(0, 0, 0, 0, 8), // "this network" (RFC 791 §3.2); 0.0.0.0 reaches this machine
    v4(169, 254, 0, 0, 16), // link-local (RFC 3927), the clouds' metadata services
    v4(192, 0, 0, 192, 32), // a cloud's metadata service
    v4(100, 100, 100, 200, 32), // another cloud's
    v4(224, 0, 0, 0, 4), // multicast (RFC 5771)
    v4(240, 0, 0, 0, 4), // reserved (RFC 1112 §4), with the broadcast address
    v4(192, 88, 99, 0, 24), // 6to4 relays (RFC 7526)
];

/// Ranges inside an organisation: called unless `deny_private` is set.
const PRIVATE_V4: [Ipv4Net; 10] = [
    v4(10, 0, 0, 0, 8),      // RFC 1918
    v4(172, 16, 0, 0, 12),   // RFC 1918
    v4(192, 168, 0, 0, 16),  // RFC 1918
    v4(127, 0, 0, 0, 8),     // loopback
    v4(100, 64, 0, 0, 10),   // shared by carriers (RFC 6598)
    v4(192, 0, 0, 0, 24),    // protocol assignments (RFC 6890)
    v4(198, 18, 0, 0, 15),   // benchmarks (RFC 2544)
    v4(192, 0, 2, 0, 24),    // documentation (RFC 5737)
    v4(198, 51, 100, 0, 24), // documentation (RFC 5737)
    v4(203, 0, 113, 0, 24),  // documentation (RFC 5737)
];

const NEVER_V6: [Ipv6Net; 4] = [
    v6([0, 0, 0, 0, 0, 0, 0, 0], 128),               // unspecified
    v6([0xfe80, 0, 0, 0, 0, 0, 0, 0], 10),           // link-local (RFC 4291 §2.5.6)
    v6([0xff00, 0, 0, 0, 0, 0, 0, 0], 8),            // multicast (RFC 4291 §2.7)
    v6([0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x254], 128), // a cloud's metadata service
];

const PRIVATE_V6: [Ipv6Net; 11] = [
    v6([0, 0, 0, 0, 0, 0, 0, 1], 128),         // loopback
    v6([0xfc00, 0, 0, 0, 0, 0, 0, 0], 7),      // unique local (RFC 4193)
    v6([0xfec0, 0, 0, 0, 0, 0, 0, 0], 10),     // site-local, deprecated (RFC 3879)
    v6([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], 32), // documentation (RFC 3849)
    v6([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20),     // documentation (RFC 9637)
    v6([0x100, 0, 0, 0, 0, 0, 0, 0], 64),      // discard-only (RFC 6666)
    v6([0x100, 0, 0, 1, 0, 0, 0, 0], 64),      // dummy prefix (RFC 9780)
    v6([0x2001, 2, 0, 0, 0, 0, 0, 0], 48),     // benchmarks (RFC 5180)
    v6([0x2001, 0x10, 0, 0, 0, 0, 0, 0], 28),  // ORCHID, deprecated (RFC 4843)
    v6([0x2001, 0x20, 0, 0, 0, 0, 0, 0], 28),  // ORCHIDv2 (RFC 7343)
    v6([0x5f00, 0, 0, 0, 0, 0, 0, 0], 16),     // segment routing (RFC 9602)
];

const fn v4(a: u8, b: u8, c: u8, d: u8, prefix: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), prefix)
}

const fn v6(segments: [u16; 8], prefix: u8) -> Ipv6Net {
    let mut bits = 0_u128;
    let mut rest: &[u16] = &segments;
    while let [segment, after @ ..] = rest {
        bits = (bits << 16) | (*segment as u128);
        rest = after;
    }
    Ipv6Net::new_assert(Ipv6Addr::from_bits(bits), prefix)
}

/// Why an address may not be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressRefusal {
    /// Link-local, metadata, multicast, unspecified, reserved.
    #[error("{0} is in a range that is never called")]
    Never(IpAddr),
    /// Private or loopback, while those are denied.
    #[error("{0} is a private address")]
    Private(IpAddr),
}

/// The rule. The default is for networks where identity providers and clients sit beside the
/// server: private addresses may be called.
#[derive(Clone, Debug, Default)]
pub struct AddressPolicy {
    /// Refuse private and loopback addresses.
    pub deny_private: bool,
    /// Ranges that may be called although private ones are denied. They do not open what is never
    /// called.
    pub allow: Vec<IpNet>,
}

impl AddressPolicy {
    /// Whether `address` may be connected to.
    pub fn check(&self, address: IpAddr) -> Result<(), AddressRefusal> {
        // An address that carries another one stands for it, or ::ffff:169.254.169.254 gets by.
        for address in [Some(address), embedded(address)].into_iter().flatten() {
            if is_in(address, &NEVER_V4, &NEVER_V6) {
                return Err(AddressRefusal::Never(address));
            }
            if self.deny_private
                && is_in(address, &PRIVATE_V4, &PRIVATE_V6)
                && !self.allow.iter().any(|range| range.contains(&address))
            {
                return Err(AddressRefusal::Private(address));
            }
        }
        Ok(())
    }
}

fn is_in(address: IpAddr, v4: &[Ipv4Net], v6: &[Ipv6Net]) -> bool {
    match address {
        IpAddr::V4(address) => v4.iter().any(|range| range.contains(&address)),
        IpAddr::V6(address) => v6.iter().any(|range| range.contains(&address)),
    }
}

/// The IPv4 address inside an IPv6 one: mapped and compatible (RFC 4291 §2.5.5), NAT64 (RFC 6052,
/// RFC 8215), 6to4 (RFC 3056 §2), Teredo (RFC 4380 §4; written inverted).
fn embedded(address: IpAddr) -> Option<IpAddr> {
    let IpAddr::V6(address) = address else {
        return None;
    };
    let of = |high: u16, low: u16| {
        Some(IpAddr::V4(Ipv4Addr::from(
            (u32::from(high) << 16) | u32::from(low),
        )))
    };
    match address.segments() {
        // ::1 and :: are no compatible addresses.
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => None,
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low] | [0, 0, 0, 0, 0xffff, 0, high, low] => {
            of(high, low)
        }
        [0x64, 0xff9b, 0 | 1, _, _, _, high, low] | [0x2002, high, low, ..] => of(high, low),
        [0x2001, 0, _, _, _, _, high, low] => of(!high, !low),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(policy: &AddressPolicy, address: &str) -> &'static str {
        match policy.check(address.parse().unwrap()) {
            Ok(()) => "ok",
            Err(AddressRefusal::Never(_)) => "never",
            Err(AddressRefusal::Private(_)) => "private",
        }
    }

    #[test]
    fn ranges() {
        let open = AddressPolicy::default();
        let closed = AddressPolicy {
            deny_private: true,
            allow: Vec::new(),
        };
        for (address, when_open, when_closed) in [
            ("93.184.216.34", "ok", "ok"),
            ("2606:2800:220:1::1", "ok", "ok"),
            ("127.0.0.1", "ok", "private"),
            ("127.255.255.254", "ok", "private"),
            ("::1", "ok", "private"),
            ("10.0.0.1", "ok", "private"),
            ("172.15.255.255", "ok", "ok"),
            ("172.16.0.1", "ok", "private"),
            ("172.31.255.255", "ok", "private"),
            ("172.32.0.0", "ok", "ok"),
            ("192.168.1.1", "ok", "private"),
            ("100.64.0.1", "ok", "private"),
            ("fd12::1", "ok", "private"),
            ("fec0::1", "ok", "private"),
            ("0.0.0.0", "never", "never"),
            ("0.1.2.3", "never", "never"),
            ("::", "never", "never"),
            ("169.254.169.254", "never", "never"),
            ("100.100.100.200", "never", "never"),
            ("fd00:ec2::254", "never", "never"),
            ("fe80::1", "never", "never"),
            ("febf::1", "never", "never"),
            ("224.0.0.1", "never", "never"),
            ("ff02::1", "never", "never"),
            ("255.255.255.255", "never", "never"),
            ("240.0.0.1", "never", "never"),
            // The same behind a mask.
            ("::ffff:169.254.169.254", "never", "never"),
            ("::ffff:0:169.254.169.254", "never", "never"),
            ("::169.254.169.254", "never", "never"),
            ("64:ff9b::169.254.169.254", "never", "never"),
            ("64:ff9b:1::169.254.169.254", "never", "never"),
            ("2002:a9fe:a9fe::1", "never", "never"),
            ("2001:0:0:0:0:0:5601:5601", "never", "never"),
            ("::ffff:127.0.0.1", "ok", "private"),
            ("::ffff:8.8.8.8", "ok", "ok"),
        ] {
            assert_eq!(check(&open, address), when_open, "{address}");
            assert_eq!(check(&closed, address), when_closed, "{address}");
        }
    }

    /// IANA's registries of special-purpose addresses: what they do not call globally reachable is
    /// reached by nobody who denies private addresses.
    #[test]
    fn no_special_purpose_address_passes_where_private_ones_are_denied() {
        let closed = AddressPolicy {
            deny_private: true,
            allow: Vec::new(),
        };
        for network in [
            "0.0.0.0/8",
            "10.0.0.0/8",
            "100.64.0.0/10",
            "127.0.0.0/8",
            "169.254.0.0/16",
            "172.16.0.0/12",
            "192.0.0.0/24",
            "192.0.2.0/24",
            "192.88.99.0/24",
            "192.168.0.0/16",
            "198.18.0.0/15",
            "198.51.100.0/24",
            "203.0.113.0/24",
            "224.0.0.0/4",
            "240.0.0.0/4",
            "255.255.255.255/32",
            "::/128",
            "::1/128",
            "100::/64",
            "100:0:0:1::/64",
            "2001:2::/48",
            "2001:10::/28",
            "2001:20::/28",
            "2001:db8::/32",
            "3fff::/20",
            "5f00::/16",
            "fc00::/7",
            "fe80::/10",
            "fec0::/10",
            "ff00::/8",
        ] {
            let network: IpNet = network.parse().unwrap();
            for address in [network.network(), network.broadcast()] {
                assert!(closed.check(address).is_err(), "{address} of {network}");
            }
        }
        // What carries an IPv4 address is what it carries.
        for form in [
            "::ffff:10.0.0.1",
            "::10.0.0.1",
            "64:ff9b::10.0.0.1",
            "64:ff9b:1::10.0.0.1",
            "2002:a00:1::",
            "2001::f5ff:fffe",
        ] {
            assert_eq!(check(&closed, form), "private", "{form}");
        }
        for neighbour in [
            "9.255.255.255",
            "11.0.0.0",
            "198.51.99.255",
            "203.0.114.0",
            "4000::",
        ] {
            assert_eq!(check(&closed, neighbour), "ok", "{neighbour}");
        }
    }

    #[test]
    fn exceptions_open_private_ranges_alone() {
        let policy = AddressPolicy {
            deny_private: true,
            allow: vec![
                "10.1.0.0/16".parse().unwrap(),
                "169.254.0.0/16".parse().unwrap(),
            ],
        };
        assert_eq!(check(&policy, "10.1.2.3"), "ok");
        assert_eq!(check(&policy, "10.2.2.3"), "private");
        assert_eq!(check(&policy, "::ffff:10.1.2.3"), "ok");
        assert_eq!(check(&policy, "169.254.169.254"), "never");
    }
}
