//! What runs have in common that were submitted together, and the clients that are notified of their end.

use super::queued_call::EndedCall;
use super::slot::SlotTaker;
use crate::error::Result;
use crate::guest::{Limits, Outcome, Returned};
use crate::options::RunOptions;
use crate::program::Program;
use bytes::Bytes;
use std::sync::Arc;

/// What runs of one program that were submitted together have in common.
pub struct RunGroup {
    /// Where they come from; see [`crate::Runtime::abort`].
    pub origin: Origin,
    /// What to run.
    pub program: Arc<Program>,
    /// The options of the runs that have none of their own.
    pub options: Arc<RunOptions>,
    /// The submitter.
    pub client: Arc<dyn Client>,
    /// What polls the only run of this group; otherwise the scheduler polls.
    pub(super) taker: Option<Arc<dyn SlotTaker>>,
}

impl RunGroup {
    /// A group whose runs the scheduler polls.
    pub fn new(
        origin: Origin,
        program: Arc<Program>,
        options: Arc<RunOptions>,
        client: Arc<dyn Client>,
    ) -> Self {
        Self {
            origin,
            program,
            options,
            client,
            taker: None,
        }
    }
}

/// A submitter of runs, which is notified of their end.
pub trait Client: Send + Sync {
    /// The options of one run, if it has its own; called once, on a scheduler thread, when the run starts.
    ///
    /// # Errors
    ///
    /// A host fault, which ends the run before it starts.
    fn decode_options(
        &self,
        _group: &RunGroup,
        _id: u64,
        _payload: &Bytes,
    ) -> Result<Option<Box<RunOptions>>> {
        Ok(None)
    }

    /// Takes in how some runs ended; each run is passed exactly once.
    fn ended(&self, runs: &mut Vec<Ended>);

    /// Whether ends may be collected: `ended` is then called now and then, and [`notify`](Self::notify) after
    /// it. Otherwise `ended` is called at each end.
    fn collects(&self) -> bool {
        false
    }

    /// Runs have ended. The scheduler calls this when a thread has nothing more to start, and at least every
    /// half millisecond, or every two for runs of a batch.
    fn notify(&self) {}

    /// Takes in that an instance has been made; [`notify`](Self::notify) follows. `exports` describes what can be called,
    /// as JSON.
    fn instantiated(&self, _id: u64, _returned: Returned, _exports: &str) {}

    /// Takes in how some calls ended, and leaves none of them; [`notify`](Self::notify) follows. Each call is passed
    /// exactly once.
    fn called(&self, _calls: &mut Vec<EndedCall>) {}

    /// The limits of a call that has some of its own; others are as in `limits`.
    ///
    /// # Errors
    ///
    /// A host fault, which is the result of the call.
    fn decode_limits(&self, limits: Limits, _payload: &Bytes) -> Result<Limits> {
        Ok(limits)
    }

    /// Takes back a run that has not started; called instead of `ended`.
    fn returned(&self, id: u64) {
        let result = Ok(Outcome::never_started());
        self.ended(&mut vec![Ended { id, result }]);
    }
}

/// A run that has ended.
pub struct Ended {
    /// The client's number for it.
    pub id: u64,
    /// How it ended.
    pub result: Result<Outcome>,
}

impl Ended {
    /// Bytes of captured output and of collected files.
    pub(crate) fn output(&self) -> u64 {
        match &self.result {
            Ok(outcome) => {
                let files = outcome
                    .files
                    .as_ref()
                    .map_or(0, |files| files.bytes().len());
                (outcome.stdout.len() + outcome.stderr.len() + files) as u64
            }
            Err(_) => 0,
        }
    }
}

/// Where a run comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// The program's handle at a client, which can be closed.
    pub owner: Option<Owner>,
    /// The batch that it belongs to.
    pub batch: Option<BatchId>,
}

/// Of several clients of a runtime, the one that submitted a run, and its number for the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owner {
    /// The number of the client.
    pub client: u64,
    /// The client's number for the program.
    pub program: u64,
}

/// A batch of a scheduler: runs that share a cap on how many of them go on at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchId(pub(crate) usize);
