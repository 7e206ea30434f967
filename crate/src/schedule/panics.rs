//! Panics in what is polled.

use crate::error::{Error, Result};
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;

/// A panic in `work` is an error of ours, not the end of the process.
pub(super) async fn catch_panics<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    let mut work = pin!(work);
    poll_fn(move |polled| {
        catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(polled)))
            .unwrap_or_else(|panic| Poll::Ready(Err(Error::from_panic(&*panic))))
    })
    .await
}
