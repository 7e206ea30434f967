//! One TCP socket of WASI 0.3: its states, and what each allows.

use super::super::network::{Place, Shared};
use super::address::{check_local, check_remote, unspecified};
use crate::network::{Protocol, Purpose};
use rustix::fd::{AsFd, BorrowedFd};
use rustix::io::Errno;
use rustix::net::sockopt;
use std::mem::replace;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::{TcpListener, TcpStream};
use wasmtime_wasi::p3::bindings::sockets::types::{ErrorCode, IpAddressFamily};

/// Clients that the operating system keeps waiting for a listener which does not say how many.
const DEFAULT_BACKLOG: u32 = 128;

pub(super) type Answer<T> = std::result::Result<T, ErrorCode>;

/// A connection, which lives as long as its socket and its streams. It counts as one open socket.
pub(super) struct Connection {
    pub(super) stream: TcpStream,
    pub(super) shared: Arc<Shared>,
    _place: Arc<Place>,
}

pub(super) struct TcpSocket {
    pub(super) family: IpAddressFamily,
    pub(super) shared: Arc<Shared>,
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
    pub(super) fn create(
        family: IpAddressFamily,
        shared: Arc<Shared>,
        place: Place,
    ) -> Answer<Self> {
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

    pub(super) fn set_connected(&mut self, stream: Answer<TcpStream>) {
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

    pub(super) fn fd(&self) -> Answer<BorrowedFd<'_>> {
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

    pub(super) fn bind(&mut self, address: SocketAddr) -> Answer<()> {
        let socket = self.new_socket()?;
        if bound_to(socket, self.family).is_some() {
            return Err(ErrorCode::InvalidState);
        }
        check_local(address, self.family)?;
        self.check(address, Purpose::Bind(Protocol::Tcp))?;
        bind(socket, address)
    }

    /// Begins to connect; [`set_connected`](Self::set_connected) is to follow.
    pub(super) fn start_connect(&mut self, address: SocketAddr) -> Answer<tokio::net::TcpSocket> {
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

    /// Listens, and returns the listener and the place that it has among the sockets of the run.
    pub(super) fn listen(&mut self) -> Answer<(Arc<TcpListener>, Arc<Place>)> {
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
        Ok((listener, self.place.clone()))
    }

    pub(super) fn is_listening(&self) -> bool {
        matches!(self.state, State::Listening(_))
    }

    /// Why it can be used no more, if it cannot.
    pub(super) fn failure(&self) -> Answer<()> {
        match &self.state {
            State::Failed(error) => Err(error.clone()),
            _ => Ok(()),
        }
    }

    pub(super) fn local_address(&self) -> Answer<SocketAddr> {
        match &self.state {
            State::New(socket) => bound_to(socket, self.family).ok_or(ErrorCode::InvalidState),
            State::Connected { connection, .. } => Ok(connection.stream.local_addr()?),
            State::Listening(listener) => Ok(listener.local_addr()?),
            State::Connecting => Err(ErrorCode::InvalidState),
            State::Failed(error) => Err(error.clone()),
        }
    }

    pub(super) fn remote_address(&self) -> Answer<SocketAddr> {
        match &self.state {
            State::Connected { connection, .. } => Ok(connection.stream.peer_addr()?),
            State::Failed(error) => Err(error.clone()),
            _ => Err(ErrorCode::InvalidState),
        }
    }

    pub(super) fn set_backlog(&mut self, value: u64) -> Answer<()> {
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
    pub(super) fn take(&mut self, direction: Direction) -> Answer<Arc<Connection>> {
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
pub(super) enum Direction {
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
