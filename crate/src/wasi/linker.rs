//! What guests can import.

use super::preview1::{P0, P1};
use super::state::RunState;
use super::{directories, errnos, files, quick, sockets};
use crate::guest::Exit;
use wasmtime::{Engine, component};
use wasmtime_wasi::{p0, p1, p2, p3};

/// The imports of core modules: wasmtime-wasi's p1 and p0, with our own `proc_exit` and errnos instead of traps.
///
/// wasmtime-wasi's `proc_exit` returns a plain error from code 126 up (RATIONALE.md).
pub(crate) fn module_linker(engine: &Engine) -> wasmtime::Result<wasmtime::Linker<RunState>> {
    let mut linker = wasmtime::Linker::new(engine);
    p1::add_to_linker_async(&mut linker, RunState::p1)?;
    p0::add_to_linker_async(&mut linker, RunState::p1)?;
    linker.allow_shadowing(true);
    for module in [P1, P0] {
        linker.func_wrap(module, "proc_exit", |code: i32| -> wasmtime::Result<()> {
            Err(Exit(code as u32).into())
        })?;
    }
    errnos::add_to_linker(&mut linker)?;
    directories::add_to_linker(&mut linker)?;
    quick::add_to_linker(&mut linker)?;
    sockets::add_to_linker(&mut linker)?;
    linker.allow_shadowing(false);
    Ok(linker)
}

/// The imports of components: WASI 0.2, and 0.3 as far as wasmtime-wasi's experimental p3 goes.
pub(crate) fn component_linker(engine: &Engine) -> wasmtime::Result<component::Linker<RunState>> {
    let mut linker = component::Linker::new(engine);
    p2::add_to_linker_async(&mut linker)?;
    p3::add_to_linker(&mut linker)?;
    linker.allow_shadowing(true);
    files::add_to_linker(&mut linker)?;
    directories::add_to_component_linker(&mut linker)?;
    sockets::add_to_component_linker(&mut linker)?;
    linker.allow_shadowing(false);
    Ok(linker)
}
