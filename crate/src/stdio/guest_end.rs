//! The guest's ends of the pipes, with the traits that wasmtime-wasi wants.

use super::capture::Capture;
use super::input_pipe::InputPipe;
use super::output_pipe::{Lost, OutputPipe};
use super::permit::{PERMIT, check, zeroes};
use crate::guest::Stopped;
use bytes::Bytes;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use wasmtime_wasi::cli::{IsTerminal, StdinStream, StdoutStream};
use wasmtime_wasi::p2::{InputStream, OutputStream, Pollable, StreamError, StreamResult};

/// The error of the operating system: wasmtime-wasi makes EIO of one without a number.
#[cfg(unix)]
const BROKEN_PIPE: i32 = rustix::io::Errno::PIPE.raw_os_error();
/// `ERROR_BROKEN_PIPE`.
#[cfg(windows)]
const BROKEN_PIPE: i32 = 109;

/// Reads from an [`InputPipe`].
#[derive(Clone)]
pub(super) struct Reader(pub(super) Arc<InputPipe>);

impl Reader {
    fn failure(&self) -> Option<io::Error> {
        self.0.failure().map(io::Error::from_raw_os_error)
    }
}

impl IsTerminal for Reader {
    fn is_terminal(&self) -> bool {
        self.0.is_terminal()
    }
}

impl StdinStream for Reader {
    fn p2_stream(&self) -> Box<dyn InputStream> {
        Box::new(self.clone())
    }

    fn async_stream(&self) -> Box<dyn AsyncRead + Send + Sync> {
        Box::new(self.clone())
    }
}

#[async_trait::async_trait]
impl Pollable for Reader {
    async fn ready(&mut self) {
        poll_fn(|context| self.0.poll_ready(context)).await;
    }
}

#[async_trait::async_trait]
impl InputStream for Reader {
    fn read(&mut self, size: usize) -> StreamResult<Bytes> {
        self.0.read(size).ok_or_else(|| match self.failure() {
            Some(error) => StreamError::LastOperationFailed(error.into()),
            None => StreamError::Closed,
        })
    }
}

impl AsyncRead for Reader {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            ready!(self.0.poll_ready(context));
            match self.0.read(buffer.remaining()) {
                // Another reader of the same pipe was quicker.
                Some(bytes) if bytes.is_empty() && buffer.remaining() > 0 => {}
                Some(bytes) => {
                    buffer.put_slice(&bytes);
                    return Poll::Ready(Ok(()));
                }
                None => return Poll::Ready(self.failure().map_or(Ok(()), Err)),
            }
        }
    }
}

/// Writes to an [`OutputPipe`].
#[derive(Clone)]
pub(super) struct Writer {
    pipe: Arc<OutputPipe>,
    /// The position of this writer's last byte among all bytes sent.
    written: u64,
    /// Set by a flush that has to last until the host has taken the byte at this position.
    flushing: Option<u64>,
    /// Set if the cap or a lost reader of this stream can end the run.
    run: Option<Arc<Capture>>,
    /// How many bytes the guest may write without another look at the window. All handles of the stream share them:
    /// otherwise a guest with many handles could have many times as much kept for it.
    permitted: Arc<AtomicUsize>,
}

impl Writer {
    pub(super) fn new(pipe: Arc<OutputPipe>, run: Option<Arc<Capture>>) -> Self {
        Self {
            pipe,
            written: 0,
            flushing: None,
            run,
            permitted: Arc::default(),
        }
    }

    /// Sends as many of the bytes as the cap allows.
    fn send(&mut self, mut bytes: Bytes) {
        if let Some(run) = &self.run {
            bytes.truncate(run.pass(bytes.len()));
        }
        if !bytes.is_empty() {
            self.written = self.pipe.send(bytes);
        }
        if self.is_exceeded() {
            // Output up to the cap has to arrive before the run ends.
            self.start_flush();
        }
    }

    fn is_exceeded(&self) -> bool {
        self.run.as_ref().is_some_and(|run| run.is_exceeded())
    }

    /// Ends the run when it has printed more than the cap and the output up to the cap has arrived.
    fn enforce(&self, room: usize) -> Result<usize, Stopped> {
        match &self.run {
            Some(run) if room > 0 && run.is_exceeded() => {
                run.enforce();
                Err(Stopped)
            }
            _ => Ok(room),
        }
    }

    /// The error for the guest. A lost reader may end the run instead.
    fn error(&self, lost: Lost) -> Result<io::Error, Stopped> {
        match lost {
            Lost::Error(code) => Ok(io::Error::from_raw_os_error(code)),
            Lost::Reader if self.run.as_ref().is_some_and(|run| run.break_pipe()) => Err(Stopped),
            Lost::Reader => Ok(io::Error::from_raw_os_error(BROKEN_PIPE)),
        }
    }

    fn stream_error(&self, lost: Lost) -> StreamError {
        match self.error(lost) {
            // `Closed` would reach a guest of WASI 0.1 as EIO.
            Ok(error) => StreamError::LastOperationFailed(error.into()),
            Err(end) => stopped(end),
        }
    }

    async fn wait_for_room(&self) -> StreamResult<usize> {
        let room = poll_fn(|context| self.pipe.poll_room(self.flushing, context)).await;
        let room = room.map_err(|lost| self.stream_error(lost))?;
        self.enforce(room).map_err(stopped)
    }

    /// What the guest may write while there is `room` for a byte. It is more than there is room for, because there are
    /// guests that lose what is not written at once.
    fn permit(&self, room: usize) -> usize {
        let permit = if room > 0 { PERMIT } else { 0 };
        self.permitted.store(permit, Ordering::Relaxed);
        permit
    }

    /// Counts what the guest writes. A guest that has not asked may write, too, while there is room.
    fn use_permit(&mut self, length: usize) -> StreamResult<()> {
        if length > self.permitted.load(Ordering::Relaxed) {
            check(length, self.check_write()?)?;
        }
        self.permitted.fetch_sub(length, Ordering::Relaxed);
        Ok(())
    }

    fn start_flush(&mut self) {
        self.flushing = self.pipe.flush_waits().then_some(self.written);
    }
}

impl IsTerminal for Writer {
    fn is_terminal(&self) -> bool {
        self.pipe.is_terminal()
    }
}

impl StdoutStream for Writer {
    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }

    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }
}

#[async_trait::async_trait]
impl Pollable for Writer {
    async fn ready(&mut self) {
        // The next write reports the loss.
        let _ = poll_fn(|context| self.pipe.poll_room(self.flushing, context)).await;
    }
}

#[async_trait::async_trait]
impl OutputStream for Writer {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.use_permit(bytes.len())?;
        self.send(bytes);
        Ok(())
    }

    fn write_zeroes(&mut self, count: usize) -> StreamResult<()> {
        self.use_permit(count)?;
        zeroes(count).for_each(|bytes| self.send(bytes));
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        self.start_flush();
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        let room = self.pipe.room(self.flushing);
        let room = room.map_err(|lost| self.stream_error(lost))?;
        let room = self.enforce(room).map_err(stopped)?;
        Ok(self.permit(room))
    }

    async fn write_ready(&mut self) -> StreamResult<usize> {
        let room = self.wait_for_room().await?;
        Ok(self.permit(room))
    }

    /// As the trait does it, but waits for room only before it writes.
    async fn blocking_write_and_flush(&mut self, mut bytes: Bytes) -> StreamResult<()> {
        loop {
            let room = self.wait_for_room().await?;
            self.send(bytes.split_to(bytes.len().min(room)));
            if bytes.is_empty() {
                break;
            }
        }
        if self.pipe.flush_waits() || self.is_exceeded() {
            self.start_flush();
            self.wait_for_room().await?;
        }
        Ok(())
    }
}

fn stopped(stopped: Stopped) -> StreamError {
    StreamError::Trap(stopped.into())
}

impl AsyncWrite for Writer {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let after = self.flushing.filter(|_| self.is_exceeded());
        let room = match ready!(self.pipe.poll_room(after, context)) {
            Ok(room) => room,
            Err(lost) => {
                let error = self.error(lost).unwrap_or_else(io::Error::other);
                return Poll::Ready(Err(error));
            }
        };
        self.enforce(room).map_err(io::Error::other)?;
        // As with `permit`: there is room for a byte.
        self.send(Bytes::copy_from_slice(bytes));
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.start_flush();
        // The next write reports the loss again.
        let _ = ready!(self.pipe.poll_room(self.flushing, context));
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_flush(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static MUCH: [u8; PERMIT] = [0; PERMIT];

    #[test]
    fn all_handles_of_a_stream_share_what_is_permitted() {
        let pipe = OutputPipe::new(false, false, |_| {});
        let writer = Writer::new(pipe.clone(), None);
        let [mut first, mut second] = [writer.clone(), writer];
        let permits = [first.check_write(), second.check_write()];
        assert!(matches!(permits, [Ok(PERMIT), Ok(PERMIT)]), "{permits:?}");
        assert!(first.write(Bytes::from_static(&MUCH)).is_ok());
        assert!(matches!(second.check_write(), Ok(0)));
        for byte in [Bytes::from_static(&MUCH), Bytes::from_static(b"x")] {
            let written = second.write(byte);
            assert!(matches!(written, Err(StreamError::Trap(_))), "{written:?}");
        }
        pipe.take(PERMIT as u64);
        assert!(
            second.write(Bytes::from_static(b"x")).is_ok(),
            "there is room again"
        );
    }
}
