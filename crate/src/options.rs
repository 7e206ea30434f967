//! What a caller grants to one run. Nothing is granted by default.

use crate::error::{Error, ErrorCode, Result};
use crate::files::{GivenTree, Patterns};
use crate::guest::Limits;
use crate::host_functions::HostCalls;
use crate::http::{Exchange, Origins};
use crate::network::Network;
use crate::stdio::{Input, OnBrokenPipe, Output};
use bytes::Bytes;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// The options of one run. Lists are shared, so that the runs of a batch can have them in common.
#[derive(Clone, Default)]
pub struct RunOptions {
    /// argv from index 1 on; argv\[0\] is the program's name.
    pub args: Arc<[String]>,
    /// The whole environment.
    pub env: Arc<[(String, String)]>,
    /// Where stdin comes from.
    pub stdin: Input,
    /// Where stdout goes.
    pub stdout: Output,
    /// Where stderr goes.
    pub stderr: Output,
    /// Granted directories.
    pub preopens: Arc<[Preopen]>,
    /// Files in memory, which the guest may also change. Its changes are its own.
    pub files: Option<Arc<GivenTree>>,
    /// The guest path of these files; `/` otherwise.
    pub files_at: Option<Arc<str>>,
    /// Which of its files are in the outcome.
    pub collect: Option<Arc<Patterns>>,
    /// What it may use of the network: nothing by default. Only for components: WASI 0.1 cannot make sockets.
    pub network: Option<Arc<Network>>,
    /// The origins to which it may send requests: none by default. Only for components.
    pub http: Option<Arc<Origins>>,
    /// The request that it serves, if it is not run as a command. Only for one run.
    pub exchange: Option<Arc<Exchange>>,
    /// What a component is told by `wasi:config`.
    pub config: Arc<[(String, String)]>,
    /// The buckets of `wasi:keyvalue` that a component may use; none by default. Its changes are its own.
    pub key_values: Option<Arc<KeyValues>>,
    /// What the clocks say.
    pub clock: Clock,
    /// Seed for deterministic random numbers; the operating system's otherwise.
    pub random_seed: Option<u64>,
    /// What happens when it prints to a pipe whose reader is gone.
    pub on_broken_pipe: OnBrokenPipe,
    /// The caps.
    pub limits: Limits,
    /// The calls of imports that the submitter provides. Only for one run.
    pub host_calls: Option<Arc<HostCalls>>,
}

/// The names of buckets, with their keys and values.
pub type KeyValues = [(String, Arc<[(String, Bytes)]>)];

/// A host directory granted at a guest path.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Preopen {
    /// The name under which the guest sees it.
    pub guest_path: String,
    /// The directory on the host.
    pub host_path: PathBuf,
    /// Whether the guest may write.
    pub write: bool,
}

/// What the guest's clocks say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Clock {
    /// The host's clocks.
    #[default]
    Real,
    /// The wall clock stands still at this time since the Unix epoch, which is less than 2^64 nanoseconds: guests have
    /// no other times. The monotonic clock starts at 0 and goes on by a microsecond with each reading, and by as much as
    /// the guest sleeps.
    Fixed(Duration),
}

impl Clock {
    /// # Errors
    ///
    /// [`ErrorCode::InvalidOption`] for a time that guests cannot be told.
    pub(crate) fn check(self) -> Result<()> {
        match self {
            Self::Fixed(now) if u64::try_from(now.as_nanos()).is_err() => Err(Error::new(
                ErrorCode::InvalidOption,
                format!(
                    "`clock.now` must be less than 2^64 nanoseconds after 1970 (July 2554), got {} seconds",
                    now.as_secs()
                ),
            )),
            Self::Real | Self::Fixed(_) => Ok(()),
        }
    }
}
