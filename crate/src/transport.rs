//! The road between a submitter in another world (JavaScript) and the scheduler.
//!
//! One submission queue: all that the submitter wants in one turn of its loop crosses in one call, as
//! fixed-size operations and the bytes they refer to. One completion queue: whatever ended since the
//! submitter last looked crosses back in one call, in the same form.

mod decode;
mod describe;
mod operation;
mod outbox;
mod pipes;
mod port_run;
mod question;
mod read_program;
mod record;

pub(crate) use operation::{Operation, RunOperation};
pub use outbox::Delivery;
pub(crate) use outbox::Outbox;
pub(crate) use record::{Record, RecordKind};

use crate::caller_run::CallerRun;
use crate::error::{Error, ErrorCode, Result};
use crate::job::{BatchId, Ended, Listener, Origin, Parcel, QueuedRun, Submission};
use crate::options::{LoadOptions, RunOptions};
use crate::program::Program;
use crate::runtime::{Runtime, RuntimeStats};
use crate::stop::{Cause, Control};
use crate::workers::{Pool, PoolOptions, encode_program};
use bytes::Bytes;
use pipes::{NoPipes, Pipes};
use port_run::{PortBatch, PortRuns};
use read_program::read_program;
use std::collections::{HashMap, VecDeque};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::time::Duration;

/// What to load, and how.
pub struct LoadRequest {
    /// Where the bytes are.
    pub source: Source,
    /// How to load it.
    pub options: LoadOptions,
}

/// Where a program's bytes are.
pub enum Source {
    /// In a file.
    File(String),
    /// Here.
    Bytes(Vec<u8>),
}

/// A run whose end a thread waits for.
pub enum PendingRun {
    /// On the thread itself.
    Here(CallerRun),
    /// In a worker process.
    Elsewhere(mpsc::Receiver<Delivery>),
}

impl PendingRun {
    /// Waits for not much longer than `patience`; `None` when the run goes on.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::Internal`] when it vanished.
    pub fn wait(&mut self, patience: Duration) -> Result<Option<Delivery>> {
        match self {
            Self::Here(run) => match run.wait(patience) {
                Ok(None) => Ok(None),
                Ok(Some(outcome)) => Ok(Some(Delivery::of(0, &Ok(outcome)))),
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

/// One submitter's end of the road.
pub struct Port {
    owner: u64,
    runtime: Arc<Runtime>,
    /// Where runs go, if not to the runtime.
    workers: Option<Arc<Pool>>,
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
    /// In a worker also those that could not be loaded.
    programs: HashMap<u64, Result<Arc<Program>>>,
    /// The runs that may be aborted one by one, or have pipes.
    tracked: HashMap<u64, Arc<Control>>,
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
    submissions: Vec<Submission>,
    /// Program and batch of the last submission: most runs have the same as the one before.
    key: Option<(u64, u64)>,
    disposed: Vec<u64>,
    aborted: Vec<BatchId>,
    read: Vec<(BatchId, u64)>,
    closed: Vec<BatchId>,
    faults: Vec<(u64, Error)>,
    stopped: bool,
    recalled: bool,
}

impl Port {
    /// A road to `runtime`; `wake` is called, on any thread, when there is something to
    /// [`receive`](Self::receive), once until that is done.
    pub fn new(runtime: Arc<Runtime>, wake: impl Fn() + Send + Sync + 'static) -> Arc<Self> {
        Arc::new(Self::without_workers(runtime, Box::new(wake)))
    }

    /// The same to worker processes; `runtime` loads programs and serves their sockets.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::Internal`].
    pub fn with_workers(
        runtime: Arc<Runtime>,
        options: PoolOptions,
        wake: impl Fn() + Send + Sync + 'static,
    ) -> Result<Arc<Self>> {
        let mut failure = None;
        let this = Arc::new_cyclic(|this| {
            let pool = Pool::start(
                options,
                runtime.cache().clone(),
                this.clone(),
                runtime.handle(),
            );
            let mut port = Self::without_workers(runtime, Box::new(wake));
            match pool {
                Ok(pool) => port.workers = Some(pool),
                Err(error) => failure = Some(error),
            }
            port
        });
        match failure {
            Some(error) => Err(error),
            None => Ok(this),
        }
    }

    fn without_workers(runtime: Arc<Runtime>, wake: Box<dyn Fn() + Send + Sync>) -> Self {
        static OWNERS: AtomicU64 = AtomicU64::new(0);
        Self {
            owner: OWNERS.fetch_add(1, Ordering::Relaxed),
            runtime,
            workers: None,
            defaults: Arc::default(),
            outbox: Mutex::default(),
            wake,
            tables: Mutex::default(),
            closed: AtomicBool::new(false),
        }
    }

    /// Whether runs go to processes.
    pub fn has_workers(&self) -> bool {
        self.workers.is_some()
    }

    /// What the runtime, or its workers together, have and do.
    pub fn stats(&self) -> RuntimeStats {
        let mut stats = self.runtime.stats();
        if let Some(pool) = &self.workers {
            stats.threads = pool.workers();
            stats.useful_threads = stats.threads;
            stats.max_concurrent_runs = pool.max_concurrent_runs();
            stats.counts = pool.counts();
        }
        stats
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
        let operations = operations
            .chunks(operation::FIELDS)
            .map(|record| Operation::parse(record, &bytes));
        if let Some(pool) = &self.workers {
            return self.submit_to(pool, operations);
        }
        let mut after = AfterTables::default();
        let mut tables = self.tables();
        let result = { operations }
            .try_for_each(|operation| self.carry_out(operation?, &mut tables, &mut after));
        drop(tables);
        self.runtime.submit(after.submissions);
        for (id, error) in after.faults {
            self.deliver(|outbox| outbox.fault(id, &error));
        }
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
        if after.recalled {
            self.runtime.give_back();
        }
        result
    }

    fn submit_to(
        &self,
        pool: &Pool,
        operations: impl Iterator<Item = Result<Operation>>,
    ) -> Result<()> {
        pool.submit(operations.inspect(|operation| {
            if let Ok(Operation::Release { handle } | Operation::Dispose { handle }) = operation {
                self.tables().programs.remove(handle);
            }
        }))
    }

    /// How many of these operations are runs.
    pub(crate) fn count_runs(operations: &[f64]) -> u64 {
        let records = operations.chunks(operation::FIELDS);
        records.filter(|record| record[0] == operation::RUN).count() as u64
    }

    fn carry_out(
        self: &Arc<Self>,
        operation: Operation,
        tables: &mut Tables,
        after: &mut AfterTables,
    ) -> Result<()> {
        match operation {
            Operation::Run(run) => {
                let key = (run.handle, run.batch);
                if after.key != Some(key) {
                    match self.parcel(&run, tables)? {
                        Ok(parcel) => after.submissions.push(Submission {
                            parcel,
                            runs: VecDeque::new(),
                        }),
                        Err(error) => {
                            after.faults.push((run.id, error));
                            return Ok(());
                        }
                    }
                    after.key = Some(key);
                }
                let control = (run.abortable || run.piped).then(Arc::<Control>::default);
                if let Some(control) = &control {
                    tables.tracked.insert(run.id, control.clone());
                }
                let run = QueuedRun {
                    id: run.id,
                    payload: run.options,
                    control,
                };
                if let Some(submission) = after.submissions.last_mut() {
                    submission.runs.push_back(run);
                }
            }
            Operation::Abort { id } => {
                if let Some(control) = tables.tracked.get(&id) {
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
                // Its number may be that of one before.
                after.key = None;
                let options = decode::run_options(&self.defaults, &options, &mut NoPipes)?;
                let batch = PortBatch {
                    id: self.runtime.open_batch(concurrency),
                    options: Arc::new(options),
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
            Operation::Recall => after.recalled = true,
        }
        Ok(())
    }

    /// What a run shares with others of its program and batch, or why its program could not be loaded.
    fn parcel(
        self: &Arc<Self>,
        run: &RunOperation,
        tables: &Tables,
    ) -> Result<Result<Arc<dyn Parcel>>> {
        let unknown = || Error::internal("a run of an unknown program");
        let program = match tables.programs.get(&run.handle).ok_or_else(unknown)? {
            Ok(program) => program,
            Err(error) => return Ok(Err(error.clone())),
        };
        let batch = match run.batch {
            0 => None,
            id => Some(tables.batch(id)?),
        };
        Ok(Ok(Arc::new(PortRuns::new(
            self, run.handle, program, batch,
        ))))
    }

    /// Begins a run whose end this thread waits for.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::Internal`] for an unknown handle, [`ErrorCode::NestedRun`] and
    /// [`ErrorCode::RuntimeClosed`].
    pub fn run_sync(&self, handle: u64, options: Bytes) -> Result<PendingRun> {
        if let Some(pool) = &self.workers {
            return pool.run_sync(handle, options);
        }
        let program = self.tables().programs.get(&handle).cloned();
        let program = program.ok_or_else(|| Error::internal("a run of an unknown program"))??;
        let options = decode::run_options(&self.defaults, &options, &mut NoPipes)?;
        let origin = self.origin(handle, None);
        let run = self.runtime.run_here(program, options, origin)?;
        Ok(PendingRun::Here(run))
    }

    /// Loads a program off the calling thread; the answer arrives as a delivery for `id`, which is
    /// the program's handle from then on.
    pub fn load(self: &Arc<Self>, id: u64, request: LoadRequest) {
        self.ask(
            id,
            move |this| this.load_sync(id, request),
            |outbox, id, info| outbox.loaded(id, info),
        );
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
        let mut options = request.options;
        let cache = options
            .cache
            .get_or_insert_with(|| self.runtime.cache().clone())
            .clone();
        let for_workers = match &self.workers {
            Some(pool) => Some((pool, encode_program(&bytes, &options, &cache)?)),
            None => None,
        };
        let program = self.runtime.load(bytes, options)?;
        let info = serde_json::to_string(program.info()).map_err(Error::internal)?;
        if self.closed.load(Ordering::Acquire) {
            return Ok(info);
        }
        self.tables().programs.insert(id, Ok(program));
        if let Some((pool, encoded)) = for_workers {
            pool.add_program(id, encoded);
        }
        Ok(info)
    }

    /// Loads a program in a worker; its runs end with the error, if there is one.
    pub(crate) fn load_or_remember(&self, handle: u64, request: LoadRequest) {
        if let Err(error) = self.load_sync(handle, request) {
            self.tables().programs.insert(handle, Err(error));
        }
    }

    /// Closes the runtime; a delivery for `id` says when all its runs have ended.
    pub fn close_runtime(self: &Arc<Self>, id: u64) {
        let this = self.clone();
        // A thread of its own, because it outlives the runtime's.
        let waiting = std::thread::Builder::new().name("wasiexec-close".into());
        let started = waiting.spawn(move || {
            if let Some(pool) = &this.workers {
                pool.close_and_wait();
            }
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
        if let Some(pool) = &self.workers {
            pool.kill();
        }
        self.runtime.abort(|origin| origin.owner == self.owner);
        let tables = std::mem::take(&mut *self.tables());
        for batch in tables.batches.values() {
            self.runtime.close_batch(batch.id);
        }
        *self.outbox() = Outbox::default();
    }

    /// What is ready for the submitter, who is woken again if that is not all.
    pub fn receive(&self) -> Delivery {
        let delivery = self.take();
        self.notify();
        delivery
    }

    /// The same for one who goes on until there is nothing, and is woken only by what comes after.
    pub(crate) fn take(&self) -> Delivery {
        self.outbox().take()
    }

    fn origin(&self, handle: u64, batch: Option<BatchId>) -> Origin {
        Origin {
            owner: self.owner,
            handle,
            batch,
        }
    }

    /// Puts something into the outbox and tells the submitter.
    pub(crate) fn deliver(&self, write: impl FnOnce(&mut Outbox)) {
        self.put(write);
        self.notify();
    }

    fn runs_ended(&self, runs: &mut Vec<Ended>) {
        let mut tables = self.tables();
        if !tables.tracked.is_empty() {
            for Ended { id, .. } in runs.iter() {
                if tables.tracked.remove(id).is_some() {
                    tables.pipes.remove(id);
                }
            }
        }
        drop(tables);
        self.put(|outbox| {
            for Ended { id, result } in runs.drain(..) {
                outbox.result(id, &result);
            }
        });
    }

    fn run_returned(&self, id: u64) {
        self.tables().tracked.remove(&id);
        self.put(|outbox| outbox.returned(id));
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

impl Drop for Port {
    fn drop(&mut self) {
        if let Some(pool) = &self.workers {
            pool.kill();
        }
    }
}

impl Listener for Port {
    fn notify(&self) {
        if self.outbox().needs_wake() {
            (self.wake)();
        }
    }
}
