//! Passes a response on to whoever has sent the request.

use super::exchange::{Exchange, ResponseEvent};
use super::request::ServedRequest;
use bytes::Bytes;
use http::{Response, StatusCode, header};
use http_body::Body;
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
}

impl Handling {
    pub(crate) fn of(request: &ServedRequest) -> Self {
        Self {
            returned: AtomicBool::new(false),
            wants_head_only: request.wants_head_only(),
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
    let (parts, body) = response.into_parts();
    let status = parts.status.as_u16();
    if !(200..600).contains(&status) {
        exchange.refuse(&format!("a response cannot have the status {status}"));
        return;
    }
    let headers = &parts.headers;
    exchange.tell(ResponseEvent::Head { status, headers });
    let is_bodiless = handling.wants_head_only || parts.status == StatusCode::NOT_MODIFIED;
    let declared = headers
        .get(header::CONTENT_LENGTH)
        .filter(|_| !is_bodiless)
        .and_then(|length| length.to_str().ok()?.parse().ok());
    let ended = send(exchange, pin!(body), declared, handling).await;
    exchange.tell(match ended {
        Ok(()) => ResponseEvent::End,
        Err(why) => ResponseEvent::Broken(why),
    });
}

/// # Errors
///
/// Why the body breaks off.
async fn send<E>(
    exchange: &Exchange,
    mut body: Pin<&mut impl Body<Data = Bytes, Error = E>>,
    declared: Option<u64>,
    handling: &Handling,
) -> Result<(), &'static str> {
    let mut sent = 0;
    loop {
        let next = |context: &mut Context<'_>| match body.as_mut().poll_frame(context) {
            Poll::Pending if handling.has_returned() => Poll::Ready(None),
            Poll::Pending => {
                exchange.flush();
                Poll::Pending
            }
            frame => frame,
        };
        let frame = poll_fn(next).await;
        let Some(frame) = frame else { break };
        let frame = frame.map_err(|_| "the guest has not finished the body")?;
        // Trailers have nowhere to go.
        let Ok(mut bytes) = frame.into_data() else {
            continue;
        };
        sent += bytes.len() as u64;
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
        _ => Ok(()),
    }
}
