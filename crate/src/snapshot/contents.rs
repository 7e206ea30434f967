//! What the memories, globals and tables of a snapshot begin with.

use super::instrument::{Drops, Segment};
use super::module::{Changes, DATA};
use super::refusal::{refusal, unreadable};
use super::source::Source;
use super::state::State;
use super::types::Types;
use crate::error::Result;
use std::borrow::Cow;
use std::collections::BTreeSet;
use wasm_encoder::reencode::{Reencode, RoundtripReencoder};
use wasm_encoder::{
    ConstExpr, DataCountSection, DataSection, ElementMode, ElementSection, ElementSegment,
    Elements, GlobalSection, MemorySection, MemoryType, RefType, TableSection, TableType,
};
use wasmparser::{DataKind, Element, ElementItems, ElementKind, Operator, Payload, TableInit};

/// Where the functions in a table change this often to null and back, the nulls are written, too.
const MAX_TABLE_RUNS: usize = 1_000;

/// A state that is to be the beginning of a module.
pub(super) struct Contents<'r, 's, 'a> {
    pub(super) source: &'s Source<'a>,
    pub(super) drops: &'r Drops,
    pub(super) state: &'r State,
    pub(super) types: &'r Types<'s, 'a>,
}

impl Contents<'_, '_, '_> {
    /// Sets all of it. `referenced` are functions that code refers to, which have to be declared.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::Snapshot`](crate::ErrorCode::Snapshot) for segments that cannot be had again.
    pub(super) fn set(&self, changes: &mut Changes, referenced: &BTreeSet<u32>) -> Result<()> {
        self.memories_and_globals(changes)?;
        self.tables(changes, referenced)?;
        self.data(changes)
    }

    fn memories_and_globals(&self, changes: &mut Changes) -> Result<()> {
        for payload in self.source.payloads() {
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
        for payload in self.source.payloads() {
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
            for payload in self.source.payloads() {
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
        for payload in self.source.payloads() {
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
        let all = first.start..last.end;
        runs = vec![all];
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
