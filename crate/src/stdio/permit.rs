//! How much a guest may write at a time.

use crate::guest::HOSTCALL_FUEL;
use bytes::Bytes;
use wasmtime_wasi::p2::{StreamError, StreamResult};

/// As much as one host call can carry. There are guests that lose what is not written at once: CPython without a
/// buffer.
pub(super) const PERMIT: usize = HOSTCALL_FUEL;

/// Written piece by piece, however many a guest writes at a time.
static ZEROES: [u8; 64 * 1024] = [0; 64 * 1024];

/// # Errors
///
/// A guest that writes more than it may traps, as wasmtime-wasi has it.
pub(super) fn check(length: usize, permit: usize) -> StreamResult<()> {
    if length > permit {
        return Err(StreamError::trap(
            "more was written than `check-write` permits",
        ));
    }
    Ok(())
}

/// So many zeroes, in pieces.
pub(super) fn zeroes(count: usize) -> impl Iterator<Item = Bytes> {
    let pieces = (0..count).step_by(ZEROES.len());
    pieces.map(move |at| Bytes::from_static(&ZEROES[..ZEROES.len().min(count - at)]))
}
