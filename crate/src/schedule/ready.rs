//! Which ready run goes on next.
//!
//! A feedback queue: the more time on a core a run has used, the lower its level. Each level that has runs
//! gets a share of the threads' time by its weight (stride scheduling: Waldspurger and Weihl, "Stride
//! Scheduling: Deterministic Proportional-Share Resource Management", 1995), so that short runs do not wait
//! behind long ones and a stream of short ones does not starve the long.

use super::task::Task;
use crate::guest::{FIRST, LAST, LEVELS};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

/// With two threads, whatever else is ready, the last level gets at least 0.2 of a core.
const WEIGHTS: [u64; LEVELS] = [16, 8, 4, 3, 3, 3, 5];
/// A multiple of all weights: a nanosecond of a level costs this, divided by its weight.
const STRIDE: u64 = 240;

/// The runs that have started and could go on.
#[derive(Default)]
pub(crate) struct Ready {
    /// Runs that are to end: they take no time.
    ending: VecDeque<Arc<Task>>,
    levels: [VecDeque<Arc<Task>>; LEVELS],
    /// What each level has paid for the time of its runs.
    paid: [u64; LEVELS],
    /// What the level had paid that was chosen last.
    last: u64,
    length: usize,
}

/// What goes on.
pub(crate) enum Choice {
    /// A run that has not started.
    Fresh,
    /// One that has.
    Started(Arc<Task>),
}

impl Ready {
    pub(crate) fn len(&self) -> usize {
        self.length
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Whether a run waits that has used less time than those of the last level.
    pub(crate) fn has_short(&self) -> bool {
        !self.ending.is_empty() || self.levels[..LAST].iter().any(|level| !level.is_empty())
    }

    /// Puts a run in line that was woken or gave up its thread. A run that was preempted goes first on its level,
    /// because finishing what was begun takes less memory and time than taking turns. On the last level, where
    /// runs may never end, they take turns.
    pub(crate) fn add(&mut self, task: Arc<Task>, could_go_on: bool) {
        let level = task.level();
        self.join(level);
        let goes_first = could_go_on && level != LAST && level == task.previous_level();
        match goes_first {
            true => self.levels[level].push_front(task),
            false => self.levels[level].push_back(task),
        }
        self.length += 1;
    }

    /// Moves a run that is to end to the front, if it is in line.
    pub(crate) fn hurry(&mut self, task: &Arc<Task>) {
        for level in &mut self.levels {
            if let Some(at) = level.iter().position(|other| Arc::ptr_eq(other, task)) {
                self.ending.extend(level.remove(at));
                return;
            }
        }
    }

    /// Runs of this level have had a thread for this long.
    pub(crate) fn charge(&mut self, level: usize, time: Duration) {
        let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        let price = nanos.saturating_mul(STRIDE / WEIGHTS[level]);
        self.paid[level] = self.paid[level].saturating_add(price);
    }

    /// The run that goes on next; `fresh` says whether one could start.
    pub(crate) fn choose(&mut self, fresh: bool) -> Option<Choice> {
        if let Some(task) = self.ending.pop_front() {
            self.length -= 1;
            return Some(Choice::Started(task));
        }
        if fresh && self.levels[FIRST].is_empty() {
            self.join(FIRST);
        }
        loop {
            let has_runs =
                |level: &usize| !self.levels[*level].is_empty() || (fresh && *level == FIRST);
            let level = (0..LEVELS)
                .filter(has_runs)
                .min_by_key(|level| self.paid[*level])?;
            // Runs that have begun go before runs that have not.
            let Some(task) = self.levels[level].pop_front() else {
                self.last = self.paid[level];
                return Some(Choice::Fresh);
            };
            if task.is_behind() {
                let level = task.level();
                self.join(level);
                self.levels[level].push_back(task);
                continue;
            }
            self.last = self.paid[level];
            self.length -= 1;
            return Some(Choice::Started(task));
        }
    }

    /// A level gains no credit while it has no runs.
    fn join(&mut self, level: usize) {
        if self.levels[level].is_empty() {
            self.paid[level] = self.paid[level].max(self.last);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn task(level: usize) -> Arc<Task> {
        Task::on_levels(level, level)
    }

    /// Lets runs that never end compute for `ms` milliseconds, one per given level, and runs that have
    /// not started, if `fresh`. Returns the milliseconds of each level.
    fn share(levels: &[usize], fresh: bool, time: u64) -> [u64; LEVELS] {
        let mut ready = Ready::default();
        for level in levels {
            ready.add(task(*level), false);
        }
        let mut shares = [0; LEVELS];
        for _ in 0..time {
            let level = match ready.choose(fresh).expect("there are runs") {
                Choice::Fresh => FIRST,
                Choice::Started(task) => {
                    let level = task.level();
                    ready.add(task, true);
                    level
                }
            };
            ready.charge(level, MS);
            shares[level] += 1;
        }
        shares
    }

    #[test]
    fn every_set_of_levels_shares_by_weight() {
        const TIME: u64 = 10_000;
        for set in 1_u32..1 << LEVELS {
            let levels: Vec<_> = (0..LEVELS)
                .filter(|level| set & (1 << level) != 0)
                .collect();
            let weights: u64 = levels.iter().map(|level| WEIGHTS[*level]).sum();
            for fresh in [false, levels.contains(&FIRST)] {
                let shares = share(&levels, fresh, TIME);
                for level in &levels {
                    let fair = TIME * WEIGHTS[*level] / weights;
                    assert!(shares[*level].abs_diff(fair) <= 8, "{levels:?}: {shares:?}");
                }
            }
        }
    }

    #[test]
    fn a_level_with_many_runs_gets_no_more_than_with_one() {
        let shares = share(&[LAST, LAST, LAST, LAST, 1], false, 1000);
        let fair = 1000 * WEIGHTS[1] / (WEIGHTS[1] + WEIGHTS[LAST]);
        assert!(shares[1].abs_diff(fair) <= 8, "{shares:?}");
    }

    #[test]
    fn a_level_without_runs_saves_nothing_up() {
        for (idle, weight) in WEIGHTS.iter().enumerate().take(LAST) {
            let mut ready = Ready::default();
            ready.add(task(LAST), false);
            for _ in 0..10_000 {
                let Some(Choice::Started(task)) = ready.choose(false) else {
                    panic!("there is a run");
                };
                ready.add(task, true);
                ready.charge(LAST, MS);
            }
            ready.add(task(idle), false);
            let mut in_a_row = 0;
            while let Some(Choice::Started(task)) = ready.choose(false) {
                if task.level() == LAST {
                    break;
                }
                in_a_row += 1;
                ready.add(task, true);
                ready.charge(idle, MS);
                assert!(in_a_row <= *weight, "level {idle} had everything");
            }
        }
    }

    #[test]
    fn what_was_begun_comes_before_what_was_not() {
        let mut ready = Ready::default();
        ready.add(task(FIRST), false);
        assert!(matches!(ready.choose(true), Some(Choice::Started(_))));
        assert!(matches!(ready.choose(true), Some(Choice::Fresh)));
        assert!(ready.choose(false).is_none());
    }

    #[test]
    fn runs_of_a_level_go_on_in_turn_only_where_they_may_never_end() {
        for level in 0..LEVELS {
            let mut ready = Ready::default();
            let [first, second] = [task(level), task(level)];
            ready.add(first.clone(), false);
            ready.add(second.clone(), false);
            let Some(Choice::Started(begun)) = ready.choose(false) else {
                panic!("there are two runs");
            };
            assert!(Arc::ptr_eq(&begun, &first), "level {level}");
            ready.add(begun, true);
            let Some(Choice::Started(next)) = ready.choose(false) else {
                panic!("there are two runs");
            };
            let expected = if level == LAST { &second } else { &first };
            assert!(Arc::ptr_eq(&next, expected), "level {level}");
        }
    }

    #[test]
    fn a_run_that_comes_to_a_level_waits_behind_those_on_it() {
        for level in 1..LEVELS {
            let mut ready = Ready::default();
            let newcomer = Task::on_levels(level - 1, level);
            ready.add(task(level), true);
            ready.add(newcomer.clone(), true);
            let Some(Choice::Started(next)) = ready.choose(false) else {
                panic!("there are two runs");
            };
            assert!(!Arc::ptr_eq(&next, &newcomer), "level {level}");
        }
    }

    #[test]
    fn a_run_that_is_to_end_comes_first_and_once() {
        for level in 0..LEVELS {
            let mut ready = Ready::default();
            for other in 0..LEVELS {
                ready.add(task(other), false);
            }
            let hurried = task(level);
            ready.add(hurried.clone(), false);
            ready.hurry(&hurried);
            ready.hurry(&hurried);
            assert_eq!(ready.len(), LEVELS + 1);
            let mut picked = Vec::new();
            while let Some(Choice::Started(task)) = ready.choose(false) {
                picked.push(Arc::ptr_eq(&task, &hurried));
            }
            assert!(picked[0], "level {level}");
            assert_eq!(picked.iter().filter(|is_hurried| **is_hurried).count(), 1);
            assert_eq!(picked.len(), LEVELS + 1);
            assert!(ready.is_empty());
        }
    }
}
