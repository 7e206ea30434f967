//! From a submitter's bytes to what a guest gets.

use super::abi::{
    Carried, Cases, FLAT_ARGUMENTS, Parts, element, flags_size, flat_count, for_all_functions,
    parts, plain_size,
};
use super::beside::take_beside;
use super::handles::Handles;
use super::reader::Reader;
use super::wanted::{Wanted, want};
use crate::error::Error;
use bytes::Bytes;
use std::mem::MaybeUninit;
use std::slice::IterMut;
use std::sync::Arc;
use wasmtime::ValRaw;
use wasmtime::component::__internal::{
    CanonicalAbiInfo, InstanceType, InterfaceType, LowerContext,
};
use wasmtime::component::{ComponentType, Lower, ResourceAny, ResourceDynamic};

/// Values that a guest gets, as bytes that fit their types: the arguments of an export, or what a host function returns.
/// `FLAT` is how many core values there is room for, at least as many as the guest's function takes.
pub(crate) struct Arguments<const FLAT: usize = FLAT_ARGUMENTS> {
    pub(crate) bytes: Bytes,
    /// Those that the bytes name.
    pub(crate) handles: Arc<Handles>,
}

for_all_functions!(Arguments);

// SAFETY: all core values are initialised, and memory is written through the context, which checks bounds.
unsafe impl<const FLAT: usize> Lower for Arguments<FLAT> {
    fn linear_lower_to_flat<T>(
        &self,
        cx: &mut LowerContext<'_, T>,
        ty: InterfaceType,
        dst: &mut MaybeUninit<Self::Lower>,
    ) -> wasmtime::Result<()> {
        let flat = dst.write([ValRaw::u64(0); FLAT]);
        let abi = cx.types.canonical_abi(&ty);
        if abi.flat_count(FLAT).is_some() {
            return Source::all(&self.bytes, &self.handles, |source| {
                source.lower_to_flat(cx, ty, &mut flat.iter_mut())
            });
        }
        let pointer = cx.realloc(0, 0, abi.align32, abi.size32 as usize)?;
        self.linear_lower_to_memory(cx, ty, pointer)?;
        if let Some(first) = flat.first_mut() {
            *first = ValRaw::u64(pointer as u64);
        }
        Ok(())
    }

    fn linear_lower_to_memory<T>(
        &self,
        cx: &mut LowerContext<'_, T>,
        ty: InterfaceType,
        offset: usize,
    ) -> wasmtime::Result<()> {
        Source::all(&self.bytes, &self.handles, |source| {
            source.lower_to_memory(cx, ty, offset)
        })
    }
}

/// What is left of the values.
pub(super) struct Source<'a> {
    reader: Reader<'a>,
    handles: &'a Arc<Handles>,
}

impl Source<'_> {
    /// Lowers values, of which nothing may be left.
    pub(super) fn all(
        bytes: &[u8],
        handles: &Arc<Handles>,
        lower: impl FnOnce(&mut Source<'_>) -> wasmtime::Result<()>,
    ) -> wasmtime::Result<()> {
        let mut source = Source {
            reader: Reader::new(bytes),
            handles,
        };
        lower(&mut source)?;
        source.reader.finish()
    }

    fn lower_to_flat<T>(
        &mut self,
        cx: &mut LowerContext<'_, T>,
        ty: InterfaceType,
        flat: &mut IterMut<'_, ValRaw>,
    ) -> wasmtime::Result<()> {
        let types = cx.types;
        if let Some(parts) = parts(types, ty) {
            return parts
                .iter()
                .try_for_each(|part| self.lower_to_flat(cx, part, flat));
        }
        if let Some(cases) = Cases::of(types, ty) {
            let case = self.case(&cases)?;
            let mut rest = flat_count(types, ty).saturating_sub(1);
            put(flat, ValRaw::u32(case))?;
            let left = flat.len();
            if let Some(payload) = cases.payload_of(case as usize) {
                self.lower_to_flat(cx, payload, flat)?;
            }
            // Cases with fewer core values than others have zeros in their place.
            rest = rest.saturating_sub(left - flat.len());
            return (0..rest).try_for_each(|_| put(flat, ValRaw::u64(0)));
        }
        let value = match ty {
            InterfaceType::Bool => ValRaw::u32(u32::from(self.reader.array::<1>()?[0] != 0)),
            InterfaceType::S8 => ValRaw::i32(i32::from(i8::from_le_bytes(self.reader.array()?))),
            InterfaceType::U8 => ValRaw::u32(u32::from(self.reader.array::<1>()?[0])),
            InterfaceType::S16 => ValRaw::i32(i32::from(i16::from_le_bytes(self.reader.array()?))),
            InterfaceType::U16 => ValRaw::u32(u32::from(u16::from_le_bytes(self.reader.array()?))),
            InterfaceType::S32 | InterfaceType::U32 => ValRaw::u32(self.reader.u32()?),
            InterfaceType::S64 | InterfaceType::U64 => {
                ValRaw::u64(u64::from_le_bytes(self.reader.array()?))
            }
            InterfaceType::Float32 => ValRaw::f32(self.reader.u32()?),
            InterfaceType::Float64 => ValRaw::f64(u64::from_le_bytes(self.reader.array()?)),
            InterfaceType::Char => ValRaw::u32(u32::from(self.char()?)),
            InterfaceType::String => {
                let mut pair = MaybeUninit::<[ValRaw; 2]>::uninit();
                let text = self.reader.string()?;
                text.linear_lower_to_flat(cx, ty, &mut pair)?;
                // SAFETY: it was initialised without an error.
                let [pointer, length] = unsafe { pair.assume_init() };
                put(flat, pointer)?;
                length
            }
            InterfaceType::List(_) | InterfaceType::Map(_) => {
                let (pointer, length) = self.list(cx, ty)?;
                put(flat, ValRaw::u32(pointer))?;
                ValRaw::u32(length)
            }
            InterfaceType::Flags(index) => {
                let bits = self
                    .reader
                    .wide(flags_size(types[index].names.len()) as u32)?;
                ValRaw::u32(bits)
            }
            InterfaceType::Own(_) | InterfaceType::Borrow(_) => {
                let mut lowered = MaybeUninit::uninit();
                match self.resource(cx, ty)? {
                    Lent::Guests(resource) => {
                        resource.linear_lower_to_flat(cx, ty, &mut lowered)?;
                    }
                    Lent::Hosts(resource) => {
                        resource.linear_lower_to_flat(cx, ty, &mut lowered)?;
                    }
                }
                // SAFETY: it was initialised without an error.
                unsafe { lowered.assume_init() }
            }
            InterfaceType::Stream(_) | InterfaceType::Future(_) => {
                let mut lowered = MaybeUninit::uninit();
                match self.flow(cx, ty)? {
                    Wanted::Stream(stream) => {
                        stream.linear_lower_to_flat(cx, ty, &mut lowered)?;
                    }
                    Wanted::Future(future) => {
                        future.linear_lower_to_flat(cx, ty, &mut lowered)?;
                    }
                }
                // SAFETY: it was initialised without an error.
                unsafe { lowered.assume_init() }
            }
            other => return Err(foreign(other)),
        };
        put(flat, value)
    }

    pub(super) fn lower_to_memory<T>(
        &mut self,
        cx: &mut LowerContext<'_, T>,
        ty: InterfaceType,
        offset: usize,
    ) -> wasmtime::Result<()> {
        let types = cx.types;
        if let Some(size) = plain_size(ty) {
            return copy(cx, offset, self.reader.take(size)?);
        }
        if let Some(parts) = parts(types, ty) {
            return self.parts_to_memory(cx, &parts, offset);
        }
        if let Some(cases) = Cases::of(types, ty) {
            let case = self.case(&cases)?;
            copy(cx, offset, &case.to_le_bytes()[..cases.width as usize])?;
            return match cases.payload_of(case as usize) {
                Some(payload) => self.lower_to_memory(cx, payload, offset + cases.payload),
                None => Ok(()),
            };
        }
        match ty {
            InterfaceType::Bool => {
                let value = self.reader.array::<1>()?[0] != 0;
                copy(cx, offset, &[u8::from(value)])
            }
            InterfaceType::Char => {
                let value = self.char()?;
                copy(cx, offset, &u32::from(value).to_le_bytes())
            }
            InterfaceType::String => {
                let text = self.reader.string()?;
                text.linear_lower_to_memory(cx, ty, offset)
            }
            InterfaceType::List(_) | InterfaceType::Map(_) => {
                let (pointer, length) = self.list(cx, ty)?;
                copy(cx, offset, &pointer.to_le_bytes())?;
                copy(cx, offset + 4, &length.to_le_bytes())
            }
            InterfaceType::Flags(index) => {
                let bytes = flags_size(types[index].names.len());
                copy(cx, offset, self.reader.take(bytes)?)
            }
            InterfaceType::Own(_) | InterfaceType::Borrow(_) => match self.resource(cx, ty)? {
                Lent::Guests(resource) => resource.linear_lower_to_memory(cx, ty, offset),
                Lent::Hosts(resource) => resource.linear_lower_to_memory(cx, ty, offset),
            },
            InterfaceType::Stream(_) | InterfaceType::Future(_) => match self.flow(cx, ty)? {
                Wanted::Stream(stream) => stream.linear_lower_to_memory(cx, ty, offset),
                Wanted::Future(future) => future.linear_lower_to_memory(cx, ty, offset),
            },
            other => Err(foreign(other)),
        }
    }

    fn parts_to_memory<T>(
        &mut self,
        cx: &mut LowerContext<'_, T>,
        parts: &Parts<'_>,
        mut offset: usize,
    ) -> wasmtime::Result<()> {
        parts.iter().try_for_each(|part| {
            let at = cx.types.canonical_abi(&part).next_field32_size(&mut offset);
            self.lower_to_memory(cx, part, at)
        })
    }

    /// Allocates a list or a map in the guest and fills it; returns where it is and how many elements it has.
    fn list<T>(
        &mut self,
        cx: &mut LowerContext<'_, T>,
        ty: InterfaceType,
    ) -> wasmtime::Result<(u32, u32)> {
        let types = cx.types;
        let count = self.reader.u32()?;
        let (parts, abi) = element(types, ty).ok_or_else(|| foreign(ty))?;
        let size = abi.size32 as usize;
        let bytes = size.checked_mul(count as usize);
        let bytes = bytes.filter(|bytes| u32::try_from(*bytes).is_ok());
        let bytes = bytes.ok_or_else(|| {
            wasmtime::Error::msg("a list is longer than the memory of a guest can be")
        })?;
        let pointer = cx.realloc(0, 0, abi.align32, bytes)?;
        if parts.plain_size().is_some() {
            let beside = match self.reader.is_empty() {
                true => take_beside(bytes, |list| copy(cx, pointer, list)),
                false => None,
            };
            match beside {
                Some(copied) => copied?,
                None => copy(cx, pointer, self.reader.take(bytes)?)?,
            }
        } else {
            for index in 0..count as usize {
                self.parts_to_memory(cx, &parts, pointer + index * size)?;
            }
        }
        Ok((u32::try_from(pointer)?, count))
    }

    fn case(&mut self, cases: &Cases<'_>) -> wasmtime::Result<u32> {
        let case = self.reader.wide(cases.width)?;
        match (case as usize) < cases.count {
            true => Ok(case),
            false => Err(Error::internal("a case that its type does not have").into()),
        }
    }

    fn char(&mut self) -> wasmtime::Result<char> {
        let value = char::from_u32(self.reader.u32()?);
        value.ok_or_else(|| Error::internal("a char that is none").into())
    }

    fn resource<T>(
        &mut self,
        cx: &LowerContext<'_, T>,
        ty: InterfaceType,
    ) -> wasmtime::Result<Lent> {
        let number = self.reader.u32()?;
        let is_own = matches!(ty, InterfaceType::Own(_));
        if ResourceDynamic::typecheck(&ty, &cx.instance_type()).is_ok() {
            let place = self.reader.u32()?;
            return Ok(Lent::Hosts(match is_own {
                true => ResourceDynamic::new_own(number, place),
                false => ResourceDynamic::new_borrow(number, place),
            }));
        }
        let found = match is_own {
            true => self.handles.take(number),
            false => self.handles.get(number),
        };
        let found = found.ok_or_else(|| Error::internal("an unknown handle"))?;
        Ok(Lent::Guests(found))
    }

    fn flow<T>(
        &mut self,
        cx: &mut LowerContext<'_, T>,
        ty: InterfaceType,
    ) -> wasmtime::Result<Wanted> {
        let number = self.reader.u32()?;
        let carried = Carried::by(cx.types, ty).ok_or_else(|| foreign(ty))?;
        let is_stream = matches!(ty, InterfaceType::Stream(_));
        want(&mut cx.store, number, is_stream, carried, self.handles)
    }
}

/// A resource that a guest gets.
enum Lent {
    /// One that the submitter has a handle of.
    Guests(ResourceAny),
    /// One of the submitter's own.
    Hosts(ResourceDynamic),
}

fn put(flat: &mut IterMut<'_, ValRaw>, value: ValRaw) -> wasmtime::Result<()> {
    match flat.next() {
        Some(place) => {
            *place = value;
            Ok(())
        }
        None => Err(Error::internal("more core values than there is room for").into()),
    }
}

fn copy<T>(cx: &mut LowerContext<'_, T>, offset: usize, bytes: &[u8]) -> wasmtime::Result<()> {
    if bytes.is_empty() {
        return Ok(());
    }
    let memory = cx.as_slice_mut().get_mut(offset..);
    match memory.and_then(|memory| memory.get_mut(..bytes.len())) {
        Some(place) => {
            place.copy_from_slice(bytes);
            Ok(())
        }
        None => Err(Error::internal("a value outside of the memory that was made for it").into()),
    }
}

fn foreign(ty: InterfaceType) -> wasmtime::Error {
    Error::internal(format_args!("a value that does not cross: {ty:?}")).into()
}
