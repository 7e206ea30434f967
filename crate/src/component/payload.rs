//! What streams and futures carry.

use super::handles::Handles;
use super::lift::LiftedValues;
use super::reader::Reader;
use crate::error::Error;
use bytes::Bytes;
use std::cell::Cell;
use std::sync::Arc;
use wasmtime::ValRaw;
use wasmtime::component::__internal::{CanonicalAbiInfo, InstanceType, InterfaceType, LiftContext};
use wasmtime::component::{ComponentType, Lift, Lower};

/// Takes in what values refer to; returns their bytes.
pub(super) type TakeIn<'a> = &'a mut dyn FnMut(LiftedValues) -> wasmtime::Result<Vec<u8>>;

/// What one stream or future carries.
pub(super) trait Payload: Lift + Lower + Send + Sync + 'static {
    /// How many are given at a time.
    const MOST: usize;

    /// Adds what crosses of a value that the guest gave.
    fn put(self, bytes: &mut Vec<u8>, take_in: TakeIn<'_>) -> wasmtime::Result<()>;

    /// The same for all of a piece.
    fn put_all(
        values: Vec<Self>,
        bytes: &mut Vec<u8>,
        take_in: TakeIn<'_>,
    ) -> wasmtime::Result<()> {
        values
            .into_iter()
            .try_for_each(|value| value.put(bytes, take_in))
    }

    /// The next of the values that the submitter gave.
    fn next(reader: &mut Reader<'_>, handles: &Arc<Handles>) -> wasmtime::Result<Self>;

    /// The next of them, so many.
    fn next_all(
        count: u32,
        reader: &mut Reader<'_>,
        handles: &Arc<Handles>,
    ) -> wasmtime::Result<Vec<Self>> {
        (0..count).map(|_| Self::next(reader, handles)).collect()
    }

    /// To be called before values are read from a guest.
    fn begin() {}

    /// Whether the submitter gave it, and no guest has touched it.
    fn is_submitters(&self) -> bool {
        false
    }

    /// What it counts of the bytes that a guest may give.
    fn cost(&self) -> usize {
        size_of::<Self>()
    }
}

impl Payload for () {
    const MOST: usize = 1024;

    fn put(self, _: &mut Vec<u8>, _: TakeIn<'_>) -> wasmtime::Result<()> {
        Ok(())
    }

    fn next(_: &mut Reader<'_>, _: &Arc<Handles>) -> wasmtime::Result<Self> {
        Ok(())
    }
}

impl Payload for u8 {
    const MOST: usize = 64 << 10;

    fn put(self, bytes: &mut Vec<u8>, _: TakeIn<'_>) -> wasmtime::Result<()> {
        bytes.push(self);
        Ok(())
    }

    fn put_all(values: Vec<Self>, bytes: &mut Vec<u8>, _: TakeIn<'_>) -> wasmtime::Result<()> {
        bytes.extend_from_slice(&values);
        Ok(())
    }

    fn next(reader: &mut Reader<'_>, _: &Arc<Handles>) -> wasmtime::Result<Self> {
        Ok(reader.array::<1>()?[0])
    }

    fn next_all(
        count: u32,
        reader: &mut Reader<'_>,
        _: &Arc<Handles>,
    ) -> wasmtime::Result<Vec<Self>> {
        Ok(reader.take(count as usize)?.to_vec())
    }
}

/// A value of any other type, which only the guest's side knows.
pub(super) enum Item {
    /// By the guest.
    Lifted(LiftedValues),
    /// By the submitter.
    Given(Bytes, Arc<Handles>),
}

impl Payload for Item {
    const MOST: usize = 1024;

    fn put(self, bytes: &mut Vec<u8>, take_in: TakeIn<'_>) -> wasmtime::Result<()> {
        match self {
            Self::Lifted(values) => bytes.extend(take_in(values)?),
            // It has come back as it was given.
            Self::Given(given, _) => bytes.extend_from_slice(&given),
        }
        Ok(())
    }

    /// Each with its length before it.
    fn next(reader: &mut Reader<'_>, handles: &Arc<Handles>) -> wasmtime::Result<Self> {
        let length = reader.u32()?;
        let bytes = Bytes::copy_from_slice(reader.take(length as usize)?);
        Ok(Self::Given(bytes, handles.clone()))
    }

    fn begin() {
        PLACE.set(0);
    }

    fn is_submitters(&self) -> bool {
        matches!(self, Self::Given(..))
    }

    fn cost(&self) -> usize {
        match self {
            Self::Lifted(values) => values.cost(),
            Self::Given(bytes, _) => bytes.len(),
        }
    }
}

thread_local! {
    /// Which value of a stream is read next, counted from the first that is read together with it. wasmtime says where
    /// the first is; it would know of the others by the size of a type that is the same for all streams.
    static PLACE: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: it is never passed as core values, so `Lower` has none. `typecheck` accepts all types, because values are read and
// written as the type says that each call tells. `ABI` is not used: `Lift` and `Lower` say themselves where values are.
unsafe impl ComponentType for Item {
    type Lower = [ValRaw; 0];

    const ABI: CanonicalAbiInfo = CanonicalAbiInfo::ZERO;

    fn typecheck(_: &InterfaceType, _: &InstanceType<'_>) -> wasmtime::Result<()> {
        Ok(())
    }
}

// SAFETY: memory is read in its bounds.
unsafe impl Lift for Item {
    fn linear_lift_from_flat(
        _: &mut LiftContext<'_>,
        _: InterfaceType,
        _: &Self::Lower,
    ) -> wasmtime::Result<Self> {
        Err(Error::internal("a value of a stream outside of memory").into())
    }

    fn linear_lift_from_memory(
        cx: &mut LiftContext<'_>,
        ty: InterfaceType,
        bytes: &[u8],
    ) -> wasmtime::Result<Self> {
        // A part of the memory, which begins at the first value and whose length is that of `ABI`, 0.
        let first = bytes.as_ptr().addr() - cx.memory().as_ptr().addr();
        let place = PLACE.replace(PLACE.get() + 1);
        let offset = place
            .checked_mul(cx.types.canonical_abi(&ty).size32 as usize)
            .and_then(|offset| offset.checked_add(first))
            .ok_or_else(|| wasmtime::Error::msg("a pointer is out of the bounds of the memory"))?;
        let mut values = LiftedValues::default();
        values.lift_from_memory(cx, ty, offset)?;
        Ok(Self::Lifted(values))
    }
}

/// The number of values, then these.
pub(super) fn list<T: Payload>(values: Vec<T>, take_in: TakeIn<'_>) -> wasmtime::Result<Vec<u8>> {
    let mut bytes = u32::try_from(values.len())?.to_le_bytes().to_vec();
    T::put_all(values, &mut bytes, take_in)?;
    Ok(bytes)
}
