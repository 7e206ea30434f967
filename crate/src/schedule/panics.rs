//! Panics in what is polled.

use crate::error::{Error, Result};
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::Poll;

/// A panic in `work` is an error of ours, not the end of the process. The work is pinned by the caller: as an argument of
/// its own it would be twice in the future of a run, which is moved when the run starts.
pub(super) async fn catch_panics<T>(
    mut work: Pin<&mut impl Future<Output = Result<T>>>,
) -> Result<T> {
    poll_fn(move |polled| {
        catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(polled)))
            .unwrap_or_else(|panic| Poll::Ready(Err(Error::from_panic(&*panic))))
    })
    .await
}
