//! Runs whose end a thread waits for.

use super::wire::Delivery;
use crate::error::{Error, Result};
use crate::schedule::{CallerCall, CallerRun};
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
        match self {
            Self::Here(run) => match run.wait(patience) {
                Ok(None) => Ok(None),
                Ok(Some(outcome)) => Ok(Some(Delivery::of(0, &Ok(outcome)))),
                Err(error) => Err(error),
            },
            Self::Call(call) => match call.wait(patience) {
                Ok(None) => Ok(None),
                Ok(Some(outcome)) => Ok(Some(Delivery::of_call(0, &Ok(outcome)))),
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
