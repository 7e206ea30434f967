//! Which run has which thread and for how long, and what happens to a run from its submission to its end.

mod batch;
mod caller_run;
mod completions;
mod context;
mod instance;
mod lane;
mod pace;
mod queue;
mod ready;
mod run;
mod scheduler;
mod seat;
mod slot;
mod state;
mod submission;
mod supervised;
mod task;
mod ticker;
mod uninterruptible;

pub(crate) use batch::MAX_UNREAD;
pub use caller_run::CallerRun;
pub use scheduler::Counts;
pub(crate) use scheduler::Scheduler;
pub use submission::{BatchId, Client, Ended, Origin, Owner, QueuedRun, RunGroup, Submission};
pub(crate) use ticker::Ticker;
