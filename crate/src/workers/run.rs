//! Runs and their programs, as a pool knows them.

use crate::port::RunOperation;
use crate::stdio::OutputStreamKind;
use bytes::Bytes;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The work of a batch that is worth waking a worker for. The messages to the worker and back take about a
/// tenth of this time.
pub(super) const WORTH: Duration = Duration::from_micros(500);
/// The time that a run takes in a worker besides the guest's own.
const BESIDES: Duration = Duration::from_micros(3);
/// Nanoseconds in which a byte of output gets from a worker to its submitter: through a socket, at some 1 GB per second.
const PER_BYTE: u64 = 1;
/// A run that ends has a weight of one in this number in the mean time of a program's runs.
const PARTS: u64 = 32;
/// Longer than any time that makes a difference.
const UNKNOWN: Duration = Duration::from_secs(60);

/// A program as workers load it.
pub(super) struct PoolProgram {
    pub(super) handle: u64,
    /// The result of [`super::program::encode`].
    pub(super) encoded: Bytes,
    /// The mean time of its runs in nanoseconds; 0 until a run has ended.
    nanoseconds: AtomicU64,
}

/// A run of the pool, waiting or with a worker.
pub(super) struct PoolRun {
    /// Its number in the order in which runs came.
    pub(super) number: u64,
    pub(super) operation: RunOperation,
    pub(super) program: Arc<PoolProgram>,
    /// Its expected time when it was sent.
    pub(super) time: Duration,
    /// A worker that had it has died, and it was queued again.
    pub(super) retried: bool,
    /// The run must not be started any more.
    pub(super) aborted: bool,
    /// Its streams that nobody reads any more. A worker that gets the run has to be told, too.
    pub(super) closed: Vec<OutputStreamKind>,
}

impl PoolRun {
    pub(super) fn new(number: u64, operation: RunOperation, program: Arc<PoolProgram>) -> Self {
        Self {
            number,
            operation,
            program,
            time: Duration::ZERO,
            retried: false,
            aborted: false,
            closed: Vec::new(),
        }
    }

    /// Whether the run alone is worth waking a worker for.
    pub(super) fn is_long(&self) -> bool {
        self.time >= WORTH
    }
}

impl PoolProgram {
    pub(super) fn new(handle: u64, encoded: Bytes) -> Self {
        Self {
            handle,
            encoded,
            nanoseconds: AtomicU64::new(0),
        }
    }

    /// The expected time of the next run; [`UNKNOWN`] before the first has ended.
    pub(super) fn time(&self) -> Duration {
        match self.nanoseconds.load(Ordering::Relaxed) {
            0 => UNKNOWN,
            time => Duration::from_nanos(time),
        }
    }

    /// Records the time of a run, from the guest's start to its end, and the bytes of output that had to be passed on; the
    /// time is 0 if the guest never started.
    pub(super) fn has_taken(&self, time: Duration, output: u64) {
        if time.is_zero() {
            return;
        }
        let passing = Duration::from_nanos(output.saturating_mul(PER_BYTE));
        let time = time.saturating_add(BESIDES).saturating_add(passing);
        let time = time.min(UNKNOWN).as_nanos() as u64;
        let mean = match self.nanoseconds.load(Ordering::Relaxed) {
            0 => time,
            mean => (mean * (PARTS - 1) + time) / PARTS,
        };
        self.nanoseconds.store(mean, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::{BESIDES, PoolProgram, UNKNOWN};
    use std::time::Duration;

    const SHORT: Duration = Duration::from_micros(1);

    #[test]
    fn the_time_of_a_program_follows_its_runs() {
        let program = PoolProgram::new(1, bytes::Bytes::new());
        assert_eq!(program.time(), UNKNOWN);
        program.has_taken(Duration::ZERO, 0);
        assert_eq!(program.time(), UNKNOWN, "it never started");
        program.has_taken(SHORT, 0);
        assert_eq!(program.time(), SHORT + BESIDES);
        program.has_taken(Duration::from_secs(1), 0);
        assert!(
            program.time() > Duration::from_millis(30),
            "one that is long is seen at once"
        );
        (0..400).for_each(|_| program.has_taken(SHORT, 0));
        assert!(
            program.time() < BESIDES * 3,
            "and forgotten by many that are not"
        );
        program.has_taken(SHORT, 8 << 20);
        assert!(
            program.time() > Duration::from_micros(200),
            "large outputs take time, too"
        );
        program.has_taken(Duration::MAX, u64::MAX);
        assert!(program.time() <= UNKNOWN);
    }
}
