//! Sends the requests of a run that may send some.

use super::bodies::{RequestBody, ResponseBody};
use super::connection::Connection;
use super::target::Target;
use crate::http::HttpAccess;
use crate::wasi::network::Shared;
use futures_util::future::{Either, select};
use http::{Method, Request, Response, Uri};
use http_body_util::BodyExt;
use hyper::client::conn::http1;
use std::pin::pin;
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::time::timeout;
use wasmtime_wasi_http::io::TokioIo;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody};

/// What a guest waits for where it says nothing else. The run has a timeout of its own.
const PATIENCE: Duration = Duration::from_secs(600);

/// What the head of a response may take, and what is read of a body at once.
const MAX_BUFFER: usize = 128 * 1024;

/// A response, and what goes on with the connection meanwhile.
pub(super) type Sent = (
    Response<WasiBody>,
    Box<dyn Future<Output = Result<(), Error>> + Send>,
);

/// What one run may send, and how it is counted.
pub(super) struct Outgoing {
    access: HttpAccess,
    shared: Arc<Shared>,
    /// There for as long as the run.
    run: Arc<()>,
}

impl Outgoing {
    pub(super) fn new(access: HttpAccess, shared: Arc<Shared>) -> Self {
        Self {
            access,
            shared,
            run: Arc::default(),
        }
    }

    pub(super) fn send(
        &self,
        request: Request<WasiBody>,
        options: RequestOptions,
    ) -> impl Future<Output = Result<Sent, Error>> + Send + use<> {
        let (access, shared) = (self.access.clone(), self.shared.clone());
        let run = Arc::downgrade(&self.run);
        async move { send(request, options, &access, &shared, run).await }
    }
}

async fn send(
    request: Request<WasiBody>,
    options: RequestOptions,
    access: &HttpAccess,
    shared: &Arc<Shared>,
    run: Weak<()>,
) -> Result<Sent, Error> {
    let target = Target::of(request.uri(), access)?;
    // It asks a server for a connection to whatever it names.
    if request.method() == Method::CONNECT {
        return Err(Error::HttpRequestMethodInvalid);
    }
    let opening = async {
        let connection = Connection::open(&target, access, shared).await?;
        let mut builder = http1::Builder::new();
        builder.max_buf_size(MAX_BUFFER);
        let opened = builder.handshake(TokioIo::new(connection));
        opened.await.map_err(Error::from)
    };
    let patience = options.connect_timeout.unwrap_or(PATIENCE);
    let opened = timeout(patience, opening).await;
    let (mut sender, connection) = opened.map_err(|_| Error::ConnectionTimeout)??;
    let mut connection = Box::pin(connection);

    let request = for_server(request)?.map(|body| RequestBody { body, run });
    let patience = options.first_byte_timeout.unwrap_or(PATIENCE);
    let sending = pin!(timeout(patience, sender.send_request(request)));
    let (sent, connection) = match select(sending, connection.as_mut()).await {
        Either::Left((sent, _)) => (sent, Some(connection)),
        // The response may be there all the same.
        Either::Right((ended, sending)) => match ended {
            Ok(()) => (sending.await, None),
            Err(error) => return Err(error.into()),
        },
    };
    let response = sent.map_err(|_| Error::ConnectionReadTimeout)??;
    let patience = options.between_bytes_timeout.unwrap_or(PATIENCE);
    let response = response.map(|body| ResponseBody::new(body, patience).boxed_unsync());
    let going_on = async move {
        match connection {
            Some(connection) => connection.await.map_err(Error::from),
            None => Ok(()),
        }
    };
    Ok((response, Box::new(going_on)))
}

/// The request as the server that it names gets it: without scheme and host, which is in a header.
fn for_server(mut request: Request<WasiBody>) -> Result<Request<WasiBody>, Error> {
    let path = request.uri().path_and_query();
    // An empty path is `/`, also before a query.
    let path = match path.map_or("/", |path| path.as_str()) {
        path if path.starts_with('?') => format!("/{path}"),
        path => path.to_owned(),
    };
    let uri = Uri::try_from(path).map_err(|_| Error::HttpRequestUriInvalid)?;
    *request.uri_mut() = uri;
    Ok(request)
}
