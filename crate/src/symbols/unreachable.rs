//! Which `unreachable` a guest has reached.
//!
//! Cranelift makes one instruction of a branch and an `unreachable` that it leads to, and says that it is where the branch
//! is. The check of the epoch, where a function or a loop begins, is such a branch, too. Winch says where the
//! `unreachable` is.

use std::ops::Range;
use wasmparser::{BinaryReader, CodeSectionReader, FunctionBody, Operator};

/// The offset of the `unreachable` that was reached by way of the instruction at `offset`, or is that instruction. `code`
/// is the content of the code section. All offsets are in `wasm`, which is valid.
pub(super) fn unreachable_by(wasm: &[u8], code: &Range<usize>, offset: usize) -> Option<usize> {
    let reader = BinaryReader::new(wasm.get(code.clone())?, code.start);
    let bodies = CodeSectionReader::new(reader).ok()?;
    let mut bodies = bodies.into_iter().map_while(Result::ok);
    reached(&bodies.find(|body| body.range().contains(&offset))?, offset)
}

fn reached(body: &FunctionBody<'_>, offset: usize) -> Option<usize> {
    let operators = body.get_operators_reader().ok()?;
    let operators = operators.into_iter_with_offsets().map_while(Result::ok);
    let mut operators = operators.skip_while(|(_, at)| *at < offset);
    let (first, at) = operators.next()?;
    // How many ends are before the place to which the branch leads.
    let mut ends = match first {
        Operator::Unreachable => return Some(at),
        Operator::BrIf { relative_depth } => relative_depth + 1,
        Operator::If { .. } => 1,
        _ => 0,
    };
    let is_if = matches!(first, Operator::If { .. });
    let mut open = 0;
    // Whether nothing was done since the branch or its other end.
    let mut straight = true;
    // The one behind the branch.
    let mut near = None;
    for (operator, at) in operators {
        let is_far = ends == 0;
        match operator {
            Operator::Unreachable if is_far => return near.filter(|_| !straight).or(Some(at)),
            Operator::Unreachable if straight => {
                // With one at both ends, Cranelift takes that where no branch is taken, or the condition does not hold.
                if !is_if {
                    return Some(at);
                }
                near = Some(at);
            }
            Operator::Block { .. }
            | Operator::Loop { .. }
            | Operator::If { .. }
            | Operator::Try { .. }
            | Operator::TryTable { .. } => open += 1,
            Operator::Else if open == 0 && is_if => ends = 0,
            Operator::End if open > 0 => open -= 1,
            Operator::End => ends = ends.saturating_sub(1),
            _ => {}
        }
        straight = match ends == 0 && !is_far {
            true => true,
            false => straight && does_nothing(&operator),
        };
    }
    near
}

/// Whether an instruction is nothing but a value or a label, so that an `unreachable` behind it is as good as before it.
fn does_nothing(operator: &Operator<'_>) -> bool {
    matches!(
        operator,
        Operator::Nop
            | Operator::Block { .. }
            | Operator::End
            | Operator::Drop
            | Operator::LocalGet { .. }
            | Operator::LocalSet { .. }
            | Operator::LocalTee { .. }
            | Operator::I32Const { .. }
            | Operator::I64Const { .. }
            | Operator::F32Const { .. }
            | Operator::F64Const { .. }
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasmparser::{Parser, Payload};

    /// Where each instruction of a function is, and the section that has it.
    fn offsets(wasm: &[u8]) -> (Vec<usize>, Range<usize>) {
        let mut found = (Vec::new(), 0..0);
        for payload in Parser::new(0).parse_all(wasm) {
            match payload.expect("a module") {
                Payload::CodeSectionStart { range, .. } => found.1 = range,
                Payload::CodeSectionEntry(body) => {
                    let operators = body.get_operators_reader().expect("a body");
                    let operators = operators.into_iter_with_offsets();
                    found.0 = operators.map(|it| it.expect("an operator").1).collect();
                }
                _ => {}
            }
        }
        found
    }

    /// The number of the `unreachable` for the instruction of a number. Without one, for the beginning of the function.
    fn number(body: &str, from: Option<usize>) -> Option<usize> {
        let text = format!("(module (func (local i32) {body}))");
        let wasm = wat::parse_str(text).expect("a module");
        let (offsets, code) = offsets(&wasm);
        // Before the first instruction are the locals.
        let from = from.map_or(offsets[0] - 2, |from| offsets[from]);
        let at = unreachable_by(&wasm, &code, from)?;
        offsets.iter().position(|offset| *offset == at)
    }

    #[test]
    fn it_is_the_one_that_a_branch_leads_to() {
        let of = number;
        assert_eq!(of("unreachable", Some(0)), Some(0));
        assert_eq!(of("unreachable", None), Some(0));
        assert_eq!(of("i32.const 1 local.set 0 unreachable", None), Some(2));
        assert_eq!(of("loop unreachable end", Some(0)), Some(1));
        let falls = "block i32.const 0 br_if 0 unreachable end";
        assert_eq!(of(falls, Some(2)), Some(3));
        let branches =
            "block i32.const 0 br_if 0 i32.const 8 i32.load drop unreachable end unreachable";
        assert_eq!(of(branches, Some(2)), Some(8));
        let outer = "block block i32.const 0 br_if 1 call 0 unreachable end call 0 end unreachable";
        assert_eq!(of(outer, Some(3)), Some(9));
        let past = "block i32.const 0 br_if 0 block call 0 end loop call 0 end unreachable end unreachable";
        assert_eq!(of(past, Some(2)), Some(11));
        let either = "i32.const 0 if unreachable else unreachable end";
        assert_eq!(of(either, Some(1)), Some(4));
        let one = "i32.const 0 if unreachable else call 0 end unreachable";
        assert_eq!(of(one, Some(1)), Some(2));
        let last = "i32.const 0 if unreachable end call 0";
        assert_eq!(of(last, Some(1)), Some(2));
        let other = "i32.const 0 if call 0 else unreachable end";
        assert_eq!(of(other, Some(1)), Some(4));
        let inner = "i32.const 0 if i32.const 0 if call 0 else call 0 end else unreachable end";
        assert_eq!(of(inner, Some(1)), Some(9));
        let after = "i32.const 0 if call 0 return end unreachable";
        assert_eq!(of(after, Some(1)), Some(5));
        assert_eq!(of("nop", Some(0)), None);
    }

    #[test]
    fn what_is_no_offset_of_a_function_has_none() {
        let wasm = wat::parse_str("(module (func unreachable))").expect("a module");
        let (_, code) = offsets(&wasm);
        for at in [0, code.start, wasm.len(), usize::MAX] {
            assert_eq!(unreachable_by(&wasm, &code, at), None);
        }
        assert_eq!(unreachable_by(&wasm, &(0..usize::MAX), 20), None);
    }
}
