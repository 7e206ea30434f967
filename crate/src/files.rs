//! Trees of files in memory. One [`GivenTree`] is shared by any number of runs, and each run has its own
//! [`Tree`]: what it has changed, over what it was given.

mod automaton;
mod budget;
mod change;
mod code;
mod collect;
mod contents;
mod directory;
mod given;
mod id;
mod name;
mod node;
mod open;
mod pattern;
mod resolve;
#[cfg(test)]
mod tests;
mod time;
mod tree;

pub use budget::FileLimits;
pub(crate) use code::Code;
pub use collect::CollectedFiles;
pub(crate) use collect::Collecting;
pub use given::{GivenFile, GivenTree};
pub(crate) use id::{Kind, NodeId, ROOT};
pub(crate) use node::Stat;
pub(crate) use open::Open;
pub use pattern::Patterns;
pub(crate) use time::{NewTime, NewTimes, Now};
pub(crate) use tree::Tree;
