//! The clock of preemption: advances the engines' epochs while guest code runs, and sleeps otherwise.

use crate::engine::Engines;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, Thread};
use std::time::Duration;

/// How long a guest keeps its thread while others wait, and how exact `cpuMs` and `timeoutMs` of
/// computing guests are.
const TICK: Duration = Duration::from_millis(10);
/// After so many ticks without a guest the thread parks, so that short pauses cost no wake-up.
const LINGER: u32 = 10;

pub(crate) struct Ticker {
    shared: Arc<Shared>,
    thread: Thread,
}

struct Shared {
    engines: Arc<Engines>,
    computing: AtomicUsize,
    parked: AtomicBool,
    stopped: AtomicBool,
}

impl Ticker {
    pub(crate) fn start(engines: Arc<Engines>) -> std::io::Result<Self> {
        let shared = Arc::new(Shared {
            engines,
            computing: AtomicUsize::new(0),
            parked: AtomicBool::new(false),
            stopped: AtomicBool::new(false),
        });
        let ticking = shared.clone();
        let thread = thread::Builder::new()
            .name("wasiexec-ticker".into())
            .spawn(move || ticking.run())?
            .thread()
            .clone();
        Ok(Self { shared, thread })
    }

    /// While the answer lives, epochs advance.
    pub(crate) fn computing(&self) -> Computing<'_> {
        // The order of these two and of those in `run` guarantees that one sees the other.
        let before = self.shared.computing.fetch_add(1, Ordering::SeqCst);
        if before == 0 && self.shared.parked.load(Ordering::SeqCst) {
            self.thread.unpark();
        }
        Computing(&self.shared.computing)
    }

    /// Makes every computing guest look at its cause of ending now.
    pub(crate) fn advance(&self) {
        self.shared.engines.increment_epochs();
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::SeqCst);
        self.thread.unpark();
    }
}

impl Shared {
    fn run(&self) {
        let mut quiet = 0;
        while !self.stopped.load(Ordering::SeqCst) {
            thread::park_timeout(TICK);
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

/// Guest code is running on some thread.
pub(crate) struct Computing<'a>(&'a AtomicUsize);

impl Drop for Computing<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}
