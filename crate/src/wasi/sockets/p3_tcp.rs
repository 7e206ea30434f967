//! TCP sockets of WASI 0.3. wasmtime-wasi's do not say what their streams carry, and a stream keeps a connection open
//! after its socket is dropped, so that neither bytes nor open sockets could be counted from outside.

use super::address::{check_local, check_remote, unspecified};
use super::p3_tcp_streams::{Accepting, Receiving, Sending};
use super::places::Place;
use super::run_network::Shared;
use super::{RunState, add_resource, options};
use crate::network::{Protocol, Purpose};
use rustix::fd::{AsFd, BorrowedFd};
use rustix::io::Errno;
use rustix::net::sockopt;
use std::iter::empty;
use std::mem::replace;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use wasmtime::component::{
    Accessor, FutureReader, Lift, Linker, LinkerInstance, Lower, Resource, StreamReader,
};
use wasmtime::{AsContextMut, Result, StoreContextMut};
use wasmtime_wasi::p3::bindings::sockets::types::{ErrorCode, IpAddressFamily, IpSocketAddress};

/// Clients that the operating system keeps waiting for a listener which does not say how many.
const DEFAULT_BACKLOG: u32 = 128;

type Answer<T> = std::result::Result<T, ErrorCode>;

/// A connection, which lives as long as its socket and its streams. It counts as one open socket.
pub(super) struct Connection {
    pub(super) stream: TcpStream,
    pub(super) shared: Arc<Shared>,
    _place: Arc<Place>,
}

pub(super) struct TcpSocket {
    family: IpAddressFamily,
    shared: Arc<Shared>,
    state: State,
    backlog: u32,
    place: Arc<Place>,
}

enum State {
    /// It may be bound.
    New(tokio::net::TcpSocket),
    Connecting,
    Connected {
        connection: Arc<Connection>,
        sends: bool,
        receives: bool,
    },
    Listening(Arc<TcpListener>),
    Failed(ErrorCode),
}

impl TcpSocket {
    fn create(family: IpAddressFamily, shared: Arc<Shared>, place: Place) -> Answer<Self> {
        let socket = match family {
            IpAddressFamily::Ipv4 => tokio::net::TcpSocket::new_v4()?,
            IpAddressFamily::Ipv6 => {
                let socket = tokio::net::TcpSocket::new_v6()?;
                sockopt::set_ipv6_v6only(&socket, true)?;
                socket
            }
        };
        Ok(Self {
            family,
            shared,
            state: State::New(socket),
            backlog: DEFAULT_BACKLOG,
            place: Arc::new(place),
        })
    }

    /// The socket of a client, or of one that could not be accepted.
    pub(super) fn accepted(
        family: IpAddressFamily,
        shared: Arc<Shared>,
        client: Answer<TcpStream>,
        place: Place,
    ) -> Self {
        let mut socket = Self {
            family,
            shared,
            state: State::Connecting,
            backlog: DEFAULT_BACKLOG,
            place: Arc::new(place),
        };
        socket.set_connected(client);
        socket
    }

    fn set_connected(&mut self, stream: Answer<TcpStream>) {
        self.state = match stream {
            Ok(stream) => State::Connected {
                connection: Arc::new(Connection {
                    stream,
                    shared: self.shared.clone(),
                    _place: self.place.clone(),
                }),
                sends: false,
                receives: false,
            },
            Err(error) => State::Failed(error),
        };
    }

    fn fd(&self) -> Answer<BorrowedFd<'_>> {
        match &self.state {
            State::New(socket) => Ok(socket.as_fd()),
            State::Connected { connection, .. } => Ok(connection.stream.as_fd()),
            State::Listening(listener) => Ok(listener.as_fd()),
            State::Connecting => Err(ErrorCode::InvalidState),
            State::Failed(error) => Err(error.clone()),
        }
    }

    /// The socket, as long as it is neither connected nor listening.
    fn new_socket(&self) -> Answer<&tokio::net::TcpSocket> {
        match &self.state {
            State::New(socket) => Ok(socket),
            _ => Err(ErrorCode::InvalidState),
        }
    }

    fn check(&self, address: SocketAddr, purpose: Purpose) -> Answer<()> {
        let access = self.shared.access.as_ref();
        match access.is_some_and(|access| access.permits(address, purpose)) {
            true => Ok(()),
            false => Err(ErrorCode::AccessDenied),
        }
    }

    fn bind(&mut self, address: SocketAddr) -> Answer<()> {
        let socket = self.new_socket()?;
        if bound_to(socket, self.family).is_some() {
            return Err(ErrorCode::InvalidState);
        }
        check_local(address, self.family)?;
        self.check(address, Purpose::Bind(Protocol::Tcp))?;
        bind(socket, address)
    }

    /// Begins to connect; [`set_connected`](Self::set_connected) is to follow.
    fn start_connect(&mut self, address: SocketAddr) -> Answer<tokio::net::TcpSocket> {
        let socket = self.new_socket()?;
        check_remote(address, self.family)?;
        let permitted = match bound_to(socket, self.family) {
            Some(_) => Ok(()),
            None => {
                let implied = unspecified(self.family);
                self.check(implied, Purpose::Bind(Protocol::Tcp))
            }
        };
        let permitted = permitted.and_then(|()| self.check(address, Purpose::Reach(Protocol::Tcp)));
        let next = match &permitted {
            Ok(()) => State::Connecting,
            Err(error) => State::Failed(error.clone()),
        };
        match replace(&mut self.state, next) {
            State::New(socket) => permitted.map(|()| socket),
            _ => Err(ErrorCode::InvalidState),
        }
    }

    fn listen(&mut self) -> Answer<Accepting> {
        let socket = self.new_socket()?;
        match bound_to(socket, self.family) {
            Some(address) => self.check(address, Purpose::Listen)?,
            None => {
                let implied = unspecified(self.family);
                self.check(implied, Purpose::Bind(Protocol::Tcp))?;
                self.check(implied, Purpose::Listen)?;
                // Not every operating system binds by itself.
                bind(socket, implied)?;
            }
        }
        let failed = State::Failed(ErrorCode::InvalidState);
        let State::New(socket) = replace(&mut self.state, failed) else {
            return Err(ErrorCode::InvalidState);
        };
        let listener = Arc::new(socket.listen(self.backlog)?);
        self.state = State::Listening(listener.clone());
        Ok(Accepting {
            listener,
            family: self.family,
            shared: self.shared.clone(),
            _place: self.place.clone(),
            waits: None,
        })
    }

    fn local_address(&self) -> Answer<SocketAddr> {
        match &self.state {
            State::New(socket) => bound_to(socket, self.family).ok_or(ErrorCode::InvalidState),
            State::Connected { connection, .. } => Ok(connection.stream.local_addr()?),
            State::Listening(listener) => Ok(listener.local_addr()?),
            State::Connecting => Err(ErrorCode::InvalidState),
            State::Failed(error) => Err(error.clone()),
        }
    }

    fn remote_address(&self) -> Answer<SocketAddr> {
        match &self.state {
            State::Connected { connection, .. } => Ok(connection.stream.peer_addr()?),
            State::Failed(error) => Err(error.clone()),
            _ => Err(ErrorCode::InvalidState),
        }
    }

    fn set_backlog(&mut self, value: u64) -> Answer<()> {
        if value == 0 {
            return Err(ErrorCode::InvalidArgument);
        }
        // Operating systems have lower caps.
        let value = value.min(i32::MAX as u64) as i32;
        match &self.state {
            State::New(_) => {}
            State::Listening(listener) => {
                let set = rustix::net::listen(listener, value);
                set.map_err(|_| ErrorCode::NotSupported)?;
            }
            State::Failed(error) => return Err(error.clone()),
            State::Connecting | State::Connected { .. } => return Err(ErrorCode::InvalidState),
        }
        self.backlog = value as u32;
        Ok(())
    }

    /// The connection, once for each direction.
    fn take(&mut self, direction: Direction) -> Answer<Arc<Connection>> {
        let (connection, taken) = match &mut self.state {
            State::Connected {
                connection,
                sends,
                receives,
            } => match direction {
                Direction::Send => (connection, sends),
                Direction::Receive => (connection, receives),
            },
            State::Failed(error) => return Err(error.clone()),
            _ => return Err(ErrorCode::InvalidState),
        };
        match replace(taken, true) {
            true => Err(ErrorCode::InvalidState),
            false => Ok(connection.clone()),
        }
    }
}

#[derive(Clone, Copy)]
enum Direction {
    Send,
    Receive,
}

/// The address of a socket that is bound.
fn bound_to(socket: &tokio::net::TcpSocket, family: IpAddressFamily) -> Option<SocketAddr> {
    let address = socket.local_addr().ok()?;
    (address != unspecified(family)).then_some(address)
}

fn bind(socket: &tokio::net::TcpSocket, address: SocketAddr) -> Answer<()> {
    // A port that was in use a moment ago can be bound again; on Windows it can without this.
    #[cfg(not(windows))]
    sockopt::set_socket_reuseaddr(socket, true)?;
    socket
        .bind(address)
        .map_err(|error| match Errno::from_io_error(&error) {
            // What Windows returns when there is no port left.
            Some(Errno::NOBUFS) if cfg!(windows) => ErrorCode::AddressInUse,
            Some(Errno::AFNOSUPPORT) => ErrorCode::InvalidArgument,
            _ => error.into(),
        })
}

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
                    Ok((match &socket.state {
                        State::Failed(error) => Err(error.clone()),
                        _ => Ok(()),
                    },))
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
            let listening = socket_of(&mut store, &socket)?.listen();
            let clients = listening.map(|accepting| StreamReader::new(&mut store, accepting));
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
                    data.pipe(&mut store, Sending::new(connection, ending))?;
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
                    let receiving = Receiving::new(connection, ending);
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
    get(types, "get-is-listening", |socket| {
        matches!(socket.state, State::Listening(_))
    })?;
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
