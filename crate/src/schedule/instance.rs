//! One instance of a program: one store, with what its guest may use.

use super::context::RunContext;
use super::supervised::at_epoch;
use crate::error::{Error, Result};
use crate::guest::{
    CallControl, Ending, Exit, InstanceControl, Outcome, Usage, classify, own_cause,
};
use crate::host_functions::ClosedWith;
use crate::options::RunOptions;
use crate::program::{Compiled, Entry};
use crate::stdio::{Capture, Replay};
use crate::wasi::{GrantedFiles, RunState, Wasi};
use std::sync::Arc;
use std::time::Instant;
use wasmtime::Store;

/// Host work (bytes copied for the guest) that one host call may cause; wasmtime's own default.
const HOSTCALL_FUEL: usize = 128 << 20;

pub(super) struct Instance {
    /// Before the store, and with it the memory, is dropped.
    host_calls: ClosedWith,
    store: Store<RunState>,
    capture: Arc<Capture>,
    /// Whose program may be a snapshot.
    context: Arc<RunContext>,
    /// What a snapshot prints before its guest goes on.
    replay: Option<Replay>,
}

/// A call that came back, and when.
pub(super) struct Returned {
    pub(super) result: wasmtime::Result<()>,
    pub(super) at: Instant,
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
        let limits = options.limits;
        let host_calls = options.host_calls.clone();
        let control = Arc::<InstanceControl>::default();
        let capture = Capture::new(control.clone(), &limits, options.on_broken_pipe);
        let snapshot = context.group.program.snapshot();
        let replay = snapshot.map(|snapshot| Replay {
            printed: snapshot.section().printed.clone(),
            stdout: options.stdout.clone(),
            stderr: options.stderr.clone(),
            capture: capture.clone(),
        });
        let wasi = Wasi::new(context.clone(), own, capture.clone())?;
        let mut state = RunState::new(wasi, limits, control);
        state.started = context.group.program.starts_early();
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
        })
    }

    /// Instantiates the program and runs it from its entry point.
    pub(super) async fn start(
        &mut self,
        entry: &Entry,
        call: &Arc<CallControl>,
    ) -> wasmtime::Result<()> {
        let store = &mut self.store;
        store.data().control.begin(call.clone());
        call.start(Instant::now);
        if let Some(replay) = self.replay.take() {
            replay.print().await?;
        }
        if let Some(snapshot) = self.context.group.program.snapshot() {
            store
                .data_mut()
                .wasi()
                .resume(snapshot.resumption())
                .await?;
        }
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

    /// Ends the instance; `call` is its last call, which has returned.
    ///
    /// # Errors
    ///
    /// Those of [`classify`].
    pub(super) fn end(self, call: &CallControl, returned: Returned) -> Result<Outcome> {
        let Self {
            host_calls,
            store,
            capture,
            context,
            replay: _,
        } = self;
        let Returned { result, at } = returned;
        let RunState {
            limits,
            limiter,
            started,
            ..
        } = store.data();
        let started = *started;
        let fuel = limits.fuel;
        let fuel_left = fuel.map(|_| store.get_fuel().unwrap_or(0));
        let collector = store.data().files().and_then(GrantedFiles::collector);
        let mut usage = Usage {
            wall: call.wall(at),
            cpu: call.meter.total(),
            fuel: fuel
                .zip(fuel_left)
                .map(|(limit, left)| (with_spare(limit) - left).min(limit)),
            memory_peak: limiter.used,
            memory_denied: limiter.denied,
            output_truncated: false,
        };
        capture.enforce();
        drop(host_calls);
        // Before the output is taken: only the store's end is the end of all that might print.
        drop(store);

        let cause = call.settle(own_cause(&result, fuel_left));
        let mut ending = classify(result, cause, started)?;
        if let Ending::Trap(trap) = &mut ending
            && let Some(snapshot) = context.group.program.snapshot()
        {
            snapshot.restore(&mut trap.frames);
        }
        let files = collector.map(|collector| collector.collect());
        let printed = capture.take();
        usage.output_truncated = printed.truncated;
        Ok(Outcome {
            ending,
            stdout: printed.stdout,
            stderr: printed.stderr,
            files: files.transpose()?,
            usage,
        })
    }
}

fn mark_instantiated(store: &mut Store<RunState>) {
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
