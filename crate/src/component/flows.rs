//! Streams and futures that lead from a guest to its submitter, or back.
//!
//! Each end that the submitter has is known by a number. The guest's side asks the submitter with calls like those of host
//! functions, whose results say when to go on. So what is on its way is bounded: one piece per stream.

use crate::lock::lock;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// How many streams and futures may be open at a time, those among them of whose end the submitter has not heard.
const MAX_OPEN: usize = 1000;

/// What is asked of the submitter, of the stream or future whose number comes first.
#[derive(Clone, Copy, Debug)]
pub(crate) enum FlowCall {
    /// The guest gives values: a `list` of them. The result is a byte: 0 if nobody reads any more.
    Give,
    /// The guest gives no more.
    Ended,
    /// The guest wants values: at most so many. The result is a list; an empty one is the end.
    Take,
    /// The guest wants no more.
    Left,
    /// The guest has given it with a call that is not made.
    NotGiven,
}

/// What the submitter will return.
pub(crate) type Asked = BoxFuture<'static, wasmtime::Result<Bytes>>;

/// How the submitter is asked.
pub(crate) trait Submitter: Send + Sync {
    fn ask(&self, call: FlowCall, values: Vec<u8>) -> Asked;
    /// The same for a call whose result nobody waits for. The last one of a stream or future takes its place until the
    /// submitter has heard.
    fn post(&self, call: FlowCall, values: Vec<u8>, place: Option<Place>);
}

/// The streams and futures of one instance whose other end its submitter has.
pub(crate) struct Flows {
    submitter: Option<Box<dyn Submitter>>,
    state: Mutex<State>,
    /// How many places are taken.
    places: Arc<AtomicUsize>,
}

/// The place of a stream or future among all that may be open.
pub(crate) struct Place(Arc<AtomicUsize>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

#[derive(Default)]
struct State {
    /// The last number of those that the guest gives.
    last: u32,
    /// Those that the guest gives, and whether nobody reads them any more.
    given: HashMap<u32, bool>,
    /// How many are open, but those that nobody reads.
    open: usize,
    /// How often one has gone on.
    moves: u64,
}

impl Flows {
    pub(crate) fn new(submitter: Option<Box<dyn Submitter>>) -> Self {
        Self {
            submitter,
            state: Mutex::default(),
            places: Arc::default(),
        }
    }

    /// Whether any is open that is of use to the submitter.
    pub(crate) fn is_open(&self) -> bool {
        lock(&self.state).open > 0
    }

    /// How often the submitter has taken or given something.
    pub(crate) fn moves(&self) -> u64 {
        lock(&self.state).moves
    }

    /// Nobody reads what the guest gives under this number any more.
    pub(crate) fn leave(&self, number: u32) {
        let mut state = lock(&self.state);
        if let Some(is_left) = state.given.get_mut(&number)
            && !std::mem::replace(is_left, true)
        {
            state.open -= 1;
        }
    }

    /// Opens one that the guest gives to.
    pub(super) fn give(self: &Arc<Self>) -> wasmtime::Result<FlowEnd> {
        let place = self.place()?;
        let mut state = lock(&self.state);
        // None of them is as old as that.
        state.last = state.last.wrapping_add(1);
        let number = state.last;
        state.given.insert(number, false);
        state.open += 1;
        drop(state);
        Ok(FlowEnd {
            flows: self.clone(),
            number,
            is_given: true,
            place: Some(place),
        })
    }

    /// Opens one that the guest takes from, which the submitter knows by this number.
    pub(super) fn take(self: &Arc<Self>, number: u32) -> wasmtime::Result<FlowEnd> {
        let place = self.place()?;
        lock(&self.state).open += 1;
        Ok(FlowEnd {
            flows: self.clone(),
            number,
            is_given: false,
            place: Some(place),
        })
    }

    fn place(&self) -> wasmtime::Result<Place> {
        if self.submitter.is_none() {
            return Err(wasmtime::Error::msg(
                "a stream or future whose other end nobody can have",
            ));
        }
        let place = Place(self.places.clone());
        if place.0.fetch_add(1, Ordering::AcqRel) >= MAX_OPEN {
            let message = format!("more than {MAX_OPEN} streams and futures are open");
            return Err(wasmtime::Error::msg(message));
        }
        Ok(place)
    }
}

/// The guest's side of a stream or future. Dropped, the submitter hears of it.
pub(super) struct FlowEnd {
    flows: Arc<Flows>,
    pub(super) number: u32,
    is_given: bool,
    /// Until it is dropped.
    place: Option<Place>,
}

impl FlowEnd {
    pub(super) fn ask(&self, values: &[u8]) -> Asked {
        let call = match self.is_given {
            true => FlowCall::Give,
            false => FlowCall::Take,
        };
        match &self.flows.submitter {
            Some(submitter) => submitter.ask(call, self.numbered(values)),
            None => Box::pin(async { Ok(Bytes::new()) }),
        }
    }

    /// Whether nobody reads it any more.
    pub(super) fn is_left(&self) -> bool {
        lock(&self.flows.state).given.get(&self.number) == Some(&true)
    }

    /// The submitter has taken or given something.
    pub(super) fn moved(&self) {
        lock(&self.flows.state).moves += 1;
    }

    fn numbered(&self, values: &[u8]) -> Vec<u8> {
        [&self.number.to_le_bytes(), values].concat()
    }
}

impl Drop for FlowEnd {
    fn drop(&mut self) {
        let mut state = lock(&self.flows.state);
        let is_left = self.is_given && state.given.remove(&self.number) == Some(true);
        if !is_left {
            state.open -= 1;
        }
        drop(state);
        let call = match self.is_given {
            true => FlowCall::Ended,
            false => FlowCall::Left,
        };
        if let Some(submitter) = &self.flows.submitter {
            submitter.post(call, self.numbered(&[]), self.place.take());
        }
    }
}

/// Streams and futures among the arguments of a call that is to be made. Dropped before, the submitter hears that it is not
/// given them.
pub(crate) struct NotGiven {
    pub(super) flows: Arc<Flows>,
    pub(super) numbers: Vec<u32>,
}

impl NotGiven {
    /// The call is made.
    pub(crate) fn given(mut self) {
        self.numbers.clear();
    }
}

impl Drop for NotGiven {
    fn drop(&mut self) {
        for number in self.numbers.drain(..) {
            self.flows.leave(number);
            if let Some(submitter) = &self.flows.submitter {
                let values = number.to_le_bytes().to_vec();
                submitter.post(FlowCall::NotGiven, values, None);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Asked, FlowCall, Flows, MAX_OPEN, NotGiven, Place, Submitter};
    use bytes::Bytes;
    use std::sync::{Arc, Mutex};

    /// What was posted, and the place that it takes.
    type Post = (String, Option<Place>);

    #[derive(Clone, Default)]
    struct Seen(Arc<Mutex<Vec<Post>>>);

    impl Submitter for Seen {
        fn ask(&self, _: FlowCall, _: Vec<u8>) -> Asked {
            Box::pin(async { Ok(Bytes::new()) })
        }

        fn post(&self, call: FlowCall, values: Vec<u8>, place: Option<Place>) {
            let text = format!("{call:?} {values:?}");
            self.0.lock().expect("a lock").push((text, place));
        }
    }

    fn flows() -> (Arc<Flows>, Seen) {
        let seen = Seen::default();
        (Arc::new(Flows::new(Some(Box::new(seen.clone())))), seen)
    }

    #[test]
    fn one_that_is_read_or_written_is_open() {
        let (flows, seen) = flows();
        assert!(!flows.is_open());
        let given = flows.give().expect("room");
        let wanted = flows.take(7).expect("room");
        drop(given);
        assert!(flows.is_open());
        drop(wanted);
        assert!(!flows.is_open());
        let seen = seen.0.lock().expect("a lock");
        let seen: Vec<_> = seen.iter().map(|(text, _)| text).collect();
        assert_eq!(seen, ["Ended [1, 0, 0, 0]", "Left [7, 0, 0, 0]"]);
    }

    #[test]
    fn one_that_nobody_reads_is_not_open() {
        let (flows, _) = flows();
        let given = flows.give().expect("room");
        flows.leave(given.number + 1);
        assert!(flows.is_open(), "another number");
        flows.leave(given.number);
        flows.leave(given.number);
        assert!(given.is_left() && !flows.is_open());
        let number = given.number;
        drop(given);
        flows.leave(number);
        assert!(!flows.is_open());
    }

    #[test]
    fn no_more_are_open_than_there_may_be() {
        let (flows, seen) = flows();
        let all: Vec<_> = (0..MAX_OPEN).map(|_| flows.give().expect("room")).collect();
        assert!(flows.give().is_err() && flows.take(1).is_err());
        drop(all);
        assert!(
            flows.take(1).is_err(),
            "the submitter has not heard of their ends"
        );
        seen.0.lock().expect("a lock").clear();
        assert!(flows.take(1).is_ok());
    }

    #[test]
    fn what_is_not_given_is_left() {
        let (flows, seen) = flows();
        let not_given = |number| NotGiven {
            flows: flows.clone(),
            numbers: vec![number],
        };
        let [one, other] = [(); 2].map(|()| flows.give().expect("room"));
        not_given(one.number).given();
        drop(not_given(other.number));
        assert!(!one.is_left() && other.is_left());
        let seen = seen.0.lock().expect("a lock");
        let seen: Vec<_> = seen.iter().map(|(text, _)| text).collect();
        assert_eq!(seen, ["NotGiven [2, 0, 0, 0]"]);
    }

    #[test]
    fn without_a_submitter_there_are_none() {
        let flows = Arc::new(Flows::new(None));
        assert!(flows.give().is_err() && flows.take(1).is_err());
    }
}
