//! One run: one instance, one call, one outcome.

use super::context::RunContext;
use super::instance::{Instance, Returned};
use super::submission::{Ended, QueuedRun};
use super::supervised::Supervised;
use crate::error::{Error, Result};
use crate::guest::{CallControl, Limits, Outcome};
use crate::options::RunOptions;
use bytes::Bytes;
use futures_util::future::Either;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Poll;

/// One run from its start to its end.
pub(super) async fn drive(
    context: Arc<RunContext>,
    run: QueuedRun,
    control: Arc<CallControl>,
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
    control: &Arc<CallControl>,
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
/// Host faults only: an import that is not provided, no entry point, a preopen that does not open, no memory.
async fn execute(
    context: &Arc<RunContext>,
    own: Option<Box<RunOptions>>,
    control: &Arc<CallControl>,
) -> Result<Outcome> {
    let program = &context.group.program;
    let options = own.as_deref().unwrap_or(&context.group.options);
    program.check_options(options)?;
    let limits = options.limits;
    let compiled = program.compiled(limits.fuel.is_some()).await?;
    let entry = match options.host_calls {
        None => compiled.entry()?,
        Some(_) => compiled.hosted_entry()?,
    };
    let mut instance = Instance::new(context, own, compiled)?;
    let returned = supervise(instance.start(entry, control), context, &limits, control).await;
    instance.end(control, returned)
}

/// Waits for a call of a guest, and holds it to its time and to the causes that end it.
async fn supervise(
    call: impl Future<Output = wasmtime::Result<()>>,
    context: &RunContext,
    limits: &Limits,
    control: &Arc<CallControl>,
) -> Returned {
    let program = &context.group.program;
    let waits_for_permit = !program.is_interruptible(limits.fuel.is_some());
    control
        .uninterruptible
        .store(waits_for_permit, Ordering::Relaxed);
    let call = pin!(call);
    let call = match waits_for_permit {
        true => Either::Right(Box::pin(context.permits.compute(call))),
        false => Either::Left(call),
    };
    let (result, at) = Supervised {
        call: pin!(call),
        control,
        ticker: &context.ticker,
        limits,
        waits_for_permit,
        alarm: None,
    }
    .await;
    Returned { result, at }
}
