//! What a run needs that goes on where another one stopped.

use crate::options::Preopen;
use std::sync::Arc;

/// The host's part of the state in which a guest was when its snapshot was taken.
#[derive(Clone, Debug, Default)]
pub(crate) struct Resumption {
    /// argv\[0\], the rest of argv and the environment, which the guest may read once more.
    pub(crate) name: String,
    pub(crate) args: Arc<[String]>,
    pub(crate) env: Arc<[(String, String)]>,
    /// Directories that are granted to runs which grant none themselves.
    pub(crate) preopens: Arc<[Preopen]>,
    /// The monotonic clock of the guest, which must not go back.
    pub(crate) monotonic: u64,
    /// The state of the seeded random numbers, if they were seeded.
    pub(crate) random: Option<u64>,
    /// The number of descriptors that the guest had open at a time beyond those that it was given.
    pub(crate) descriptors: usize,
}
