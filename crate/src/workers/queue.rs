//! Runs that wait for a worker.

use super::member::PoolRun;
use crate::transport::RunOperation;
use std::collections::{HashMap, VecDeque};

/// One line for the runs of each batch and one for those of none; the lines take turns, so that a
/// batch that cannot go on is in nobody's way.
#[derive(Default)]
pub(super) struct Queue {
    lines: HashMap<u64, VecDeque<PoolRun>>,
    /// The lines that are not empty, in the order of their turns.
    turns: VecDeque<u64>,
    length: usize,
}

impl Queue {
    pub(super) fn len(&self) -> usize {
        self.length
    }

    pub(super) fn is_empty(&self) -> bool {
        self.length == 0
    }

    pub(super) fn push_back(&mut self, run: PoolRun) {
        self.line(run.operation.batch).push_back(run);
    }

    /// For runs that were sent before; the last of several first.
    pub(super) fn push_front(&mut self, run: PoolRun) {
        self.line(run.operation.batch).push_front(run);
    }

    fn line(&mut self, batch: u64) -> &mut VecDeque<PoolRun> {
        self.length += 1;
        let line = self.lines.entry(batch).or_default();
        if line.is_empty() {
            self.turns.push_back(batch);
        }
        line
    }

    /// The first run of the next line that `which` picks by its batch and length.
    pub(super) fn take(&mut self, mut which: impl FnMut(u64, usize) -> bool) -> Option<PoolRun> {
        let picks = |batch: &u64| which(*batch, self.lines.get(batch).map_or(0, VecDeque::len));
        let turn = self.turns.iter().position(picks)?;
        let batch = self.turns.remove(turn)?;
        let line = self.lines.get_mut(&batch)?;
        let run = line.pop_front()?;
        self.length -= 1;
        match line.is_empty() {
            true => drop(self.lines.remove(&batch)),
            false => self.turns.push_back(batch),
        }
        Some(run)
    }

    /// Takes out those that `which` picks.
    pub(super) fn remove(&mut self, which: impl Fn(&RunOperation) -> bool) -> Vec<PoolRun> {
        let mut removed = Vec::new();
        for line in self.lines.values_mut() {
            let (out, kept): (VecDeque<_>, VecDeque<_>) = std::mem::take(line)
                .into_iter()
                .partition(|run| which(&run.operation));
            *line = kept;
            removed.extend(out);
        }
        self.lines.retain(|_, line| !line.is_empty());
        self.turns.retain(|batch| self.lines.contains_key(batch));
        self.length -= removed.len();
        removed
    }
}
