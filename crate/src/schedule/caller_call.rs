//! A call of an instance on the thread that waits for it.

use super::callable::{Callable, Called};
use super::caller_wait::{CallerWait, refuse_nested};
use super::instance_handle::InstanceHandle;
use super::panics::catch_panics;
use super::queued_call::QueuedCall;
use crate::error::{Error, Result};
use crate::guest::{CallControl, CallOutcome, Outcome};
use crate::host_functions::HostCalls;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::runtime::Handle;

/// A call that is polled while its caller waits for it. Dropped before its end, it ends the instance.
pub struct CallerCall {
    handle: Arc<InstanceHandle>,
    /// Before the wait, whose seat its wakers are of.
    work: Option<Work>,
    waiting: CallerWait,
}

/// A call in progress.
struct Work {
    call: BoxFuture<'static, Result<Called>>,
    /// No longer than the call: it keeps what a closed runtime gives back.
    runtime: Handle,
}

impl CallerCall {
    /// Takes the instance, of which no call may be in progress; `payload` is that of a [`QueuedCall`].
    ///
    /// # Errors
    ///
    /// [`ErrorCode::NestedRun`](crate::ErrorCode::NestedRun), [`ErrorCode::InstanceBusy`](crate::ErrorCode::InstanceBusy)
    /// and [`ErrorCode::InstanceOver`](crate::ErrorCode::InstanceOver).
    pub(crate) fn new(
        runtime: Handle,
        handle: Arc<InstanceHandle>,
        function: usize,
        payload: Bytes,
    ) -> Result<Self> {
        refuse_nested()?;
        let callable = handle.take()?;
        let waiting = CallerWait::new(callable.host_calls());
        let call = async move { catch_panics(pin!(call(callable, function, payload))).await };
        Ok(Self {
            waiting,
            handle,
            work: Some(Work {
                call: Box::pin(call),
                runtime,
            }),
        })
    }

    /// The calls of host functions, if the instance makes any.
    pub fn host_calls(&self) -> Option<&Arc<HostCalls>> {
        self.waiting.host_calls()
    }

    /// Polls the call for about `patience` at most, or until it calls a host function. `None` if it has not ended.
    ///
    /// # Errors
    ///
    /// Host faults.
    pub fn wait(&mut self, patience: Duration) -> Result<Option<CallOutcome>> {
        let Self {
            waiting,
            handle,
            work,
        } = self;
        // The call has the slot of its instance, so all that comes is that it can go on.
        let called = waiting.wait(patience, |_, context| turn(work, handle, context))?;
        called.map(|called| self.settle(called)).transpose()
    }

    /// Calls of later calls are told again.
    fn leave(&self) {
        if let Some(calls) = self.host_calls() {
            calls.take_with(None);
        }
    }

    fn settle(&self, called: Result<Called>) -> Result<CallOutcome> {
        self.leave();
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

/// Polls the call. Its own errors are not those of the wait.
fn turn(
    work: &mut Option<Work>,
    handle: &InstanceHandle,
    context: &mut Context<'_>,
) -> Poll<Result<Result<Called>>> {
    let Some(Work { call, runtime }) = work else {
        return Poll::Ready(Err(Error::internal("a call that has ended is waited for")));
    };
    let entered = runtime.enter();
    handle.control().pass_on();
    let polled = call.as_mut().poll(context);
    drop(entered);
    polled.map(|called| {
        *work = None;
        Ok(called)
    })
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
        if let Some(Work { call, runtime }) = self.work.take() {
            self.leave();
            let _context = runtime.enter();
            drop(call);
            self.handle.end(Ok(Outcome::never_started()));
        }
    }
}
