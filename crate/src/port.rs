//! The connection between a submitter outside of Rust (JavaScript) and the backend that runs its programs.
//!
//! There is one submission queue: all requests of one turn of the submitter's event loop cross in one call, as
//! fixed-size operations and the bytes they refer to. There is one completion queue: everything that ended
//! since the submitter last looked crosses back in one call, in the same form.

mod backend;
mod host_calls;
mod instances;
mod load_request;
mod mailbox;
mod pipes;
mod programs;
mod read_program;
mod snapshots;
mod sync;
mod threads;
mod wire;

pub(crate) use backend::Backend;
pub use load_request::{LoadRequest, ProgramSource, SnapshotRequest};
pub(crate) use mailbox::Mailbox;
pub use sync::{PendingRun, RemoteRun};
pub use wire::Delivery;
pub(crate) use wire::{
    GuestAccess, Operation, Outbox, PipeEvent, Record, RecordKind, RunOperation, calls_host,
};

use crate::error::{Error, ErrorCode, Result};
use crate::guest::{CallControl, Cause};
use crate::lock::lock;
use crate::runtime::{Runtime, RuntimeStats};
use crate::schedule::InstanceHandle;
use bytes::Bytes;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use threads::Threads;

/// One submitter's end of the connection.
pub struct Port {
    runtime: Arc<Runtime>,
    backend: Arc<dyn Backend>,
    mailbox: Arc<Mailbox>,
    /// Those that are being taken.
    snapshots: Mutex<HashMap<u64, Arc<CallControl>>>,
}

impl Port {
    /// A connection to `runtime`; `wake` is called, on any thread, when there is something to
    /// [`receive`](Self::receive), once until that is done.
    pub fn new(runtime: Arc<Runtime>, wake: impl Fn() + Send + Sync + 'static) -> Arc<Self> {
        let mailbox = Arc::new(Mailbox::new(Box::new(wake)));
        let backend = Threads::new(runtime.clone(), mailbox.clone());
        Arc::new(Self {
            runtime,
            backend,
            mailbox,
            snapshots: Mutex::default(),
        })
    }

    /// A connection to another backend, which `runtime` loads programs for.
    pub(crate) fn with_backend<B: Backend + 'static>(
        runtime: Arc<Runtime>,
        wake: impl Fn() + Send + Sync + 'static,
        start: impl FnOnce(&Runtime, Arc<Mailbox>) -> Result<Arc<B>>,
    ) -> Result<Arc<Self>> {
        let mailbox = Arc::new(Mailbox::new(Box::new(wake)));
        let backend = start(&runtime, mailbox.clone())?;
        Ok(Arc::new(Self {
            runtime,
            backend,
            mailbox,
            snapshots: Mutex::default(),
        }))
    }

    /// Whether runs go to processes.
    pub fn has_processes(&self) -> bool {
        self.backend.has_processes()
    }

    /// What the runtime, or its workers together, have and do.
    pub fn stats(&self) -> RuntimeStats {
        self.backend.stats(self.runtime.stats())
    }

    /// Whether something waits for a slot, and instances have some of them.
    pub fn waits_for_instances(&self) -> bool {
        let RuntimeStats {
            counts,
            max_concurrent_runs,
            ..
        } = self.stats();
        let taken = counts.running + counts.instances;
        counts.queued > 0 && counts.instances > 0 && taken >= max_concurrent_runs
    }

    /// The runtime at the other end.
    pub fn runtime(&self) -> &Arc<Runtime> {
        &self.runtime
    }

    /// Carries out everything in `operations`, which refer to `bytes`.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::Internal`] when they are not well-formed; nothing after the bad one is done.
    pub fn submit(&self, operations: &[f64], bytes: &Bytes) -> Result<()> {
        self.backend.submit(operations, bytes)
    }

    /// The same as [`submit`](Self::submit), of one call that is likely to be short: waits for up to `patience` for one
    /// record of at most this many bytes. `None` when it comes later.
    ///
    /// # Errors
    ///
    /// As for [`submit`](Self::submit).
    pub fn submit_and_wait(
        &self,
        operations: &[f64],
        bytes: &Bytes,
        patience: Duration,
        most_bytes: usize,
    ) -> Result<Option<Delivery>> {
        let submit = || self.submit(operations, bytes);
        self.mailbox.wait_briefly(submit, patience, most_bytes)
    }

    /// Begins a run whose end this thread waits for.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::Internal`] for an unknown handle, [`ErrorCode::NestedRun`] and
    /// [`ErrorCode::RuntimeClosed`].
    pub fn run_sync(&self, handle: u64, options: Bytes) -> Result<PendingRun> {
        self.backend.run_sync(handle, options)
    }

    /// Begins a call of an instance whose end this thread waits for. The payload is that of a
    /// [`QueuedCall`](crate::QueuedCall).
    ///
    /// # Errors
    ///
    /// [`ErrorCode::NestedRun`], [`ErrorCode::InstanceBusy`] and [`ErrorCode::InstanceOver`].
    pub fn call_sync(&self, instance: u64, function: usize, payload: Bytes) -> Result<PendingRun> {
        self.backend.call_sync(instance, function, payload)
    }

    /// An instance whose memory and globals are to be read or written.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::InstanceOver`].
    pub fn instance(&self, number: u64) -> Result<Arc<InstanceHandle>> {
        self.backend.instance(number)
    }

    /// Closes the runtime; a delivery for `id` says when all its runs have ended.
    pub fn close_runtime(self: &Arc<Self>, id: u64) {
        let this = self.clone();
        // A thread of its own, because it outlives the runtime's.
        let waiting = std::thread::Builder::new().name("wasiexec-close".into());
        let started = waiting.spawn(move || {
            this.backend.close_and_wait();
            this.runtime.close_and_wait();
            this.backend.forget();
            this.mailbox.deliver(|outbox| outbox.closed(id));
        });
        if let Err(error) = started {
            let error = Error::new(ErrorCode::OutOfResources, format!("cannot close: {error}"));
            self.mailbox.deliver(|outbox| outbox.fault(id, &error));
        }
    }

    /// The submitter is gone: aborts its runs and forgets what it had.
    pub fn close(&self) {
        self.mailbox.close();
        for control in lock(&self.snapshots).values() {
            control.stop(Cause::Abort);
        }
        self.backend.abandon();
    }

    /// What is ready for the submitter, which is woken again if there is more.
    pub fn receive(&self) -> Delivery {
        let delivery = self.take();
        self.mailbox.notify();
        delivery
    }

    /// The same for a submitter that takes until nothing is left; only what comes after that wakes it.
    pub(crate) fn take(&self) -> Delivery {
        self.mailbox.take()
    }
}

impl Drop for Port {
    fn drop(&mut self) {
        self.close();
    }
}
