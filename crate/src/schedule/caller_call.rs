//! A call of an instance on the thread that waits for it.

use super::callable::{Callable, Called};
use super::caller_run::refuse_nested;
use super::instance_handle::InstanceHandle;
use super::panics::catch_panics;
use super::queued_call::QueuedCall;
use super::seat::{Seat, Step};
use crate::error::{Error, Result};
use crate::guest::{CallControl, CallOutcome, Outcome};
use crate::host_functions::HostCalls;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};
use tokio::runtime::Handle;

/// A call that is polled while its caller waits for it. Dropped before its end, it ends the instance.
pub struct CallerCall {
    handle: Arc<InstanceHandle>,
    runtime: Handle,
    seat: Arc<Seat>,
    work: Option<BoxFuture<'static, Result<Called>>>,
    host_calls: Option<Arc<HostCalls>>,
}

impl CallerCall {
    /// Takes the instance, of which no call may be in progress; `payload` is that of a [`QueuedCall`].
    ///
    /// # Errors
    ///
    /// [`ErrorCode::NestedRun`](crate::ErrorCode::NestedRun), [`ErrorCode::InstanceBusy`](crate::ErrorCode::InstanceBusy)
    /// and [`ErrorCode::InstanceOver`](crate::ErrorCode::InstanceOver).
    pub(crate) fn new(
        runtime: &Handle,
        handle: Arc<InstanceHandle>,
        function: usize,
        payload: Bytes,
    ) -> Result<Self> {
        refuse_nested()?;
        let callable = handle.take()?;
        let seat = Arc::<Seat>::default();
        let host_calls = callable.host_calls();
        if let Some(calls) = &host_calls {
            calls.take_with(Some(Waker::from(seat.clone())));
        }
        Ok(Self {
            handle,
            runtime: runtime.clone(),
            seat,
            host_calls,
            work: Some(Box::pin(catch_panics(call(callable, function, payload)))),
        })
    }

    /// The calls of host functions, if the instance makes any.
    pub fn host_calls(&self) -> Option<&Arc<HostCalls>> {
        self.host_calls.as_ref()
    }

    /// Polls the call for about `patience` at most, or until it calls a host function. `None` if it has not ended.
    ///
    /// # Errors
    ///
    /// Host faults.
    pub fn wait(&mut self, patience: Duration) -> Result<Option<CallOutcome>> {
        refuse_nested()?;
        let mut deadline = None;
        let waker = Waker::from(self.seat.clone());
        loop {
            let Some(work) = &mut self.work else {
                return Err(Error::internal("a call that has ended is waited for"));
            };
            let polled = {
                let _context = self.runtime.enter();
                self.handle.control().pass_on();
                work.as_mut().poll(&mut Context::from_waker(&waker))
            };
            if let Poll::Ready(called) = polled {
                self.work = None;
                self.leave();
                return self.settle(called).map(Some);
            }
            if self
                .host_calls
                .as_ref()
                .is_some_and(|calls| calls.is_asked())
            {
                return Ok(None);
            }
            // Not before: most calls end in their first poll.
            let deadline = *deadline.get_or_insert_with(|| Instant::now().checked_add(patience));
            match self.seat.step(deadline) {
                Step::Poll => {}
                Step::Return | Step::Start(_) | Step::End(_) => return Ok(None),
            }
        }
    }

    /// Calls of later calls are told again.
    fn leave(&self) {
        if let Some(calls) = &self.host_calls {
            calls.take_with(None);
        }
    }

    fn settle(&self, called: Result<Called>) -> Result<CallOutcome> {
        match called {
            Ok(Called::GoesOn(callable, result)) => {
                self.handle.put(callable);
                result
            }
            Ok(Called::Over(Ok(outcome))) => {
                self.handle.end(Ok(outcome.without_output()));
                Ok(CallOutcome::Ended(outcome))
            }
            Ok(Called::Over(Err(error))) | Err(error) => {
                self.handle.end(Err(error.clone()));
                Err(error)
            }
        }
    }
}

async fn call(callable: Box<Callable>, function: usize, payload: Bytes) -> Result<Called> {
    let request = QueuedCall {
        id: 0,
        function,
        payload,
        control: None,
    };
    Ok(callable
        .call(&request, &Arc::<CallControl>::default())
        .await)
}

impl Drop for CallerCall {
    fn drop(&mut self) {
        if let Some(work) = self.work.take() {
            self.leave();
            let _context = self.runtime.enter();
            drop(work);
            self.handle.end(Ok(Outcome::never_started()));
        }
    }
}
