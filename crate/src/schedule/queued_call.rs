//! Calls of an instance as they are submitted, and how they ended.

use crate::error::Result;
use crate::guest::{CallControl, CallOutcome};
use bytes::Bytes;
use std::sync::Arc;

/// One call, queued.
pub struct QueuedCall {
    /// The client's number for it.
    pub id: u64,
    /// The number of the function among the exported ones.
    pub function: usize,
    /// The arguments as [bits](crate::Value::bits), little-endian, then what the client needs to decode the limits of
    /// this call, if it has its own.
    pub payload: Bytes,
    /// Shared with the code that may stop this call alone.
    pub control: Option<Arc<CallControl>>,
}

impl QueuedCall {
    pub(super) fn is_stopped(&self) -> bool {
        let control = self.control.as_ref();
        control.is_some_and(|control| control.cause().is_some())
    }
}

/// A call that has ended.
pub struct EndedCall {
    /// The client's number for it.
    pub id: u64,
    /// How it ended.
    pub result: Result<CallOutcome>,
}
