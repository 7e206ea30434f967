//! Where the runs of a port go.

use super::sync::PendingRun;
use crate::error::Result;
use crate::host_functions::{MemoryAccess, MemoryAnswer};
use crate::program::{Cache, LoadOptions, Program};
use crate::runtime::RuntimeStats;
use crate::schedule::InstanceHandle;
use bytes::Bytes;
use std::sync::Arc;

/// Runs programs for a port: on the threads of its runtime, or in worker processes.
pub(crate) trait Backend: Send + Sync {
    /// Carries out everything in `operations`, which refer to `bytes`, in their order.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::Internal`](crate::ErrorCode::Internal) when they are not well-formed; nothing after the
    /// bad one is done.
    fn submit(&self, operations: &[f64], bytes: &Bytes) -> Result<()>;

    /// Begins a run whose end the calling thread waits for.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::Internal`](crate::ErrorCode::Internal) for an unknown handle,
    /// [`ErrorCode::NestedRun`](crate::ErrorCode::NestedRun) and
    /// [`ErrorCode::RuntimeClosed`](crate::ErrorCode::RuntimeClosed).
    fn run_sync(&self, handle: u64, options: Bytes) -> Result<PendingRun>;

    /// Reads or writes the memory of a run that waits for this call of a host function.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::WorkerDied`](crate::ErrorCode::WorkerDied).
    fn access_memory(&self, run: u64, call: u64, access: MemoryAccess<'_>) -> Result<MemoryAnswer>;

    /// Begins a call of an instance whose end the calling thread waits for. The payload is that of a
    /// [`QueuedCall`](crate::schedule::QueuedCall).
    ///
    /// # Errors
    ///
    /// [`ErrorCode::NestedRun`](crate::ErrorCode::NestedRun), and those of [`instance`](Self::instance).
    fn call_sync(&self, instance: u64, function: usize, payload: Bytes) -> Result<PendingRun>;

    /// An instance that can be used on the calling thread.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::InstanceOver`](crate::ErrorCode::InstanceOver) and
    /// [`ErrorCode::InstanceBusy`](crate::ErrorCode::InstanceBusy).
    fn instance(&self, number: u64) -> Result<Arc<InstanceHandle>>;

    /// What the backend needs of a program besides its compiled code.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::Internal`](crate::ErrorCode::Internal).
    fn encode_program(&self, bytes: &[u8], options: &LoadOptions, cache: &Cache)
    -> Result<Vec<u8>>;

    /// A program that runs may name from now on; runs of one that could not be loaded end with the error.
    fn add_program(&self, handle: u64, program: Result<Arc<Program>>, encoded: Vec<u8>);

    /// The program of a handle.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::Internal`](crate::ErrorCode::Internal) for an unknown handle.
    fn program(&self, handle: u64) -> Result<Arc<Program>>;

    /// What the backend has and does, beside `runtime`.
    fn stats(&self, runtime: RuntimeStats) -> RuntimeStats;

    /// Whether runs go to processes.
    fn has_processes(&self) -> bool;

    /// Ends what a close of the runtime does not end, and waits for it.
    fn close_and_wait(&self);

    /// Forgets all programs; nothing runs any more.
    fn forget(&self);

    /// The submitter is gone: aborts its runs without a notification, and does not wait.
    fn abandon(&self);
}
