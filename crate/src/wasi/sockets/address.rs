//! Which addresses WASI 0.3 lets a socket use at all, whatever is granted.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use wasmtime_wasi::p3::bindings::sockets::types::{ErrorCode, IpAddressFamily};

/// # Errors
///
/// [`ErrorCode::InvalidArgument`] for an address of another family, one that stands for an IPv4 address, and one that is
/// not of a single host.
pub(super) fn check_local(address: SocketAddr, family: IpAddressFamily) -> Result<(), ErrorCode> {
    let is_valid = match (address.ip(), family) {
        (IpAddr::V4(ip), IpAddressFamily::Ipv4) => !ip.is_multicast() && !ip.is_broadcast(),
        (IpAddr::V6(ip), IpAddressFamily::Ipv6) => !ip.is_multicast() && !embeds_ipv4(ip),
        _ => false,
    };
    match is_valid {
        true => Ok(()),
        false => Err(ErrorCode::InvalidArgument),
    }
}

/// # Errors
///
/// Those of [`check_local`], also for an address or port that nobody has.
pub(super) fn check_remote(address: SocketAddr, family: IpAddressFamily) -> Result<(), ErrorCode> {
    check_local(address, family)?;
    match address.ip().is_unspecified() || address.port() == 0 {
        true => Err(ErrorCode::InvalidArgument),
        false => Ok(()),
    }
}

/// Whether it is IPv4-mapped, or IPv4-compatible, which operating systems treat in different ways.
fn embeds_ipv4(ip: Ipv6Addr) -> bool {
    let is_compatible = matches!(ip.segments(), [0, 0, 0, 0, 0, 0, _, _]);
    ip.to_ipv4_mapped().is_some() || (is_compatible && !ip.is_unspecified() && !ip.is_loopback())
}

/// The address that a bind has which the guest did not ask for.
pub(super) fn unspecified(family: IpAddressFamily) -> SocketAddr {
    let ip = match family {
        IpAddressFamily::Ipv4 => Ipv4Addr::UNSPECIFIED.into(),
        IpAddressFamily::Ipv6 => Ipv6Addr::UNSPECIFIED.into(),
    };
    SocketAddr::new(ip, 0)
}

#[cfg(test)]
mod tests {
    use super::{check_local, check_remote};
    use IpAddressFamily::{Ipv4, Ipv6};
    use wasmtime_wasi::p3::bindings::sockets::types::IpAddressFamily;

    #[test]
    fn addresses_are_of_the_family_and_of_one_host() {
        for (address, family, is_local, is_remote) in [
            ("127.0.0.1:80", Ipv4, true, true),
            ("127.0.0.1:80", Ipv6, false, false),
            ("[::1]:80", Ipv6, true, true),
            ("[::1]:80", Ipv4, false, false),
            ("0.0.0.0:80", Ipv4, true, false),
            ("[::]:80", Ipv6, true, false),
            ("127.0.0.1:0", Ipv4, true, false),
            ("[::1]:0", Ipv6, true, false),
            ("224.0.0.1:80", Ipv4, false, false),
            ("255.255.255.255:80", Ipv4, false, false),
            ("[ff02::1]:80", Ipv6, false, false),
            ("[::ffff:127.0.0.1]:80", Ipv6, false, false),
            ("[::ffff:127.0.0.1]:80", Ipv4, false, false),
            ("[::ffff:0.0.0.0]:80", Ipv6, false, false),
            ("[::127.0.0.1]:80", Ipv6, false, false),
            ("[::2]:80", Ipv6, false, false),
            ("[fe80::1]:80", Ipv6, true, true),
        ] {
            let parsed = address.parse().expect("an address");
            assert_eq!(check_local(parsed, family).is_ok(), is_local, "{address}");
            assert_eq!(check_remote(parsed, family).is_ok(), is_remote, "{address}");
        }
    }
}
