//! Where a port's records wait for the submitter.

use super::wire::{Delivery, Outbox};
use crate::lock::lock;
use std::hint::spin_loop;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

/// The records of a port, and how its submitter is woken.
pub(crate) struct Mailbox {
    outbox: Mutex<Outbox>,
    /// Wakes the submitter: the outbox is no longer empty.
    wake: Box<dyn Fn() + Send + Sync>,
    /// Whether something may have been recorded since this was last set to false.
    touched: AtomicBool,
    closed: AtomicBool,
}

impl Mailbox {
    pub(super) fn new(wake: Box<dyn Fn() + Send + Sync>) -> Self {
        Self {
            outbox: Mutex::default(),
            wake,
            touched: AtomicBool::new(false),
            closed: AtomicBool::new(false),
        }
    }

    /// Records something and wakes the submitter.
    pub(crate) fn deliver(&self, write: impl FnOnce(&mut Outbox)) {
        if self.is_closed() {
            return;
        }
        // One lock for both: guests that print in pieces do this for each.
        let must_wake = {
            let mut outbox = self.outbox();
            write(&mut outbox);
            outbox.needs_wake()
        };
        self.touched.store(true, Ordering::Release);
        if must_wake {
            (self.wake)();
        }
    }

    /// Records something; [`notify`](Self::notify) has to follow.
    pub(super) fn record(&self, write: impl FnOnce(&mut Outbox)) {
        if !self.is_closed() {
            write(&mut self.outbox());
            self.touched.store(true, Ordering::Release);
        }
    }

    /// Carries out `submit`, then waits for up to `patience` for one record, without sleeping. Returns it if it comes and
    /// has at most this many bytes; otherwise the submitter is woken for it.
    pub(super) fn wait_briefly<E>(
        &self,
        submit: impl FnOnce() -> Result<(), E>,
        patience: Duration,
        most_bytes: usize,
    ) -> Result<Option<Delivery>, E> {
        self.touched.store(false, Ordering::Release);
        if !self.outbox().hold() {
            return submit().map(|()| None);
        }
        let submitted = submit();
        let start = Instant::now();
        while submitted.is_ok()
            && !self.touched.load(Ordering::Acquire)
            && start.elapsed() < patience
        {
            spin_loop();
        }
        let single = self.outbox().take_single(most_bytes);
        self.notify();
        submitted.map(|()| single)
    }

    /// Wakes the submitter if it has not been woken for what waits.
    pub(super) fn notify(&self) {
        if self.outbox().needs_wake() {
            (self.wake)();
        }
    }

    pub(super) fn take(&self) -> Delivery {
        self.outbox().take()
    }

    /// Drops the records that wait, and all later ones.
    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::Release);
        *self.outbox() = Outbox::default();
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    fn outbox(&self) -> MutexGuard<'_, Outbox> {
        lock(&self.outbox)
    }
}
