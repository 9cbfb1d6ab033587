//! The address of the client of a request, and the network that it counts as in limits per address.

use std::fmt::{self, Display, Formatter};
use std::net::{IpAddr, Ipv4Addr};

use axum::http::{HeaderMap, HeaderName};

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// `None` if it is unknown. An IPv4 address is never in its IPv6 notation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientAddress(Option<IpAddr>);

impl ClientAddress {
    pub fn new(address: Option<IpAddr>) -> Self {
        // A dual-stack socket reports IPv4 clients as `::ffff:a.b.c.d` (RFC 4291 §2.5.5.2).
        Self(address.map(|address| address.to_canonical()))
    }

    /// Returns the peer if there are no trusted proxies, or if the entry of the outermost one is not an address.
    pub fn resolve(headers: &HeaderMap, peer: IpAddr, hops: usize) -> Self {
        let entries = headers.get_all(&FORWARDED_FOR).iter().filter_map(|header| header.to_str().ok());
        let entries: Vec<&str> = entries.flat_map(|header| header.split(',')).map(str::trim).collect();
        // Each proxy appends its own peer, so the outermost trusted proxy wrote the `hops`-th entry from the right. The
        // client may have invented all entries to the left of it.
        let trusted = hops.checked_sub(1).and_then(|inner| entries.iter().rev().nth(inner));
        Self::new(Some(trusted.and_then(|entry| entry.parse().ok()).unwrap_or(peer)))
    }

    pub fn ip(self) -> Option<IpAddr> {
        self.0
    }

    pub fn network(self) -> Network {
        Network::of(self.0)
    }
}

impl Display for ClientAddress {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(address) => address.fmt(out),
            None => out.write_str("unknown"),
        }
    }
}

/// What counts as one client. One subscriber gets at least a /64 of IPv6 (RFC 6177), and could otherwise use 2^64
/// addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Network {
    /// All clients without a known address.
    Unknown,
    V4(Ipv4Addr),
    V6 {
        /// The first 64 bits of the address. Those past the prefix are 0.
        bits: u64,
        /// 64, 56 or 48.
        prefix: u32,
    },
}

// Each prefix with the factor by which limits for it are higher.
const WIDER: [(u32, u32); 2] = [(56, 4), (48, 16)];

impl Network {
    pub fn of(address: Option<IpAddr>) -> Self {
        match address.map(|address| address.to_canonical()) {
            None => Self::Unknown,
            Some(IpAddr::V4(address)) => Self::V4(address),
            Some(IpAddr::V6(address)) => {
                let [a, b, c, d, ..] = address.segments();
                let bits = [a, b, c, d].iter().fold(0, |bits, segment| bits << 16 | u64::from(*segment));
                Self::V6 { bits, prefix: 64 }
            }
        }
    }

    /// The wider networks that contain this /64 of IPv6, each with the factor by which limits for it are higher. Many
    /// subscribers get a /56 or a /48.
    pub fn wider(self) -> impl Iterator<Item = (Self, u32)> {
        let bits = match self {
            Self::V6 { bits, prefix: 64 } => Some(bits),
            _ => None,
        };
        bits.into_iter().flat_map(|bits| {
            WIDER.map(|(prefix, factor)| {
                (Self::V6 { bits: bits & (u64::MAX << (64 - prefix)), prefix }, factor)
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(forwarded: &[&str], hops: usize) -> String {
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append(FORWARDED_FOR, value.parse().unwrap());
        }
        ClientAddress::resolve(&headers, "10.0.0.1".parse().unwrap(), hops).0.unwrap().to_string()
    }

    #[test]
    fn without_trusted_proxies_the_client_is_the_peer() {
        assert_eq!(client(&["1.2.3.4"], 0), "10.0.0.1");
    }

    #[test]
    fn with_trusted_proxies_the_client_is_the_peer_of_the_outermost() {
        assert_eq!(client(&["6.6.6.6, 1.2.3.4"], 1), "1.2.3.4");
        assert_eq!(client(&["6.6.6.6, 1.2.3.4", "10.0.0.9"], 2), "1.2.3.4");
        assert_eq!(client(&["1.2.3.4"], 2), "10.0.0.1");
        assert_eq!(client(&["unknown"], 1), "10.0.0.1");
    }

    #[test]
    fn a_network_is_an_ipv4_address_in_either_notation_or_an_ipv6_64() {
        let of = |address: &str| Network::of(Some(address.parse().unwrap()));
        assert_eq!(of("2001:db8:0:1::1"), of("2001:db8:0:1:ffff::9"));
        assert_ne!(of("2001:db8:0:1::1"), of("2001:db8:0:2::1"));
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
        assert_ne!(of("::ffff:192.0.2.1"), of("::ffff:192.0.2.2"));
        assert_ne!(Network::of(None), of("::"));
    }

    #[test]
    fn an_ipv6_network_is_inside_a_56_and_a_48() {
        let wider = |address: &str| {
            let wider = Network::of(Some(address.parse().unwrap())).wider();
            wider.map(|(network, factor)| (format!("{network:?}"), factor)).collect::<Vec<_>>()
        };
        assert_eq!(wider("2001:db8:1:ff00::1"), wider("2001:db8:1:ffff::1"));
        assert_eq!(wider("2001:db8:1:fe00::1")[1], wider("2001:db8:1:ffff::1")[1]);
        assert_ne!(wider("2001:db8:1:fe00::1")[0], wider("2001:db8:1:ffff::1")[0]);
        assert_ne!(wider("2001:db8:1::1")[1], wider("2001:db8:2::1")[1]);
        assert_eq!(wider("2001:db8:1::1").iter().map(|(_, factor)| *factor).collect::<Vec<_>>(), [4, 16]);
        assert!(wider("192.0.2.1").is_empty() && Network::Unknown.wider().next().is_none());
    }
}
