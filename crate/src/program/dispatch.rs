//! Modules for the baseline compiler, without an entry for each function in a table.
//!
//! wasmtime makes an entry for each function that the host could get hold of, which includes all functions in tables.
//! Cranelift makes these entries, and for large programs that takes as long as the baseline compiler does for all the
//! rest. Tables of most programs are never looked at: their functions are called, by index, and nothing else.
//!
//! So the module that is compiled calls such functions directly. There is a dispatcher for each table and type of function:
//! a function that takes the arguments and the index, and calls what the table has there. Each `call_indirect` becomes
//! a `call` of a dispatcher. Elements of the table become references to one function that nothing can call, of a type
//! that nothing else has. A dispatcher that finds nothing does the indirect call after all, and it traps as that of the
//! program would: out of bounds, at a null, or at a function of another type.
//!
//! What is added comes last, so that no index changes. A `call` takes the bytes of the `call_indirect`, so that no body
//! changes its length and instructions are where they were in their function; [`Bodies`](crate::guest::Bodies) says where
//! that is in the program, and leaves dispatchers out of the frames of traps.
//!
//! A table is left as it is if
//!
//! - it is imported or exported, is of 64 bits or shared, holds other things than functions, or begins with more than nulls,
//! - a segment of it has an offset that is not a number, or elements that are neither functions nor nulls, or is too long,
//! - code does more with it than indirect calls, and asking for its size.
//!
//! A module is compiled as it is if
//!
//! - a type is not a plain function type,
//! - its tables have few functions,
//! - a `call_indirect` is too short for the number of its dispatcher (numbers from 16,384 on need a padded one),
//! - the dispatchers would be too large beside the module, or
//! - it turns out that the compiler refuses the changed module.
//!
//! Modules need not be valid: what is invalid in one stays in the other.

mod bodies;
mod calls;
mod dispatcher;
mod dispatchers;
mod survey;
#[cfg(test)]
mod tests;
mod write;

pub(super) use bodies::bodies;
use calls::Calls;
use dispatchers::Dispatchers;
use survey::Survey;

/// Part of the name of cached code: to be counted up whenever the same module is compiled in another way.
pub(super) const VERSION: u8 = 1;

/// The fewest functions in tables for which entries take longer than dispatchers.
const FEWEST: usize = 16;

/// The module to compile instead of `wasm`, if there is a better one.
pub(super) fn rewrite(wasm: &[u8]) -> Option<Vec<u8>> {
    rewrite_from(FEWEST, wasm)
}

/// The same for a module with `fewest` functions in tables or more.
fn rewrite_from(fewest: usize, wasm: &[u8]) -> Option<Vec<u8>> {
    let mut survey = Survey::read(wasm)?;
    if survey.elements() < fewest {
        return None;
    }
    let calls = Calls::find(&mut survey)?;
    if calls.indirect.is_empty() || survey.elements() < fewest {
        return None;
    }
    let dispatchers = Dispatchers::new(&survey, &calls, wasm.len())?;
    write::write(wasm, &survey, &calls, &dispatchers)
}
