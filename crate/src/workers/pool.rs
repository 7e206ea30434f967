//! The workers of a runtime: their processes, from start to end, and their sockets.

use super::frame::{Frame, Kind};
use super::launch::Launch;
use super::link::{Stream, start};
use super::member::{Member, Outgoing, STALL};
use super::program;
use super::serve::Setup;
use super::state::{PoolDeferred, PoolState, no_instances};
use crate::error::{Error, ErrorCode, Result};
use crate::guest::Outcome;
use crate::host_functions::{MemoryAccess, MemoryAnswer};
use crate::lock::lock;
use crate::port::{
    Backend, Delivery, GuestAccess, Mailbox, Operation, Outbox, PendingRun, Port, RemoteRun,
    RunOperation, calls_host,
};
use crate::program::{Cache, LoadOptions, Program};
use crate::runtime::{Runtime, RuntimeStats};
use crate::schedule::InstanceHandle;
use bytes::Bytes;
use std::collections::HashMap;
use std::io;
use std::iter::once;
use std::process::{Child, ExitStatus};
use std::sync::mpsc::{self, SendError};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::io::{AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::time::{sleep, timeout, timeout_at};

/// When this number of workers in a row have died before they were set up, no more are started for a while.
const FAILED_STARTS: u32 = 3;
/// The length of that pause.
const PAUSE: Duration = Duration::from_secs(1);
/// How long a worker may take to start, even on a busy machine.
const STARTING: Duration = Duration::from_secs(60);
/// How long a worker may take to end.
const PATIENCE: Duration = Duration::from_secs(2);
/// After a close, workers are killed when no run has ended for this time.
const CLOSING_PATIENCE: Duration = Duration::from_secs(5);

/// How a pool is set up.
#[derive(Clone, Debug)]
pub struct PoolOptions {
    /// How a worker is started.
    pub launch: Launch,
    /// The number of workers.
    pub workers: usize,
    /// Runs that can be in progress at a time in all workers together.
    pub max_concurrent_runs: usize,
    /// Whether a run is repeated once when the worker that had it died.
    pub retry: bool,
}

/// A port whose runs go to worker processes; `runtime` loads programs and serves their sockets. `wake` is
/// called as by [`Port::new`].
///
/// # Errors
///
/// [`ErrorCode::Internal`].
pub fn port_to_workers(
    runtime: Arc<Runtime>,
    options: PoolOptions,
    wake: impl Fn() + Send + Sync + 'static,
) -> Result<Arc<Port>> {
    Port::with_backend(runtime, wake, |runtime, mailbox| {
        Pool::start(
            options,
            runtime.cache().clone(),
            mailbox,
            &runtime.handle()?,
        )
    })
}

/// Runs programs in processes of their own.
struct Pool {
    options: PoolOptions,
    cache: Cache,
    mailbox: Arc<Mailbox>,
    /// The programs as loaded here, for inspection. Runs use the encoded programs in `state`.
    programs: Mutex<HashMap<u64, Arc<Program>>>,
    state: Mutex<PoolState>,
    /// One per worker, notified when there may be something to send.
    wakers: Vec<Notify>,
    gone: Condvar,
    /// Notified when there may be runs to hand out.
    submitted: Notify,
    /// Notified when workers may be stalled and no check is under way.
    unwatched: Notify,
}

impl Pool {
    /// Starts the workers on the tokio runtime of `handle`. The ends of runs go into `mailbox`.
    fn start(
        options: PoolOptions,
        cache: Cache,
        mailbox: Arc<Mailbox>,
        handle: &Handle,
    ) -> Result<Arc<Self>> {
        let workers = options.workers.min(options.max_concurrent_runs).max(1);
        let mut this = Self {
            options,
            cache,
            mailbox,
            programs: Mutex::default(),
            state: Mutex::new(PoolState::new(Vec::new())),
            wakers: (0..workers).map(|_| Notify::new()).collect(),
            gone: Condvar::new(),
            submitted: Notify::new(),
            unwatched: Notify::new(),
        };
        let members: Result<Vec<_>> = (0..workers).map(|index| this.member(index)).collect();
        this.state = Mutex::new(PoolState::new(members?));
        let this = Arc::new(this);
        for index in 0..workers {
            handle.spawn(this.clone().supervise(index));
        }
        handle.spawn(this.clone().distribute());
        handle.spawn(this.clone().watch());
        Ok(this)
    }

    /// The worker of a place, before it is started.
    fn member(&self, index: usize) -> Result<Member> {
        let (slots, workers) = (self.options.max_concurrent_runs, self.workers());
        let slots = slots / workers + usize::from(index < slots % workers);
        let setup = Setup {
            max_concurrent_runs: slots,
            cache: self.cache.folder().map(Into::into),
        };
        let setup = serde_json::to_vec(&setup).map_err(Error::internal)?;
        Ok(Member::new(slots as u64, setup))
    }

    fn workers(&self) -> usize {
        self.wakers.len()
    }

    fn submit_operations(&self, operations: impl Iterator<Item = Result<Operation>>) -> Result<()> {
        let mut deferred = PoolDeferred::default();
        let carried = self.lock().apply_all(operations, &mut deferred);
        self.record(deferred);
        // Another thread hands the runs out, because the submitter has other things to do.
        self.submitted.notify_one();
        carried
    }

    fn programs(&self) -> MutexGuard<'_, HashMap<u64, Arc<Program>>> {
        lock(&self.programs)
    }

    /// Keeps a worker running in place `index` for as long as the pool is open.
    async fn supervise(self: Arc<Self>, index: usize) {
        let mut failed_starts = 0;
        while !self.lock().closed {
            let failure = match self.clone().launch(index).await {
                Ok(None) => break,
                Ok(Some(stream)) => {
                    let was_up = self.serve(index, stream).await;
                    let status = self.wait_exit(index).await;
                    if let Err(error) = self.replace_dead(index, &status) {
                        self.fail(index, &error);
                        break;
                    }
                    failed_starts = if was_up { 0 } else { failed_starts + 1 };
                    if failed_starts < FAILED_STARTS {
                        continue;
                    }
                    format!("worker processes end as soon as they are started ({status})")
                }
                Err(error) => format!("a worker process could not be started: {error}"),
            };
            self.fail(index, &Error::new(ErrorCode::OutOfResources, failure));
            self.back_off(index).await;
        }
        self.lock().alive -= 1;
        self.gone.notify_all();
    }

    /// Starts a process; returns `None` if the pool was closed meanwhile.
    async fn launch(self: Arc<Self>, index: usize) -> io::Result<Option<Stream>> {
        let starting = tokio::task::spawn_blocking(move || {
            let (child, stream) = start(&self.options.launch)?;
            // Registered here, because the task that waits for this may be gone.
            Ok(self.register(index, child).then_some(stream))
        });
        starting.await.map_err(io::Error::other)?
    }

    /// Registers a process that was started; returns false, and ends it, if the pool was closed meanwhile.
    fn register(&self, index: usize, mut child: Child) -> bool {
        let mut state = self.lock();
        if state.closed {
            drop(state);
            let _ = child.kill();
            let _ = child.wait();
            return false;
        }
        state.children[index] = Some(child);
        true
    }

    /// Serves a worker's socket until it is closed; returns whether the worker was ever set up.
    async fn serve(self: &Arc<Self>, index: usize, stream: Stream) -> bool {
        let (read, write) = tokio::io::split(stream);
        let writing = tokio::spawn(self.clone().write(index, write));
        let was_up = self.read(index, read).await;
        self.lock().leave(index);
        // Other workers take the runs that were left for this one.
        self.spread();
        writing.abort();
        // Both halves have to be dropped, so that the worker sees the end.
        let _ = writing.await;
        was_up
    }

    /// Sends frames to a worker, as they come up.
    async fn write(self: Arc<Self>, index: usize, mut to: WriteHalf<Stream>) {
        loop {
            let frames = self.lock().take_frames(index);
            if frames.is_empty() {
                self.wakers[index].notified().await;
                continue;
            }
            for Outgoing { frame, sent } in frames {
                let written = async {
                    to.write_all(&frame.head()).await?;
                    to.write_all(&frame.bytes).await
                };
                if written.await.is_err() {
                    // The reading side sees that the worker has ended, too.
                    return;
                }
                // Only now: a worker does nothing with a part of a frame.
                self.lock().members[index].delivered = sent;
            }
            self.lock().members[index].is_sending = false;
            self.spread();
        }
    }

    /// Hands out submitted runs.
    async fn distribute(self: Arc<Self>) {
        while !self.lock().closed {
            self.submitted.notified().await;
            self.spread();
        }
    }

    /// Recalls unstarted runs from stalled workers.
    async fn watch(self: Arc<Self>) {
        while !self.lock().closed {
            sleep(STALL).await;
            let goes_on = self.lock().recall_stalled();
            self.spread();
            if !goes_on {
                self.unwatched.notified().await;
            }
        }
    }

    /// Handles what a worker sends until it ends; returns whether it sent anything.
    async fn read(&self, index: usize, mut from: ReadHalf<Stream>) -> bool {
        let hello = timeout(STARTING, Frame::receive(&mut from)).await;
        let mut frame = hello.map_err(io::Error::from).flatten();
        let mut has_sent = false;
        while let Ok(said) = frame {
            if !self.arrived(index, said) {
                self.lock().kill(index);
                break;
            }
            has_sent = true;
            frame = Frame::receive(&mut from).await;
        }
        has_sent
    }

    /// Handles one frame from a worker; returns false if the worker can no longer be trusted.
    fn arrived(&self, index: usize, frame: Frame) -> bool {
        if !matches!(frame.kind, Kind::Delivery | Kind::Recalled) {
            return false;
        }
        let received = self.lock().arrived(index, frame);
        for (sender, delivery) in received.answers {
            // The thread waits for as long as the run lasts, unless it has given up.
            if let Err(SendError(delivery)) = sender.send(delivery) {
                self.give_up(&delivery);
            }
        }
        let Delivery { records, bytes } = received.delivery;
        self.deliver(records, bytes);
        self.record(received.deferred);
        self.spread();
        !received.is_damaged
    }

    /// Waits for the end of a process whose socket is closed.
    async fn wait_exit(&self, index: usize) -> String {
        let Some(mut child) = self.lock().children[index].take() else {
            return String::from("it was ended");
        };
        let waited = tokio::task::spawn_blocking(move || wait(&mut child));
        match waited.await {
            Ok(Ok(status)) => status.to_string(),
            Ok(Err(error)) => error.to_string(),
            Err(error) => error.to_string(),
        }
    }

    /// Makes the place of a worker that has ended ready for the next.
    fn replace_dead(&self, index: usize, status: &str) -> Result<()> {
        let fresh = self.member(index)?;
        let deferred = self
            .lock()
            .replace_dead(index, fresh, self.options.retry, status);
        self.record(deferred);
        self.spread();
        Ok(())
    }

    fn fail(&self, index: usize, error: &Error) {
        let deferred = self.lock().fail(index, error);
        self.record(deferred);
        self.spread();
    }

    /// Waits for a while, and then until there are runs.
    async fn back_off(&self, index: usize) {
        let end = tokio::time::Instant::now() + PAUSE;
        let wakers = &self.wakers[index];
        while !self.lock().closed && timeout_at(end, wakers.notified()).await.is_ok() {}
        self.lock().recover(index);
        while self.lock().has_no_work() {
            wakers.notified().await;
        }
    }

    fn record(&self, deferred: PoolDeferred) {
        if deferred.is_empty() {
            return;
        }
        let PoolDeferred { aborted, faults } = deferred;
        let mut state = self.lock();
        state.finished += (aborted.len() + faults.len()) as u64;
        let mut outbox = Outbox::default();
        let aborted = aborted
            .into_iter()
            .map(|id| (id, Ok(Outcome::never_started())));
        let faults = faults.into_iter().map(|(id, error)| (id, Err(error)));
        for (id, result) in aborted.chain(faults) {
            match state.waiting.remove(&id) {
                Some(waiting) => drop(waiting.send(Delivery::of(id, &result))),
                None => outbox.result(id, &result),
            }
        }
        drop(state);
        let Delivery { records, bytes } = outbox.take();
        self.deliver(records, bytes);
    }

    /// Aborts the run of which this is a call that no thread waits for any more.
    fn give_up(&self, delivery: &Delivery) {
        if let Some(call) = delivery.call() {
            let id = call.run;
            // An abort is well-formed.
            let _ = self.submit_operations(once(Ok(Operation::Abort { id })));
        }
    }

    fn deliver(&self, records: Vec<f64>, bytes: Vec<u8>) {
        if !records.is_empty() {
            self.mailbox.deliver(|outbox| outbox.append(records, bytes));
        }
    }

    /// Hands out runs, and wakes the tasks that have something to do.
    fn spread(&self) {
        let mut state = self.lock();
        state.spread();
        let woken = state.to_wake();
        let is_new = state.has_to_be_watched();
        drop(state);
        woken
            .into_iter()
            .for_each(|index| self.wakers[index].notify_one());
        if is_new {
            self.unwatched.notify_one();
        }
    }

    fn notify_all(&self) {
        self.wakers.iter().for_each(Notify::notify_one);
        self.submitted.notify_one();
        self.unwatched.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, PoolState> {
        lock(&self.state)
    }
}

impl Backend for Pool {
    fn submit(&self, operations: &[f64], bytes: &Bytes) -> Result<()> {
        let operations = Operation::all(operations, bytes).inspect(|operation| {
            if let Ok(Operation::Release { handle } | Operation::Dispose { handle }) = operation {
                self.programs().remove(handle);
            }
        });
        self.submit_operations(operations)
    }

    fn run_sync(&self, handle: u64, options: Bytes) -> Result<PendingRun> {
        let (sender, receiver) = mpsc::channel();
        let piped = calls_host(&options)?;
        let id = self.lock().await_answer(sender);
        self.submit_operations(once(Ok(Operation::Run(RunOperation {
            id,
            handle,
            options,
            abortable: false,
            piped,
            batch: 0,
        }))))?;
        Ok(PendingRun::Elsewhere(RemoteRun::new(id, receiver)))
    }

    fn access_memory(&self, run: u64, call: u64, access: MemoryAccess<'_>) -> Result<MemoryAnswer> {
        let (sender, receiver) = mpsc::channel();
        let asked = GuestAccess::new(call, &access);
        let Some(index) = self.lock().ask_memory(run, asked, sender) else {
            return Ok(MemoryAnswer::Ended);
        };
        self.wakers[index].notify_one();
        // Without an answer the worker has died, and the run with it.
        let answer = receiver.recv().ok();
        let answer = answer.and_then(|delivery| delivery.memory_answer(access));
        Ok(answer.unwrap_or(MemoryAnswer::Ended))
    }

    fn call_sync(&self, _: u64, _: usize, _: Bytes) -> Result<PendingRun> {
        Err(no_instances())
    }

    fn instance(&self, _: u64) -> Result<Arc<InstanceHandle>> {
        Err(no_instances())
    }

    fn encode_program(
        &self,
        bytes: &[u8],
        options: &LoadOptions,
        cache: &Cache,
    ) -> Result<Vec<u8>> {
        program::encode(bytes, options, cache)
    }

    fn add_program(&self, handle: u64, program: Result<Arc<Program>>, encoded: Vec<u8>) {
        if let Ok(program) = program {
            self.programs().insert(handle, program);
            self.lock().add_program(handle, encoded.into());
        }
    }

    fn program(&self, handle: u64) -> Result<Arc<Program>> {
        let program = self.programs().get(&handle).cloned();
        program.ok_or_else(|| Error::internal("an unknown program"))
    }

    fn stats(&self, runtime: RuntimeStats) -> RuntimeStats {
        RuntimeStats {
            threads: self.workers(),
            useful_threads: self.workers(),
            max_concurrent_runs: self.options.max_concurrent_runs,
            counts: self.lock().counts(),
            ..runtime
        }
    }

    fn has_processes(&self) -> bool {
        true
    }

    /// Refuses new runs, aborts all others and waits for the workers to end.
    fn close_and_wait(&self) {
        let mut deferred = PoolDeferred::default();
        let mut state = self.lock();
        state.close(&mut deferred);
        self.notify_all();
        let mut finished = state.finished;
        let mut deadline = Instant::now() + CLOSING_PATIENCE;
        while state.alive > 0 {
            let left = deadline.saturating_duration_since(Instant::now());
            let patience = left.max(Duration::from_millis(100));
            let waited = self.gone.wait_timeout(state, patience);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
            if finished != state.finished {
                finished = state.finished;
                deadline = Instant::now() + CLOSING_PATIENCE;
            } else if Instant::now() >= deadline {
                state.kill_all();
            }
        }
        drop(state);
        self.record(deferred);
    }

    fn forget(&self) {
        self.programs().clear();
    }

    /// Ends the workers at once.
    fn abandon(&self) {
        let mut state = self.lock();
        state.close(&mut PoolDeferred::default());
        state.kill_all();
        let children: Vec<_> = state.children.iter_mut().filter_map(Option::take).collect();
        drop(state);
        self.notify_all();
        if children.is_empty() {
            return;
        }
        // The tasks that supervise the workers may be gone, too.
        let waiting = std::thread::Builder::new().name("wasiexec-wait".into());
        let _ = waiting.spawn(move || {
            for mut child in children {
                let _ = child.wait();
            }
        });
    }
}

/// Waits for a worker whose socket is closed. Kills the worker if it does not end by itself.
fn wait(child: &mut Child) -> io::Result<ExitStatus> {
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    child.kill()?;
    child.wait()
}
