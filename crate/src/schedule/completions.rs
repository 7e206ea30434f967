//! Runs that have ended and whose clients do not know it yet.

use super::run_group::{Client, Ended, RunGroup};
use super::submission::{QueuedRun, Submission};
use crate::error::Result;
use crate::guest::Outcome;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// While a thread has runs of a batch to start, it notifies the client this often: each time wakes the
/// client's thread.
const BATCH_INTERVAL: Duration = Duration::from_millis(2);

/// The runs that have ended on one thread. Most of the time all are of one group.
#[derive(Default)]
pub(crate) struct Completions {
    /// When nothing was left to deliver.
    flushed: Option<Instant>,
    group: Option<Arc<RunGroup>>,
    ended: Vec<Ended>,
    /// The client whose runs were delivered and that was not notified.
    client: Option<Arc<dyn Client>>,
}

impl Completions {
    /// No completions; `now` is the time.
    pub(crate) fn at(now: Instant) -> Self {
        let mut this = Self::default();
        this.flushed = Some(now);
        this
    }

    pub(crate) fn add(&mut self, group: &Arc<RunGroup>, ended: Ended) {
        let is_same = |known: &Arc<RunGroup>| Arc::ptr_eq(known, group);
        if !self.group.as_ref().is_some_and(is_same) {
            self.deliver();
            self.group = Some(group.clone());
        }
        self.ended.push(ended);
        if !group.client.collects() {
            self.deliver();
        }
    }

    /// Adds the end of runs that have not started.
    pub(crate) fn add_all(&mut self, submission: Submission, result: impl Fn() -> Result<Outcome>) {
        for QueuedRun { id, .. } in submission.runs {
            let result = result();
            self.add(&submission.group, Ended { id, result });
        }
    }

    /// Gives runs that have not started back to their client.
    pub(crate) fn give_back(&mut self, submission: Submission) {
        let client = &submission.group.client;
        submission
            .runs
            .iter()
            .for_each(|run| client.returned(run.id));
        self.will_notify(client);
    }

    /// Flushes, unless the runs are of a batch, the last flush is recent and nothing else `waits` for this
    /// thread: the thread comes back soon.
    pub(crate) fn flush_if_due(&mut self, now: Instant, waits: bool) {
        let is_batch = |group: &Arc<RunGroup>| group.origin.batch.is_some();
        let is_recent = self
            .flushed
            .is_some_and(|flushed| now - flushed < BATCH_INTERVAL);
        if waits || !is_recent || !self.group.as_ref().is_some_and(is_batch) {
            self.flush();
            self.flushed = Some(now);
        }
    }

    /// Delivers all runs and notifies their clients.
    pub(crate) fn flush(&mut self) {
        self.deliver();
        if let Some(client) = self.client.take() {
            client.notify();
        }
    }

    fn deliver(&mut self) {
        let Some(group) = self.group.take() else {
            return;
        };
        group.client.ended(&mut self.ended);
        self.ended.clear();
        self.will_notify(&group.client);
    }

    fn will_notify(&mut self, client: &Arc<dyn Client>) {
        if !client.collects() {
            return;
        }
        match &self.client {
            Some(waiting) if Arc::ptr_eq(waiting, client) => {}
            _ => {
                if let Some(other) = self.client.replace(client.clone()) {
                    other.notify();
                }
            }
        }
    }
}

/// A runner that is dropped between two runs, when its runtime goes down, has runs to deliver, too.
impl Drop for Completions {
    fn drop(&mut self) {
        self.flush();
    }
}
