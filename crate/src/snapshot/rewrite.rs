//! From the state of a guest to a module whose `_start` goes on from there.
//!
//! Everything that the program has stays as it is, functions with their numbers among it. Only what a guest changes
//! while it runs is replaced: memories, globals and tables begin with what was captured, and its segments, which would
//! be copied at the start, no longer are. `_start` becomes the copy of the outermost frame.

use super::contents::Contents;
use super::instrument::Drops;
use super::module::{CODE, Changes, FUNCTION, START, TYPE};
use super::names;
use super::refusal::{refusal, unreadable};
use super::resume::{self, Added, Callee};
use super::source::{FEATURES, Source};
use super::state::State;
use super::types::Types;
use crate::error::{Error, Result};
use crate::program::SNAPSHOT_SECTION;
use std::collections::BTreeSet;
use wasm_encoder::reencode::{Reencode, RoundtripReencoder};
use wasm_encoder::{Encode, ExportKind, ExportSection, Function, Instruction};
use wasmparser::{ExternalKind, Payload};

/// What the copies of functions may take together.
const MAX_COPIED: usize = 32 << 20;

/// A module that goes on from `state`, and the number of the first function that was added to it. `section` makes
/// the content of its custom section from that number.
///
/// # Errors
///
/// [`ErrorCode::Snapshot`](crate::ErrorCode::Snapshot) for a state that no module can begin with.
pub(super) fn rewrite(
    source: &Source<'_>,
    drops: &Drops,
    state: &State,
    section: impl FnOnce(u32) -> Result<Vec<u8>>,
) -> Result<Vec<u8>> {
    let mut types = Types::new(source);
    // The functions that code refers to have to be declared.
    let mut referenced = BTreeSet::new();
    let added = added(source, &mut types, state, &mut referenced)?;
    let first = source.counts.functions;

    let mut changes = Changes::default();
    let contents = Contents {
        source,
        drops,
        state,
        types: &types,
    };
    contents.set(&mut changes, &referenced)?;
    if !state.frames.is_empty() {
        let entry = match state.starting {
            true => state.frames.len(),
            false => 0,
        };
        exports(source, &mut changes, first + entry as u32)?;
    }
    changes.leave_out(START);

    let (mut indices, mut code) = (Vec::new(), Vec::new());
    for function in &added {
        function.type_index.encode(&mut indices);
        function.body[..].encode(&mut code);
    }
    let number = added.len() as u32;
    changes.append(source, FUNCTION, number, &indices)?;
    changes.append(source, CODE, number, &code)?;
    let (number, bytes) = types.added();
    if number > 0 {
        changes.append(source, TYPE, number, &bytes)?;
    }
    let originals: Vec<_> = state.frames.iter().map(|frame| frame.function).collect();
    if let Some(names) = names_with_copies(source, first, &originals) {
        changes.custom("name", names);
    }
    changes.custom(SNAPSHOT_SECTION, section(first)?);
    let module = changes.write(source);
    wasmparser::Validator::new_with_features(FEATURES)
        .validate_all(&module)
        .map_err(|error| {
            refusal(format_args!(
                "the state of the program does not fit into a module: {error}"
            ))
        })?;
    Ok(module)
}

/// The copies of the functions that have not returned, outermost first (none between two calls). Behind them, if the
/// guest was in its start section, comes a function that calls the first copy and then `_start`.
fn added(
    source: &Source<'_>,
    types: &mut Types<'_, '_>,
    state: &State,
    referenced: &mut BTreeSet<u32>,
) -> Result<Vec<Added>> {
    let first = source.counts.functions;
    let mut added = Vec::new();
    let mut size = 0;
    for (number, frame) in (0..).zip(&state.frames) {
        let callee = match state.frames.len() - 1 == number as usize {
            true => stdin_call(source, state)?,
            false => Callee {
                function: first + number + 1,
                arguments: None,
            },
        };
        let copy = resume::copy(source, types, frame, callee, referenced)?;
        size += copy.body.len();
        if size > MAX_COPIED {
            let message = format_args!(
                "the functions that have not returned take more than {} MiB",
                MAX_COPIED >> 20
            );
            return Err(refusal(message));
        }
        added.push(copy);
    }
    if state.starting {
        let mut function = Function::new([]);
        function.instruction(&Instruction::Call(first));
        if let Some(entry) = source.entry {
            function.instruction(&Instruction::Call(entry));
        }
        function.instruction(&Instruction::End);
        added.push(Added {
            type_index: types.function(&[], &[])?,
            body: function.into_raw_body(),
        });
    }
    Ok(added)
}

/// The call that the guest was stopped at.
fn stdin_call(source: &Source<'_>, state: &State) -> Result<Callee> {
    let call = state
        .call
        .ok_or_else(|| Error::internal("a frame that calls nothing"))?;
    let called = (call.module, call.name);
    let function = source.imports.iter().position(|import| *import == called);
    let function = function.ok_or_else(|| Error::internal("a call of what is not imported"))?;
    Ok(Callee {
        function: function as u32,
        arguments: Some(call.arguments),
    })
}

fn exports(source: &Source<'_>, changes: &mut Changes, entry: u32) -> Result<()> {
    let mut exports = ExportSection::new();
    for payload in source.payloads() {
        match payload? {
            Payload::ExportSection(section) => {
                for export in section {
                    let export = export.map_err(unreadable)?;
                    if (export.name, export.kind) != ("_start", ExternalKind::Func) {
                        let export = RoundtripReencoder.parse_export(&mut exports, export);
                        export.map_err(unreadable)?;
                    }
                }
            }
            Payload::CodeSectionStart { .. } => break,
            _ => {}
        }
    }
    exports.export("_start", ExportKind::Func, entry);
    changes.replace(&exports);
    Ok(())
}

fn names_with_copies(source: &Source<'_>, first: u32, originals: &[u32]) -> Option<Vec<u8>> {
    for payload in source.payloads() {
        if let Payload::CustomSection(section) = payload.ok()?
            && section.name() == "name"
        {
            return names::with_copies(section.data(), first, originals);
        }
    }
    None
}
