//! The road between a submitter in another world (JavaScript) and the scheduler.
//!
//! One submission queue: all that the submitter wants in one turn of its loop crosses in one call, as
//! fixed-size operations and the bytes they refer to. One completion queue: whatever ended since the
//! submitter last looked crosses back in one call, in the same form.

mod decode;
mod operation;
mod outbox;
mod pipes;
mod port_run;
mod read_program;

pub use outbox::Delivery;

use crate::cache::Cache;
use crate::error::{Error, ErrorCode, Result, closed};
use crate::job::{BatchId, Listener, Origin, Submission};
use crate::options::RunOptions;
use crate::outcome::Outcome;
use crate::program::Program;
use crate::runtime::Runtime;
use crate::stop::{Cause, Control};
use bytes::Bytes;
use operation::Operation;
use outbox::Outbox;
use pipes::{NoPipes, Pipes};
use port_run::{PortBatch, PortRun, SyncRun};
use read_program::read_program;
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::time::Duration;

/// What to load, and how.
pub struct LoadRequest {
    /// Where the bytes are.
    pub source: Source,
    /// argv\[0\] of the program's runs.
    pub name: String,
    /// Also compile with fuel counting.
    pub fuel: bool,
    /// Instead of the runtime's cache.
    pub cache: Option<Cache>,
}

/// Where a program's bytes are.
pub enum Source {
    /// In a file.
    File(String),
    /// Here.
    Bytes(Vec<u8>),
}

/// A run whose end a thread waits for.
pub struct PendingRun(mpsc::Receiver<Result<Outcome>>);

impl PendingRun {
    /// Waits for at most `patience`; `None` when the run goes on.
    ///
    /// # Errors
    ///
    /// As for any run.
    pub fn wait(&self, patience: Duration) -> Result<Option<Delivery>> {
        match self.0.recv_timeout(patience) {
            Err(mpsc::RecvTimeoutError::Timeout) => Ok(None),
            Err(mpsc::RecvTimeoutError::Disconnected) => Err(Error::internal("a run vanished")),
            Ok(result) => {
                let mut outbox = Outbox::default();
                outbox.outcome(0, &result?);
                Ok(Some(outbox.take()))
            }
        }
    }
}

/// One submitter's end of the road.
pub struct Port {
    owner: u64,
    runtime: Arc<Runtime>,
    /// The options of runs that have none.
    defaults: Arc<RunOptions>,
    outbox: Mutex<Outbox>,
    /// Tells the submitter that the outbox is no longer empty.
    wake: Box<dyn Fn() + Send + Sync>,
    tables: Mutex<Tables>,
    closed: AtomicBool,
}

/// What the submitter's numbers stand for.
#[derive(Default)]
struct Tables {
    programs: HashMap<u64, Arc<Program>>,
    /// The runs that may be aborted one by one.
    controls: HashMap<u64, Arc<Control>>,
    pipes: HashMap<u64, Pipes>,
    batches: HashMap<u64, PortBatch>,
}

impl Tables {
    fn batch(&self, id: u64) -> Result<&PortBatch> {
        let unknown = || Error::internal("an unknown batch");
        self.batches.get(&id).ok_or_else(unknown)
    }
}

/// What is done when the tables are free again: runs that end while they are submitted or aborted
/// look into them.
#[derive(Default)]
struct AfterTables {
    runs: Vec<Submission>,
    disposed: Vec<u64>,
    aborted: Vec<BatchId>,
    read: Vec<(BatchId, u64)>,
    closed: Vec<BatchId>,
    stopped: bool,
}

impl Port {
    /// A road to `runtime`; `wake` is called, on any thread, when there is something to
    /// [`receive`](Self::receive), once until that is done.
    pub fn new(runtime: Arc<Runtime>, wake: impl Fn() + Send + Sync + 'static) -> Arc<Self> {
        static OWNERS: AtomicU64 = AtomicU64::new(0);
        Arc::new(Self {
            owner: OWNERS.fetch_add(1, Ordering::Relaxed),
            runtime,
            defaults: Arc::default(),
            outbox: Mutex::default(),
            wake: Box::new(wake),
            tables: Mutex::default(),
            closed: AtomicBool::new(false),
        })
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
    pub fn submit(self: &Arc<Self>, operations: &[f64], bytes: Bytes) -> Result<()> {
        let mut after = AfterTables::default();
        let mut tables = self.tables();
        let result = operations
            .chunks(operation::FIELDS)
            .map(|record| Operation::parse(record, &bytes))
            .try_for_each(|operation| self.carry_out(operation?, &mut tables, &mut after));
        drop(tables);
        self.runtime.submit(after.runs);
        for handle in after.disposed {
            self.runtime
                .abort(|origin| origin.owner == self.owner && origin.handle == handle);
        }
        for batch in after.aborted {
            self.runtime.abort(|origin| origin.batch == Some(batch));
        }
        for (batch, output) in after.read {
            self.runtime.batch_read(batch, output);
        }
        for batch in after.closed {
            self.runtime.close_batch(batch);
        }
        if after.stopped {
            self.runtime.sweep();
        }
        result
    }

    fn carry_out(
        self: &Arc<Self>,
        operation: Operation,
        tables: &mut Tables,
        after: &mut AfterTables,
    ) -> Result<()> {
        match operation {
            Operation::Run(run) => {
                let Some(program) = tables.programs.get(&run.handle) else {
                    return Err(Error::internal("a run of an unknown program"));
                };
                let batch = match run.batch {
                    0 => None,
                    id => Some(tables.batch(id)?.clone()),
                };
                let control = Arc::<Control>::default();
                if run.abortable {
                    tables.controls.insert(run.id, control.clone());
                }
                let job = Box::new(PortRun::new(self, program, run, batch));
                after.runs.push(Submission { job, control });
            }
            Operation::Abort { id } => {
                if let Some(control) = tables.controls.get(&id) {
                    after.stopped |= control.stop(Cause::Abort);
                }
            }
            Operation::Release { handle } => drop(tables.programs.remove(&handle)),
            Operation::Dispose { handle } => {
                tables.programs.remove(&handle);
                after.disposed.push(handle);
            }
            Operation::Pipe { id, event } => {
                if let Some(pipes) = tables.pipes.get(&id) {
                    pipes.apply(event);
                }
            }
            Operation::OpenBatch {
                id,
                concurrency,
                options,
            } => {
                let options = decode::run_options(&self.defaults, &options, &mut NoPipes)?;
                let batch = PortBatch {
                    id: self.runtime.open_batch(concurrency),
                    options,
                };
                tables.batches.insert(id, batch);
            }
            // A runtime that was closed has forgotten its batches.
            Operation::AbortBatch { id } => {
                after.aborted.extend(tables.batches.get(&id).map(|b| b.id));
            }
            Operation::BatchRead { id, output } => {
                after
                    .read
                    .extend(tables.batches.get(&id).map(|b| (b.id, output)));
            }
            Operation::CloseBatch { id } => {
                after
                    .closed
                    .extend(tables.batches.remove(&id).map(|b| b.id));
            }
        }
        Ok(())
    }

    /// Queues one run whose end a thread waits for.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::Internal`] for an unknown handle.
    pub fn run_sync(&self, handle: u64, options: Bytes) -> Result<PendingRun> {
        let program = self.tables().programs.get(&handle).cloned();
        let program = program.ok_or_else(|| Error::internal("a run of an unknown program"))?;
        let (sender, receiver) = mpsc::sync_channel(1);
        let job = Box::new(SyncRun::new(
            self.origin(handle, None),
            program,
            options,
            sender,
        ));
        let control = Arc::default();
        self.runtime.submit([Submission { job, control }]);
        Ok(PendingRun(receiver))
    }

    /// Loads a program off the calling thread; the answer arrives as a delivery for `id`, which is
    /// the program's handle from then on.
    pub fn load(self: &Arc<Self>, id: u64, request: LoadRequest) {
        let this = self.clone();
        let started = self.runtime.spawn_blocking(move || {
            let work = AssertUnwindSafe(|| this.load_sync(id, request));
            let loaded = catch_unwind(work).unwrap_or_else(|panic| Err(Error::from_panic(&*panic)));
            this.deliver(|outbox| match loaded {
                Ok(info) => outbox.loaded(id, &info),
                Err(error) => outbox.fault(id, &error),
            });
        });
        if !started {
            self.deliver(|outbox| outbox.fault(id, &closed()));
        }
    }

    /// Loads a program on the calling thread and answers its description as JSON.
    ///
    /// # Errors
    ///
    /// As for [`Runtime::load`], and [`ErrorCode::ReadFailed`].
    pub fn load_sync(&self, id: u64, request: LoadRequest) -> Result<String> {
        let bytes = match request.source {
            Source::Bytes(bytes) => bytes,
            Source::File(path) => read_program(Path::new(&path))?,
        };
        let cache = request.cache;
        let program = self
            .runtime
            .load(bytes, &request.name, request.fuel, cache)?;
        let info = serde_json::to_string(program.info()).map_err(Error::internal)?;
        if !self.closed.load(Ordering::Acquire) {
            self.tables().programs.insert(id, program);
        }
        Ok(info)
    }

    /// Closes the runtime; a delivery for `id` says when all its runs have ended.
    pub fn close_runtime(self: &Arc<Self>, id: u64) {
        let this = self.clone();
        // A thread of its own, because it outlives the runtime's.
        let waiting = std::thread::Builder::new().name("wasiexec-close".into());
        let started = waiting.spawn(move || {
            this.runtime.close_and_wait();
            this.runtime.release();
            *this.tables() = Tables::default();
            this.deliver(|outbox| outbox.closed(id));
        });
        if let Err(error) = started {
            let error = Error::new(ErrorCode::OutOfResources, format!("cannot close: {error}"));
            self.deliver(|outbox| outbox.fault(id, &error));
        }
    }

    /// The submitter is gone: aborts its runs and forgets what it had.
    pub fn close(&self) {
        self.closed.store(true, Ordering::Release);
        self.runtime.abort(|origin| origin.owner == self.owner);
        let tables = std::mem::take(&mut *self.tables());
        for batch in tables.batches.values() {
            self.runtime.close_batch(batch.id);
        }
        *self.outbox() = Outbox::default();
    }

    /// What is ready for the submitter, who is woken again if that is not all.
    pub fn receive(&self) -> Delivery {
        let delivery = self.outbox().take();
        self.notify();
        delivery
    }

    fn origin(&self, handle: u64, batch: Option<BatchId>) -> Origin {
        Origin {
            owner: self.owner,
            handle,
            batch,
        }
    }

    /// Puts something into the outbox and tells the submitter.
    fn deliver(&self, write: impl FnOnce(&mut Outbox)) {
        self.put(write);
        self.notify();
    }

    fn put(&self, write: impl FnOnce(&mut Outbox)) {
        if !self.closed.load(Ordering::Acquire) {
            write(&mut self.outbox());
        }
    }

    fn tables(&self) -> MutexGuard<'_, Tables> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn outbox(&self) -> MutexGuard<'_, Outbox> {
        self.outbox.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Listener for Port {
    fn notify(&self) {
        if self.outbox().needs_wake() {
            (self.wake)();
        }
    }
}
