//! Where in a function a frame is.

use super::instrument::is_call;
use super::labels::{Nesting, nesting};
use super::refusal::unreadable;
use crate::error::{Error, Result};
use std::ops::Range;
use wasmparser::{FunctionBody, Operator};

/// The operators of a function with their places, one after the other.
pub(super) fn operators<'a>(
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
pub(super) struct Open {
    /// Where its operator is.
    pub(super) start: usize,
    /// Where the arm begins that is active: behind that operator, or behind `else`.
    pub(super) arm: usize,
    /// Whether that is the arm of an `else`.
    pub(super) is_else: bool,
}

/// The constructs that are open at the call of a frame, outermost first, and where the call begins. It is the one that
/// ends at `pc`, or else the one that begins there; see [`super::instrument`].
pub(super) fn path(body: &FunctionBody<'_>, pc: usize) -> Result<(Vec<Open>, usize)> {
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

pub(super) fn elsewhere(pc: usize) -> Error {
    Error::internal(format_args!(
        "a frame is at {pc:#x}, where its function has no call"
    ))
}
