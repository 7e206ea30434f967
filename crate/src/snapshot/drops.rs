//! Finds out which segments a guest has dropped.
//!
//! wasmtime does not tell. So a module that drops passive segments gets a global for each of them, and sets it where
//! it drops the segment.

use super::module::{CODE, Changes, GLOBAL};
use super::refusal::unreadable;
use super::source::Source;
use super::state::Value;
use crate::error::Result;
use std::collections::BTreeMap;
use wasm_encoder::{ConstExpr, Encode, GlobalType, Instruction, ValType};
use wasmparser::{DataKind, ElementKind, FunctionBody, Operator, Parser, Payload};

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

/// A module that notes which segments it drops; `None` if it drops none.
pub(super) fn noting_drops(source: &Source<'_>) -> Result<(Option<Vec<u8>>, Drops)> {
    let passive = passive(source)?;
    let mut drops = Drops::default();
    if passive.is_empty() {
        return Ok((None, drops));
    }
    let first = source.counts.globals;
    let mut note = |segment: Segment| {
        passive.binary_search(&segment).ok()?;
        let next = first + drops.0.len() as u32;
        Some(*drops.0.entry(segment).or_insert(next))
    };
    let mut code = Vec::new();
    let mut changed = false;
    let mut bodies = 0;
    for payload in Parser::new(0).parse_all(source.bytes) {
        if let Payload::CodeSectionEntry(body) = payload.map_err(unreadable)? {
            let noting = noting(source, &body, &mut note)?;
            changed |= noting.is_some();
            noting
                .as_deref()
                .unwrap_or(body.as_bytes())
                .encode(&mut code);
            bodies += 1;
        }
    }
    if !changed {
        return Ok((None, drops));
    }
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
    let mut changes = Changes::default();
    changes.append(source, GLOBAL, drops.0.len() as u32, &globals)?;
    changes.replace_list(CODE, bodies, &code);
    changes.drop_debug();
    Ok((Some(changes.write(source)), drops))
}

fn passive(source: &Source<'_>) -> Result<Vec<Segment>> {
    let mut passive = Vec::new();
    for payload in Parser::new(0).parse_all(source.bytes) {
        match payload.map_err(unreadable)? {
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

/// A function that sets a global behind each instruction that drops a segment; `None` if it drops none.
fn noting(
    source: &Source<'_>,
    body: &FunctionBody<'_>,
    note: &mut impl FnMut(Segment) -> Option<u32>,
) -> Result<Option<Vec<u8>>> {
    let mut reader = body.get_operators_reader().map_err(unreadable)?;
    let mut code = Vec::new();
    let mut copied = body.range().start;
    while !reader.eof() {
        let segment = match reader.read().map_err(unreadable)? {
            Operator::DataDrop { data_index } => Segment::Data(data_index),
            Operator::ElemDrop { elem_index } => Segment::Element(elem_index),
            _ => continue,
        };
        if let Some(global) = note(segment) {
            let end = reader.original_position();
            code.extend_from_slice(&source.bytes[copied..end]);
            copied = end;
            Instruction::I32Const(1).encode(&mut code);
            Instruction::GlobalSet(global).encode(&mut code);
        }
    }
    if code.is_empty() {
        return Ok(None);
    }
    code.extend_from_slice(&source.bytes[copied..body.range().end]);
    Ok(Some(code))
}
