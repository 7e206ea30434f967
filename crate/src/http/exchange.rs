//! One request and its response, as the run that serves it has them.

use super::request::ServedRequest;
use crate::lock::lock;
use crate::stdio::OutputPipe;
use http::HeaderMap;
use std::sync::{Arc, Mutex};

/// A request that one run serves, and where the response goes.
pub struct Exchange {
    request: Mutex<Option<ServedRequest>>,
    /// The bytes of the response's body.
    pub(super) body: Arc<OutputPipe>,
    tell: Box<dyn Fn(ResponseEvent<'_>) + Send + Sync>,
    /// Has whoever is told look.
    flush: Box<dyn Fn() + Send + Sync>,
}

/// What becomes of a response. Bytes of its body come between its head and its end.
#[derive(Clone, Copy, Debug)]
pub enum ResponseEvent<'a> {
    /// Its status and its headers.
    Head {
        /// From 200 to 599.
        status: u16,
        /// As the guest has set them.
        headers: &'a HeaderMap,
    },
    /// Its body is whole, and these trailers follow.
    End(&'a HeaderMap),
    /// Its body breaks off, for this reason.
    Broken(&'a str),
    /// There is none, for this reason.
    Refused(&'a str),
    /// There is none: the body of the request is larger than it may be.
    TooLarge,
}

impl Exchange {
    /// An exchange whose response is passed to `tell`, and whose body is sent to `body`. None of these must block. `flush`
    /// follows when nothing more comes for a while, and otherwise the end of the run.
    pub fn new(
        request: ServedRequest,
        body: Arc<OutputPipe>,
        tell: impl Fn(ResponseEvent<'_>) + Send + Sync + 'static,
        flush: impl Fn() + Send + Sync + 'static,
    ) -> Self {
        Self {
            request: Mutex::new(Some(request)),
            body,
            tell: Box::new(tell),
            flush: Box::new(flush),
        }
    }

    /// The request, once.
    pub(crate) fn take(&self) -> Option<ServedRequest> {
        lock(&self.request).take()
    }

    /// There is no response.
    pub(crate) fn refuse(&self, why: &str) {
        self.tell(ResponseEvent::Refused(why));
    }

    /// The guest has read more of its request than it may.
    pub(crate) fn too_large(&self) {
        self.tell(ResponseEvent::TooLarge);
    }

    /// Nothing more comes for a while.
    pub(crate) fn flush(&self) {
        (self.flush)();
    }

    pub(super) fn tell(&self, event: ResponseEvent<'_>) {
        (self.tell)(event);
    }
}
