//! Streams and futures that a guest gives to its submitter.

use super::abi::Carried;
use super::flows::{Asked, FlowEnd};
use super::handles::Handles;
use super::lift::{LiftedEnd, LiftedFlow, LiftedValues};
use super::payload::{Item, Payload, list};
use std::marker::PhantomData;
use std::mem::replace;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use wasmtime::component::{
    FutureConsumer, FutureReader, Source, StreamConsumer, StreamReader, StreamResult,
};
use wasmtime::{AsContextMut, StoreContextMut};

/// What the futures among the values that are taken in together may carry in all, those in their values too: nobody asks
/// for the value of a future before it comes.
const MAX_FUTURE_BYTES: usize = 128 << 20;

/// How much of that is left.
struct FutureRoom(AtomicUsize);

impl FutureRoom {
    fn take(&self, bytes: usize) -> wasmtime::Result<()> {
        let left = |left: usize| left.checked_sub(bytes);
        match self
            .0
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, left)
        {
            Ok(_) => Ok(()),
            Err(_) => Err(wasmtime::Error::msg(
                "the futures of one value carry too much",
            )),
        }
    }
}

/// Takes in the resources, streams and futures among values, and writes their numbers where they belong. Returns the
/// bytes.
pub(crate) fn take_in(
    store: impl AsContextMut,
    handles: &Arc<Handles>,
    lifted: LiftedValues,
) -> wasmtime::Result<Vec<u8>> {
    take_in_with(store, handles, lifted, None)
}

/// The same with the room for futures that the values share with others.
fn take_in_with(
    mut store: impl AsContextMut,
    handles: &Arc<Handles>,
    lifted: LiftedValues,
    mut room: Option<Arc<FutureRoom>>,
) -> wasmtime::Result<Vec<u8>> {
    let LiftedValues {
        mut bytes,
        resources,
        flows,
        ..
    } = lifted;
    let mut put = |place: usize, number: u32| {
        bytes[place..place + 4].copy_from_slice(&number.to_le_bytes());
    };
    for (place, resource) in resources {
        put(place, handles.insert(resource));
    }
    for (place, flow) in flows {
        let room =
            room.get_or_insert_with(|| Arc::new(FutureRoom(AtomicUsize::new(MAX_FUTURE_BYTES))));
        put(
            place,
            receive(store.as_context_mut(), flow, handles, room.clone())?,
        );
    }
    Ok(bytes)
}

/// Opens the way of a stream or future to the submitter; returns its number.
fn receive(
    store: impl AsContextMut,
    LiftedFlow { end, carried }: LiftedFlow,
    handles: &Arc<Handles>,
    room: Arc<FutureRoom>,
) -> wasmtime::Result<u32> {
    let to = handles.flows.give()?;
    let number = to.number;
    let given = Given {
        end: to,
        handles: handles.clone(),
        comes_back: match carried {
            Carried::Nothing | Carried::Bytes => true,
            Carried::Others { comes_back } => comes_back,
        },
    };
    match (end, carried) {
        (LiftedEnd::Stream(stream), Carried::Nothing) => {
            StreamReader::try_from_stream_any(stream)?.pipe(store, Taker::<()>::new(given))
        }
        (LiftedEnd::Stream(stream), Carried::Bytes) => {
            StreamReader::try_from_stream_any(stream)?.pipe(store, Taker::<u8>::new(given))
        }
        (LiftedEnd::Stream(stream), Carried::Others { .. }) => {
            StreamReader::try_from_stream_any(stream)?.pipe(store, Taker::<Item>::new(given))
        }
        (LiftedEnd::Future(future), Carried::Nothing) => {
            FutureReader::try_from_future_any(future)?.pipe(store, OneTaker::<()>::new(given, room))
        }
        (LiftedEnd::Future(future), Carried::Bytes) => {
            FutureReader::try_from_future_any(future)?.pipe(store, OneTaker::<u8>::new(given, room))
        }
        (LiftedEnd::Future(future), Carried::Others { .. }) => {
            FutureReader::try_from_future_any(future)?
                .pipe(store, OneTaker::<Item>::new(given, room))
        }
    }?;
    Ok(number)
}

/// The submitter's end of what a guest gives.
struct Given {
    end: FlowEnd,
    handles: Arc<Handles>,
    /// Whether what the submitter gave may come back to it.
    comes_back: bool,
}

impl Given {
    /// Takes up to so many values of those that are there, as they cross.
    fn read<T: Payload, D: 'static>(
        &self,
        store: &mut StoreContextMut<'_, D>,
        source: &mut Source<'_, T>,
        most: usize,
        room: Option<&Arc<FutureRoom>>,
    ) -> wasmtime::Result<Vec<u8>> {
        let count = source.remaining(store.as_context_mut()).min(most);
        // As much as it has room for is read.
        let mut values = Vec::with_capacity(count);
        T::begin();
        source.read(store.as_context_mut(), &mut values)?;
        if !self.comes_back && values.iter().any(T::is_submitters) {
            return Err(wasmtime::Error::msg(
                "a stream or future of the host's with resources, streams or futures in its values comes back untouched",
            ));
        }
        // A piece of a stream has as much room as a call.
        let room = match room {
            Some(room) => {
                room.take(values.iter().map(T::cost).sum())?;
                room.clone()
            }
            None => Arc::new(FutureRoom(AtomicUsize::new(MAX_FUTURE_BYTES))),
        };
        list(values, &mut |lifted| {
            take_in_with(
                store.as_context_mut(),
                &self.handles,
                lifted,
                Some(room.clone()),
            )
        })
    }
}

/// Takes the values of a stream, piece by piece.
struct Taker<T> {
    given: Given,
    /// Whether the submitter still reads, once it has taken the last piece.
    call: Option<Asked>,
    /// Whether that piece is of the write in progress.
    has_taken: bool,
    payload: PhantomData<fn() -> T>,
}

impl<T> Taker<T> {
    fn new(given: Given) -> Self {
        Self {
            given,
            call: None,
            has_taken: false,
            payload: PhantomData,
        }
    }

    /// Waits until the submitter has taken the last piece; returns whether it reads on.
    fn poll_taken(&mut self, context: &mut Context<'_>) -> Poll<wasmtime::Result<bool>> {
        let Some(call) = &mut self.call else {
            return Poll::Ready(Ok(!self.given.end.is_left()));
        };
        let result = ready!(call.as_mut().poll(context));
        self.call = None;
        self.given.end.moved();
        Poll::Ready(result.map(|result| result.first() == Some(&1)))
    }
}

impl<T: Payload, D: 'static> StreamConsumer<D> for Taker<T> {
    type Item = T;

    fn poll_consume(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        mut store: StoreContextMut<'_, D>,
        mut source: Source<'_, T>,
        finish: bool,
    ) -> Poll<wasmtime::Result<StreamResult>> {
        let this = self.get_mut();
        loop {
            match this.poll_taken(context) {
                Poll::Ready(Ok(true)) => {}
                Poll::Ready(Ok(false)) => return Poll::Ready(Ok(StreamResult::Dropped)),
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                // The submitter has this piece: the next write waits until it was taken.
                Poll::Pending if finish && this.has_taken => {
                    this.has_taken = false;
                    return Poll::Ready(Ok(StreamResult::Completed));
                }
                Poll::Pending if finish => return Poll::Ready(Ok(StreamResult::Cancelled)),
                Poll::Pending => return Poll::Pending,
            }
            if replace(&mut this.has_taken, false) {
                return Poll::Ready(Ok(StreamResult::Completed));
            }
            if source.remaining(store.as_context_mut()) == 0 {
                return Poll::Ready(Ok(StreamResult::Completed));
            }
            let values = this.given.read(&mut store, &mut source, T::MOST, None)?;
            this.call = Some(this.given.end.ask(&values));
            this.has_taken = true;
        }
    }
}

/// Takes the value of a future.
struct OneTaker<T> {
    given: Given,
    room: Arc<FutureRoom>,
    /// Whether the submitter has taken it.
    call: Option<Asked>,
    payload: PhantomData<fn() -> T>,
}

impl<T> OneTaker<T> {
    fn new(given: Given, room: Arc<FutureRoom>) -> Self {
        Self {
            given,
            room,
            call: None,
            payload: PhantomData,
        }
    }
}

impl<T: Payload, D: 'static> FutureConsumer<D> for OneTaker<T> {
    type Item = T;

    fn poll_consume(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        mut store: StoreContextMut<'_, D>,
        mut source: Source<'_, T>,
        finish: bool,
    ) -> Poll<wasmtime::Result<()>> {
        let this = &mut *self;
        let call = match &mut this.call {
            Some(call) => call,
            None => {
                let room = Some(&this.room);
                let values = this.given.read(&mut store, &mut source, 1, room)?;
                this.call.insert(this.given.end.ask(&values))
            }
        };
        match call.as_mut().poll(context) {
            Poll::Pending if !finish => return Poll::Pending,
            Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
            Poll::Pending | Poll::Ready(Ok(_)) => {}
        }
        this.given.end.moved();
        // However long the guest keeps its end.
        this.given.handles.flows.leave(this.given.end.number);
        Poll::Ready(Ok(()))
    }
}
