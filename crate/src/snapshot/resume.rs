//! A copy of a function that is entered in the middle: at the call that one frame waits for.
//!
//! The copy has no parameters. Its locals begin with the frame's values, and one more local, the flag, says that the
//! copy is on its way to the call. The constructs (blocks, loops, ifs) that are open around the call cut the code
//! before it into pieces: each goes from the start of one construct to the start of the next one, the last to the
//! call. A piece is skipped while the flag is set; instead, the operands are pushed that the frame has there:
//!
//! ```text
//! local.get $flag
//! if (param what the construct takes) (result the operands at the end of the piece)
//!   drop what the construct takes, push what the frame has
//! else
//!   the piece
//! end
//! ```
//!
//! An `if` is entered by pushing the condition that leads into the arm in question. What an inner construct takes
//! from an outer one is no longer known and never seen: its own piece replaces it. At the call the flag is cleared and
//! the copy for the next frame is called, or, in the innermost frame, the function that reads stdin. When a loop goes
//! round again, the flag is not set and everything runs as it was written.

use super::labels::{Nesting, nesting, shifted};
use super::locals::Locals;
use super::path::{Open, operators, path};
use super::source::Source;
use super::state::{CapturedFrame, Value};
use super::types::Types;
use super::way::{Piece, Way, way};
use crate::error::Result;
use std::collections::BTreeSet;
use wasm_encoder::{Function, Instruction};
use wasmparser::{FunctionBody, Operator, ValType};

/// What a copy calls when it has come to where its frame is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Callee {
    pub(super) function: u32,
    /// The arguments, where it takes some.
    pub(super) arguments: Option<[i32; 4]>,
}

/// A function to be added to a module.
pub(super) struct Added {
    pub(super) type_index: u32,
    pub(super) body: Vec<u8>,
}

/// The copy for a frame. The functions that it refers to are added to `referenced`.
///
/// # Errors
///
/// [`ErrorCode::Snapshot`](crate::ErrorCode::Snapshot) for code that cannot be entered in the middle.
pub(super) fn copy(
    source: &Source<'_>,
    types: &mut Types<'_, '_>,
    frame: &CapturedFrame,
    callee: Callee,
    referenced: &mut BTreeSet<u32>,
) -> Result<Added> {
    let body = source.body(frame.function)?;
    let (path, call) = path(&body, frame.pc)?;
    let way = way(source, frame, &body, &path, call)?;
    let results = source.type_of(frame.function)?.results();
    let type_index = types.function(&[], results)?;
    let locals = Locals::new(source, frame, &body)?;
    let mut writer = Writer {
        function: Function::new(locals.encoded(types)?),
        types,
        locals,
        referenced,
    };
    writer.prologue(frame)?;
    writer.code(source, &body, &path, &way, callee)?;
    Ok(Added {
        type_index,
        body: writer.function.into_raw_body(),
    })
}

/// Writes the code of a copy.
struct Writer<'w, 's, 'a> {
    function: Function,
    types: &'w mut Types<'s, 'a>,
    locals: Locals,
    referenced: &'w mut BTreeSet<u32>,
}

impl Writer<'_, '_, '_> {
    /// Sets the locals.
    fn prologue(&mut self, frame: &CapturedFrame) -> Result<()> {
        let types: Vec<_> = self.locals.each().collect();
        for (index, (&value, ty)) in frame.locals.iter().zip(types).enumerate() {
            let is_default = match value {
                Value::I32(0) | Value::I64(0) | Value::F32(0) | Value::F64(0) | Value::V128(0) => {
                    true
                }
                Value::Null => true,
                Value::I32(_) | Value::I64(_) | Value::F32(_) | Value::F64(_) | Value::V128(_) => {
                    false
                }
                Value::Function(_) => false,
            };
            if !is_default {
                self.push(value, ty)?;
                self.function
                    .instruction(&Instruction::LocalSet(index as u32));
            }
        }
        self.function.instruction(&Instruction::I32Const(1));
        let flag = self.locals.flag;
        self.function.instruction(&Instruction::LocalSet(flag));
        Ok(())
    }

    fn push(&mut self, value: Value, ty: ValType) -> Result<()> {
        if let Value::Function(index) = value {
            self.referenced.insert(index);
        }
        let constant = self.types.constant(value, ty)?;
        self.function.instruction(&constant);
        Ok(())
    }

    fn code(
        &mut self,
        source: &Source<'_>,
        body: &FunctionBody<'_>,
        path: &[Open],
        way: &Way<'_>,
        callee: Callee,
    ) -> Result<()> {
        let mut pieces = way.pieces.iter().peekable();
        // The constructs of the piece that are open, within a piece.
        let mut depth = None;
        let mut passed = 0;
        for next in operators(body)? {
            let (operator, range) = next?;
            let bytes = &source.bytes[range.clone()];
            if let Some(piece) = pieces.peek()
                && depth.is_none()
                && range.start == piece.code.start
            {
                self.begin(piece)?;
                depth = Some(0);
            }
            if let Some(piece) = pieces.next_if(|piece| range.start == piece.code.end) {
                self.end(piece);
                depth = None;
                match passed < path.len() {
                    true => self.operator(&operator, bytes),
                    false => self.call(way, callee, bytes)?,
                }
                passed += 1;
                continue;
            }
            let Some(open) = &mut depth else {
                self.operator(&operator, bytes);
                continue;
            };
            let nesting = nesting(&operator)?;
            if let Nesting::Closes = nesting {
                *open -= 1;
            }
            match shifted(&operator, *open)? {
                Some(instruction) => {
                    self.function.instruction(&instruction);
                }
                None => self.operator(&operator, bytes),
            }
            if let Nesting::Opens = nesting {
                *open += 1;
            }
        }
        Ok(())
    }

    fn begin(&mut self, piece: &Piece<'_>) -> Result<()> {
        if piece.is_trivial() {
            return Ok(());
        }
        self.if_on_the_way(&piece.params, &piece.results)?;
        for (value, &ty) in piece.values.iter().zip(&piece.results) {
            let value = match value {
                Some(value) => *value,
                None => self.types.placeholder(ty)?,
            };
            self.push(value, ty)?;
        }
        self.function.instruction(&Instruction::Else);
        Ok(())
    }

    fn end(&mut self, piece: &Piece<'_>) {
        if !piece.is_trivial() {
            self.function.instruction(&Instruction::End);
        }
    }

    /// The call itself, whose operator is in `bytes`.
    fn call(&mut self, way: &Way<'_>, callee: Callee, bytes: &[u8]) -> Result<()> {
        self.if_on_the_way(&way.taken, &way.returned)?;
        self.function.instruction(&Instruction::I32Const(0));
        let flag = self.locals.flag;
        self.function.instruction(&Instruction::LocalSet(flag));
        for argument in callee.arguments.into_iter().flatten() {
            self.function.instruction(&Instruction::I32Const(argument));
        }
        self.function
            .instruction(&Instruction::Call(callee.function));
        self.function.instruction(&Instruction::Else);
        self.function.raw(bytes.iter().copied());
        self.function.instruction(&Instruction::End);
        Ok(())
    }

    /// Begins an `if` that is taken on the way to the call, and drops what it takes.
    fn if_on_the_way(&mut self, params: &[ValType], results: &[ValType]) -> Result<()> {
        let ty = self.types.block(params, results)?;
        let flag = self.locals.flag;
        self.function.instruction(&Instruction::LocalGet(flag));
        self.function.instruction(&Instruction::If(ty));
        for _ in params {
            self.function.instruction(&Instruction::Drop);
        }
        Ok(())
    }

    /// An operator as it is.
    fn operator(&mut self, operator: &Operator<'_>, bytes: &[u8]) {
        self.function.raw(bytes.iter().copied());
        if let Operator::LocalGet { local_index } | Operator::LocalTee { local_index } = operator
            && self.locals.not_null.contains(local_index)
        {
            self.function.instruction(&Instruction::RefAsNonNull);
        }
    }
}
