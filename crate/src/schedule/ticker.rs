//! The clock of preemption: makes computing guests look at their limits when one of these is due, ends
//! runs whose deadline passes while they wait, and sleeps otherwise.

use super::lane::{Computing, Lane, Moment, NEVER, SLICE, TickClock};
use crate::engine::Engines;
use crate::guest::{CallControl, Cause, LimitKind};
use crate::lock::lock;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// When a guest that is due is interrupted again: host calls and bulk instructions do not look at the epoch.
const RETRY: Duration = Duration::from_millis(1);
/// For this long after the last guest the thread looks at the lanes once per slice, so that short pauses cost no
/// wake-up.
const LINGER: Duration = Duration::from_millis(100);

pub(crate) struct Ticker {
    shared: Arc<Shared>,
    /// Runs that have started and not ended, instances aside.
    running: AtomicUsize,
    thread: Mutex<Option<thread::JoinHandle<()>>>,
}

struct Shared {
    engines: Arc<Engines>,
    clock: Arc<TickClock>,
    lanes: Mutex<Vec<Arc<Lane>>>,
    alarms: Mutex<Alarms>,
    stopped: AtomicBool,
}

/// The deadlines of runs that wait.
#[derive(Default)]
struct Alarms {
    last: u64,
    controls: BTreeMap<(Moment, u64), Arc<CallControl>>,
}

impl Ticker {
    pub(crate) fn start(engines: Arc<Engines>) -> std::io::Result<Self> {
        let shared = Arc::new(Shared {
            engines,
            clock: Arc::new(TickClock::new()),
            lanes: Mutex::default(),
            alarms: Mutex::default(),
            stopped: AtomicBool::new(false),
        });
        let ticking = shared.clone();
        let thread = thread::Builder::new()
            .name("wasiexec-ticker".into())
            .spawn(move || ticking.run())?;
        shared.clock.set_thread(thread.thread().clone());
        // It may have parked before it could be woken.
        shared.clock.wake();
        Ok(Self {
            shared,
            running: AtomicUsize::new(0),
            thread: Mutex::new(Some(thread)),
        })
    }

    /// While the returned guard lives, on this thread, a guest may compute; its slice begins now. A guard inside
    /// another one continues the outer slice.
    pub(crate) fn computing(&self, now: Instant) -> Computing {
        Computing::new(&self.shared.clock, now, |lane| {
            let mut lanes = lock(&self.shared.lanes);
            // Lanes of threads that have ended.
            lanes.retain(|lane| Arc::strong_count(lane) > 1);
            lanes.push(lane);
        })
    }

    /// While the returned value lives, the run of `control` ends with a timeout when its `deadline` passes.
    pub(crate) fn alarm(&self, deadline: Instant, control: &Arc<CallControl>) -> Alarm {
        let moment = self.shared.clock.moment(deadline);
        let mut alarms = lock(&self.shared.alarms);
        alarms.last += 1;
        let key = (moment, alarms.last);
        alarms.controls.insert(key, control.clone());
        drop(alarms);
        self.shared.clock.wake_by(moment);
        Alarm {
            shared: self.shared.clone(),
            key,
        }
    }

    pub(super) fn set_running(&self, runs: usize) {
        self.running.store(runs, Ordering::Relaxed);
    }

    /// Whether no second run has started. It may have come just now.
    pub(super) fn runs_one(&self) -> bool {
        self.running.load(Ordering::Relaxed) == 1
    }

    /// Whether runs wait that have used less time than guests that compute.
    pub(crate) fn is_crowded(&self) -> bool {
        self.shared.clock.is_crowded()
    }

    /// Sets whether the slices of computing guests are short.
    pub(crate) fn set_crowded(&self, crowded: bool) {
        self.shared.clock.set_crowded(crowded);
    }

    /// Ends the thread, and waits for its end if asked to.
    pub(crate) fn stop(&self, waits: bool) {
        self.shared.stopped.store(true, Ordering::SeqCst);
        self.shared.clock.wake();
        let thread = lock(&self.thread).take();
        if let Some(thread) = thread.filter(|_| waits) {
            // It has nothing to say, not even by a panic.
            let _ = thread.join();
        }
    }

    /// Makes every computing guest look at its cause of ending now.
    pub(crate) fn advance(&self) {
        self.shared.engines.increment_epochs();
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.stop(false);
    }
}

impl Shared {
    fn run(&self) {
        let mut lingers_until = 0;
        while !self.stopped.load(Ordering::SeqCst) {
            let now = self.clock.now();
            self.ring(now);
            let (mut next, is_late) = self.next(now);
            if is_late {
                self.engines.increment_epochs();
            }
            if lock(&self.lanes).iter().any(|lane| lane.is_computing()) {
                lingers_until = now + nanos(LINGER);
            }
            if now < lingers_until {
                next = next.min(now + nanos(SLICE));
            }
            self.clock.will_wake(next);
            // Lanes that published before this store do not wake this thread.
            if self.next(now).0 < next {
                continue;
            }
            match next {
                NEVER => thread::park(),
                _ => {
                    let left = next.saturating_sub(self.clock.now());
                    thread::park_timeout(Duration::from_nanos(left));
                }
            }
            // Before it sleeps again it looks at everything.
            self.clock.will_wake(0);
        }
    }

    /// Ends the runs whose deadline has passed.
    fn ring(&self, now: Moment) {
        let mut alarms = lock(&self.alarms);
        let later = alarms.controls.split_off(&(now + 1, 0));
        let due = std::mem::replace(&mut alarms.controls, later);
        drop(alarms);
        for control in due.values() {
            control.stop(Cause::Limit(LimitKind::Timeout));
        }
    }

    /// When something is due next, and whether a guest is due now.
    fn next(&self, now: Moment) -> (Moment, bool) {
        let alarm = lock(&self.alarms).controls.keys().next().copied();
        let alarm = alarm.map_or(NEVER, |(moment, _)| moment);
        let mut is_late = false;
        let lanes = lock(&self.lanes);
        let due = lanes.iter().map(|lane| match lane.due() {
            due if due <= now => {
                is_late = true;
                now + nanos(RETRY)
            }
            due => due,
        });
        (due.fold(alarm, Moment::min), is_late)
    }
}

/// A deadline of a run that waits.
pub(crate) struct Alarm {
    shared: Arc<Shared>,
    key: (Moment, u64),
}

impl Drop for Alarm {
    fn drop(&mut self) {
        lock(&self.shared.alarms).controls.remove(&self.key);
    }
}

fn nanos(duration: Duration) -> Moment {
    duration.as_nanos() as Moment
}
