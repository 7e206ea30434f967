//! UDP sockets of WASI 0.3: wasmtime-wasi's, with a cap on their number, and counted.

use super::super::network::Shared;
use super::{RunState, add_resource, settle};
use std::sync::Arc;
use wasmtime::component::{Accessor, Linker, Resource};
use wasmtime::{Result, StoreContextMut};
use wasmtime_wasi::p3::bindings::sockets::types::{
    ErrorCode, HostUdpSocket, HostUdpSocketWithStore, IpAddressFamily, IpSocketAddress,
};
use wasmtime_wasi::sockets::{UdpSocket, WasiSockets, WasiSocketsView};

pub(super) fn add_to_linker(linker: &mut Linker<RunState>) -> Result<()> {
    let mut types = linker.instance("wasi:sockets/types@0.3.0")?;
    add_resource::<UdpSocket>(&mut types, "udp-socket")?;
    types.func_wrap_async(
        "[static]udp-socket.create",
        |mut store: StoreContextMut<'_, RunState>, (family,): (IpAddressFamily,)| {
            Box::new(async move {
                let (mut wasi, network) = store.data_mut().sockets_of_run();
                let Some(place) = network.room(wasi.table) else {
                    return Ok((Err(ErrorCode::OutOfMemory),));
                };
                let made = settle(HostUdpSocket::create(&mut wasi, family).await)?;
                if let Ok(socket) = &made {
                    network.hold(socket.rep(), place);
                }
                Ok((made,))
            })
        },
    )?;
    types.func_wrap_concurrent(
        "[method]udp-socket.send",
        |accessor: &Accessor<RunState>,
         (socket, data, to): (Resource<UdpSocket>, Vec<u8>, Option<IpSocketAddress>)| {
            Box::pin(async move {
                let length = data.len();
                let shared = shared_of(accessor);
                let sending = shared.traffic.send(length)?;
                let sockets = &accessor.with_getter::<WasiSockets>(RunState::sockets);
                let sent = WasiSockets::send(sockets, socket, data, to).await;
                let sent = settle(sent)?;
                if sent.is_ok() {
                    sending.sent(length);
                }
                Ok((sent,))
            })
        },
    )?;
    types.func_wrap_concurrent(
        "[method]udp-socket.receive",
        |accessor: &Accessor<RunState>, (socket,): (Resource<UdpSocket>,)| {
            Box::pin(async move {
                let sockets = &accessor.with_getter::<WasiSockets>(RunState::sockets);
                let received =
                    <WasiSockets as HostUdpSocketWithStore<RunState>>::receive(sockets, socket);
                let received = settle(received.await)?;
                if let Ok((data, _)) = &received {
                    shared_of(accessor).traffic.receive(data.len())?;
                }
                Ok((received,))
            })
        },
    )
}

fn shared_of(accessor: &Accessor<RunState>) -> Arc<Shared> {
    accessor.with(|mut store| store.get().sockets_of_run().1.shared().clone())
}
