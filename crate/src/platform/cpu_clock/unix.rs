//! In nanoseconds.

use rustix::time::{ClockId, clock_gettime};

/// Nanoseconds for which this thread had a core.
pub(crate) fn thread_nanos() -> u64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    (time.tv_sec as u64) * 1_000_000_000 + time.tv_nsec as u64
}
