//! From what a guest gives to bytes for its submitter.

use super::abi::{
    Carried, Cases, Parts, element, flags_size, flat_count, for_all_functions, parts, plain_size,
};
use std::cell::Cell;
use std::slice::Iter;
use wasmtime::ValRaw;
use wasmtime::component::__internal::{CanonicalAbiInfo, InstanceType, InterfaceType, LiftContext};
use wasmtime::component::{
    ComponentType, FutureAny, Lift, ResourceAny, ResourceDynamic, StreamAny,
};

/// What a value counts of the bytes that a host call may copy, but those in lists of numbers: JavaScript takes more memory
/// and time for a value than its bytes say, and lists may overlap.
const VALUE_COST: usize = 128;

/// Values that a guest gave: what an export has returned, or the arguments of a host function. `FLAT` is how many core
/// values they came as; 1 if more than fit came through memory. Their bytes begin after `ROOM` bytes that others fill.
pub(crate) struct Lifted<const FLAT: usize, const ROOM: usize = 0> {
    pub(crate) values: LiftedValues,
}

/// Values as bytes, with what they refer to.
#[derive(Default)]
pub(crate) struct LiftedValues {
    pub(crate) bytes: Vec<u8>,
    /// Each with the place of its number among the bytes.
    pub(super) resources: Vec<(usize, ResourceAny)>,
    /// Streams and futures, in the same way.
    pub(super) flows: Vec<(usize, LiftedFlow)>,
    /// How many values there are, but those in lists of numbers.
    count: usize,
    /// Whether a long list may have the memory of [`lift_into`].
    reuses: bool,
}

thread_local! {
    static MEMORY: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// Lists of bytes beyond this size are worth another memory.
const LONG: usize = 4096;

/// Carries out `call`; if an export returns a long list of numbers meanwhile, on this thread, its bytes are in this memory
/// as far as it has room. Fresh memory takes longer to get than to fill. Leaves the memory as long as nothing is in it.
pub(crate) fn lift_into<T>(memory: &mut Vec<u8>, call: impl FnOnce() -> T) -> T {
    let before = MEMORY.replace(std::mem::take(memory));
    let result = call();
    *memory = MEMORY.replace(before);
    result
}

/// A stream or future that a guest gives.
pub(super) struct LiftedFlow {
    pub(super) end: LiftedEnd,
    pub(super) carried: Carried,
}

/// The end of it that can be read.
pub(super) enum LiftedEnd {
    Stream(StreamAny),
    Future(FutureAny),
}

for_all_functions!(Lifted, ROOM);

// SAFETY: no more is read than is there: core values by an iterator, and memory in its bounds.
unsafe impl<const FLAT: usize, const ROOM: usize> Lift for Lifted<FLAT, ROOM> {
    fn linear_lift_from_flat(
        cx: &mut LiftContext<'_>,
        ty: InterfaceType,
        src: &Self::Lower,
    ) -> wasmtime::Result<Self> {
        let mut values = LiftedValues::after(ROOM);
        let abi = cx.types.canonical_abi(&ty);
        match abi.flat_count(FLAT.max(1)) {
            Some(_) => values.lift_from_flat(cx, ty, &mut src.iter())?,
            None => {
                let pointer = take(&mut src.iter())?.get_u32();
                values.lift_from_memory(cx, ty, pointer as usize)?;
            }
        }
        Ok(Self { values })
    }

    fn linear_lift_from_memory(
        cx: &mut LiftContext<'_>,
        ty: InterfaceType,
        bytes: &[u8],
    ) -> wasmtime::Result<Self> {
        let mut values = LiftedValues::after(ROOM);
        // A part of the memory, which begins at the values and whose length is that of `ABI`, 0.
        let offset = bytes.as_ptr().addr() - cx.memory().as_ptr().addr();
        values.lift_from_memory(cx, ty, offset)?;
        Ok(Self { values })
    }
}

impl LiftedValues {
    fn after(room: usize) -> Self {
        // Most values fit.
        let mut bytes = Vec::with_capacity(room * 4);
        bytes.resize(room, 0);
        Self {
            bytes,
            reuses: room > 0,
            ..Self::default()
        }
    }

    /// The places of the numbers of streams and futures.
    pub(super) fn flow_places(&self) -> Vec<usize> {
        self.flows.iter().map(|(place, _)| *place).collect()
    }

    /// What they count of the bytes that a call may copy.
    pub(super) fn cost(&self) -> usize {
        self.count * VALUE_COST + self.bytes.len()
    }

    fn lift_from_flat(
        &mut self,
        cx: &mut LiftContext<'_>,
        ty: InterfaceType,
        flat: &mut Iter<'_, ValRaw>,
    ) -> wasmtime::Result<()> {
        cx.consume_fuel(VALUE_COST)?;
        self.count += 1;
        let types = cx.types;
        if let Some(parts) = parts(types, ty) {
            return parts
                .iter()
                .try_for_each(|part| self.lift_from_flat(cx, part, flat));
        }
        if let Some(cases) = Cases::of(types, ty) {
            let rest = flat_count(types, ty).saturating_sub(1);
            let case = take(flat)?.get_u32();
            self.case(&cases, case)?;
            let left = flat.len();
            if let Some(payload) = cases.payload_of(case as usize) {
                self.lift_from_flat(cx, payload, flat)?;
            }
            let used = left - flat.len();
            return (used..rest).try_for_each(|_| take(flat).map(drop));
        }
        match ty {
            InterfaceType::Bool => self.bool(take(flat)?.get_u32() != 0),
            InterfaceType::S8 | InterfaceType::U8 => {
                self.bytes.push(take(flat)?.get_u32() as u8);
            }
            InterfaceType::S16 | InterfaceType::U16 => {
                self.put(&(take(flat)?.get_u32() as u16).to_le_bytes());
            }
            InterfaceType::S32 | InterfaceType::U32 => {
                self.put(&take(flat)?.get_u32().to_le_bytes());
            }
            InterfaceType::S64 | InterfaceType::U64 => {
                self.put(&take(flat)?.get_u64().to_le_bytes());
            }
            InterfaceType::Float32 => self.put(&take(flat)?.get_f32().to_le_bytes()),
            InterfaceType::Float64 => self.put(&take(flat)?.get_f64().to_le_bytes()),
            InterfaceType::Char => self.char(take(flat)?.get_u32())?,
            InterfaceType::String => {
                let pair = [*take(flat)?, *take(flat)?];
                self.string(&String::linear_lift_from_flat(cx, ty, &pair)?)?;
            }
            InterfaceType::List(_) | InterfaceType::Map(_) => {
                let (pointer, length) = (take(flat)?.get_u32(), take(flat)?.get_u32());
                self.list(cx, ty, pointer, length)?;
            }
            InterfaceType::Flags(index) => {
                let bits = take(flat)?.get_u32().to_le_bytes();
                self.put(&bits[..flags_size(types[index].names.len())]);
            }
            InterfaceType::Own(_) | InterfaceType::Borrow(_) => {
                let index = take(flat)?;
                match is_hosts(cx, ty) {
                    true => self.hosts(&ResourceDynamic::linear_lift_from_flat(cx, ty, index)?),
                    false => self.guests(ResourceAny::linear_lift_from_flat(cx, ty, index)?),
                }
            }
            InterfaceType::Stream(_) => {
                let end = StreamAny::linear_lift_from_flat(cx, ty, take(flat)?)?;
                self.flow(cx, ty, LiftedEnd::Stream(end))?;
            }
            InterfaceType::Future(_) => {
                let end = FutureAny::linear_lift_from_flat(cx, ty, take(flat)?)?;
                self.flow(cx, ty, LiftedEnd::Future(end))?;
            }
            other => return Err(foreign(other)),
        }
        Ok(())
    }

    pub(super) fn lift_from_memory(
        &mut self,
        cx: &mut LiftContext<'_>,
        ty: InterfaceType,
        offset: usize,
    ) -> wasmtime::Result<()> {
        cx.consume_fuel(VALUE_COST)?;
        self.count += 1;
        let types = cx.types;
        let abi = types.canonical_abi(&ty);
        if !offset.is_multiple_of(abi.align32 as usize) {
            return Err(wasmtime::Error::msg("a pointer is not aligned"));
        }
        if let Some(size) = plain_size(ty) {
            self.put(memory(cx, offset, size)?);
            return Ok(());
        }
        if let Some(parts) = parts(types, ty) {
            return self.parts_from_memory(cx, &parts, offset);
        }
        if let Some(cases) = Cases::of(types, ty) {
            let mut case = [0; 4];
            let width = cases.width as usize;
            case[..width].copy_from_slice(memory(cx, offset, width)?);
            let case = u32::from_le_bytes(case);
            self.case(&cases, case)?;
            return match cases.payload_of(case as usize) {
                Some(payload) => self.lift_from_memory(cx, payload, offset + cases.payload),
                None => Ok(()),
            };
        }
        let bytes = memory(cx, offset, abi.size32 as usize)?;
        match ty {
            InterfaceType::Bool => self.bool(bytes != [0]),
            InterfaceType::Char => self.char(word(bytes))?,
            InterfaceType::String => {
                self.string(&String::linear_lift_from_memory(cx, ty, bytes)?)?;
            }
            InterfaceType::List(_) | InterfaceType::Map(_) => {
                self.list(cx, ty, word(bytes), word(&bytes[4..]))?;
            }
            InterfaceType::Flags(_) => self.put(bytes),
            InterfaceType::Own(_) | InterfaceType::Borrow(_) => match is_hosts(cx, ty) {
                true => self.hosts(&ResourceDynamic::linear_lift_from_memory(cx, ty, bytes)?),
                false => self.guests(ResourceAny::linear_lift_from_memory(cx, ty, bytes)?),
            },
            InterfaceType::Stream(_) => {
                let end = StreamAny::linear_lift_from_memory(cx, ty, bytes)?;
                self.flow(cx, ty, LiftedEnd::Stream(end))?;
            }
            InterfaceType::Future(_) => {
                let end = FutureAny::linear_lift_from_memory(cx, ty, bytes)?;
                self.flow(cx, ty, LiftedEnd::Future(end))?;
            }
            other => return Err(foreign(other)),
        }
        Ok(())
    }

    fn parts_from_memory(
        &mut self,
        cx: &mut LiftContext<'_>,
        parts: &Parts<'_>,
        mut offset: usize,
    ) -> wasmtime::Result<()> {
        parts.iter().try_for_each(|part| {
            let at = cx.types.canonical_abi(&part).next_field32_size(&mut offset);
            self.lift_from_memory(cx, part, at)
        })
    }

    fn list(
        &mut self,
        cx: &mut LiftContext<'_>,
        ty: InterfaceType,
        pointer: u32,
        count: u32,
    ) -> wasmtime::Result<()> {
        let types = cx.types;
        let (parts, abi) = element(types, ty).ok_or_else(|| foreign(ty))?;
        let (size, count) = (abi.size32 as usize, count as usize);
        // Lists may overlap: what is copied has a limit of its own.
        cx.consume_fuel_array(count, size)?;
        let pointer = pointer as usize;
        if !pointer.is_multiple_of(abi.align32 as usize) {
            return Err(wasmtime::Error::msg("the pointer of a list is not aligned"));
        }
        let bytes = memory(cx, pointer, size.saturating_mul(count))?;
        self.put(&(count as u32).to_le_bytes());
        if parts.plain_size().is_some() {
            self.make_room(bytes.len());
            self.put(bytes);
        } else {
            for index in 0..count {
                self.parts_from_memory(cx, &parts, pointer + index * size)?;
            }
        }
        Ok(())
    }

    fn case(&mut self, cases: &Cases<'_>, case: u32) -> wasmtime::Result<()> {
        if case as usize >= cases.count {
            return Err(wasmtime::Error::msg("a case that its type does not have"));
        }
        self.put(&case.to_le_bytes()[..cases.width as usize]);
        Ok(())
    }

    fn bool(&mut self, value: bool) {
        self.bytes.push(u8::from(value));
    }

    fn char(&mut self, value: u32) -> wasmtime::Result<()> {
        match char::from_u32(value) {
            Some(_) => {
                self.put(&value.to_le_bytes());
                Ok(())
            }
            None => Err(wasmtime::Error::msg(
                "a `char` that is not a Unicode scalar value",
            )),
        }
    }

    fn string(&mut self, text: &str) -> wasmtime::Result<()> {
        self.put(&u32::try_from(text.len())?.to_le_bytes());
        self.put(text.as_bytes());
        Ok(())
    }

    /// A resource of the submitter's own, by its number for it.
    fn hosts(&mut self, resource: &ResourceDynamic) {
        self.put(&resource.rep().to_le_bytes());
    }

    fn guests(&mut self, resource: ResourceAny) {
        self.resources.push((self.bytes.len(), resource));
        self.put(&[0; 4]);
    }

    fn flow(
        &mut self,
        cx: &LiftContext<'_>,
        ty: InterfaceType,
        end: LiftedEnd,
    ) -> wasmtime::Result<()> {
        let carried = Carried::by(cx.types, ty).ok_or_else(|| foreign(ty))?;
        self.flows
            .push((self.bytes.len(), LiftedFlow { end, carried }));
        self.put(&[0; 4]);
        Ok(())
    }

    /// Moves to the memory of [`lift_into`] before so many bytes, if these fit there and not here.
    fn make_room(&mut self, more: usize) {
        let needed = self.bytes.len() + more;
        if !self.reuses || more < LONG || needed <= self.bytes.capacity() {
            return;
        }
        let mut memory = MEMORY.take();
        if memory.capacity() < needed {
            MEMORY.set(memory);
            return;
        }
        memory.clear();
        memory.extend_from_slice(&self.bytes);
        self.bytes = memory;
    }

    fn put(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }
}

/// Whether a resource is one of the submitter's own.
fn is_hosts(cx: &LiftContext<'_>, ty: InterfaceType) -> bool {
    ResourceDynamic::typecheck(&ty, &cx.instance_type()).is_ok()
}

fn take<'a>(flat: &mut Iter<'a, ValRaw>) -> wasmtime::Result<&'a ValRaw> {
    flat.next()
        .ok_or_else(|| wasmtime::Error::msg("too few core values"))
}

fn memory<'a>(cx: &LiftContext<'a>, offset: usize, length: usize) -> wasmtime::Result<&'a [u8]> {
    if length == 0 {
        return Ok(&[]);
    }
    let memory = cx.memory().get(offset..);
    memory
        .and_then(|memory| memory.get(..length))
        .ok_or_else(|| wasmtime::Error::msg("a pointer is out of the bounds of the memory"))
}

/// Little-endian; the slice has four bytes or more.
fn word(bytes: &[u8]) -> u32 {
    bytes
        .first_chunk()
        .map_or(0, |word| u32::from_le_bytes(*word))
}

fn foreign(ty: InterfaceType) -> wasmtime::Error {
    wasmtime::Error::msg(format!("a value that does not cross: {ty:?}"))
}
