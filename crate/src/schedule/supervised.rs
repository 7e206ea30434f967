//! A guest that computes or waits, held to its time and to the causes that end it.

use super::brief::{PROMPT, SLICE, has_cores};
use super::context::RunContext;
use super::lane::Lane;
use super::ticker::{Alarm, Ticker};
use crate::error::Error;
use crate::guest::{CallControl, Cause, CpuMeter, LimitKind, Limits, Stopped};
use crate::stdio::InputPipe;
use crate::wasi::RunState;
use futures_util::future::Either;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use wasmtime::{StoreContextMut, UpdateDeadline};

/// What a call came back with, and when.
pub(super) struct CallEnd {
    pub(super) result: wasmtime::Result<()>,
    pub(super) at: Instant,
}

/// Waits for a call of a guest, and holds it to its time and to the causes that end it. The call is pinned by the caller,
/// so that it is in the future of a run once.
pub(super) async fn supervise(
    call: Pin<&mut impl Future<Output = wasmtime::Result<()>>>,
    context: &RunContext,
    limits: &Limits,
    control: &Arc<CallControl>,
) -> CallEnd {
    converse(call, context, limits, control, None).await
}

/// The same for a guest that may read from `stdin`: where it is answered at once, its thread does not sleep meanwhile.
pub(super) async fn converse(
    call: Pin<&mut impl Future<Output = wasmtime::Result<()>>>,
    context: &RunContext,
    limits: &Limits,
    control: &Arc<CallControl>,
    stdin: Option<&InputPipe>,
) -> CallEnd {
    let program = &context.group.program;
    let waits_for_permit = !program.is_interruptible(limits.fuel.is_some());
    control
        .uninterruptible
        .store(waits_for_permit, Ordering::Relaxed);
    let call = match waits_for_permit {
        true => Either::Right(Box::pin(context.permits.compute(call))),
        false => Either::Left(call),
    };
    Supervised {
        call: pin!(call),
        control,
        ticker: &context.ticker,
        limits,
        waits_for_permit,
        alarm: None,
        stdin,
    }
    .await
}

/// Called in the guest's loops and functions when its thread may be due: ends the guest, yields the thread, or
/// tells the ticker when to return.
pub(super) fn at_epoch(store: StoreContextMut<'_, RunState>) -> wasmtime::Result<UpdateDeadline> {
    let RunState {
        control, limits, ..
    } = store.data();
    control.pass_on();
    let Some(control) = &control.call() else {
        return Err(Error::internal("a guest computes without a call").into());
    };
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
    control: &CallControl,
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
fn deadline(limits: &Limits, control: &CallControl, now: Instant) -> Option<Instant> {
    let timeout = limits.timeout?;
    control.start(|| now).checked_add(timeout)
}

/// Stops a run that has used up its time, by its wall clock or by this reading of its CPU meter.
fn enforce_time(
    limits: &Limits,
    control: &CallControl,
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

/// A guest's call, kept from going on once the run has a cause to end. While its own code runs,
/// [`at_epoch`] does the same; while it waits, the ticker ends it at its deadline.
struct Supervised<'a, F> {
    call: Pin<&'a mut F>,
    control: &'a Arc<CallControl>,
    ticker: &'a Ticker,
    limits: &'a Limits,
    /// The guest may start later than the first poll; it has no limits on its time then.
    waits_for_permit: bool,
    /// Set at the first wait: most runs never wait.
    alarm: Option<Alarm>,
    stdin: Option<&'a InputPipe>,
}

impl<F: Future<Output = wasmtime::Result<()>>> Supervised<'_, F> {
    /// Lets the guest go on until it waits.
    fn go_on(&mut self, context: &mut Context<'_>) -> Poll<CallEnd> {
        let (control, limits) = (self.control, self.limits);
        // A cause that is seen here came before the time that is read here.
        let stopped = || {
            Poll::Ready(CallEnd {
                result: Err(Stopped.into()),
                at: Instant::now(),
            })
        };
        if control.cause().is_some() {
            return stopped();
        }
        let now = Instant::now();
        let computing = self.ticker.computing(now);
        let is_timed = limits.timeout.is_some() || limits.cpu.is_some();
        if !self.waits_for_permit {
            control.start(|| now);
        }
        control.meter.enter(now);
        if is_timed {
            let due = due(limits, control, now, CpuMeter::total);
            Lane::with(|lane| lane.look_at(due));
        }
        let polled = self.call.as_mut().poll(context);
        let now = Instant::now();
        control.meter.leave(now);
        if is_timed {
            Lane::with(|lane| lane.look_at(None));
        }
        drop(computing);
        // Also of a call that came back: bulk instructions and host calls see no epoch.
        enforce_time(limits, control, || now, CpuMeter::total);
        if let Poll::Ready(result) = polled {
            return Poll::Ready(CallEnd { result, at: now });
        }
        // Registered first: a stop between the two lines must not be missed.
        control.register(context.waker());
        if self.alarm.is_none()
            && let Some(deadline) = deadline(limits, control, now)
        {
            self.alarm = Some(self.ticker.alarm(deadline, control));
        }
        match control.cause() {
            Some(_) => stopped(),
            None => Poll::Pending,
        }
    }
}

impl<F: Future<Output = wasmtime::Result<()>>> Future for Supervised<'_, F> {
    type Output = CallEnd;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut polled = self.go_on(context);
        let Some(stdin) = self.stdin else {
            return polled;
        };
        let begun = Instant::now();
        while polled.is_pending()
            && begun.elapsed() < SLICE
            && has_cores()
            && self.ticker.runs_one()
            && !self.ticker.is_crowded()
            && stdin.wait_briefly(PROMPT)
        {
            polled = self.go_on(context);
        }
        polled
    }
}
