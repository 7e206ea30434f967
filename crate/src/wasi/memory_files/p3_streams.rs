//! What guests of WASI 0.3 read from files in memory, and write to them.

use super::component_descriptor::OpenFile;
use super::p3_types::error_code;
use crate::wasi::state::RunState;
use crate::wasi::stream_end::{EndSender, StreamEnd, nothing_yet};
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::task::coop::poll_proceed;
use wasmtime::component::{Destination, Source, StreamConsumer, StreamProducer, StreamResult};
use wasmtime::{AsContextMut, Result, StoreContextMut};
use wasmtime_wasi::p3::bindings::filesystem::types::ErrorCode;

/// The most that is read or written at a time.
const CHUNK: usize = 64 << 10;

/// Whether the task has had its turn. A stream from one file to another never waits otherwise, and limits of time
/// are looked at between turns.
fn had_its_turn(context: &mut Context<'_>) -> bool {
    match poll_proceed(context) {
        Poll::Ready(proceeds) => {
            proceeds.made_progress();
            false
        }
        Poll::Pending => true,
    }
}

pub(super) struct Reader {
    open: OpenFile,
    at: u64,
    end: StreamEnd<ErrorCode>,
}

impl Reader {
    pub(super) fn new(open: OpenFile, at: u64, sender: EndSender<ErrorCode>) -> Self {
        let end = StreamEnd::new(sender);
        Self { open, at, end }
    }
}

impl StreamProducer<RunState> for Reader {
    type Item = u8;
    type Buffer = bytes::BytesMut;

    fn poll_produce<'a>(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        mut store: StoreContextMut<'a, RunState>,
        destination: Destination<'a, u8, Self::Buffer>,
        finish: bool,
    ) -> Poll<Result<StreamResult>> {
        // A guest that only asks whether there is something.
        if destination.remaining(store.as_context_mut()) == Some(0) {
            return Poll::Ready(Ok(StreamResult::Completed));
        }
        if had_its_turn(context) {
            return nothing_yet(finish);
        }
        let mut destination = destination.as_direct(store, CHUNK);
        let room = destination.remaining();
        let most = room.len().min(CHUNK);
        match self.open.read(self.at, &mut room[..most]) {
            Ok(0) => self.end.end(Ok(())),
            Ok(length) => {
                destination.mark_written(length);
                self.at += length as u64;
                Poll::Ready(Ok(StreamResult::Completed))
            }
            Err(code) => self.end.end(Err(error_code(code))),
        }
    }
}

pub(super) struct Writer {
    open: OpenFile,
    /// `None` for the end of the file.
    at: Option<u64>,
    end: StreamEnd<ErrorCode>,
}

impl Writer {
    pub(super) fn new(open: OpenFile, at: Option<u64>, sender: EndSender<ErrorCode>) -> Self {
        let end = StreamEnd::new(sender);
        Self { open, at, end }
    }
}

impl StreamConsumer<RunState> for Writer {
    type Item = u8;

    fn poll_consume(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        store: StoreContextMut<'_, RunState>,
        source: Source<'_, u8>,
        finish: bool,
    ) -> Poll<Result<StreamResult>> {
        let mut source = source.as_direct(store);
        // A guest that only asks whether there is room.
        if source.remaining().is_empty() {
            return Poll::Ready(Ok(StreamResult::Completed));
        }
        if had_its_turn(context) {
            return nothing_yet(finish);
        }
        let mut left = source.remaining();
        left = &left[..left.len().min(CHUNK)];
        let mut written = 0;
        // Where there is no room for all, the next attempt says why.
        while !left.is_empty() {
            match self.open.write(self.at, left) {
                Ok((length, end)) => {
                    left = &left[length..];
                    written += length;
                    self.at = self.at.map(|_| end);
                }
                Err(code) => {
                    source.mark_read(written);
                    return self.end.end(Err(error_code(code)));
                }
            }
        }
        source.mark_read(written);
        Poll::Ready(Ok(StreamResult::Completed))
    }
}
