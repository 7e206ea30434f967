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

use super::duplicates::Duplicates;
use super::instrument::is_call;
use super::labels::{Nesting, nesting, shifted};
use super::refusal::unreadable;
use super::source::Source;
use super::state::{CapturedFrame, Value};
use super::types::{Types, params};
use crate::error::{Error, Result};
use std::collections::BTreeSet;
use std::ops::Range;
use wasm_encoder::{Function, Instruction};
use wasmparser::{
    FuncValidator, FuncValidatorAllocations, FunctionBody, Operator, ValType, WasmModuleResources,
};

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

/// The operators of a function with their places, one after the other.
fn operators<'a>(
    body: &FunctionBody<'a>,
) -> Result<impl Iterator<Item = Result<(Operator<'a>, Range<usize>)>> + use<'a>> {
    let mut reader = body.get_operators_reader().map_err(unreadable)?;
    Ok(std::iter::from_fn(move || {
        if reader.eof() {
            return None;
        }
        let start = reader.original_position();
        let operator = reader.read().map_err(unreadable);
        let range = start..reader.original_position();
        Some(operator.map(|operator| (operator, range)))
    }))
}

/// A construct that is open at the call.
struct Open {
    /// Where its operator is.
    start: usize,
    /// Where the arm begins that is active: behind that operator, or behind `else`.
    arm: usize,
    /// Whether that is the arm of an `else`.
    is_else: bool,
}

/// The constructs that are open at the call of a frame, outermost first, and where the call begins. It is the one that
/// ends at `pc`, or else the one that begins there; see [`super::instrument`].
fn path(body: &FunctionBody<'_>, pc: usize) -> Result<(Vec<Open>, usize)> {
    let mut open = Vec::new();
    for next in operators(body)? {
        let (operator, range) = next?;
        if (range.end == pc || range.start == pc) && is_call(&operator) {
            return Ok((open, range.start));
        }
        if matches!(operator, Operator::Else) {
            let open: &mut Open = open.last_mut().ok_or_else(|| elsewhere(pc))?;
            open.arm = range.end;
            open.is_else = true;
        }
        match nesting(&operator)? {
            Nesting::Opens => open.push(Open {
                start: range.start,
                arm: range.end,
                is_else: false,
            }),
            Nesting::Closes => {
                open.pop().ok_or_else(|| elsewhere(pc))?;
            }
            Nesting::Stays => {}
        }
    }
    Err(elsewhere(pc))
}

fn elsewhere(pc: usize) -> Error {
    Error::internal(format_args!(
        "a frame is at {pc:#x}, where its function has no call"
    ))
}

/// A piece of the code before the call.
struct Piece<'p> {
    code: Range<usize>,
    /// What the construct around it has pushed.
    params: Vec<ValType>,
    /// The operands at its end, without those of outer constructs.
    results: Vec<ValType>,
    /// The number of those that the next construct, or the call, does not take.
    kept: usize,
    /// The next construct, if that takes a condition.
    condition: Option<&'p Open>,
    /// Their values, as far as the frame has them.
    values: Vec<Option<Value>>,
}

/// The way to the call.
struct Way<'p> {
    /// Outermost first; the last one ends at the call.
    pieces: Vec<Piece<'p>>,
    /// What the call takes, with the index or reference of its function, and what it returns.
    taken: Vec<ValType>,
    returned: Vec<ValType>,
}

fn way<'p>(
    source: &Source<'_>,
    frame: &CapturedFrame,
    body: &FunctionBody<'_>,
    path: &'p [Open],
    call: usize,
) -> Result<Way<'p>> {
    let function = source.validator(frame.function)?;
    let mut validator = function.into_validator(FuncValidatorAllocations::default());
    let mut locals = body.get_binary_reader();
    validator.read_locals(&mut locals).map_err(unreadable)?;
    let mut from = locals.original_position();
    let mut at_start = Vec::new();
    let mut duplicates = Duplicates::default();
    let mut pieces: Vec<Piece<'p>> = Vec::new();
    for next in operators(body)? {
        let (operator, range) = next?;
        let open = path.get(pieces.len());
        if range.start == open.map_or(call, |open| open.start) {
            let results = operands(&validator)?;
            let taken = taken(source, &operator)?;
            let kept = results.len().checked_sub(taken.count);
            let kept = kept.ok_or_else(|| elsewhere(frame.pc))?;
            pieces.push(Piece {
                code: from..range.start,
                params: std::mem::take(&mut at_start),
                condition: open.filter(|_| matches!(operator, Operator::If { .. })),
                kept,
                results,
                values: Vec::new(),
            });
            let Some(open) = open else {
                set_values(frame, &mut pieces, &duplicates.shown(), taken.selects)?;
                let results = pieces.last().map(|piece| &piece.results[kept..]);
                return Ok(Way {
                    taken: results.unwrap_or_default().to_vec(),
                    returned: taken.returned,
                    pieces,
                });
            };
            from = open.arm;
        }
        duplicates.pass(source, &validator, &operator)?;
        validator.op(range.start, &operator).map_err(unreadable)?;
        if range.end == from {
            at_start = operands(&validator)?;
        }
    }
    Err(elsewhere(frame.pc))
}

/// Finds the values of each piece among the operands of a frame. `shown` says how many others come before those of each
/// construct.
fn set_values(
    frame: &CapturedFrame,
    pieces: &mut [Piece<'_>],
    shown: &[usize],
    selects: bool,
) -> Result<()> {
    let mut captured = frame.operands.iter().copied();
    let last = pieces.len() - 1;
    for (number, piece) in pieces.iter_mut().enumerate() {
        // The first piece is outside of all constructs.
        let others = number
            .checked_sub(1)
            .map_or(0, |construct| shown[construct]);
        captured.by_ref().take(others).for_each(drop);
        piece
            .values
            .extend(captured.by_ref().take(piece.kept).map(Some));
        if piece.values.len() < piece.kept {
            return Err(lacking(frame));
        }
        let number_of_results = piece.results.len();
        if number == last {
            piece.values.extend(captured.by_ref().map(Some));
            // The index or reference of an indirect call is no longer there.
            let least = number_of_results - usize::from(selects);
            if piece.values.len() != least && piece.values.len() != number_of_results {
                return Err(lacking(frame));
            }
        }
        piece.values.resize(number_of_results, None);
        if let (Some(open), Some(condition)) = (piece.condition, piece.values.last_mut()) {
            *condition = Some(Value::I32(i32::from(!open.is_else)));
        }
    }
    Ok(())
}

fn lacking(frame: &CapturedFrame) -> Error {
    Error::internal(format_args!(
        "a frame of function {} has {} operands at {:#x}, and its code has another number there",
        frame.function,
        frame.operands.len(),
        frame.pc
    ))
}

/// The types of the operands within the innermost construct, from the bottom.
fn operands<T: WasmModuleResources>(validator: &FuncValidator<T>) -> Result<Vec<ValType>> {
    let frame = validator.get_control_frame(0);
    let base = frame.map_or(0, |frame| frame.height);
    let number = (validator.operand_stack_height() as usize).saturating_sub(base);
    (0..number)
        .rev()
        .map(|depth| {
            let ty = validator.get_operand_type(depth).flatten();
            ty.ok_or_else(|| Error::internal("a frame is in code that cannot be reached"))
        })
        .collect()
}

/// What a construct or a call takes from the operands.
struct Taken {
    count: usize,
    /// Whether the last one selects the function.
    selects: bool,
    /// What a call returns.
    returned: Vec<ValType>,
}

fn taken(source: &Source<'_>, operator: &Operator<'_>) -> Result<Taken> {
    let construct = |count| Taken {
        count,
        selects: false,
        returned: Vec::new(),
    };
    let (ty, selects) = match operator {
        Operator::Block { blockty } | Operator::Loop { blockty } => {
            return params(source, *blockty).map(construct);
        }
        Operator::If { blockty } => {
            return Ok(construct(params(source, *blockty)? + 1));
        }
        Operator::TryTable { try_table } => {
            return params(source, try_table.ty).map(construct);
        }
        Operator::Call { function_index } => (source.type_of(*function_index)?, false),
        Operator::CallIndirect { type_index, .. } | Operator::CallRef { type_index } => {
            (source.function_type(*type_index)?, true)
        }
        other => return Err(Error::internal(format_args!("a frame waits at {other:?}"))),
    };
    Ok(Taken {
        count: ty.params().len() + usize::from(selects),
        selects,
        returned: ty.results().to_vec(),
    })
}

/// The locals of a copy.
struct Locals {
    /// What the function takes, and what it declares.
    types: Vec<(u32, ValType)>,
    /// Which of the parameters are references that cannot be null. A local without a parameter's value can be, so these
    /// are nullable in the copy, and are read as references that are not null.
    not_null: BTreeSet<u32>,
    /// The flag comes after all others.
    flag: u32,
}

impl Locals {
    fn new(source: &Source<'_>, frame: &CapturedFrame, body: &FunctionBody<'_>) -> Result<Self> {
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

    fn encoded(&self, types: &Types<'_, '_>) -> Result<Vec<(u32, wasm_encoder::ValType)>> {
        let all = self.types.iter().copied().chain([(1, ValType::I32)]);
        all.map(|(count, ty)| Ok((count, types.value_type(ty)?)))
            .collect()
    }

    /// The type of each local of the function.
    fn each(&self) -> impl Iterator<Item = ValType> {
        let types = self.types.iter();
        types.flat_map(|&(count, ty)| std::iter::repeat_n(ty, count as usize))
    }
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

impl Piece<'_> {
    /// Whether there is nothing to skip and nothing to push.
    fn is_trivial(&self) -> bool {
        self.code.is_empty() && self.results.is_empty()
    }
}
