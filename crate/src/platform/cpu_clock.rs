//! The CPU clock of a thread.

#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

#[cfg(unix)]
pub(crate) use unix::thread_nanos;
#[cfg(windows)]
pub(crate) use windows::thread_nanos;
