//! How much a guest may write at a time to a stream that needs no backpressure.

use crate::guest::HOSTCALL_FUEL;
use wasmtime_wasi::p2::{StreamError, StreamResult};

/// As much as one host call can carry. There are guests that lose what is not written at once: CPython without a
/// buffer.
pub(super) const PERMIT: usize = HOSTCALL_FUEL;

/// # Errors
///
/// A guest that writes more zeroes than permitted traps, as wasmtime-wasi has it.
pub(super) fn check_zeroes(count: usize) -> StreamResult<()> {
    if count > PERMIT {
        return Err(StreamError::trap(
            "more zeroes than `check-write` permits were written",
        ));
    }
    Ok(())
}
