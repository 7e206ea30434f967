//! The network of a run as it crosses.

use super::fields::{Fields, malformed};
use super::protocol::{name_pattern, network_host, network_protocol};
use crate::error::Result;
use crate::network::{Host, NamePattern, Network, Protocol, Rule, Subnet};
use std::net::{Ipv4Addr, Ipv6Addr};

pub(super) fn decode(fields: &mut Fields) -> Result<Network> {
    Ok(Network {
        allow: fields.list(rule)?.to_vec(),
        listen: fields.list(rule)?.to_vec(),
        dns: fields.list(pattern)?.to_vec(),
    })
}

fn rule(fields: &mut Fields) -> Result<Rule> {
    Ok(Rule {
        protocol: match fields.case()? {
            network_protocol::TCP => Protocol::Tcp,
            network_protocol::UDP => Protocol::Udp,
            _ => return Err(malformed()),
        },
        host: host(fields)?,
        ports: fields
            .list(|fields| Ok(fields.short()?..=fields.short()?))?
            .to_vec(),
    })
}

pub(super) fn host(fields: &mut Fields) -> Result<Host> {
    Ok(match fields.case()? {
        network_host::ANY => Host::Any,
        network_host::IPV4 => {
            let address = Ipv4Addr::from(fields.array::<4>()?);
            Host::Subnet(Subnet::new(address.into(), fields.byte()?))
        }
        network_host::IPV6 => {
            let address = Ipv6Addr::from(fields.array::<16>()?);
            Host::Subnet(Subnet::new(address.into(), fields.byte()?))
        }
        network_host::NAME => Host::Names(pattern(fields)?),
        _ => return Err(malformed()),
    })
}

fn pattern(fields: &mut Fields) -> Result<NamePattern> {
    Ok(match fields.case()? {
        name_pattern::ANY => NamePattern::Any,
        name_pattern::EXACT => NamePattern::Exact(fields.string()?),
        name_pattern::BELOW => NamePattern::Below(fields.string()?),
        _ => return Err(malformed()),
    })
}
