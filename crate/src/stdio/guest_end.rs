//! The guest's ends of the pipes, as wasmtime-wasi wants them.

use super::pipe::{InputPipe, OutputPipe};
use bytes::Bytes;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use wasmtime_wasi::cli::{IsTerminal, StdinStream, StdoutStream};
use wasmtime_wasi::p2::{InputStream, OutputStream, Pollable, StreamError, StreamResult};

/// Reads from an [`InputPipe`].
#[derive(Clone)]
pub(super) struct Reader(pub(super) Arc<InputPipe>);

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
        self.0.read(size).ok_or(StreamError::Closed)
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
                bytes => {
                    buffer.put_slice(&bytes.unwrap_or_default());
                    return Poll::Ready(Ok(()));
                }
            }
        }
    }
}

/// Writes to an [`OutputPipe`].
#[derive(Clone)]
pub(super) struct Writer {
    pipe: Arc<OutputPipe>,
    /// Where this writer's last byte stands in everything sent.
    written: u64,
    /// Set by a flush that has to last until the host took that byte.
    flushing: Option<u64>,
}

impl Writer {
    pub(super) fn new(pipe: Arc<OutputPipe>) -> Self {
        Self {
            pipe,
            written: 0,
            flushing: None,
        }
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
        poll_fn(|context| self.pipe.poll_room(self.flushing, context)).await;
    }
}

#[async_trait::async_trait]
impl OutputStream for Writer {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        if !bytes.is_empty() {
            self.written = self.pipe.send(bytes);
        }
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        self.start_flush();
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        self.pipe.room(self.flushing).ok_or_else(broken_pipe)
    }

    async fn write_ready(&mut self) -> StreamResult<usize> {
        let room = poll_fn(|context| self.pipe.poll_room(self.flushing, context)).await;
        room.ok_or_else(broken_pipe)
    }
}

/// `Closed` would reach a guest of WASI 0.1 as EIO.
fn broken_pipe() -> StreamError {
    let error = io::Error::from(io::ErrorKind::BrokenPipe);
    StreamError::LastOperationFailed(error.into())
}

impl AsyncWrite for Writer {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let Some(room) = ready!(self.pipe.poll_room(None, context)) else {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        };
        let chunk = Bytes::copy_from_slice(&bytes[..bytes.len().min(room)]);
        let length = chunk.len();
        if length > 0 {
            self.written = self.pipe.send(chunk);
        }
        Poll::Ready(Ok(length))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.start_flush();
        ready!(self.pipe.poll_room(self.flushing, context));
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_flush(context)
    }
}
