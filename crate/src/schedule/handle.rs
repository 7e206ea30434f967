//! A run that handles one request.

use super::instance::{Instance, mark_instantiated};
use crate::error::Error;
use crate::guest::{CallControl, Cause, LimitKind};
use crate::http::{Exchange, Handling, ServedRequest, pass_on};
use crate::program::Handler;
use crate::wasi::RunState;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::sync::oneshot;
use tokio::task::coop::unconstrained;
use wasmtime::Store;
use wasmtime_wasi_http::WasiHttpView;
use wasmtime_wasi_http::p2::bindings as http2;
use wasmtime_wasi_http::p2::bindings::http::types::Scheme;
use wasmtime_wasi_http::p3::Request;
use wasmtime_wasi_http::p3::bindings as http3;

/// Why there is no response where the guest has not said it.
const NOTHING: &str = "the handler has returned without a response";

impl Instance {
    /// Instantiates the program and has it handle the request of this exchange.
    pub(super) async fn handle(
        &mut self,
        handler: &Handler,
        exchange: &Arc<Exchange>,
        call: &Arc<CallControl>,
    ) -> wasmtime::Result<()> {
        self.prepare(call).await?;
        let store = self.store();
        let limits = store.data().limits;
        let request = exchange.take();
        let mut request = request.ok_or_else(|| Error::internal("a request is handled twice"))?;
        if let Some(most) = limits.request_bytes {
            let (exchange, call) = (exchange.clone(), call.clone());
            request.limit_body(most, move || {
                if call.stop(Cause::Limit(LimitKind::Request)) {
                    exchange.too_large();
                }
            });
        }
        let call = call.clone();
        let handling = Handling::of(&request, limits.response_bytes, move || {
            call.stop(Cause::Limit(LimitKind::Response));
        });
        match handler {
            Handler::P2(pre) => {
                let proxy = pre.instantiate_async(&mut *store).await?;
                mark_instantiated(store);
                handle_p2(store, &proxy, request, exchange, handling).await
            }
            Handler::P3(pre) => {
                let service = pre.instantiate_async(&mut *store).await?;
                mark_instantiated(store);
                handle_p3(store, &service, request, exchange, handling).await
            }
        }
    }
}

async fn handle_p2(
    store: &mut Store<RunState>,
    proxy: &http2::Proxy,
    request: ServedRequest,
    exchange: &Exchange,
    handling: Handling,
) -> wasmtime::Result<()> {
    let scheme = match request.is_tls() {
        true => Scheme::Https,
        false => Scheme::Http,
    };
    let (sender, mut receiver) = oneshot::channel();
    let mut http = store.data_mut().http();
    let request = http.new_incoming_request(scheme, request.into_request())?;
    let out = http.new_response_outparam(sender)?;
    let mut guest = pin!(
        proxy
            .wasi_http_incoming_handler()
            .call_handle(store, request, out)
    );
    let respond = async {
        let answer = |context: &mut Context<'_>| match Pin::new(&mut receiver).poll(context) {
            // The guest keeps what it would respond with.
            Poll::Pending if handling.has_returned() => Poll::Ready(None),
            answer => answer.map(Result::ok),
        };
        match poll_fn(answer).await {
            Some(Ok(response)) => pass_on(exchange, response, &handling).await,
            Some(Err(error)) => exchange.refuse(&format!("the handler returned {error:?}")),
            None => exchange.refuse(NOTHING),
        }
    };
    // What the guest has written is there, and looks pending to a task that has had its share of polls.
    let mut respond = pin!(unconstrained(respond));
    let mut has_responded = false;
    let result = poll_fn(|context| {
        let returned = guest.as_mut().poll(context);
        if let Poll::Ready(Ok(())) = returned {
            handling.returns();
        }
        // Also when the guest has trapped: for what it has written before.
        if !has_responded {
            has_responded = respond.as_mut().poll(context).is_ready();
            if has_responded && returned.is_pending() {
                exchange.flush();
            }
        }
        returned
    })
    .await;
    if result.is_ok() && !has_responded {
        respond.await;
    }
    result
}

async fn handle_p3(
    store: &mut Store<RunState>,
    service: &http3::Service,
    request: ServedRequest,
    exchange: &Exchange,
    handling: Handling,
) -> wasmtime::Result<()> {
    let hooks = store.data_mut().http().hooks;
    let (request, _) = Request::from_http(hooks, request.into_request());
    let handle = async |accessor: &_| {
        match service.handle(accessor, request).await? {
            Ok(response) => {
                let (passed, is_passed) = oneshot::channel();
                let passing = async move { is_passed.await.unwrap_or(Ok(())) };
                let response = accessor.with(|store| response.into_http(store, passing))?;
                pass_on(exchange, response, &handling).await;
                // The guest may no longer wait for this.
                let _ = passed.send(Ok(()));
            }
            Err(error) => exchange.refuse(&format!("the handler returned {error:?}")),
        }
        // What the guest does after its response belongs to the request.
        let is_over = |context: &mut Context<'_>| {
            let is_over = accessor.poll_no_interesting_tasks(context);
            if is_over.is_pending() {
                exchange.flush();
            }
            is_over
        };
        poll_fn(is_over).await;
        wasmtime::Result::Ok(())
    };
    store.run_concurrent(handle).await?
}
