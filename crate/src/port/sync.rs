//! Runs whose end a thread waits for.

use super::wire::{Delivery, ReceivedCall};
use crate::error::{Error, Result};
use crate::host_functions::{HostCall, HostCalls};
use crate::schedule::{CallerCall, CallerRun, lift_into};
use crate::stdio::Widened;
use std::mem::take;
use std::sync::{Arc, mpsc};
use std::time::Duration;

/// A run whose end a thread waits for.
pub enum PendingRun {
    /// On the thread itself.
    Here(CallerRun),
    /// A call of an instance, on the thread itself.
    Call {
        /// What is called.
        call: CallerCall,
        /// Its output, which this thread takes after the call.
        _output: Vec<Widened>,
    },
    /// In a worker process.
    Elsewhere(RemoteRun),
}

/// A run in a worker process whose end a thread waits for.
pub struct RemoteRun {
    /// The number by which the backend knows it.
    pub(super) id: u64,
    receiver: mpsc::Receiver<Delivery>,
    /// A call of a host function that has not been taken.
    call: Option<ReceivedCall>,
}

impl RemoteRun {
    pub(crate) fn new(id: u64, receiver: mpsc::Receiver<Delivery>) -> Self {
        Self {
            id,
            receiver,
            call: None,
        }
    }

    fn wait(&mut self, patience: Duration) -> Result<Option<Delivery>> {
        match self.receiver.recv_timeout(patience) {
            Ok(delivery) => {
                self.call = delivery.call();
                Ok(self.call.is_none().then_some(delivery))
            }
            Err(mpsc::RecvTimeoutError::Timeout) => Ok(None),
            Err(mpsc::RecvTimeoutError::Disconnected) => Err(Error::internal("a run vanished")),
        }
    }
}

impl PendingRun {
    /// Whether it has its slot, and runs on this thread.
    pub fn is_started(&self) -> bool {
        match self {
            Self::Here(run) => run.is_started(),
            // It has the slot of its instance.
            Self::Call { .. } => true,
            Self::Elsewhere(_) => false,
        }
    }

    /// Waits for not much longer than `patience`, or until the run calls a host function; `None` when it has not ended.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::Internal`](crate::ErrorCode::Internal) when it vanished.
    pub fn wait(&mut self, patience: Duration) -> Result<Option<Delivery>> {
        self.wait_into(patience, &mut Delivery::default())
    }

    /// The same; what is returned takes the memory of `spare`.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::Internal`](crate::ErrorCode::Internal) when it vanished.
    pub(crate) fn wait_into(
        &mut self,
        patience: Duration,
        spare: &mut Delivery,
    ) -> Result<Option<Delivery>> {
        match self {
            Self::Here(run) => Ok(run
                .wait(patience)?
                .map(|outcome| take(spare).replace(|outbox| outbox.outcome(0, &outcome)))),
            Self::Call { call, .. } => Ok(lift_into(&mut spare.bytes, || call.wait(patience))?
                .map(|outcome| take(spare).replace(|outbox| outbox.call(0, Ok(outcome))))),
            Self::Elsewhere(run) => run.wait(patience),
        }
    }

    /// Passes on the call of a host function that the run waits for, if there is one; once.
    pub fn take_call<T>(&mut self, pass_on: impl FnOnce(HostCall<'_>) -> T) -> Option<T> {
        match self {
            Self::Elsewhere(run) => run.call.take().map(|call| pass_on(call.as_call())),
            Self::Here(_) | Self::Call { .. } => self.host_calls()?.take(pass_on),
        }
    }

    /// The calls of host functions of what runs on this thread, if it makes any.
    pub(super) fn host_calls(&self) -> Option<&Arc<HostCalls>> {
        match self {
            Self::Here(run) => run.host_calls(),
            Self::Call { call, .. } => call.host_calls(),
            Self::Elsewhere(_) => None,
        }
    }
}
