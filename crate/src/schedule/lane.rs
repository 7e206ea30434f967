//! Threads on which guests compute, as the ticker sees them: each says when the ticker has to look at it next.

use std::cell::RefCell;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::Thread;
use std::time::{Duration, Instant};

/// How long a guest computes before it lets others have the thread.
pub(crate) const SLICE: Duration = Duration::from_millis(10);
/// The same while a run waits that has used less time than the guest.
pub(crate) const SHORT_SLICE: Duration = Duration::from_millis(1);
/// The same for a guest that has just started; most need no more.
pub(crate) const FIRST_SLICE: Duration = Duration::from_micros(250);

/// Nanoseconds since the start of a clock.
pub(crate) type Moment = u64;
pub(crate) const NEVER: Moment = u64::MAX;

/// What the ticker and its lanes share.
///
/// The ticker writes when it will wake and then reads the lanes; a lane writes when it is due and then
/// reads when the ticker will wake. With sequential consistency one of them sees the other.
pub(crate) struct TickClock {
    start: Instant,
    /// When the ticker wakes at the latest.
    wakes: AtomicU64,
    /// Whether runs wait that have used less time than guests that compute.
    crowded: AtomicBool,
    thread: OnceLock<Thread>,
}

/// One thread on which guests compute.
pub(crate) struct Lane {
    clock: Arc<TickClock>,
    /// When the guest has to look at its limits; [`NEVER`] while none computes.
    due: AtomicU64,
    /// The end of the guest's slice.
    slice: AtomicU64,
    /// The end of the guest's slice while the clock is crowded.
    short_slice: AtomicU64,
}

thread_local! {
    static LANE: RefCell<Option<Arc<Lane>>> = const { RefCell::new(None) };
}

impl TickClock {
    pub(crate) fn new() -> Self {
        Self {
            start: Instant::now(),
            wakes: AtomicU64::new(0),
            crowded: AtomicBool::new(false),
            thread: OnceLock::new(),
        }
    }

    pub(crate) fn moment(&self, time: Instant) -> Moment {
        let since = time.saturating_duration_since(self.start).as_nanos();
        Moment::try_from(since).unwrap_or(NEVER - 1)
    }

    pub(crate) fn now(&self) -> Moment {
        self.moment(Instant::now())
    }

    /// Woken when something is due before the ticker expects it.
    pub(crate) fn set_thread(&self, thread: Thread) {
        let _ = self.thread.set(thread);
    }

    /// Says when the ticker will wake. The caller looks at all lanes once more before it sleeps.
    pub(crate) fn will_wake(&self, moment: Moment) {
        self.wakes.store(moment, Ordering::SeqCst);
    }

    /// Wakes the ticker unless it wakes by then.
    pub(crate) fn wake_by(&self, moment: Moment) {
        if moment < self.wakes.load(Ordering::SeqCst) {
            self.wake();
        }
    }

    pub(crate) fn wake(&self) {
        if let Some(thread) = self.thread.get() {
            thread.unpark();
        }
    }

    pub(crate) fn is_crowded(&self) -> bool {
        self.crowded.load(Ordering::Relaxed)
    }

    /// Sets whether the slices of computing guests are short.
    pub(crate) fn set_crowded(&self, crowded: bool) {
        if self.crowded.swap(crowded, Ordering::SeqCst) != crowded && crowded {
            // It knows only when the long slices end.
            self.wake();
        }
    }
}

impl Lane {
    /// Calls `body` with the lane of this thread, of whichever runtime polled here last.
    pub(crate) fn with<T>(body: impl FnOnce(&Self) -> T) -> Option<T> {
        LANE.with(|lane| lane.borrow().as_deref().map(body))
    }

    /// When its guest is due, or [`NEVER`].
    pub(crate) fn due(&self) -> Moment {
        let due = self.due.load(Ordering::SeqCst);
        match due != NEVER && self.clock.is_crowded() {
            true => due.min(self.short_slice.load(Ordering::Relaxed)),
            false => due,
        }
    }

    pub(crate) fn is_computing(&self) -> bool {
        self.due.load(Ordering::Relaxed) != NEVER
    }

    /// Whether the guest has to give the thread to others.
    pub(crate) fn is_slice_over(&self, now: Instant) -> bool {
        let slice = match self.clock.is_crowded() {
            true => self.short_slice.load(Ordering::Relaxed),
            false => self.slice.load(Ordering::Relaxed),
        };
        self.clock.moment(now) >= slice
    }

    /// Has the guest look at its limits at this time, or when its slice ends.
    pub(crate) fn look_at(&self, time: Option<Instant>) {
        let slice = self.slice.load(Ordering::Relaxed);
        let due = time.map_or(slice, |time| self.clock.moment(time).min(slice));
        if due != self.due.load(Ordering::Relaxed) {
            self.due.store(due, Ordering::SeqCst);
            self.clock.wake_by(due);
        }
    }

    /// Begins a slice; `short` is its length while the clock is crowded.
    fn begin(&self, now: Instant, short: Duration) {
        let now = self.clock.moment(now);
        let slice = now + SLICE.as_nanos() as Moment;
        self.slice.store(slice, Ordering::Relaxed);
        self.short_slice
            .store(now + short.as_nanos() as Moment, Ordering::Relaxed);
        self.due.store(slice, Ordering::SeqCst);
        self.clock.wake_by(self.due());
    }

    fn end(&self) {
        self.due.store(NEVER, Ordering::SeqCst);
    }
}

/// While this lives, a guest may compute on this thread. Inside another one, it changes nothing.
pub(crate) struct Computing {
    lane: Option<Arc<Lane>>,
}

impl Computing {
    /// Begins a slice; `register` adds the lane of a thread that has none with this clock.
    pub(crate) fn new(
        clock: &Arc<TickClock>,
        now: Instant,
        register: impl FnOnce(Arc<Lane>),
    ) -> Self {
        LANE.with(|known| {
            let mut known = known.borrow_mut();
            let lane = match &*known {
                Some(lane) if Arc::ptr_eq(&lane.clock, clock) => {
                    if lane.is_computing() {
                        return Self { lane: None };
                    }
                    lane
                }
                _ => {
                    let lane = Arc::new(Lane {
                        clock: clock.clone(),
                        due: AtomicU64::new(NEVER),
                        slice: AtomicU64::new(NEVER),
                        short_slice: AtomicU64::new(NEVER),
                    });
                    register(lane.clone());
                    known.insert(lane)
                }
            };
            lane.begin(now, FIRST_SLICE);
            Self {
                lane: Some(lane.clone()),
            }
        })
    }

    /// Begins another slice; `short` is its length while runs wait that have used less time.
    pub(crate) fn renew(&self, now: Instant, short: Duration) {
        if let Some(lane) = &self.lane {
            lane.begin(now, short);
        }
    }
}

impl Drop for Computing {
    fn drop(&mut self) {
        if let Some(lane) = &self.lane {
            lane.end();
        }
    }
}
