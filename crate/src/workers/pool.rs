//! The workers of a runtime and the runs that wait for them.

use super::frame::{Frame, Kind};
use super::link::{Launch, Stream, start};
use super::member::{Member, PoolProgram, PoolRun};
use super::serve::Setup;
use crate::batch::MAX_UNREAD;
use crate::error::{Error, ErrorCode, Result};
use crate::outcome::Outcome;
use crate::scheduler::Counts;
use crate::transport::{Delivery, Operation, Outbox, PendingRun, Port, Record, RunOperation};
use bytes::Bytes;
use std::collections::{HashMap, HashSet, VecDeque};
use std::io;
use std::process::{Child, ExitStatus};
use std::sync::mpsc::{self, SyncSender};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};
use tokio::io::{AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::runtime::Handle;
use tokio::sync::Notify;

/// Workers that die at once, one after the other, before no more are started.
const DEATHS: u32 = 3;
/// How long a worker may take to end.
const PATIENCE: Duration = Duration::from_secs(2);
/// Ids from here on are not the submitter's: those of runs that a thread waits for.
const OWN_IDS: u64 = 1 << 52;

/// How a pool is set up.
#[derive(Clone, Debug)]
pub struct PoolOptions {
    /// How a worker is started.
    pub launch: Launch,
    /// How many there are.
    pub workers: usize,
    /// Runs that can be going on at a time in all of them.
    pub max_concurrent_runs: usize,
    /// Whether a run is run once more when the worker died that had it.
    pub retry: bool,
}

/// Runs programs in processes of their own.
pub(crate) struct Pool {
    options: PoolOptions,
    setup: Vec<u8>,
    port: Weak<Port>,
    state: Mutex<State>,
    /// One for each member: there may be something to send.
    news: Vec<Notify>,
    gone: Condvar,
}

struct State {
    queue: VecDeque<PoolRun>,
    members: Vec<Member>,
    /// Processes that have not ended.
    children: Vec<Option<Child>>,
    batches: HashMap<u64, PoolBatch>,
    programs: HashMap<u64, Arc<PoolProgram>>,
    /// Programs that are released when the last queued run of them is sent.
    released: HashSet<u64>,
    waiting: HashMap<u64, SyncSender<Delivery>>,
    last_id: u64,
    finished: u64,
    alive: usize,
    closed: bool,
    /// Why there are no workers.
    broken: Option<Error>,
}

struct PoolBatch {
    concurrency: usize,
    options: Bytes,
    unread: u64,
}

impl PoolBatch {
    /// How many of its runs may go on in one of so many workers.
    fn share(&self, member: usize, members: usize) -> usize {
        self.concurrency / members + usize::from(member < self.concurrency % members)
    }
}

/// What has to be told when the lock is free.
#[derive(Default)]
struct Told {
    aborted: Vec<u64>,
    faults: Vec<(u64, Error)>,
}

impl Pool {
    /// Starts the workers on the tokio runtime of `handle`; what becomes of runs is told to `port`.
    pub(crate) fn start(
        options: PoolOptions,
        cache: &crate::cache::Cache,
        port: Weak<Port>,
        handle: &Handle,
    ) -> Result<Arc<Self>> {
        let workers = options.workers.min(options.max_concurrent_runs).max(1);
        let setup = Setup {
            max_concurrent_runs: options.max_concurrent_runs.div_ceil(workers),
            cache: cache.folder().map(Into::into),
        };
        let setup = serde_json::to_vec(&setup).map_err(Error::internal)?;
        let state = State {
            queue: VecDeque::new(),
            members: (0..workers).map(|_| Member::new(setup.clone())).collect(),
            children: (0..workers).map(|_| None).collect(),
            batches: HashMap::new(),
            programs: HashMap::new(),
            released: HashSet::new(),
            waiting: HashMap::new(),
            last_id: OWN_IDS,
            finished: 0,
            alive: workers,
            closed: false,
            broken: None,
        };
        let this = Arc::new(Self {
            options,
            setup,
            port,
            state: Mutex::new(state),
            news: (0..workers).map(|_| Notify::new()).collect(),
            gone: Condvar::new(),
        });
        for index in 0..workers {
            handle.spawn(this.clone().supervise(index));
        }
        Ok(this)
    }

    pub(crate) fn workers(&self) -> usize {
        self.news.len()
    }

    pub(crate) fn max_concurrent_runs(&self) -> usize {
        self.options.max_concurrent_runs
    }

    pub(crate) fn counts(&self) -> Counts {
        let state = self.lock();
        let mut counts = Counts {
            queued: state.queue.len(),
            running: 0,
            finished: state.finished,
        };
        for (all, unstarted) in state.members.iter().map(Member::counts) {
            counts.queued += unstarted;
            counts.running += all - unstarted;
        }
        counts
    }

    /// A program that runs may name from now on.
    pub(crate) fn add_program(&self, handle: u64, encoded: Vec<u8>) {
        let program = Arc::new(PoolProgram { handle, encoded });
        self.lock().programs.insert(handle, program);
    }

    /// Carries out operations in their order.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::Internal`] for a run of what was never loaded.
    pub(crate) fn submit(&self, operations: impl Iterator<Item = Result<Operation>>) -> Result<()> {
        let mut told = Told::default();
        let mut state = self.lock();
        let mut carried = Ok(());
        for operation in operations {
            carried = operation.and_then(|operation| state.carry_out(operation, &mut told));
            if carried.is_err() {
                break;
            }
        }
        drop(state);
        self.tell(told);
        self.news.iter().for_each(Notify::notify_one);
        carried
    }

    /// Queues a run whose end a thread waits for.
    pub(crate) fn run_sync(&self, handle: u64, options: Bytes) -> Result<PendingRun> {
        let (sender, receiver) = mpsc::sync_channel(1);
        let id = {
            let mut state = self.lock();
            state.last_id += 1;
            let id = state.last_id;
            state.waiting.insert(id, sender);
            id
        };
        self.submit(std::iter::once(Ok(Operation::Run(RunOperation {
            id,
            handle,
            options,
            abortable: false,
            piped: false,
            batch: 0,
        }))))?;
        Ok(PendingRun::new(receiver))
    }

    /// Refuses new runs, aborts all others and waits for the workers' end.
    pub(crate) fn close_and_wait(&self) {
        let mut told = Told::default();
        let mut state = self.lock();
        state.closed = true;
        told.aborted
            .extend(state.queue.drain(..).map(|run| run.operation.id));
        state.members.iter_mut().for_each(Member::close);
        self.news.iter().for_each(Notify::notify_one);
        let deadline = Instant::now() + PATIENCE;
        while state.alive > 0 {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                state.kill();
            }
            let patience = left.max(Duration::from_millis(100));
            let waited = self.gone.wait_timeout(state, patience);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        drop(state);
        self.tell(told);
    }

    /// Ends the workers at once; nobody is told anything.
    pub(crate) fn kill(&self) {
        let mut state = self.lock();
        state.closed = true;
        state.queue.clear();
        state.kill();
        let children: Vec<_> = state.children.iter_mut().filter_map(Option::take).collect();
        drop(state);
        if children.is_empty() {
            return;
        }
        // Whoever supervises them may be gone, too.
        let reaping = std::thread::Builder::new().name("wasiexec-reap".into());
        let _ = reaping.spawn(move || {
            for mut child in children {
                let _ = child.wait();
            }
        });
    }

    /// Keeps a worker running in place `index` for as long as the pool is open.
    async fn supervise(self: Arc<Self>, index: usize) {
        let mut deaths = 0;
        while !self.lock().closed {
            let launch = self.options.launch.clone();
            let started = tokio::task::spawn_blocking(move || start(&launch)).await;
            let (child, stream) = match started.map_err(io::Error::other).flatten() {
                Ok(started) => started,
                Err(error) => {
                    let message = format!("a worker process could not be started: {error}");
                    self.give_up(&Error::new(ErrorCode::OutOfResources, message));
                    break;
                }
            };
            if !self.adopt(index, child) {
                break;
            }
            let (read, write) = tokio::io::split(stream);
            let writing = tokio::spawn(self.clone().write(index, write));
            let told = self.read(index, read).await;
            writing.abort();
            let status = self.reap(index).await;
            deaths = if told { 0 } else { deaths + 1 };
            self.bury(index, &status);
            if deaths == DEATHS {
                let message =
                    format!("worker processes end as soon as they are started ({status})");
                self.give_up(&Error::new(ErrorCode::OutOfResources, message));
                break;
            }
        }
        self.lock().alive -= 1;
        self.gone.notify_all();
    }

    /// Takes in a process that was started; answers false when it is not wanted any more.
    fn adopt(&self, index: usize, mut child: Child) -> bool {
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

    /// Sends what there is, and runs as far as the worker has room for them.
    async fn write(self: Arc<Self>, index: usize, mut to: WriteHalf<Stream>) {
        loop {
            let frames = self.lock().next_frames(index);
            for frame in frames {
                let sent = async {
                    to.write_all(&frame.head()).await?;
                    to.write_all(&frame.bytes).await
                };
                if sent.await.is_err() {
                    // The reading side sees the worker's end, too.
                    return;
                }
            }
            // Not again at once: the others get their share first, and the worker tells when it has begun.
            self.news[index].notified().await;
        }
    }

    /// Takes in what the worker tells until it ends; answers whether it told anything.
    async fn read(&self, index: usize, mut from: ReadHalf<Stream>) -> bool {
        let mut told = false;
        while let Ok(frame) = Frame::receive(&mut from).await {
            if self.arrived(index, frame).is_err() {
                break;
            }
            told = true;
            self.news[index].notify_one();
        }
        told
    }

    fn arrived(&self, index: usize, mut frame: Frame) -> Result<()> {
        if frame.kind != Kind::Delivery {
            return Err(Error::internal("a worker sent an unexpected frame"));
        }
        let mut state = self.lock();
        state.account(index, &frame)?;
        let answers = match state.waiting.is_empty() {
            true => Vec::new(),
            false => state.take_answers(&mut frame),
        };
        drop(state);
        for (sender, delivery) in answers {
            // It waits for as long as the run lasts.
            let _ = sender.send(delivery);
        }
        if let Some(port) = self.port.upgrade()
            && !frame.numbers.is_empty()
        {
            port.deliver(|outbox| outbox.append(frame.numbers, frame.bytes));
        }
        Ok(())
    }

    /// Waits for the end of a process whose socket is closed.
    async fn reap(&self, index: usize) -> String {
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

    /// After the end of a worker: its runs are run again or told to have failed.
    fn bury(&self, index: usize, status: &str) {
        let mut told = Told::default();
        let mut state = self.lock();
        let fresh = Member::new(self.setup.clone());
        let dead = std::mem::replace(&mut state.members[index], fresh);
        for mut run in dead.into_runs().rev() {
            let id = run.operation.id;
            if state.closed {
                told.aborted.push(id);
            } else if self.options.retry && !run.retried && !run.operation.piped {
                run.retried = true;
                state.queue.push_front(run);
            } else {
                let message = format!("the worker process that had this run died ({status})");
                told.faults
                    .push((id, Error::new(ErrorCode::WorkerDied, message)));
            }
        }
        drop(state);
        self.tell(told);
        self.news.iter().for_each(Notify::notify_one);
    }

    /// No worker can be had: all that wait fail, and all that come.
    fn give_up(&self, error: &Error) {
        let mut state = self.lock();
        state.broken.get_or_insert_with(|| error.clone());
        let queue = std::mem::take(&mut state.queue);
        drop(state);
        let faults = queue
            .into_iter()
            .map(|run| (run.operation.id, error.clone()));
        self.tell(Told {
            aborted: Vec::new(),
            faults: faults.collect(),
        });
    }

    fn tell(&self, told: Told) {
        let Told { aborted, faults } = told;
        if aborted.is_empty() && faults.is_empty() {
            return;
        }
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
        if let Some(port) = self.port.upgrade() {
            let Delivery { records, bytes } = outbox.take();
            port.deliver(|outbox| outbox.append(records, bytes));
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn carry_out(&mut self, operation: Operation, told: &mut Told) -> Result<()> {
        match operation {
            Operation::Run(run) => self.queue_run(run, told)?,
            Operation::Abort { id } => {
                if let Some(at) = self.queue.iter().position(|run| run.operation.id == id) {
                    self.queue.remove(at);
                    told.aborted.push(id);
                }
                self.tell_owner_of(id, &operation);
            }
            Operation::Pipe { id, .. } => self.tell_owner_of(id, &operation),
            Operation::Release { handle } => {
                self.programs.remove(&handle);
                self.released.insert(handle);
            }
            Operation::Dispose { handle } => {
                self.programs.remove(&handle);
                self.abort_queued(|run| run.handle == handle, told);
                let dispose = |member: &mut Member| member.dispose(handle);
                self.members.iter_mut().for_each(dispose);
            }
            Operation::OpenBatch {
                id,
                concurrency,
                options,
            } => {
                let batch = PoolBatch {
                    concurrency,
                    options,
                    unread: 0,
                };
                self.batches.insert(id, batch);
            }
            Operation::AbortBatch { id } => {
                self.abort_queued(|run| run.batch == id, told);
                let abort = |member: &mut Member| member.abort_batch(id);
                self.members.iter_mut().for_each(abort);
            }
            Operation::BatchRead { id, output } => {
                if let Some(batch) = self.batches.get_mut(&id) {
                    batch.unread = batch.unread.saturating_sub(output);
                    if batch.unread < MAX_UNREAD {
                        let read = |member: &mut Member| member.batch_read(id);
                        self.members.iter_mut().for_each(read);
                    }
                }
            }
            Operation::CloseBatch { id } => {
                self.batches.remove(&id);
                let close = |member: &mut Member| member.close_batch(id);
                self.members.iter_mut().for_each(close);
            }
        }
        Ok(())
    }

    fn queue_run(&mut self, operation: RunOperation, told: &mut Told) -> Result<()> {
        let refused = self
            .broken
            .clone()
            .or_else(|| self.closed.then(crate::error::closed));
        if let Some(error) = refused {
            told.faults.push((operation.id, error));
            return Ok(());
        }
        let Some(program) = self.programs.get(&operation.handle).cloned() else {
            return Err(Error::internal("a run of an unknown program"));
        };
        self.queue.push_back(PoolRun {
            operation,
            program,
            retried: false,
        });
        Ok(())
    }

    fn abort_queued(&mut self, which: impl Fn(&RunOperation) -> bool, told: &mut Told) {
        self.queue.retain(|run| {
            let aborted = which(&run.operation);
            if aborted {
                told.aborted.push(run.operation.id);
            }
            !aborted
        });
    }

    fn tell_owner_of(&mut self, run: u64, operation: &Operation) {
        if let Some(member) = self.members.iter_mut().find(|m| m.has_run(run)) {
            member.tell(operation);
        }
    }

    /// What there is to send to a worker, with as many runs as it has room for.
    fn next_frames(&mut self, index: usize) -> Vec<Frame> {
        let members = self.members.len();
        // The others want some, too.
        let fair = self.queue.len().div_ceil(members);
        for _ in 0..fair {
            if !self.members[index].has_room() {
                break;
            }
            let Some(run) = self.next_run(index) else {
                break;
            };
            let id = run.operation.batch;
            let batch = self.batches.get(&id);
            let open = || Operation::OpenBatch {
                id,
                concurrency: batch.map_or(1, |batch| batch.share(index, members)),
                options: batch.map(|batch| batch.options.clone()).unwrap_or_default(),
            };
            self.members[index].send(run, open);
        }
        if self.queue.is_empty() {
            for handle in self.released.drain() {
                for member in &mut self.members {
                    member.release(handle);
                }
            }
        }
        self.members[index].take_frames()
    }

    /// The first run of the queue that this worker may have.
    fn next_run(&mut self, index: usize) -> Option<PoolRun> {
        let members = self.members.len();
        let may_run = |run: &PoolRun| match self.batches.get(&run.operation.batch) {
            Some(batch) => batch.unread < MAX_UNREAD && batch.share(index, members) > 0,
            None => true,
        };
        let at = self.queue.iter().position(may_run)?;
        self.queue.remove(at)
    }

    /// Counts what a delivery says.
    ///
    /// # Errors
    ///
    /// When it is not what a worker of ours would send.
    fn account(&mut self, index: usize, frame: &Frame) -> Result<()> {
        let mut bytes = 0;
        for record in Record::all(&frame.numbers) {
            let record = record?;
            bytes += record.bytes();
            if !record.is_end() {
                continue;
            }
            let Some(run) = self.members[index].ended(record.id, record.output()) else {
                return Err(Error::internal(
                    "a worker told of a run that it does not have",
                ));
            };
            self.finished += 1;
            let id = run.operation.batch;
            if let Some(batch) = self.batches.get_mut(&id) {
                batch.unread += record.output();
                if batch.unread < MAX_UNREAD && record.output() > 0 {
                    self.members[index].batch_read(id);
                }
            }
        }
        if bytes != frame.bytes.len() as u64 {
            return Err(Error::internal("a worker's records do not fit their bytes"));
        }
        self.members[index].progress(frame.started, !self.queue.is_empty());
        Ok(())
    }

    /// Takes out of a delivery what threads wait for.
    fn take_answers(&mut self, frame: &mut Frame) -> Vec<(SyncSender<Delivery>, Delivery)> {
        let mut answers = Vec::new();
        let mut rest = Delivery::default();
        let mut at = 0;
        let numbers = std::mem::take(&mut frame.numbers);
        for record in Record::all(&numbers).flatten() {
            let end = at + record.bytes() as usize;
            let bytes = &frame.bytes[at..end];
            at = end;
            match self.waiting.remove(&record.id) {
                Some(sender) => answers.push((sender, record.alone(bytes))),
                None => record.append_to(&mut rest, bytes),
            }
        }
        frame.numbers = rest.records;
        frame.bytes = rest.bytes;
        answers
    }

    fn kill(&mut self) {
        for child in self.children.iter_mut().flatten() {
            // It may have ended by itself.
            let _ = child.kill();
        }
    }
}

/// A worker whose socket is closed ends by itself, or else is made to.
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
