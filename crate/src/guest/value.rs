//! Numbers that functions take and return.

use wasmtime::{Val, ValType};

/// The types of numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NumberType {
    /// 32-bit integer.
    I32,
    /// 64-bit integer.
    I64,
    /// 32-bit floating point.
    F32,
    /// 64-bit floating point.
    F64,
}

impl NumberType {
    /// `None` for vectors and references.
    pub(crate) fn of(ty: &ValType) -> Option<Self> {
        match ty {
            ValType::I32 => Some(Self::I32),
            ValType::I64 => Some(Self::I64),
            ValType::F32 => Some(Self::F32),
            ValType::F64 => Some(Self::F64),
            ValType::V128 | ValType::Ref(_) => None,
        }
    }

    pub(crate) fn val(self, bits: u64) -> Val {
        match self {
            Self::I32 => Val::I32(bits as u32 as i32),
            Self::I64 => Val::I64(bits as i64),
            Self::F32 => Val::F32(bits as u32),
            Self::F64 => Val::F64(bits),
        }
    }
}

/// A number as it crosses: its bits, of which a 32-bit number has the lower half. `None` for vectors and references.
pub(crate) fn bits_of(value: &Val) -> Option<u64> {
    match value {
        Val::I32(value) => Some(u64::from(*value as u32)),
        Val::I64(value) => Some(*value as u64),
        Val::F32(bits) => Some(u64::from(*bits)),
        Val::F64(bits) => Some(*bits),
        _ => None,
    }
}

/// A number that a function takes or returns.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value {
    /// 32-bit integer.
    I32(i32),
    /// 64-bit integer.
    I64(i64),
    /// 32-bit floating point.
    F32(f32),
    /// 64-bit floating point.
    F64(f64),
}

impl Value {
    /// Its bits, of which a 32-bit number has the lower half.
    pub fn bits(self) -> u64 {
        match self {
            Self::I32(value) => u64::from(value as u32),
            Self::I64(value) => value as u64,
            Self::F32(value) => u64::from(value.to_bits()),
            Self::F64(value) => value.to_bits(),
        }
    }

    /// The number of this type that has these bits.
    pub fn from_bits(ty: NumberType, bits: u64) -> Self {
        match ty {
            NumberType::I32 => Self::I32(bits as u32 as i32),
            NumberType::I64 => Self::I64(bits as i64),
            NumberType::F32 => Self::F32(f32::from_bits(bits as u32)),
            NumberType::F64 => Self::F64(f64::from_bits(bits)),
        }
    }

    /// Its type.
    pub fn number_type(self) -> NumberType {
        match self {
            Self::I32(_) => NumberType::I32,
            Self::I64(_) => NumberType::I64,
            Self::F32(_) => NumberType::F32,
            Self::F64(_) => NumberType::F64,
        }
    }
}
