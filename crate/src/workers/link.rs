//! Starting a worker, and the socket to it.

#[cfg(not(unix))]
pub(super) use elsewhere::{Stream, from_descriptor, start, when_hung_up};
#[cfg(unix)]
pub(super) use unix::{Stream, from_descriptor, start, when_hung_up};

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
    use rustix::event::{PollFd, PollFlags, poll};
    use rustix::io::{Errno, FdFlags, fcntl_setfd};
    use rustix::stdio;
    use std::io;
    use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
    use std::os::unix::net::UnixStream;
    use std::os::unix::process::CommandExt;
    use std::process::{Child, Command};

    /// The pool's end.
    pub(in super::super) type Stream = tokio::net::UnixStream;
    /// The worker's end.
    type Socket = UnixStream;

    /// Starts a worker; to be called on a thread of a tokio runtime.
    pub(in super::super) fn start(launch: &Launch) -> io::Result<(Child, Stream)> {
        let (ours, theirs) = UnixStream::pair()?;
        ours.set_nonblocking(true)?;
        let ours = Stream::from_std(ours)?;
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
    pub(in super::super) fn from_descriptor(descriptor: i32) -> io::Result<Socket> {
        let descriptor: RawFd = descriptor;
        // SAFETY: the one who started this process opened the descriptor for this call alone.
        let socket = Socket::from(unsafe { OwnedFd::from_raw_fd(descriptor) });
        // Asks for its peer: fails on anything that is no socket.
        socket.peer_addr()?;
        fcntl_setfd(&socket, FdFlags::CLOEXEC)?;
        Ok(socket)
    }

    /// Calls `then`, on a thread of its own, when the other end of the socket is closed.
    pub(in super::super) fn when_hung_up(
        socket: &Socket,
        then: impl FnOnce() + Send + 'static,
    ) -> io::Result<()> {
        let socket = socket.try_clone()?;
        let watching = std::thread::Builder::new().name("wasiexec-watch".into());
        watching.spawn(move || {
            let mut hang_up = [PollFd::new(&socket, PollFlags::empty())];
            while poll(&mut hang_up, None) == Err(Errno::INTR) {}
            then();
        })?;
        Ok(())
    }
}

#[cfg(not(unix))]
mod elsewhere {
    use super::Launch;
    use std::io::{self, Read, Write};
    use std::process::Child;

    pub(in super::super) type Stream = tokio::io::DuplexStream;

    pub(in super::super) fn start(_: &Launch) -> io::Result<(Child, Stream)> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(in super::super) fn from_descriptor(_: i32) -> io::Result<Socket> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(in super::super) fn when_hung_up(_: &Socket, _: impl FnOnce()) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// There is none.
    pub(in super::super) enum Socket {}

    impl Socket {
        pub(in super::super) fn try_clone(&self) -> io::Result<Self> {
            match *self {}
        }
    }

    impl Read for Socket {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            match *self {}
        }
    }

    impl Write for Socket {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            match *self {}
        }

        fn flush(&mut self) -> io::Result<()> {
            match *self {}
        }
    }
}
