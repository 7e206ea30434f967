//! Runs that wait, in the order in which they came.

use super::run_group::{Origin, RunGroup};
use super::submission::{QueuedRun, Submission};
use std::collections::VecDeque;
use std::sync::Arc;

/// Whole submissions, so that to queue a thousand runs takes the lock no longer than to queue one.
#[derive(Default)]
pub(crate) struct RunQueue {
    submissions: VecDeque<Submission>,
    runs: usize,
}

impl RunQueue {
    /// How many runs wait.
    pub(crate) fn len(&self) -> usize {
        self.runs
    }

    pub(crate) fn push(&mut self, submission: Submission) {
        if !submission.runs.is_empty() {
            self.runs += submission.runs.len();
            self.submissions.push_back(submission);
        }
    }

    /// The first run; its group only if that is not `known`.
    pub(crate) fn pop(&mut self, known: Option<&Arc<RunGroup>>) -> Option<Taken> {
        let first = self.submissions.front_mut()?;
        let run = first.runs.pop_front()?;
        self.runs -= 1;
        let is_known = known.is_some_and(|known| Arc::ptr_eq(known, &first.group));
        let taken = Taken {
            run,
            origin: first.group.origin,
            group: (!is_known).then(|| first.group.clone()),
        };
        if first.runs.is_empty() {
            self.submissions.pop_front();
        }
        Some(taken)
    }

    /// Takes out those that `which` picks.
    pub(crate) fn take(&mut self, which: &impl Fn(Origin, &QueuedRun) -> bool) -> Vec<Submission> {
        let mut taken = Vec::new();
        self.submissions.retain_mut(|submission| {
            let origin = submission.group.origin;
            if submission.runs.iter().any(|run| which(origin, run)) {
                let runs = std::mem::take(&mut submission.runs);
                let (out, kept) = runs.into_iter().partition(|run| which(origin, run));
                submission.runs = kept;
                self.runs -= VecDeque::len(&out);
                taken.push(Submission {
                    group: submission.group.clone(),
                    runs: out,
                });
            }
            !submission.runs.is_empty()
        });
        taken
    }
}

/// A run that no longer waits.
pub(crate) struct Taken {
    pub(crate) run: QueuedRun,
    pub(crate) origin: Origin,
    /// Unless it is the one that was known.
    pub(crate) group: Option<Arc<RunGroup>>,
}
