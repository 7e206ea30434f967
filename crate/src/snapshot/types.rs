//! Types, from those of the parser to those of a new module, and function types that the module lacks.

use super::refusal::refusal;
use super::source::Source;
use super::state::Value;
use crate::error::{Error, Result};
use std::collections::HashMap;
use wasm_encoder::reencode::{Reencode, RoundtripReencoder};
use wasm_encoder::{self as enc, Encode, Instruction};
use wasmparser::{FuncType, HeapType, RefType, UnpackedIndex, ValType};

/// The most parameters, and the most results, that a function type may have.
const MAX_ARITY: usize = 1000;

/// Parameters and results.
type Signature = (Vec<enc::ValType>, Vec<enc::ValType>);

/// The types of a module that grows.
pub(super) struct Types<'s, 'a> {
    source: &'s Source<'a>,
    added: Vec<Signature>,
    indices: HashMap<Signature, u32>,
}

impl<'s, 'a> Types<'s, 'a> {
    pub(super) fn new(source: &'s Source<'a>) -> Self {
        Self {
            source,
            added: Vec::new(),
            indices: HashMap::new(),
        }
    }

    pub(super) fn value_type(&self, ty: ValType) -> Result<enc::ValType> {
        Ok(match ty {
            ValType::I32 => enc::ValType::I32,
            ValType::I64 => enc::ValType::I64,
            ValType::F32 => enc::ValType::F32,
            ValType::F64 => enc::ValType::F64,
            ValType::V128 => enc::ValType::V128,
            ValType::Ref(ty) => enc::ValType::Ref(self.ref_type(ty)?),
        })
    }

    pub(super) fn ref_type(&self, ty: RefType) -> Result<enc::RefType> {
        Ok(enc::RefType {
            nullable: ty.is_nullable(),
            heap_type: self.heap_type(ty.heap_type())?,
        })
    }

    pub(super) fn heap_type(&self, ty: HeapType) -> Result<enc::HeapType> {
        Ok(match ty {
            HeapType::Abstract { shared, ty } => {
                let ty = RoundtripReencoder.abstract_heap_type(ty);
                let ty = ty.map_err(|error| Error::internal(format_args!("{error}")))?;
                enc::HeapType::Abstract { shared, ty }
            }
            HeapType::Concrete(index) => enc::HeapType::Concrete(self.type_index(index)?),
            HeapType::Exact(index) => enc::HeapType::Exact(self.type_index(index)?),
        })
    }

    fn type_index(&self, index: UnpackedIndex) -> Result<u32> {
        let index = match index {
            UnpackedIndex::Module(index) => Some(index),
            UnpackedIndex::Id(id) => self.source.type_index(id),
            UnpackedIndex::RecGroup(_) => None,
        };
        index.ok_or_else(|| Error::internal("a type without an index"))
    }

    /// The index of a function type, which is added if it is new.
    pub(super) fn function(&mut self, params: &[ValType], results: &[ValType]) -> Result<u32> {
        if params.len().max(results.len()) > MAX_ARITY {
            return Err(refusal(format_args!(
                "a block of a function that has not returned has more than {MAX_ARITY} operands"
            )));
        }
        let encode = |types: &[ValType]| {
            let types = types.iter().map(|ty| self.value_type(*ty));
            types.collect::<Result<Vec<_>>>()
        };
        let signature: Signature = (encode(params)?, encode(results)?);
        let next = self.source.counts.types + self.added.len() as u32;
        let index = *self.indices.entry(signature.clone()).or_insert(next);
        if index == next {
            self.added.push(signature);
        }
        Ok(index)
    }

    /// The type of a block.
    pub(super) fn block(
        &mut self,
        params: &[ValType],
        results: &[ValType],
    ) -> Result<enc::BlockType> {
        Ok(match (params, results) {
            ([], []) => enc::BlockType::Empty,
            ([], [result]) => enc::BlockType::Result(self.value_type(*result)?),
            _ => enc::BlockType::FunctionType(self.function(params, results)?),
        })
    }

    /// The number of types that were added, and their binary form.
    pub(super) fn added(&self) -> (u32, Vec<u8>) {
        let mut bytes = Vec::new();
        for (params, results) in &self.added {
            bytes.push(0x60);
            params[..].encode(&mut bytes);
            results[..].encode(&mut bytes);
        }
        (self.added.len() as u32, bytes)
    }

    /// The instruction that pushes `value`, which is of this type.
    pub(super) fn constant(&self, value: Value, ty: ValType) -> Result<Instruction<'static>> {
        Ok(match (value, ty) {
            (Value::I32(value), ValType::I32) => Instruction::I32Const(value),
            (Value::I64(value), ValType::I64) => Instruction::I64Const(value),
            (Value::F32(bits), ValType::F32) => Instruction::F32Const(enc::Ieee32::new(bits)),
            (Value::F64(bits), ValType::F64) => Instruction::F64Const(enc::Ieee64::new(bits)),
            (Value::V128(value), ValType::V128) => Instruction::V128Const(value as i128),
            (Value::Function(index), ValType::Ref(_)) => Instruction::RefFunc(index),
            (Value::Null, ValType::Ref(ty)) if ty.is_nullable() => {
                Instruction::RefNull(self.heap_type(ty.heap_type())?)
            }
            (
                Value::I32(_)
                | Value::I64(_)
                | Value::F32(_)
                | Value::F64(_)
                | Value::V128(_)
                | Value::Function(_)
                | Value::Null,
                _,
            ) => {
                return Err(Error::internal(format_args!(
                    "{value:?} is not of type {ty}"
                )));
            }
        })
    }

    /// Some value of this type, which the program never sees.
    pub(super) fn placeholder(&self, ty: ValType) -> Result<Value> {
        Ok(match ty {
            ValType::I32 => Value::I32(0),
            ValType::I64 => Value::I64(0),
            ValType::F32 => Value::F32(0),
            ValType::F64 => Value::F64(0),
            ValType::V128 => Value::V128(0),
            ValType::Ref(ty) if ty.is_nullable() => Value::Null,
            ValType::Ref(ty) => {
                let function = self.source.function_of(ty);
                let none = || {
                    refusal(format_args!(
                        "a block of a function that has not returned takes a {ty}"
                    ))
                };
                Value::Function(function.ok_or_else(none)?)
            }
        })
    }
}

/// The number of operands that a block of this type takes.
pub(super) fn params(source: &Source<'_>, ty: wasmparser::BlockType) -> Result<usize> {
    Ok(match ty {
        wasmparser::BlockType::Empty | wasmparser::BlockType::Type(_) => 0,
        wasmparser::BlockType::FuncType(index) => {
            let ty: &FuncType = source.function_type(index)?;
            ty.params().len()
        }
    })
}
