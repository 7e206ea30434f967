//! Runs that share a cap on how many of them go on at a time.

use crate::job::Submission;
use std::collections::VecDeque;

/// While so much output of a batch has not been read, none of its runs start.
pub(crate) const MAX_UNREAD: u64 = 64 << 20;

/// The runs of one batch that wait for others of it to end, or for their outputs to be read.
pub(crate) struct Batch {
    concurrency: usize,
    /// Runs in the scheduler's queue or going on.
    admitted: usize,
    waiting: VecDeque<Submission>,
    /// Bytes of output. A submitter may have read what a run printed before its end is counted here:
    /// then it is less than nothing for a moment.
    unread: i64,
    closed: bool,
}

impl Batch {
    pub(crate) fn new(concurrency: usize) -> Self {
        Self {
            concurrency: concurrency.max(1),
            admitted: 0,
            waiting: VecDeque::new(),
            unread: 0,
            closed: false,
        }
    }

    pub(crate) fn add(&mut self, submissions: impl IntoIterator<Item = Submission>) {
        self.waiting.extend(submissions);
    }

    /// The next run that may go into the scheduler's queue.
    pub(crate) fn admit(&mut self) -> Option<Submission> {
        if self.admitted == self.concurrency || self.unread >= MAX_UNREAD as i64 {
            return None;
        }
        let next = self.waiting.pop_front()?;
        self.admitted += 1;
        Some(next)
    }

    /// An admitted run has ended with so many bytes of output.
    pub(crate) fn leave(&mut self, output: u64) {
        self.admitted -= 1;
        self.unread = self.unread.saturating_add_unsigned(output);
    }

    /// So many bytes of output have been read.
    pub(crate) fn read(&mut self, output: u64) {
        self.unread = self.unread.saturating_sub_unsigned(output);
    }

    pub(crate) fn waiting_count(&self) -> usize {
        self.waiting.len()
    }

    /// Takes out those that wait and that `which` picks.
    pub(crate) fn take_waiting(
        &mut self,
        which: impl Fn(&Submission) -> bool,
    ) -> VecDeque<Submission> {
        let waiting = std::mem::take(&mut self.waiting);
        let (out, kept): (_, VecDeque<_>) = waiting.into_iter().partition(which);
        self.waiting = kept;
        out
    }

    pub(crate) fn close(&mut self) {
        self.closed = true;
    }

    /// Whether nothing of it is left and nothing more will come.
    pub(crate) fn is_done(&self) -> bool {
        self.closed && self.admitted == 0
    }
}
