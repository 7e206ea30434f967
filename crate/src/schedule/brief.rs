//! Short waits without sleeping: to wake a thread takes longer than a short call, or than an answer to a line.

use std::hint::spin_loop;
use std::sync::OnceLock;
use std::thread::available_parallelism;
use std::time::{Duration, Instant};

/// A caller that goes on right after each answer does so within this time.
pub(super) const PROMPT: Duration = Duration::from_micros(50);

/// The same for a submitter that sleeps until its run has ended: some virtual machines take 60 µs to wake it.
pub(super) const NEXT_RUN: Duration = Duration::from_micros(100);

/// After this time others have the thread.
pub(super) const SLICE: Duration = Duration::from_micros(500);

/// Waits for up to `patience`, without sleeping; returns whether something `came`.
pub(super) fn wait_briefly(patience: Duration, came: impl Fn() -> bool) -> bool {
    let start = Instant::now();
    while !came() {
        if start.elapsed() >= patience {
            return false;
        }
        spin_loop();
    }
    true
}

/// Whether a caller can go on while this thread waits without sleeping.
pub(super) fn has_cores() -> bool {
    static CORES: OnceLock<bool> = OnceLock::new();
    *CORES.get_or_init(|| available_parallelism().is_ok_and(|cores| cores.get() > 1))
}
