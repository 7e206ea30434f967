//! The streams of WASI 0.2's connections, which count their bytes.

use super::super::network::Shared;
use bytes::Bytes;
use std::mem::replace;
use std::sync::Arc;
use wasmtime_wasi::async_trait;
use wasmtime_wasi::p2::{
    DynInputStream, DynOutputStream, InputStream, OutputStream, Pollable, StreamError, StreamResult,
};

/// Has `stream` count what is read from it.
pub(super) fn count_input(stream: &mut DynInputStream, network: &Arc<Shared>) {
    *stream = Box::new(Counted::new(stream, Box::new(Nothing), network));
}

/// Has `stream` count what is written to it.
pub(super) fn count_output(stream: &mut DynOutputStream, network: &Arc<Shared>) {
    *stream = Box::new(Counted::new(stream, Box::new(Nothing), network));
}

struct Counted<S> {
    inner: S,
    network: Arc<Shared>,
}

impl<S> Counted<S> {
    /// Takes a stream out of its place, where it leaves `nothing`.
    fn new(stream: &mut S, nothing: S, network: &Arc<Shared>) -> Self {
        Self {
            inner: replace(stream, nothing),
            network: network.clone(),
        }
    }
}

#[async_trait]
impl<S: Pollable> Pollable for Counted<S> {
    async fn ready(&mut self) {
        self.inner.ready().await;
    }
}

#[async_trait]
impl InputStream for Counted<DynInputStream> {
    fn read(&mut self, size: usize) -> StreamResult<Bytes> {
        let bytes = self.inner.read(size)?;
        let counted = self.network.traffic.receive(bytes.len());
        counted.map_err(|stopped| StreamError::Trap(stopped.into()))?;
        Ok(bytes)
    }

    async fn cancel(&mut self) {
        self.inner.cancel().await;
    }
}

#[async_trait]
impl OutputStream for Counted<DynOutputStream> {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        let length = bytes.len();
        let sending = self.network.traffic.send(length);
        let sending = sending.map_err(|stopped| StreamError::Trap(stopped.into()))?;
        self.inner.write(bytes)?;
        sending.sent(length);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        self.inner.flush()
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        self.inner.check_write()
    }

    async fn cancel(&mut self) {
        self.inner.cancel().await;
    }
}

/// Stands in a stream's place while the stream is wrapped.
struct Nothing;

#[async_trait]
impl Pollable for Nothing {
    async fn ready(&mut self) {}
}

#[async_trait]
impl InputStream for Nothing {
    fn read(&mut self, _: usize) -> StreamResult<Bytes> {
        Err(StreamError::Closed)
    }
}

#[async_trait]
impl OutputStream for Nothing {
    fn write(&mut self, _: Bytes) -> StreamResult<()> {
        Err(StreamError::Closed)
    }

    fn flush(&mut self) -> StreamResult<()> {
        Err(StreamError::Closed)
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Err(StreamError::Closed)
    }
}
