//! Where a thread waits for its run.

use super::run_group::{Client, Ended};
use super::slot::{Slot, SlotTaker};
use crate::error::Result;
use crate::guest::Outcome;
use crate::lock::lock;
use std::cell::Cell;
use std::sync::Arc;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::task::Wake;
use std::time::{Duration, Instant};

/// What the thread looks at, and what wakes it.
#[derive(Default)]
pub(super) struct Seat {
    state: Mutex<SeatState>,
    changed: Condvar,
}

#[derive(Default)]
struct SeatState {
    /// The run can go on.
    woken: bool,
    /// The slot for which the run waited in the queue.
    slot: Option<Slot>,
    /// It has ended elsewhere than on this thread, or never started.
    ended: Option<Result<Outcome>>,
    /// The thread no longer waits.
    left: bool,
    /// The thread sleeps until something changes.
    sleeps: bool,
}

/// What the thread does next.
#[expect(
    clippy::large_enum_variant,
    reason = "one per poll, and taken apart at once"
)]
pub(super) enum Step {
    Poll,
    Start(Slot),
    End(Result<Outcome>),
}

thread_local! {
    /// The seat of the last wait of this thread.
    static SPARE: Cell<Option<Arc<Seat>>> = const { Cell::new(None) };
}

impl Seat {
    /// A seat on which nothing has happened.
    pub(super) fn take() -> Arc<Self> {
        let spare = SPARE.try_with(Cell::take).ok().flatten();
        spare.unwrap_or_default()
    }

    /// Keeps a seat for the next wait of this thread, unless somebody else has it, too.
    pub(super) fn give_back(seat: &mut Arc<Self>) {
        if let Some(own) = Arc::get_mut(seat) {
            *own = Self::default();
            // A thread that ends has none any more.
            let _ = SPARE.try_with(|spare| spare.set(Some(seat.clone())));
        }
    }

    /// Waits for something to do; `None` after `deadline`.
    pub(super) fn step(&self, deadline: Option<Instant>) -> Option<Step> {
        let mut state = self.lock();
        loop {
            if let Some(result) = state.ended.take() {
                return Some(Step::End(result));
            }
            if let Some(slot) = state.slot.take() {
                return Some(Step::Start(slot));
            }
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            if left == Some(Duration::ZERO) {
                return None;
            }
            if std::mem::take(&mut state.woken) {
                return Some(Step::Poll);
            }
            state.sleeps = true;
            state = match left {
                Some(left) => {
                    let waited = self.changed.wait_timeout(state, left);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
                None => {
                    let waited = self.changed.wait(state);
                    waited.unwrap_or_else(PoisonError::into_inner)
                }
            };
            state.sleeps = false;
        }
    }

    /// The thread no longer waits; returns the slot that it did not take.
    pub(super) fn leave(&self) -> Option<Slot> {
        let mut state = self.lock();
        state.left = true;
        state.slot.take()
    }

    /// Something has changed. Without this look, a thread that does not sleep would cost a system call.
    fn wake_thread(&self, state: MutexGuard<'_, SeatState>) {
        let sleeps = state.sleeps;
        drop(state);
        if sleeps {
            self.changed.notify_one();
        }
    }

    fn lock(&self) -> MutexGuard<'_, SeatState> {
        lock(&self.state)
    }
}

impl SlotTaker for Seat {
    /// Hands over the slot, unless the thread no longer waits for it.
    fn give(&self, slot: Slot) {
        let mut state = self.lock();
        // Outside of the lock: a slot that is not taken goes back to the scheduler.
        let refused = match state.left {
            true => Some(slot),
            false => state.slot.replace(slot),
        };
        self.wake_thread(state);
        drop(refused);
    }
}

impl Wake for Seat {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let mut state = self.lock();
        state.woken = true;
        self.wake_thread(state);
    }
}

impl Client for Seat {
    fn ended(&self, runs: &mut Vec<Ended>) {
        let mut state = self.lock();
        state.ended = runs.pop().map(|run| run.result);
        self.wake_thread(state);
    }
}
