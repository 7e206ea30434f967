//! Runs as they are submitted, and who is told of their end.

use crate::caller_run::Seat;
use crate::error::Result;
use crate::options::RunOptions;
use crate::outcome::Outcome;
use crate::program::Program;
use crate::scheduler::Scheduler;
use crate::stop::Control;
use bytes::Bytes;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What runs of one program that were submitted together have in common.
pub trait Parcel: Send + Sync {
    /// Who submitted them and through which of its handles; see [`crate::Runtime::abort`].
    fn origin(&self) -> Origin;
    /// What to run.
    fn program(&self) -> &Arc<Program>;
    /// How.
    fn options(&self) -> &RunOptions;
    /// How this one of them runs, if not as all do; asked once, on a scheduler thread, when it starts.
    ///
    /// # Errors
    ///
    /// A host fault, which ends the run before it starts.
    fn own_options(&self, _id: u64, _payload: &Bytes) -> Result<Option<Box<RunOptions>>> {
        Ok(None)
    }
    /// Takes in how some of them ended; told exactly once of each.
    fn ended(&self, runs: &mut Vec<Ended>);
    /// Who has to be told afterwards that there is news; without anybody, `ended` is called at each end.
    fn listener(&self) -> Option<&Arc<dyn Listener>>;
    /// Whoever polls its one run, if the scheduler does not.
    #[doc(hidden)]
    fn seat(&self) -> Option<&Seat> {
        None
    }
    /// Takes back one that has not started; told instead of its end.
    fn give_back(&self, id: u64) {
        let result = Ok(Outcome::never_started());
        self.ended(&mut vec![Ended { id, result }]);
    }
}

/// Somebody who wants to know that runs have ended, but not each time: the scheduler calls it when a
/// thread has nothing more to start, and at least every half millisecond, or every two of a batch.
pub trait Listener: Send + Sync {
    /// Runs of this listener have ended.
    fn notify(&self);
}

/// Runs that were submitted together, in their order.
pub struct Submission {
    /// What they share.
    pub parcel: Arc<dyn Parcel>,
    /// The runs.
    pub runs: VecDeque<QueuedRun>,
}

/// One run, queued.
pub struct QueuedRun {
    /// The submitter's number for it.
    pub id: u64,
    /// What its parcel needs to know of it alone.
    pub payload: Bytes,
    /// Whoever may stop it alone has the same; without one it gets its own when it starts.
    pub control: Option<Arc<Control>>,
}

impl QueuedRun {
    /// The only one of its parcel, which knows all else of it.
    pub fn alone(control: Option<Arc<Control>>) -> Self {
        Self {
            id: 0,
            payload: Bytes::new(),
            control,
        }
    }
}

impl Submission {
    /// One run alone.
    pub fn single(parcel: Arc<dyn Parcel>, run: QueuedRun) -> Self {
        let runs = VecDeque::from([run]);
        Self { parcel, runs }
    }

    /// The end of runs that have not begun.
    pub(crate) fn end(self, result: impl Fn() -> Result<Outcome>, news: &mut News) {
        for QueuedRun { id, .. } in self.runs {
            let result = result();
            news.add(&self.parcel, Ended { id, result });
        }
    }
}

impl QueuedRun {
    pub(crate) fn is_stopped(&self) -> bool {
        let control = self.control.as_ref();
        control.is_some_and(|control| control.cause().is_some())
    }
}

/// Where runs of one parcel are taken up one after the other: what these share with nobody else,
/// because threads would fight over the count of anything that all share.
pub(crate) struct Desk {
    pub(crate) scheduler: Arc<Scheduler>,
    pub(crate) parcel: Arc<dyn Parcel>,
}

/// A run that has ended.
pub struct Ended {
    /// The submitter's number for it.
    pub id: u64,
    /// How.
    pub result: Result<Outcome>,
}

impl Ended {
    /// Bytes of captured output.
    pub(crate) fn output(&self) -> u64 {
        match &self.result {
            Ok(outcome) => (outcome.stdout.len() + outcome.stderr.len()) as u64,
            Err(_) => 0,
        }
    }
}

/// Where a run comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The submitter's number.
    pub owner: u64,
    /// The submitter's number for the program.
    pub handle: u64,
    /// The batch that it belongs to.
    pub batch: Option<BatchId>,
}

/// A batch of a scheduler: runs that share a cap on how many of them go on at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchId(pub(crate) usize);

/// While a thread has runs of a batch to start, it tells of those that ended this often: each time wakes
/// the submitter's thread.
const BATCH_NEWS: Duration = Duration::from_millis(2);

/// Runs that have ended on one thread and whose submitters do not know it yet. Most of the time all are
/// of one parcel.
#[derive(Default)]
pub(crate) struct News {
    /// When everybody knew everything, as far as is known here.
    told: Option<Instant>,
    parcel: Option<Arc<dyn Parcel>>,
    ended: Vec<Ended>,
    listener: Option<Arc<dyn Listener>>,
}

impl News {
    /// Nothing, at this time.
    pub(crate) fn at(now: Instant) -> Self {
        Self {
            told: Some(now),
            parcel: None,
            ended: Vec::new(),
            listener: None,
        }
    }

    pub(crate) fn add(&mut self, parcel: &Arc<dyn Parcel>, ended: Ended) {
        let same = |known: &Arc<dyn Parcel>| Arc::ptr_eq(known, parcel);
        if !self.parcel.as_ref().is_some_and(same) {
            self.deliver();
            self.parcel = Some(parcel.clone());
        }
        self.ended.push(ended);
        if parcel.listener().is_none() {
            self.deliver();
        }
    }

    /// Tells everybody; but those that have a batch only now and then, as long as nothing else `waits` for
    /// this thread, which then comes back soon.
    pub(crate) fn tell_if_due(&mut self, now: Instant, waits: bool) {
        let is_batch = |parcel: &Arc<dyn Parcel>| parcel.origin().batch.is_some();
        let recent = self.told.is_some_and(|told| now - told < BATCH_NEWS);
        if waits || !recent || !self.parcel.as_ref().is_some_and(is_batch) {
            self.tell();
            self.told = Some(now);
        }
    }

    /// Tells everybody.
    pub(crate) fn tell(&mut self) {
        self.deliver();
        if let Some(listener) = self.listener.take() {
            listener.notify();
        }
    }

    fn deliver(&mut self) {
        let Some(parcel) = self.parcel.take() else {
            return;
        };
        parcel.ended(&mut self.ended);
        self.ended.clear();
        self.of(&*parcel);
    }

    /// There is news for the listener of this parcel.
    pub(crate) fn of(&mut self, parcel: &dyn Parcel) {
        let Some(listener) = parcel.listener() else {
            return;
        };
        match &self.listener {
            Some(waiting) if Arc::ptr_eq(waiting, listener) => {}
            _ => {
                if let Some(other) = self.listener.replace(listener.clone()) {
                    other.notify();
                }
            }
        }
    }
}

impl Drop for News {
    fn drop(&mut self) {
        self.tell();
    }
}
