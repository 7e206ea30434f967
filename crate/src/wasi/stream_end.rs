//! The streams that guests of WASI 0.3 have with the host: how they end, and when they wait.

use std::task::Poll;
use tokio::sync::oneshot;
use wasmtime::Result;
use wasmtime::component::StreamResult;

/// The sender of the future that says how a stream ended.
pub(super) type EndSender<E> = oneshot::Sender<std::result::Result<(), E>>;

/// How a stream ended: what its future says, once. A stream that nobody follows to its end has no error.
pub(super) struct StreamEnd<E>(Option<EndSender<E>>);

impl<E> StreamEnd<E> {
    pub(super) fn new(sender: EndSender<E>) -> Self {
        Self(Some(sender))
    }

    pub(super) fn is(&mut self, result: std::result::Result<(), E>) {
        if let Some(sender) = self.0.take() {
            // The guest may have dropped the future.
            let _ = sender.send(result);
        }
    }

    /// Says how the stream ended, and ends it.
    pub(super) fn end(&mut self, result: std::result::Result<(), E>) -> Poll<Result<StreamResult>> {
        self.is(result);
        Poll::Ready(Ok(StreamResult::Dropped))
    }
}

impl<E> Drop for StreamEnd<E> {
    fn drop(&mut self) {
        self.is(Ok(()));
    }
}

/// A poll that finds nothing to do.
pub(super) fn nothing_yet(finish: bool) -> Poll<Result<StreamResult>> {
    match finish {
        true => Poll::Ready(Ok(StreamResult::Cancelled)),
        false => Poll::Pending,
    }
}
