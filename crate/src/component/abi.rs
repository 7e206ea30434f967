//! What lowering and lifting have in common: how types lie in linear memory.

use wasmtime::component::__internal::wasmtime_environ::component::RecordField;
use wasmtime::component::__internal::{CanonicalAbiInfo, ComponentTypes, InterfaceType};

/// The most core values that arguments are passed as; more go through memory.
pub(super) const FLAT_ARGUMENTS: usize = 16;

/// The cases of a variant, an option or a result, and how they lie in memory.
pub(super) struct Cases<'a> {
    types: &'a ComponentTypes,
    ty: InterfaceType,
    /// How many there are.
    pub(super) count: usize,
    /// Bytes of the number of the case.
    pub(super) width: u32,
    /// Where the payload is.
    pub(super) payload: usize,
}

impl<'a> Cases<'a> {
    /// `None` for a type that has no cases.
    pub(super) fn of(types: &'a ComponentTypes, ty: InterfaceType) -> Option<Self> {
        let (count, info) = match ty {
            InterfaceType::Variant(index) => (types[index].cases.len(), &types[index].info),
            InterfaceType::Enum(index) => (types[index].names.len(), &types[index].info),
            InterfaceType::Option(index) => (2, &types[index].info),
            InterfaceType::Result(index) => (2, &types[index].info),
            _ => return None,
        };
        Some(Self {
            types,
            ty,
            count,
            width: info.size.byte_size(),
            payload: info.payload_offset32 as usize,
        })
    }

    /// The payload of a case, which exists.
    pub(super) fn payload_of(&self, case: usize) -> Option<InterfaceType> {
        match self.ty {
            InterfaceType::Variant(index) => {
                let case = self.types[index].cases.get_index(case);
                case.and_then(|(_, payload)| *payload)
            }
            InterfaceType::Option(index) => (case == 1).then(|| self.types[index].ty),
            InterfaceType::Result(index) if case == 0 => self.types[index].ok,
            InterfaceType::Result(index) => self.types[index].err,
            _ => None,
        }
    }
}

/// The core values that a type is passed as, at most [`FLAT_ARGUMENTS`] where anybody asks.
pub(super) fn flat_count(types: &ComponentTypes, ty: InterfaceType) -> usize {
    let count = types.canonical_abi(&ty).flat_count(FLAT_ARGUMENTS);
    count.unwrap_or(FLAT_ARGUMENTS)
}

/// Bytes of an element that lies in memory as it crosses; `None` for all others.
pub(super) fn plain_size(ty: InterfaceType) -> Option<usize> {
    match ty {
        InterfaceType::U8 | InterfaceType::S8 => Some(1),
        InterfaceType::U16 | InterfaceType::S16 => Some(2),
        InterfaceType::U32 | InterfaceType::S32 | InterfaceType::Float32 => Some(4),
        InterfaceType::U64 | InterfaceType::S64 | InterfaceType::Float64 => Some(8),
        _ => None,
    }
}

/// Bytes of so many flags, of which a type has at most 32.
pub(super) fn flags_size(count: usize) -> usize {
    match count {
        0..=8 => 1,
        9..=16 => 2,
        _ => 4,
    }
}

/// Whether values of a type refer to nothing: no resource, stream or future is in them.
pub(super) fn refers_to_nothing(types: &ComponentTypes, ty: InterfaceType) -> bool {
    if let Some(parts) = parts(types, ty) {
        return parts.iter().all(|part| refers_to_nothing(types, part));
    }
    if let Some(cases) = Cases::of(types, ty) {
        let mut payloads = (0..cases.count).filter_map(|case| cases.payload_of(case));
        return payloads.all(|payload| refers_to_nothing(types, payload));
    }
    match element(types, ty) {
        Some((parts, _)) => parts.iter().all(|part| refers_to_nothing(types, part)),
        None => !matches!(
            ty,
            InterfaceType::Own(_)
                | InterfaceType::Borrow(_)
                | InterfaceType::Stream(_)
                | InterfaceType::Future(_)
        ),
    }
}

/// What a stream or a future carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Carried {
    /// Values without content.
    Nothing,
    Bytes,
    Others {
        /// Whether one that the submitter gave can come back to it as it is.
        comes_back: bool,
    },
}

impl Carried {
    /// `None` for other types.
    pub(super) fn by(types: &ComponentTypes, ty: InterfaceType) -> Option<Self> {
        let payload = match ty {
            InterfaceType::Stream(index) => types[types[index].ty].payload,
            InterfaceType::Future(index) => types[types[index].ty].payload,
            _ => return None,
        };
        Some(match payload {
            None => Self::Nothing,
            Some(InterfaceType::U8) => Self::Bytes,
            Some(other) => Self::Others {
                comes_back: refers_to_nothing(types, other),
            },
        })
    }
}

/// The parts of a record, a tuple or a list of a fixed length.
pub(super) fn parts(types: &ComponentTypes, ty: InterfaceType) -> Option<Parts<'_>> {
    match ty {
        InterfaceType::Record(index) => Some(Parts::Record(&types[index].fields)),
        InterfaceType::Tuple(index) => Some(Parts::Tuple(&types[index].types)),
        InterfaceType::FixedLengthList(index) => {
            let list = &types[index];
            Some(Parts::Same(list.element, list.size as usize))
        }
        _ => None,
    }
}

/// What an element of a list or a map consists of, and how it lies in memory.
pub(super) fn element(
    types: &ComponentTypes,
    ty: InterfaceType,
) -> Option<(Parts<'_>, &CanonicalAbiInfo)> {
    match ty {
        InterfaceType::Map(index) => {
            let map = &types[index];
            Some((Parts::Pair([map.key, map.value]), &map.entry_abi))
        }
        InterfaceType::List(index) => {
            let element = types[index].element;
            Some((Parts::Same(element, 1), types.canonical_abi(&element)))
        }
        _ => None,
    }
}

/// Types that follow one another.
pub(super) enum Parts<'a> {
    Record(&'a [RecordField]),
    Tuple(&'a [InterfaceType]),
    Pair([InterfaceType; 2]),
    Same(InterfaceType, usize),
}

impl Parts<'_> {
    pub(super) fn iter(&self) -> impl Iterator<Item = InterfaceType> {
        let count = match self {
            Self::Record(fields) => fields.len(),
            Self::Tuple(types) => types.len(),
            Self::Pair(types) => types.len(),
            Self::Same(_, count) => *count,
        };
        (0..count).map(|index| match self {
            Self::Record(fields) => fields[index].ty,
            Self::Tuple(types) => types[index],
            Self::Pair(types) => types[index],
            Self::Same(ty, _) => *ty,
        })
    }

    /// Bytes of the only part, if it lies in memory as it crosses.
    pub(super) fn plain_size(&self) -> Option<usize> {
        match self {
            Self::Same(ty, _) => plain_size(*ty),
            Self::Record(_) | Self::Tuple(_) | Self::Pair(_) => None,
        }
    }
}

/// Implements what makes a type usable for all functions, each of which tells its own types.
macro_rules! for_all_functions {
    ($name:ident $(, $more:ident)*) => {
        // SAFETY: `Lower` is a sequence of `ValRaw`. `typecheck` accepts all types, because the values are read and
        // written as the types of the function say, of which each call tells. `ABI` is not used: what it is used for,
        // values in memory, is done by `Lift` and `Lower` themselves.
        unsafe impl<const FLAT: usize $(, const $more: usize)*> wasmtime::component::ComponentType
            for $name<FLAT $(, $more)*>
        {
            type Lower = [wasmtime::ValRaw; FLAT];

            const ABI: CanonicalAbiInfo = CanonicalAbiInfo::ZERO;

            fn typecheck(_: &InterfaceType, _: &InstanceType<'_>) -> wasmtime::Result<()> {
                Ok(())
            }
        }

        // SAFETY: see above.
        unsafe impl<const FLAT: usize $(, const $more: usize)*> wasmtime::component::ComponentNamedList
            for $name<FLAT $(, $more)*>
        {
        }
    };
}
pub(super) use for_all_functions;
