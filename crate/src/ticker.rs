//! The clock of preemption: advances the engines' epochs while guest code runs, and sleeps otherwise.

use crate::engine::Engines;
use crate::turns::Turns;
use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, Thread};
use std::time::Duration;

/// How long a guest computes before it looks at its limits and lets others have the thread, when few
/// want one; see [`Shared::tick`].
const TICK: Duration = Duration::from_millis(10);
/// The shortest tick: changing guests costs some microseconds.
const MIN_TICK: Duration = Duration::from_millis(1);
/// After so many ticks without a guest the thread parks, so that short pauses cost no wake-up.
const LINGER: u32 = 10;

pub(crate) struct Ticker {
    shared: Arc<Shared>,
    thread: Thread,
    /// For the guests that see no ticks.
    pub(crate) turns: Turns,
}

struct Shared {
    engines: Arc<Engines>,
    threads: u32,
    computing: AtomicUsize,
    preempted: AtomicUsize,
    parked: AtomicBool,
    stopped: AtomicBool,
}

impl Ticker {
    pub(crate) fn start(engines: Arc<Engines>, threads: usize) -> std::io::Result<Self> {
        let shared = Arc::new(Shared {
            engines,
            threads: u32::try_from(threads).unwrap_or(u32::MAX).max(1),
            computing: AtomicUsize::new(0),
            preempted: AtomicUsize::new(0),
            parked: AtomicBool::new(false),
            stopped: AtomicBool::new(false),
        });
        let ticking = shared.clone();
        let thread = thread::Builder::new()
            .name("wasiexec-ticker".into())
            .spawn(move || ticking.run())?
            .thread()
            .clone();
        Ok(Self {
            shared,
            thread,
            turns: Turns::new(threads),
        })
    }

    /// While the answer lives, which has to be on this thread, epochs advance. Within another it is free.
    pub(crate) fn computing(&self) -> Computing<'_> {
        if COMPUTING.replace(true) {
            return Computing(None);
        }
        // The order of these two and of those in `run` guarantees that one sees the other.
        let before = self.shared.computing.fetch_add(1, Ordering::SeqCst);
        if before == 0 && self.shared.parked.load(Ordering::SeqCst) {
            self.thread.unpark();
        }
        Computing(Some(&self.shared.computing))
    }

    /// While the answer lives, a preempted guest waits for its next turn.
    pub(crate) fn preempted(&self) -> Preempted<'_> {
        self.shared.preempted.fetch_add(1, Ordering::Relaxed);
        Preempted(&self.shared.preempted)
    }

    /// Whether preempted guests wait for a thread.
    pub(crate) fn has_preempted(&self) -> bool {
        self.shared.preempted.load(Ordering::Relaxed) > 0
    }

    /// Ends the thread.
    pub(crate) fn stop(&self) {
        self.shared.stopped.store(true, Ordering::SeqCst);
        self.thread.unpark();
    }

    /// Makes every computing guest look at its cause of ending now.
    pub(crate) fn advance(&self) {
        self.shared.engines.increment_epochs();
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Shared {
    /// Shorter the more guests wait for a thread, so that each has its turn, and meets its deadline,
    /// soon: with 20 computing guests a thread, every 20 ms.
    fn tick(&self) -> Duration {
        let waiting = self.preempted.load(Ordering::Relaxed);
        let waiting = u32::try_from(waiting).unwrap_or(u32::MAX) / self.threads;
        (TICK / (1 + waiting / 2)).max(MIN_TICK)
    }

    fn run(&self) {
        let mut quiet = 0;
        while !self.stopped.load(Ordering::SeqCst) {
            thread::park_timeout(self.tick());
            if self.computing.load(Ordering::SeqCst) > 0 {
                quiet = 0;
                self.engines.increment_epochs();
                continue;
            }
            quiet += 1;
            if quiet < LINGER {
                continue;
            }
            self.parked.store(true, Ordering::SeqCst);
            while self.computing.load(Ordering::SeqCst) == 0 && !self.stopped.load(Ordering::SeqCst)
            {
                thread::park();
            }
            self.parked.store(false, Ordering::SeqCst);
            quiet = 0;
        }
    }
}

thread_local! {
    static COMPUTING: Cell<bool> = const { Cell::new(false) };
}

/// Guest code is running on some thread.
pub(crate) struct Computing<'a>(Option<&'a AtomicUsize>);

impl Drop for Computing<'_> {
    fn drop(&mut self) {
        if let Some(count) = self.0 {
            COMPUTING.set(false);
            count.fetch_sub(1, Ordering::SeqCst);
        }
    }
}

/// A guest that could compute waits for its turn.
pub(crate) struct Preempted<'a>(&'a AtomicUsize);

impl Drop for Preempted<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
