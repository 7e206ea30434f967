//! One run: one store, one call, one outcome.

use super::submission::{Ended, QueuedRun, RunGroup};
use super::supervised::{Supervised, at_epoch};
use super::ticker::Ticker;
use super::uninterruptible::ComputePermits;
use crate::error::{Error, Result};
use crate::guest::{Control, Exit, Limits, Outcome, Usage, classify, own_cause};
use crate::options::RunOptions;
use crate::program::{Compiled, Entry};
use crate::stdio::Capture;
use crate::wasi::{Invocation, RunState, Wasi};
use bytes::Bytes;
use futures_util::future::Either;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Poll;
use std::time::Instant;
use wasmtime::{Engine, Store};

/// Host work (bytes copied for the guest) that one host call may cause; wasmtime's own default.
const HOSTCALL_FUEL: usize = 128 << 20;

/// What the runs of one group share that one runner executes. Each runner has its own copy, so that threads
/// do not contend for its reference count.
pub(crate) struct RunContext {
    pub(super) group: Arc<RunGroup>,
    ticker: Arc<Ticker>,
    permits: Arc<ComputePermits>,
}

impl RunContext {
    pub(super) fn new(
        group: Arc<RunGroup>,
        ticker: Arc<Ticker>,
        permits: Arc<ComputePermits>,
    ) -> Self {
        Self {
            group,
            ticker,
            permits,
        }
    }
}

impl Invocation for RunContext {
    fn program_name(&self) -> &str {
        self.group.program.name()
    }

    fn options(&self) -> &RunOptions {
        &self.group.options
    }
}

/// One run from its start to its end.
pub(super) async fn drive(
    context: Arc<RunContext>,
    run: QueuedRun,
    control: Arc<Control>,
) -> Ended {
    let QueuedRun { id, payload, .. } = run;
    let result = attempt(&context, id, &payload, &control).await;
    Ended { id, result }
}

/// The run itself; a panic in it is an error of ours, not the end of the process.
async fn attempt(
    context: &Arc<RunContext>,
    id: u64,
    payload: &Bytes,
    control: &Arc<Control>,
) -> Result<Outcome> {
    if control.cause().is_some() {
        return Ok(Outcome::never_started());
    }
    let mut run = pin!(async {
        let group = &context.group;
        let own = group.client.decode_options(group, id, payload)?;
        execute(context, own, control).await
    });
    poll_fn(move |polled| {
        catch_unwind(AssertUnwindSafe(|| run.as_mut().poll(polled)))
            .unwrap_or_else(|panic| Poll::Ready(Err(Error::from_panic(&*panic))))
    })
    .await
}

/// Runs the program of a context's group to its end, whatever that is; `own` are the options of this run,
/// if it has its own.
///
/// The future must be polled on a tokio runtime with a clock.
///
/// # Errors
///
/// Host faults only: an import nobody provides, no entry point, a preopen that does not open, no memory.
async fn execute(
    context: &Arc<RunContext>,
    own: Option<Box<RunOptions>>,
    control: &Arc<Control>,
) -> Result<Outcome> {
    let RunContext {
        group,
        ticker,
        permits,
    } = &**context;
    let program = &group.program;
    let options = own.as_deref().unwrap_or(&group.options);
    let limits = options.limits;
    let fuel = limits.fuel;
    program.check_limits(&limits)?;
    let compiled = program.compiled(fuel.is_some()).await?;
    let entry = compiled.entry()?;
    let capture = Capture::new(control.clone(), &limits, options.on_broken_pipe);
    let wasi = Wasi::new(context.clone(), own, capture.clone())?;
    let mut store = store(compiled, wasi, limits, control)?;
    store.data_mut().started = program.starts_early();

    let waits_for_permit = !program.is_interruptible(fuel.is_some());
    control
        .uninterruptible
        .store(waits_for_permit, Ordering::Relaxed);
    let (result, end) = {
        let call = pin!(call(&mut store, entry));
        let call = match waits_for_permit {
            true => Either::Right(Box::pin(permits.compute(call))),
            false => Either::Left(call),
        };
        Supervised {
            call: pin!(call),
            control,
            ticker,
            limits: &limits,
            waits_for_permit,
            alarm: None,
        }
        .await
    };
    let wall = control.wall(end);
    let fuel_left = fuel.map(|_| store.get_fuel().unwrap_or(0));
    let started = store.data().started;
    capture.enforce();
    // Before the output is taken: only the store's end is the end of all that might print.
    drop(store);

    let cause = control.settle(own_cause(&result, fuel_left));
    let ending = classify(result, cause, started)?;
    let printed = capture.take();
    Ok(Outcome {
        ending,
        stdout: printed.stdout,
        stderr: printed.stderr,
        usage: Usage {
            wall,
            cpu: control.meter.total(),
            fuel: fuel
                .zip(fuel_left)
                .map(|(limit, left)| (with_spare(limit) - left).min(limit)),
            memory_peak: control.memory_peak.load(Ordering::Relaxed),
            memory_denied: control.memory_denied.load(Ordering::Relaxed),
            output_truncated: printed.truncated,
        },
    })
}

/// Guests look at their fuel in loops and at the start of functions only, and what they use after the
/// last look just brings it to 0. With one unit more than the limit, 0 says that the limit was passed.
fn with_spare(fuel: u64) -> u64 {
    match fuel {
        0 => 0,
        limit => limit.saturating_add(1),
    }
}

fn store(
    compiled: &Compiled,
    wasi: Wasi,
    limits: Limits,
    control: &Arc<Control>,
) -> Result<Store<RunState>> {
    let engine: &Engine = compiled.engine();
    let mut store = Store::new(engine, RunState::new(wasi, limits, control.clone()));
    store.limiter(|state| &mut state.limiter);
    store.set_hostcall_fuel(HOSTCALL_FUEL);
    store.epoch_deadline_callback(at_epoch);
    store.set_epoch_deadline(1);
    if let Some(fuel) = limits.fuel {
        store
            .set_fuel(with_spare(fuel))
            .map_err(crate::error::Error::internal)?;
    }
    Ok(store)
}

async fn call(store: &mut Store<RunState>, entry: &Entry) -> wasmtime::Result<()> {
    store.data().control.start(Instant::now);
    match entry {
        Entry::Module { pre, start } => {
            let instance = pre.instantiate_async(&mut *store).await?;
            mark_instantiated(store);
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
            answer(command.wasi_cli_run().call_run(store).await?)
        }
        Entry::P3(pre) => {
            let command = pre.instantiate_async(&mut *store).await?;
            mark_instantiated(store);
            let run = async |store: &_| command.wasi_cli_run().call_run(store).await;
            answer(store.run_concurrent(run).await??)
        }
    }
}

fn mark_instantiated(store: &mut Store<RunState>) {
    let state = store.data_mut();
    state.limiter.instantiated = true;
    state.started = true;
}

/// A component's `run` that returns an error is exit 1.
fn answer(result: std::result::Result<(), ()>) -> wasmtime::Result<()> {
    result.map_err(|()| Exit(1).into())
}
