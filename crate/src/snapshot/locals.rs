//! The locals of a copy of a function.

use super::refusal::unreadable;
use super::source::Source;
use super::state::CapturedFrame;
use super::types::Types;
use crate::error::{Error, Result};
use std::collections::BTreeSet;
use wasmparser::{FunctionBody, ValType};

/// The locals of a copy.
pub(super) struct Locals {
    /// What the function takes, and what it declares.
    types: Vec<(u32, ValType)>,
    /// Which of the parameters are references that cannot be null. A local without a parameter's value can be, so these
    /// are nullable in the copy, and are read as references that are not null.
    pub(super) not_null: BTreeSet<u32>,
    /// The flag comes after all others.
    pub(super) flag: u32,
}

impl Locals {
    pub(super) fn new(
        source: &Source<'_>,
        frame: &CapturedFrame,
        body: &FunctionBody<'_>,
    ) -> Result<Self> {
        let mut types = Vec::new();
        let mut not_null = BTreeSet::new();
        let mut flag: u32 = 0;
        for &param in source.type_of(frame.function)?.params() {
            let param = match param {
                ValType::Ref(ty) if !ty.is_nullable() => {
                    not_null.insert(flag);
                    ValType::Ref(ty.nullable())
                }
                other => other,
            };
            types.push((1, param));
            flag += 1;
        }
        for declared in body.get_locals_reader().map_err(unreadable)? {
            let (count, ty) = declared.map_err(unreadable)?;
            types.push((count, ty));
            flag = flag.saturating_add(count);
        }
        if frame.locals.len() != flag as usize {
            let message = format_args!(
                "a frame of function {} has {} locals, and its code has {flag}",
                frame.function,
                frame.locals.len()
            );
            return Err(Error::internal(message));
        }
        Ok(Self {
            types,
            not_null,
            flag,
        })
    }

    pub(super) fn encoded(
        &self,
        types: &Types<'_, '_>,
    ) -> Result<Vec<(u32, wasm_encoder::ValType)>> {
        let all = self.types.iter().copied().chain([(1, ValType::I32)]);
        all.map(|(count, ty)| Ok((count, types.value_type(ty)?)))
            .collect()
    }

    /// The type of each local of the function.
    pub(super) fn each(&self) -> impl Iterator<Item = ValType> {
        let types = self.types.iter();
        types.flat_map(|&(count, ty)| std::iter::repeat_n(ty, count as usize))
    }
}
