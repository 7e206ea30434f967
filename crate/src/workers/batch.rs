//! A batch whose runs are spread over workers.

use crate::schedule::MAX_UNREAD;
use bytes::Bytes;

pub(super) struct PoolBatch {
    pub(super) concurrency: usize,
    pub(super) options: Bytes,
    /// Bytes of output that the submitter has not read. While they are too many, runs wait here.
    pub(super) unread: u64,
    /// The number of the last run, by the order in which they came, that has ended.
    pub(super) newest: u64,
    /// A run that was sent all the same, because one that came after it has ended.
    pub(super) straggler: Option<u64>,
}

impl PoolBatch {
    pub(super) fn is_held_back(&self) -> bool {
        self.unread >= MAX_UNREAD
    }

    /// Whether a run may be sent. The submitter may wait for this one before it reads those that have
    /// ended, so the oldest can always go on, as it could if they had started in their order.
    pub(super) fn admits(&self, run: u64) -> bool {
        !self.is_held_back() || self.straggler.is_none() && run < self.newest
    }

    /// One of its runs is no longer with a worker.
    pub(super) fn back(&mut self, run: u64) {
        if self.straggler == Some(run) {
            self.straggler = None;
        }
    }

    /// How many of its runs may go on in one of so many workers.
    pub(super) fn share(&self, member: usize, members: usize) -> u64 {
        let extra = usize::from(member < self.concurrency % members);
        (self.concurrency / members + extra) as u64
    }
}
