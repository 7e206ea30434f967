//! The port that each JavaScript environment (main thread or worker) has to a runtime.

use super::options::{BindingLoadRequest, BindingRuntimeOptions, BindingStats};
use crate::error::Error;
use crate::runtime::{Runtime, RuntimeOptions};
use crate::transport::{Delivery, PendingRun, Port};
use bytes::Bytes;
use napi::bindgen_prelude::{Float64Array, FnArgs, Function, Uint8Array};
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode};
use napi::{Env, Status, sys};
use napi_derive::napi;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::time::Duration;

/// Records and the bytes that they speak of.
type Records = FnArgs<(Float64Array, Uint8Array)>;
type Wake = ThreadsafeFunction<(), (), Records, Status, false, true>;

/// The runtime that all environments of the process share, made at first use.
fn shared_runtime() -> napi::Result<Arc<Runtime>> {
    static SHARED: Mutex<Option<Arc<Runtime>>> = Mutex::new(None);
    let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(runtime) = &*shared {
        return Ok(runtime.clone());
    }
    let runtime = Arc::new(Runtime::new(RuntimeOptions::default()).map_err(thrown)?);
    Ok(shared.insert(runtime).clone())
}

/// One environment's end of the road to a runtime.
#[napi]
pub struct BindingPort {
    port: Arc<Port>,
    wake: Arc<OnceLock<Wake>>,
    /// The run that this environment's thread waits for.
    pending: Option<PendingRun>,
}

#[napi]
impl BindingPort {
    /// Opens a road to a runtime of one's own, or without options to the process's shared one.
    /// `receive` is called with the records of whatever ended since its last call.
    #[napi(constructor, catch_unwind)]
    pub fn new(
        env: Env,
        options: Option<BindingRuntimeOptions>,
        #[napi(ts_arg_type = "(records: Float64Array, bytes: Uint8Array) => void")]
        receive: Function<Records, ()>,
    ) -> napi::Result<Self> {
        let (runtime, pool) = match options.map(BindingRuntimeOptions::split) {
            None => (shared_runtime()?, None),
            Some((options, pool)) => (Arc::new(Runtime::new(options).map_err(thrown)?), pool),
        };
        let wake: Arc<OnceLock<Wake>> = Arc::default();
        let waker = wake.clone();
        let wake_up = move || {
            if let Some(wake) = waker.get() {
                wake.call((), ThreadsafeFunctionCallMode::NonBlocking);
            }
        };
        let port = match pool {
            None => Port::new(runtime, wake_up),
            Some(pool) => Port::with_workers(runtime, pool, wake_up).map_err(thrown)?,
        };
        // Weak: the function lives as long as the environment.
        let receiving: Weak<Port> = Arc::downgrade(&port);
        let function = receive
            .build_threadsafe_function::<()>()
            .weak::<true>()
            .build_callback(move |_| {
                let port = receiving.upgrade();
                Ok(records(port.map(|port| port.receive()).unwrap_or_default()))
            })?;
        let _ = wake.set(function);
        env.add_env_cleanup_hook(Arc::downgrade(&port), |port: Weak<Port>| {
            if let Some(port) = port.upgrade() {
                port.close();
            }
        })?;
        Ok(Self {
            port,
            wake,
            pending: None,
        })
    }

    /// Carries out operations; the native side documents their form.
    #[napi(catch_unwind)]
    pub fn submit(&self, operations: &[f64], bytes: &[u8]) -> napi::Result<()> {
        let bytes = Bytes::copy_from_slice(bytes);
        self.port.submit(operations, bytes).map_err(thrown)
    }

    /// Queues one run, for which `waitSync` waits.
    #[napi(catch_unwind)]
    pub fn run_sync(&mut self, handle: f64, options: &[u8]) -> napi::Result<()> {
        let options = Bytes::copy_from_slice(options);
        let pending = self.port.run_sync(handle as u64, options);
        self.pending = Some(pending.map_err(thrown)?);
        Ok(())
    }

    /// Waits for so many milliseconds; answers the run's record, or null when it goes on.
    #[napi(catch_unwind, ts_return_type = "[Float64Array, Uint8Array] | null")]
    pub fn wait_sync(
        &mut self,
        milliseconds: u32,
    ) -> napi::Result<Option<(Float64Array, Uint8Array)>> {
        let Some(pending) = &self.pending else {
            return Ok(None);
        };
        let patience = Duration::from_millis(milliseconds.into());
        let delivery = pending.wait(patience).map_err(thrown)?;
        Ok(delivery.map(|delivery| records(delivery).data))
    }

    /// Starts to load a program; the answer is a record for `id`.
    #[napi(catch_unwind)]
    pub fn load(&self, id: f64, request: BindingLoadRequest) {
        self.port.load(id as u64, request.into());
    }

    /// Loads a program and answers its description as JSON.
    #[napi(catch_unwind)]
    pub fn load_sync(&self, id: f64, request: BindingLoadRequest) -> napi::Result<String> {
        self.port
            .load_sync(id as u64, request.into())
            .map_err(thrown)
    }

    /// Starts to look at a program; its inspection is a record for `id`.
    #[napi(catch_unwind)]
    pub fn inspect(&self, id: f64, handle: f64) {
        self.port.inspect(id as u64, handle as u64);
    }

    /// Starts to pack a program with its code; the file is a record for `id`.
    #[napi(catch_unwind)]
    pub fn serialize(&self, id: f64, handle: f64) {
        self.port.serialize(id as u64, handle as u64);
    }

    /// What the runtime has and does.
    #[napi(catch_unwind)]
    pub fn stats(&self) -> BindingStats {
        BindingStats::new(self.port.stats(), self.port.has_workers())
    }

    /// Closes the runtime; a record for `id` says when all its runs have ended.
    #[napi(catch_unwind)]
    pub fn close(&self, id: f64) {
        self.port.close_runtime(id as u64);
    }

    /// Keeps the event loop alive, or no longer.
    #[napi(catch_unwind)]
    pub fn hold(&self, env: Env, alive: bool) {
        let Some(wake) = self.wake.get() else { return };
        let (env, function) = (env.raw(), wake.raw());
        // SAFETY: `env` is the environment of this call, which is the one that made `function`, and
        // the function is released only when `self` is dropped.
        unsafe {
            if alive {
                sys::napi_ref_threadsafe_function(env, function);
            } else {
                sys::napi_unref_threadsafe_function(env, function);
            }
        }
    }
}

impl Drop for BindingPort {
    fn drop(&mut self) {
        self.port.close();
    }
}

fn records(delivery: Delivery) -> Records {
    (
        Float64Array::new(delivery.records),
        Uint8Array::new(delivery.bytes),
    )
        .into()
}

/// Errors cross as `CODE: message`; the facade makes a `WasiexecError` of them.
fn thrown(error: Error) -> napi::Error {
    napi::Error::from_reason(error.to_string())
}
