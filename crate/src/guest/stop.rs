//! Why a call was stopped: one cause, the first, recorded before the interrupt.

use super::cpu::CpuMeter;
use futures_util::task::AtomicWaker;
use std::fmt;
use std::sync::OnceLock;
use std::sync::atomic::AtomicBool;
use std::task::Waker;
use std::time::{Duration, Instant};

/// The caps that can end a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LimitKind {
    /// Wall clock since the guest's start.
    Timeout,
    /// Time on a core.
    Cpu,
    /// wasmtime fuel.
    Fuel,
    /// Linear memories and tables together.
    Memory,
    /// Captured output.
    Output,
    /// What sockets and requests have sent, or what they have received.
    Network,
    /// The body of the request that is served.
    Request,
    /// The body of the response to it.
    Response,
}

/// The first thing that ended a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The guest itself: it returned, exited or trapped.
    Guest,
    /// A cap was reached.
    Limit(LimitKind),
    /// The caller gave up on it.
    Abort,
    /// The reader of its output is gone.
    BrokenPipe,
    /// A function of the host that it called has thrown.
    HostError,
}

/// What one call of a guest shares with the threads that may stop it or look at it. It ends with the call.
#[derive(Default)]
pub struct CallControl {
    cause: OnceLock<Cause>,
    waker: AtomicWaker,
    /// The moment the guest started; unset while it waits for a slot or a turn.
    started: OnceLock<Instant>,
    pub(crate) meter: CpuMeter,
    /// Set when its guest computes on threads that the scheduler does without.
    pub(crate) uninterruptible: AtomicBool,
}

impl CallControl {
    /// Records `cause` unless an earlier one stands, and wakes the call. Returns whether it was the first.
    pub fn stop(&self, cause: Cause) -> bool {
        let first = self.record(cause);
        if first {
            self.wake();
        }
        first
    }

    /// The cause that ended the call: `own`, unless an earlier one stands.
    pub(crate) fn settle(&self, own: Cause) -> Cause {
        *self.cause.get_or_init(|| own)
    }

    /// The first half of [`stop`](Self::stop), for callers that hold a lock which the other half takes.
    pub(crate) fn record(&self, cause: Cause) -> bool {
        self.cause.set(cause).is_ok()
    }

    /// The second half of [`stop`](Self::stop).
    pub(crate) fn wake(&self) {
        self.waker.wake();
    }

    /// The cause that ended, or is about to end, the call.
    pub fn cause(&self) -> Option<Cause> {
        self.cause.get().copied()
    }

    pub(crate) fn register(&self, waker: &Waker) {
        self.waker.register(waker);
    }

    /// The moment the guest started, which is `now` if it was not yet.
    pub(crate) fn start(&self, now: impl FnOnce() -> Instant) -> Instant {
        *self.started.get_or_init(now)
    }

    /// From the guest's start to this moment.
    pub(crate) fn wall(&self, now: Instant) -> Duration {
        let started = self.started.get();
        started
            .map(|started| now.saturating_duration_since(*started))
            .unwrap_or_default()
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
