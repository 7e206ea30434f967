//! Streams of bytes between guests of WASI 0.3 and the host.

use super::state::RunState;
use std::pin::Pin;
use std::task::{Context, Poll};
use wasmtime::component::{
    Destination, DirectDestination, DirectSource, Source, StreamConsumer, StreamProducer,
    StreamResult,
};
use wasmtime::{AsContextMut, Result, StoreContextMut};

/// What a guest reads bytes from.
pub(super) trait ByteProducer: Send + Unpin + 'static {
    /// Bytes that are read at once where the reader is not a guest with a buffer of its own.
    const CHUNK: usize;

    /// The answer to a guest that only asks whether there is something.
    fn poll_ready(&mut self, context: &mut Context<'_>, finish: bool)
    -> Poll<Result<StreamResult>>;

    fn produce(
        &mut self,
        context: &mut Context<'_>,
        destination: DirectDestination<'_, RunState>,
        finish: bool,
    ) -> Poll<Result<StreamResult>>;
}

/// What a guest writes bytes to.
pub(super) trait ByteConsumer: Send + Unpin + 'static {
    /// The answer to a guest that only asks whether there is room.
    fn poll_ready(&mut self, context: &mut Context<'_>, finish: bool)
    -> Poll<Result<StreamResult>>;

    fn consume(
        &mut self,
        context: &mut Context<'_>,
        source: DirectSource<'_, RunState>,
        finish: bool,
    ) -> Poll<Result<StreamResult>>;
}

/// Makes a [`StreamProducer`] of a [`ByteProducer`].
pub(super) struct Producer<T>(pub(super) T);

/// Makes a [`StreamConsumer`] of a [`ByteConsumer`].
pub(super) struct Consumer<T>(pub(super) T);

impl<T: ByteProducer> StreamProducer<RunState> for Producer<T> {
    type Item = u8;
    type Buffer = bytes::BytesMut;

    fn poll_produce<'a>(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        mut store: StoreContextMut<'a, RunState>,
        destination: Destination<'a, u8, Self::Buffer>,
        finish: bool,
    ) -> Poll<Result<StreamResult>> {
        if destination.remaining(store.as_context_mut()) == Some(0) {
            return self.0.poll_ready(context, finish);
        }
        let destination = destination.as_direct(store, T::CHUNK);
        self.0.produce(context, destination, finish)
    }
}

impl<T: ByteConsumer> StreamConsumer<RunState> for Consumer<T> {
    type Item = u8;

    fn poll_consume(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        store: StoreContextMut<'_, RunState>,
        source: Source<'_, u8>,
        finish: bool,
    ) -> Poll<Result<StreamResult>> {
        let mut source = source.as_direct(store);
        if source.remaining().is_empty() {
            return self.0.poll_ready(context, finish);
        }
        self.0.consume(context, source, finish)
    }
}
