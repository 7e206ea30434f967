//! Which run has which thread.
//!
//! Submissions wait in one queue. As many runners as there are threads take from it; a runner polls a
//! run once, and most runs end in that one poll. A run that waits for something, or that the epoch
//! preempts, becomes a [`Task`]; when it can go on it is in line with the others ([`Ready`]), and any
//! runner polls it. A run holds one of the pool's slots from its start to its end. The runs of a batch
//! that are beyond its concurrency wait apart, and come into the queue one by one as others of it end.

use super::batch::Batch;
use super::brief::{NEXT_RUN, wait_briefly};
use super::completions::Completions;
use super::context::RunContext;
use super::lane::{Computing, FIRST_SLICE, SHORT_SLICE};
use super::queue::Taken;
use super::ready::{Choice, Ready};
use super::run::drive;
use super::run_group::{BatchId, Ended, Origin, RunGroup};
use super::slot::{Slot, SlotOwner};
use super::state::State;
use super::submission::Submission;
use super::task::{Body, ReadyLine, Spare, Task};
use super::ticker::Ticker;
use super::uninterruptible::ComputePermits;
use crate::error::{Result, closed};
use crate::guest::{CallControl, Cause, FIRST, Outcome};
use crate::lock::lock;
use std::iter::repeat_n;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::task::coop::unconstrained;

/// A runner lets other tasks of its thread run at least this often.
const RUNNER_SLICE: Duration = Duration::from_micros(500);

/// Counts of a scheduler, as `stats()` shows them.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counts {
    /// Runs that wait for a slot or a thread.
    pub queued: usize,
    /// Runs that have started and not ended.
    pub running: usize,
    /// Runs that have ended.
    pub finished: u64,
    /// Instances, which are not runs: each has a slot from its start to its end.
    pub instances: usize,
}

/// The queue, the slots and the runs that are going on.
pub(crate) struct Scheduler {
    ticker: Arc<Ticker>,
    permits: Arc<ComputePermits>,
    threads: usize,
    slots: usize,
    state: Mutex<State>,
    /// Called when a runner has started runs and turns to older ones, which may last, or when it finds no run to
    /// start, after its completions have been delivered.
    on_started: OnceLock<Box<dyn Fn() + Send + Sync>>,
    /// After the close all runs have ended, and no runner has completions to deliver.
    empty: Notify,
    /// Whether the last runner waits for the next run, without sleeping. Set under the lock of the state.
    lingers: AtomicBool,
}

/// What a runner has done with its thread since it last asked.
struct Done {
    /// The run that has ended: its place among the live ones, and its output.
    ended: Option<(usize, u64)>,
    /// The level of what it polled.
    level: usize,
    time: Duration,
    now: Instant,
    /// Whether that had been polled before.
    resumed: bool,
}

/// What a runner does next.
enum Next {
    Start(usize, Taken, Arc<CallControl>),
    Resume(Arc<Task>),
    /// There is nothing to do, but soon there may be.
    Linger,
}

impl Scheduler {
    pub(crate) fn new(handle: Handle, ticker: Arc<Ticker>, threads: usize, slots: usize) -> Self {
        Self {
            permits: Arc::new(ComputePermits::new(threads)),
            threads,
            slots,
            state: Mutex::new(State::new(handle, threads, ticker.clone())),
            ticker,
            on_started: OnceLock::new(),
            empty: Notify::new(),
            lingers: AtomicBool::new(false),
        }
    }

    /// The runtime of its threads, unless these are gone. Whoever holds it keeps its descriptors open.
    pub(super) fn handle(&self) -> Option<Handle> {
        self.lock().runtime.clone()
    }

    /// What a runner of this scheduler needs for the runs of a group.
    pub(super) fn context(&self, group: Arc<RunGroup>) -> Arc<RunContext> {
        Arc::new(RunContext {
            group,
            ticker: self.ticker.clone(),
            permits: self.permits.clone(),
        })
    }

    pub(crate) fn on_started(&self, call: Box<dyn Fn() + Send + Sync>) {
        let _ = self.on_started.set(call);
    }

    /// Queues runs in their order.
    pub(crate) fn submit(self: &Arc<Self>, submissions: impl IntoIterator<Item = Submission>) {
        let mut state = self.lock();
        if state.closed {
            drop(state);
            let mut completions = Completions::default();
            for submission in submissions {
                completions.add_all(submission, || Err(closed()));
            }
            completions.flush();
            return;
        }
        for submission in submissions {
            state.enqueue(submission);
        }
        self.start_runners(&mut state);
    }

    /// A slot for a run that needs no thread, and what the run is polled on, unless runs that came before could take all
    /// free slots.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::RuntimeClosed`](crate::ErrorCode::RuntimeClosed).
    pub(crate) fn take_slot(self: &Arc<Self>, origin: Origin) -> Result<Option<(Slot, Handle)>> {
        let mut state = self.lock();
        let runtime = state.runtime.clone().filter(|_| !state.closed);
        let runtime = runtime.ok_or_else(closed)?;
        let free = state.free_slots(self.slots);
        if free <= state.turns(self.threads) {
            return Ok(None);
        }
        let control = Arc::<CallControl>::default();
        let key = state.occupy(origin, &control, false);
        drop(state);
        Ok(Some((Slot::new(self.clone(), key, control), runtime)))
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

    /// This many bytes of output of this batch have been read.
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
        let picked = state.live.iter().filter(|(_, live)| which(live.origin));
        let stopped: Vec<_> = picked
            .filter(|(_, live)| live.control.record(Cause::Abort))
            .map(|(_, live)| live.control.clone())
            .collect();
        let never_start =
            state.take_waiting(|origin, waiting| waiting.is_stopped() || which(origin));
        self.after_stop(state, never_start);
        // After the lock is free: waking takes it.
        for control in stopped {
            control.wake();
        }
    }

    /// After a stop: lets computing guests notice it now, and ends stopped runs that still wait.
    pub(crate) fn sweep(self: &Arc<Self>) {
        let mut state = self.lock();
        let never_start = state.take_waiting(|_, waiting| waiting.is_stopped());
        self.after_stop(state, never_start);
    }

    fn after_stop(
        self: &Arc<Self>,
        mut state: MutexGuard<'_, State>,
        never_start: Vec<Submission>,
    ) {
        let count = never_start.iter().map(|submission| submission.runs.len());
        state.finished += count.sum::<usize>() as u64;
        self.start_runners(&mut state);
        drop(state);
        self.ticker.advance();
        let mut completions = Completions::default();
        for submission in never_start {
            completions.add_all(submission, || Ok(Outcome::never_started()));
        }
        completions.flush();
    }

    /// Gives all runs that have not started back to their submitters.
    pub(crate) fn give_back(&self) {
        let taken = self.lock().take_waiting(|_, _| true);
        let mut completions = Completions::default();
        for submission in taken {
            completions.give_back(submission);
        }
        completions.flush();
    }

    /// Refuses new runs, aborts all others and waits for their end.
    pub(crate) async fn close(self: &Arc<Self>) {
        self.lock().closed = true;
        self.abort(|_| true);
        loop {
            let empty = self.empty.notified();
            if self.lock().is_empty() {
                return;
            }
            empty.await;
        }
    }

    pub(crate) fn counts(&self) -> Counts {
        let state = self.lock();
        Counts {
            queued: state.waiting_count(),
            running: state.running(),
            finished: state.finished,
            instances: state.instances,
        }
    }

    /// Threads on which runs start.
    pub(crate) fn useful_threads(&self) -> usize {
        self.lock().pace.settled_width()
    }

    /// Drops all runs in whatever state they are: nothing polls them any more.
    pub(crate) fn release(&self) {
        let mut state = self.lock();
        let runtime = state.runtime.take();
        let tasks = state
            .live
            .iter_mut()
            .filter_map(|(_, live)| live.task.take());
        let tasks: Vec<_> = tasks.collect();
        state.ready = Ready::default();
        drop(state);
        drop(runtime);
        for task in tasks {
            drop(task.drop_body());
        }
    }

    /// Starts a runner for each run that could go on now; busy runners would get to it later.
    fn start_runners(self: &Arc<Self>, state: &mut State) {
        let lingers = self.lingers.load(Ordering::Relaxed);
        let idle = self.threads - state.runners + usize::from(lingers);
        if idle == 0 || state.runtime.is_none() {
            return;
        }
        let resumed = state.ready.len().min(idle);
        let started = state.turns(state.free_starts(self.slots).min(idle - resumed));
        if resumed + started == 0 {
            return;
        }
        state.end_idleness();
        self.lingers.store(false, Ordering::Release);
        let new = resumed + started - usize::from(lingers);
        for runtime in state.runtime.iter().flat_map(|it| repeat_n(it, new)) {
            runtime.spawn(unconstrained(self.clone().runner()));
        }
        state.runners += new;
    }

    /// Waits for a short time, without sleeping, until there is something to do.
    fn linger(&self) {
        if wait_briefly(NEXT_RUN, || !self.lingers.load(Ordering::Acquire)) {
            return;
        }
        let mut state = self.lock();
        // Where a run has come in this moment, its submitter counts on this runner.
        state.is_prompt = !self.lingers.swap(false, Ordering::Relaxed);
    }

    /// Shortens slices while short runs wait and long ones compute.
    fn measure_crowd(&self, state: &mut State) {
        let can_start = !state.order.is_empty() && state.free_slots(self.slots) > 0;
        let short = state.ready.has_short() || can_start;
        // Where nothing is polled, nobody has to make way. That would wake the ticker for each guest that is woken.
        let long = state.resuming > 0 || (state.starting > 0 && !state.ready.is_empty());
        let crowded = short && long;
        if crowded != state.crowded {
            state.crowded = crowded;
            self.ticker.set_crowded(crowded);
        }
    }

    async fn runner(self: Arc<Self>) {
        let scheduler = &self;
        let mut done = None;
        let line: Arc<dyn ReadyLine> = self.clone();
        let mut context: Option<Arc<RunContext>> = None;
        // What a run that has ended leaves its successor: a place for its future, and a task.
        let (mut place, mut spare) = (None, None);
        let mut slice = Slice::new(scheduler);
        let mut completions = Completions::at(slice.start);
        let mut began = slice.start;
        let mut has_started = false;
        loop {
            let known = context.as_ref().map(|context| &context.group);
            let Some(next) = scheduler.next(done.take(), known, &mut completions) else {
                break;
            };
            let mut after = Done {
                ended: None,
                level: FIRST,
                time: Duration::ZERO,
                now: began,
                resumed: false,
            };
            match next {
                Next::Linger => {
                    let since = slice.start;
                    drop(slice);
                    if std::mem::take(&mut has_started) {
                        scheduler.notify_started();
                    }
                    scheduler.linger();
                    slice = Slice::new(scheduler);
                    began = slice.start;
                    // Other tasks of the thread have waited meanwhile, too.
                    slice.start = since;
                    if slice.is_over(began) {
                        drop(slice);
                        tokio::task::yield_now().await;
                        slice = Slice::new(scheduler);
                        began = slice.start;
                    }
                    continue;
                }
                Next::Start(key, ref taken, ref control)
                    if let Some(taker) =
                        taken.group.as_ref().and_then(|group| group.taker.as_ref()) =>
                {
                    taker.give(Slot::new(scheduler.clone(), key, control.clone()));
                }
                Next::Start(key, taken, control) => {
                    has_started = true;
                    // Otherwise those that start one after the other share a slice.
                    if scheduler.ticker.is_crowded() {
                        slice.renew(began, FIRST_SLICE);
                    }
                    let context = match (taken.group, &mut context) {
                        (None, Some(context)) => context,
                        (Some(group), context) => context.insert(scheduler.context(group)),
                        (None, None) => unreachable!("nobody knew the group"),
                    };
                    let is_instance = taken.run.instance.is_some();
                    let own = spare.take().unwrap_or_else(|| Spare::new(&line));
                    let run = drive(context.clone(), taken.run, control);
                    let mut run = settle(place.take(), run);
                    match run.as_mut().poll(&mut Context::from_waker(&own.waker)) {
                        Poll::Ready(run_ended) => {
                            after.ended = Some((key, run_ended.output()));
                            completions.add(&context.group, run_ended);
                            place = Some(run);
                            spare = own.reuse();
                        }
                        Poll::Pending => {
                            let control = scheduler.lock().live[key].control.clone();
                            if control.uninterruptible.load(Ordering::Relaxed) {
                                scheduler.detach(run, context.clone(), key);
                            } else {
                                let context = context.clone();
                                // Calls of an instance are of many kinds.
                                let program = (!is_instance).then(|| context.group.program.clone());
                                own.task.set_run(&control, program);
                                scheduler.keep(own.task, Body { run, context, key });
                            }
                        }
                    }
                }
                Next::Resume(task) => {
                    // It may have the thread for a while.
                    completions.flush();
                    if std::mem::take(&mut has_started) {
                        scheduler.notify_started();
                    }
                    after.resumed = true;
                    after.level = task.level();
                    slice.renew(began, SHORT_SLICE);
                    if let Some(mut body) = task.take() {
                        let waker = Waker::from(task.clone());
                        match body.run.as_mut().poll(&mut Context::from_waker(&waker)) {
                            Poll::Ready(run_ended) => {
                                task.end();
                                after.ended = Some((body.key, run_ended.output()));
                                completions.add(&body.context.group, run_ended);
                            }
                            Poll::Pending => scheduler.keep(task, body),
                        }
                    }
                }
            }
            let now = Instant::now();
            after.time = now - began;
            after.now = now;
            began = now;
            if slice.is_over(now) {
                drop(slice);
                // Who hears of an end finds its slot free.
                scheduler.take_in(&mut scheduler.lock(), after);
                completions.flush_if_due(now, scheduler.ticker.is_crowded());
                tokio::task::yield_now().await;
                slice = Slice::new(scheduler);
                began = slice.start;
            } else {
                done = Some(after);
            }
        }
        drop(slice);
        completions.flush();
        scheduler.notify_started();
    }

    /// A run goes on outside of the scheduler's threads.
    fn detach(
        self: &Arc<Self>,
        run: Pin<Box<impl Future<Output = Ended> + Send + 'static>>,
        context: Arc<RunContext>,
        key: usize,
    ) {
        let scheduler = self.clone();
        // This is called on one of the runtime's threads.
        tokio::spawn(async move {
            let ended = run.await;
            let output = ended.output();
            let mut completions = Completions::default();
            completions.add(&context.group, ended);
            completions.flush();
            scheduler.free(key, output);
        });
    }

    /// A run was polled and has not ended.
    fn keep(&self, task: Arc<Task>, body: Body) {
        let key = body.key;
        let mut state = self.lock();
        if state.runtime.is_none() {
            drop(state);
            drop(body);
            return;
        }
        task.put(body);
        state.live[key].task.get_or_insert_with(|| task.clone());
        if task.is_ready() {
            state.ready.add(task, true);
        }
    }

    fn take_in(self: &Arc<Self>, state: &mut State, done: Done) {
        state.resuming -= usize::from(done.resumed);
        // While there is nothing else, the time need not be shared.
        if done.resumed || !state.ready.is_empty() {
            state.ready.charge(done.level, done.time);
        }
        if let Some((key, output)) = done.ended {
            state.vacate(key, output);
        }
        if !done.resumed {
            state.starting -= 1;
            let waiting = !state.order.is_empty();
            if state.pace.count(done.now, waiting) {
                self.start_runners(state);
            }
        }
    }

    /// Takes in what a runner has `done` and returns what it does next; with `None` the runner has ended.
    fn next(
        self: &Arc<Self>,
        done: Option<Done>,
        known: Option<&Arc<RunGroup>>,
        completions: &mut Completions,
    ) -> Option<Next> {
        let mut state = self.lock();
        if let Some(done) = done {
            self.take_in(&mut state, done);
        }
        let mut next = self.choose(&mut state, known);
        if next.is_none() {
            // A close ends when no runner is left: its caller has to find all outcomes then.
            drop(state);
            completions.flush();
            state = self.lock();
            next = self.choose(&mut state, known);
        }
        match &next {
            None if state.is_worth_waiting() => {
                state.idle_since = Some(Instant::now());
                self.lingers.store(true, Ordering::Relaxed);
                next = Some(Next::Linger);
            }
            None => {
                state.runners -= 1;
                if state.runners == 0 {
                    state.idle_since.get_or_insert_with(Instant::now);
                }
                self.notify_if_empty(&state);
            }
            Some(Next::Resume(_)) => state.resuming += 1,
            Some(Next::Start(..)) => state.starting += 1,
            Some(Next::Linger) => {}
        }
        if state.crowded || state.resuming > 0 || !state.ready.is_empty() {
            self.measure_crowd(&mut state);
        }
        next
    }

    fn choose(&self, state: &mut State, known: Option<&Arc<RunGroup>>) -> Option<Next> {
        let mut has_fresh = !state.order.is_empty() && state.free_starts(self.slots) > 0;
        loop {
            // Most of the time nothing else could go on.
            let choice = match state.ready.is_empty() {
                true => has_fresh.then_some(Choice::Fresh),
                false => state.ready.choose(has_fresh),
            };
            match choice? {
                Choice::Started(task) => return Some(Next::Resume(task)),
                Choice::Fresh => {
                    if let Some(mut taken) = state.pop(known) {
                        let control = taken.run.control.take().unwrap_or_default();
                        let is_instance = taken.run.instance.is_some();
                        let key = state.occupy(taken.origin, &control, is_instance);
                        return Some(Next::Start(key, taken, control));
                    }
                    has_fresh = false;
                }
            }
        }
    }

    fn notify_started(&self) {
        if let Some(call) = self.on_started.get() {
            call();
        }
    }

    fn notify_if_empty(&self, state: &State) {
        if state.closed && state.is_empty() {
            self.empty.notify_waiters();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

impl ReadyLine for Scheduler {
    fn ready(self: Arc<Self>, task: &Arc<Task>) {
        let mut state = self.lock();
        state.ready.add(task.clone(), false);
        self.start_runners(&mut state);
        self.measure_crowd(&mut state);
    }

    fn hurry(&self, task: &Arc<Task>) {
        let mut state = self.lock();
        state.ready.hurry(task);
        self.measure_crowd(&mut state);
    }
}

impl SlotOwner for Scheduler {
    fn free(self: Arc<Self>, key: usize, output: u64) {
        let mut state = self.lock();
        state.vacate(key, output);
        self.start_runners(&mut state);
        self.notify_if_empty(&state);
        let is_idle = state.runners == 0;
        drop(state);
        if is_idle {
            self.notify_started();
        }
    }
}

/// A time for which a runner keeps its thread; guests compute meanwhile.
struct Slice {
    start: Instant,
    computing: Computing,
}

impl Slice {
    fn new(scheduler: &Scheduler) -> Self {
        let start = Instant::now();
        Self {
            start,
            computing: scheduler.ticker.computing(start),
        }
    }

    /// Begins another slice; `short` is its length while runs wait that have used less time.
    fn renew(&self, now: Instant, short: Duration) {
        self.computing.renew(now, short);
    }

    fn is_over(&self, now: Instant) -> bool {
        now - self.start >= RUNNER_SLICE
    }
}

/// Puts a future into the place of one that has ended, which is cheaper than to free and to allocate.
fn settle<F>(place: Option<Pin<Box<F>>>, future: F) -> Pin<Box<F>> {
    match place {
        None => Box::pin(future),
        Some(mut place) => {
            place.as_mut().set(future);
            place
        }
    }
}
