//! Operands that a frame shows although its function no longer has them.
//!
//! wasmtime keeps the parameters of an `if` twice while it translates the first arm: once for each arm. As soon as the
//! arm has taken the lowest of its own, a frame shows the parameters of the other arm, below everything that the arm
//! has pushed. This follows the operands as wasmtime does, to know in which arms that is so.

use super::labels::{Nesting, nesting};
use super::source::Source;
use super::types::params;
use crate::error::Result;
use wasmparser::{FuncValidator, Operator, WasmModuleResources};

/// The constructs that are open, with what wasmtime keeps for them.
#[derive(Default)]
pub(super) struct Duplicates {
    open: Vec<Construct>,
    /// Operands that are kept twice.
    extra: usize,
    /// The constructs whose arm still has its lowest parameter, by their number; the innermost one is last.
    untouched: Vec<usize>,
}

struct Construct {
    /// The number of its parameters that are kept twice.
    kept: usize,
    /// The place of the lowest parameter of the arm.
    lowest: usize,
    /// Whether it cannot be reached from its front.
    is_dead: bool,
}

impl Duplicates {
    /// Goes past an operator, which the validator has not seen yet.
    pub(super) fn pass<T: WasmModuleResources>(
        &mut self,
        source: &Source<'_>,
        validator: &FuncValidator<T>,
        operator: &Operator<'_>,
    ) -> Result<()> {
        let frame = validator.get_control_frame(0);
        let (base, is_dead) = frame.map_or((0, true), |frame| (frame.height, frame.unreachable));
        let height = validator.operand_stack_height() as usize + self.extra;
        match nesting(operator)? {
            Nesting::Opens => self.open(source, operator, height, is_dead)?,
            Nesting::Closes => {
                if let Some(closed) = self.open.pop() {
                    self.forget(&closed);
                    if !closed.is_dead {
                        self.lower(base + self.extra);
                    }
                }
            }
            Nesting::Stays if matches!(operator, Operator::Else) => {
                if let Some(mut construct) = self.open.pop() {
                    self.forget(&construct);
                    construct.kept = 0;
                    self.open.push(construct);
                }
            }
            Nesting::Stays if is_dead => {}
            Nesting::Stays => self.lower(height.saturating_sub(popped(validator, operator))),
        }
        Ok(())
    }

    /// For each construct that is open, how many operands a frame shows that belong to its other arm.
    pub(super) fn shown(&self) -> Vec<usize> {
        let mut shown: Vec<_> = self.open.iter().map(|construct| construct.kept).collect();
        for construct in &self.untouched {
            shown[*construct] = 0;
        }
        shown
    }

    fn open(
        &mut self,
        source: &Source<'_>,
        operator: &Operator<'_>,
        height: usize,
        is_dead: bool,
    ) -> Result<()> {
        let mut construct = Construct {
            kept: 0,
            lowest: 0,
            is_dead,
        };
        match operator {
            _ if is_dead => {}
            Operator::If { blockty } => {
                let height = height.saturating_sub(1);
                self.lower(height);
                construct.kept = params(source, *blockty)?;
                construct.lowest = height;
            }
            // Its parameters are other values each time round.
            Operator::Loop { blockty } => {
                self.lower(height.saturating_sub(params(source, *blockty)?));
            }
            _ => {}
        }
        self.extra += construct.kept;
        if construct.kept > 0 {
            self.untouched.push(self.open.len());
        }
        self.open.push(construct);
        Ok(())
    }

    /// Takes back what is kept for a construct that was the innermost one.
    fn forget(&mut self, construct: &Construct) {
        self.extra -= construct.kept;
        let number = self.open.len();
        self.untouched.pop_if(|untouched| *untouched == number);
    }

    /// There are for a moment no more than this many operands.
    fn lower(&mut self, height: usize) {
        let open = &self.open;
        while self
            .untouched
            .pop_if(|untouched| open[*untouched].lowest >= height)
            .is_some()
        {}
    }
}

/// The number of operands that wasmtime takes, which leaves in place what an operator only looks at.
fn popped<T: WasmModuleResources>(validator: &FuncValidator<T>, operator: &Operator<'_>) -> usize {
    match operator {
        Operator::LocalTee { .. } | Operator::BrOnCast { .. } | Operator::BrOnCastFail { .. } => 0,
        Operator::BrIf { .. } | Operator::BrOnNull { .. } | Operator::BrOnNonNull { .. } => 1,
        _ => operator
            .operator_arity(validator)
            .map_or(0, |(popped, _)| popped as usize),
    }
}
