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

use crate::error::{Error, ErrorCode, Result, closed};
use crate::job::{Listener, Origin, Submission};
use crate::options::LoadOptions;
use crate::outcome::Outcome;
use crate::program::Program;
use crate::runtime::Runtime;
use crate::stop::{Cause, Control};
use bytes::Bytes;
use operation::Operation;
use outbox::Outbox;
use pipes::Pipes;
use port_run::{PortRun, SyncRun};
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
}

impl Port {
    /// A road to `runtime`; `wake` is called, on any thread, when there is something to
    /// [`receive`](Self::receive), once until that is done.
    pub fn new(runtime: Arc<Runtime>, wake: impl Fn() + Send + Sync + 'static) -> Arc<Self> {
        static OWNERS: AtomicU64 = AtomicU64::new(0);
        Arc::new(Self {
            owner: OWNERS.fetch_add(1, Ordering::Relaxed),
            runtime,
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
        let mut runs = Vec::new();
        let mut disposed = Vec::new();
        let mut stopped = false;
        let mut tables = self.tables();
        let Tables {
            programs,
            controls,
            pipes,
        } = &mut *tables;
        let mut carry_out = |operation| {
            match operation {
                Operation::Run(run) => {
                    let Some(program) = programs.get(&run.handle) else {
                        return Err(Error::internal("a run of an unknown program"));
                    };
                    let control = Arc::<Control>::default();
                    if run.abortable {
                        controls.insert(run.id, control.clone());
                    }
                    let job = Box::new(PortRun::new(self, program, run));
                    runs.push(Submission { job, control });
                }
                Operation::Abort { id } => {
                    if let Some(control) = controls.get(&id) {
                        stopped |= control.stop(Cause::Abort);
                    }
                }
                Operation::Release { handle } => drop(programs.remove(&handle)),
                Operation::Dispose { handle } => {
                    programs.remove(&handle);
                    disposed.push(handle);
                }
                Operation::Pipe { id, event } => {
                    if let Some(pipes) = pipes.get(&id) {
                        pipes.apply(event);
                    }
                }
            }
            Ok(())
        };
        let result = operations
            .chunks(operation::FIELDS)
            .try_for_each(|record| carry_out(Operation::parse(record, &bytes)?));
        // Runs that end while they are submitted or aborted look into the tables.
        drop(tables);
        self.runtime.submit(runs);
        for handle in disposed {
            self.runtime.abort(|origin| origin == self.origin(handle));
        }
        if stopped {
            self.runtime.sweep();
        }
        result
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
        let job = Box::new(SyncRun::new(self.origin(handle), program, options, sender));
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
        let program = self.runtime.load(bytes, request.options)?;
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
        *self.tables() = Tables::default();
        *self.outbox() = Outbox::default();
    }

    /// What is ready for the submitter, who is woken again if that is not all.
    pub fn receive(&self) -> Delivery {
        let delivery = self.outbox().take();
        self.notify();
        delivery
    }

    fn origin(&self, handle: u64) -> Origin {
        Origin {
            owner: self.owner,
            handle,
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
