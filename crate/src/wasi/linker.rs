//! What guests can import.

use super::clocks::Clocks;
use super::memory_files::ComponentFiles;
use super::preview1::{P0, P1};
use super::state::RunState;
use super::{directories, errnos, poll_unstable, quick, sockets, stores};
use crate::guest::Exit;
use std::sync::Arc;
use wasmtime::{Engine, Store, WasmBacktrace, component};
use wasmtime_wasi::p2::bindings::clocks::monotonic_clock as p2_clock;
use wasmtime_wasi::p2::bindings::filesystem as p2_files;
use wasmtime_wasi::p3::bindings::clocks::monotonic_clock as p3_clock;
use wasmtime_wasi::p3::bindings::filesystem as p3_files;
use wasmtime_wasi::{p0, p1, p2, p3};

/// The imports of core modules: wasmtime-wasi's p1 and p0, with our own `proc_exit` and errnos instead of traps.
///
/// wasmtime-wasi's `proc_exit` returns a plain error from code 126 up (RATIONALE.md).
pub(crate) fn module_linker(engine: &Engine) -> wasmtime::Result<wasmtime::Linker<RunState>> {
    let mut linker = wasmtime::Linker::new(engine);
    p1::add_to_linker_async(&mut linker, RunState::p1)?;
    p0::add_to_linker_async(&mut linker, RunState::p1)?;
    linker.allow_shadowing(true);
    // An error that has a backtrace gets no other one, and nobody looks at that of an exit. In a store without frames it
    // is empty.
    let frameless = Arc::new(Store::new(engine, ()));
    for module in [P1, P0] {
        let frameless = frameless.clone();
        linker.func_wrap(
            module,
            "proc_exit",
            move |code: i32| -> wasmtime::Result<()> {
                let exit = wasmtime::Error::from(Exit(code as u32));
                Err(exit.context(WasmBacktrace::capture(&*frameless)))
            },
        )?;
    }
    errnos::add_to_linker(&mut linker)?;
    poll_unstable::add_to_linker(&mut linker)?;
    directories::add_to_linker(&mut linker)?;
    quick::add_to_linker(&mut linker)?;
    sockets::add_to_linker(&mut linker)?;
    linker.allow_shadowing(false);
    Ok(linker)
}

/// The imports of components: WASI 0.2, and, with tasks, 0.3 as far as wasmtime-wasi's experimental p3 goes.
pub(crate) fn component_linker(
    engine: &Engine,
    has_tasks: bool,
) -> wasmtime::Result<component::Linker<RunState>> {
    let mut linker = component::Linker::new(engine);
    p2::add_to_linker_async(&mut linker)?;
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(&mut linker)?;
    linker.allow_shadowing(true);
    p2_files::types::add_to_linker::<_, ComponentFiles>(&mut linker, RunState::guest_files)?;
    p2_files::preopens::add_to_linker::<_, ComponentFiles>(&mut linker, RunState::guest_files)?;
    p2_clock::add_to_linker::<_, Clocks>(&mut linker, RunState::clock)?;
    directories::add_to_p2_linker(&mut linker)?;
    sockets::add_to_p2_linker(&mut linker)?;
    stores::add_to_linker(&mut linker)?;
    if has_tasks {
        p3::add_to_linker(&mut linker)?;
        wasmtime_wasi_http::p3::add_to_linker(&mut linker)?;
        p3_clock::add_to_linker::<_, Clocks>(&mut linker, RunState::clock)?;
        p3_files::types::add_to_linker::<_, ComponentFiles>(&mut linker, RunState::guest_files)?;
        p3_files::preopens::add_to_linker::<_, ComponentFiles>(&mut linker, RunState::guest_files)?;
        directories::add_to_p3_linker(&mut linker)?;
        sockets::add_to_p3_linker(&mut linker)?;
    }
    linker.allow_shadowing(false);
    Ok(linker)
}
