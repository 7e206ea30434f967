//! Runs whose end a thread waits for.

use super::wire::{Delivery, Outbox};
use crate::error::{Error, Result};
use crate::schedule::{CallerCall, CallerRun};
use std::mem::take;
use std::sync::mpsc;
use std::time::Duration;

/// A run whose end a thread waits for.
pub enum PendingRun {
    /// On the thread itself.
    Here(CallerRun),
    /// A call of an instance, on the thread itself.
    Call(CallerCall),
    /// In a worker process.
    Elsewhere(mpsc::Receiver<Delivery>),
}

impl PendingRun {
    /// Waits for not much longer than `patience`; `None` when the run goes on.
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
        let mut replace = |write: &dyn Fn(&mut Outbox)| take(spare).replace(write);
        match self {
            Self::Here(run) => match run.wait(patience) {
                Ok(None) => Ok(None),
                Ok(Some(outcome)) => Ok(Some(replace(&|outbox| outbox.outcome(0, &outcome)))),
                Err(error) => Err(error),
            },
            Self::Call(call) => match call.wait(patience) {
                Ok(None) => Ok(None),
                Ok(Some(outcome)) => {
                    let result = Ok(outcome);
                    Ok(Some(replace(&|outbox| outbox.call(0, &result))))
                }
                Err(error) => Err(error),
            },
            Self::Elsewhere(receiver) => match receiver.recv_timeout(patience) {
                Ok(delivery) => Ok(Some(delivery)),
                Err(mpsc::RecvTimeoutError::Timeout) => Ok(None),
                Err(mpsc::RecvTimeoutError::Disconnected) => Err(Error::internal("a run vanished")),
            },
        }
    }
}
