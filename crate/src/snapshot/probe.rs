//! Waits for the moment at which a snapshot is taken: at its first call that would read stdin or wait for it, or between two calls.

use super::capture::{Layout, Reader};
use super::refusal::refusal;
use super::state::State;
use crate::error::{Error, ErrorCode, Result};
use crate::guest::{Cause, Stopped};
use crate::lock::lock;
use crate::program::Rehearsal;
use crate::wasi::{Resumption, RunState, StdinCall, StdinHook};
use futures_util::future::BoxFuture;
use std::sync::{Arc, Mutex};
use wasmtime::{AsContextMut, Caller, Instance, Store, StoreContextMut, Val};

/// What prepares a reactor for calls.
const INITIALIZE: &str = "_initialize";

/// Waits for the call, and ends the guest there.
pub(super) struct Probe {
    layout: Layout,
    taken: Mutex<Option<Result<Captured>>>,
}

/// The state of a guest, on both sides.
#[derive(Debug)]
pub(super) struct Captured {
    pub(super) state: State,
    pub(super) resumption: Resumption,
}

impl Probe {
    pub(super) fn new(layout: Layout) -> Self {
        Self {
            layout,
            taken: Mutex::default(),
        }
    }

    /// What was captured, or why that could not be. `None` if the guest did not come so far.
    pub(super) fn take(&self) -> Option<Result<Captured>> {
        lock(&self.taken).take()
    }

    async fn capture(
        &self,
        mut store: StoreContextMut<'_, RunState>,
        call: Option<StdinCall>,
        instance: Option<Instance>,
    ) -> Result<Captured> {
        if let (Some(call), Some(name)) = (call, &self.layout.until) {
            let StdinCall { name: import, .. } = call;
            return Err(refusal(format_args!(
                "the program reads stdin ({import}) before {name:?} has returned"
            )));
        }
        let preopens = &self.layout.preopens;
        let resumption = store.data_mut().wasi().resumption(preopens).await;
        let resumption = resumption.map_err(Error::internal)?.map_err(refusal)?;
        let state = Reader::new(store, &self.layout, instance)?
            .read(call)
            .await?;
        Ok(Captured { state, resumption })
    }

    /// Keeps what was captured, and returns the error that ends the guest.
    fn end(&self, store: &StoreContextMut<'_, RunState>, captured: Result<Captured>) -> Stopped {
        // Nobody needs this run any more. If something else has stopped it already, that is how it ended.
        let control = store.data().control.call();
        if control.is_some_and(|control| control.record(Cause::Abort)) {
            *lock(&self.taken) = Some(captured);
        }
        Stopped
    }

    /// Calls an export without parameters.
    async fn call(
        &self,
        store: &mut Store<RunState>,
        instance: Instance,
        name: &str,
    ) -> wasmtime::Result<()> {
        let function = instance.get_func(&mut *store, name);
        let ty = function.map(|function| function.ty(&*store));
        let (Some(function), Some(ty)) = (function, ty.filter(|ty| ty.params().len() == 0)) else {
            let message = format!(
                "`until: {{ call: {name:?} }}` must name an exported function without parameters"
            );
            return Err(Error::new(ErrorCode::InvalidOption, message).into());
        };
        let mut results = vec![Val::I32(0); ty.results().len()];
        function.call_async(store, &[], &mut results).await
    }
}

impl Rehearsal for Probe {
    fn run<'a>(
        &'a self,
        store: &'a mut Store<RunState>,
        instance: Instance,
    ) -> Option<BoxFuture<'a, wasmtime::Result<()>>> {
        let name = self.layout.until.as_deref()?;
        Some(Box::pin(async move {
            if instance.get_func(&mut *store, INITIALIZE).is_some() {
                self.call(store, instance, INITIALIZE).await?;
            }
            self.call(store, instance, name).await?;
            let captured = self.capture(store.as_context_mut(), None, Some(instance));
            let captured = captured.await;
            Err(self.end(&store.as_context_mut(), captured).into())
        }))
    }
}

impl StdinHook for Probe {
    fn called<'a>(
        self: Arc<Self>,
        mut caller: Caller<'a, RunState>,
        call: StdinCall,
    ) -> BoxFuture<'a, wasmtime::Error> {
        Box::pin(async move {
            let captured = self.capture(caller.as_context_mut(), Some(call), None);
            let captured = captured.await;
            self.end(&caller.as_context_mut(), captured).into()
        })
    }
}
