//! Streams and futures that a submitter gives to its guest.

use super::abi::Carried;
use super::flows::{Asked, FlowEnd};
use super::handles::Handles;
use super::payload::{Item, Payload};
use super::reader::Reader;
use crate::error::Error;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use wasmtime::component::{
    Destination, FutureAny, FutureReader, StreamAny, StreamProducer, StreamReader, StreamResult,
    VecBuffer,
};
use wasmtime::{AsContextMut, StoreContextMut};

/// The end of one that a guest reads.
pub(super) enum Wanted {
    Stream(StreamAny),
    Future(FutureAny),
}

/// Opens the way from the submitter, which knows the stream or future by this number.
pub(super) fn want(
    mut store: impl AsContextMut,
    number: u32,
    is_stream: bool,
    carried: Carried,
    handles: &Arc<Handles>,
) -> wasmtime::Result<Wanted> {
    let end = handles.flows.take(number)?;
    let handles = handles.clone();
    Ok(match (is_stream, carried) {
        (true, Carried::Nothing) => Wanted::Stream(stream::<()>(store, end, handles)?),
        (true, Carried::Bytes) => Wanted::Stream(stream::<u8>(store, end, handles)?),
        (true, Carried::Others { .. }) => Wanted::Stream(stream::<Item>(store, end, handles)?),
        (false, Carried::Nothing) => Wanted::Future(future::<()>(&mut store, end, handles)?),
        (false, Carried::Bytes) => Wanted::Future(future::<u8>(&mut store, end, handles)?),
        (false, Carried::Others { .. }) => {
            Wanted::Future(future::<Item>(&mut store, end, handles)?)
        }
    })
}

fn stream<T: Payload>(
    mut store: impl AsContextMut,
    end: FlowEnd,
    handles: Arc<Handles>,
) -> wasmtime::Result<StreamAny> {
    let giver = Giver::<T> {
        end: Some(end),
        handles,
        call: None,
        payload: PhantomData,
    };
    let reader = StreamReader::new(&mut store, giver)?;
    reader.try_into_stream_any(store)
}

fn future<T: Payload>(
    mut store: impl AsContextMut,
    end: FlowEnd,
    handles: Arc<Handles>,
) -> wasmtime::Result<FutureAny> {
    let value = async move {
        let asked = end.ask(&1u32.to_le_bytes()).await;
        end.moved();
        let mut values = values::<T>(&asked?, &handles)?;
        values.pop().ok_or_else(|| {
            wasmtime::Error::from(Error::internal("a future that was given no value"))
        })
    };
    let reader = FutureReader::new(&mut store, value)?;
    reader.try_into_future_any(store)
}

/// Gives the values of a stream, piece by piece.
struct Giver<T> {
    /// Until the submitter has no more.
    end: Option<FlowEnd>,
    handles: Arc<Handles>,
    /// The next piece.
    call: Option<Asked>,
    payload: PhantomData<fn() -> T>,
}

impl<T: Payload, D: 'static> StreamProducer<D> for Giver<T> {
    type Item = T;
    type Buffer = VecBuffer<T>;

    fn poll_produce<'a>(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        store: StoreContextMut<'a, D>,
        mut destination: Destination<'a, T, VecBuffer<T>>,
        finish: bool,
    ) -> Poll<wasmtime::Result<StreamResult>> {
        let this = self.get_mut();
        let room = destination.remaining(store).unwrap_or(T::MOST);
        if room == 0 {
            // Whether there is a value is not known before it is taken.
            return Poll::Ready(Ok(StreamResult::Completed));
        }
        if this.call.is_none() && finish {
            return Poll::Ready(Ok(StreamResult::Cancelled));
        }
        let Some(end) = &this.end else {
            return Poll::Ready(Ok(StreamResult::Dropped));
        };
        let most = u32::try_from(room.min(T::MOST)).unwrap_or(u32::MAX);
        let call = this
            .call
            .get_or_insert_with(|| end.ask(&most.to_le_bytes()));
        let asked = match call.as_mut().poll(context) {
            // The guest gets what comes with its next read.
            Poll::Pending if finish => return Poll::Ready(Ok(StreamResult::Cancelled)),
            polled => ready!(polled),
        };
        this.call = None;
        end.moved();
        let values = values::<T>(&asked?, &this.handles)?;
        if values.is_empty() {
            // However long the guest keeps its end.
            this.end = None;
            return Poll::Ready(Ok(StreamResult::Dropped));
        }
        destination.set_buffer(values.into());
        Poll::Ready(Ok(StreamResult::Completed))
    }
}

/// A list of values as the submitter gives it.
fn values<T: Payload>(bytes: &[u8], handles: &Arc<Handles>) -> wasmtime::Result<Vec<T>> {
    let mut reader = Reader::new(bytes);
    let count = reader.u32()?;
    let values = T::next_all(count, &mut reader, handles)?;
    reader.finish()?;
    Ok(values)
}
