//! The task of an instance: makes it, and carries out its calls in their order.

use super::brief::{PROMPT, SLICE, has_cores};
use super::callable::{Callable, Called, Offered, Started};
use super::context::RunContext;
use super::give_way::give_way;
use super::instance_handle::{InstanceHandle, Step, never_started};
use super::panics::catch_panics;
use super::queued_call::{EndedCall, QueuedCall};
use crate::component::Flows;
use crate::error::Result;
use crate::guest::{CallControl, CallOutcome, Outcome};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Poll;
use std::time::Instant;

/// An instance from its start to its end; returns how it ended.
pub(super) fn serve(
    context: Arc<RunContext>,
    id: u64,
    payload: Bytes,
    handle: Arc<InstanceHandle>,
    life: Arc<CallControl>,
) -> BoxFuture<'static, Result<Outcome>> {
    Box::pin(async move {
        let mut task = Serving {
            context,
            handle,
            life,
            ended: Vec::new(),
        };
        let result = task.run(id, &payload).await;
        task.flush();
        task.handle.finish();
        result
    })
}

struct Serving {
    context: Arc<RunContext>,
    handle: Arc<InstanceHandle>,
    life: Arc<CallControl>,
    /// Calls that have ended and whose client does not know it yet.
    ended: Vec<EndedCall>,
}

impl Serving {
    async fn run(&mut self, id: u64, payload: &Bytes) -> Result<Outcome> {
        let Some(started) = self.start(id, payload).await else {
            return Ok(Outcome::never_started());
        };
        let (callable, returned) = match started? {
            Started::Ended(outcome) => return Ok(outcome),
            Started::Ready(callable, returned) => (callable, returned),
        };
        let offered = callable.offered();
        if let Offered::Module(exports) = &offered {
            self.handle.set_exports(exports);
        }
        // First: who hears of it may use it at once.
        self.handle.put(callable);
        let client = self.handle.client();
        client.instantiated(id, returned, offered.described());
        client.notify();
        self.take_calls().await
    }

    /// Makes the instance; `None` if it was stopped before.
    async fn start(&mut self, id: u64, payload: &Bytes) -> Option<Result<Started>> {
        if self.life.cause().is_some() {
            return None;
        }
        let (context, handle) = (self.context.clone(), self.handle.clone());
        let work = pin!(async {
            let group = &context.group;
            let own = group.client.decode_options(group, id, payload)?;
            let options = own.as_deref().unwrap_or(&group.options);
            let is_interruptible = group
                .program
                .is_interruptible(options.limits.fuel.is_some());
            let uninterruptible = &self.life.uninterruptible;
            uninterruptible.store(!is_interruptible, Ordering::Relaxed);
            Callable::start(&context, own, handle.control().clone()).await
        });
        let mut work = pin!(catch_panics(work));
        let started = poll_fn(|polled| {
            self.life.register(polled.waker());
            handle.control().pass_on();
            work.as_mut().poll(polled)
        });
        Some(started.await)
    }

    async fn take_calls(&mut self) -> Result<Outcome> {
        let mut held = None;
        let mut slice = Instant::now();
        let mut is_prompt = false;
        loop {
            while let Some(flows) = held
                .as_mut()
                .and_then(|it: &mut Box<Callable>| it.open_flows())
            {
                // Who hears of the call that opened them can hear what comes of them.
                self.flush();
                if self.handle.is_wanted() {
                    break;
                }
                let Some(callable) = held.take() else { break };
                match self.flow(callable, &flows).await {
                    Ok(callable) => held = Some(callable),
                    Err(result) => return result,
                }
            }
            let mut idle = None;
            let step = poll_fn(|polled| {
                let step = self.handle.poll_step(&mut held, polled);
                if step.is_ready() || idle.is_some() {
                    return step;
                }
                self.life.meter.reset();
                self.flush();
                idle = Some(Instant::now());
                match is_prompt && self.handle.wait_briefly(PROMPT) {
                    true => self.handle.poll_step(&mut held, polled),
                    false => step,
                }
            });
            let (callable, call) = match step.await {
                Step::Call(callable, call) => (callable, call),
                Step::End(result) => return result,
            };
            if let Some(idle) = idle {
                slice = Instant::now();
                is_prompt = slice - idle < PROMPT && has_cores();
            }
            held = match self.call(callable, call).await {
                Ok(callable) => Some(callable),
                Err(result) => return result,
            };
            if slice.elapsed() >= SLICE {
                // Who hears of the last call may use the instance at once.
                held.take_if(|callable| callable.open_flows().is_none())
                    .into_iter()
                    .for_each(|callable| self.handle.put(callable));
                self.flush();
                give_way().await;
                slice = Instant::now();
            }
        }
    }

    /// Lets the guest go on with its streams and futures until there is a call or none of them is open. What the limits
    /// allow is given anew each time that one of them has moved. Returns the instance, or how it ended.
    async fn flow(
        &mut self,
        callable: Box<Callable>,
        flows: &Flows,
    ) -> std::result::Result<Box<Callable>, Result<Outcome>> {
        let handle = self.handle.clone();
        let moves = flows.moves();
        let until = poll_fn(
            move |polled| match flows.is_open() && flows.moves() == moves {
                true => handle.poll_wanted(polled),
                false => Poll::Ready(()),
            },
        );
        let control = Arc::<CallControl>::default();
        let work = pin!(async { Ok(callable.flow(&control, until).await) });
        let mut work = pin!(catch_panics(work));
        let flowed = poll_fn(|polled| {
            self.life.register(polled.waker());
            self.handle.control().pass_on();
            let flowed = work.as_mut().poll(polled);
            self.life.meter.follow(&control.meter);
            flowed
        });
        let flowed = flowed.await;
        self.handle.stop_flowing();
        match flowed {
            Ok(Called::GoesOn(callable, _)) => Ok(callable),
            Ok(Called::Over(Ok(outcome))) => Err(Ok(outcome.without_output())),
            Ok(Called::Over(Err(error))) | Err(error) => Err(Err(error)),
        }
    }

    /// Carries out a call. Returns the instance, or how it ended with the call.
    async fn call(
        &mut self,
        callable: Box<Callable>,
        mut call: QueuedCall,
    ) -> std::result::Result<Box<Callable>, Result<Outcome>> {
        let control = call.control.take().unwrap_or_default();
        if control.cause().is_some() {
            self.ended.push(never_started(call));
            return Ok(callable);
        }
        let work = pin!(async { Ok(callable.call(&call, &control).await) });
        let mut work = pin!(catch_panics(work));
        let called = poll_fn(|polled| {
            self.life.register(polled.waker());
            self.handle.control().pass_on();
            let called = work.as_mut().poll(polled);
            if called.is_pending() {
                self.life.meter.follow(&control.meter);
                self.flush();
            }
            called
        });
        let (goes_on, result) = match called.await {
            Ok(Called::GoesOn(callable, result)) => (Ok(callable), result),
            Ok(Called::Over(Ok(outcome))) => {
                let end = outcome.without_output();
                (Err(Ok(end)), Ok(CallOutcome::Ended(outcome)))
            }
            Ok(Called::Over(Err(error))) | Err(error) => (Err(Err(error.clone())), Err(error)),
        };
        self.ended.push(EndedCall {
            id: call.id,
            result,
        });
        goes_on
    }

    /// Tells the client of the calls that have ended.
    fn flush(&mut self) {
        if self.ended.is_empty() {
            return;
        }
        let client = self.handle.client();
        client.called(&mut self.ended);
        self.ended.clear();
        client.notify();
    }
}
