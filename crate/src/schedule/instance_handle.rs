//! An instance as its users have it: calls that wait, and the instance itself while no call is in progress.

use super::brief::wait_briefly;
use super::callable::Callable;
use super::queued_call::{EndedCall, QueuedCall};
use super::run_group::Client;
use crate::error::{Error, ErrorCode, Result};
use crate::guest::{CallControl, CallOutcome, Cause, InstanceControl, Outcome};
use crate::lock::lock;
use crate::program::Exports;
use std::collections::VecDeque;
use std::mem::take;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

/// Leads from the users of an instance to the task that serves its calls.
pub struct InstanceHandle {
    client: Arc<dyn Client>,
    /// Stops the instance.
    life: Arc<CallControl>,
    control: Arc<InstanceControl>,
    exports: OnceLock<Arc<Exports>>,
    /// Whether calls may have been queued since this was last set to false.
    touched: AtomicBool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Calls that wait, in their order.
    queue: VecDeque<QueuedCall>,
    place: Place,
    /// Wakes the task.
    waker: Option<Waker>,
}

/// Where the instance is.
#[derive(Default)]
enum Place {
    /// Not made yet, or with the thread that carries out a call.
    #[default]
    Out,
    /// With the task, whose guest goes on with its streams and futures.
    Flowing,
    /// Here: no call is in progress.
    Idle(Box<Callable>),
    /// Gone, which its task has not noticed yet.
    Ended(Box<Result<Outcome>>),
    /// Gone.
    Over,
}

/// What its task does next.
pub(super) enum Step {
    Call(Box<Callable>, QueuedCall),
    End(Result<Outcome>),
}

impl InstanceHandle {
    /// That of an instance which is to be made. The run that makes it has to have the control that is returned.
    pub fn new(client: Arc<dyn Client>) -> (Arc<Self>, Arc<CallControl>) {
        let life = Arc::<CallControl>::default();
        let this = Self {
            client,
            control: Arc::new(InstanceControl::of(life.clone())),
            life: life.clone(),
            exports: OnceLock::new(),
            touched: AtomicBool::new(false),
            state: Mutex::default(),
        };
        (Arc::new(this), life)
    }

    pub(super) fn control(&self) -> &Arc<InstanceControl> {
        &self.control
    }

    pub(super) fn client(&self) -> &Arc<dyn Client> {
        &self.client
    }

    pub(super) fn set_exports(&self, exports: &Arc<Exports>) {
        let _ = self.exports.set(exports.clone());
    }

    /// What can be called of a module; `None` until the instance is made, and for a component.
    pub(crate) fn exports(&self) -> Option<&Arc<Exports>> {
        self.exports.get()
    }

    /// Queues calls in their order.
    pub fn push(&self, calls: Vec<QueuedCall>) {
        let mut state = self.lock();
        if matches!(state.place, Place::Over) {
            drop(state);
            let ended = calls.into_iter().map(|call| self.refused(call));
            self.deliver(ended.collect());
            return;
        }
        state.queue.extend(calls);
        self.touched.store(true, Ordering::Release);
        let waker = match state.place {
            Place::Idle(_) | Place::Flowing => state.waker.take(),
            _ => None,
        };
        drop(state);
        waker.into_iter().for_each(Waker::wake);
    }

    /// Waits for up to `patience` for a call, without sleeping; returns whether one may have come.
    pub(super) fn wait_briefly(&self, patience: Duration) -> bool {
        wait_briefly(patience, || self.touched.load(Ordering::Acquire))
    }

    /// Ends the waiting calls that were stopped. Calls in progress notice it by themselves.
    pub fn sweep(&self) {
        let mut state = self.lock();
        let (stopped, waiting) = take(&mut state.queue)
            .into_iter()
            .partition(QueuedCall::is_stopped);
        state.queue = waiting;
        drop(state);
        self.deliver(VecDeque::into_iter(stopped).map(never_started).collect());
    }

    /// Ends the instance. [`crate::Runtime::sweep`] has to follow, which makes a computing guest notice it.
    pub fn close(&self) {
        self.life.stop(Cause::Abort);
    }

    /// Takes the instance to carry out a call, which ends with [`put`](Self::put) or [`end`](Self::end).
    pub(super) fn take(&self) -> Result<Box<Callable>> {
        let mut state = self.idle()?;
        match take(&mut state.place) {
            Place::Idle(callable) => Ok(callable),
            _ => Err(Error::internal("an idle instance vanished")),
        }
    }

    /// Gives the instance to `body`. No call begins meanwhile.
    pub(super) fn with<T>(&self, body: impl FnOnce(&mut Callable) -> Result<T>) -> Result<T> {
        let mut state = self.idle()?;
        match &mut state.place {
            Place::Idle(callable) => body(callable),
            _ => Err(Error::internal("an idle instance vanished")),
        }
    }

    /// Holds off all calls while none is in progress and none waits.
    fn idle(&self) -> Result<MutexGuard<'_, State>> {
        let state = self.lock();
        match state.place {
            _ if self.life.cause().is_some() => Err(over()),
            Place::Idle(_) if state.queue.is_empty() => Ok(state),
            Place::Idle(_) | Place::Out => Err(Error::new(
                ErrorCode::InstanceBusy,
                "a call of the instance is in progress or waits; await it first",
            )),
            Place::Flowing => Err(Error::new(
                ErrorCode::InstanceBusy,
                "a stream or future of the instance is open; read it to its end or leave it first",
            )),
            Place::Ended(_) | Place::Over => Err(over()),
        }
    }

    /// Puts the instance back.
    pub(super) fn put(&self, callable: Box<Callable>) {
        self.settle(Place::Idle(callable));
    }

    /// The instance has ended during a call outside of its task.
    pub(super) fn end(&self, result: Result<Outcome>) {
        self.settle(Place::Ended(Box::new(result)));
    }

    fn settle(&self, place: Place) {
        let mut state = self.lock();
        let goes_on = matches!(place, Place::Idle(_)) && state.queue.is_empty();
        state.place = place;
        let waker = match goes_on && self.life.cause().is_none() {
            true => None,
            false => state.waker.take(),
        };
        drop(state);
        waker.into_iter().for_each(Waker::wake);
    }

    /// The next call. `held` is the instance if the task has it; while the task waits, the instance is here.
    pub(super) fn poll_step(
        &self,
        held: &mut Option<Box<Callable>>,
        context: &mut Context<'_>,
    ) -> Poll<Step> {
        self.life.register(context.waker());
        let mut state = self.lock();
        if let Some(callable) = held.take() {
            state.place = Place::Idle(callable);
        }
        let is_stopped = self.life.cause().is_some();
        match take(&mut state.place) {
            Place::Ended(result) => return Poll::Ready(Step::End(*result)),
            Place::Idle(callable) if is_stopped => {
                drop(state);
                drop(callable);
                return Poll::Ready(Step::End(Ok(Outcome::never_started())));
            }
            Place::Idle(callable) => match state.queue.pop_front() {
                Some(call) => return Poll::Ready(Step::Call(callable, call)),
                None => {
                    self.touched.store(false, Ordering::Release);
                    state.place = Place::Idle(callable);
                }
            },
            Place::Out | Place::Flowing | Place::Over => {}
        }
        let known = state.waker.as_ref();
        if !known.is_some_and(|known| known.will_wake(context.waker())) {
            state.waker = Some(context.waker().clone());
        }
        drop(state);
        // Whoever carries out a call has to hear of it.
        self.control.pass_on();
        Poll::Pending
    }

    /// Whether a call waits, or the instance was stopped.
    pub(super) fn is_wanted(&self) -> bool {
        self.life.cause().is_some() || !self.lock().queue.is_empty()
    }

    /// Resolves once the task has to do something else than to let its guest go on with streams and futures.
    pub(super) fn poll_wanted(&self, context: &mut Context<'_>) -> Poll<()> {
        self.life.register(context.waker());
        let mut state = self.lock();
        if self.life.cause().is_some() || !state.queue.is_empty() {
            state.place = Place::Out;
            return Poll::Ready(());
        }
        state.place = Place::Flowing;
        state.waker = Some(context.waker().clone());
        Poll::Pending
    }

    /// The guest does not go on without a call any more.
    pub(super) fn stop_flowing(&self) {
        self.lock().place = Place::Out;
    }

    /// The task has ended: no call that waits, or comes later, begins.
    pub(super) fn finish(&self) {
        let mut state = self.lock();
        state.place = Place::Over;
        state.waker = None;
        let queue = take(&mut state.queue);
        drop(state);
        let is_stopped = self.life.cause().is_some();
        let ended = queue.into_iter().map(|call| match is_stopped {
            true => never_started(call),
            false => self.refused(call),
        });
        self.deliver(ended.collect());
    }

    fn refused(&self, call: QueuedCall) -> EndedCall {
        EndedCall {
            id: call.id,
            result: Err(over()),
        }
    }

    fn deliver(&self, mut ended: Vec<EndedCall>) {
        if !ended.is_empty() {
            self.client.called(&mut ended);
            self.client.notify();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

/// A call that was stopped while it waited.
pub(super) fn never_started(call: QueuedCall) -> EndedCall {
    EndedCall {
        id: call.id,
        result: Ok(CallOutcome::NeverStarted),
    }
}

/// The error for what comes after the end of an instance.
pub(crate) fn over() -> Error {
    Error::new(ErrorCode::InstanceOver, "the instance has ended")
}
