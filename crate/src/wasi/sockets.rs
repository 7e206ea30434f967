//! Sockets: what each run may do with them.

mod address;
mod counted_streams;
mod lookup;
mod options;
mod p2;
mod p3_tcp;
mod p3_tcp_socket;
mod p3_tcp_streams;
mod p3_udp;

use super::state::RunState;
use wasmtime::component::{Resource, ResourceType};
use wasmtime::{Result, component};
use wasmtime_wasi::TrappableError;

/// Takes the place of the functions of wasmtime-wasi's WASI 0.2 that make sockets, hand out their bytes or look up names.
pub(super) fn add_to_p2_linker(linker: &mut component::Linker<RunState>) -> Result<()> {
    p2::add_to_linker(linker)?;
    lookup::add_to_p2_linker(linker)
}

/// The same for WASI 0.3.
pub(super) fn add_to_p3_linker(linker: &mut component::Linker<RunState>) -> Result<()> {
    p3_udp::add_to_linker(linker)?;
    p3_tcp::add_to_linker(linker)?;
    lookup::add_to_p3_linker(linker)
}

/// A resource whose values are dropped from the table, with the place that they have if they are sockets.
fn add_resource<T: 'static>(
    types: &mut component::LinkerInstance<'_, RunState>,
    name: &str,
) -> Result<()> {
    types.resource(name, ResourceType::host::<T>(), |mut store, number| {
        let (wasi, network) = store.data_mut().sockets_of_run();
        wasi.table.delete(Resource::<T>::new_own(number))?;
        network.release(number);
        Ok(())
    })
}

/// An error of WASI as a value; what is none is a trap.
fn settle<T, E: std::error::Error + Send + Sync + 'static>(
    result: std::result::Result<T, TrappableError<E>>,
) -> Result<std::result::Result<T, E>> {
    match result {
        Ok(value) => Ok(Ok(value)),
        Err(error) => Ok(Err(error.downcast()?)),
    }
}
