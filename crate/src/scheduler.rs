//! Which run has which thread.
//!
//! Submissions wait in one queue. As many runners as there are threads take from it; a runner polls a
//! run once, and most runs end in that one poll. A run that waits for something, or that the epoch
//! preempts, goes on as a task of its own, and the runner takes the next. A run holds one of the
//! pool's slots from its start to its end. The runs of a batch that are beyond its concurrency wait
//! apart, and come into the queue one by one as others of it end.

use crate::batch::Batch;
use crate::error::{Error, Result, closed};
use crate::job::{BatchId, Job, Listener, News, Origin, Submission, tell};
use crate::outcome::Outcome;
use crate::run::execute;
use crate::stop::{Cause, Control};
use crate::ticker::Ticker;
use slab::Slab;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::Poll;
use std::time::{Duration, Instant};
use tokio::runtime::Handle;
use tokio::sync::Notify;

/// A runner lets other tasks of its thread run at least this often.
const RUNNER_TURN: Duration = Duration::from_micros(500);

/// Counts of a scheduler, as `stats()` shows them.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counts {
    /// Runs that wait for a slot or a thread.
    pub queued: usize,
    /// Runs that have started and not ended.
    pub running: usize,
    /// Runs that have ended.
    pub finished: u64,
}

/// The queue, the slots and the runs that are going on.
pub(crate) struct Scheduler {
    handle: Handle,
    ticker: Arc<Ticker>,
    threads: usize,
    slots: usize,
    state: Mutex<State>,
    /// Told when there is nothing to start.
    on_idle: OnceLock<Box<dyn Fn() + Send + Sync>>,
    /// All runs have ended after the close.
    empty: Notify,
}

#[derive(Default)]
struct State {
    queue: VecDeque<Submission>,
    live: Slab<Live>,
    batches: Slab<Batch>,
    runners: usize,
    finished: u64,
    closed: bool,
}

impl State {
    /// All that have not started.
    fn waiting(&self) -> impl Iterator<Item = &Submission> {
        let apart = self.batches.iter().flat_map(|(_, batch)| batch.waiting());
        self.queue.iter().chain(apart)
    }

    fn waiting_count(&self) -> usize {
        let apart = self.batches.iter().map(|(_, batch)| batch.waiting_count());
        self.queue.len() + apart.sum::<usize>()
    }

    fn enqueue(&mut self, submission: Submission) {
        match submission.job.origin().batch {
            Some(id) => {
                self.batches[id.0].add(submission);
                self.admit(id);
            }
            None => self.queue.push_back(submission),
        }
    }

    fn admit(&mut self, id: BatchId) {
        let batch = &mut self.batches[id.0];
        self.queue.extend(std::iter::from_fn(|| batch.admit()));
    }

    /// A run that was in the queue or live has ended: the next of its batch may come.
    fn leave(&mut self, batch: Option<BatchId>, output: u64) {
        let Some(id) = batch else { return };
        self.batches[id.0].leave(output);
        self.admit(id);
        self.forget_if_done(id);
    }

    fn forget_if_done(&mut self, id: BatchId) {
        if self.batches[id.0].is_done() {
            self.batches.remove(id.0);
        }
    }

    /// Takes out those that have not started and that `which` picks.
    fn take_waiting(&mut self, which: impl Fn(&Submission) -> bool) -> Vec<Submission> {
        let mut taken = Vec::new();
        for (_, batch) in &mut self.batches {
            taken.extend(batch.take_waiting(&which));
        }
        if self.queue.iter().any(&which) {
            let queue = std::mem::take(&mut self.queue);
            let (out, kept): (VecDeque<_>, VecDeque<_>) = queue.into_iter().partition(which);
            self.queue = kept;
            for submission in &out {
                self.leave(submission.job.origin().batch, 0);
            }
            taken.extend(out);
        }
        taken
    }
}

/// What is known of a run that is going on.
struct Live {
    origin: Origin,
    control: Arc<Control>,
}

impl Scheduler {
    pub(crate) fn new(handle: Handle, ticker: Arc<Ticker>, threads: usize, slots: usize) -> Self {
        Self {
            handle,
            ticker,
            threads,
            slots,
            state: Mutex::default(),
            on_idle: OnceLock::new(),
            empty: Notify::new(),
        }
    }

    pub(crate) fn on_idle(&self, tell: Box<dyn Fn() + Send + Sync>) {
        let _ = self.on_idle.set(tell);
    }

    /// Queues runs in their order.
    pub(crate) fn submit(self: &Arc<Self>, submissions: impl IntoIterator<Item = Submission>) {
        let mut refused = Vec::new();
        let mut state = self.lock();
        if state.closed {
            refused.extend(submissions);
        } else {
            for submission in submissions {
                state.enqueue(submission);
            }
            self.start_runners(&mut state);
        }
        drop(state);
        for Submission { job, .. } in refused {
            tell(job.done(Err(closed())));
        }
    }

    /// A batch of which at most `concurrency` runs go on at a time.
    pub(crate) fn open_batch(&self, concurrency: usize) -> BatchId {
        BatchId(self.lock().batches.insert(Batch::new(concurrency)))
    }

    /// No more runs of this batch will come; it is forgotten when its last has ended.
    pub(crate) fn close_batch(&self, id: BatchId) {
        let mut state = self.lock();
        state.batches[id.0].close();
        state.forget_if_done(id);
    }

    /// So many bytes of output of this batch have been read.
    pub(crate) fn batch_read(self: &Arc<Self>, id: BatchId, output: u64) {
        let mut state = self.lock();
        state.batches[id.0].read(output);
        state.admit(id);
        self.start_runners(&mut state);
    }

    /// Stops the runs that `which` picks; those that wait never start.
    pub(crate) fn abort(self: &Arc<Self>, which: impl Fn(Origin) -> bool) {
        let state = self.lock();
        let waiting = state.waiting().map(|s| (s.job.origin(), &s.control));
        let live = state.live.iter().map(|(_, l)| (l.origin, &l.control));
        for (origin, control) in live.chain(waiting) {
            if which(origin) {
                control.stop(Cause::Abort);
            }
        }
        drop(state);
        self.sweep();
    }

    /// After a stop: lets computing guests notice it now, and ends stopped runs that still wait.
    pub(crate) fn sweep(self: &Arc<Self>) {
        self.ticker.advance();
        let mut state = self.lock();
        let stopped = state.take_waiting(|submission| submission.control.cause().is_some());
        state.finished += stopped.len() as u64;
        self.start_runners(&mut state);
        drop(state);
        let mut news = News::default();
        for Submission { job, .. } in stopped {
            news.add(job.done(Ok(Outcome::never_started())));
        }
    }

    /// Gives all runs that have not started back to their submitters.
    pub(crate) fn give_back(&self) {
        let taken = self.lock().take_waiting(|_| true);
        let mut news = News::default();
        for Submission { job, .. } in taken {
            news.add(job.give_back());
        }
    }

    /// Refuses new runs, aborts all others and waits for their end.
    pub(crate) async fn close(self: &Arc<Self>) {
        self.lock().closed = true;
        self.abort(|_| true);
        loop {
            let empty = self.empty.notified();
            if self.lock().live.is_empty() {
                return;
            }
            empty.await;
        }
    }

    pub(crate) fn counts(&self) -> Counts {
        let state = self.lock();
        Counts {
            queued: state.waiting_count(),
            running: state.live.len(),
            finished: state.finished,
        }
    }

    fn start_runners(self: &Arc<Self>, state: &mut State) {
        let possible = state.queue.len().min(self.slots - state.live.len());
        while state.runners < self.threads && state.runners < possible {
            state.runners += 1;
            self.handle.spawn(self.clone().runner());
        }
    }

    async fn runner(self: Arc<Self>) {
        let mut news = News::default();
        let mut ended = None;
        let mut turn = Instant::now();
        while let Some((key, submission)) = self.next(ended.take()) {
            let mut run = Box::pin(self.clone().drive(submission));
            match poll_fn(|context| Poll::Ready(run.as_mut().poll(context))).await {
                Poll::Ready((output, listener)) => {
                    ended = Some((key, output));
                    news.add(listener);
                }
                Poll::Pending => {
                    let this = self.clone();
                    self.handle.spawn(async move {
                        let (output, listener) = run.await;
                        this.end(key, output);
                        tell(listener);
                    });
                }
            }
            if turn.elapsed() >= RUNNER_TURN {
                news.tell();
                tokio::task::yield_now().await;
                turn = Instant::now();
            }
        }
        drop(news);
        if let Some(tell) = self.on_idle.get() {
            tell();
        }
    }

    /// Ends the run `ended` and starts the next; without one the runner is done.
    fn next(&self, ended: Option<(usize, u64)>) -> Option<(usize, Submission)> {
        let mut state = self.lock();
        if let Some((key, output)) = ended {
            self.remove(&mut state, key, output);
        }
        let next = match state.live.len() < self.slots {
            true => state.queue.pop_front(),
            false => None,
        };
        let Some(submission) = next else {
            state.runners -= 1;
            return None;
        };
        let key = state.live.insert(Live {
            origin: submission.job.origin(),
            control: submission.control.clone(),
        });
        Some((key, submission))
    }

    fn end(self: &Arc<Self>, key: usize, output: u64) {
        let mut state = self.lock();
        self.remove(&mut state, key, output);
        self.start_runners(&mut state);
    }

    fn remove(&self, state: &mut State, key: usize, output: u64) {
        let live = state.live.remove(key);
        state.leave(live.origin.batch, output);
        state.finished += 1;
        if state.closed && state.live.is_empty() {
            self.empty.notify_waiters();
        }
    }

    /// Answers how many bytes were captured, and who has to be told.
    async fn drive(self: Arc<Self>, submission: Submission) -> (u64, Option<Arc<dyn Listener>>) {
        let Submission { mut job, control } = submission;
        let result = self.attempt(&mut *job, &control).await;
        let output = match &result {
            Ok(outcome) => outcome.stdout.len() + outcome.stderr.len(),
            Err(_) => 0,
        };
        (output as u64, job.done(result))
    }

    /// The run itself; a panic in it is an error of ours, not the end of the process.
    async fn attempt(&self, job: &mut dyn Job, control: &Arc<Control>) -> Result<Outcome> {
        if control.cause().is_some() {
            return Ok(Outcome::never_started());
        }
        let program = job.program().clone();
        let mut run = Box::pin(async {
            let options = job.options()?;
            execute(&program, &options, control, &self.ticker).await
        });
        poll_fn(move |context| {
            catch_unwind(AssertUnwindSafe(|| run.as_mut().poll(context)))
                .unwrap_or_else(|panic| Poll::Ready(Err(Error::from_panic(&*panic))))
        })
        .await
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
