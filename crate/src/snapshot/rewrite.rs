//! From the state of a guest to a module whose `_start` goes on from there.
//!
//! Everything that the program has stays as it is, functions with their numbers among it. Only what a guest changes
//! while it runs is replaced: memories, globals and tables begin with what was captured, and its segments, which would
//! be copied at the start, no longer are. `_start` becomes the copy of the outermost frame.

use super::instrument::{Drops, Segment};
use super::module::{CODE, Changes, DATA, FUNCTION, START, TYPE};
use super::names;
use super::refusal::{refusal, unreadable};
use super::resume::{self, Added, Callee};
use super::source::{FEATURES, Source};
use super::state::State;
use super::types::Types;
use crate::error::{Error, Result};
use crate::program::SNAPSHOT_SECTION;
use std::borrow::Cow;
use std::collections::BTreeSet;
use wasm_encoder::reencode::{Reencode, RoundtripReencoder};
use wasm_encoder::{
    ConstExpr, DataCountSection, DataSection, ElementMode, ElementSection, ElementSegment,
    Elements, Encode, ExportKind, ExportSection, Function, GlobalSection, Instruction,
    MemorySection, MemoryType, RefType, TableSection, TableType,
};
use wasmparser::{
    DataKind, Element, ElementItems, ElementKind, ExternalKind, Operator, Parser, Payload,
    TableInit,
};

/// What the copies of functions may take together.
const MAX_COPIED: usize = 256 << 20;
/// Where the functions in a table change this often to null and back, the nulls are written, too.
const MAX_TABLE_RUNS: usize = 1_000;

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
    let rewriter = Rewriter {
        source,
        drops,
        state,
        types: &types,
    };
    rewriter.memories_and_globals(&mut changes)?;
    rewriter.tables(&mut changes, &referenced)?;
    rewriter.data(&mut changes)?;
    if !state.frames.is_empty() {
        let entry = match state.starting {
            true => state.frames.len(),
            false => 0,
        };
        rewriter.exports(&mut changes, first + entry as u32)?;
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
    if let Some(names) = rewriter.names(first, &originals) {
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

/// The copies of the functions that have not returned, outermost first (none between two calls), and behind them, if the guest was in its start
/// section, a function that calls the first copy and then `_start`.
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

struct Rewriter<'r, 's, 'a> {
    source: &'s Source<'a>,
    drops: &'r Drops,
    state: &'r State,
    types: &'r Types<'s, 'a>,
}

impl Rewriter<'_, '_, '_> {
    fn payloads(&self) -> impl Iterator<Item = Result<Payload<'_>>> {
        let payloads = Parser::new(0).parse_all(self.source.bytes);
        payloads.map(|payload| payload.map_err(unreadable))
    }

    fn memories_and_globals(&self, changes: &mut Changes) -> Result<()> {
        for payload in self.payloads() {
            match payload? {
                Payload::MemorySection(section) => {
                    let mut memories = MemorySection::new();
                    for (memory, captured) in section.into_iter().zip(&self.state.memories) {
                        let ty = RoundtripReencoder.memory_type(memory.map_err(unreadable)?);
                        memories.memory(MemoryType {
                            minimum: captured.pages,
                            ..ty.map_err(unreadable)?
                        });
                    }
                    changes.replace(&memories);
                }
                Payload::GlobalSection(section) => {
                    let mut globals = GlobalSection::new();
                    for (global, value) in section.into_iter().zip(&self.state.globals) {
                        let ty = global.map_err(unreadable)?.ty;
                        let value = self.types.constant(*value, ty.content_type)?;
                        let ty = wasm_encoder::GlobalType {
                            val_type: self.types.value_type(ty.content_type)?,
                            mutable: ty.mutable,
                            shared: ty.shared,
                        };
                        globals.global(ty, &ConstExpr::extended([value]));
                    }
                    changes.replace(&globals);
                }
                Payload::CodeSectionStart { .. } => break,
                _ => {}
            }
        }
        Ok(())
    }

    /// Tables, and the segments for them.
    fn tables(&self, changes: &mut Changes, referenced: &BTreeSet<u32>) -> Result<()> {
        let mut tables = TableSection::new();
        let mut segments = ElementSection::new();
        let mut contents = Vec::new();
        for payload in self.payloads() {
            match payload? {
                Payload::TableSection(section) => {
                    for (table, functions) in section.into_iter().zip(&self.state.tables) {
                        let table = table.map_err(unreadable)?;
                        let ty = TableType {
                            element_type: self.types.ref_type(table.ty.element_type)?,
                            minimum: functions.len() as u64,
                            maximum: table.ty.maximum,
                            table64: table.ty.table64,
                            shared: table.ty.shared,
                        };
                        match (table.init, functions.first()) {
                            _ if ty.element_type.nullable => tables.table(ty),
                            // The segments below overwrite it.
                            (_, Some(Some(function))) => {
                                tables.table_with_init(ty, &ConstExpr::ref_func(*function))
                            }
                            (TableInit::Expr(init), _) => {
                                let init = RoundtripReencoder.const_expr(init);
                                tables.table_with_init(ty, &init.map_err(unreadable)?)
                            }
                            (TableInit::RefNull, _) => tables.table(ty),
                        };
                        contents.push((ty, functions));
                    }
                }
                Payload::ElementSection(section) => {
                    for (index, element) in (0..).zip(section) {
                        self.segment(&mut segments, index, element.map_err(unreadable)?)?;
                    }
                }
                Payload::CodeSectionStart { .. } => break,
                _ => {}
            }
        }
        for (index, (ty, functions)) in (0..).zip(&contents) {
            fill(&mut segments, index, ty, functions);
        }
        if !referenced.is_empty() {
            let functions = referenced.iter().copied().collect();
            segments.declared(Elements::Functions(Cow::Owned(functions)));
        }
        if !tables.is_empty() {
            changes.replace(&tables);
        }
        if !segments.is_empty() {
            changes.replace(&segments);
        }
        Ok(())
    }

    /// A segment that the program has. Active ones have been copied, and what was dropped is gone.
    fn segment(
        &self,
        segments: &mut ElementSection,
        index: u32,
        element: Element<'_>,
    ) -> Result<()> {
        let dropped = self
            .drops
            .is_dropped(Segment::Element(index), &self.state.globals);
        let mode = match element.kind {
            ElementKind::Passive if !dropped => ElementMode::Passive,
            ElementKind::Passive | ElementKind::Declared | ElementKind::Active { .. } => {
                ElementMode::Declared
            }
        };
        if let (ElementMode::Passive, ElementItems::Expressions(_, items)) = (&mode, &element.items)
        {
            for item in items.clone() {
                refuse_objects(&item.map_err(unreadable)?)?;
            }
        }
        let elements = RoundtripReencoder.element_items(element.items);
        segments.segment(ElementSegment {
            mode,
            elements: elements.map_err(unreadable)?,
        });
        Ok(())
    }

    fn data(&self, changes: &mut Changes) -> Result<()> {
        let mut segments = DataSection::new();
        // Without this section no instruction names a segment, so none of them is needed any more.
        if self.source.has_data_count {
            for payload in self.payloads() {
                let Payload::DataSection(section) = payload? else {
                    continue;
                };
                for (index, data) in (0..).zip(section) {
                    let data = data.map_err(unreadable)?;
                    let dropped = self
                        .drops
                        .is_dropped(Segment::Data(index), &self.state.globals);
                    match data.kind {
                        DataKind::Passive if !dropped => {
                            segments.passive(data.data.iter().copied())
                        }
                        DataKind::Passive | DataKind::Active { .. } => segments.passive([]),
                    };
                }
            }
        }
        let is64 = self.memories_are_64()?;
        for (index, memory) in (0..).zip(&self.state.memories) {
            for (start, bytes) in &memory.runs {
                let offset = offset(is64.get(index as usize) == Some(&true), *start);
                segments.active(index, &offset, bytes.iter().copied());
            }
        }
        if self.source.has_data_count {
            changes.replace(&DataCountSection {
                count: segments.len(),
            });
        }
        match segments.is_empty() {
            true => changes.leave_out(DATA),
            false => changes.replace(&segments),
        };
        Ok(())
    }

    fn memories_are_64(&self) -> Result<Vec<bool>> {
        for payload in self.payloads() {
            match payload? {
                Payload::MemorySection(section) => {
                    let is64 = |memory: wasmparser::Result<wasmparser::MemoryType>| {
                        Ok(memory.map_err(unreadable)?.memory64)
                    };
                    return section.into_iter().map(is64).collect();
                }
                Payload::CodeSectionStart { .. } => break,
                _ => {}
            }
        }
        Ok(Vec::new())
    }

    fn exports(&self, changes: &mut Changes, entry: u32) -> Result<()> {
        let mut exports = ExportSection::new();
        for payload in self.payloads() {
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

    fn names(&self, first: u32, originals: &[u32]) -> Option<Vec<u8>> {
        for payload in Parser::new(0).parse_all(self.source.bytes) {
            if let Payload::CustomSection(section) = payload.ok()?
                && section.name() == "name"
            {
                return names::with_copies(section.data(), first, originals);
            }
        }
        None
    }
}

/// Passive segments are made anew with the instance, and objects in them would be other ones.
fn refuse_objects(item: &wasmparser::ConstExpr<'_>) -> Result<()> {
    for operator in item.get_operators_reader() {
        match operator.map_err(unreadable)? {
            Operator::RefNull { .. }
            | Operator::RefFunc { .. }
            | Operator::GlobalGet { .. }
            | Operator::I32Const { .. }
            | Operator::RefI31
            | Operator::End => {}
            _ => {
                return Err(refusal(
                    "an element segment holds garbage-collected objects",
                ));
            }
        }
    }
    Ok(())
}

fn offset(is64: bool, at: u64) -> ConstExpr {
    match is64 {
        true => ConstExpr::i64_const(at as i64),
        false => ConstExpr::i32_const(at as u32 as i32),
    }
}

/// Adds the segments that put the functions into a table.
fn fill(segments: &mut ElementSection, index: u32, ty: &TableType, functions: &[Option<u32>]) {
    let mut runs = Vec::new();
    let mut start = 0;
    for run in functions.chunk_by(|a, b| a.is_some() == b.is_some()) {
        if run[0].is_some() {
            runs.push(start..start + run.len());
        }
        start += run.len();
    }
    if let (Some(first), Some(last)) = (runs.first(), runs.last())
        && runs.len() > MAX_TABLE_RUNS
    {
        runs = vec![first.start..last.end];
    }
    for run in runs {
        let offset = offset(ty.table64, run.start as u64);
        let functions = &functions[run];
        let plain: Option<Vec<u32>> = match ty.element_type {
            RefType::FUNCREF => functions.iter().copied().collect(),
            _ => None,
        };
        let elements = match plain {
            Some(functions) => Elements::Functions(Cow::Owned(functions)),
            None => {
                let functions = functions.iter().map(|function| match function {
                    Some(function) => ConstExpr::ref_func(*function),
                    None => ConstExpr::ref_null(ty.element_type.heap_type),
                });
                Elements::Expressions(ty.element_type, functions.collect())
            }
        };
        segments.active(Some(index), &offset, elements);
    }
}
