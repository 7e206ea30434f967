//! Origins as a caller grants them.

use super::trust::Trust;
use crate::network::{Host, NamePattern};
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::sync::Arc;

/// The origins to which one run may send requests.
#[derive(Debug, Default)]
pub struct Origins {
    /// A request is sent if one of these has its origin.
    pub allow: Vec<HttpOrigin>,
    /// How servers prove what they are.
    pub trust: Arc<Trust>,
}

/// A rule: a scheme, hosts and ports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpOrigin {
    /// A rule for one scheme says nothing of the other.
    pub scheme: HttpScheme,
    /// The hosts. [`Host::Any`] is every name and every public address.
    pub host: Host,
    /// The ports.
    pub ports: RangeInclusive<u16>,
}

/// The schemes that requests can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HttpScheme {
    /// Without encryption.
    Http,
    /// With TLS.
    Https,
}

/// How a rule has matched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Match {
    /// By this name or address.
    Exact,
    /// By a pattern, which others may fill with names of theirs.
    Pattern,
}

impl HttpOrigin {
    fn is_for(&self, scheme: HttpScheme, port: u16) -> bool {
        self.scheme == scheme && self.ports.contains(&port)
    }

    pub(super) fn matches_name(&self, scheme: HttpScheme, name: &str, port: u16) -> Option<Match> {
        if !self.is_for(scheme, port) {
            return None;
        }
        match &self.host {
            Host::Any => Some(Match::Pattern),
            Host::Names(pattern) if pattern.matches(name) => Some(match pattern {
                NamePattern::Exact(_) => Match::Exact,
                NamePattern::Any | NamePattern::Below(_) => Match::Pattern,
            }),
            Host::Names(_) | Host::Subnet(_) => None,
        }
    }

    pub(super) fn matches_address(
        &self,
        scheme: HttpScheme,
        address: IpAddr,
        port: u16,
    ) -> Option<Match> {
        if !self.is_for(scheme, port) {
            return None;
        }
        match &self.host {
            Host::Any => Some(Match::Pattern),
            Host::Subnet(subnet) if subnet.contains(address) => Some(Match::Exact),
            Host::Names(_) | Host::Subnet(_) => None,
        }
    }
}
