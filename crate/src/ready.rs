//! Which of the runs that could go on goes on next.
//!
//! A feedback queue: the more time on a core a run has used, the lower its level. Each level that has runs
//! gets a share of the threads' time by its weight (stride scheduling: Waldspurger and Weihl, "Stride
//! Scheduling: Deterministic Proportional-Share Resource Management", 1995), so that short runs do not wait
//! behind long ones and a stream of short ones does not starve the long.

use crate::task::Task;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

pub(crate) const LEVELS: usize = 6;
/// The level of runs that have not started, too.
pub(crate) const FIRST: usize = 0;
const LAST: usize = LEVELS - 1;

/// A run is on the first level of which it has used less. Each has four times the time of the one before:
/// no run waits for much more of the others' time than it needs itself.
const USED_BELOW: [Duration; LEVELS] = [
    Duration::from_millis(2),
    Duration::from_millis(8),
    Duration::from_millis(32),
    Duration::from_millis(128),
    Duration::from_millis(512),
    Duration::MAX,
];
/// On two threads, a level gets at least a quarter of a core, and the first two thirds of one.
const WEIGHTS: [u64; LEVELS] = [8, 4, 3, 3, 3, 3];
/// A multiple of all weights: a nanosecond of a level costs this, divided by its weight.
const STRIDE: u64 = 24;

/// The runs that have started and could go on.
#[derive(Default)]
pub(crate) struct Ready {
    /// Those that are to end: they take no time.
    ending: VecDeque<Arc<Task>>,
    levels: [VecDeque<Arc<Task>>; LEVELS],
    /// What each level has paid for the time of its runs.
    paid: [u64; LEVELS],
    /// What the level had paid that was chosen last.
    last: u64,
    length: usize,
}

/// Who goes on.
pub(crate) enum Choice {
    /// A run that has not started.
    Fresh,
    /// One that has.
    Started(Arc<Task>),
}

/// The level of a run that has used so much time on a core.
pub(crate) fn level(used: Duration) -> usize {
    USED_BELOW
        .iter()
        .position(|bound| used < *bound)
        .unwrap_or(LAST)
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

    /// Puts a run in line that was woken, or that gave up its thread. One that could have gone on comes first
    /// on its level: to end what was begun takes less memory and less time for each than to take turns. On
    /// the last level, where runs may never end, they take turns.
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

    /// Puts a run first that is to end, if it is in line.
    pub(crate) fn hurry(&mut self, task: &Arc<Task>) {
        for level in &mut self.levels {
            if let Some(at) = level.iter().position(|other| Arc::ptr_eq(other, task)) {
                self.ending.extend(level.remove(at));
                return;
            }
        }
    }

    /// Runs of this level have had a thread for so long.
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
        let has_runs =
            |level: &usize| !self.levels[*level].is_empty() || (fresh && *level == FIRST);
        let level = (0..LEVELS)
            .filter(has_runs)
            .min_by_key(|level| self.paid[*level])?;
        self.last = self.paid[level];
        // What was begun comes before what was not.
        match self.levels[level].pop_front() {
            Some(task) => {
                self.length -= 1;
                Some(Choice::Started(task))
            }
            None => Some(Choice::Fresh),
        }
    }

    /// A level that had no runs has not saved up for them.
    fn join(&mut self, level: usize) {
        if self.levels[level].is_empty() {
            self.paid[level] = self.paid[level].max(self.last);
        }
    }
}
