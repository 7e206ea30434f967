//! Runs as they are submitted.

use super::instance_handle::InstanceHandle;
use super::run_group::RunGroup;
use crate::guest::CallControl;
use bytes::Bytes;
use std::collections::VecDeque;
use std::sync::Arc;

/// Runs that were submitted together, in their order.
pub struct Submission {
    /// What they have in common.
    pub group: Arc<RunGroup>,
    /// The runs.
    pub runs: VecDeque<QueuedRun>,
}

impl Submission {
    /// One run alone.
    pub fn single(group: Arc<RunGroup>, run: QueuedRun) -> Self {
        let runs = VecDeque::from([run]);
        Self { group, runs }
    }
}

/// One run, queued.
pub struct QueuedRun {
    /// The client's number for it.
    pub id: u64,
    /// What the client needs to decode its options.
    pub payload: Bytes,
    /// Shared with the code that may stop this run alone; without one the run gets its own when it starts.
    pub control: Option<Arc<CallControl>>,
    /// Set for a run that makes an instance and carries out the calls of it.
    pub instance: Option<Arc<InstanceHandle>>,
}

impl QueuedRun {
    /// The only one of its group, which has the options.
    pub fn alone(control: Option<Arc<CallControl>>) -> Self {
        Self {
            id: 0,
            payload: Bytes::new(),
            control,
            instance: None,
        }
    }

    pub(crate) fn is_stopped(&self) -> bool {
        let control = self.control.as_ref();
        control.is_some_and(|control| control.cause().is_some())
    }
}
