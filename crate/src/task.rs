//! A run that has started: what is polled, by whom, and what happens when something wakes it.

use crate::job::{Desk, Ended};
use crate::ready;
use crate::scheduler::Scheduler;
use crate::stop::Control;
use std::pin::Pin;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::task::{Wake, Waker};

/// It waits, for something that will wake it.
const WAITING: u8 = 0;
/// It is in line for a thread.
const READY: u8 = 1;
/// A thread polls it.
const POLLED: u8 = 2;
/// A thread polls it, and it was woken meanwhile.
const WOKEN: u8 = 3;

/// A run as the scheduler has it between two polls.
pub(crate) struct Task {
    scheduler: Weak<Scheduler>,
    state: AtomicU8,
    level: AtomicUsize,
    previous_level: AtomicUsize,
    /// Set before it first waits.
    control: OnceLock<Arc<Control>>,
    body: Mutex<Option<Body>>,
}

/// What there is to poll.
pub(crate) struct Body {
    pub(crate) run: Pin<Box<dyn Future<Output = Ended> + Send>>,
    pub(crate) desk: Arc<Desk>,
    /// Its place among the live runs.
    pub(crate) key: usize,
}

impl Task {
    /// One that is being polled.
    pub(crate) fn new(scheduler: &Arc<Scheduler>) -> Arc<Self> {
        Arc::new(Self {
            scheduler: Arc::downgrade(scheduler),
            state: AtomicU8::new(POLLED),
            level: AtomicUsize::new(ready::FIRST),
            previous_level: AtomicUsize::new(ready::FIRST),
            control: OnceLock::new(),
            body: Mutex::default(),
        })
    }

    /// Gives it the control of its run, which has to wait.
    pub(crate) fn set_control(&self, control: Arc<Control>) {
        let _ = self.control.set(control);
    }

    pub(crate) fn level(&self) -> usize {
        self.level.load(Ordering::Relaxed)
    }

    pub(crate) fn previous_level(&self) -> usize {
        self.previous_level.load(Ordering::Relaxed)
    }

    /// Takes what there is to poll; nothing if its end has come, or the runtime's.
    pub(crate) fn take(&self) -> Option<Body> {
        self.state.store(POLLED, Ordering::Release);
        self.drop_body()
    }

    /// Whatever it holds.
    pub(crate) fn drop_body(&self) -> Option<Body> {
        let mut body = self.body.lock().unwrap_or_else(PoisonError::into_inner);
        body.take()
    }

    /// Puts back what was polled and has to wait.
    pub(crate) fn put(&self, body: Body) {
        let used = self.control.get().map(|control| control.meter.total());
        let level = ready::level(used.unwrap_or_default());
        self.previous_level.store(self.level(), Ordering::Relaxed);
        self.level.store(level, Ordering::Relaxed);
        *self.body.lock().unwrap_or_else(PoisonError::into_inner) = Some(body);
    }

    /// After [`put`](Self::put): whether it was woken meanwhile, and has to be put in line again.
    pub(crate) fn is_ready(&self) -> bool {
        let waits =
            self.state
                .compare_exchange(POLLED, WAITING, Ordering::AcqRel, Ordering::Acquire);
        if waits.is_err() {
            self.state.store(READY, Ordering::Release);
        }
        waits.is_err()
    }

    fn is_stopped(&self) -> bool {
        let control = self.control.get();
        control.is_some_and(|control| control.cause().is_some())
    }
}

impl Wake for Task {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let next = |state| match state {
            WAITING => Some(READY),
            POLLED => Some(WOKEN),
            _ => None,
        };
        let before = self
            .state
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, next);
        match before {
            Ok(WAITING) => {
                if let Some(scheduler) = self.scheduler.upgrade() {
                    scheduler.ready(self);
                }
            }
            Err(READY) if self.is_stopped() => {
                if let Some(scheduler) = self.scheduler.upgrade() {
                    scheduler.hurry(self);
                }
            }
            Ok(_) | Err(_) => {}
        }
    }
}

/// The place of a run that has ended in its first poll, for the next one.
pub(crate) struct Spare {
    pub(crate) task: Arc<Task>,
    pub(crate) waker: Waker,
}

impl Spare {
    pub(crate) fn new(scheduler: &Arc<Scheduler>) -> Self {
        let task = Task::new(scheduler);
        let waker = Waker::from(task.clone());
        Self { task, waker }
    }

    /// Itself, unless something that the run has left could still wake it.
    pub(crate) fn reuse(self) -> Option<Self> {
        // This one and the waker's.
        let is_forgotten = Arc::strong_count(&self.task) == 2;
        self.task.state.store(POLLED, Ordering::Relaxed);
        is_forgotten.then_some(self)
    }
}
