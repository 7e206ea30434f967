//! The options of a TCP socket of WASI 0.3, with the same meaning on all operating systems.

use rustix::fd::{AsFd, BorrowedFd};
use rustix::io::Errno;
use rustix::net::sockopt;
use std::time::Duration;
use wasmtime_wasi::p3::bindings::sockets::types::{ErrorCode, IpAddressFamily};

/// The most that Linux takes, which has the narrowest ranges.
const MOST_KEEP_ALIVE: Duration = Duration::from_secs(i16::MAX as u64);
const LEAST_KEEP_ALIVE: Duration = Duration::from_secs(1);
const MOST_PROBES: u32 = i8::MAX as u32;

pub(super) type Fd<'a> = BorrowedFd<'a>;
type Answer<T> = Result<T, ErrorCode>;

pub(super) fn keep_alive_enabled(fd: Fd<'_>) -> Answer<bool> {
    Ok(sockopt::socket_keepalive(fd)?)
}

pub(super) fn set_keep_alive_enabled(fd: Fd<'_>, value: bool) -> Answer<()> {
    Ok(sockopt::set_socket_keepalive(fd, value)?)
}

pub(super) fn keep_alive_idle_time(fd: Fd<'_>) -> Answer<u64> {
    Ok(nanoseconds(sockopt::tcp_keepidle(fd)?))
}

pub(super) fn set_keep_alive_idle_time(fd: Fd<'_>, value: u64) -> Answer<()> {
    Ok(sockopt::set_tcp_keepidle(fd, keep_alive(value)?)?)
}

pub(super) fn keep_alive_interval(fd: Fd<'_>) -> Answer<u64> {
    Ok(nanoseconds(sockopt::tcp_keepintvl(fd)?))
}

pub(super) fn set_keep_alive_interval(fd: Fd<'_>, value: u64) -> Answer<()> {
    Ok(sockopt::set_tcp_keepintvl(fd, keep_alive(value)?)?)
}

pub(super) fn keep_alive_count(fd: Fd<'_>) -> Answer<u32> {
    Ok(sockopt::tcp_keepcnt(fd)?)
}

pub(super) fn set_keep_alive_count(fd: Fd<'_>, value: u32) -> Answer<()> {
    let value = not_zero(value)?.min(MOST_PROBES);
    Ok(sockopt::set_tcp_keepcnt(fd, value)?)
}

pub(super) fn hop_limit(fd: Fd<'_>, family: IpAddressFamily) -> Answer<u8> {
    match family {
        IpAddressFamily::Ipv4 => sockopt::ip_ttl(fd)?
            .try_into()
            .map_err(|_| ErrorCode::NotSupported),
        IpAddressFamily::Ipv6 => Ok(sockopt::ipv6_unicast_hops(fd)?),
    }
}

pub(super) fn set_hop_limit(fd: Fd<'_>, family: IpAddressFamily, value: u8) -> Answer<()> {
    let value = not_zero(value)?;
    match family {
        IpAddressFamily::Ipv4 => sockopt::set_ip_ttl(fd, value.into())?,
        IpAddressFamily::Ipv6 => sockopt::set_ipv6_unicast_hops(fd, Some(value))?,
    }
    Ok(())
}

pub(super) fn receive_buffer_size(fd: Fd<'_>) -> Answer<u64> {
    Ok(given(sockopt::socket_recv_buffer_size(fd)?))
}

pub(super) fn set_receive_buffer_size(fd: Fd<'_>, value: u64) -> Answer<()> {
    hint(sockopt::set_socket_recv_buffer_size(fd, size(value)?))
}

pub(super) fn send_buffer_size(fd: Fd<'_>) -> Answer<u64> {
    Ok(given(sockopt::socket_send_buffer_size(fd)?))
}

pub(super) fn set_send_buffer_size(fd: Fd<'_>, value: u64) -> Answer<()> {
    hint(sockopt::set_socket_send_buffer_size(fd, size(value)?))
}

/// Gives a client the options of its listener, where the operating system does not: on macOS.
pub(super) fn inherit(from: impl AsFd, to: impl AsFd, family: IpAddressFamily) {
    if !cfg!(target_os = "macos") {
        return;
    }
    let (from, to) = (from.as_fd(), to.as_fd());
    // A client without them works, too.
    let copy = || {
        set_hop_limit(to, family, hop_limit(from, family)?)?;
        set_keep_alive_idle_time(to, keep_alive_idle_time(from)?)?;
        set_receive_buffer_size(to, receive_buffer_size(from)?)?;
        set_send_buffer_size(to, send_buffer_size(from)?)
    };
    let _: Answer<()> = copy();
}

fn not_zero<T: Default + PartialEq>(value: T) -> Answer<T> {
    match value == T::default() {
        true => Err(ErrorCode::InvalidArgument),
        false => Ok(value),
    }
}

fn nanoseconds(time: Duration) -> u64 {
    time.as_nanos().try_into().unwrap_or(u64::MAX)
}

fn keep_alive(nanoseconds: u64) -> Answer<Duration> {
    let time = Duration::from_nanos(not_zero(nanoseconds)?);
    Ok(time.clamp(LEAST_KEEP_ALIVE, MOST_KEEP_ALIVE))
}

/// Linux returns twice the size that it was given.
fn given(size: usize) -> u64 {
    let size = size as u64;
    if cfg!(target_os = "linux") {
        size / 2
    } else {
        size
    }
}

fn size(value: u64) -> Answer<usize> {
    let most = i32::MAX as u64;
    Ok(not_zero(value)?.min(most) as usize)
}

/// A size is a wish: those that a system does not grant are not errors.
fn hint(set: rustix::io::Result<()>) -> Answer<()> {
    match set {
        Ok(()) | Err(Errno::NOBUFS) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
