//! Runs that share a cap on how many of them go on at a time.

use super::queue::{RunQueue, Taken};
use super::run_group::{Origin, RunGroup};
use super::submission::{QueuedRun, Submission};
use std::sync::Arc;

/// While this much output of a batch has not been read, none of its runs start.
pub(crate) const MAX_UNREAD: u64 = 64 << 20;

/// The runs of one batch that have not started. Up to its concurrency they have turns in the
/// scheduler's queue, and the others wait for runs of it to end, or for their outputs to be read.
pub(crate) struct Batch {
    concurrency: usize,
    waiting: RunQueue,
    /// Turns in the scheduler's queue.
    turns: usize,
    /// Runs that go on.
    running: usize,
    /// Bytes of output. A submitter may have read what a run printed before its end is counted here:
    /// then it is less than nothing for a moment.
    unread: i64,
    closed: bool,
}

impl Batch {
    pub(crate) fn new(concurrency: usize) -> Self {
        Self {
            concurrency: concurrency.max(1),
            waiting: RunQueue::default(),
            turns: 0,
            running: 0,
            unread: 0,
            closed: false,
        }
    }

    pub(crate) fn add(&mut self, submission: Submission) {
        self.waiting.push(submission);
    }

    /// Takes a turn for another of its runs, if one is free.
    pub(crate) fn admit(&mut self) -> bool {
        let admits = self.turns < self.waiting.len()
            && self.turns + self.running < self.concurrency
            && self.unread < MAX_UNREAD as i64;
        self.turns += usize::from(admits);
        admits
    }

    /// One of its turns has come: the run that starts.
    pub(crate) fn start(&mut self, known: Option<&Arc<RunGroup>>) -> Option<Taken> {
        self.turns -= 1;
        let taken = self.waiting.pop(known)?;
        self.running += 1;
        Some(taken)
    }

    /// A run of it has ended with this many bytes of output.
    pub(crate) fn leave(&mut self, output: u64) {
        self.running -= 1;
        self.unread = self.unread.saturating_add_unsigned(output);
    }

    /// This many bytes of output have been read.
    pub(crate) fn read(&mut self, output: u64) {
        self.unread = self.unread.saturating_sub_unsigned(output);
    }

    pub(crate) fn waiting_count(&self) -> usize {
        self.waiting.len()
    }

    /// Takes out those that wait and that `which` picks.
    pub(crate) fn take_waiting(
        &mut self,
        which: &impl Fn(Origin, &QueuedRun) -> bool,
    ) -> Vec<Submission> {
        self.waiting.take(which)
    }

    /// Gives up the turns for which there are no runs any more; returns how many these were.
    pub(crate) fn drop_turns(&mut self) -> usize {
        let dropped = self.turns.saturating_sub(self.waiting.len());
        self.turns -= dropped;
        dropped
    }

    pub(crate) fn close(&mut self) {
        self.closed = true;
    }

    /// Whether nothing of it is left and nothing more will come.
    pub(crate) fn is_done(&self) -> bool {
        self.closed && self.waiting.len() + self.turns + self.running == 0
    }
}
