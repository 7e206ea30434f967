//! Which run has which thread.
//!
//! Submissions wait in one queue. As many runners as there are threads take from it; a runner polls a
//! run once, and most runs end in that one poll. A run that waits for something, or that the epoch
//! preempts, goes on as a task of its own, and the runner takes the next. A run holds one of the
//! pool's slots from its start to its end. The runs of a batch that are beyond its concurrency wait
//! apart, and come into the queue one by one as others of it end.

use crate::batch::Batch;
use crate::error::{Error, Result, closed};
use crate::job::{BatchId, Desk, Ended, News, Origin, Submission};
use crate::outcome::Outcome;
use crate::run::execute;
use crate::stop::{Cause, Control};
use crate::ticker::{Computing, Ticker};
use bytes::Bytes;
use slab::Slab;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
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
    /// Told when a thread finds nothing to start, after all that ended has been told.
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
    fn waiting_count(&self) -> usize {
        let apart = self.batches.iter().map(|(_, batch)| batch.waiting_count());
        self.queue.len() + apart.sum::<usize>()
    }

    fn enqueue(
        &mut self,
        batch: Option<BatchId>,
        submissions: impl IntoIterator<Item = Submission>,
    ) {
        match batch {
            Some(id) => {
                self.batches[id.0].add(submissions);
                self.admit(id);
            }
            None => self.queue.extend(submissions),
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

    /// Takes out those that wait and that `which` picks.
    fn take_waiting(&mut self, which: impl Fn(&Submission) -> bool) -> Vec<Submission> {
        let mut taken = Vec::new();
        for (_, batch) in &mut self.batches {
            taken.extend(batch.take_waiting(&which));
        }
        if self.queue.iter().any(&which) {
            let queue = std::mem::take(&mut self.queue);
            let (out, kept): (VecDeque<_>, VecDeque<_>) = queue.into_iter().partition(&which);
            self.queue = kept;
            for submission in &out {
                self.leave(submission.origin().batch, 0);
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

    pub(crate) fn ticker(&self) -> &Ticker {
        &self.ticker
    }

    pub(crate) fn on_idle(&self, tell: Box<dyn Fn() + Send + Sync>) {
        let _ = self.on_idle.set(tell);
    }

    /// Queues runs in their order.
    pub(crate) fn submit(self: &Arc<Self>, submissions: Vec<Submission>) {
        let Some(first) = submissions.first() else {
            return;
        };
        let together = |other: &Submission| Arc::ptr_eq(&first.parcel, &other.parcel);
        let common = submissions.iter().all(together).then(|| first.origin());
        let mut state = self.lock();
        if state.closed {
            drop(state);
            let mut news = News::default();
            for submission in submissions {
                submission.end(Err(closed()), &mut news);
            }
            return;
        }
        match common {
            // Most of the time; runners want the lock at each run, and would go to sleep if it took long.
            Some(origin) => state.enqueue(origin.batch, submissions),
            None => {
                for submission in submissions {
                    state.enqueue(submission.origin().batch, [submission]);
                }
            }
        }
        self.start_runners(&mut state);
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
        // In one step with what waits: nothing may start in between.
        let mut state = self.lock();
        for (_, live) in &state.live {
            if which(live.origin) {
                live.control.stop(Cause::Abort);
            }
        }
        let never_start =
            state.take_waiting(|waiting| waiting.is_stopped() || which(waiting.origin()));
        self.after_stop(state, never_start);
    }

    /// After a stop: lets computing guests notice it now, and ends stopped runs that still wait.
    pub(crate) fn sweep(self: &Arc<Self>) {
        let mut state = self.lock();
        let never_start = state.take_waiting(Submission::is_stopped);
        self.after_stop(state, never_start);
    }

    fn after_stop(
        self: &Arc<Self>,
        mut state: MutexGuard<'_, State>,
        never_start: Vec<Submission>,
    ) {
        state.finished += never_start.len() as u64;
        self.start_runners(&mut state);
        drop(state);
        self.ticker.advance();
        let mut news = News::default();
        for submission in never_start {
            submission.end(Ok(Outcome::never_started()), &mut news);
        }
    }

    /// Gives all runs that have not started back to their submitters.
    pub(crate) fn give_back(&self) {
        let taken = self.lock().take_waiting(|_| true);
        let mut news = News::default();
        for submission in taken {
            submission.parcel.give_back(submission.id);
            news.of(&*submission.parcel);
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

    /// One for each run that could start now; those that are busy would get to it later.
    fn start_runners(self: &Arc<Self>, state: &mut State) {
        let possible = state.queue.len().min(self.slots - state.live.len());
        for _ in 0..possible.min(self.threads - state.runners) {
            state.runners += 1;
            self.handle.spawn(self.clone().runner());
        }
    }

    async fn runner(self: Arc<Self>) {
        let scheduler = &self;
        let mut news = News::default();
        let mut ended = None;
        let mut desk: Option<Arc<Desk>> = None;
        // What a run that has ended leaves its successor: a place for its future.
        let mut place = None;
        let mut turn = Turn::new(scheduler);
        while let Some((key, submission, control)) = scheduler.next(ended.take(), &mut news) {
            let Submission {
                parcel,
                id,
                payload,
                ..
            } = submission;
            desk.take_if(|desk| !Arc::ptr_eq(&desk.parcel, &parcel));
            let desk = desk.get_or_insert_with(|| {
                let scheduler = scheduler.clone();
                Arc::new(Desk { scheduler, parcel })
            });
            let mut run = settle(place.take(), drive(desk.clone(), id, payload, control));
            match poll_fn(|context| Poll::Ready(run.as_mut().poll(context))).await {
                Poll::Ready(run_ended) => {
                    ended = Some((key, run_ended.output()));
                    news.add(&desk.parcel, run_ended);
                    place = Some(run);
                }
                Poll::Pending => {
                    let desk = desk.clone();
                    scheduler.handle.spawn(async move {
                        let ended = run.await;
                        let output = ended.output();
                        News::default().add(&desk.parcel, ended);
                        desk.scheduler.end(key, output);
                    });
                }
            }
            if turn.is_over() {
                drop(turn);
                news.tell();
                tokio::task::yield_now().await;
                turn = Turn::new(scheduler);
            }
        }
        drop(turn);
        drop(news);
        scheduler.tell_idle();
    }

    /// Ends the run `ended` and starts the next; without one the runner is done.
    fn next(
        &self,
        ended: Option<(usize, u64)>,
        news: &mut News,
    ) -> Option<(usize, Submission, Arc<Control>)> {
        let mut state = self.lock();
        if state.closed {
            // Whoever waits for the last run's end has to find its outcome.
            drop(state);
            news.tell();
            state = self.lock();
        }
        if let Some((key, output)) = ended {
            self.remove(&mut state, key, output);
        }
        let next = match state.live.len() < self.slots {
            true => state.queue.pop_front(),
            false => None,
        };
        let Some(mut submission) = next else {
            state.runners -= 1;
            return None;
        };
        let control = submission.control.take().unwrap_or_default();
        let key = state.live.insert(Live {
            origin: submission.origin(),
            control: control.clone(),
        });
        Some((key, submission, control))
    }

    fn end(self: &Arc<Self>, key: usize, output: u64) {
        let mut state = self.lock();
        self.remove(&mut state, key, output);
        self.start_runners(&mut state);
        let is_idle = state.runners == 0;
        drop(state);
        if is_idle {
            self.tell_idle();
        }
    }

    fn tell_idle(&self) {
        if let Some(tell) = self.on_idle.get() {
            tell();
        }
    }

    fn remove(&self, state: &mut State, key: usize, output: u64) {
        let live = state.live.remove(key);
        state.leave(live.origin.batch, output);
        state.finished += 1;
        if state.closed && state.live.is_empty() {
            self.empty.notify_waiters();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// For how long a runner keeps its thread from others; while it lasts, guests compute.
struct Turn<'a> {
    start: Instant,
    _computing: Computing<'a>,
}

impl<'a> Turn<'a> {
    fn new(scheduler: &'a Scheduler) -> Self {
        Self {
            start: Instant::now(),
            _computing: scheduler.ticker.computing(),
        }
    }

    fn is_over(&self) -> bool {
        self.start.elapsed() >= RUNNER_TURN
    }
}

/// Puts a future where one of the same kind has ended, which is cheaper than to free and to allocate.
fn settle<F>(place: Option<Pin<Box<F>>>, future: F) -> Pin<Box<F>> {
    match place {
        None => Box::pin(future),
        Some(mut place) => {
            place.as_mut().set(future);
            place
        }
    }
}

async fn drive(desk: Arc<Desk>, id: u64, payload: Bytes, control: Arc<Control>) -> Ended {
    let result = attempt(&desk, id, &payload, &control).await;
    Ended { id, result }
}

/// The run itself; a panic in it is an error of ours, not the end of the process.
async fn attempt(
    desk: &Arc<Desk>,
    id: u64,
    payload: &Bytes,
    control: &Arc<Control>,
) -> Result<Outcome> {
    if control.cause().is_some() {
        return Ok(Outcome::never_started());
    }
    let mut run = pin!(async {
        let own = desk.parcel.own_options(id, payload)?;
        execute(desk, own, control).await
    });
    poll_fn(move |context| {
        catch_unwind(AssertUnwindSafe(|| run.as_mut().poll(context)))
            .unwrap_or_else(|panic| Poll::Ready(Err(Error::from_panic(&*panic))))
    })
    .await
}
