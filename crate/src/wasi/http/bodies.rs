//! The bodies of a request that is sent and of its response.

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use std::pin::Pin;
use std::sync::Weak;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::time::{Interval, interval};
use wasmtime_wasi_http::{Error, WasiBody};

type Next = Poll<Option<Result<Frame<Bytes>, Error>>>;

/// The body of a request. That its run has ended is not the end of the body.
pub(super) struct RequestBody {
    pub(super) body: WasiBody,
    /// There for as long as the run.
    pub(super) run: Weak<()>,
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Next {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        match frame {
            None if self.run.strong_count() == 0 => {
                Poll::Ready(Some(Err(Error::ConnectionTerminated)))
            }
            frame => Poll::Ready(frame),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// The body of a response, of which nothing may be waited for longer than its guest wants.
pub(super) struct ResponseBody {
    body: Incoming,
    patience: Interval,
}

impl ResponseBody {
    pub(super) fn new(body: Incoming, patience: Duration) -> Self {
        // An interval of nothing would be a panic.
        let mut patience = interval(patience.max(Duration::from_nanos(1)));
        patience.reset();
        Self { body, patience }
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Next {
        match Pin::new(&mut self.body).poll_frame(context) {
            Poll::Ready(Some(Ok(frame))) => {
                self.patience.reset();
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(Some(Err(error))) => Poll::Ready(Some(Err(match error.is_timeout() {
                true => Error::HttpResponseTimeout,
                false => error.into(),
            }))),
            Poll::Ready(None) => Poll::Ready(None),
            Poll::Pending => {
                ready!(self.patience.poll_tick(context));
                Poll::Ready(Some(Err(Error::ConnectionReadTimeout)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
