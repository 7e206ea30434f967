//! Starting a worker, and the socket to it.

#[cfg(not(unix))]
pub(super) use elsewhere::{Stream, from_descriptor, start};
#[cfg(unix)]
pub(super) use unix::{Stream, from_descriptor, start};

/// The program that a worker process is, called with the number of its socket's descriptor as last
/// argument; it calls [`super::serve`].
#[derive(Clone, Debug)]
pub struct Launch {
    /// The executable.
    pub program: String,
    /// Its arguments before the descriptor.
    pub arguments: Vec<String>,
}

/// What a worker gets of the environment: what it takes to start a program. The rest may hold secrets.
#[cfg(unix)]
const ENVIRONMENT: [&str; 5] = [
    "PATH",
    "HOME",
    "TMPDIR",
    "LD_LIBRARY_PATH",
    "DYLD_LIBRARY_PATH",
];

#[cfg(unix)]
mod unix {
    use super::{ENVIRONMENT, Launch};
    use rustix::io::{FdFlags, fcntl_setfd};
    use std::io;
    use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
    use std::os::unix::net::UnixStream;
    use std::os::unix::process::CommandExt;
    use std::process::{Child, Command};

    pub(in super::super) type Stream = tokio::net::UnixStream;

    /// Starts a worker; to be called on a thread of a tokio runtime.
    pub(in super::super) fn start(launch: &Launch) -> io::Result<(Child, Stream)> {
        let (ours, theirs) = UnixStream::pair()?;
        let kept = ENVIRONMENT
            .iter()
            .filter_map(|name| Some((name, std::env::var_os(name)?)));
        let mut command = Command::new(&launch.program);
        command
            .args(&launch.arguments)
            .arg(theirs.as_raw_fd().to_string())
            .env_clear()
            .envs(kept)
            // Where the executable is Electron.
            .env("ELECTRON_RUN_AS_NODE", "1");
        // SAFETY: between fork and exec this makes one system call, on a descriptor that the closure owns,
        // and allocates nothing.
        unsafe {
            command.pre_exec(move || Ok(fcntl_setfd(&theirs, FdFlags::empty())?));
        }
        let child = command.spawn()?;
        ours.set_nonblocking(true)?;
        Ok((child, Stream::from_std(ours)?))
    }

    /// The socket that a worker was started with.
    pub(in super::super) fn from_descriptor(descriptor: i32) -> io::Result<UnixStream> {
        let descriptor: RawFd = descriptor;
        // SAFETY: the one who started this process opened the descriptor for this call alone.
        let socket = UnixStream::from(unsafe { OwnedFd::from_raw_fd(descriptor) });
        // Asks for its peer: fails on anything that is no socket.
        socket.peer_addr()?;
        fcntl_setfd(&socket, FdFlags::CLOEXEC)?;
        Ok(socket)
    }
}

#[cfg(not(unix))]
mod elsewhere {
    use super::Launch;
    use std::io;
    use std::process::Child;

    pub(in super::super) type Stream = tokio::io::DuplexStream;

    pub(in super::super) fn start(_: &Launch) -> io::Result<(Child, Stream)> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(in super::super) fn from_descriptor(_: i32) -> io::Result<io::Empty> {
        Err(io::ErrorKind::Unsupported.into())
    }
}
