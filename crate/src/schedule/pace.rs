//! On how many threads new runs start: as many as pay.
//!
//! Guests that grow their memory change the memory map of the process, and threads wait for each other
//! there: more of them may be slower than fewer. Whether they are depends on guests, kernel and machine, so
//! it is measured: while runs wait, the scheduler starts them on another number of threads for some
//! milliseconds, in turn with the number that it has, and keeps what ended more of them.

use std::time::{Duration, Instant};

/// After a change of the number, what is under way ends before the count begins.
const SETTLE: Duration = Duration::from_micros(500);
/// For how long the first polls of runs are counted, at least and at most.
const WINDOW: Duration = Duration::from_millis(2);
const LONGEST_WINDOW: Duration = Duration::from_millis(20);
/// A trial compares pairs of windows, one with the number as it is and one with another, until the other has
/// won this many pairs more than it has lost, or lost this many more than it has won. A machine that other
/// programs use, too, slows single windows down, so that one lost pair must not decide.
const WON: i32 = 3;
const LOST: i32 = -2;
/// A trial with more pairs decides nothing.
const MOST_PAIRS: u32 = 15;
/// A window with fewer runs says nothing: it is extended, up to its limit.
const LEAST_COUNT: u64 = 20;
/// The same for each thread: runs that were under way before a window are then few of those in it.
const LEAST_COUNT_PER_THREAD: u64 = 3;
/// The gain that another number has to bring to win a pair: less may be chance.
const GAIN: f64 = 1.03;
/// A pair lost by this much ends the trial.
const CLEAR_LOSS: f64 = 0.6;
/// From the first runs, or a change, to the next trial.
const SOON: Duration = Duration::from_millis(20);
/// The time from a trial that changed nothing to the next; three times that when none of [`OTHERS`] did.
const LATER: Duration = Duration::from_millis(50);
const LATEST: Duration = Duration::from_secs(8);

/// What is tried, one after the other. Half and twice lead to the best number where each step to it is
/// better than the one before; one thread and all of them lead away from where it is not.
const OTHERS: [fn(width: usize, threads: usize) -> usize; 4] = [
    |width, _| width.div_ceil(2),
    |_, _| 1,
    |width, threads| (width * 2).min(threads),
    |_, threads| threads,
];

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
    /// Which of the others is tried next, and how many were in vain since the last change.
    other: usize,
    in_vain: usize,
    trial: Option<Trial>,
}

/// A comparison of two numbers of threads.
struct Trial {
    /// What is compared: the number as it was, and another.
    widths: [usize; 2],
    /// Runs per second in the first window of a pair, once that has passed.
    first: Option<f64>,
    /// Pairs so far, and how many of them the other number won more than it lost.
    pairs: u32,
    lead: i32,
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
            other: 0,
            in_vain: 0,
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
        if self.step(now, waiting) {
            self.count = 0;
            self.since = now;
        }
        before != self.width
    }

    /// Returns whether the count begins anew.
    fn step(&mut self, now: Instant, waiting: bool) -> bool {
        let took = now.saturating_duration_since(self.since);
        let Some(trial) = &mut self.trial else {
            // After a pause the count says nothing about the present.
            let is_busy = waiting && took < self.interval * 2;
            match is_busy {
                true => self.begin(now),
                false => self.next = now + SOON,
            }
            return true;
        };
        if !waiting {
            // Without runs that wait, the number of threads decides nothing, and the trial said nothing.
            self.width = self.settled_width();
            self.trial = None;
            self.next = now + SOON;
            return true;
        }
        if trial.settles {
            trial.settles = false;
            self.next = now + WINDOW;
            return true;
        }
        let is_enough = self.count >= trial.least_count();
        if !is_enough && took < LONGEST_WINDOW {
            return false;
        }
        let rate = self.count as f64 / took.as_secs_f64();
        trial.is_short &= is_enough;
        trial.settles = true;
        let [before, other] = trial.widths;
        match trial.first.take() {
            None => {
                trial.first = Some(rate);
                self.width = other;
            }
            Some(first) => {
                trial.add_pair(first, rate);
                self.width = before;
                if trial.is_over() {
                    let better = trial.better();
                    self.end(now, better);
                    return true;
                }
            }
        }
        self.next = now + SETTLE;
        true
    }

    fn begin(&mut self, now: Instant) {
        let width = |index: usize| OTHERS[index](self.width, self.threads);
        let other = width(self.other);
        // With few threads several of the others are the same number.
        let is_repeated = self.other > 0 && width(self.other - 1) == other;
        if other == self.width || is_repeated {
            self.pass_over();
            self.next = now;
            return;
        }
        self.trial = Some(Trial {
            widths: [self.width, other],
            first: None,
            pairs: 0,
            lead: 0,
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
            // The same again: there may be more to gain.
            Some(_) => {
                self.in_vain = 0;
                self.interval = SOON;
            }
            None => {
                self.interval = self.interval.max(LATER);
                self.pass_over();
            }
        }
        self.next = now + self.interval;
    }

    /// The width that was tried is not better.
    fn pass_over(&mut self) {
        self.other = (self.other + 1) % OTHERS.len();
        self.in_vain += 1;
        if self.in_vain >= OTHERS.len() {
            self.in_vain = 0;
            self.interval = (self.interval * 3).clamp(LATER, LATEST);
        }
    }
}

impl Trial {
    /// How many runs make a window that says something.
    fn least_count(&self) -> u64 {
        let threads = self.widths[0].max(self.widths[1]) as u64;
        LEAST_COUNT.max(threads * LEAST_COUNT_PER_THREAD)
    }

    fn add_pair(&mut self, before: f64, other: f64) {
        self.pairs += 1;
        self.lead += match other / before {
            ratio if ratio > GAIN => 1,
            ratio if ratio > CLEAR_LOSS => -1,
            _ => LOST,
        };
    }

    fn is_over(&self) -> bool {
        !self.is_short || self.lead >= WON || self.lead <= LOST || self.pairs >= MOST_PAIRS
    }

    /// The other number, if it was better.
    fn better(&self) -> Option<usize> {
        let [before, other] = self.widths;
        // Longer runs get all threads: what they take is their own time, and too few are counted.
        let is_better = match self.is_short {
            true => self.lead >= WON,
            false => other > before,
        };
        is_better.then_some(other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A machine, as the number of runs per second that end on each number of threads.
    struct Machine<'a> {
        pace: Pace,
        origin: Instant,
        now: Instant,
        rate: &'a dyn Fn(usize) -> f64,
        /// State of a generator of noise.
        noise: u32,
        /// How many of eight milliseconds other programs take half of the machine.
        disturbed: u64,
    }

    impl<'a> Machine<'a> {
        fn new(threads: usize, rate: &'a dyn Fn(usize) -> f64) -> Self {
            let pace = Pace::new(threads);
            let now = pace.since;
            Self {
                pace,
                origin: now,
                now,
                rate,
                noise: 1,
                disturbed: 0,
            }
        }

        /// Runs for this long; returns the runs per second.
        fn run(&mut self, time: Duration, waiting: bool) -> f64 {
            let (begin, mut runs) = (self.now, 0);
            while self.now - begin < time {
                self.noise = self
                    .noise
                    .wrapping_mul(1_664_525)
                    .wrapping_add(1_013_904_223);
                // Runs take half of their time to one and a half.
                let chance = 0.5 + f64::from(self.noise >> 8) / f64::from(1 << 24);
                let millisecond = (self.now - self.origin).as_millis() as u64;
                let eighth = ((millisecond * 0x9E37_79B9) >> 16) & 7;
                let speed = if eighth < self.disturbed { 0.5 } else { 1.0 };
                let rate = (self.rate)(self.pace.width()) * speed;
                self.now += Duration::from_secs_f64(chance / rate);
                self.pace.count(self.now, waiting);
                runs += 1;
            }
            f64::from(runs) / (self.now - begin).as_secs_f64()
        }
    }

    const SECOND: Duration = Duration::from_secs(1);

    fn widths(threads: usize) -> impl Iterator<Item = usize> {
        (0..)
            .map(|power| 1 << power)
            .take_while(move |width| *width <= threads)
    }

    #[test]
    fn it_finds_whatever_number_of_threads_is_best() {
        for threads in [1, 2, 4, 8, 16] {
            for best in widths(threads) {
                // Beyond the best number each doubling costs a third.
                let rate = |width: usize| {
                    let over = (width as f64 / best as f64).max(1.0).log2();
                    40_000.0 * width.min(best) as f64 * (2.0_f64 / 3.0).powf(over)
                };
                let mut machine = Machine::new(threads, &rate);
                machine.run(SECOND, true);
                let reached = machine.run(10 * SECOND, true) / rate(best);
                assert_eq!(machine.pace.settled_width(), best, "of {threads} threads");
                assert!(reached > 0.97, "{reached} with {best} of {threads} threads");
            }
        }
    }

    #[test]
    fn it_finds_one_thread_and_all_from_any_number_that_is_as_bad_as_its_neighbours() {
        for threads in [2, 3, 4, 8, 16] {
            for best in [1, threads] {
                let rate = |width| if width == best { 70_000.0 } else { 50_000.0 };
                for start in 1..=threads {
                    let mut machine = Machine::new(threads, &rate);
                    machine.pace.width = start;
                    machine.run(SECOND, true);
                    let reached = machine.run(10 * SECOND, true) / 70_000.0;
                    assert_eq!(machine.pace.settled_width(), best, "{start} of {threads}");
                    assert!(
                        reached > 0.97,
                        "{reached} from {start} of {threads} threads"
                    );
                }
            }
        }
    }

    #[test]
    fn it_finds_the_best_number_beside_other_programs() {
        for threads in [2, 8] {
            for best in [1, threads] {
                for disturbed in [1, 2, 4] {
                    let rate = |width| if width == best { 70_000.0 } else { 55_000.0 };
                    let mut machine = Machine::new(threads, &rate);
                    machine.disturbed = disturbed;
                    machine.pace.width = threads + 1 - best;
                    machine.run(2 * SECOND, true);
                    let settled = machine.pace.settled_width();
                    assert_eq!(settled, best, "of {threads}, {disturbed} eighths disturbed");
                }
            }
        }
    }

    #[test]
    fn threads_that_neither_help_nor_hurt_cost_nothing() {
        for threads in [2, 3, 16] {
            let mut machine = Machine::new(threads, &|_| 50_000.0);
            let reached = machine.run(10 * SECOND, true) / 50_000.0;
            assert!(reached > 0.97, "{reached} with {threads} threads");
        }
    }

    #[test]
    fn it_finds_the_threads_of_the_next_program() {
        let hinders = std::cell::Cell::new(true);
        let rate = |width: usize| match hinders.get() {
            true => 70_000.0 / width as f64,
            false => 70_000.0 * width as f64,
        };
        let mut machine = Machine::new(16, &rate);
        machine.run(10 * SECOND, true);
        assert_eq!(machine.pace.settled_width(), 1);
        hinders.set(false);
        machine.run(LATEST * 2, true);
        assert_eq!(machine.pace.settled_width(), 16);
        hinders.set(true);
        machine.run(LATEST * 2, true);
        assert_eq!(machine.pace.settled_width(), 1);
    }

    #[test]
    fn long_runs_get_all_threads() {
        // Their own time differs more than any number of threads makes out.
        let mut machine = Machine::new(16, &|width| 20.0 * width as f64);
        machine.run(60 * SECOND, true);
        assert_eq!(machine.pace.settled_width(), 16);
        assert_eq!(machine.pace.width(), 16);

        // Also after short ones for which one was best.
        let long = std::cell::Cell::new(false);
        let rate = |width: usize| match long.get() {
            false => 70_000.0 / width as f64,
            true => 20.0 * width as f64,
        };
        let mut machine = Machine::new(16, &rate);
        machine.run(SECOND, true);
        assert_eq!(machine.pace.settled_width(), 1);
        long.set(true);
        machine.run(60 * SECOND, true);
        assert_eq!(machine.pace.settled_width(), 16);
    }

    #[test]
    fn nothing_is_tried_while_no_run_waits() {
        let mut machine = Machine::new(16, &|width| 70_000.0 / width as f64);
        machine.run(10 * SECOND, false);
        assert_eq!(machine.pace.width(), 16);
        assert!(machine.pace.trial.is_none());
    }
}
