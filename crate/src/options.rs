//! How a program is loaded, and what a caller grants to one run. Nothing is granted by default.

use crate::cache::Cache;
use crate::limits::Limits;
use crate::stdio::{Input, Output};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// How a program is loaded.
#[derive(Clone, Debug)]
pub struct LoadOptions {
    /// argv\[0\] of the program's runs.
    pub name: String,
    /// Also compile with fuel counting now, instead of at the first run with a fuel limit.
    pub fuel: bool,
    /// Whether the guest can be stopped while it computes. Without it the guest is faster, and its
    /// runs cannot have limits on their time; runs with a fuel limit can be stopped all the same.
    pub interruptible: bool,
    /// Whether a precompiled program is accepted: machine code, which whoever made the file must be trusted
    /// with. It is as interruptible as it was compiled; `interruptible: false` is then refused if that
    /// was otherwise.
    pub trust_precompiled: bool,
    /// Instead of the runtime's cache.
    pub cache: Option<Cache>,
}

impl LoadOptions {
    /// The defaults for a program of this name.
    pub fn named(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            fuel: false,
            interruptible: true,
            trust_precompiled: false,
            cache: None,
        }
    }
}

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
    /// What the clocks say.
    pub clock: Clock,
    /// Seed for deterministic random numbers; the operating system's otherwise.
    pub random_seed: Option<u64>,
    /// What happens when it prints to a pipe that nobody reads any more.
    pub on_broken_pipe: OnBrokenPipe,
    /// The caps.
    pub limits: Limits,
}

/// What a write to a pipe without a reader does; captured output has none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnBrokenPipe {
    /// It fails, and the guest decides.
    #[default]
    Fail,
    /// The run ends, as a process does.
    Stop,
}

/// A host directory granted at a guest path.
#[derive(Clone, Debug)]
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
    /// The wall clock stands still at this time since the Unix epoch; the monotonic clock counts from 0.
    Fixed(Duration),
}
