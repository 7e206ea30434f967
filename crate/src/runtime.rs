//! A runtime: engines, threads, slots and a cache.

pub(crate) mod guest_instance;
mod threads;

use crate::engine::{Allocation, Compilation, EngineNeeds, Engines, PoolSize};
use crate::error::{Error, ErrorCode, Result, closed};
use crate::guest::{CallControl, Outcome};
use crate::lock::lock;
use crate::options::{Preopen, RunOptions};
use crate::program::{Cache, CacheEntry, CompilerChoice, Given, LoadOptions, Program};
use crate::schedule::{
    BatchId, CallerCall, CallerRun, Client, Counts, Ended, InstanceHandle, Origin, QueuedRun,
    RunGroup, Scheduler, Submission, Ticker,
};
use crate::snapshot::{self, Snapshot, SnapshotError, SnapshotOptions};
use bytes::Bytes;
use std::borrow::Cow;
use std::collections::HashMap;
use std::future::poll_fn;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::task::Poll;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::task::JoinError;
use wasmtime::PoolingAllocationConfig;

/// Enough for programs that take turns to find their slots as they left them.
const WARM_SLOTS_PER_THREAD: usize = 8;

/// How long a close waits for threads that carry out host calls of guests that have ended.
const RELEASE_PATIENCE: Duration = Duration::from_secs(1);

/// How a runtime is set up.
#[derive(Clone, Debug)]
pub struct RuntimeOptions {
    /// Threads that run guests.
    pub threads: usize,
    /// Runs that can be in progress at a time, including those that wait.
    pub max_concurrent_runs: usize,
    /// Where compiled code is kept.
    pub cache: Cache,
}

impl RuntimeOptions {
    /// Every 64-bit machine has the address space for this number of slots of 4 GiB.
    pub const DEFAULT_MAX_CONCURRENT_RUNS: usize = 1024;
}

impl Default for RuntimeOptions {
    fn default() -> Self {
        Self {
            threads: std::thread::available_parallelism().map_or(1, usize::from),
            max_concurrent_runs: Self::DEFAULT_MAX_CONCURRENT_RUNS,
            cache: Cache::for_user(),
        }
    }
}

/// The size and the state of a runtime.
#[derive(Clone, Debug)]
pub struct RuntimeStats {
    /// Threads that run guests.
    pub threads: usize,
    /// Threads on which runs start: fewer than `threads` while more threads make runs slower.
    pub useful_threads: usize,
    /// PoolSize for runs.
    pub max_concurrent_runs: usize,
    /// How instances get their memory.
    pub allocation: Allocation,
    /// The numbers of its runs.
    pub counts: Counts,
    /// Programs that are loaded.
    pub programs: usize,
    /// Programs whose optimized code is still to be made.
    pub optimizing: usize,
    /// How often a compiler has made code for this runtime.
    pub compilations: u64,
    /// Where compiled code is kept, if anywhere.
    pub cache_dir: Option<PathBuf>,
}

/// Two loads with equal keys return the same program.
#[derive(PartialEq, Eq, Hash)]
struct ProgramKey {
    content: blake3::Hash,
    name: String,
    fuel: bool,
    interruptible: bool,
    compiler: CompilerChoice,
    preopens: Arc<[Preopen]>,
    source_maps: Option<PathBuf>,
}

/// The place of a program, which is there from its load until its last holder drops it.
type ProgramCell = Arc<Mutex<Weak<Program>>>;

/// The program of a cell; none while one is being loaded into it.
fn loaded(cell: &ProgramCell) -> Option<Arc<Program>> {
    cell.try_lock().ok()?.upgrade()
}

/// Runs programs on threads of its own.
pub struct Runtime {
    options: RuntimeOptions,
    engines: Arc<Engines>,
    ticker: Arc<Ticker>,
    scheduler: Arc<Scheduler>,
    /// The only handles that outlive a call are those that this and the scheduler have: a runtime of tokio has its
    /// descriptors until the last handle is gone.
    threads: Mutex<Option<tokio::runtime::Runtime>>,
    /// Loading a program twice compiles it once.
    programs: Mutex<HashMap<ProgramKey, ProgramCell>>,
    closed: AtomicBool,
}

impl Runtime {
    /// Starts the threads; engines are made when a program of their kind is loaded.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::OutOfResources`] when the threads cannot be started.
    pub fn new(options: RuntimeOptions) -> Result<Self> {
        let failed = |error| {
            Error::new(
                ErrorCode::OutOfResources,
                format!(
                    "cannot start the runtime's threads: {error}; close runtimes that are no longer used, or let the \
                     process have more threads and open files"
                ),
            )
        };
        let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let engines = Arc::new(Engines::new(PoolSize {
            total: number(options.max_concurrent_runs),
            warm: number(options.threads.saturating_mul(WARM_SLOTS_PER_THREAD)),
        }));
        let ticker = Arc::new(Ticker::start(engines.clone()).map_err(failed)?);
        let threads = threads::start(options.threads).map_err(failed)?;
        let handle = threads.handle().clone();
        // wasmtime finds this out once and then registers a fork handler. If this thread forked, for a worker,
        // while another thread finds it out, the child would wait for ever. So it is found out here.
        let _ = PoolingAllocationConfig::is_pagemap_scan_available();
        // The most common engine is then ready when the first program has been read.
        let warming = engines.clone();
        handle
            .spawn_blocking(move || drop(warming.host(Compilation::COMMON, EngineNeeds::NOTHING)));
        let scheduler = Scheduler::new(
            handle,
            ticker.clone(),
            options.threads,
            options.max_concurrent_runs,
        );
        Ok(Self {
            options,
            engines,
            ticker,
            scheduler: Arc::new(scheduler),
            threads: Mutex::new(Some(threads)),
            programs: Mutex::default(),
            closed: AtomicBool::new(false),
        })
    }

    /// Compiles a Wasm binary or WAT text, or finds it in the cache or among the loaded programs.
    ///
    /// Takes seconds for large programs; never call it on a thread that must not wait.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::InvalidWasm`], [`ErrorCode::UnsupportedWasm`], [`ErrorCode::RuntimeClosed`], and for
    /// precompiled programs [`ErrorCode::PrecompiledUntrusted`], [`ErrorCode::PrecompiledDamaged`] and
    /// [`ErrorCode::PrecompiledIncompatible`].
    pub fn load<'a>(
        &self,
        source: impl Into<Cow<'a, [u8]>>,
        options: LoadOptions,
    ) -> Result<Arc<Program>> {
        if self.closed.load(Ordering::Acquire) {
            return Err(closed());
        }
        // An untrusted precompiled program is refused even if a caller that trusts it has loaded it before.
        let given = Given::new(source.into(), options.trust_precompiled)?;
        let cell = self.cell(ProgramKey {
            content: given.digest(),
            name: options.name.clone(),
            fuel: options.fuel,
            interruptible: options.interruptible,
            compiler: options.compiler,
            preopens: options.preopens.clone(),
            source_maps: options.source_maps.clone(),
        });
        // Held while the program compiles: other loads of the same program wait for it.
        let mut cell = lock(&cell);
        if let Some(program) = cell.upgrade() {
            return Ok(program);
        }
        let cache = options
            .cache
            .as_ref()
            .unwrap_or(&self.options.cache)
            .clone();
        let program = Program::new(given, options, &self.engines, cache)?;
        *cell = Arc::downgrade(&program);
        Ok(program)
    }

    /// The cell of a program, loaded or not. Also drops the cells of programs that are gone.
    fn cell(&self, key: ProgramKey) -> ProgramCell {
        let mut programs = lock(&self.programs);
        programs.retain(|_, cell| Arc::strong_count(cell) > 1 || loaded(cell).is_some());
        programs.entry(key).or_default().clone()
    }

    /// Queues runs in their order.
    pub fn submit(&self, submissions: impl IntoIterator<Item = Submission>) {
        self.scheduler.submit(submissions);
    }

    /// Registers `call`. It is called on any thread, whenever a thread has started runs and turns to work that
    /// may take long, or finds nothing more to start.
    pub(crate) fn on_started(&self, call: impl Fn() + Send + Sync + 'static) {
        self.scheduler.on_started(Box::new(call));
    }

    /// Returns all runs that have not started to their submitters.
    pub(crate) fn give_back(&self) {
        self.scheduler.give_back();
    }

    /// The number of runs that have not started.
    pub(crate) fn queued(&self) -> u64 {
        self.scheduler.counts().queued as u64
    }

    /// What runs futures on the threads of this runtime. To be dropped soon: whoever holds it keeps descriptors open.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::RuntimeClosed`] when the threads are gone.
    pub(crate) fn handle(&self) -> Result<Handle> {
        let threads = lock(&self.threads);
        let handle = threads.as_ref().map(|threads| threads.handle().clone());
        handle.ok_or_else(closed)
    }

    pub(crate) fn cache(&self) -> &Cache {
        &self.options.cache
    }

    /// Opens a batch, of which at most `concurrency` runs are in progress at a time.
    pub fn open_batch(&self, concurrency: usize) -> BatchId {
        self.scheduler.open_batch(concurrency)
    }

    /// Says that `output` bytes of captured output of this batch have been read. While too many are unread,
    /// none of its runs start.
    pub fn batch_read(&self, id: BatchId, output: u64) {
        self.scheduler.batch_read(id, output);
    }

    /// Closes a batch. Call this once, after the last run of the batch was submitted.
    pub fn close_batch(&self, id: BatchId) {
        self.scheduler.close_batch(id);
    }

    /// Runs `program` and waits for its end.
    ///
    /// # Errors
    ///
    /// Host faults. What the guest does is an outcome.
    pub async fn run(&self, program: &Arc<Program>, options: RunOptions) -> Result<Outcome> {
        self.start(program, options, Arc::default())
            .await
            .unwrap_or_else(|_| Err(Error::internal("a run vanished")))
    }

    /// The same, on the calling thread.
    ///
    /// # Errors
    ///
    /// Host faults, and [`ErrorCode::NestedRun`] inside a host call of another run on this thread.
    pub fn run_sync(&self, program: &Arc<Program>, options: RunOptions) -> Result<Outcome> {
        let mut run = self.run_here(program.clone(), options, Origin::default())?;
        loop {
            if let Some(outcome) = run.wait(Duration::MAX)? {
                return Ok(outcome);
            }
        }
    }

    /// A run that computes while its caller waits for it.
    pub(crate) fn run_here(
        &self,
        program: Arc<Program>,
        options: RunOptions,
        origin: Origin,
    ) -> Result<CallerRun> {
        CallerRun::new(&self.scheduler, origin, program, options)
    }

    /// A call of an instance that computes while its caller waits for it.
    pub(crate) fn call_here(
        &self,
        instance: Arc<InstanceHandle>,
        function: usize,
        payload: Bytes,
    ) -> Result<CallerCall> {
        CallerCall::new(self.handle()?, instance, function, payload)
    }

    /// Queues a run that `control` can stop.
    pub fn start(
        &self,
        program: &Arc<Program>,
        options: RunOptions,
        control: Arc<CallControl>,
    ) -> oneshot::Receiver<Result<Outcome>> {
        let (sender, receiver) = oneshot::channel();
        let group = RunGroup::new(
            Origin::default(),
            program.clone(),
            Arc::new(options),
            Arc::new(OneRun(Mutex::new(Some(sender)))),
        );
        let run = QueuedRun::alone(Some(control));
        self.submit([Submission::single(Arc::new(group), run)]);
        receiver
    }

    /// Runs `program` up to the point that the options name, and returns a program that goes on from there.
    ///
    /// `control` can stop it at any time. Compiling for it, which takes several times as long as for a run, goes on in
    /// the background then.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::Snapshot`] if the program ends before, or is then in a state that another run cannot begin with;
    /// and those of a run.
    pub async fn snapshot(
        &self,
        program: &Arc<Program>,
        options: SnapshotOptions,
        control: Arc<CallControl>,
    ) -> std::result::Result<Snapshot, SnapshotError> {
        if self.closed.load(Ordering::Acquire) {
            return Err(closed().into());
        }
        let key = options.cache_key();
        let entry = key.and_then(|key| program.snapshot_entry(&key));
        let (place, preopens) = (entry.clone(), options.preopens.clone());
        let read = move || Ok(place.as_ref().and_then(CacheEntry::read));
        if let Some(wasm) = joined(self.handle()?.spawn_blocking(read).await)? {
            return Ok(Snapshot { wasm, preopens });
        }
        let (program, engines) = (program.clone(), self.engines.clone());
        let until = options.until.clone();
        let prepare = move || snapshot::prepare(&program, &engines, &options);
        let prepared = self.unless_stopped(&control, prepare).await;
        let prepared = prepared.unwrap_or_else(|| {
            let outcome = Outcome::never_started();
            Err(SnapshotError::ended(outcome, &until))
        })?;
        let run = self.start(&prepared.program, prepared.options(), control.clone());
        let outcome = run.await;
        let outcome = outcome.unwrap_or_else(|_| Err(Error::internal("a run vanished")))?;
        let captured = prepared.captured(outcome)?;
        // What has stopped the guest is no longer of interest: from here on, only the runtime's end can.
        let finish = move || {
            let snapshot = captured.write()?;
            if let Some(entry) = entry {
                entry.store(&snapshot.wasm);
            }
            Ok(snapshot)
        };
        let work = self.handle()?.spawn_blocking(finish);
        joined(work.await).map_err(Into::into)
    }

    /// Does work that may block; `None` if `control` is stopped before its end.
    async fn unless_stopped<T: Send + 'static>(
        &self,
        control: &CallControl,
        work: impl FnOnce() -> Result<T> + Send + 'static,
    ) -> Option<std::result::Result<T, SnapshotError>> {
        let mut work = match self.handle() {
            Ok(handle) => handle.spawn_blocking(work),
            Err(error) => return Some(Err(error.into())),
        };
        let done = poll_fn(|context| {
            control.register(context.waker());
            match control.cause() {
                Some(_) => Poll::Ready(None),
                None => Pin::new(&mut work).poll(context).map(Some),
            }
        });
        done.await.map(|done| joined(done).map_err(Into::into))
    }

    /// Makes runs notice at once that they were stopped. Call this after stopping runs through their controls.
    pub fn sweep(&self) {
        self.scheduler.sweep();
    }

    /// Aborts the runs whose origin `which` picks.
    pub fn abort(&self, which: impl Fn(Origin) -> bool) {
        self.scheduler.abort(which);
    }

    /// Refuses new runs and programs, aborts all runs and waits for them to end. Then gives back what the runtime has of
    /// the process, its threads, descriptors and address space, without waiting for the threads.
    pub async fn close(&self) {
        self.end_runs().await;
        self.release();
    }

    async fn end_runs(&self) {
        self.closed.store(true, Ordering::Release);
        self.scheduler.close().await;
    }

    /// The same, blocking the calling thread, which also waits for the threads.
    pub fn close_and_wait(&self) {
        if let Ok(handle) = self.handle() {
            handle.block_on(self.end_runs());
        }
        self.release_within(RELEASE_PATIENCE);
    }

    /// The size and the state of this runtime.
    pub fn stats(&self) -> RuntimeStats {
        let programs: Vec<_> = lock(&self.programs).values().filter_map(loaded).collect();
        RuntimeStats {
            threads: self.options.threads,
            useful_threads: self.scheduler.useful_threads(),
            max_concurrent_runs: self.options.max_concurrent_runs,
            allocation: self.engines.allocation(),
            counts: self.scheduler.counts(),
            programs: programs.len(),
            optimizing: programs
                .iter()
                .filter(|program| program.waits_for_optimized())
                .count(),
            compilations: self.engines.compilations(),
            cache_dir: self.options.cache.folder().map(Path::to_owned),
        }
    }

    /// Does work that may block, on a thread for such work. Drops the work undone if the runtime's threads
    /// stop before it begins.
    pub fn spawn_blocking(&self, work: impl FnOnce() + Send + 'static) {
        let threads = lock(&self.threads);
        if let Some(threads) = &*threads {
            threads.spawn_blocking(work);
        }
    }

    /// Stops the threads, whatever they are doing, and drops the engines. For a runtime that is closed.
    pub fn release(&self) {
        self.release_within(Duration::ZERO);
    }

    /// The same, and waits for the end of the threads. A host call of a guest may block for ever: its thread is not
    /// waited for any longer than this.
    fn release_within(&self, patience: Duration) {
        self.scheduler.release();
        let threads = lock(&self.threads).take();
        if let Some(threads) = threads {
            threads.shutdown_timeout(patience);
        }
        self.ticker.stop(!patience.is_zero());
        self.engines.close();
    }
}

/// What work on a thread of the runtime has returned; it is dropped undone when the runtime's threads stop.
fn joined<T>(work: std::result::Result<Result<T>, JoinError>) -> Result<T> {
    work.unwrap_or_else(|error| match error.try_into_panic() {
        Ok(panic) => Err(Error::from_panic(&*panic)),
        Err(_) => Err(closed()),
    })
}

impl Drop for Runtime {
    fn drop(&mut self) {
        self.release();
    }
}

/// The client of a group with one run: the caller that waits for the run.
struct OneRun(Mutex<Option<oneshot::Sender<Result<Outcome>>>>);

impl Client for OneRun {
    fn ended(&self, runs: &mut Vec<Ended>) {
        let mut sender = lock(&self.0);
        if let (Some(sender), Some(run)) = (sender.take(), runs.pop()) {
            // The caller may no longer wait.
            let _ = sender.send(run.result);
        }
    }
}
