//! How values of streams and futures get to a guest.

use super::lower::Source;
use super::payload::Item;
use crate::error::Error;
use std::mem::MaybeUninit;
use wasmtime::component::__internal::{InterfaceType, LowerContext};
use wasmtime::component::Lower;

// SAFETY: memory is written through the context, which checks bounds.
unsafe impl Lower for Item {
    fn linear_lower_to_flat<T>(
        &self,
        _: &mut LowerContext<'_, T>,
        _: InterfaceType,
        _: &mut MaybeUninit<Self::Lower>,
    ) -> wasmtime::Result<()> {
        Err(Error::internal("a value of a stream outside of memory").into())
    }

    fn linear_lower_to_memory<T>(
        &self,
        cx: &mut LowerContext<'_, T>,
        ty: InterfaceType,
        offset: usize,
    ) -> wasmtime::Result<()> {
        match self {
            Self::Given(bytes, handles) => Source::all(bytes, handles, |source| {
                source.lower_to_memory(cx, ty, offset)
            }),
            Self::Lifted(..) => Err(Error::internal("a value that the guest gave itself").into()),
        }
    }

    fn linear_store_list_to_memory<T>(
        cx: &mut LowerContext<'_, T>,
        ty: InterfaceType,
        offset: usize,
        items: &[Self],
    ) -> wasmtime::Result<()> {
        let abi = cx.types.canonical_abi(&ty);
        if !offset.is_multiple_of(abi.align32 as usize) {
            return Err(wasmtime::Error::msg("a pointer is not aligned"));
        }
        let size = abi.size32 as usize;
        for (index, item) in items.iter().enumerate() {
            item.linear_lower_to_memory(cx, ty, offset + index * size)?;
        }
        Ok(())
    }
}
