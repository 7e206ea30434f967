//! What runs find where they are executed.

use super::run_group::RunGroup;
use super::ticker::Ticker;
use super::uninterruptible::ComputePermits;
use crate::options::RunOptions;
use crate::program::LoadedSnapshot;
use crate::wasi::{Invocation, Resumption};
use std::sync::Arc;

/// What the runs of one group share that one runner executes. Each runner has its own copy, so that threads
/// do not contend for its reference count.
pub(crate) struct RunContext {
    pub(super) group: Arc<RunGroup>,
    pub(super) ticker: Arc<Ticker>,
    pub(super) permits: Arc<ComputePermits>,
}

impl Invocation for RunContext {
    fn program_name(&self) -> &str {
        self.group.program.name()
    }

    fn options(&self) -> &RunOptions {
        &self.group.options
    }

    fn resumption(&self) -> Option<&Resumption> {
        let snapshot = self.group.program.snapshot();
        snapshot.map(LoadedSnapshot::resumption)
    }
}
