//! How guests set the times of a directory that they have open.
//!
//! wasmtime-wasi has granted directories open as paths alone where the system has `O_PATH`. The times of such a
//! descriptor cannot be set, but those of the path `.` from there can.

use wasmtime::component::{Resource, ResourceTable};
use wasmtime_wasi::filesystem::Descriptor;

/// The path of a directory from itself.
pub(super) const ITSELF: &str = ".";

pub(super) fn is_directory(table: &ResourceTable, fd: &Resource<Descriptor>) -> bool {
    matches!(table.get(fd), Ok(Descriptor::Dir(_)))
}
