//! Starts a worker, with a socket to it.

#[cfg(unix)]
mod unix;
#[cfg(not(unix))]
mod windows;

#[cfg(unix)]
pub(super) use unix::{Stream, from_descriptor, start, when_hung_up};
#[cfg(not(unix))]
pub(super) use windows::{Stream, from_descriptor, start, when_hung_up};
