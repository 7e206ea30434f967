//! What guests of WASI 0.3 read from files in memory, and write to them.

use super::component_descriptor::OpenFile;
use super::file_streams::FileStream;
use super::p3_types::error_code;
use crate::wasi::byte_streams::{ByteConsumer, ByteProducer};
use crate::wasi::state::RunState;
use crate::wasi::stream_end::{EndSender, StreamEnd, nothing_yet};
use std::task::{Context, Poll};
use wasmtime::Result;
use wasmtime::component::{DirectDestination, DirectSource, StreamResult};
use wasmtime_wasi::p3::bindings::filesystem::types::ErrorCode;

/// The most that is read or written at a time.
const CHUNK: usize = 64 << 10;

/// Lets others have the thread, and the guest's limits be looked at.
fn give_way(context: &mut Context<'_>, finish: bool) -> Poll<Result<StreamResult>> {
    context.waker().wake_by_ref();
    nothing_yet(finish)
}

pub(super) struct Reader {
    open: OpenFile,
    stream: FileStream,
    at: u64,
    end: StreamEnd<ErrorCode>,
}

impl Reader {
    pub(super) fn new(
        open: OpenFile,
        stream: FileStream,
        at: u64,
        sender: EndSender<ErrorCode>,
    ) -> Self {
        Self {
            open,
            stream,
            at,
            end: StreamEnd::new(sender),
        }
    }
}

impl ByteProducer for Reader {
    const CHUNK: usize = CHUNK;

    fn poll_ready(&mut self, _: &mut Context<'_>, _: bool) -> Poll<Result<StreamResult>> {
        Poll::Ready(Ok(StreamResult::Completed))
    }

    fn produce(
        &mut self,
        context: &mut Context<'_>,
        mut destination: DirectDestination<'_, RunState>,
        finish: bool,
    ) -> Poll<Result<StreamResult>> {
        if self.stream.had_its_turn() {
            return give_way(context, finish);
        }
        let room = destination.remaining();
        let most = room.len().min(CHUNK);
        let read = self.open.read(self.at, &mut room[..most]);
        self.stream.carried(*read.as_ref().unwrap_or(&0));
        match read {
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
    stream: FileStream,
    /// `None` for the end of the file.
    at: Option<u64>,
    end: StreamEnd<ErrorCode>,
}

impl Writer {
    pub(super) fn new(
        open: OpenFile,
        stream: FileStream,
        at: Option<u64>,
        sender: EndSender<ErrorCode>,
    ) -> Self {
        Self {
            open,
            stream,
            at,
            end: StreamEnd::new(sender),
        }
    }
}

impl ByteConsumer for Writer {
    fn poll_ready(&mut self, _: &mut Context<'_>, _: bool) -> Poll<Result<StreamResult>> {
        Poll::Ready(Ok(StreamResult::Completed))
    }

    fn consume(
        &mut self,
        context: &mut Context<'_>,
        mut source: DirectSource<'_, RunState>,
        finish: bool,
    ) -> Poll<Result<StreamResult>> {
        if self.stream.had_its_turn() {
            return give_way(context, finish);
        }
        let mut left = source.remaining();
        left = &left[..left.len().min(CHUNK)];
        self.stream.carried(left.len());
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
