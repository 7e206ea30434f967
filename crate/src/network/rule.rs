//! One rule: a protocol, hosts and ports.

use super::name::NamePattern;
use std::net::IpAddr;
use std::ops::RangeInclusive;

/// Addresses of one protocol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// A rule for one protocol says nothing of the other.
    pub protocol: Protocol,
    /// The hosts.
    pub host: Host,
    /// The ports: any of these ranges.
    pub ports: Vec<RangeInclusive<u16>>,
}

/// The protocols that WASI has sockets for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// Connections.
    Tcp,
    /// Datagrams.
    Udp,
}

/// Hosts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Host {
    /// Every address.
    Any,
    /// The addresses of a network.
    Subnet(Subnet),
    /// The addresses that the run has got for such names.
    Names(NamePattern),
}

/// The addresses with the same first bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subnet {
    bits: u128,
    mask: u128,
    is_ipv4: bool,
}

impl Subnet {
    /// The addresses whose first `prefix` bits are those of `address`; a prefix that is longer than an address counts as
    /// its length. An IPv4-mapped address stands for the IPv4 address.
    pub fn new(address: IpAddr, prefix: u8) -> Self {
        let (bits, is_ipv4) = bits_of(address);
        // The bits of an IPv4 address are the last 32.
        let length = match address {
            IpAddr::V4(_) => 96 + prefix.min(32),
            IpAddr::V6(_) => prefix.min(128),
        };
        let mask = u128::MAX.checked_shl(128 - u32::from(length)).unwrap_or(0);
        Self {
            bits: bits & mask,
            mask,
            is_ipv4,
        }
    }

    pub(crate) fn contains(&self, address: IpAddr) -> bool {
        let (bits, is_ipv4) = bits_of(address);
        is_ipv4 == self.is_ipv4 && bits & self.mask == self.bits
    }
}

/// An address as a number. Mapped addresses are the IPv4 addresses that they reach.
fn bits_of(address: IpAddr) -> (u128, bool) {
    match address.to_canonical() {
        IpAddr::V4(address) => (u32::from(address).into(), true),
        IpAddr::V6(address) => (address.into(), false),
    }
}

impl Rule {
    pub(super) fn has_port(&self, port: u16) -> bool {
        self.ports.iter().any(|range| range.contains(&port))
    }
}

#[cfg(test)]
mod tests {
    use super::Subnet;
    use std::net::IpAddr;

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn a_network_has_the_addresses_with_its_prefix_and_no_others() {
        for (address, prefix, inside, outside) in [
            ("127.0.0.1", 32, "127.0.0.1", "127.0.0.2"),
            ("127.0.0.1", 32, "::ffff:127.0.0.1", "::1"),
            ("10.0.0.0", 8, "10.255.255.255", "11.0.0.0"),
            ("10.1.2.3", 8, "10.0.0.0", "9.255.255.255"),
            ("0.0.0.0", 0, "255.255.255.255", "::"),
            ("0.0.0.0", 1, "127.255.255.255", "128.0.0.0"),
            ("1.2.3.4", 33, "1.2.3.4", "1.2.3.5"),
            ("::", 0, "ffff::1", "0.0.0.0"),
            ("::", 0, "::", "::ffff:1.2.3.4"),
            ("::1", 128, "::1", "::"),
            ("2001:db8::", 32, "2001:db8:ffff::", "2001:db9::"),
            ("::ffff:10.0.0.0", 104, "10.9.9.9", "11.0.0.0"),
            ("fe80::", 10, "febf::1", "fec0::1"),
        ] {
            let network = Subnet::new(ip(address), prefix);
            assert!(network.contains(ip(inside)), "{address}/{prefix} {inside}");
            assert!(
                !network.contains(ip(outside)),
                "{address}/{prefix} {outside}"
            );
        }
    }
}
