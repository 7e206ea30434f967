//! Runs that wait, in the order in which they came.

use crate::job::{Origin, Parcel, QueuedRun, Submission};
use std::collections::VecDeque;
use std::sync::Arc;

/// Whole submissions, so that to queue a thousand runs takes the lock no longer than to queue one.
#[derive(Default)]
pub(crate) struct Queue {
    submissions: VecDeque<Submission>,
    runs: usize,
}

impl Queue {
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

    /// The first run; its parcel only if that is not `known`.
    pub(crate) fn pop(&mut self, known: Option<&Arc<dyn Parcel>>) -> Option<Taken> {
        let first = self.submissions.front_mut()?;
        let run = first.runs.pop_front()?;
        self.runs -= 1;
        let is_known = known.is_some_and(|known| Arc::ptr_eq(known, &first.parcel));
        let taken = Taken {
            run,
            origin: first.parcel.origin(),
            parcel: (!is_known).then(|| first.parcel.clone()),
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
            let origin = submission.parcel.origin();
            if submission.runs.iter().any(|run| which(origin, run)) {
                let runs = std::mem::take(&mut submission.runs);
                let (out, kept) = runs.into_iter().partition(|run| which(origin, run));
                submission.runs = kept;
                self.runs -= VecDeque::len(&out);
                taken.push(Submission {
                    parcel: submission.parcel.clone(),
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
    pub(crate) parcel: Option<Arc<dyn Parcel>>,
}
