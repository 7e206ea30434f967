//! Over three named pipes, the number is that in their names.
//!
//! One for each direction, because a blocking read of a pipe holds up a write to it. Nothing is ever
//! sent over the third: a read of it returns when the other end is closed. A worker inherits no
//! handle, because any process that is started meanwhile would inherit it, too.

use super::super::launch::Launch;
use std::fs::{File, OpenOptions};
use std::hash::{BuildHasher, RandomState};
use std::io::{self, Read, Write};
use std::os::windows::io::AsRawHandle;
use std::pin::Pin;
use std::process::Child;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, Join, ReadBuf, join};
use tokio::net::windows::named_pipe::{NamedPipeServer, ServerOptions};
use tokio::runtime::Handle;
use tokio::time::timeout;
use windows_sys::Win32::System::Pipes::GetNamedPipeClientProcessId;

/// What it takes to start a program.
const ENVIRONMENT: [&str; 9] = [
    "PATH",
    "SystemDrive",
    "SystemRoot",
    "TEMP",
    "TMP",
    "USERPROFILE",
    "LOCALAPPDATA",
    "HOMEDRIVE",
    "HOMEPATH",
];
/// How often a process that has not connected is asked whether it has ended.
const CHECK: Duration = Duration::from_millis(10);
/// Bytes that a pipe holds.
const BUFFER: u32 = 1 << 18;

fn name(number: i32, role: &str) -> String {
    format!(r"\\.\pipe\wasiexec-{number}-{role}")
}

/// The pool's end.
pub(crate) struct Stream {
    pipes: Join<NamedPipeServer, NamedPipeServer>,
    _life: NamedPipeServer,
}

/// Starts a worker; to be called on a blocking thread of a tokio runtime.
pub(crate) fn start(launch: &Launch) -> io::Result<(Child, Stream)> {
    // So that two processes do not meet; where they do, the second makes no pipe.
    let number = RandomState::new().hash_one(()) as i32 & i32::MAX;
    let create = |role, to_worker: bool| {
        ServerOptions::new()
            .access_inbound(!to_worker)
            .access_outbound(to_worker)
            .first_pipe_instance(true)
            .max_instances(1)
            .in_buffer_size(BUFFER)
            .out_buffer_size(BUFFER)
            .create(name(number, role))
    };
    let (down, up, life) = (
        create("down", true)?,
        create("up", false)?,
        create("life", true)?,
    );
    let mut child = launch.command(number, &ENVIRONMENT).spawn()?;
    let connected = Handle::current().block_on(async {
        for pipe in [&down, &up, &life] {
            connect(pipe, &mut child).await?;
        }
        io::Result::Ok(())
    });
    if let Err(error) = connected {
        if child.try_wait()?.is_none() {
            child.kill()?;
            child.wait()?;
            return Err(error);
        }
        // Whoever reads then finds an end, and asks the process why.
        drop(open_up(number));
    }
    let pipes = join(up, down);
    let stream = Stream { pipes, _life: life };
    Ok((child, stream))
}

/// Waits until the worker has opened a pipe; nobody else may.
async fn connect(pipe: &NamedPipeServer, child: &mut Child) -> io::Result<()> {
    while timeout(CHECK, pipe.connect())
        .await
        .ok()
        .transpose()?
        .is_none()
    {
        if child.try_wait()?.is_some() {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
    }
    let mut client = 0;
    // SAFETY: the handle is open for as long as `pipe` is borrowed, and the out pointer is to a local that
    // outlives the call.
    let ok = unsafe { GetNamedPipeClientProcessId(pipe.as_raw_handle(), &mut client) };
    match ok != 0 && client == child.id() {
        true => Ok(()),
        false => Err(io::ErrorKind::PermissionDenied.into()),
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.pipes).poll_read(context, buffer)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.pipes).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.pipes).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.pipes).poll_shutdown(context)
    }
}

/// The worker's end.
pub(crate) struct Socket {
    down: File,
    up: File,
    life: File,
}

impl Socket {
    pub(crate) fn try_clone(&self) -> io::Result<Self> {
        Ok(Self {
            down: self.down.try_clone()?,
            up: self.up.try_clone()?,
            life: self.life.try_clone()?,
        })
    }
}

impl Read for Socket {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.down.read(buffer)
    }
}

impl Write for Socket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.up.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The socket that a worker was started with.
pub(crate) fn from_number(number: i32) -> io::Result<Socket> {
    let reading = |role| File::open(name(number, role));
    Ok(Socket {
        down: reading("down")?,
        up: open_up(number)?,
        life: reading("life")?,
    })
}

fn open_up(number: i32) -> io::Result<File> {
    OpenOptions::new().write(true).open(name(number, "up"))
}

/// Calls `then`, on a thread of its own, when the other end of the socket is closed.
pub(crate) fn when_hung_up(
    socket: &Socket,
    then: impl FnOnce() + Send + 'static,
) -> io::Result<()> {
    let mut life = socket.life.try_clone()?;
    let watching = std::thread::Builder::new().name("wasiexec-watch".into());
    watching.spawn(move || {
        let _ = life.read(&mut [0]);
        then();
    })?;
    Ok(())
}
