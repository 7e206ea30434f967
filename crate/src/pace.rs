//! On how many threads new runs start: as many as pay.
//!
//! Guests that grow their memory change the memory map of the process, and threads wait for each other
//! there: more of them may be slower than fewer. Whether they are depends on guests, kernel and machine, so
//! it is measured: while runs wait, the scheduler starts them on half or twice the threads for some
//! milliseconds, in turn with the number that it has, and keeps what ended more of them.

use std::time::{Duration, Instant};

/// After a change of the number, what is under way ends before the count begins.
const SETTLE: Duration = Duration::from_micros(500);
/// For how long the first polls of runs are counted.
const WINDOW: Duration = Duration::from_millis(2);
/// Pairs of windows of a trial: one with the number as it is, one with another.
const PAIRS: usize = 3;
/// Runs that make less of a window have few in it, and their time is their own.
const LEAST_COUNT: u64 = 20;
/// What another number has to bring in each pair: less may be chance.
const GAIN: f64 = 1.03;
/// From the first runs, or a change, to the next trial.
const SOON: Duration = Duration::from_millis(20);
/// From a trial that changed nothing to the next; three times that after each.
const LATER: Duration = Duration::from_millis(50);
const LATEST: Duration = Duration::from_secs(8);

/// The number of threads that start runs, and how it is found.
pub(crate) struct Pace {
    threads: usize,
    width: usize,
    /// Runs that were polled for the first time since the last step.
    count: u64,
    /// When the last step was made, and when the next is due.
    since: Instant,
    next: Instant,
    interval: Duration,
    /// Whether the next trial is with more threads.
    widens: bool,
    trial: Option<Trial>,
}

/// A comparison of two numbers of threads.
struct Trial {
    /// What is compared: the number as it was, and another.
    widths: [usize; 2],
    /// Runs a second, by windows.
    rates: Vec<f64>,
    /// Whether windows had enough of them.
    is_short: bool,
    settles: bool,
}

impl Pace {
    pub(crate) fn new(threads: usize) -> Self {
        let now = Instant::now();
        Self {
            threads,
            width: threads,
            count: 0,
            since: now,
            next: now,
            interval: LATER,
            widens: false,
            trial: None,
        }
    }

    /// How many threads may start runs at a time.
    pub(crate) fn width(&self) -> usize {
        self.width
    }

    /// The same without the trial that may be under way.
    pub(crate) fn settled_width(&self) -> usize {
        let trial = self.trial.as_ref();
        trial.map_or(self.width, |trial| trial.widths[0])
    }

    /// A run was polled for the first time; `waiting` says whether others wait for that. Returns whether
    /// the width may have changed.
    pub(crate) fn count(&mut self, now: Instant, waiting: bool) -> bool {
        self.count += 1;
        if now < self.next || self.threads == 1 {
            return false;
        }
        let before = self.width;
        self.step(now, waiting);
        self.count = 0;
        self.since = now;
        before != self.width
    }

    fn step(&mut self, now: Instant, waiting: bool) {
        let took = now.saturating_duration_since(self.since);
        let Some(trial) = &mut self.trial else {
            // After a pause the count says nothing of now.
            let is_busy = waiting && took < self.interval * 2;
            match is_busy {
                true => self.begin(now),
                false => self.next = now + SOON,
            }
            return;
        };
        if !waiting {
            // Without runs that wait, the number of threads decides nothing.
            self.end(now, None);
            return;
        }
        if trial.settles {
            trial.settles = false;
            self.next = now + WINDOW;
            return;
        }
        trial.rates.push(self.count as f64 / took.as_secs_f64());
        trial.is_short &= self.count >= LEAST_COUNT;
        trial.settles = true;
        let windows = trial.rates.len();
        if windows < 2 * PAIRS {
            self.width = trial.widths[windows % 2];
            self.next = now + SETTLE;
            return;
        }
        let better = trial.better();
        self.end(now, better);
    }

    fn begin(&mut self, now: Instant) {
        let other = match self.widens {
            true => (self.width * 2).min(self.threads),
            false => self.width.div_ceil(2),
        };
        if other == self.width {
            self.widens = !self.widens;
            self.next = now;
            return;
        }
        self.trial = Some(Trial {
            widths: [self.width, other],
            rates: Vec::with_capacity(2 * PAIRS),
            is_short: true,
            settles: true,
        });
        self.next = now + SETTLE;
    }

    /// Ends a trial; without a better number the one before goes on.
    fn end(&mut self, now: Instant, better: Option<usize>) {
        let before = self.settled_width();
        self.trial = None;
        self.width = better.unwrap_or(before);
        match better {
            // There may be more to gain in this direction.
            Some(_) => self.interval = SOON,
            None => {
                self.widens = !self.widens;
                self.interval = (self.interval * 3).clamp(LATER, LATEST);
            }
        }
        self.next = now + self.interval;
    }
}

impl Trial {
    /// The other number, if it was better.
    fn better(&self) -> Option<usize> {
        let [before, other] = self.widths;
        // Longer runs get all threads: what they take is their own time, and too few are counted.
        if !self.is_short {
            return (other > before).then_some(other);
        }
        let (pairs, _) = self.rates.as_chunks();
        let wins = |[before, other]: &[f64; 2]| *other > before * GAIN;
        pairs.iter().all(wins).then_some(other)
    }
}
