//! A monotonic clock that reads the same in every run.
//!
//! It does not look at the time that passes. It goes on by [`STEP`] with each reading, so that a guest which waits for
//! it in a loop comes to an end, and by as much as the guest sleeps. A sleep takes its time, but what it ends with is
//! decided by this clock alone: on a busy machine, where several deadlines have passed, the guest hears of the first.

use crate::lock::lock;
use futures_util::future::{Either, select};
use std::collections::BTreeSet;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::sync::futures::Notified;
use tokio::task::yield_now;
use wasmtime_wasi::HostMonotonicClock;

/// About as long as a call of the host takes.
const STEP: u64 = 1_000;

/// Times are nanoseconds. Clones are the same clock.
#[derive(Clone)]
pub(crate) struct VirtualClock {
    /// The wall clock beside it, which stands still: nanoseconds since 1970.
    wall: u64,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    /// A deadline was reached.
    moved: Notify,
    /// A wait is over, or was given up.
    left: Notify,
}

#[derive(Default)]
struct State {
    now: u64,
    /// What the guest waits for: deadlines, each with a number that no other has.
    waits: BTreeSet<(u64, u64)>,
    next: u64,
}

impl VirtualClock {
    /// A clock that says `first`.
    pub(super) fn new(wall: Duration, first: u64) -> Self {
        let this = Self {
            wall: u64::try_from(wall.as_nanos()).unwrap_or(u64::MAX),
            shared: Arc::default(),
        };
        this.advance_to(first);
        this
    }

    pub(super) fn wall(&self) -> u64 {
        self.wall
    }

    /// What it says to a guest that looks at it.
    pub(super) fn read(&self) -> u64 {
        let mut state = lock(&self.shared.state);
        let now = state.now;
        state.now = now.saturating_add(STEP);
        now
    }

    pub(super) fn is_past(&self, deadline: u64) -> bool {
        lock(&self.shared.state).now >= deadline
    }

    /// Goes on to `time`, if it is not there yet.
    pub(super) fn advance_to(&self, time: u64) {
        let mut state = lock(&self.shared.state);
        state.now = state.now.max(time);
    }

    /// Waits for as long as it is until `deadline`, and then says so. Of several waits, the one with the first deadline
    /// ends, and the others have the rest of their time before them.
    pub(super) async fn wait_until(&self, deadline: u64) {
        let wait = Wait::new(self, deadline);
        while let Some(rest) = wait.rest() {
            let mut moved = pin!(self.shared.moved.notified());
            let slept = pin!(async {
                tokio::time::sleep(Duration::from_nanos(rest)).await;
                // However short the time was: all that the guest waits for is known by then.
                yield_now().await;
            });
            match select(moved.as_mut(), slept).await {
                Either::Left(_) => {}
                Either::Right(_) => wait.take_turn(moved).await,
            }
        }
    }
}

impl HostMonotonicClock for VirtualClock {
    fn resolution(&self) -> u64 {
        1
    }

    fn now(&self) -> u64 {
        self.read()
    }
}

/// One of the deadlines that the guest waits for.
struct Wait<'a> {
    clock: &'a VirtualClock,
    key: (u64, u64),
}

impl<'a> Wait<'a> {
    fn new(clock: &'a VirtualClock, deadline: u64) -> Self {
        let mut state = lock(&clock.shared.state);
        let key = (deadline, state.next);
        state.next += 1;
        state.waits.insert(key);
        Self { clock, key }
    }

    /// The time until then; none when it is over.
    fn rest(&self) -> Option<u64> {
        let state = lock(&self.clock.shared.state);
        self.key.0.checked_sub(state.now).filter(|rest| *rest > 0)
    }

    /// Moves the clock to the deadline, unless an earlier one is reached before.
    async fn take_turn(&self, mut moved: Pin<&mut Notified<'_>>) {
        let shared = &self.clock.shared;
        while !self.is_first() {
            let left = pin!(shared.left.notified());
            if let Either::Left(_) = select(moved.as_mut(), left).await {
                return;
            }
        }
        self.clock.advance_to(self.key.0);
        shared.moved.notify_waiters();
    }

    fn is_first(&self) -> bool {
        lock(&self.clock.shared.state).waits.first() == Some(&self.key)
    }
}

impl Drop for Wait<'_> {
    fn drop(&mut self) {
        lock(&self.clock.shared.state).waits.remove(&self.key);
        self.clock.shared.left.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::future::{join, join5, ready};
    use std::thread;
    use std::time::Instant;

    const MS: u64 = 1_000_000;

    fn block_on<T>(future: impl Future<Output = T>) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build();
        runtime.expect("a runtime").block_on(future)
    }

    #[test]
    fn goes_on_by_a_step_with_each_reading_and_not_with_time() {
        let clock = VirtualClock::new(Duration::ZERO, 5);
        let readings = [clock.read(), clock.read()];
        thread::sleep(Duration::from_millis(2));
        assert_eq!(readings, [5, 5 + STEP]);
        assert_eq!(clock.read(), 5 + 2 * STEP);
    }

    #[test]
    fn a_wait_takes_its_time_and_ends_at_its_deadline() {
        let clock = VirtualClock::new(Duration::ZERO, 0);
        let start = Instant::now();
        block_on(clock.wait_until(3 * MS));
        assert!(start.elapsed() >= Duration::from_millis(3));
        assert_eq!(clock.read(), 3 * MS);
        block_on(clock.wait_until(MS));
        assert_eq!(clock.read(), 3 * MS + STEP);
    }

    #[test]
    fn deadlines_are_reached_in_their_order_however_late_it_is() {
        let clock = VirtualClock::new(Duration::ZERO, 0);
        let reached = block_on(async {
            let reached = Mutex::new(Vec::new());
            let wait = |deadline| {
                let (clock, reached) = (&clock, &reached);
                async move {
                    clock.wait_until(deadline).await;
                    let mut reached = lock(reached);
                    reached.push((deadline, lock(&clock.shared.state).now));
                }
            };
            let late = async { thread::sleep(Duration::from_millis(5)) };
            join5(wait(3), wait(2), wait(1), wait(2), late).await;
            reached.into_inner().expect("not poisoned")
        });
        assert_eq!(reached, [(1, 1), (2, 2), (2, 2), (3, 3)]);
    }

    #[test]
    fn a_wait_that_is_given_up_holds_up_no_other() {
        let clock = VirtualClock::new(Duration::ZERO, 0);
        block_on(async {
            let early = Box::pin(clock.wait_until(MS));
            let Either::Right((_, early)) = select(early, ready(())).await else {
                panic!("it is over at once");
            };
            let give_up = async {
                yield_now().await;
                drop(early);
            };
            join(clock.wait_until(2 * MS), give_up).await;
        });
        assert_eq!(clock.read(), 2 * MS);
    }
}
