//! Passes a response on to whoever has sent the request.

use super::exchange::{Exchange, ResponseEvent};
use super::request::ServedRequest;
use bytes::Bytes;
use http::{HeaderMap, Response, StatusCode, header};
use http_body::{Body, Frame};
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

/// How far a guest is with a request.
pub(crate) struct Handling {
    /// Its handler has returned, and none of its code runs any more.
    returned: AtomicBool,
    /// A `HEAD`: its response has no body, whatever its head says.
    wants_head_only: bool,
    /// The most bytes that the body of its response may have.
    most: Option<u64>,
    /// Stops a run whose response has more.
    exceeded: Box<dyn Fn() + Send + Sync>,
}

impl Handling {
    /// That of a request whose response may have a body of at most as many bytes. `exceeded` stops the run of one that has more.
    pub(crate) fn of(
        request: &ServedRequest,
        most: Option<u64>,
        exceeded: impl Fn() + Send + Sync + 'static,
    ) -> Self {
        Self {
            returned: AtomicBool::new(false),
            wants_head_only: request.wants_head_only(),
            most,
            exceeded: Box::new(exceeded),
        }
    }

    pub(crate) fn has_returned(&self) -> bool {
        self.returned.load(Ordering::Relaxed)
    }

    pub(crate) fn returns(&self) {
        self.returned.store(true, Ordering::Relaxed);
    }
}

/// Passes a response on, up to its end. What is in it when its guest has returned is all that it will have.
pub(crate) async fn pass_on<E>(
    exchange: &Exchange,
    response: Response<impl Body<Data = Bytes, Error = E>>,
    handling: &Handling,
) {
    let (mut parts, body) = response.into_parts();
    let status = parts.status.as_u16();
    if !(200..600).contains(&status) {
        exchange.refuse(&format!("a response cannot have the status {status}"));
        return;
    }
    let headers = &mut parts.headers;
    if parts.status == StatusCode::NO_CONTENT {
        headers.remove(header::CONTENT_LENGTH);
    }
    exchange.tell(ResponseEvent::Head { status, headers });
    let body = pin!(body);
    let has_no_body = [StatusCode::NO_CONTENT, StatusCode::NOT_MODIFIED].contains(&parts.status);
    if handling.wants_head_only || has_no_body {
        exchange.tell(ResponseEvent::End(&HeaderMap::new()));
        discard(exchange, body, handling).await;
        return;
    }
    let declared = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok()?.parse().ok());
    let ended = send(exchange, body, declared, handling).await;
    match ended {
        Ok(trailers) => exchange.tell(ResponseEvent::End(&trailers)),
        Err(why) => exchange.tell(ResponseEvent::Broken(why)),
    }
}

/// The next part of a body; none at its end, and none after its guest has returned.
async fn next_frame<E>(
    exchange: &Exchange,
    mut body: Pin<&mut impl Body<Data = Bytes, Error = E>>,
    handling: &Handling,
) -> Option<Result<Frame<Bytes>, E>> {
    poll_fn(|context| match body.as_mut().poll_frame(context) {
        Poll::Pending if handling.has_returned() => Poll::Ready(None),
        Poll::Pending => {
            exchange.flush();
            Poll::Pending
        }
        frame => frame,
    })
    .await
}

/// Reads a body that nobody gets: its guest goes on as if somebody did.
async fn discard<E>(
    exchange: &Exchange,
    mut body: Pin<&mut impl Body<Data = Bytes, Error = E>>,
    handling: &Handling,
) {
    while let Some(Ok(_)) = next_frame(exchange, body.as_mut(), handling).await {}
}

/// Sends a body, and returns the trailers that follow.
///
/// # Errors
///
/// Why the body breaks off.
async fn send<E>(
    exchange: &Exchange,
    mut body: Pin<&mut impl Body<Data = Bytes, Error = E>>,
    declared: Option<u64>,
    handling: &Handling,
) -> Result<HeaderMap, &'static str> {
    let mut sent = 0;
    let mut trailers = HeaderMap::new();
    while let Some(frame) = next_frame(exchange, body.as_mut(), handling).await {
        let frame = frame.map_err(|_| "the guest has not finished the body")?;
        let mut bytes = match frame.into_data() {
            Ok(bytes) => bytes,
            Err(frame) => {
                trailers = frame.into_trailers().unwrap_or_default();
                continue;
            }
        };
        sent += bytes.len() as u64;
        if handling.most.is_some_and(|most| sent > most) {
            (handling.exceeded)();
            return Err("the body is larger than `limits.responseBytes`");
        }
        if declared.is_some_and(|declared| sent > declared) {
            return Err("the body is longer than its `content-length`");
        }
        while !bytes.is_empty() {
            let room = |context: &mut Context<'_>| {
                let room = exchange.body.poll_room(None, context);
                if room.is_pending() {
                    exchange.flush();
                }
                room
            };
            let room = poll_fn(room).await;
            let room = room.map_err(|_| "nobody reads the body any more")?;
            exchange.body.send(bytes.split_to(room.min(bytes.len())));
        }
    }
    match declared {
        Some(declared) if sent < declared => Err("the body is shorter than its `content-length`"),
        _ => Ok(without_framing(trailers)),
    }
}

/// Trailers must not say where a body ends.
fn without_framing(mut trailers: HeaderMap) -> HeaderMap {
    for name in [
        header::CONTENT_LENGTH,
        header::TRANSFER_ENCODING,
        header::TRAILER,
    ] {
        trailers.remove(name);
    }
    trailers
}
