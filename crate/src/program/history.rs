//! How long runs of a program have taken, from which the time of later runs is guessed.

use crate::guest::{LAST, LEVELS};
use std::ops::Range;
use std::sync::atomic::{AtomicU32, Ordering};

/// Fewer runs than this say nothing.
const LEAST: u32 = 8;
/// For each run that ends on a level, at least this number has to pass it.
const CLEARLY: u32 = 3;
/// When a level has counted this number of runs, the counts are halved, so that recent runs count for more.
const MOST: u32 = 64;

/// Counts runs of a program by the [level](crate::schedule) that they reached. Runs that end in their first
/// poll are not counted: there are many of them, and they need no level.
#[derive(Default)]
pub(crate) struct History {
    levels: [Level; LEVELS],
}

#[derive(Default)]
struct Level {
    passed: AtomicU32,
    ended: AtomicU32,
}

impl History {
    /// Records that a run has used more time than these levels have.
    pub(crate) fn passed(&self, levels: Range<usize>) {
        for level in &self.levels[levels] {
            level.count(&level.passed);
        }
    }

    /// Records that a run has ended on this level.
    pub(crate) fn ended(&self, level: usize) {
        let level = &self.levels[level];
        level.count(&level.ended);
    }

    /// The level, from `level` on, on which a run is likely to end.
    pub(crate) fn expected(&self, level: usize) -> usize {
        let stays = |level: &usize| !self.levels[*level].is_passed();
        (level..LAST).find(stays).unwrap_or(LAST)
    }
}

impl Level {
    fn count(&self, which: &AtomicU32) {
        which.fetch_add(1, Ordering::Relaxed);
        let [passed, ended] = self.counts();
        // Threads that do this at the same time halve more than once, which does no harm.
        if passed + ended >= MOST {
            self.passed.store(passed / 2, Ordering::Relaxed);
            self.ended.store(ended / 2, Ordering::Relaxed);
        }
    }

    fn is_passed(&self) -> bool {
        let [passed, ended] = self.counts();
        passed >= LEAST && passed >= ended * CLEARLY
    }

    fn counts(&self) -> [u32; 2] {
        [&self.passed, &self.ended].map(|count| count.load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_expected_of_a_program_without_a_history() {
        let history = History::default();
        for level in 0..LEVELS {
            assert_eq!(history.expected(level), level);
        }
    }

    #[test]
    fn what_all_runs_pass_is_passed_over() {
        for end in 0..LEVELS {
            let history = History::default();
            for _ in 0..1000 {
                history.passed(0..end);
                history.ended(end);
            }
            for level in 0..LEVELS {
                assert_eq!(history.expected(level), level.max(end));
            }
        }
    }

    #[test]
    fn endless_runs_are_expected_on_the_last_level() {
        let history = History::default();
        for _ in 0..LEAST {
            history.passed(0..LAST);
        }
        assert_eq!(history.expected(0), LAST);
    }

    #[test]
    fn a_level_on_which_some_end_is_not_passed_over() {
        let history = History::default();
        for _ in 0..1000 {
            history.passed(0..1);
            history.passed(0..1);
            history.ended(0);
        }
        assert_eq!(history.expected(0), 0);
    }

    #[test]
    fn a_program_that_changes_is_known_anew() {
        let history = History::default();
        for _ in 0..1_000_000 {
            history.passed(0..LAST);
        }
        for _ in 0..MOST {
            history.ended(0);
        }
        assert_eq!(history.expected(0), 0);
    }
}
