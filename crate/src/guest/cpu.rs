//! Time on a core.

use crate::platform;
use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// For so long after it was read, the thread's CPU clock is taken to run like the wall clock.
///
/// Reading it is a system call that costs as much as a tenth of a short run. The error of one poll is
/// at most this, and only where the thread was not running all the time.
const TRUST: Duration = Duration::from_micros(100);

/// Time a run spent on a core, summed over its polls.
///
/// By the CPU clock of the thread that polls, so that a busy machine does not charge a guest for the
/// time in which other processes ran.
#[derive(Default)]
pub(crate) struct CpuMeter {
    finished: AtomicU64,
    poll_start: AtomicU64,
}

impl CpuMeter {
    /// A poll begins, at this time of the wall clock.
    pub(crate) fn enter(&self, now: Instant) {
        self.poll_start.store(thread_nanos(now), Ordering::Relaxed);
    }

    pub(crate) fn leave(&self, now: Instant) {
        self.finished
            .fetch_add(self.since_start(now), Ordering::Relaxed);
    }

    /// Counts what `other` has counted so far, and nothing else.
    pub(crate) fn follow(&self, other: &Self) {
        let total = other.finished.load(Ordering::Relaxed);
        self.finished.store(total, Ordering::Relaxed);
    }

    /// Begins to count anew.
    pub(crate) fn reset(&self) {
        self.finished.store(0, Ordering::Relaxed);
    }

    /// The total of finished polls.
    pub(crate) fn total(&self) -> Duration {
        Duration::from_nanos(self.finished.load(Ordering::Relaxed))
    }

    /// The total including the poll that is going on; call it on the polling thread.
    pub(crate) fn now(&self) -> Duration {
        let current = self.since_start(Instant::now());
        Duration::from_nanos(self.finished.load(Ordering::Relaxed) + current)
    }

    fn since_start(&self, now: Instant) -> u64 {
        thread_nanos(now).saturating_sub(self.poll_start.load(Ordering::Relaxed))
    }
}

/// The CPU clock of this thread, read at most once in [`TRUST`].
fn thread_nanos(now: Instant) -> u64 {
    thread_local! {
        static READING: Cell<Option<(Instant, u64)>> = const { Cell::new(None) };
    }
    READING.with(|reading| {
        if let Some((at, cpu)) = reading.get() {
            let since = now.saturating_duration_since(at);
            if since < TRUST {
                return cpu + since.as_nanos() as u64;
            }
        }
        let cpu = platform::thread_nanos();
        reading.set(Some((now, cpu)));
        cpu
    })
}
