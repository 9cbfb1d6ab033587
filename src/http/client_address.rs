//! The address of the client of a request, and the network that it counts as in limits per address.

use std::fmt::{self, Display, Formatter};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Once;

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

    /// The peer if there are no trusted proxies. Otherwise the entry of the outermost trusted proxy, or unknown if this
    /// entry is missing or not an address.
    pub fn resolve(headers: &HeaderMap, peer: IpAddr, hops: usize) -> Self {
        let Some(inner_proxies) = hops.checked_sub(1) else { return Self::new(Some(peer)) };
        // Each proxy appends its own peer, so the outermost trusted proxy wrote the `hops`-th entry from the right. The
        // client may have invented all entries to the left of it, including bytes that are not text.
        let lines = headers.get_all(&FORWARDED_FOR).iter().rev();
        let mut entries = lines.flat_map(|line| line.as_bytes().rsplit(|byte| *byte == b','));
        Self::new(entries.nth(inner_proxies).and_then(address_of))
    }

    pub fn ip(self) -> Option<IpAddr> {
        self.0
    }

    pub fn network(self) -> Network {
        Network::of(self.0)
    }
}

/// Reads `192.0.2.1`, `192.0.2.1:8080`, `2001:db8::1`, `[2001:db8::1]` and `[2001:db8::1]:8080`, with or without quotes.
fn address_of(entry: &[u8]) -> Option<IpAddr> {
    let text = str::from_utf8(entry).ok()?.trim_matches([' ', '\t']);
    let text = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text);
    // An address with a zone (RFC 4007 §11) is not unique to one client.
    if text.contains('%') {
        return None;
    }
    let bracketed = text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
    let bracketed = bracketed.and_then(|text| text.parse::<Ipv6Addr>().ok()).map(IpAddr::from);
    let with_port = || text.parse::<SocketAddr>().ok().map(|address| address.ip());
    text.parse().ok().or(bracketed).or_else(with_port)
}

/// Warns once per process for each of two signs that `hops` is wrong.
pub fn warn_of_wrong_hops(headers: &HeaderMap, hops: usize) {
    static TOO_FEW: Once = Once::new();
    static TOO_MANY: Once = Once::new();
    let has_header = headers.contains_key(&FORWARDED_FOR);
    if hops == 0 && has_header {
        TOO_FEW.call_once(|| {
            tracing::warn!(
                "a request has the header X-Forwarded-For, although TRUSTED_PROXY_HOPS is 0; if a proxy sends it, all \
                 clients of the proxy share one rate limit: set TRUSTED_PROXY_HOPS to the number of proxies"
            );
        });
    }
    if hops > 0 && !has_header {
        TOO_MANY.call_once(|| {
            tracing::warn!(
                hops,
                "a request has no header X-Forwarded-For, although TRUSTED_PROXY_HOPS is greater than 0; the address of \
                 its client is unknown, and all such clients share one rate limit"
            );
        });
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

impl Display for Network {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown => out.write_str("unknown"),
            Self::V4(address) => address.fmt(out),
            Self::V6 { bits, prefix } => {
                write!(out, "{}/{prefix}", Ipv6Addr::from_bits(u128::from(*bits) << 64))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    const PEER: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));

    fn client(forwarded: &[&[u8]], hops: usize) -> String {
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append(FORWARDED_FOR, HeaderValue::from_bytes(value).unwrap());
        }
        ClientAddress::resolve(&headers, PEER, hops).to_string()
    }

    #[test]
    fn without_trusted_proxies_the_client_is_the_peer() {
        assert_eq!(client(&[b"1.2.3.4"], 0), "10.0.0.1");
        assert_eq!(client(&[b"\xff"], 0), "10.0.0.1");
        assert_eq!(client(&[], 0), "10.0.0.1");
    }

    #[test]
    fn with_trusted_proxies_the_client_is_the_peer_of_the_outermost() {
        assert_eq!(client(&[b"6.6.6.6, 1.2.3.4"], 1), "1.2.3.4");
        assert_eq!(client(&[b"6.6.6.6,1.2.3.4\t,\t10.0.0.9"], 2), "1.2.3.4");
    }

    #[test]
    fn several_header_lines_form_one_list() {
        assert_eq!(client(&[b"6.6.6.6, 1.2.3.4", b"10.0.0.9"], 2), "1.2.3.4");
        assert_eq!(client(&[b"6.6.6.6", b"1.2.3.4", b"10.0.0.9, 10.0.0.8"], 3), "1.2.3.4");
    }

    #[test]
    fn bytes_that_are_no_text_do_not_hide_other_entries() {
        assert_eq!(client(&[b"6.6.6.6 \xff, 1.2.3.4"], 1), "1.2.3.4");
        assert_eq!(client(&[b"1.2.3.4", b"\xff"], 1), "unknown");
        assert_eq!(client(&[b"6.6.6.6, 1.2.3.4", b"\xe9, 10.0.0.9"], 3), "1.2.3.4");
    }

    #[test]
    fn ports_brackets_and_quotes_are_removed() {
        for (entry, address) in [
            ("203.0.113.7:54321", "203.0.113.7"),
            ("2001:db8::1", "2001:db8::1"),
            ("[2001:db8::1]", "2001:db8::1"),
            ("[2001:db8::1]:443", "2001:db8::1"),
            ("\"[2001:db8::1]:443\"", "2001:db8::1"),
            ("\"203.0.113.7\"", "203.0.113.7"),
            ("  203.0.113.7\t", "203.0.113.7"),
            ("::ffff:203.0.113.7", "203.0.113.7"),
            ("[::ffff:203.0.113.7]:80", "203.0.113.7"),
        ] {
            assert_eq!(client(&[entry.as_bytes()], 1), address, "{entry}");
        }
    }

    #[test]
    fn a_client_without_a_trusted_address_is_unknown() {
        for odd in [
            "unknown",
            "_hidden",
            "",
            " ",
            "-",
            "unix:",
            "for=203.0.113.7",
            "203.0.113",
            "203.0.113.7.8",
            "203.0.113.07",
            "203.0.113.7:",
            "203.0.113.7:99999",
            "203.0.113.7 1",
            "[203.0.113.7]",
            "[203.0.113.7]:80",
            "2001:db8::1]",
            "[2001:db8::1",
            "[2001:db8::1]443",
            "[]",
            "\"",
            "\"\"",
            "\"203.0.113.7",
            "fe80::1%eth0",
            "fe80::1%1",
            "[fe80::1%1]:443",
            "example.org",
        ] {
            assert_eq!(client(&[format!("6.6.6.6, {odd}").as_bytes()], 1), "unknown", "{odd}");
            assert_eq!(client(&[b"6.6.6.6", odd.as_bytes(), b"10.0.0.9"], 2), "unknown", "{odd}");
        }
        assert_eq!(client(&[], 1), "unknown");
        assert_eq!(client(&[b"1.2.3.4"], 2), "unknown", "an entry is missing");
        assert_eq!(client(&[b"1.2.3.4"], usize::MAX), "unknown");
    }

    proptest::proptest! {
        #[test]
        fn only_the_trusted_entry_decides(
            invented in proptest::collection::vec("[ -~]{0,20}", 0..4),
            trusted in "[0-9a-f.:\\[\\]\"% ]{0,20}|\\PC{0,8}",
            inner in proptest::collection::vec("[ -+.-~]{0,20}", 0..3),
        ) {
            let lines = |invented: Vec<String>| {
                let lines: Vec<_> = invented.into_iter().chain([trusted.replace(',', "")]).chain(inner.clone()).collect();
                client(&lines.iter().map(String::as_bytes).collect::<Vec<_>>(), inner.len() + 1)
            };
            let found = lines(invented);
            proptest::prop_assert_eq!(&found, &lines(vec!["6.6.6.6".to_owned()]));
            proptest::prop_assert_eq!(&found, &lines(Vec::new()));
        }

        #[test]
        fn any_bytes_are_an_address_or_unknown(bytes: Vec<u8>, hops in 0..5_usize) {
            address_of(&bytes);
            if let Ok(value) = HeaderValue::from_bytes(&bytes) {
                let headers = HeaderMap::from_iter([(FORWARDED_FOR, value)]);
                ClientAddress::resolve(&headers, PEER, hops);
            }
        }
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
