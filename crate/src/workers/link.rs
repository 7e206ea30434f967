//! Starting a worker, and the socket to it.

#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

#[cfg(unix)]
pub(super) use unix::{Stream, from_number, start, when_hung_up};
#[cfg(windows)]
pub(super) use windows::{Stream, from_number, start, when_hung_up};
