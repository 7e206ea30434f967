//! Over a pair of sockets; the number is that of a descriptor.

use super::super::launch::Launch;
use crate::platform::wait_for_hang_up;
use rustix::io::{FdFlags, fcntl_setfd};
use rustix::stdio;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::Child;

/// What it takes to start a program.
const ENVIRONMENT: [&str; 5] = [
    "PATH",
    "HOME",
    "TMPDIR",
    "LD_LIBRARY_PATH",
    "DYLD_LIBRARY_PATH",
];

/// The pool's end.
pub(crate) type Stream = tokio::net::UnixStream;
/// The worker's end.
type Socket = UnixStream;

/// Starts a worker; to be called on a blocking thread of a tokio runtime.
pub(crate) fn start(launch: &Launch) -> io::Result<(Child, Stream)> {
    let (ours, theirs) = UnixStream::pair()?;
    ours.set_nonblocking(true)?;
    let ours = Stream::from_std(ours)?;
    let mut command = launch.command(theirs.as_raw_fd(), &ENVIRONMENT);
    // SAFETY: between fork and exec this makes system calls alone, on a descriptor that the closure
    // owns and on the three standard ones, and allocates nothing.
    unsafe {
        command.pre_exec(move || {
            // Node closes its own standard streams for its children. Where there is none, a worker
            // has none either.
            for stream in [stdio::stdin(), stdio::stdout(), stdio::stderr()] {
                let _ = fcntl_setfd(stream, FdFlags::empty());
            }
            Ok(fcntl_setfd(&theirs, FdFlags::empty())?)
        });
    }
    Ok((command.spawn()?, ours))
}

/// The socket that a worker was started with.
pub(crate) fn from_number(descriptor: i32) -> io::Result<Socket> {
    let descriptor: RawFd = descriptor;
    // SAFETY: the one who started this process opened the descriptor for this call alone.
    let socket = Socket::from(unsafe { OwnedFd::from_raw_fd(descriptor) });
    // Asks for its peer: fails on anything that is not a socket.
    socket.peer_addr()?;
    fcntl_setfd(&socket, FdFlags::CLOEXEC)?;
    Ok(socket)
}

/// Calls `then`, on a thread of its own, when the other end of the socket is closed.
pub(crate) fn when_hung_up(
    socket: &Socket,
    then: impl FnOnce() + Send + 'static,
) -> io::Result<()> {
    let socket = socket.try_clone()?;
    let watching = std::thread::Builder::new().name("wasiexec-watch".into());
    watching.spawn(move || {
        // Without the watch, the worker sees the end when it reads.
        if wait_for_hang_up(&socket).is_ok() {
            then();
        }
    })?;
    Ok(())
}
