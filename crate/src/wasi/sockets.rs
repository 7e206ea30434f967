//! Sockets, which count as open files of a run.

use super::preview1::{P0, P1};
use super::resources::is_full;
use super::state::RunState;
use wasmtime::component;
use wasmtime::{Linker, Result, StoreContextMut};
use wasmtime_wasi::p2::bindings::sockets as p2;
use wasmtime_wasi::p3::bindings::sockets::types as p3;
use wasmtime_wasi::sockets::WasiSocketsView;

/// Takes the place of wasmtime-wasi's functions for the preview before WASI 0.1, which trap. The functions
/// of WASI 0.1 have the same types, and return the errno of a descriptor that is not a socket.
pub(super) fn add_to_linker(linker: &mut Linker<RunState>) -> Result<()> {
    for function in ["sock_recv", "sock_send", "sock_shutdown"] {
        linker.alias(P1, function, P0, function)?;
    }
    Ok(())
}

/// Takes the place of the functions with which components make sockets, which trap where there are too many.
pub(super) fn add_to_component_linker(linker: &mut component::Linker<RunState>) -> Result<()> {
    use p2::network::{ErrorCode, IpAddressFamily};
    linker
        .instance("wasi:sockets/tcp-create-socket@0.2.12")?
        .func_wrap(
            "create-tcp-socket",
            |mut store: StoreContextMut<'_, RunState>, (family,): (IpAddressFamily,)| {
                let mut sockets = store.data_mut().sockets();
                if is_full(sockets.table) {
                    return Ok((Err(ErrorCode::NewSocketLimit),));
                }
                let made = p2::tcp_create_socket::Host::create_tcp_socket(&mut sockets, family);
                Ok((match made {
                    Ok(socket) => Ok(socket),
                    Err(error) => Err(error.downcast()?),
                },))
            },
        )?;
    linker
        .instance("wasi:sockets/udp-create-socket@0.2.12")?
        .func_wrap_async(
            "create-udp-socket",
            |mut store: StoreContextMut<'_, RunState>, (family,): (IpAddressFamily,)| {
                Box::new(async move {
                    let mut sockets = store.data_mut().sockets();
                    if is_full(sockets.table) {
                        return Ok((Err(ErrorCode::NewSocketLimit),));
                    }
                    let made = p2::udp_create_socket::Host::create_udp_socket(&mut sockets, family);
                    Ok((match made.await {
                        Ok(socket) => Ok(socket),
                        Err(error) => Err(error.downcast()?),
                    },))
                })
            },
        )?;
    let mut types = linker.instance("wasi:sockets/types@0.3.0")?;
    types.func_wrap(
        "[static]tcp-socket.create",
        |mut store: StoreContextMut<'_, RunState>, (family,): (p3::IpAddressFamily,)| {
            let mut sockets = store.data_mut().sockets();
            if is_full(sockets.table) {
                return Ok((Err(p3::ErrorCode::OutOfMemory),));
            }
            Ok((match p3::HostTcpSocket::create(&mut sockets, family) {
                Ok(socket) => Ok(socket),
                Err(error) => Err(error.downcast()?),
            },))
        },
    )?;
    types.func_wrap_async(
        "[static]udp-socket.create",
        |mut store: StoreContextMut<'_, RunState>, (family,): (p3::IpAddressFamily,)| {
            Box::new(async move {
                let mut sockets = store.data_mut().sockets();
                if is_full(sockets.table) {
                    return Ok((Err(p3::ErrorCode::OutOfMemory),));
                }
                Ok((
                    match p3::HostUdpSocket::create(&mut sockets, family).await {
                        Ok(socket) => Ok(socket),
                        Err(error) => Err(error.downcast()?),
                    },
                ))
            })
        },
    )
}
