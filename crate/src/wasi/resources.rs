//! How many files and other resources a run may hold open, and whether the process has descriptors left.

use std::io;
use wasmtime::component::ResourceTable;

/// The errno of WASI 0.1 for too many open files of the process.
pub(super) const MFILE: i32 = 33;
/// The same for those of the system.
#[cfg(unix)]
const NFILE: i32 = 41;

/// Open files, sockets and the like that one run may hold at a time. This is below the usual limit on a
/// process's descriptors, so that a guest that never closes a file hurts only itself.
pub(super) const MAX_FILES: usize = 512;
/// The same, including streams of files.
const MAX_STREAMS: usize = MAX_FILES + 256;
/// All resources, including pollables and others that cannot be refused with an error code. The last 256 are
/// kept for those, so that a guest with too many files can still do everything else.
pub(super) const MAX_RESOURCES: usize = MAX_STREAMS + 256;

/// Whether the run must not open another file.
pub(super) fn is_full(table: &mut ResourceTable) -> bool {
    table.iter_mut().count() >= MAX_FILES
}

pub(super) fn has_no_stream_left(table: &mut ResourceTable) -> bool {
    table.iter_mut().count() >= MAX_STREAMS
}

/// The errno for `error`, if it says that the process or the system has no descriptors left.
#[cfg(unix)]
pub(super) fn exhausted(error: &io::Error) -> Option<i32> {
    match rustix::io::Errno::from_io_error(error)? {
        rustix::io::Errno::MFILE => Some(MFILE),
        rustix::io::Errno::NFILE => Some(NFILE),
        _ => None,
    }
}

/// The same, found by asking for a descriptor: for both cases wasmtime-wasi returns the errno of a failed
/// device.
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
