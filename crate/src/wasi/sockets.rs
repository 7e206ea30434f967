//! `sock_*` of the preview before WASI 0.1.

use super::{P0, P1};
use crate::run::RunState;
use wasmtime::Linker;

/// Takes the place of wasmtime-wasi's, which trap: those of WASI 0.1 have the same types, and return
/// the errno of a descriptor that is not a socket.
pub(super) fn add_to_linker(linker: &mut Linker<RunState>) -> wasmtime::Result<()> {
    for function in ["sock_recv", "sock_send", "sock_shutdown"] {
        linker.alias(P1, function, P0, function)?;
    }
    Ok(())
}
