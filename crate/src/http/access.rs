//! The decisions about one run's requests.

use super::origin::{HttpOrigin, HttpScheme, Match, Origins};
use super::trust::Trust;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

/// What one run may send requests to.
#[derive(Clone, Debug)]
pub(crate) struct HttpAccess(Arc<Origins>);

/// Which addresses a permitted name may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// Whatever the resolver says: the caller has named it.
    Everywhere,
    /// Public ones alone: the name matches a pattern only, and may be one of somebody's who means this machine by it.
    Public,
}

impl Reach {
    pub(crate) fn includes(self, address: IpAddr) -> bool {
        self == Self::Everywhere || is_public(address)
    }
}

impl HttpAccess {
    pub(crate) fn new(origins: Arc<Origins>) -> Self {
        Self(origins)
    }

    /// Which addresses of a name may be asked; `None` if the name may not.
    pub(crate) fn permits_name(&self, scheme: HttpScheme, name: &str, port: u16) -> Option<Reach> {
        self.reach(|origin| origin.matches_name(scheme, name, port))
    }

    /// The same for an address in the place of a name.
    pub(crate) fn permits_address(&self, scheme: HttpScheme, address: IpAddr, port: u16) -> bool {
        let address = address.to_canonical();
        let reach = self.reach(|origin| origin.matches_address(scheme, address, port));
        reach.is_some_and(|reach| reach.includes(address))
    }

    pub(crate) fn trust(&self) -> &Trust {
        &self.0.trust
    }

    fn reach(&self, how: impl Fn(&HttpOrigin) -> Option<Match>) -> Option<Reach> {
        let mut reach = None;
        for origin in &self.0.allow {
            match how(origin) {
                Some(Match::Exact) => return Some(Reach::Everywhere),
                Some(Match::Pattern) => reach = Some(Reach::Public),
                None => {}
            }
        }
        reach
    }
}

/// Whether an address is one of the public internet.
fn is_public(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let special = match address.octets() {
        // This network, other networks of the same kind, protocols and benchmarks; from 240 on nothing is public.
        [0 | 127 | 240..=255, ..] => true,
        [100, 64..=127, ..] => true,
        [192, 0, 0, _] | [192, 88, 99, _] => true,
        [198, 18..=19, ..] => true,
        // Azure's host, which has the credentials of its virtual machines.
        [168, 63, 129, 16] => true,
        _ => false,
    };
    !special
        && !address.is_private()
        && !address.is_link_local()
        && !address.is_multicast()
        && !address.is_documentation()
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    match address.segments() {
        // A translated IPv4 address.
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
            is_public_v4(Ipv4Addr::from(u32::from(high) << 16 | u32::from(low)))
        }
        // Assignments to protocols (Teredo among them), documentation, and 6to4, which has any IPv4 address in it.
        [0x2001, 0..=0x1ff, ..] | [0x2001, 0xdb8, ..] | [0x2002, ..] | [0x3fff, 0..=0xfff, ..] => {
            false
        }
        // All other addresses of one host in the internet.
        [first, ..] => first & 0xe000 == 0x2000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::{Host, NamePattern, Subnet};
    use HttpScheme::{Http, Https};

    fn origin(scheme: HttpScheme, host: &str, ports: (u16, u16)) -> HttpOrigin {
        let host = match (host, host.parse(), host.strip_prefix("*.")) {
            ("*", _, _) => Host::Any,
            (_, Ok(address), _) => Host::Subnet(Subnet::new(address, 128)),
            (_, _, Some(parent)) => Host::Names(NamePattern::Below(parent.into())),
            _ => Host::Names(NamePattern::Exact(host.into())),
        };
        HttpOrigin {
            scheme,
            host,
            ports: ports.0..=ports.1,
        }
    }

    fn access(allow: &[HttpOrigin]) -> HttpAccess {
        HttpAccess::new(Arc::new(Origins {
            allow: allow.to_vec(),
            ..Origins::default()
        }))
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn a_rule_is_for_one_scheme_and_its_ports() {
        let access = access(&[origin(Https, "api.example.com", (443, 443))]);
        let permits = |scheme, name, port| access.permits_name(scheme, name, port);
        assert_eq!(
            permits(Https, "API.example.com.", 443),
            Some(Reach::Everywhere)
        );
        assert_eq!(permits(Http, "api.example.com", 443), None);
        assert_eq!(permits(Https, "api.example.com", 444), None);
        assert_eq!(permits(Https, "x.api.example.com", 443), None);
        assert_eq!(permits(Https, "api.example.com.evil", 443), None);
        assert!(!access.permits_address(Https, ip("8.8.8.8"), 443));
    }

    #[test]
    fn a_name_that_only_a_pattern_has_is_asked_at_public_addresses_alone() {
        let any = [origin(Https, "*.example.com", (443, 443))];
        let reach = access(&any).permits_name(Https, "a.example.com", 443);
        assert_eq!(reach, Some(Reach::Public));
        let both = [any[0].clone(), origin(Https, "a.example.com", (443, 443))];
        let reach = access(&both).permits_name(Https, "a.example.com", 443);
        assert_eq!(reach, Some(Reach::Everywhere));
        assert_eq!(access(&any).permits_name(Https, "example.com", 443), None);
    }

    #[test]
    fn addresses_that_are_not_public_have_to_be_named() {
        let any = access(&[origin(Http, "*", (1, u16::MAX))]);
        let named = access(&[origin(Http, "127.0.0.1", (1, u16::MAX))]);
        assert!(any.permits_address(Http, ip("8.8.8.8"), 80));
        assert!(!any.permits_address(Http, ip("127.0.0.1"), 80));
        assert!(!any.permits_address(Http, ip("::ffff:127.0.0.1"), 80));
        assert!(named.permits_address(Http, ip("127.0.0.1"), 80));
        assert!(named.permits_address(Http, ip("::ffff:127.0.0.1"), 80));
        assert!(!named.permits_address(Https, ip("127.0.0.1"), 80));
        assert!(!named.permits_address(Http, ip("127.0.0.2"), 80));
    }

    #[test]
    fn what_is_public() {
        for public in [
            "1.1.1.1",
            "100.63.0.1",
            "172.32.0.1",
            "2606:4700::1",
            "64:ff9b::808:808",
        ] {
            assert!(is_public(ip(public)), "{public}");
        }
        for special in [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "127.9.9.9",
            "169.254.169.254",
            "172.16.0.1",
            "192.0.0.1",
            "192.0.2.1",
            "192.168.0.1",
            "168.63.129.16",
            "198.18.0.1",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::7f00:1",
            "::ffff:10.0.0.1",
            "64:ff9b::7f00:1",
            "64:ff9b:1::1",
            "100::1",
            "2001::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "3fff::1",
            "fc00::1",
            "fe80::1",
            "ff02::1",
        ] {
            assert!(!is_public(ip(special)), "{special}");
        }
    }
}
