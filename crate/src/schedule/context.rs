//! What runs find where they are executed.

use super::run_group::RunGroup;
use super::ticker::Ticker;
use super::uninterruptible::ComputePermits;
use crate::error::Result;
use crate::options::RunOptions;
use crate::program::{Compiled, LoadedSnapshot};
use crate::wasi::{Invocation, Resumption};
use std::sync::Arc;

/// What the runs of one group share that one runner executes. Each runner has its own copy, so that threads
/// do not contend for its reference count.
pub(crate) struct RunContext {
    pub(super) group: Arc<RunGroup>,
    pub(super) ticker: Arc<Ticker>,
    pub(super) permits: Arc<ComputePermits>,
}

impl RunContext {
    /// The options of a run, which are `own` if it has its own, and the code for it.
    ///
    /// # Errors
    ///
    /// Options that a run of the program cannot have, and code that cannot be made.
    pub(super) async fn code_for<'a: 'b, 'b>(
        &'a self,
        own: Option<&'b RunOptions>,
    ) -> Result<(&'b RunOptions, &'a Compiled)> {
        let RunGroup {
            program, options, ..
        } = &*self.group;
        let options = own.unwrap_or(options);
        program.check_options(options)?;
        let compiled = program.compiled(options).await?;
        Ok((options, compiled))
    }
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
