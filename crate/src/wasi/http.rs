//! HTTP: the requests that a run serves and sends.

mod addresses;
mod bodies;
mod client;
mod connection;
mod target;

use super::network::{RunNetwork, Shared};
use crate::http::{HttpAccess, Origins};
use client::{Outgoing, Sent};
use http::Request;
use std::sync::Arc;
use wasmtime::component::ResourceTable;
use wasmtime_wasi_http::{
    Error, RequestOptions, WasiBody, WasiHttpCtx, WasiHttpCtxView, WasiHttpHooks,
};

/// What one head may take, with all that a map of headers takes besides.
const MAX_HEAD: usize = 64 * 1024;
/// How much of a body is on its way from the guest at a time.
const BODY_CHUNK: usize = 64 * 1024;

/// HTTP of one run.
pub(super) struct RunHttp {
    context: WasiHttpCtx,
    hooks: Hooks,
}

struct Hooks {
    /// Set if the run was granted any origin.
    outgoing: Option<Outgoing>,
}

impl RunHttp {
    pub(super) fn new(origins: Option<&Arc<Origins>>, network: &mut RunNetwork) -> Self {
        let mut context = WasiHttpCtx::new();
        context.set_field_size_limit(MAX_HEAD);
        let outgoing = |origins: &Arc<Origins>| {
            let shared: Arc<Shared> = network.shared().clone();
            Outgoing::new(HttpAccess::new(origins.clone()), shared)
        };
        Self {
            context,
            hooks: Hooks {
                outgoing: origins.map(outgoing),
            },
        }
    }

    pub(super) fn view<'a>(&'a mut self, table: &'a mut ResourceTable) -> WasiHttpCtxView<'a> {
        WasiHttpCtxView {
            hooks: &mut self.hooks,
            table,
            ctx: &mut self.context,
        }
    }
}

impl WasiHttpHooks for Hooks {
    fn send_request(
        &mut self,
        request: Request<WasiBody>,
        options: Option<RequestOptions>,
        _: Box<dyn Future<Output = Result<(), Error>> + Send>,
    ) -> Box<dyn Future<Output = Result<Sent, Error>> + Send> {
        let sending = self
            .outgoing
            .as_ref()
            .map(|outgoing| outgoing.send(request, options.unwrap_or_default()));
        Box::new(async move {
            match sending {
                Some(sending) => sending.await,
                None => Err(Error::HttpRequestDenied),
            }
        })
    }

    fn p2_outgoing_body_chunk_size(&mut self) -> usize {
        BODY_CHUNK
    }

    fn p3_outgoing_body_chunk_size(&mut self) -> usize {
        BODY_CHUNK
    }
}
