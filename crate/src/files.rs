//! Trees of files in memory. One [`GivenTree`] is shared by any number of runs, and each run has its own
//! [`Tree`]: what it has changed, over what it was given.

mod budget;
mod change;
mod collect;
mod contents;
mod directory;
mod given;
mod node;
mod pattern;
mod resolve;
#[cfg(test)]
mod tests;
mod time;
mod tree;

pub use budget::FileLimits;
pub use collect::CollectedFiles;
pub use given::{GivenFile, GivenTree};
pub(crate) use node::{Kind, NodeId, ROOT, Stat};
pub use pattern::Patterns;
pub(crate) use time::{NewTime, NewTimes, Now};
pub(crate) use tree::{Open, Tree};

/// What goes wrong with a file, in the words of WASI.
pub(crate) use wasmtime_wasi::p2::bindings::filesystem::types::ErrorCode as Code;

/// The longest name, and the longest path that is looked up at a time.
const MAX_NAME: usize = 255;
const MAX_PATH: usize = 4095;
