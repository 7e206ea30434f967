//! Sockets of WASI 0.2: wasmtime-wasi's, with a cap on their number, and counted.

use super::RunState;
use super::counted_streams::{count_input, count_output};
use super::{add_resource, settle};
use wasmtime::component::{Linker, Resource};
use wasmtime::{Result, StoreContextMut};
use wasmtime_wasi::p2::bindings::sockets::network::{ErrorCode, IpAddressFamily};
use wasmtime_wasi::p2::bindings::sockets::tcp::{HostTcpSocket, InputStream, OutputStream};
use wasmtime_wasi::p2::bindings::sockets::udp::{
    HostIncomingDatagramStream, HostOutgoingDatagramStream, IncomingDatagram,
    IncomingDatagramStream, OutgoingDatagram, OutgoingDatagramStream,
};
use wasmtime_wasi::p2::bindings::sockets::{tcp_create_socket, udp_create_socket};
use wasmtime_wasi::p2::{TcpSocket, UdpSocket};

pub(super) fn add_to_linker(linker: &mut Linker<RunState>) -> Result<()> {
    add_creation(linker)?;
    add_tcp(linker)?;
    add_udp(linker)
}

fn add_creation(linker: &mut Linker<RunState>) -> Result<()> {
    linker
        .instance("wasi:sockets/tcp-create-socket@0.2.12")?
        .func_wrap(
            "create-tcp-socket",
            |mut store: StoreContextMut<'_, RunState>, (family,): (IpAddressFamily,)| {
                let (mut wasi, network) = store.data_mut().sockets_of_run();
                let Some(place) = network.room(wasi.table) else {
                    return Ok((Err(ErrorCode::NewSocketLimit),));
                };
                let made = tcp_create_socket::Host::create_tcp_socket(&mut wasi, family);
                let made = settle(made)?;
                if let Ok(socket) = &made {
                    network.hold(socket.rep(), place);
                }
                Ok((made,))
            },
        )?;
    linker
        .instance("wasi:sockets/udp-create-socket@0.2.12")?
        .func_wrap_async(
            "create-udp-socket",
            |mut store: StoreContextMut<'_, RunState>, (family,): (IpAddressFamily,)| {
                Box::new(async move {
                    let (mut wasi, network) = store.data_mut().sockets_of_run();
                    let Some(place) = network.room(wasi.table) else {
                        return Ok((Err(ErrorCode::NewSocketLimit),));
                    };
                    let made = udp_create_socket::Host::create_udp_socket(&mut wasi, family);
                    let made = settle(made.await)?;
                    if let Ok(socket) = &made {
                        network.hold(socket.rep(), place);
                    }
                    Ok((made,))
                })
            },
        )
}

type Streams = (Resource<InputStream>, Resource<OutputStream>);
type Accepted = (
    Resource<TcpSocket>,
    Resource<InputStream>,
    Resource<OutputStream>,
);

fn add_tcp(linker: &mut Linker<RunState>) -> Result<()> {
    let mut tcp = linker.instance("wasi:sockets/tcp@0.2.12")?;
    add_resource::<TcpSocket>(&mut tcp, "tcp-socket")?;
    tcp.func_wrap(
        "[method]tcp-socket.finish-connect",
        |mut store: StoreContextMut<'_, RunState>, (socket,): (Resource<TcpSocket>,)| {
            let (mut wasi, network) = store.data_mut().sockets_of_run();
            let connected: std::result::Result<Streams, _> = settle(wasi.finish_connect(socket))?;
            if let Ok((input, output)) = &connected {
                count_input(wasi.table.get_mut(input)?, network.shared());
                count_output(wasi.table.get_mut(output)?, network.shared());
            }
            Ok((connected,))
        },
    )?;
    tcp.func_wrap(
        "[method]tcp-socket.accept",
        |mut store: StoreContextMut<'_, RunState>, (socket,): (Resource<TcpSocket>,)| {
            let (mut wasi, network) = store.data_mut().sockets_of_run();
            let Some(place) = network.room(wasi.table) else {
                return Ok((Err(ErrorCode::NewSocketLimit),));
            };
            let accepted: std::result::Result<Accepted, _> = settle(wasi.accept(socket))?;
            if let Ok((socket, input, output)) = &accepted {
                network.hold(socket.rep(), place);
                count_input(wasi.table.get_mut(input)?, network.shared());
                count_output(wasi.table.get_mut(output)?, network.shared());
            }
            Ok((accepted,))
        },
    )
}

fn add_udp(linker: &mut Linker<RunState>) -> Result<()> {
    let mut udp = linker.instance("wasi:sockets/udp@0.2.12")?;
    add_resource::<UdpSocket>(&mut udp, "udp-socket")?;
    udp.func_wrap(
        "[method]incoming-datagram-stream.receive",
        |mut store: StoreContextMut<'_, RunState>,
         (stream, most): (Resource<IncomingDatagramStream>, u64)| {
            let (mut wasi, network) = store.data_mut().sockets_of_run();
            let received: std::result::Result<Vec<IncomingDatagram>, _> =
                settle(HostIncomingDatagramStream::receive(&mut wasi, stream, most))?;
            for datagram in received.iter().flatten() {
                network.shared().traffic.receive(datagram.data.len())?;
            }
            Ok((received,))
        },
    )?;
    udp.func_wrap(
        "[method]outgoing-datagram-stream.send",
        |mut store: StoreContextMut<'_, RunState>,
         (stream, datagrams): (Resource<OutgoingDatagramStream>, Vec<OutgoingDatagram>)| {
            let (mut wasi, network) = store.data_mut().sockets_of_run();
            let lengths: Vec<_> = datagrams
                .iter()
                .map(|datagram| datagram.data.len())
                .collect();
            let sending = network.shared().traffic.send(lengths.iter().sum())?;
            let sent = settle(HostOutgoingDatagramStream::send(
                &mut wasi, stream, datagrams,
            ))?;
            // The first of them were.
            let first = lengths.iter().take(sent.unwrap_or(0) as usize);
            sending.sent(first.sum());
            Ok((sent,))
        },
    )
}
