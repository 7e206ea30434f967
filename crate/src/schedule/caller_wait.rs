//! How a thread waits for what it polls itself: a run or a call of an instance.

use super::lane::Lane;
use super::seat::{Seat, Step};
use crate::error::{Error, ErrorCode, Result};
use crate::host_functions::HostCalls;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

/// The place of a thread that polls, and the calls of host functions that the thread carries out meanwhile.
pub(super) struct CallerWait {
    pub(super) seat: Arc<Seat>,
    host_calls: Option<Arc<HostCalls>>,
}

impl CallerWait {
    pub(super) fn new(host_calls: Option<Arc<HostCalls>>) -> Self {
        let seat = Seat::take();
        if let Some(calls) = &host_calls {
            calls.take_with(Some(Waker::from(seat.clone())));
        }
        Self { seat, host_calls }
    }

    pub(super) fn host_calls(&self) -> Option<&Arc<HostCalls>> {
        self.host_calls.as_ref()
    }

    /// Takes turns for about `patience` at most, until one of them has the result or a host function is called; `None` if
    /// there is no result.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::NestedRun`], and those of a turn.
    pub(super) fn wait<T>(
        &self,
        patience: Duration,
        mut turn: impl FnMut(Step, &mut Context<'_>) -> Poll<Result<T>>,
    ) -> Result<Option<T>> {
        refuse_nested()?;
        let waker = Waker::from(self.seat.clone());
        let mut context = Context::from_waker(&waker);
        let mut deadline = None;
        let mut step = Step::Poll;
        loop {
            if let Poll::Ready(result) = turn(step, &mut context) {
                return result.map(Some);
            }
            if self.host_calls().is_some_and(|calls| calls.is_asked()) {
                return Ok(None);
            }
            // Not before: most runs and calls end in their first turn.
            let deadline = *deadline.get_or_insert_with(|| Instant::now().checked_add(patience));
            match self.seat.step(deadline) {
                Some(next) => step = next,
                None => return Ok(None),
            }
        }
    }
}

impl Drop for CallerWait {
    fn drop(&mut self) {
        Seat::give_back(&mut self.seat);
    }
}

/// Refuses to wait while another run computes on this thread.
pub(super) fn refuse_nested() -> Result<()> {
    if Lane::with(Lane::is_computing) != Some(true) {
        return Ok(());
    }
    Err(Error::new(
        ErrorCode::NestedRun,
        "a run whose end this thread waits for cannot be started inside a host call of another run on \
         this thread; start it without waiting for it, or on another thread",
    ))
}
