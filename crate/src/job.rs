//! Runs as they are submitted, and who is told of their end.

use crate::error::Result;
use crate::options::RunOptions;
use crate::outcome::Outcome;
use crate::program::Program;
use crate::stop::Control;
use std::sync::Arc;

/// One run as its submitter knows it.
pub trait Job: Send {
    /// Who submitted it and through which of its handles; see [`crate::Runtime::abort`].
    fn origin(&self) -> Origin;
    /// What to run.
    fn program(&self) -> &Arc<Program>;
    /// How; asked once, on a scheduler thread, when the run starts.
    ///
    /// # Errors
    ///
    /// A host fault, which ends the run before it starts.
    fn options(&mut self) -> Result<Arc<RunOptions>>;
    /// Told exactly once how it ended. Answers who has to be told that there is news, if anybody.
    fn done(self: Box<Self>, result: Result<Outcome>) -> Option<Arc<dyn Listener>>;
    /// Told instead when whoever submitted it took it back before it started.
    fn give_back(self: Box<Self>) -> Option<Arc<dyn Listener>> {
        self.done(Ok(Outcome::never_started()))
    }
}

/// Somebody who wants to know that runs have ended, but not each time: the scheduler calls it when a
/// thread has nothing more to start, and at least every half millisecond.
pub trait Listener: Send + Sync {
    /// Runs of this listener have ended.
    fn notify(&self);
}

/// Where a job comes from.
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

/// A job and the means to stop it.
pub struct Submission {
    /// The run.
    pub job: Box<dyn Job>,
    /// Shared with whoever may stop it.
    pub control: Arc<Control>,
}

/// The listener that a runner has not told yet; most of the time all runs have the same.
#[derive(Default)]
pub(crate) struct News(Option<Arc<dyn Listener>>);

impl News {
    pub(crate) fn add(&mut self, listener: Option<Arc<dyn Listener>>) {
        let same = match (&self.0, &listener) {
            (Some(waiting), Some(new)) => Arc::ptr_eq(waiting, new),
            (None, _) => true,
            (Some(_), None) => return,
        };
        if !same {
            self.tell();
        }
        self.0 = listener;
    }

    pub(crate) fn tell(&mut self) {
        tell(self.0.take());
    }
}

impl Drop for News {
    fn drop(&mut self) {
        self.tell();
    }
}

pub(crate) fn tell(listener: Option<Arc<dyn Listener>>) {
    if let Some(listener) = listener {
        listener.notify();
    }
}
