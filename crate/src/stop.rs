//! Why a run was stopped: one cause, the first, recorded before the interrupt.

use crate::outcome::LimitKind;
use std::fmt;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::Waker;
use std::time::{Duration, Instant};

use futures_util::task::AtomicWaker;

/// The first thing that ended a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The guest itself: it returned, exited or trapped.
    Guest,
    /// A cap was reached.
    Limit(LimitKind),
    /// The caller gave up on it.
    Abort,
}

/// What a run shares with the threads that may stop it or look at it.
#[derive(Default)]
pub struct Control {
    cause: OnceLock<Cause>,
    waker: AtomicWaker,
    /// The moment the guest started; unset while it waits for a slot.
    pub(crate) started: OnceLock<Instant>,
    pub(crate) meter: CpuMeter,
    pub(crate) memory_peak: AtomicU64,
    pub(crate) memory_denied: AtomicBool,
}

impl Control {
    /// Records `cause` unless an earlier one stands, and wakes the run. Answers whether it was the first.
    pub fn stop(&self, cause: Cause) -> bool {
        let first = self.cause.set(cause).is_ok();
        if first {
            self.waker.wake();
        }
        first
    }

    /// The cause that ended, or is about to end, the run.
    pub fn cause(&self) -> Option<Cause> {
        self.cause.get().copied()
    }

    pub(crate) fn register(&self, waker: &Waker) {
        self.waker.register(waker);
    }

    pub(crate) fn wall(&self) -> Duration {
        self.started.get().map(Instant::elapsed).unwrap_or_default()
    }
}

/// The error that unwinds a guest whose cause of ending is already recorded.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stopped;

impl fmt::Display for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the run was stopped")
    }
}

impl std::error::Error for Stopped {}

/// Time a run spent on a core, summed over its polls.
///
/// Reads the CPU clock of the thread that polls, so that a busy machine does not charge a guest for
/// the time in which other processes ran.
#[derive(Default)]
pub(crate) struct CpuMeter {
    finished: AtomicU64,
    poll_start: AtomicU64,
}

impl CpuMeter {
    pub(crate) fn enter(&self) {
        self.poll_start.store(thread_cpu_nanos(), Ordering::Relaxed);
    }

    pub(crate) fn leave(&self) {
        let used = thread_cpu_nanos().saturating_sub(self.poll_start.load(Ordering::Relaxed));
        self.finished.fetch_add(used, Ordering::Relaxed);
    }

    /// The total of finished polls.
    pub(crate) fn total(&self) -> Duration {
        Duration::from_nanos(self.finished.load(Ordering::Relaxed))
    }

    /// The total including the poll that is going on; call it on the polling thread.
    pub(crate) fn now(&self) -> Duration {
        let current = thread_cpu_nanos().saturating_sub(self.poll_start.load(Ordering::Relaxed));
        Duration::from_nanos(self.finished.load(Ordering::Relaxed) + current)
    }
}

#[cfg(unix)]
fn thread_cpu_nanos() -> u64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    (time.tv_sec as u64) * 1_000_000_000 + time.tv_nsec as u64
}

#[cfg(windows)]
fn thread_cpu_nanos() -> u64 {
    use windows_sys::Win32::Foundation::FILETIME;
    use windows_sys::Win32::System::Threading::{GetCurrentThread, GetThreadTimes};
    let zero = FILETIME {
        dwLowDateTime: 0,
        dwHighDateTime: 0,
    };
    let (mut created, mut exited, mut kernel, mut user) = (zero, zero, zero, zero);
    // SAFETY: the pseudo handle of the current thread is always valid, and the four out pointers
    // are to initialised locals that outlive the call.
    let ok = unsafe {
        GetThreadTimes(
            GetCurrentThread(),
            &mut created,
            &mut exited,
            &mut kernel,
            &mut user,
        )
    };
    if ok == 0 {
        return 0;
    }
    let hundreds = |t: FILETIME| (u64::from(t.dwHighDateTime) << 32) | u64::from(t.dwLowDateTime);
    (hundreds(kernel) + hundreds(user)) * 100
}
