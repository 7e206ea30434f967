//! One run: one store, one call, one outcome.

use crate::classify::{classify, own_cause};
use crate::cpu::CpuMeter;
use crate::error::{Error, Result};
use crate::job::Desk;
use crate::lane::Lane;
use crate::limits::{Limits, MemoryLimiter};
use crate::options::RunOptions;
use crate::outcome::{Exit, LimitKind, Outcome, Usage};
use crate::program::{Compiled, Entry};
use crate::stdio::Capture;
use crate::stop::{Cause, Control, Stopped};
use crate::ticker::{Alarm, Ticker};
use crate::wasi::Wasi;
use futures_util::future::Either;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use wasmtime::{Engine, Store, StoreContextMut, UpdateDeadline};
use wasmtime_wasi::p1::WasiP1Ctx;
use wasmtime_wasi::{WasiCtxView, WasiView};

/// Host work (bytes copied for the guest) that one host call may cause; wasmtime's own default.
const HOSTCALL_FUEL: usize = 128 << 20;

/// What every store of ours holds, whatever kind of program runs in it.
pub(crate) struct RunState {
    wasi: Wasi,
    limiter: MemoryLimiter,
    control: Arc<Control>,
    limits: Limits,
    /// Set before the first moment at which code of the guest may run.
    started: bool,
}

impl RunState {
    pub(crate) fn new(wasi: Wasi, limits: Limits, control: Arc<Control>) -> Self {
        Self {
            wasi,
            limiter: MemoryLimiter::new(control.clone(), &limits),
            control,
            limits,
            started: false,
        }
    }

    pub(crate) fn wasi(&mut self) -> &mut Wasi {
        &mut self.wasi
    }

    pub(crate) fn p1(&mut self) -> &mut WasiP1Ctx {
        self.wasi.context()
    }
}

impl WasiView for RunState {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        self.p1().ctx()
    }
}

/// Runs the program of a desk's parcel to its end, whatever that is; `own` are the options of this run,
/// if they are not those of all.
///
/// The future must be polled on a tokio runtime with a clock.
///
/// # Errors
///
/// Host faults only: an import nobody provides, no entry point, a preopen that does not open, no memory.
pub(crate) async fn execute(
    desk: &Arc<Desk>,
    own: Option<Box<RunOptions>>,
    control: &Arc<Control>,
) -> Result<Outcome> {
    let (program, ticker) = (desk.parcel.program(), desk.scheduler.ticker());
    let options = own.as_deref().unwrap_or(desk.parcel.options());
    let limits = options.limits;
    let fuel = limits.fuel;
    program.check_limits(&limits)?;
    let compiled = program.compiled(fuel.is_some()).await?;
    let entry = compiled.entry()?;
    let capture = Capture::new(control.clone(), options);
    let wasi = Wasi::new(desk.clone(), own, capture.clone())?;
    let mut store = store(compiled, wasi, limits, control)?;
    store.data_mut().started = program.starts_early();

    let waits_for_turn = !program.is_interruptible(fuel.is_some());
    control
        .uninterruptible
        .store(waits_for_turn, Ordering::Relaxed);
    let (result, end) = {
        let call = pin!(call(&mut store, entry));
        let call = match waits_for_turn {
            true => Either::Right(Box::pin(ticker.turns.take(call))),
            false => Either::Left(call),
        };
        Supervised {
            call: pin!(call),
            control,
            ticker,
            limits: &limits,
            waits_for_turn,
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

/// Runs in the guest's loops and functions when the guest may be due: ends it, or lets others have the
/// thread, or has the ticker come back when the guest is due indeed.
fn at_epoch(store: StoreContextMut<'_, RunState>) -> wasmtime::Result<UpdateDeadline> {
    let RunState {
        control, limits, ..
    } = store.data();
    let now = Instant::now();
    enforce_time(limits, control, || now, CpuMeter::now);
    if control.cause().is_some() {
        return Err(Stopped.into());
    }
    let goes_on = Lane::with(|lane| {
        let goes_on = !lane.is_slice_over(now);
        if goes_on {
            lane.look_at(due(limits, control, now, CpuMeter::now));
        }
        goes_on
    });
    Ok(match goes_on {
        Some(true) => UpdateDeadline::Continue(1),
        Some(false) | None => UpdateDeadline::Yield(1),
    })
}

/// When a guest that computes from now on passes one of its limits on time, at the earliest.
fn due(
    limits: &Limits,
    control: &Control,
    now: Instant,
    cpu: impl Fn(&CpuMeter) -> Duration,
) -> Option<Instant> {
    let left = |limit: Duration| limit.saturating_sub(cpu(&control.meter));
    let by_cpu = limits.cpu.and_then(|limit| now.checked_add(left(limit)));
    [deadline(limits, control, now), by_cpu]
        .into_iter()
        .flatten()
        .min()
}

/// When its timeout is over.
fn deadline(limits: &Limits, control: &Control, now: Instant) -> Option<Instant> {
    let timeout = limits.timeout?;
    control.start(|| now).checked_add(timeout)
}

/// Stops a run that has used up its time, by its wall clock or by this reading of its CPU meter.
fn enforce_time(
    limits: &Limits,
    control: &Control,
    now: impl Fn() -> Instant,
    cpu: impl Fn(&CpuMeter) -> Duration,
) {
    if limits
        .timeout
        .is_some_and(|limit| control.wall(now()) >= limit)
    {
        control.stop(Cause::Limit(LimitKind::Timeout));
    } else if limits.cpu.is_some_and(|limit| cpu(&control.meter) >= limit) {
        control.stop(Cause::Limit(LimitKind::Cpu));
    }
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

/// A component's `run` that answers an error is exit 1.
fn answer(result: std::result::Result<(), ()>) -> wasmtime::Result<()> {
    result.map_err(|()| Exit(1).into())
}

/// A guest's call, kept from going on once the run has a cause to end. While its own code runs,
/// [`at_epoch`] does the same; while it waits, the ticker ends it at its deadline.
struct Supervised<'a, F> {
    call: Pin<&'a mut F>,
    control: &'a Arc<Control>,
    ticker: &'a Ticker,
    limits: &'a Limits,
    /// The guest may start later than the first poll; it has no limits on its time then.
    waits_for_turn: bool,
    /// Set at the first wait: most runs never wait.
    alarm: Option<Alarm>,
}

impl<F: Future<Output = wasmtime::Result<()>>> Future for Supervised<'_, F> {
    /// What the call answered, and when.
    type Output = (F::Output, Instant);

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let (control, limits) = (this.control, this.limits);
        // A cause that is seen came before the time that is read then.
        let stopped = || Poll::Ready((Err(Stopped.into()), Instant::now()));
        if control.cause().is_some() {
            return stopped();
        }
        let now = Instant::now();
        let computing = this.ticker.computing(now);
        let is_timed = limits.timeout.is_some() || limits.cpu.is_some();
        if !this.waits_for_turn {
            control.start(|| now);
        }
        control.meter.enter(now);
        if is_timed {
            let due = due(limits, control, now, CpuMeter::total);
            Lane::with(|lane| lane.look_at(due));
        }
        let polled = this.call.as_mut().poll(context);
        let now = Instant::now();
        control.meter.leave(now);
        if is_timed {
            Lane::with(|lane| lane.look_at(None));
        }
        drop(computing);
        // Also of a call that came back: bulk instructions and host calls see no epoch.
        enforce_time(limits, control, || now, CpuMeter::total);
        if let Poll::Ready(result) = polled {
            return Poll::Ready((result, now));
        }
        // Registered first: a stop between the two lines must not be missed.
        control.register(context.waker());
        if this.alarm.is_none()
            && let Some(deadline) = deadline(limits, control, now)
        {
            this.alarm = Some(this.ticker.alarm(deadline, control));
        }
        match control.cause() {
            Some(_) => stopped(),
            None => Poll::Pending,
        }
    }
}
