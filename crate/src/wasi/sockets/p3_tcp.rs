//! TCP sockets of WASI 0.3. wasmtime-wasi's do not say what their streams carry, and a stream keeps a connection open
//! after its socket is dropped, so that neither bytes nor open sockets could be counted from outside.

use super::super::byte_streams::{Consumer, Producer};
use super::p3_tcp_socket::{Answer, Direction, TcpSocket};
use super::p3_tcp_streams::{Accepting, Receiving, Sending};
use super::{RunState, add_resource, options};
use std::iter::empty;
use std::net::SocketAddr;
use tokio::sync::oneshot;
use wasmtime::component::{
    Accessor, FutureReader, Lift, Linker, LinkerInstance, Lower, Resource, StreamReader,
};
use wasmtime::{AsContextMut, Result, StoreContextMut};
use wasmtime_wasi::p3::bindings::sockets::types::{ErrorCode, IpAddressFamily, IpSocketAddress};

pub(super) fn add_to_linker(linker: &mut Linker<RunState>) -> Result<()> {
    let mut types = linker.instance("wasi:sockets/types@0.3.0")?;
    add_life(&mut types)?;
    add_streams(&mut types)?;
    add_addresses(&mut types)?;
    add_options(&mut types)
}

/// The socket of this handle.
fn socket_of<'a>(
    store: &'a mut StoreContextMut<'_, RunState>,
    handle: &Resource<TcpSocket>,
) -> Result<&'a mut TcpSocket> {
    let (wasi, _) = store.data_mut().sockets_of_run();
    Ok(wasi.table.get_mut(handle)?)
}

/// Adds a function that looks at a socket.
fn get<T: Lower + 'static>(
    types: &mut LinkerInstance<'_, RunState>,
    name: &str,
    look: impl Fn(&TcpSocket) -> T + Send + Sync + 'static,
) -> Result<()> {
    types.func_wrap(
        &format!("[method]tcp-socket.{name}"),
        move |mut store: StoreContextMut<'_, RunState>, (socket,): (Resource<TcpSocket>,)| {
            Ok((look(socket_of(&mut store, &socket)?),))
        },
    )
}

/// Adds a function that changes a socket.
fn set<T: Lift + 'static>(
    types: &mut LinkerInstance<'_, RunState>,
    name: &str,
    change: impl Fn(&mut TcpSocket, T) -> Answer<()> + Send + Sync + 'static,
) -> Result<()> {
    types.func_wrap(
        &format!("[method]tcp-socket.{name}"),
        move |mut store: StoreContextMut<'_, RunState>,
              (socket, value): (Resource<TcpSocket>, T)| {
            Ok((change(socket_of(&mut store, &socket)?, value),))
        },
    )
}

fn add_life(types: &mut LinkerInstance<'_, RunState>) -> Result<()> {
    add_resource::<TcpSocket>(types, "tcp-socket")?;
    types.func_wrap(
        "[static]tcp-socket.create",
        |mut store: StoreContextMut<'_, RunState>, (family,): (IpAddressFamily,)| {
            let (wasi, network) = store.data_mut().sockets_of_run();
            let Some(place) = network.room(wasi.table) else {
                return Ok((Err(ErrorCode::OutOfMemory),));
            };
            let made = TcpSocket::create(family, network.shared().clone(), place);
            let pushed = made.map(|socket| wasi.table.push(socket));
            Ok((match pushed {
                Ok(handle) => Ok(handle?),
                Err(error) => Err(error),
            },))
        },
    )?;
    types.func_wrap_concurrent(
        "[method]tcp-socket.connect",
        |accessor: &Accessor<RunState>,
         (socket, address): (Resource<TcpSocket>, IpSocketAddress)| {
            Box::pin(async move {
                let address = SocketAddr::from(address);
                let started = accessor.with(|mut store| {
                    let mut store = store.as_context_mut();
                    Ok::<_, wasmtime::Error>(socket_of(&mut store, &socket)?.start_connect(address))
                })?;
                let connected = match started {
                    Ok(unconnected) => unconnected.connect(address).await,
                    Err(error) => return Ok((Err(error),)),
                };
                accessor.with(|mut store| {
                    let mut store = store.as_context_mut();
                    let socket = socket_of(&mut store, &socket)?;
                    socket.set_connected(connected.map_err(ErrorCode::from));
                    Ok((socket.failure(),))
                })
            })
        },
    )
}

type Receives = (StreamReader<u8>, FutureReader<Answer<()>>);

fn add_streams(types: &mut LinkerInstance<'_, RunState>) -> Result<()> {
    types.func_wrap(
        "[method]tcp-socket.listen",
        |mut store: StoreContextMut<'_, RunState>, (socket,): (Resource<TcpSocket>,)| {
            let socket = socket_of(&mut store, &socket)?;
            let (family, shared) = (socket.family, socket.shared.clone());
            let clients = socket.listen().map(|(listener, place)| {
                let accepting = Accepting::new(listener, place, family, shared);
                StreamReader::new(&mut store, accepting)
            });
            Ok((match clients {
                Ok(clients) => Ok(clients?),
                Err(error) => Err(error),
            },))
        },
    )?;
    types.func_wrap(
        "[method]tcp-socket.send",
        |mut store: StoreContextMut<'_, RunState>,
         (socket, mut data): (Resource<TcpSocket>, StreamReader<u8>)| {
            match socket_of(&mut store, &socket)?.take(Direction::Send) {
                Ok(connection) => {
                    let (ending, ended) = oneshot::channel();
                    data.pipe(&mut store, Consumer(Sending::new(connection, ending)))?;
                    Ok((FutureReader::new(&mut store, ended)?,))
                }
                Err(error) => {
                    data.close(&mut store)?;
                    Ok((failed(&mut store, error)?,))
                }
            }
        },
    )?;
    types.func_wrap(
        "[method]tcp-socket.receive",
        |mut store: StoreContextMut<'_, RunState>, (socket,): (Resource<TcpSocket>,)| {
            let received: Receives = match socket_of(&mut store, &socket)?.take(Direction::Receive)
            {
                Ok(connection) => {
                    let (ending, ended) = oneshot::channel();
                    let receiving = Producer(Receiving::new(connection, ending));
                    let data = StreamReader::new(&mut store, receiving)?;
                    (data, FutureReader::new(&mut store, ended)?)
                }
                Err(error) => {
                    let data = StreamReader::new(&mut store, empty())?;
                    (data, failed(&mut store, error)?)
                }
            };
            Ok((received,))
        },
    )
}

/// The future of a stream that does not begin.
fn failed(
    store: &mut StoreContextMut<'_, RunState>,
    error: ErrorCode,
) -> Result<FutureReader<Answer<()>>> {
    FutureReader::new(store, async move { wasmtime::error::Ok(Err(error)) })
}

fn add_addresses(types: &mut LinkerInstance<'_, RunState>) -> Result<()> {
    set(types, "bind", |socket, address: IpSocketAddress| {
        socket.bind(address.into())
    })?;
    get(types, "get-local-address", |socket| {
        socket.local_address().map(IpSocketAddress::from)
    })?;
    get(types, "get-remote-address", |socket| {
        socket.remote_address().map(IpSocketAddress::from)
    })?;
    get(types, "get-is-listening", TcpSocket::is_listening)?;
    get(types, "get-address-family", |socket| socket.family)?;
    set(types, "set-listen-backlog-size", TcpSocket::set_backlog)
}

fn add_options(types: &mut LinkerInstance<'_, RunState>) -> Result<()> {
    get(types, "get-keep-alive-enabled", |socket| {
        options::keep_alive_enabled(socket.fd()?)
    })?;
    set(types, "set-keep-alive-enabled", |socket, value| {
        options::set_keep_alive_enabled(socket.fd()?, value)
    })?;
    get(types, "get-keep-alive-idle-time", |socket| {
        options::keep_alive_idle_time(socket.fd()?)
    })?;
    set(types, "set-keep-alive-idle-time", |socket, value| {
        options::set_keep_alive_idle_time(socket.fd()?, value)
    })?;
    get(types, "get-keep-alive-interval", |socket| {
        options::keep_alive_interval(socket.fd()?)
    })?;
    set(types, "set-keep-alive-interval", |socket, value| {
        options::set_keep_alive_interval(socket.fd()?, value)
    })?;
    get(types, "get-keep-alive-count", |socket| {
        options::keep_alive_count(socket.fd()?)
    })?;
    set(types, "set-keep-alive-count", |socket, value| {
        options::set_keep_alive_count(socket.fd()?, value)
    })?;
    get(types, "get-hop-limit", |socket| {
        options::hop_limit(socket.fd()?, socket.family)
    })?;
    set(types, "set-hop-limit", |socket, value| {
        options::set_hop_limit(socket.fd()?, socket.family, value)
    })?;
    get(types, "get-receive-buffer-size", |socket| {
        options::receive_buffer_size(socket.fd()?)
    })?;
    set(types, "set-receive-buffer-size", |socket, value| {
        options::set_receive_buffer_size(socket.fd()?, value)
    })?;
    get(types, "get-send-buffer-size", |socket| {
        options::send_buffer_size(socket.fd()?)
    })?;
    set(types, "set-send-buffer-size", |socket, value| {
        options::set_send_buffer_size(socket.fd()?, value)
    })
}
