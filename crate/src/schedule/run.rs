//! One run: one instance, one call, one outcome.

use super::context::RunContext;
use super::instance::{Instance, printed};
use super::panics::catch_panics;
use super::run_group::Ended;
use super::serve::serve;
use super::submission::QueuedRun;
use super::supervised::{converse, supervise};
use crate::error::Result;
use crate::guest::{CallControl, Outcome};
use crate::options::RunOptions;
use bytes::Bytes;
use std::pin::pin;
use std::sync::Arc;

/// One run from its start to its end, or an instance that serves calls.
pub(super) async fn drive(
    context: Arc<RunContext>,
    run: QueuedRun,
    control: Arc<CallControl>,
) -> Ended {
    let QueuedRun {
        id,
        payload,
        instance,
        ..
    } = run;
    let result = match instance {
        None => attempt(&context, id, &payload, &control).await,
        // Apart, so that the future of a run stays small.
        Some(handle) => serve(context, id, payload, handle, control).await,
    };
    Ended { id, result }
}

/// The run itself.
async fn attempt(
    context: &Arc<RunContext>,
    id: u64,
    payload: &Bytes,
    control: &Arc<CallControl>,
) -> Result<Outcome> {
    if control.cause().is_some() {
        return Ok(Outcome::never_started());
    }
    let work = pin!(async {
        let group = &context.group;
        let own = group.client.decode_options(group, id, payload)?;
        execute(context, own, control).await
    });
    catch_panics(work).await
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
    let (options, compiled) = context.code_for(own.as_deref()).await?;
    let limits = options.limits;
    let is_hosted = options.host_calls.is_some();
    if let Some(exchange) = options.exchange.clone() {
        let handler = compiled.handler(is_hosted)?;
        let mut instance = Instance::new(context, own, compiled)?;
        // Apart, so that the future of a run stays small.
        let mut handling = Box::pin(instance.handle(handler, &exchange, control));
        let returned = supervise(handling.as_mut(), context, &limits, control).await;
        drop(handling);
        return instance.end(control, returned).await;
    }
    let entry = match is_hosted {
        false => compiled.entry()?,
        true => compiled.hosted_entry()?,
    };
    let stdin = options.stdin.pipe().cloned();
    let mut instance = Instance::new(context, own, compiled)?;
    let inherited = instance.inherited();
    let work = async {
        let returned = instance.start(entry, control).await;
        printed(inherited, control).await;
        returned
    };
    let returned = converse(pin!(work), context, &limits, control, stdin.as_deref()).await;
    instance.end(control, returned).await
}
