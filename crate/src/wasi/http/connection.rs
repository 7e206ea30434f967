//! A connection to a server: checked, counted and encrypted.

use super::addresses::connect_to_any;
use super::target::{Target, TargetHost};
use crate::http::{HttpAccess, HttpScheme};
use crate::wasi::network::{Place, Shared};
use crate::wasi::resolver::Failure;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use wasmtime_wasi_http::Error;

/// What can be read and written.
trait Transport: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Transport for T {}

/// A connection, which counts what goes through it before it is encrypted, and has a place among the run's sockets.
pub(super) struct Connection {
    transport: Box<dyn Transport>,
    shared: Arc<Shared>,
    /// Bytes that were read since the thread was last left to others.
    in_turn: usize,
    _place: Place,
}

/// What is read in one turn. Some parts of a response are read byte by byte, which takes milliseconds for so many, and
/// for as long as there are more, nothing else ends the turn.
const TURN: usize = 256 * 1024;

impl Connection {
    /// # Errors
    ///
    /// Why there is none.
    pub(super) async fn open(
        target: &Target,
        access: &HttpAccess,
        shared: &Arc<Shared>,
    ) -> Result<Self, Error> {
        let place = shared.sockets.take().ok_or(Error::ConnectionLimitReached)?;
        let stream = connect(target, shared).await?;
        // A request is written as a whole.
        let _ = stream.set_nodelay(true);
        let transport: Box<dyn Transport> = match target.scheme {
            HttpScheme::Http => Box::new(stream),
            HttpScheme::Https => {
                let config = access.trust().config();
                let connector = TlsConnector::from(config.ok_or(Error::TlsProtocolError)?);
                let name = target.server_name()?;
                Box::new(connector.connect(name, stream).await.map_err(tls_error)?)
            }
        };
        Ok(Self {
            transport,
            shared: shared.clone(),
            in_turn: 0,
            _place: place,
        })
    }
}

/// Connects to one of the addresses of a host. Those of a name are asked for once, and are checked.
async fn connect(target: &Target, shared: &Shared) -> Result<TcpStream, Error> {
    let addresses = match &target.host {
        TargetHost::Address(address) => vec![*address],
        TargetHost::Name(name, reach) => {
            let found = shared.lookups.ask(name.clone()).await;
            let mut found = found.map_err(lookup_error)?;
            found.retain(|address| reach.includes(*address));
            found
        }
    };
    let addresses = addresses
        .into_iter()
        .map(|address| SocketAddr::new(address.to_canonical(), target.port));
    let failure = match connect_to_any(addresses.collect(), &shared.sockets).await {
        Ok(stream) => return Ok(stream),
        Err(failure) => failure,
    };
    Err(failure.map_or(Error::DestinationIpProhibited, |failure| {
        connect_error(&failure)
    }))
}

fn lookup_error(failure: Failure) -> Error {
    match failure {
        Failure::Busy => Error::ConnectionLimitReached,
        Failure::Denied | Failure::Malformed | Failure::Unknown => Error::DnsError {
            rcode: Some("NXDOMAIN".to_owned()),
            info_code: None,
        },
    }
}

fn connect_error(error: &io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => Error::ConnectionRefused,
        io::ErrorKind::TimedOut => Error::ConnectionTimeout,
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => {
            Error::DestinationIpUnroutable
        }
        io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted => {
            Error::ConnectionTerminated
        }
        _ => Error::DestinationUnavailable,
    }
}

fn tls_error(error: io::Error) -> Error {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref());
    match inner {
        Some(rustls::Error::InvalidCertificate(_)) => Error::TlsCertificateError,
        Some(rustls::Error::AlertReceived(alert)) => Error::TlsAlertReceived {
            alert_id: Some(u8::from(*alert)),
            alert_message: None,
        },
        Some(_) => Error::TlsProtocolError,
        None => connect_error(&error),
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.in_turn >= TURN {
            self.in_turn = 0;
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        let before = buffer.filled().len();
        let Poll::Ready(read) = Pin::new(&mut self.transport).poll_read(context, buffer) else {
            self.in_turn = 0;
            return Poll::Pending;
        };
        read?;
        let length = buffer.filled().len() - before;
        self.in_turn += length;
        let counted = self.shared.traffic.receive(length);
        Poll::Ready(counted.map_err(io::Error::other))
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let Self {
            transport, shared, ..
        } = &mut *self;
        let sending = shared.traffic.send(bytes.len());
        let sending = sending.map_err(io::Error::other)?;
        let written = ready!(Pin::new(transport).poll_write(context, bytes))?;
        sending.sent(written);
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.transport).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.transport).poll_shutdown(context)
    }
}
