//! A run that has started: what is polled, by which thread, and what happens when it is woken.

use super::context::RunContext;
use super::run_group::Ended;
use crate::guest::{CallControl, FIRST, level};
use crate::lock::lock;
use crate::program::{History, Program};
use std::pin::Pin;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, Weak};
use std::task::{Wake, Waker};

/// It waits, for something that will wake it.
const WAITING: u8 = 0;
/// It is in line for a thread.
const READY: u8 = 1;
/// A thread polls it.
const POLLED: u8 = 2;
/// A thread polls it, and it was woken meanwhile.
const WOKEN: u8 = 3;

/// The line of runs that could go on.
pub(crate) trait ReadyLine: Send + Sync {
    /// A run that waited can go on.
    fn ready(self: Arc<Self>, task: &Arc<Task>);
    /// A run that is in line is to end.
    fn hurry(&self, task: &Arc<Task>);
}

/// A run as the scheduler has it between two polls.
pub(crate) struct Task {
    line: Weak<dyn ReadyLine>,
    state: AtomicU8,
    level: AtomicUsize,
    previous_level: AtomicUsize,
    /// The level of the time that it has used, which may be lower than the one that it is on.
    used_level: AtomicUsize,
    /// Set before it first waits.
    run: OnceLock<Run>,
    body: Mutex<Option<Body>>,
}

/// Which run it is.
struct Run {
    /// Weak, because the control holds the task's waker. The scheduler keeps the control alive until the run has
    /// ended.
    control: Weak<CallControl>,
    /// `None` if it says nothing about other runs of its program.
    program: Option<Arc<Program>>,
}

/// What there is to poll.
pub(crate) struct Body {
    pub(crate) run: Pin<Box<dyn Future<Output = Ended> + Send>>,
    pub(crate) context: Arc<RunContext>,
    /// Its place among the live runs.
    pub(crate) key: usize,
}

impl Task {
    /// One that is being polled.
    pub(crate) fn new(line: &Arc<dyn ReadyLine>) -> Arc<Self> {
        Arc::new(Self {
            line: Arc::downgrade(line),
            state: AtomicU8::new(POLLED),
            level: AtomicUsize::new(FIRST),
            previous_level: AtomicUsize::new(FIRST),
            used_level: AtomicUsize::new(FIRST),
            run: OnceLock::new(),
            body: Mutex::default(),
        })
    }

    /// A task without a scheduler that was last on these levels.
    #[cfg(test)]
    pub(crate) fn on_levels(previous: usize, level: usize) -> Arc<Self> {
        Arc::new(Self {
            line: Weak::<tests::NoLine>::new(),
            state: AtomicU8::new(READY),
            level: AtomicUsize::new(level),
            previous_level: AtomicUsize::new(previous),
            used_level: AtomicUsize::new(level),
            run: OnceLock::new(),
            body: Mutex::default(),
        })
    }

    /// Sets the run of this task, which has to wait.
    pub(crate) fn set_run(&self, control: &Arc<CallControl>, program: Option<Arc<Program>>) {
        let control = Arc::downgrade(control);
        let _ = self.run.set(Run { control, program });
    }

    pub(crate) fn level(&self) -> usize {
        self.level.load(Ordering::Relaxed)
    }

    pub(crate) fn previous_level(&self) -> usize {
        self.previous_level.load(Ordering::Relaxed)
    }

    /// Takes what there is to poll; `None` if the run or the runtime has ended.
    pub(crate) fn take(&self) -> Option<Body> {
        self.state.store(POLLED, Ordering::Release);
        self.drop_body()
    }

    /// Drops what it holds.
    pub(crate) fn drop_body(&self) -> Option<Body> {
        let mut body = lock(&self.body);
        body.take()
    }

    /// Puts back what was polled and has to wait.
    pub(crate) fn put(&self, body: Body) {
        self.previous_level.store(self.level(), Ordering::Relaxed);
        self.count_use();
        self.level.store(self.expected_level(), Ordering::Relaxed);
        *lock(&self.body) = Some(body);
    }

    /// Its run has ended.
    pub(crate) fn end(&self) {
        self.count_use();
        if let Some(history) = self.history() {
            history.ended(self.used_level.load(Ordering::Relaxed));
        }
    }

    /// Moves the run to a later level if its program's history says that such runs take longer. Returns whether
    /// it moved.
    pub(crate) fn is_behind(&self) -> bool {
        let expected = self.expected_level();
        self.level.fetch_max(expected, Ordering::Relaxed) < expected
    }

    fn expected_level(&self) -> usize {
        let used = self.used_level.load(Ordering::Relaxed);
        self.history()
            .map_or(used, |history| history.expected(used))
    }

    fn history(&self) -> Option<&History> {
        let program = self.run.get()?.program.as_ref();
        program.map(|program| program.history())
    }

    fn count_use(&self) {
        let control = self.run.get().and_then(|run| run.control.upgrade());
        let Some(control) = control else {
            return;
        };
        let used = level(control.meter.total());
        let before = self.used_level.swap(used, Ordering::Relaxed);
        if let Some(history) = self.history() {
            history.passed(before..used);
        }
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
        let control = self.run.get().and_then(|run| run.control.upgrade());
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
                if let Some(line) = self.line.upgrade() {
                    line.ready(self);
                }
            }
            Err(READY) if self.is_stopped() => {
                if let Some(line) = self.line.upgrade() {
                    line.hurry(self);
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
    pub(crate) fn new(line: &Arc<dyn ReadyLine>) -> Self {
        let task = Task::new(line);
        let waker = Waker::from(task.clone());
        Self { task, waker }
    }

    /// Returns this task for reuse, unless an old waker could still wake it.
    pub(crate) fn reuse(self) -> Option<Self> {
        // This one and the waker's.
        let is_forgotten = Arc::strong_count(&self.task) == 2;
        self.task.state.store(POLLED, Ordering::Relaxed);
        is_forgotten.then_some(self)
    }
}

#[cfg(test)]
mod tests {
    use super::{Arc, ReadyLine, Task};

    pub(super) struct NoLine;

    impl ReadyLine for NoLine {
        fn ready(self: Arc<Self>, _: &Arc<Task>) {}

        fn hurry(&self, _: &Arc<Task>) {}
    }
}
