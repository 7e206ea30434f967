//! The runs of a scheduler: those that wait, and those that go on.

use super::batch::Batch;
use super::brief::{NEXT_RUN, has_cores};
use super::pace::Pace;
use super::queue::{RunQueue, Taken};
use super::ready::Ready;
use super::run_group::{BatchId, Origin, RunGroup};
use super::submission::{QueuedRun, Submission};
use super::task::Task;
use super::ticker::Ticker;
use crate::guest::CallControl;
use slab::Slab;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;
use tokio::runtime::Handle;

/// What a scheduler knows under its lock.
pub(super) struct State {
    /// Where runs are polled; `None` once the threads are gone.
    pub(super) runtime: Option<Handle>,
    /// Whose turn it is, one after the other.
    pub(super) order: VecDeque<Starts>,
    /// The runs of no batch.
    pub(super) queue: RunQueue,
    /// Started runs that could go on.
    pub(super) ready: Ready,
    /// Runs that have started and not ended.
    pub(super) live: Slab<Live>,
    /// How many of them are instances.
    pub(super) instances: usize,
    /// Is told how many are not.
    ticker: Arc<Ticker>,
    /// How many slots are taken. Counted apart from the runs: what has a slot need not run.
    taken_slots: usize,
    pub(super) batches: Slab<Batch>,
    pub(super) runners: usize,
    /// When the last runner found nothing to do, and whether something came promptly after the moment before that.
    pub(super) idle_since: Option<Instant>,
    pub(super) is_prompt: bool,
    /// Runners that poll a run for the first time, and how many may.
    pub(super) starting: usize,
    pub(super) pace: Pace,
    /// Runners that poll a run which has been polled before.
    pub(super) resuming: usize,
    /// Whether slices are short.
    pub(super) crowded: bool,
    pub(super) finished: u64,
    pub(super) closed: bool,
}

/// Which runs start next.
pub(super) enum Starts {
    /// This many runs of no batch.
    Single(usize),
    /// One run of a batch.
    Batch(BatchId),
}

impl State {
    pub(super) fn new(runtime: Handle, threads: usize, ticker: Arc<Ticker>) -> Self {
        Self {
            runtime: Some(runtime),
            order: VecDeque::new(),
            queue: RunQueue::default(),
            ready: Ready::default(),
            live: Slab::new(),
            instances: 0,
            ticker,
            taken_slots: 0,
            batches: Slab::new(),
            runners: 0,
            idle_since: None,
            is_prompt: false,
            starting: 0,
            pace: Pace::new(threads),
            resuming: 0,
            crowded: false,
            finished: 0,
            closed: false,
        }
    }

    /// How many of all slots are free.
    pub(super) fn free_slots(&self, slots: usize) -> usize {
        slots - self.taken_slots
    }

    /// How many runs may be started now, if there are any.
    pub(super) fn free_starts(&self, slots: usize) -> usize {
        let free = self.free_slots(slots);
        free.min(self.pace.width().saturating_sub(self.starting))
    }

    pub(super) fn waiting_count(&self) -> usize {
        let apart = self.batches.iter().map(|(_, batch)| batch.waiting_count());
        self.queue.len() + apart.sum::<usize>()
    }

    /// How many could start if there were threads and slots, or `most` of them.
    pub(super) fn turns(&self, most: usize) -> usize {
        let mut count = 0;
        for turns in &self.order {
            if count >= most {
                return most;
            }
            count += match turns {
                Starts::Single(runs) => *runs,
                Starts::Batch(_) => 1,
            };
        }
        count.min(most)
    }

    /// Whether the last runner waits without sleeping for what comes next: the last time, something came as promptly.
    pub(super) fn is_worth_waiting(&self) -> bool {
        self.is_prompt && self.runners == 1 && !self.closed
    }

    /// All runners are gone but perhaps one that waits, and a run comes or can go on.
    pub(super) fn end_idleness(&mut self) {
        if let Some(idle_since) = self.idle_since.take() {
            self.is_prompt = idle_since.elapsed() < NEXT_RUN && has_cores();
        }
    }

    /// Whether nothing goes on.
    pub(super) fn is_empty(&self) -> bool {
        self.live.is_empty() && self.runners == 0
    }

    /// Gives a run a slot; returns its place among the live runs.
    pub(super) fn occupy(
        &mut self,
        origin: Origin,
        control: &Arc<CallControl>,
        is_instance: bool,
    ) -> usize {
        self.taken_slots += 1;
        self.instances += usize::from(is_instance);
        let key = self.live.insert(Live {
            origin,
            control: control.clone(),
            is_instance,
            task: None,
        });
        self.ticker.set_running(self.running());
        key
    }

    /// Runs that have started and not ended, instances aside.
    pub(super) fn running(&self) -> usize {
        self.live.len() - self.instances
    }

    pub(super) fn enqueue(&mut self, submission: Submission) {
        if let Some(id) = submission.group.origin.batch {
            self.batches[id.0].add(submission);
            self.admit(id);
            return;
        }
        let runs = submission.runs.len();
        match self.order.back_mut() {
            Some(Starts::Single(last)) => *last += runs,
            _ => self.order.push_back(Starts::Single(runs)),
        }
        self.queue.push(submission);
    }

    pub(super) fn admit(&mut self, id: BatchId) {
        while self.batches[id.0].admit() {
            self.order.push_back(Starts::Batch(id));
        }
    }

    /// The run whose turn it is.
    pub(super) fn pop(&mut self, known: Option<&Arc<RunGroup>>) -> Option<Taken> {
        loop {
            let taken = match self.order.front_mut()? {
                Starts::Single(0) => None,
                Starts::Single(runs) => {
                    *runs -= 1;
                    self.queue.pop(known)
                }
                &mut Starts::Batch(id) => {
                    self.order.pop_front();
                    return self.batches[id.0].start(known);
                }
            };
            if taken.is_some() {
                return taken;
            }
            // Used up, or its runs were taken out.
            self.order.pop_front();
        }
    }

    /// A live run has ended and leaves its slot: the next of its batch may come.
    pub(super) fn vacate(&mut self, key: usize, output: u64) {
        let live = self.live.remove(key);
        self.taken_slots -= 1;
        match live.is_instance {
            true => self.instances -= 1,
            false => self.finished += 1,
        }
        self.ticker.set_running(self.running());
        let Some(id) = live.origin.batch else { return };
        self.batches[id.0].leave(output);
        self.admit(id);
        self.forget_if_done(id);
    }

    pub(super) fn forget_if_done(&mut self, id: BatchId) {
        if self.batches[id.0].is_done() {
            self.batches.remove(id.0);
        }
    }

    /// Takes out those that wait and that `which` picks.
    pub(super) fn take_waiting(
        &mut self,
        which: impl Fn(Origin, &QueuedRun) -> bool,
    ) -> Vec<Submission> {
        let mut taken = self.queue.take(&which);
        let mut touched = Vec::new();
        for (key, batch) in &mut self.batches {
            let out = batch.take_waiting(&which);
            if !out.is_empty() {
                touched.push((key, batch.drop_turns()));
                taken.extend(out);
            }
        }
        for (key, mut turns) in touched {
            self.order.retain(|next| {
                let drops = turns > 0 && matches!(next, Starts::Batch(id) if id.0 == key);
                turns -= usize::from(drops);
                !drops
            });
            self.forget_if_done(BatchId(key));
        }
        taken
    }
}

/// A run that has started and not ended.
pub(super) struct Live {
    pub(super) origin: Origin,
    pub(super) control: Arc<CallControl>,
    pub(super) is_instance: bool,
    /// None during its first poll, and while the run goes on outside of the scheduler's threads.
    pub(super) task: Option<Arc<Task>>,
}
