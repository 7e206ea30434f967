//! Shared by our functions of WASI 0.1 and of the preview before it.

use super::memory_files::Preview1;
use super::state::RunState;
use wasmtime::{AsContextMut, Caller, Extern, Memory};
use wasmtime_wasi::p1::wasi_snapshot_preview1::WasiSnapshotPreview1;
use wiggle::GuestMemory;

/// The names by which core modules import WASI 0.1 and the preview before it.
pub(crate) const P1: &str = "wasi_snapshot_preview1";
pub(crate) const P0: &str = "wasi_unstable";

/// The context and memory for the functions of WASI 0.1, as wasmtime-wasi's own linker passes them.
pub(super) fn slowly<'a>(
    caller: &'a mut Caller<'_, RunState>,
) -> wasmtime::Result<(Preview1<'a>, GuestMemory<'a>)> {
    let fuel = caller.as_context_mut().hostcall_fuel();
    let memory =
        memory(caller).ok_or_else(|| wasmtime::Error::msg("missing required memory export"))?;
    let (memory, state) = memory.data_and_store_mut(caller);
    let mut wasi = state.wasi().preview1();
    wasi.set_hostcall_fuel(fuel);
    Ok((wasi, GuestMemory::Unshared(memory)))
}

/// The exported memory. It is not shared: such programs are refused when they are loaded.
pub(super) fn memory(caller: &mut Caller<'_, RunState>) -> Option<Memory> {
    caller.get_export("memory").and_then(Extern::into_memory)
}
