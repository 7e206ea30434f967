//! How much a run may hold open, and when a process has no descriptors left.

use std::io;
use wasmtime::component::ResourceTable;

/// The errnos of WASI 0.1 for too many open files: of the process, and of the system.
pub(super) const MFILE: i32 = 33;
pub(super) const NFILE: i32 = 41;

/// Open files, sockets and the like that one run may hold at a time: below the usual limit of a process's
/// descriptors, so that a guest that never closes a file hurts only itself.
const MAX_FILES: usize = 512;
/// The same with streams of files.
const MAX_STREAMS: usize = MAX_FILES + 256;
/// The same with what a guest waits for and whatever else cannot be refused with an error code. What can be
/// is refused before and leaves these, so that a guest with too many files can still do all else.
pub(super) const MAX_RESOURCES: usize = MAX_STREAMS + 256;

/// Whether there is no room for another file.
pub(super) fn is_full(table: &mut ResourceTable) -> bool {
    table.iter_mut().count() >= MAX_FILES
}

pub(super) fn has_no_stream_left(table: &mut ResourceTable) -> bool {
    table.iter_mut().count() >= MAX_STREAMS
}

/// The errno where a process or the system has no descriptors left.
#[cfg(unix)]
pub(super) fn exhausted(error: &io::Error) -> Option<i32> {
    match rustix::io::Errno::from_io_error(error)? {
        rustix::io::Errno::MFILE => Some(MFILE),
        rustix::io::Errno::NFILE => Some(NFILE),
        _ => None,
    }
}

/// The same, found by asking for a descriptor: wasmtime-wasi has no number for either and returns that of a
/// failed device.
#[cfg(unix)]
pub(super) fn out_of_descriptors() -> Option<i32> {
    exhausted(&std::os::unix::net::UnixDatagram::unbound().err()?)
}

#[cfg(not(unix))]
pub(super) fn exhausted(_: &io::Error) -> Option<i32> {
    None
}

#[cfg(not(unix))]
pub(super) fn out_of_descriptors() -> Option<i32> {
    None
}
