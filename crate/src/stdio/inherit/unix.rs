//! Reads and writes that may find a descriptor non-blocking.

use super::super::config::OutputStreamKind;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::stdio;
use std::io;
use std::os::fd::BorrowedFd;

pub(super) fn read_stdin(buffer: &mut [u8]) -> io::Result<usize> {
    match rustix::io::read(stdio::stdin(), buffer) {
        // A stdin that was closed is at its end, as for the standard library.
        Err(Errno::BADF) => Ok(0),
        result => Ok(result?),
    }
}

pub(super) fn write(kind: OutputStreamKind, bytes: &[u8]) -> io::Result<usize> {
    Ok(rustix::io::write(descriptor(kind), bytes)?)
}

pub(super) fn wait_readable() {
    wait(stdio::stdin(), PollFlags::IN);
}

pub(super) fn wait_writable(kind: OutputStreamKind) {
    wait(descriptor(kind), PollFlags::OUT);
}

fn descriptor(kind: OutputStreamKind) -> BorrowedFd<'static> {
    match kind {
        OutputStreamKind::Stdout => stdio::stdout(),
        OutputStreamKind::Stderr => stdio::stderr(),
    }
}

fn wait(descriptor: BorrowedFd<'_>, flags: PollFlags) {
    // The read or write that follows reports a failure.
    let _ = poll(&mut [PollFd::from_borrowed_fd(descriptor, flags)], None);
}
