//! The Node binding: the only files that name `napi`. They convert, nothing else.

mod options;
mod port;
// Functions that only Node calls are dead code to a test.
#[cfg(not(test))]
mod worker;
