//! Labels of branches.

use super::refusal::refusal;
use crate::error::{Error, Result};
use wasm_encoder::reencode::{Reencode, RoundtripReencoder};
use wasm_encoder::{Catch, Instruction};
use wasmparser::Operator;

/// What an operator does to the constructs that are open.
pub(super) enum Nesting {
    Opens,
    Closes,
    Stays,
}

/// # Errors
///
/// [`ErrorCode::Snapshot`](crate::ErrorCode::Snapshot) for legacy exceptions.
pub(super) fn nesting(operator: &Operator<'_>) -> Result<Nesting> {
    Ok(match operator {
        Operator::Block { .. }
        | Operator::Loop { .. }
        | Operator::If { .. }
        | Operator::TryTable { .. } => Nesting::Opens,
        Operator::End => Nesting::Closes,
        Operator::Try { .. }
        | Operator::Catch { .. }
        | Operator::CatchAll
        | Operator::Delegate { .. }
        | Operator::Rethrow { .. } => {
            return Err(refusal(
                "a function that has not returned uses legacy exceptions",
            ));
        }
        Operator::Resume { .. }
        | Operator::ResumeThrow { .. }
        | Operator::ResumeThrowRef { .. } => {
            return Err(refusal("a function that has not returned switches stacks"));
        }
        _ => Nesting::Stays,
    })
}

/// Whether an operator has labels. A test finds those that this does not know.
fn has_labels(operator: &Operator<'_>) -> bool {
    matches!(
        operator,
        Operator::Br { .. }
            | Operator::BrIf { .. }
            | Operator::BrTable { .. }
            | Operator::BrOnNull { .. }
            | Operator::BrOnNonNull { .. }
            | Operator::BrOnCast { .. }
            | Operator::BrOnCastFail { .. }
            | Operator::BrOnCastDescEq { .. }
            | Operator::BrOnCastDescEqFail { .. }
            | Operator::TryTable { .. }
    )
}

/// An operator whose labels from `depth` on lead one construct further out; `None` if it has no labels.
pub(super) fn shifted<'a>(operator: &Operator<'a>, depth: u32) -> Result<Option<Instruction<'a>>> {
    if !has_labels(operator) {
        return Ok(None);
    }
    let instruction = RoundtripReencoder.instruction(operator.clone());
    let mut instruction =
        instruction.map_err(|error| Error::internal(format_args!("{operator:?}: {error}")))?;
    let shift = |label: &mut u32| {
        if *label >= depth {
            *label += 1;
        }
    };
    match &mut instruction {
        Instruction::Br(label)
        | Instruction::BrIf(label)
        | Instruction::BrOnNull(label)
        | Instruction::BrOnNonNull(label)
        | Instruction::BrOnCast {
            relative_depth: label,
            ..
        }
        | Instruction::BrOnCastFail {
            relative_depth: label,
            ..
        }
        | Instruction::BrOnCastDescEq {
            relative_depth: label,
            ..
        }
        | Instruction::BrOnCastDescEqFail {
            relative_depth: label,
            ..
        } => shift(label),
        Instruction::BrTable(labels, default) => {
            labels.to_mut().iter_mut().for_each(shift);
            shift(default);
        }
        // Its labels count from outside of it.
        Instruction::TryTable(_, catches) => {
            for catch in catches.to_mut() {
                let (Catch::One { label, .. }
                | Catch::OneRef { label, .. }
                | Catch::All { label }
                | Catch::AllRef { label }) = catch;
                shift(label);
            }
        }
        _ => return Err(Error::internal(format_args!("{operator:?} has no labels"))),
    }
    Ok(Some(instruction))
}

#[cfg(test)]
mod tests {
    /// The operators with labels that this module either shifts or refuses.
    const KNOWN: [&str; 15] = [
        "Br",
        "BrIf",
        "BrTable",
        "TryTable",
        "Rethrow",
        "Delegate",
        "BrOnNull",
        "BrOnNonNull",
        "BrOnCast",
        "BrOnCastFail",
        "BrOnCastDescEq",
        "BrOnCastDescEqFail",
        "Resume",
        "ResumeThrow",
        "ResumeThrowRef",
    ];

    #[test]
    fn every_operator_with_labels_is_known() {
        let mut with_labels = Vec::new();
        macro_rules! collect {
            ($(@$proposal:ident $operator:ident $({ $($field:ident: $ty:ty),* })? => $visit:ident ($($arity:tt)*))*) => {
                $(
                    let fields: &[&str] = &[$($(stringify!($field)),*)?];
                    let labels = ["relative_depth", "targets", "try_table", "resume_table"];
                    if fields.iter().any(|field| labels.contains(field)) {
                        with_labels.push(stringify!($operator));
                    }
                )*
            };
        }
        wasmparser::for_each_operator!(collect);
        with_labels.sort_unstable();
        let mut known = KNOWN;
        known.sort_unstable();
        assert_eq!(with_labels, known);
    }
}
