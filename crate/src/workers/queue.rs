//! Runs that wait for a worker.

use super::ids::IdMap;
use super::run::PoolRun;
use crate::port::RunOperation;
use std::collections::VecDeque;

/// Runs in the order in which they came.
type Line = VecDeque<PoolRun>;

/// One line per batch, and one for runs outside of a batch. The lines take turns, so that a batch that cannot
/// go on does not delay other runs.
#[derive(Default)]
pub(super) struct PoolQueue {
    lines: IdMap<Line>,
    /// The lines that are not empty, in the order of their turns.
    turns: VecDeque<u64>,
    length: usize,
}

/// The head of a line whose turn it is.
#[derive(Clone, Copy)]
pub(super) struct Head<'a> {
    /// The batch of the line; 0 for the line of runs outside of a batch.
    pub(super) batch: u64,
    pub(super) length: usize,
    pub(super) first: &'a PoolRun,
}

impl PoolQueue {
    pub(super) fn len(&self) -> usize {
        self.length
    }

    pub(super) fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Puts a run in its place by its number, whether it is new or has come back.
    pub(super) fn add(&mut self, run: PoolRun) {
        let line = self.lines.entry(run.operation.batch).or_default();
        if line.is_empty() {
            self.turns.push_back(run.operation.batch);
        }
        match line.back() {
            Some(last) if last.number > run.number => {
                let at = line.partition_point(|other| other.number < run.number);
                line.insert(at, run);
            }
            _ => line.push_back(run),
        }
        self.length += 1;
    }

    /// Takes the first run of the next line that `which` picks.
    pub(super) fn take(&mut self, mut which: impl FnMut(Head<'_>) -> bool) -> Option<PoolRun> {
        let mut picks = |&batch: &u64| {
            let line = self.lines.get(&batch)?;
            let (length, first) = (line.len(), line.front()?);
            let turn = Head {
                batch,
                length,
                first,
            };
            which(turn).then_some(())
        };
        let at = self.turns.iter().position(|batch| picks(batch).is_some())?;
        let batch = self.turns.remove(at)?;
        let line = self.lines.get_mut(&batch)?;
        let run = line.pop_front()?;
        self.length -= 1;
        match line.is_empty() {
            true => drop(self.lines.remove(&batch)),
            false => self.turns.push_back(batch),
        }
        Some(run)
    }

    /// The run with this id, if it waits.
    pub(super) fn find(&mut self, id: u64) -> Option<&mut PoolRun> {
        let mut runs = self.lines.values_mut().flatten();
        runs.find(|run| run.operation.id == id)
    }

    /// Removes the runs that `which` picks.
    pub(super) fn remove(&mut self, which: impl Fn(&RunOperation) -> bool) -> Vec<PoolRun> {
        let mut removed = Vec::new();
        for line in self.lines.values_mut() {
            let (out, kept) = { line.drain(..) }.partition(|run| which(&run.operation));
            *line = kept;
            removed.extend::<Line>(out);
        }
        self.lines.retain(|_, line| !line.is_empty());
        self.turns.retain(|batch| self.lines.contains_key(batch));
        self.length -= removed.len();
        removed
    }
}
