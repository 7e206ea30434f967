//! Changes to a program that let its state be read.
//!
//! - wasmtime does not tell which segments a guest has dropped. So each passive segment that the program drops somewhere
//!   gets a global, which is set where the segment is dropped.
//! - A frame is at the end of its call, but where a handler of exceptions is active it may be at its start. Where one call
//!   follows another these are the same place. So a `nop` comes between them in functions that have such handlers.

use super::module::{CODE, Changes, GLOBAL};
use super::refusal::unreadable;
use super::source::Source;
use super::state::Value;
use crate::error::Result;
use std::collections::BTreeMap;
use wasm_encoder::{ConstExpr, Encode, GlobalType, Instruction, ValType};
use wasmparser::{DataKind, ElementKind, FunctionBody, Operator, Payload};

/// A passive segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Segment {
    Data(u32),
    Element(u32),
}

/// The globals that say which segments were dropped.
#[derive(Debug, Default)]
pub(super) struct Drops(BTreeMap<Segment, u32>);

impl Drops {
    pub(super) fn is_dropped(&self, segment: Segment, globals: &[Value]) -> bool {
        let global = self.0.get(&segment);
        let value = global.and_then(|global| globals.get(*global as usize));
        value == Some(&Value::I32(1))
    }
}

/// The changed module; `None` if nothing has to be changed.
pub(super) fn instrument(source: &Source<'_>) -> Result<(Option<Vec<u8>>, Drops)> {
    let passive = passive(source)?;
    let mut drops = Drops::default();
    let first = source.counts.globals;
    let mut note = |segment: Segment| {
        passive.binary_search(&segment).ok()?;
        let next = first + drops.0.len() as u32;
        Some(*drops.0.entry(segment).or_insert(next))
    };
    let mut bodies = Vec::new();
    let mut changed = false;
    for payload in source.payloads() {
        if let Payload::CodeSectionEntry(body) = payload? {
            let insertions = insertions(&body, &mut note)?;
            changed |= !insertions.is_empty();
            bodies.push((body, insertions));
        }
    }
    if !changed {
        return Ok((None, drops));
    }
    let mut code = Vec::with_capacity(source.bytes.len());
    for (body, insertions) in &bodies {
        changed_body(source, body, insertions).encode(&mut code);
    }
    let mut changes = Changes::default();
    if !drops.0.is_empty() {
        let mut globals = Vec::new();
        let ty = GlobalType {
            val_type: ValType::I32,
            mutable: true,
            shared: false,
        };
        for _ in 0..drops.0.len() {
            ty.encode(&mut globals);
            ConstExpr::i32_const(0).encode(&mut globals);
        }
        changes.append(source, GLOBAL, drops.0.len() as u32, &globals)?;
    }
    changes.replace_list(CODE, bodies.len() as u32, &code);
    changes.drop_debug();
    Ok((Some(changes.write(source)), drops))
}

fn passive(source: &Source<'_>) -> Result<Vec<Segment>> {
    let mut passive = Vec::new();
    for payload in source.payloads() {
        match payload? {
            Payload::DataSection(section) => {
                for (index, data) in (0..).zip(section) {
                    if let DataKind::Passive = data.map_err(unreadable)?.kind {
                        passive.push(Segment::Data(index));
                    }
                }
            }
            Payload::ElementSection(section) => {
                for (index, element) in (0..).zip(section) {
                    if let ElementKind::Passive = element.map_err(unreadable)?.kind {
                        passive.push(Segment::Element(index));
                    }
                }
            }
            _ => {}
        }
    }
    passive.sort_unstable();
    Ok(passive)
}

/// What is inserted into a function, and where.
enum Insertion {
    Nop,
    Set(u32),
}

fn insertions(
    body: &FunctionBody<'_>,
    note: &mut impl FnMut(Segment) -> Option<u32>,
) -> Result<Vec<(usize, Insertion)>> {
    let mut reader = body.get_operators_reader().map_err(unreadable)?;
    let mut insertions = Vec::new();
    let mut has_handlers = false;
    let mut after_call = false;
    while !reader.eof() {
        let start = reader.original_position();
        let operator = reader.read().map_err(unreadable)?;
        let is_call = is_call(&operator);
        if is_call && after_call {
            insertions.push((start, Insertion::Nop));
        }
        after_call = is_call;
        let segment = match operator {
            Operator::TryTable { .. } => {
                has_handlers = true;
                continue;
            }
            Operator::DataDrop { data_index } => Segment::Data(data_index),
            Operator::ElemDrop { elem_index } => Segment::Element(elem_index),
            _ => continue,
        };
        if let Some(global) = note(segment) {
            insertions.push((reader.original_position(), Insertion::Set(global)));
        }
    }
    if !has_handlers {
        insertions.retain(|(_, insertion)| matches!(insertion, Insertion::Set(_)));
    }
    Ok(insertions)
}

/// Whether an operator is a call that a frame can wait for.
pub(super) fn is_call(operator: &Operator<'_>) -> bool {
    matches!(
        operator,
        Operator::Call { .. } | Operator::CallIndirect { .. } | Operator::CallRef { .. }
    )
}

fn changed_body(
    source: &Source<'_>,
    body: &FunctionBody<'_>,
    insertions: &[(usize, Insertion)],
) -> Vec<u8> {
    let mut code = Vec::with_capacity(body.as_bytes().len());
    let mut copied = body.range().start;
    for (place, insertion) in insertions {
        code.extend_from_slice(&source.bytes[copied..*place]);
        copied = *place;
        match insertion {
            Insertion::Nop => Instruction::Nop.encode(&mut code),
            Insertion::Set(global) => {
                Instruction::I32Const(1).encode(&mut code);
                Instruction::GlobalSet(*global).encode(&mut code);
            }
        }
    }
    code.extend_from_slice(&source.bytes[copied..body.range().end]);
    code
}
