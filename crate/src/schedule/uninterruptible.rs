//! Guests that cannot be interrupted: where they compute, and how many at a time.
//!
//! Such a guest keeps its thread until it ends or waits in the host. A thread of the scheduler would
//! have other runs behind it meanwhile, and their limits and endings.

use std::future::poll_fn;
use std::pin::pin;
use std::task::ready;
use tokio::sync::Semaphore;
use tokio::task::{block_in_place, yield_now};

/// As many of them compute at a time as the runtime has threads.
pub(crate) struct ComputePermits(Semaphore);

impl ComputePermits {
    pub(crate) fn new(threads: usize) -> Self {
        Self(Semaphore::new(threads.min(Semaphore::MAX_PERMITS)))
    }

    /// Carries out `call` on threads outside of the scheduler. While it waits in the host, or for its permit, it has
    /// no thread.
    pub(crate) async fn compute<F: Future>(&self, call: F) -> F::Output {
        // The runner that started it goes on to its next run.
        yield_now().await;
        let mut call = pin!(call);
        let mut asked = None;
        poll_fn(|context| {
            let permit = asked.get_or_insert_with(|| Box::pin(self.0.acquire()));
            // The semaphore is never closed.
            let permit = ready!(permit.as_mut().poll(context)).ok();
            let polled = block_in_place(|| call.as_mut().poll(context));
            drop(permit);
            asked = None;
            polled
        })
        .await
    }
}
