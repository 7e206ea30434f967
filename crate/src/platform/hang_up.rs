//! The end of the one at the other end of a socket.

use rustix::io::Errno;
use std::io;
use std::os::unix::net::UnixStream;

/// Waits until the other end of a socket is closed, whatever comes before that.
#[cfg(not(target_vendor = "apple"))]
pub(crate) fn wait_for_hang_up(socket: &UnixStream) -> io::Result<()> {
    use rustix::event::{PollFd, PollFlags, poll};
    let mut hang_up = [PollFd::new(socket, PollFlags::empty())];
    loop {
        match poll(&mut hang_up, None) {
            Err(Errno::INTR) => {}
            result => return Ok(result.map(drop)?),
        }
    }
}

/// Waits until the other end of a socket is closed, whatever comes before that. Here `poll` does not
/// report it.
#[cfg(target_vendor = "apple")]
pub(crate) fn wait_for_hang_up(socket: &UnixStream) -> io::Result<()> {
    use rustix::event::kqueue::{Event, EventFilter, EventFlags, kevent, kqueue};
    use std::os::fd::AsRawFd;
    let queue = kqueue()?;
    let filter = EventFilter::Read(socket.as_raw_fd());
    // Data wakes this, too, but once each time it comes.
    let flags = EventFlags::ADD | EventFlags::CLEAR;
    let mut changes = vec![Event::new(filter, flags, std::ptr::null_mut())];
    loop {
        let mut events = Vec::with_capacity(1);
        // SAFETY: the descriptor in the changes is open for as long as `socket` is borrowed, which is
        // longer than the queue lives.
        match unsafe {
            kevent(
                &queue,
                &changes,
                rustix::buffer::spare_capacity(&mut events),
                None,
            )
        } {
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
            Ok(_) => changes.clear(),
        }
        let is_end = |event: &Event| event.flags().contains(EventFlags::EOF);
        if events.iter().any(is_end) {
            return Ok(());
        }
    }
}
