//! A batch whose runs are spread over workers.

use crate::schedule::MAX_UNREAD;
use bytes::Bytes;

pub(super) struct PoolBatch {
    pub(super) concurrency: usize,
    pub(super) options: Bytes,
    /// Bytes of output that the submitter has not read. While they are too many, runs wait in the pool.
    pub(super) unread: u64,
    /// The highest number of a run that has ended. Runs are numbered in the order in which they came.
    pub(super) newest: u64,
    /// A run that was sent although its batch is held back, because a later run has ended.
    pub(super) straggler: Option<u64>,
}

impl PoolBatch {
    pub(super) fn is_held_back(&self) -> bool {
        self.unread >= MAX_UNREAD
    }

    /// Whether a run may be sent. The submitter may wait for this run before it reads the results of later
    /// ones, so the oldest run is sent even while the batch is held back.
    pub(super) fn admits(&self, run: u64) -> bool {
        !self.is_held_back() || self.straggler.is_none() && run < self.newest
    }

    /// Records that one of its runs is no longer with a worker.
    pub(super) fn back(&mut self, run: u64) {
        if self.straggler == Some(run) {
            self.straggler = None;
        }
    }

    /// How many of its runs may be in progress in worker `member` of `members`.
    pub(super) fn share(&self, member: usize, members: usize) -> u64 {
        let extra = usize::from(member < self.concurrency % members);
        (self.concurrency / members + extra) as u64
    }
}
