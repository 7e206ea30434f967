//! The decisions about one run's use of the network.

use super::grant::Network;
use super::name::NamePattern;
use super::rule::{Host, Protocol, Rule};
use crate::lock::lock;
use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};

/// The most addresses that a rule with a name remembers; the oldest are forgotten.
const MOST_LEARNED: usize = 256;

/// What an address is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// A local address, given by the guest. The unspecified address and port 0 may also stand for a bind that connecting
    /// or sending implies.
    Bind(Protocol),
    /// The local address of a socket that is to listen; its bind has been permitted.
    Listen,
    /// A client of a listener.
    Accept,
    /// A remote address.
    Reach(Protocol),
}

/// What one run may use, and what it has learned of names.
#[derive(Debug)]
pub(crate) struct Access {
    network: Arc<Network>,
    /// For each rule of `allow`, the addresses of its names.
    learned: Mutex<Vec<VecDeque<IpAddr>>>,
}

impl Access {
    pub(crate) fn new(network: Arc<Network>) -> Self {
        let learned = vec![VecDeque::new(); network.allow.len()];
        Self {
            network,
            learned: Mutex::new(learned),
        }
    }

    pub(crate) fn permits(&self, address: SocketAddr, purpose: Purpose) -> bool {
        let (ip, port) = (address.ip().to_canonical(), address.port());
        match purpose {
            Purpose::Accept => true,
            Purpose::Reach(protocol) => self.reaches(protocol, ip, port),
            Purpose::Bind(protocol) => {
                self.may_bind(protocol, ip, |rule| rule.has_port(port))
                    || (ip.is_unspecified() && port == 0 && self.has_any(protocol))
            }
            // The port was checked at the bind, or the operating system has chosen it.
            Purpose::Listen => self.may_bind(Protocol::Tcp, ip, |rule| {
                rule.has_port(port) || rule.has_port(0)
            }),
        }
    }

    fn reaches(&self, protocol: Protocol, ip: IpAddr, port: u16) -> bool {
        let of_port = |rule: &Rule| rule.protocol == protocol && rule.has_port(port);
        let mut rules = self.network.allow.iter().enumerate();
        rules.any(|(index, rule)| {
            of_port(rule)
                && match &rule.host {
                    Host::Any => true,
                    Host::Subnet(subnet) => subnet.contains(ip),
                    Host::Names(_) => lock(&self.learned)[index].contains(&ip),
                }
        })
    }

    fn may_bind(&self, protocol: Protocol, ip: IpAddr, has_port: impl Fn(&Rule) -> bool) -> bool {
        self.network.listen.iter().any(|rule| {
            rule.protocol == protocol
                && has_port(rule)
                && match &rule.host {
                    Host::Any => true,
                    Host::Subnet(subnet) => subnet.contains(ip),
                    Host::Names(_) => false,
                }
        })
    }

    /// Whether there is any remote address that it may use.
    fn has_any(&self, protocol: Protocol) -> bool {
        let mut rules = self.network.allow.iter();
        rules.any(|rule| rule.protocol == protocol)
    }

    pub(crate) fn may_look_up(&self, name: &str) -> bool {
        let by_rules = self.network.allow.iter().filter_map(|rule| names_of(rule));
        let mut patterns = self.network.dns.iter().chain(by_rules);
        patterns.any(|pattern| pattern.matches(name))
    }

    /// Remembers the addresses of a name, for the rules that have it.
    pub(crate) fn learn(&self, name: &str, addresses: &[IpAddr]) {
        let mut learned = lock(&self.learned);
        for (rule, known) in self.network.allow.iter().zip(learned.iter_mut()) {
            if !names_of(rule).is_some_and(|pattern| pattern.matches(name)) {
                continue;
            }
            for address in addresses {
                let address = address.to_canonical();
                if known.contains(&address) {
                    continue;
                }
                if known.len() == MOST_LEARNED {
                    known.pop_front();
                }
                known.push_back(address);
            }
        }
    }
}

fn names_of(rule: &Rule) -> Option<&NamePattern> {
    match &rule.host {
        Host::Names(pattern) => Some(pattern),
        Host::Any | Host::Subnet(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::Subnet;
    use super::*;
    use Protocol::{Tcp, Udp};

    fn rule(protocol: Protocol, host: &str, ports: &[(u16, u16)]) -> Rule {
        let host = match host {
            "*" => Host::Any,
            host => match host.parse() {
                Ok(address) => Host::Subnet(Subnet::new(address, 128)),
                Err(_) => Host::Names(NamePattern::Exact(host.into())),
            },
        };
        Rule {
            protocol,
            host,
            ports: ports.iter().map(|&(low, high)| low..=high).collect(),
        }
    }

    fn access(allow: &[Rule], listen: &[Rule]) -> Access {
        Access::new(Arc::new(Network {
            allow: allow.to_vec(),
            listen: listen.to_vec(),
            dns: vec![NamePattern::Exact("looked.up".into())],
        }))
    }

    fn at(text: &str) -> SocketAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn a_rule_of_one_protocol_says_nothing_of_the_other() {
        for (own, other) in [(Tcp, Udp), (Udp, Tcp)] {
            let here = rule(own, "127.0.0.1", &[(80, 90)]);
            let access = access(std::slice::from_ref(&here), std::slice::from_ref(&here));
            for address in ["127.0.0.1:80", "127.0.0.1:90", "[::ffff:127.0.0.1]:85"] {
                for purpose in [Purpose::Reach, Purpose::Bind] {
                    assert!(access.permits(at(address), purpose(own)), "{address}");
                    assert!(!access.permits(at(address), purpose(other)), "{address}");
                }
            }
            for address in [
                "127.0.0.1:79",
                "127.0.0.1:91",
                "127.0.0.2:80",
                "[::1]:80",
                "0.0.0.0:80",
            ] {
                for purpose in [Purpose::Reach, Purpose::Bind] {
                    assert!(!access.permits(at(address), purpose(own)), "{address}");
                }
            }
        }
    }

    #[test]
    fn the_bind_that_a_connection_implies_needs_no_grant_to_listen() {
        let out = access(&[rule(Tcp, "127.0.0.1", &[(80, 80)])], &[]);
        for unspecified in ["0.0.0.0:0", "[::]:0"] {
            assert!(out.permits(at(unspecified), Purpose::Bind(Tcp)));
            assert!(!out.permits(at(unspecified), Purpose::Bind(Udp)));
            assert!(!out.permits(at(unspecified), Purpose::Listen));
        }
        for other in ["0.0.0.0:80", "127.0.0.1:0", "[::1]:0"] {
            assert!(!out.permits(at(other), Purpose::Bind(Tcp)), "{other}");
        }
        assert!(!access(&[], &[]).permits(at("0.0.0.0:0"), Purpose::Bind(Tcp)));
    }

    #[test]
    fn port_0_of_a_listener_is_any_that_the_system_chooses_and_none_that_the_guest_does() {
        let access = access(&[], &[rule(Tcp, "127.0.0.1", &[(0, 0)])]);
        assert!(access.permits(at("127.0.0.1:0"), Purpose::Bind(Tcp)));
        assert!(!access.permits(at("127.0.0.1:50000"), Purpose::Bind(Tcp)));
        assert!(access.permits(at("127.0.0.1:50000"), Purpose::Listen));
        assert!(!access.permits(at("0.0.0.0:50000"), Purpose::Listen));
        assert!(access.permits(at("203.0.113.7:1"), Purpose::Accept));
        assert!(!access.permits(at("127.0.0.1:50000"), Purpose::Reach(Tcp)));
    }

    #[test]
    fn a_name_allows_the_addresses_that_were_got_for_it_at_its_ports() {
        let access = access(&[rule(Tcp, "db.internal", &[(5432, 5432)])], &[]);
        let address = at("10.0.0.9:5432");
        assert!(access.may_look_up("DB.internal."));
        assert!(access.may_look_up("looked.up"));
        assert!(!access.may_look_up("other.internal"));
        assert!(!access.permits(address, Purpose::Reach(Tcp)));
        access.learn("looked.up", &[address.ip()]);
        assert!(!access.permits(address, Purpose::Reach(Tcp)));
        access.learn("db.internal.", &[address.ip()]);
        assert!(access.permits(address, Purpose::Reach(Tcp)));
        assert!(!access.permits(address, Purpose::Reach(Udp)));
        assert!(!access.permits(at("10.0.0.9:5433"), Purpose::Reach(Tcp)));
    }

    #[test]
    fn a_name_with_ever_new_addresses_keeps_the_latest() {
        let access = access(&[rule(Tcp, "many.internal", &[(1, 1)])], &[]);
        let address = |number: u32| IpAddr::V4((0x0a00_0000 + number).into());
        for number in 0..1000 {
            access.learn("many.internal", &[address(number), address(number)]);
        }
        let reaches =
            |number| access.permits(SocketAddr::new(address(number), 1), Purpose::Reach(Tcp));
        assert_eq!(
            (0..1000).filter(|&number| reaches(number)).count(),
            MOST_LEARNED
        );
        assert!(reaches(999) && !reaches(0));
    }
}
