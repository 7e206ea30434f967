//! The Node binding: the only files that name `napi`. They convert, nothing else.

// Functions that only Node calls are dead code to a test.
#[cfg(not(test))]
mod authorities;
mod caller;
mod lent;
// Functions that only Node calls are dead code to a test.
#[cfg(not(test))]
mod memory;
mod options;
mod port;
// Functions that only Node calls are dead code to a test.
#[cfg(not(test))]
mod worker;
