//! The workers of a runtime: their processes, from start to end, and what goes over their sockets.

use super::frame::{Frame, Kind};
use super::link::{Launch, Stream, start};
use super::member::{Member, Outgoing, STALL};
use super::serve::Setup;
use super::state::{State, Told};
use crate::error::{Error, ErrorCode, Result};
use crate::outcome::Outcome;
use crate::scheduler::Counts;
use crate::transport::{Delivery, Operation, Outbox, PendingRun, Port, RunOperation};
use bytes::Bytes;
use std::io;
use std::process::{Child, ExitStatus};
use std::sync::mpsc;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};
use tokio::io::{AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::time::{sleep, timeout, timeout_at};

/// Workers that die before they are set up, one after the other, before no more are started for a while.
const FAILED_STARTS: u32 = 3;
/// How long that while is.
const PAUSE: Duration = Duration::from_secs(1);
/// How long a worker may take to start, on a machine that has much else to do.
const STARTING: Duration = Duration::from_secs(60);
/// How long a worker may take to end.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long no run may end while all are aborted.
const CLOSING_PATIENCE: Duration = Duration::from_secs(5);

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
    cache: crate::cache::Cache,
    port: Weak<Port>,
    state: Mutex<State>,
    /// One for each worker: there may be something to send.
    news: Vec<Notify>,
    gone: Condvar,
    /// There may be something to give out.
    submitted: Notify,
    /// There may be workers that stand still, and nobody looks.
    unwatched: Notify,
}

impl Pool {
    /// Starts the workers on the tokio runtime of `handle`; what becomes of runs is told to `port`.
    pub(crate) fn start(
        options: PoolOptions,
        cache: crate::cache::Cache,
        port: Weak<Port>,
        handle: &Handle,
    ) -> Result<Arc<Self>> {
        let workers = options.workers.min(options.max_concurrent_runs).max(1);
        let mut this = Self {
            options,
            cache,
            port,
            state: Mutex::new(State::new(Vec::new())),
            news: (0..workers).map(|_| Notify::new()).collect(),
            gone: Condvar::new(),
            submitted: Notify::new(),
            unwatched: Notify::new(),
        };
        let members: Result<Vec<_>> = (0..workers).map(|index| this.member(index)).collect();
        this.state = Mutex::new(State::new(members?));
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

    pub(crate) fn workers(&self) -> usize {
        self.news.len()
    }

    pub(crate) fn max_concurrent_runs(&self) -> usize {
        self.options.max_concurrent_runs
    }

    pub(crate) fn counts(&self) -> Counts {
        self.lock().counts()
    }

    /// A program that runs may name from now on.
    pub(crate) fn add_program(&self, handle: u64, encoded: Vec<u8>) {
        self.lock().add_program(handle, encoded.into());
    }

    /// Carries out operations in their order.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::Internal`] for a run of what was never loaded.
    pub(crate) fn submit(&self, operations: impl Iterator<Item = Result<Operation>>) -> Result<()> {
        let mut told = Told::default();
        let carried = self.lock().carry_out(operations, &mut told);
        self.tell(told);
        // Not here: the submitter has other things to do.
        self.submitted.notify_one();
        carried
    }

    /// Queues a run whose end a thread waits for.
    pub(crate) fn run_sync(&self, handle: u64, options: Bytes) -> Result<PendingRun> {
        let (sender, receiver) = mpsc::sync_channel(1);
        let id = self.lock().await_answer(sender);
        self.submit(std::iter::once(Ok(Operation::Run(RunOperation {
            id,
            handle,
            options,
            abortable: false,
            piped: false,
            batch: 0,
        }))))?;
        Ok(PendingRun::Elsewhere(receiver))
    }

    /// Refuses new runs, aborts all others and waits for the workers' end.
    pub(crate) fn close_and_wait(&self) {
        let mut told = Told::default();
        let mut state = self.lock();
        state.close(&mut told);
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
        self.tell(told);
    }

    /// Ends the workers at once; nobody is told anything.
    pub(crate) fn kill(&self) {
        let mut state = self.lock();
        state.close(&mut Told::default());
        state.kill_all();
        let children: Vec<_> = state.children.iter_mut().filter_map(Option::take).collect();
        drop(state);
        self.notify_all();
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
        let mut failed_starts = 0;
        while !self.lock().closed {
            let failure = match self.clone().launch(index).await {
                Ok(None) => break,
                Ok(Some(stream)) => {
                    let was_up = self.serve(index, stream).await;
                    let status = self.reap(index).await;
                    if let Err(error) = self.bury(index, &status) {
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
            self.rest(index).await;
        }
        self.lock().alive -= 1;
        self.gone.notify_all();
    }

    /// Starts a process; answers none when it is not wanted any more.
    async fn launch(self: Arc<Self>, index: usize) -> io::Result<Option<Stream>> {
        let starting = tokio::task::spawn_blocking(move || {
            let (child, stream) = start(&self.options.launch)?;
            // Here, because nobody may wait for this any more.
            Ok(self.adopt(index, child).then_some(stream))
        });
        starting.await.map_err(io::Error::other)?
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

    /// Talks with a worker until its end; answers whether it was ever set up.
    async fn serve(self: &Arc<Self>, index: usize, stream: Stream) -> bool {
        let (read, write) = tokio::io::split(stream);
        let writing = tokio::spawn(self.clone().write(index, write));
        let was_up = self.read(index, read).await;
        self.lock().leave(index);
        // Those that left runs to it take them now.
        self.spread();
        writing.abort();
        // Both halves have to go, so that the worker sees the end.
        let _ = writing.await;
        was_up
    }

    /// Sends what there is.
    async fn write(self: Arc<Self>, index: usize, mut to: WriteHalf<Stream>) {
        loop {
            let frames = self.lock().take_frames(index);
            if frames.is_empty() {
                self.news[index].notified().await;
                continue;
            }
            for Outgoing { frame, sent } in frames {
                let written = async {
                    to.write_all(&frame.head()).await?;
                    to.write_all(&frame.bytes).await
                };
                if written.await.is_err() {
                    // The reading side sees the worker's end, too.
                    return;
                }
                // A worker does nothing with a part of a frame.
                self.lock().members[index].delivered = sent;
            }
            self.lock().members[index].is_sending = false;
            self.spread();
        }
    }

    /// Gives out what is submitted.
    async fn distribute(self: Arc<Self>) {
        while !self.lock().closed {
            self.submitted.notified().await;
            self.spread();
        }
    }

    /// Takes back what workers that stand still have not started.
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

    /// Takes in what the worker tells until it ends; answers whether it told anything.
    async fn read(&self, index: usize, mut from: ReadHalf<Stream>) -> bool {
        let hello = timeout(STARTING, Frame::receive(&mut from)).await;
        let mut frame = hello.map_err(io::Error::from).flatten();
        let mut told = false;
        while let Ok(said) = frame {
            if !self.arrived(index, said) {
                self.lock().kill(index);
                break;
            }
            told = true;
            frame = Frame::receive(&mut from).await;
        }
        told
    }

    /// Passes on what a worker tells; answers false when it is no worker of ours any more.
    fn arrived(&self, index: usize, frame: Frame) -> bool {
        if frame.kind != Kind::Delivery {
            return false;
        }
        let arrived = self.lock().arrived(index, frame);
        for (sender, delivery) in arrived.answers {
            // It waits for as long as the run lasts.
            let _ = sender.send(delivery);
        }
        let Delivery { records, bytes } = arrived.delivery;
        self.deliver(records, bytes);
        self.tell(arrived.told);
        self.spread();
        !arrived.is_damaged
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

    /// After the end of a worker: makes its place ready for the next.
    fn bury(&self, index: usize, status: &str) -> Result<()> {
        let fresh = self.member(index)?;
        let told = self.lock().bury(index, fresh, self.options.retry, status);
        self.tell(told);
        self.spread();
        Ok(())
    }

    fn fail(&self, index: usize, error: &Error) {
        let told = self.lock().fail(index, error);
        self.tell(told);
        self.spread();
    }

    /// Waits for a while, and then until there is something to run.
    async fn rest(&self, index: usize) {
        let end = tokio::time::Instant::now() + PAUSE;
        let news = &self.news[index];
        while !self.lock().closed && timeout_at(end, news.notified()).await.is_ok() {}
        self.lock().recover(index);
        while self.lock().is_bored() {
            news.notified().await;
        }
    }

    fn tell(&self, told: Told) {
        if told.is_empty() {
            return;
        }
        let Told { aborted, faults } = told;
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

    fn deliver(&self, records: Vec<f64>, bytes: Vec<u8>) {
        if let Some(port) = self.port.upgrade()
            && !records.is_empty()
        {
            port.deliver(|outbox| outbox.append(records, bytes));
        }
    }

    /// Gives out runs, and wakes those for whom there is something to do.
    fn spread(&self) {
        let mut state = self.lock();
        state.spread();
        let woken = state.to_wake();
        let is_new = state.has_to_be_watched();
        drop(state);
        woken
            .into_iter()
            .for_each(|index| self.news[index].notify_one());
        if is_new {
            self.unwatched.notify_one();
        }
    }

    fn notify_all(&self) {
        self.news.iter().for_each(Notify::notify_one);
        self.submitted.notify_one();
        self.unwatched.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
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
