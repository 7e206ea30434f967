//! One instance of a program: one store, with what its guest may use.

use super::collecting::collect;
use super::context::RunContext;
use super::supervised::{CallEnd, at_epoch};
use crate::error::{Error, Result};
use crate::guest::{
    CallControl, Cause, Ending, Exit, HOSTCALL_FUEL, InstanceControl, Limits, Outcome, Returned,
    Usage, classify, own_cause,
};
use crate::host_functions::{ClosedWith, HostCalls};
use crate::options::RunOptions;
use crate::program::{Compiled, Entry};
use crate::stdio::{Capture, Inherited, Replay};
use crate::wasi::{GrantedFiles, RunState, Wasi};
use std::sync::Arc;
use std::time::Instant;
use wasmtime::{InstancePre, Store, component};

pub(super) struct Instance {
    /// Before the store, and with it the memory, is dropped.
    host_calls: ClosedWith,
    store: Store<RunState>,
    capture: Arc<Capture>,
    /// Whose program may be a snapshot.
    context: Arc<RunContext>,
    /// What a snapshot prints before its guest goes on.
    replay: Option<Replay>,
    /// What the store has, where the program is a module.
    module: Option<wasmtime::Instance>,
    /// Which outputs of the process it has.
    inherited: Inherited,
}

impl Instance {
    /// An instance of which nothing has run; `own` are the options of this run, if it has its own.
    ///
    /// # Errors
    ///
    /// Host faults: a preopen that does not open, for example.
    pub(super) fn new(
        context: &Arc<RunContext>,
        own: Option<Box<RunOptions>>,
        compiled: &Compiled,
    ) -> Result<Self> {
        let options = own.as_deref().unwrap_or(&context.group.options);
        let control = Arc::<InstanceControl>::default();
        let capture = Capture::new(control.clone(), &options.limits, options.on_broken_pipe);
        Self::make(context, own, compiled, control, capture)
    }

    /// The same for an instance that lives on after its first call.
    ///
    /// # Errors
    ///
    /// As for [`new`](Self::new).
    pub(super) fn for_calls(
        context: &Arc<RunContext>,
        own: Option<Box<RunOptions>>,
        compiled: &Compiled,
        control: Arc<InstanceControl>,
    ) -> Result<Self> {
        let options = own.as_deref().unwrap_or(&context.group.options);
        let capture = Capture::for_calls(control.clone(), &options.limits, options.on_broken_pipe);
        Self::make(context, own, compiled, control, capture)
    }

    fn make(
        context: &Arc<RunContext>,
        own: Option<Box<RunOptions>>,
        compiled: &Compiled,
        control: Arc<InstanceControl>,
        capture: Arc<Capture>,
    ) -> Result<Self> {
        let options = own.as_deref().unwrap_or(&context.group.options);
        let limits = options.limits;
        let host_calls = options.host_calls.clone();
        let inherited = Inherited::of(&options.stdout, &options.stderr);
        let snapshot = context.group.program.snapshot();
        let replay = snapshot.map(|snapshot| Replay {
            printed: snapshot.section().printed.clone(),
            stdout: options.stdout.clone(),
            stderr: options.stderr.clone(),
            capture: capture.clone(),
        });
        let wasi = Wasi::new(context.clone(), own, capture.clone())?;
        let mut state = RunState::new(wasi, limits, control);
        state.host_calls.clone_from(&host_calls);
        let mut store = Store::new(compiled.engine(), state);
        store.limiter(|state| &mut state.limiter);
        store.set_hostcall_fuel(HOSTCALL_FUEL);
        store.epoch_deadline_callback(at_epoch);
        store.set_epoch_deadline(1);
        if let Some(fuel) = limits.fuel {
            store.set_fuel(with_spare(fuel)).map_err(Error::internal)?;
        }
        Ok(Self {
            host_calls: ClosedWith(host_calls),
            store,
            capture,
            context: context.clone(),
            replay,
            module: None,
            inherited,
        })
    }

    /// Instantiates the program and runs it from its entry point.
    pub(super) async fn start(
        &mut self,
        entry: &Entry,
        call: &Arc<CallControl>,
    ) -> wasmtime::Result<()> {
        self.prepare(call).await?;
        let store = &mut self.store;
        match entry {
            Entry::Module { pre, start } => {
                let instance = pre.instantiate_async(&mut *store).await?;
                mark_instantiated(store);
                if let Some(rehearsal) = self.context.group.program.rehearsal()
                    && let Some(run) = rehearsal.run(store, instance)
                {
                    return run.await;
                }
                let Some(start) = start else { return Ok(()) };
                let start = instance
                    .get_module_export(&mut *store, start)
                    .and_then(wasmtime::Extern::into_func)
                    .ok_or_else(|| Error::internal("`_start` vanished"))?;
                let start = start.typed::<(), ()>(&*store).map_err(Error::internal)?;
                self.module = Some(instance);
                start.call_async(store, ()).await
            }
            Entry::P2(pre) => {
                let command = pre.instantiate_async(&mut *store).await?;
                mark_instantiated(store);
                exit_code(command.wasi_cli_run().call_run(store).await?)
            }
            Entry::P3(pre) => {
                let command = pre.instantiate_async(&mut *store).await?;
                mark_instantiated(store);
                let run = async |store: &_| command.wasi_cli_run().call_run(store).await;
                exit_code(store.run_concurrent(run).await??)
            }
        }
    }

    /// Begins the first call, and brings a snapshot to where its guest goes on.
    pub(super) async fn prepare(&mut self, call: &Arc<CallControl>) -> wasmtime::Result<()> {
        let store = &mut self.store;
        store.data().control.begin(call.clone());
        call.start(Instant::now);
        if let Some(replay) = self.replay.take() {
            replay.print().await?;
        }
        if let Some(snapshot) = self.context.group.program.snapshot() {
            let wasi = store.data_mut().wasi();
            wasi.resume(snapshot.resumption()).await?;
        }
        self.store.data_mut().started = self.context.group.program.starts_early();
        Ok(())
    }

    /// Instantiates a module whose exports are to be called.
    pub(super) async fn instantiate(
        &mut self,
        pre: &InstancePre<RunState>,
        call: &Arc<CallControl>,
    ) -> wasmtime::Result<wasmtime::Instance> {
        self.prepare(call).await?;
        let instance = pre.instantiate_async(&mut self.store).await?;
        mark_instantiated(&mut self.store);
        self.module = Some(instance);
        Ok(instance)
    }

    /// The same for a component.
    pub(super) async fn instantiate_component(
        &mut self,
        pre: &component::InstancePre<RunState>,
        call: &Arc<CallControl>,
    ) -> wasmtime::Result<component::Instance> {
        self.prepare(call).await?;
        let instance = pre.instantiate_async(&mut self.store).await?;
        mark_instantiated(&mut self.store);
        Ok(instance)
    }

    /// Begins another call, which has these limits.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::Internal`](crate::ErrorCode::Internal) for fuel where it is not counted.
    pub(super) fn begin(&mut self, call: &Arc<CallControl>, limits: &Limits) -> Result<()> {
        self.capture.begin(limits);
        if let Some(fuel) = limits.fuel {
            let set = self.store.set_fuel(with_spare(fuel));
            set.map_err(Error::internal)?;
        }
        let state = self.store.data_mut();
        state.limits = *limits;
        state.limiter.denied = false;
        state.control.begin(call.clone());
        state.begin_network();
        Ok(())
    }

    /// What `call` has used; it has returned, at this time.
    fn usage(&self, call: &CallControl, at: Instant, fuel_left: Option<u64>) -> Usage {
        let RunState {
            limits, limiter, ..
        } = self.store.data();
        Usage {
            wall: call.wall(at),
            cpu: call.meter.total(),
            fuel: limits
                .fuel
                .zip(fuel_left)
                .map(|(limit, left)| (with_spare(limit) - left).min(limit)),
            memory_peak: limiter.used,
            memory_denied: limiter.denied,
            output_truncated: false,
            network: self.store.data().network_usage(),
        }
    }

    /// Units of fuel that the call has left, where its fuel is counted.
    fn fuel_left(&self) -> Option<u64> {
        let limit = self.store.data().limits.fuel;
        limit.map(|_| self.store.get_fuel().unwrap_or(0))
    }

    /// What was printed and used during a call that has returned; `None` if the instance ends with the call.
    pub(super) fn settle(&mut self, call: &CallControl, returned: &CallEnd) -> Option<Returned> {
        let CallEnd { result, at } = returned;
        result.as_ref().ok()?;
        self.capture.enforce();
        let fuel_left = self.fuel_left();
        if call.settle(own_cause(result, fuel_left)) != Cause::Guest {
            return None;
        }
        let mut usage = self.usage(call, *at, fuel_left);
        let printed = self.capture.take();
        usage.output_truncated = printed.truncated;
        Some(Returned {
            values: Vec::new(),
            encoded: Vec::new(),
            stdout: printed.stdout,
            stderr: printed.stderr,
            usage,
        })
    }

    pub(super) fn inherited(&self) -> Inherited {
        self.inherited
    }

    pub(super) fn store(&mut self) -> &mut Store<RunState> {
        &mut self.store
    }

    pub(super) fn host_calls(&self) -> Option<Arc<HostCalls>> {
        self.host_calls.0.clone()
    }

    pub(super) fn parts(&mut self) -> (&RunContext, &mut Store<RunState>) {
        (&self.context, &mut self.store)
    }

    /// Ends the instance; `call` is its last call, which has returned.
    ///
    /// # Errors
    ///
    /// Those of [`classify`].
    pub(super) async fn end(self, call: &CallControl, returned: CallEnd) -> Result<Outcome> {
        let CallEnd { result, at } = returned;
        let fuel_left = self.fuel_left();
        let mut usage = self.usage(call, at, fuel_left);
        let Self {
            host_calls,
            mut store,
            capture,
            context,
            replay: _,
            module,
            inherited: _,
        } = self;
        let started = store.data().started;
        // A guest that has not begun leaves nothing, as one that never got a thread.
        let files = store.data().files().filter(|_| started);
        let collector = files.and_then(GrantedFiles::collector);
        capture.enforce();
        drop(host_calls);
        if let Some(instance) = module {
            let resident = context.group.program.resident();
            resident.after_run(&mut store, instance);
        }
        // Before the output is taken: only the store's end is the end of all that might print.
        drop(store);

        // Before the ending is settled, so that an abort ends this, too.
        let files = match collector {
            Some(collector) => Box::pin(collect(collector, call)).await?,
            None => None,
        };
        let cause = call.settle(own_cause(&result, fuel_left));
        let program = &context.group.program;
        let mut ending = classify(result, cause, started, || program.bodies())?;
        if let Ending::Trap(trap) = &mut ending {
            Box::pin(program.explain(trap)).await;
        }
        let printed = capture.take();
        usage.output_truncated = printed.truncated;
        Ok(Outcome {
            ending,
            stdout: printed.stdout,
            stderr: printed.stderr,
            files,
            usage,
        })
    }
}

/// Waits until what the guest of `call` has printed is on its way out of the process, unless the call was stopped. A guest
/// of WASI 0.2 need not wait for that itself.
pub(super) async fn printed(inherited: Inherited, call: &CallControl) {
    if inherited.any() && call.cause().is_none() {
        Box::pin(inherited.arrived()).await;
    }
}

pub(super) fn mark_instantiated(store: &mut Store<RunState>) {
    let state = store.data_mut();
    state.limiter.instantiated = true;
    state.started = true;
}

/// A component's `run` that returns an error is exit 1.
fn exit_code(result: std::result::Result<(), ()>) -> wasmtime::Result<()> {
    result.map_err(|()| Exit(1).into())
}

/// Guests look at their fuel in loops and at the start of functions only, and what they use after the
/// last look just brings it to 0. With one unit more than the limit, 0 says that the limit was passed.
fn with_spare(fuel: u64) -> u64 {
    match fuel {
        0 => 0,
        limit => limit.saturating_add(1),
    }
}
