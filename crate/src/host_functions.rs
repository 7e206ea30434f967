//! Functions of the submitter that guests call.
//!
//! A guest that calls such a function is suspended: its fiber waits, and no thread is held. The submitter learns of the
//! call, and gives back values or says that the function threw. A guest has one fiber, so at most one call of a run is
//! in progress. While it is, the submitter may read and write the guest's memory.

mod memory;
mod packed;

pub use memory::MemoryAccess;
pub(crate) use memory::MemoryView;
pub(crate) use packed::{pack, unpack};

use crate::lock::lock;
use futures_util::task::AtomicWaker;
use std::pin::Pin;
use std::sync::Mutex;
use std::task::{Context, Poll, Waker};
use tokio::sync::{Mutex as AsyncMutex, MutexGuard as AsyncMutexGuard};

/// The function threw: the run ends, and the submitter knows the error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Thrown;

/// What the submitter gives back, as words like the arguments.
pub type HostResult = Result<Vec<u64>, Thrown>;

/// A call as the submitter sees it.
#[derive(Clone, Copy, Debug)]
pub struct HostCall<'a> {
    /// Which of the calls of its run it is, from 1.
    pub number: u64,
    /// Which of the imports of its program it calls.
    pub function: u32,
    /// For a module a word per argument: an `i64` as it is, every other number as an `f64`. For a component the length of
    /// the arguments in bytes, then these.
    pub arguments: &'a [u64],
}

/// The calls of one run, seen from both sides.
pub struct HostCalls {
    state: Mutex<State>,
    /// Wakes the guest.
    guest: AtomicWaker,
    /// Tells the submitter of a call, unless its thread waits.
    tell: Tell,
    /// Held during a call by a guest that could make another meanwhile.
    turn: AsyncMutex<()>,
}

type Tell = Box<dyn Fn(HostCall<'_>) + Send + Sync>;

#[derive(Default)]
struct State {
    number: u64,
    stage: Stage,
    function: u32,
    /// The arguments; kept for the next call.
    words: Vec<u64>,
    /// The memory of the guest that waits.
    memory: Option<MemoryView>,
    /// Wakes a thread of the submitter that waits for the guest and takes its calls.
    thread: Option<Waker>,
    /// Nobody carries out calls any more.
    abandoned: bool,
}

#[derive(Default)]
enum Stage {
    /// No call is in progress.
    #[default]
    Idle,
    /// The submitter has not taken the call yet.
    Asked,
    /// The function runs.
    Going,
    /// It has returned or thrown.
    Done(HostResult),
}

impl HostCalls {
    /// The calls of a run whose submitter is told of each by `tell`, unless a thread of the submitter waits for the run.
    pub fn told(tell: impl Fn(HostCall<'_>) + Send + Sync + 'static) -> Self {
        Self {
            state: Mutex::default(),
            guest: AtomicWaker::new(),
            tell: Box::new(tell),
            turn: AsyncMutex::default(),
        }
    }

    /// The calls of a run for which a thread waits, which takes them with [`take`](Self::take).
    pub fn waited_for() -> Self {
        let this = Self::told(|_| {});
        this.take_with(Some(Waker::noop().clone()));
        this
    }

    /// Sets what wakes the thread that waits for the guest from now on, and takes its calls.
    pub(crate) fn take_with(&self, thread: Option<Waker>) {
        lock(&self.state).thread = thread;
    }

    /// Waits until no other task of the guest calls.
    pub(crate) async fn turn(&self) -> AsyncMutexGuard<'_, ()> {
        self.turn.lock().await
    }

    /// Suspends the guest until its call has a result. `memory` is that of the guest.
    pub(crate) fn call(
        &self,
        function: u32,
        arguments: impl Iterator<Item = u64>,
        memory: Option<MemoryView>,
    ) -> Calling<'_> {
        let mut state = lock(&self.state);
        state.number += 1;
        state.function = function;
        state.words.clear();
        state.words.extend(arguments);
        state.memory = memory;
        let is_waited_for = state.thread.is_some();
        state.stage = match is_waited_for {
            _ if state.abandoned => Stage::Done(Err(Thrown)),
            true => Stage::Asked,
            false => Stage::Going,
        };
        if let Some(thread) = &state.thread {
            thread.wake_by_ref();
        } else if !state.abandoned {
            (self.tell)(state.call());
        }
        Calling { calls: self }
    }

    /// Whether a call waits to be taken.
    pub(crate) fn is_asked(&self) -> bool {
        matches!(lock(&self.state).stage, Stage::Asked)
    }

    /// Passes on the call that waits to be taken, if there is one.
    pub fn take<T>(&self, pass_on: impl FnOnce(HostCall<'_>) -> T) -> Option<T> {
        let mut state = lock(&self.state);
        if !matches!(state.stage, Stage::Asked) {
            return None;
        }
        state.stage = Stage::Going;
        Some(pass_on(state.call()))
    }

    /// Gives the result of a call, unless that has ended: its run was stopped.
    pub fn give(&self, number: u64, result: HostResult) {
        let mut state = lock(&self.state);
        if state.is_going(number) {
            state.stage = Stage::Done(result);
            drop(state);
            self.guest.wake();
        }
    }

    /// Nobody carries out calls any more: the one in progress and all later ones end their run.
    pub(crate) fn abandon(&self) {
        let mut state = lock(&self.state);
        state.abandoned = true;
        if matches!(state.stage, Stage::Asked | Stage::Going) {
            state.stage = Stage::Done(Err(Thrown));
            drop(state);
            self.guest.wake();
        }
    }

    /// Reads or writes the memory of the guest that waits for this call.
    pub fn access(&self, number: u64, access: MemoryAccess<'_>) -> MemoryAnswer {
        let state = lock(&self.state);
        match &state.memory {
            _ if !state.is_going(number) => MemoryAnswer::Ended,
            None => MemoryAnswer::Missing,
            // The lock is held for as long as the bytes are used: the guest cannot go on or vanish meanwhile.
            Some(memory) => MemoryAnswer::Size(memory.access(access)),
        }
    }

    /// Ends the call in progress, whose guest is about to vanish.
    pub(crate) fn close(&self) {
        let mut state = lock(&self.state);
        state.stage = Stage::Idle;
        state.memory = None;
    }
}

impl State {
    fn call(&self) -> HostCall<'_> {
        HostCall {
            number: self.number,
            function: self.function,
            arguments: &self.words,
        }
    }

    fn is_going(&self, number: u64) -> bool {
        matches!(self.stage, Stage::Going) && self.number == number
    }
}

/// What became of an access to memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemoryAnswer {
    /// The call is over, so the guest may change its memory or be gone. Nothing was done.
    Ended,
    /// The guest exports no memory.
    Missing,
    /// The size of the memory in bytes. The access was carried out if its range lies inside.
    Size(u64),
}

/// A guest that waits for a result. Dropped, it is no longer there.
pub(crate) struct Calling<'a> {
    calls: &'a HostCalls,
}

impl Future for Calling<'_> {
    type Output = HostResult;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<HostResult> {
        let calls = self.calls;
        // Registered first: a result that is given after this look wakes the guest.
        calls.guest.register(context.waker());
        let mut state = lock(&calls.state);
        match std::mem::take(&mut state.stage) {
            Stage::Done(result) => {
                // From here on the guest can change its memory.
                state.memory = None;
                Poll::Ready(result)
            }
            other => {
                state.stage = other;
                Poll::Pending
            }
        }
    }
}

impl Drop for Calling<'_> {
    fn drop(&mut self) {
        self.calls.close();
    }
}

/// Closes the calls of a run when it is dropped; to be dropped before the guest's memory.
pub(crate) struct ClosedWith(pub(crate) Option<std::sync::Arc<HostCalls>>);

impl Drop for ClosedWith {
    fn drop(&mut self) {
        if let Some(calls) = &self.0 {
            calls.close();
        }
    }
}
