//! The streams of WASI 0.3's TCP sockets: what goes in, what comes out, and clients.

use super::super::byte_streams::{ByteConsumer, ByteProducer};
use super::super::network::{Place, Shared};
use super::super::stream_end::{EndSender, StreamEnd, nothing_yet};
use super::RunState;
use super::p3_tcp_socket::{Connection, TcpSocket};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use rustix::net::{Shutdown, shutdown};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tokio::net::{TcpListener, TcpStream};
use wasmtime::component::{
    Destination, DirectDestination, DirectSource, Resource, StreamProducer, StreamResult,
};
use wasmtime::{AsContextMut, Result, StoreContextMut};
use wasmtime_wasi::p3::bindings::sockets::types::{ErrorCode, IpAddressFamily};

/// The answer to a guest that only asks whether there is something to do.
fn readiness(ready: Poll<io::Result<()>>, finish: bool) -> Poll<Result<StreamResult>> {
    match ready {
        // What went wrong is said to the one that does something.
        Poll::Ready(_) => Poll::Ready(Ok(StreamResult::Completed)),
        Poll::Pending => nothing_yet(finish),
    }
}

/// Carries out `attempt` once the socket is ready.
fn when_ready<T>(
    mut attempt: impl FnMut() -> io::Result<T>,
    mut poll_ready: impl FnMut() -> Poll<io::Result<()>>,
) -> Poll<io::Result<T>> {
    loop {
        match attempt() {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => ready!(poll_ready())?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            done => return Poll::Ready(done),
        }
    }
}

/// One direction of a connection, which is shut down when this is dropped.
struct Half {
    connection: Arc<Connection>,
    direction: Shutdown,
    end: StreamEnd<ErrorCode>,
}

impl Half {
    fn new(connection: Arc<Connection>, direction: Shutdown, sender: EndSender<ErrorCode>) -> Self {
        Self {
            connection,
            direction,
            end: StreamEnd::new(sender),
        }
    }
}

impl Drop for Half {
    fn drop(&mut self) {
        // The other side may have closed the connection.
        let _ = shutdown(&self.connection.stream, self.direction);
    }
}

/// What a guest receives.
pub(super) struct Receiving(Half);

impl Receiving {
    pub(super) fn new(connection: Arc<Connection>, sender: EndSender<ErrorCode>) -> Self {
        Self(Half::new(connection, Shutdown::Read, sender))
    }
}

impl ByteProducer for Receiving {
    const CHUNK: usize = 8 << 10;

    fn poll_ready(
        &mut self,
        context: &mut Context<'_>,
        finish: bool,
    ) -> Poll<Result<StreamResult>> {
        readiness(self.0.connection.stream.poll_read_ready(context), finish)
    }

    fn produce(
        &mut self,
        context: &mut Context<'_>,
        mut destination: DirectDestination<'_, RunState>,
        finish: bool,
    ) -> Poll<Result<StreamResult>> {
        let connection = self.0.connection.clone();
        let stream = &connection.stream;
        let read = when_ready(
            || stream.try_read(destination.remaining()),
            || stream.poll_read_ready(context),
        );
        match read {
            Poll::Pending => nothing_yet(finish),
            Poll::Ready(Ok(0)) => self.0.end.end(Ok(())),
            Poll::Ready(Ok(length)) => {
                destination.mark_written(length);
                let counted = connection.shared.traffic.receive(length);
                Poll::Ready(counted.map_or_else(
                    |stopped| Err(stopped.into()),
                    |()| Ok(StreamResult::Completed),
                ))
            }
            Poll::Ready(Err(error)) => self.0.end.end(Err(error.into())),
        }
    }
}

/// What a guest sends.
pub(super) struct Sending(Half);

impl Sending {
    pub(super) fn new(connection: Arc<Connection>, sender: EndSender<ErrorCode>) -> Self {
        Self(Half::new(connection, Shutdown::Write, sender))
    }
}

impl ByteConsumer for Sending {
    fn poll_ready(
        &mut self,
        context: &mut Context<'_>,
        finish: bool,
    ) -> Poll<Result<StreamResult>> {
        readiness(self.0.connection.stream.poll_write_ready(context), finish)
    }

    fn consume(
        &mut self,
        context: &mut Context<'_>,
        mut source: DirectSource<'_, RunState>,
        finish: bool,
    ) -> Poll<Result<StreamResult>> {
        let connection = self.0.connection.clone();
        let stream = &connection.stream;
        let sending = match connection.shared.traffic.send(source.remaining().len()) {
            Ok(sending) => sending,
            Err(stopped) => return Poll::Ready(Err(stopped.into())),
        };
        let written = when_ready(
            || stream.try_write(source.remaining()),
            || stream.poll_write_ready(context),
        );
        match written {
            Poll::Pending => nothing_yet(finish),
            Poll::Ready(Ok(length)) => {
                sending.sent(length);
                source.mark_read(length);
                Poll::Ready(Ok(StreamResult::Completed))
            }
            Poll::Ready(Err(error)) => self.0.end.end(Err(write_error(error))),
        }
    }
}

fn write_error(error: io::Error) -> ErrorCode {
    match error.kind() {
        io::ErrorKind::BrokenPipe => ErrorCode::ConnectionBroken,
        // Windows says so of a socket that was shut down.
        io::ErrorKind::ConnectionAborted if cfg!(windows) => ErrorCode::ConnectionBroken,
        _ => error.into(),
    }
}

/// The clients of a listener. While the run has as many sockets as it may have, clients wait to be accepted.
pub(super) struct Accepting {
    listener: Arc<TcpListener>,
    family: IpAddressFamily,
    shared: Arc<Shared>,
    /// The listener counts as open while its clients can be accepted.
    _place: Arc<Place>,
    /// Set while there is no place for another socket.
    waits: Option<BoxFuture<'static, ()>>,
}

impl Accepting {
    pub(super) fn new(
        listener: Arc<TcpListener>,
        place: Arc<Place>,
        family: IpAddressFamily,
        shared: Arc<Shared>,
    ) -> Self {
        Self {
            listener,
            family,
            shared,
            _place: place,
            waits: None,
        }
    }

    /// A place for another socket. It is given back when no client comes.
    fn poll_place(&mut self, context: &mut Context<'_>) -> Poll<Place> {
        loop {
            // Before the attempt, so that no place is missed.
            let freed = self.shared.sockets.freed();
            if let Some(place) = self.shared.sockets.take() {
                self.waits = None;
                return Poll::Ready(place);
            }
            let waits = self.waits.insert(freed.boxed());
            ready!(waits.as_mut().poll(context));
        }
    }

    fn poll_client(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<(std::result::Result<TcpStream, ErrorCode>, Place)> {
        let place = ready!(self.poll_place(context));
        loop {
            let client = match ready!(self.listener.poll_accept(context)) {
                Ok((client, _)) => Ok(client),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => Err(accept_error(error)),
            };
            return Poll::Ready((client, place));
        }
    }
}

/// On Linux, errors of the network that are pending at the client come from the listener.
fn accept_error(error: io::Error) -> ErrorCode {
    match ErrorCode::from(&error) {
        ErrorCode::ConnectionReset | ErrorCode::RemoteUnreachable | ErrorCode::NotSupported => {
            ErrorCode::ConnectionAborted
        }
        code => code,
    }
}

impl StreamProducer<RunState> for Accepting {
    type Item = Resource<TcpSocket>;
    type Buffer = Option<Resource<TcpSocket>>;

    fn poll_produce<'a>(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        mut store: StoreContextMut<'a, RunState>,
        mut destination: Destination<'a, Resource<TcpSocket>, Self::Buffer>,
        finish: bool,
    ) -> Poll<Result<StreamResult>> {
        // Whether a client waits cannot be seen without taking the client.
        if destination.remaining(store.as_context_mut()) == Some(0) {
            return Poll::Ready(Ok(StreamResult::Completed));
        }
        let Poll::Ready((client, place)) = self.poll_client(context) else {
            return nothing_yet(finish);
        };
        if let Ok(client) = &client {
            super::options::inherit(&*self.listener, client, self.family);
        }
        let socket = TcpSocket::accepted(self.family, self.shared.clone(), client, place);
        let (wasi, _) = store.data_mut().sockets_of_run();
        destination.set_buffer(Some(wasi.table.push(socket)?));
        Poll::Ready(Ok(StreamResult::Completed))
    }
}
