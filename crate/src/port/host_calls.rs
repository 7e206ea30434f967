//! What a submitter does for the host functions that its runs call.

use super::Port;
use super::sync::{PendingRun, RemoteRun};
use super::wire::Operation;
use crate::error::Result;
use crate::host_functions::{HostResult, MemoryAccess, MemoryAnswer};

impl Port {
    /// Reads or writes the memory of a run that waits for this call of a host function.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::WorkerDied`](crate::ErrorCode::WorkerDied).
    pub fn access_memory(
        &self,
        run: u64,
        call: u64,
        access: MemoryAccess<'_>,
    ) -> Result<MemoryAnswer> {
        self.backend.access_memory(run, call, access)
    }

    /// Gives the result of a call of a host function that `run` waits for.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::Internal`](crate::ErrorCode::Internal).
    pub fn give_sync(&self, run: &PendingRun, call: u64, result: HostResult) -> Result<()> {
        match run {
            PendingRun::Here(_) | PendingRun::Call { .. } => {
                if let Some(calls) = run.host_calls() {
                    calls.give(call, result);
                }
                Ok(())
            }
            PendingRun::Elsewhere(RemoteRun { id, .. }) => {
                let (mut numbers, mut bytes) = (Vec::new(), Vec::new());
                let id = *id;
                Operation::HostResult { id, call, result }.write(&mut numbers, &mut bytes);
                self.submit(&numbers, &bytes.into())
            }
        }
    }

    /// The same as [`access_memory`](Self::access_memory), of a run that a thread waits for.
    ///
    /// # Errors
    ///
    /// As for that.
    pub fn access_sync(
        &self,
        run: &PendingRun,
        call: u64,
        access: MemoryAccess<'_>,
    ) -> Result<MemoryAnswer> {
        match run {
            PendingRun::Here(_) | PendingRun::Call { .. } => {
                let calls = run.host_calls();
                Ok(calls.map_or(MemoryAnswer::Ended, |calls| calls.access(call, access)))
            }
            PendingRun::Elsewhere(run) => self.access_memory(run.id, call, access),
        }
    }
}
