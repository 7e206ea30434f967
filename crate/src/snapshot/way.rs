//! The way from the start of a function to the call of a frame, in pieces, with the values that the frame has.

use super::duplicates::Duplicates;
use super::path::{Open, elsewhere, operators};
use super::refusal::{refusal, unreadable};
use super::source::Source;
use super::state::{CapturedFrame, Value};
use super::types::params;
use crate::error::{Error, Result};
use std::ops::Range;
use wasmparser::{
    FuncValidator, FuncValidatorAllocations, FunctionBody, Operator, ValType, WasmModuleResources,
};

/// The most operands of all pieces together; each is pushed by an instruction.
const MAX_OPERANDS: usize = 1 << 18;

/// A piece of the code before the call.
pub(super) struct Piece<'p> {
    pub(super) code: Range<usize>,
    /// What the construct around it has pushed.
    pub(super) params: Vec<ValType>,
    /// The operands at its end, without those of outer constructs.
    pub(super) results: Vec<ValType>,
    /// The number of those that the next construct, or the call, does not take.
    kept: usize,
    /// The next construct, if that takes a condition.
    condition: Option<&'p Open>,
    /// Their values, as far as the frame has them.
    pub(super) values: Vec<Option<Value>>,
}

/// The way to the call.
pub(super) struct Way<'p> {
    /// Outermost first; the last one ends at the call.
    pub(super) pieces: Vec<Piece<'p>>,
    /// What the call takes, with the index or reference of its function, and what it returns.
    pub(super) taken: Vec<ValType>,
    pub(super) returned: Vec<ValType>,
}

pub(super) fn way<'p>(
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
    let mut total = 0;
    for next in operators(body)? {
        let (operator, range) = next?;
        let open = path.get(pieces.len());
        if range.start == open.map_or(call, |open| open.start) {
            let results = operands(&validator)?;
            total += results.len() + at_start.len();
            if total > MAX_OPERANDS {
                return Err(refusal("its open blocks have too many operands"));
            }
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
    let mut captured = frame.operands.iter().cloned();
    let last = pieces.len() - 1;
    for (number, piece) in pieces.iter_mut().enumerate() {
        // The first piece is outside of all constructs.
        let others = number
            .checked_sub(1)
            .map_or(0, |construct| shown[construct]);
        captured.by_ref().take(others).for_each(drop);
        for value in captured.by_ref().take(piece.kept) {
            piece.values.push(Some(value?));
        }
        if piece.values.len() < piece.kept {
            return Err(lacking(frame));
        }
        let number_of_results = piece.results.len();
        if number == last {
            for value in captured.by_ref() {
                piece.values.push(Some(value?));
            }
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

impl Piece<'_> {
    /// Whether there is nothing to skip and nothing to push.
    pub(super) fn is_trivial(&self) -> bool {
        self.code.is_empty() && self.results.is_empty()
    }
}
