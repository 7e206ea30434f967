//! Functions of the submitter that guests call.
//!
//! A guest that calls such a function is suspended: its fiber waits, and no thread is held. The submitter learns of the
//! call, and gives back values or says that the function threw. A module has one fiber, so at most one of its calls is in
//! progress. While it is, the submitter may read and write the guest's memory. The tasks of a component may call at the
//! same time.

mod load;
mod memory;
mod packed;

pub(crate) use load::CallLoad;
pub use memory::MemoryAccess;
pub(crate) use memory::MemoryView;
pub(crate) use packed::{pack, unpack};

use crate::lock::lock;
use bytes::Bytes;
use std::mem::{replace, take};
use std::pin::Pin;
use std::sync::Mutex;
use std::task::{Context, Poll, Waker};

/// Numbers of functions that no program imports: they move the values of streams and futures.
pub(crate) mod flow_function {
    /// Greater than the number of any import.
    const FIRST: u32 = 1 << 24;
    pub(crate) const GIVE: u32 = FIRST;
    pub(crate) const ENDED: u32 = FIRST + 1;
    pub(crate) const TAKE: u32 = FIRST + 2;
    pub(crate) const LEFT: u32 = FIRST + 3;
    pub(crate) const NOT_GIVEN: u32 = FIRST + 4;
    pub(crate) const UNWANTED: u32 = FIRST + 5;
}

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
    /// Tells the submitter of a call, unless its thread waits.
    tell: Tell,
    /// What the functions of a component that run have been given.
    pub(crate) load: CallLoad,
}

type Tell = Box<dyn Fn(HostCall<'_>) + Send + Sync>;

#[derive(Default)]
struct State {
    /// The number of the last call.
    last: u64,
    /// Those in progress, in their order.
    calls: Vec<Call>,
    /// The arguments of a call that has ended; kept for the next call.
    spare: Vec<u64>,
    /// Wakes a thread of the submitter that waits for the guest and takes its calls.
    thread: Option<Waker>,
    /// Nobody carries out calls any more.
    abandoned: bool,
    /// The guest is about to vanish, or has vanished.
    closed: bool,
}

/// A call in progress.
struct Call {
    number: u64,
    function: u32,
    /// The arguments, until the submitter has them.
    words: Vec<u64>,
    stage: Stage,
    /// Whether the guest waits for the result.
    is_awaited: bool,
    /// Wakes the guest.
    guest: Option<Waker>,
    /// The memory of the guest that waits.
    memory: Option<MemoryView>,
    /// What the call takes of what its run may use, until the function has returned or thrown.
    held: Option<Held>,
    /// Whether what the function returns may refer to something that its submitter keeps for the guest.
    refers: bool,
}

/// Given back when it is dropped.
pub(crate) type Held = Box<dyn Send>;

enum Stage {
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
            tell: Box::new(tell),
            load: CallLoad::default(),
        }
    }

    /// The calls of a run for which a thread waits, which takes them with [`take`](Self::take).
    pub fn waited_for() -> Self {
        let this = Self::told(|_| {});
        this.take_with(Some(Waker::noop().clone()));
        this
    }

    /// Sets what wakes the thread that waits for the guest from now on, and takes its calls. Without a thread the submitter
    /// is told of the calls that no thread has taken.
    pub(crate) fn take_with(&self, thread: Option<Waker>) {
        let mut state = lock(&self.state);
        state.thread = thread;
        if state.thread.is_none() && !state.abandoned {
            while state.pass_on(|call| (self.tell)(call)).is_some() {}
        }
    }

    /// Suspends the guest until its call has a result. `memory` is that of the guest.
    pub(crate) fn call(
        &self,
        function: u32,
        arguments: impl Iterator<Item = u64>,
        memory: Option<MemoryView>,
    ) -> Calling<'_> {
        let number = self.begin(function, arguments, |call| call.memory = memory);
        Calling {
            calls: self,
            number,
        }
    }

    /// The same for a component. If the guest no longer waits, the function is carried out all the same, and holds what is
    /// held until it has ended. The submitter is told then that nobody wants the result. `refers` says whether a result may
    /// refer to what the submitter keeps for the guest.
    pub(crate) fn call_holding(
        &self,
        function: u32,
        arguments: impl Iterator<Item = u64>,
        held: Held,
        refers: bool,
    ) -> Calling<'_> {
        let number = self.begin(function, arguments, |call| {
            call.held = Some(held);
            call.refers = refers;
        });
        Calling {
            calls: self,
            number,
        }
    }

    /// Calls a function whose result nobody waits for.
    pub(crate) fn post(&self, function: u32, arguments: impl Iterator<Item = u64>, held: Held) {
        self.begin(function, arguments, |call| {
            call.held = Some(held);
            call.is_awaited = false;
        });
    }

    fn begin(
        &self,
        function: u32,
        arguments: impl Iterator<Item = u64>,
        complete: impl FnOnce(&mut Call),
    ) -> u64 {
        let mut state = lock(&self.state);
        state.last += 1;
        let number = state.last;
        if state.closed {
            return number;
        }
        let mut words = take(&mut state.spare);
        words.clear();
        words.extend(arguments);
        let mut call = Call {
            number,
            function,
            words,
            stage: match state.abandoned {
                true => Stage::Done(Err(Thrown)),
                false => Stage::Asked,
            },
            is_awaited: true,
            guest: None,
            memory: None,
            held: None,
            refers: false,
        };
        complete(&mut call);
        if state.abandoned && !call.is_awaited {
            return number;
        }
        state.calls.push(call);
        if let Some(thread) = &state.thread {
            thread.wake_by_ref();
        } else if !state.abandoned {
            state.pass_on(|call| (self.tell)(call));
        }
        number
    }

    /// Whether a call waits to be taken.
    pub(crate) fn is_asked(&self) -> bool {
        lock(&self.state).asked().is_some()
    }

    /// Passes on the call that waits to be taken, if there is one.
    pub fn take<T>(&self, pass_on: impl FnOnce(HostCall<'_>) -> T) -> Option<T> {
        lock(&self.state).pass_on(pass_on)
    }

    /// Gives the result of a call, unless that has ended: its run was stopped.
    pub fn give(&self, number: u64, result: HostResult) {
        let mut state = lock(&self.state);
        let Some(place) = state.going(number) else {
            return;
        };
        let call = &mut state.calls[place];
        if !call.is_awaited {
            let call = state.calls.remove(place);
            drop(state);
            self.tell_unwanted(call, result);
            return;
        }
        call.stage = Stage::Done(result);
        let guest = call.guest.take();
        drop(state);
        guest.into_iter().for_each(Waker::wake);
    }

    /// The guest is not given what a function has returned or thrown.
    fn tell_unwanted(&self, call: Call, result: HostResult) {
        let Call {
            number,
            function,
            refers,
            ..
        } = call;
        let values = match result {
            // It has no numbers for what it refers to, so nobody would let go of that.
            Ok(words) if refers => unpack(&words).unwrap_or_default(),
            Ok(_) => return,
            Err(Thrown) if function == flow_function::UNWANTED => return,
            Err(Thrown) => Bytes::new(),
        };
        let mut told = function.to_le_bytes().to_vec();
        told.extend(number.to_le_bytes());
        told.extend_from_slice(&values);
        self.post(flow_function::UNWANTED, pack(&told), Box::new(()));
    }

    /// Nobody carries out calls any more: those in progress and all later ones end their run.
    pub(crate) fn abandon(&self) {
        let mut state = lock(&self.state);
        state.abandoned = true;
        let mut guests = Vec::new();
        state.calls.retain(|call| call.is_awaited);
        for call in &mut state.calls {
            if matches!(call.stage, Stage::Asked | Stage::Going) {
                call.stage = Stage::Done(Err(Thrown));
                guests.extend(call.guest.take());
            }
        }
        drop(state);
        guests.into_iter().for_each(Waker::wake);
    }

    /// Reads or writes the memory of the guest that waits for this call.
    pub fn access(&self, number: u64, access: MemoryAccess<'_>) -> MemoryAnswer {
        let state = lock(&self.state);
        let going = state.going(number).map(|place| &state.calls[place]);
        match going.filter(|call| call.is_awaited) {
            None => MemoryAnswer::Ended,
            // The lock is held for as long as the bytes are used: the guest cannot go on or vanish meanwhile.
            Some(call) => match &call.memory {
                None => MemoryAnswer::Missing,
                Some(memory) => MemoryAnswer::Size(memory.access(access)),
            },
        }
    }

    /// Ends all calls, whose guest is about to vanish.
    pub(crate) fn close(&self) {
        let mut state = lock(&self.state);
        state.closed = true;
        state.calls.clear();
    }
}

impl State {
    fn asked(&self) -> Option<usize> {
        let mut calls = self.calls.iter();
        calls.position(|call| matches!(call.stage, Stage::Asked))
    }

    fn place(&self, number: u64) -> Option<usize> {
        self.calls.iter().position(|call| call.number == number)
    }

    fn going(&self, number: u64) -> Option<usize> {
        let place = self.place(number)?;
        matches!(self.calls[place].stage, Stage::Going).then_some(place)
    }

    /// Passes on the first call that nobody has taken.
    fn pass_on<T>(&mut self, pass_on: impl FnOnce(HostCall<'_>) -> T) -> Option<T> {
        let place = self.asked()?;
        let call = &mut self.calls[place];
        let passed = pass_on(HostCall {
            number: call.number,
            function: call.function,
            arguments: &call.words,
        });
        self.spare = take(&mut call.words);
        call.stage = Stage::Going;
        Some(passed)
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
    number: u64,
}

impl Future for Calling<'_> {
    type Output = HostResult;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<HostResult> {
        let mut state = lock(&self.calls.state);
        let Some(place) = state.place(self.number) else {
            return Poll::Ready(Err(Thrown));
        };
        let call = &mut state.calls[place];
        if !matches!(call.stage, Stage::Done(_)) {
            call.guest = Some(context.waker().clone());
            return Poll::Pending;
        }
        // From here on the guest can change its memory.
        match state.calls.remove(place).stage {
            Stage::Done(result) => Poll::Ready(result),
            Stage::Asked | Stage::Going => Poll::Pending,
        }
    }
}

impl Drop for Calling<'_> {
    fn drop(&mut self) {
        let mut state = lock(&self.calls.state);
        let Some(place) = state.place(self.number) else {
            return;
        };
        let call = &mut state.calls[place];
        if matches!(call.stage, Stage::Asked | Stage::Going) && call.held.is_some() {
            // The submitter carries it out all the same.
            call.is_awaited = false;
            call.guest = None;
            return;
        }
        let mut call = state.calls.remove(place);
        drop(state);
        if let (Stage::Done(result), Some(_)) = (replace(&mut call.stage, Stage::Asked), &call.held)
        {
            self.calls.tell_unwanted(call, result);
        }
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

#[cfg(test)]
mod tests {
    use super::{Calling, HostCalls, HostResult, Thrown};
    use std::iter::once;
    use std::pin::pin;
    use std::sync::{Arc, Mutex};
    use std::task::{Context, Poll, Waker};

    /// The numbers and arguments of calls that were told.
    type Told = Arc<Mutex<Vec<(u64, Vec<u64>)>>>;

    fn told() -> (HostCalls, Told) {
        let told = Told::default();
        let seen = told.clone();
        let calls = HostCalls::told(move |call| {
            let call = (call.number, call.arguments.to_vec());
            seen.lock().expect("a lock").push(call);
        });
        (calls, told)
    }

    fn poll(calling: &mut Calling<'_>) -> Poll<HostResult> {
        let mut context = Context::from_waker(Waker::noop());
        pin!(calling).poll(&mut context)
    }

    #[test]
    fn calls_at_a_time_get_their_own_results() {
        let (calls, told) = told();
        let mut first = calls.call(0, once(10), None);
        let mut second = calls.call(0, once(20), None);
        assert_eq!(
            *told.lock().expect("a lock"),
            [(1, vec![10]), (2, vec![20])]
        );
        assert_eq!(poll(&mut first), Poll::Pending);
        calls.give(2, Ok(vec![21]));
        assert_eq!(poll(&mut first), Poll::Pending);
        assert_eq!(poll(&mut second), Poll::Ready(Ok(vec![21])));
        calls.give(2, Ok(vec![22]));
        calls.give(1, Err(Thrown));
        assert_eq!(poll(&mut first), Poll::Ready(Err(Thrown)));
    }

    #[test]
    fn what_no_thread_has_taken_is_told_later() {
        let (calls, told) = told();
        calls.take_with(Some(Waker::noop().clone()));
        let mut call = calls.call(0, once(10), None);
        calls.post(1, once(20), Box::new(()));
        assert_eq!(calls.take(|call| call.number), Some(1));
        assert!(calls.is_asked(), "the other waits");
        assert!(told.lock().expect("a lock").is_empty());
        calls.take_with(None);
        assert!(!calls.is_asked());
        assert_eq!(*told.lock().expect("a lock"), [(2, vec![20])]);
        calls.give(1, Ok(vec![11]));
        assert_eq!(poll(&mut call), Poll::Ready(Ok(vec![11])));
    }

    #[test]
    fn calls_of_a_guest_that_is_gone_are_not_told() {
        let (calls, told) = told();
        let mut call = calls.call(0, once(10), None);
        calls.close();
        calls.post(1, once(20), Box::new(()));
        calls.give(1, Ok(Vec::new()));
        assert_eq!(poll(&mut call), Poll::Ready(Err(Thrown)));
        assert_eq!(told.lock().expect("a lock").len(), 1);
    }

    #[test]
    fn what_is_held_is_held_until_the_function_has_ended() {
        let (calls, _) = told();
        let held = Arc::new(());
        let call = calls.call_holding(0, once(10), Box::new(held.clone()), false);
        calls.post(1, once(20), Box::new(held.clone()));
        drop(call);
        assert_eq!(Arc::strong_count(&held), 3, "the guest waits no more");
        calls.give(1, Ok(Vec::new()));
        assert_eq!(Arc::strong_count(&held), 2);
        calls.give(2, Err(Thrown));
        assert_eq!(Arc::strong_count(&held), 1);
        calls.abandon();
        calls.post(1, once(20), Box::new(held.clone()));
        assert_eq!(Arc::strong_count(&held), 1, "nobody carries it out");
    }

    #[test]
    fn calls_that_nobody_carries_out_throw() {
        let (calls, told) = told();
        let mut before = calls.call(0, once(10), None);
        calls.abandon();
        let mut after = calls.call(0, once(20), None);
        for call in [&mut before, &mut after] {
            assert_eq!(poll(call), Poll::Ready(Err(Thrown)));
        }
        assert_eq!(told.lock().expect("a lock").len(), 1);
    }
}
