//! The module that is compiled instead.

use super::calls::Calls;
use super::dispatchers::Dispatchers;
use super::survey::{Active, Survey};
use crate::platform;
use std::collections::{BTreeSet, HashMap};
use wasm_encoder::reencode::{Reencode, RoundtripReencoder};
use wasm_encoder::{
    ConstExpr, ElementSection, Elements, Encode, Function, HeapType, Instruction, RawSection,
    RefType, Section, SectionId, ValType,
};
use wasmparser::{BinaryReader, Parser};

/// The most parameters that a function can have.
const MAX_PARAMS: usize = 1000;
const CALL: u8 = 0x10;
const NOP: u8 = 0x01;
/// The most bytes that a number of 32 bits can take.
const MAX_LENGTH: usize = 5;

/// `None` if it cannot be written.
pub(super) fn write(
    wasm: &[u8],
    survey: &Survey<'_>,
    calls: &Calls,
    dispatchers: &Dispatchers,
) -> Option<Vec<u8>> {
    let added = Added::new(survey, dispatchers)?;
    let room = added.types.bytes.len() + added.functions.bytes.len() + added.code.bytes.len();
    // Elements may take more bytes than they had.
    let mut module = Vec::with_capacity(wasm.len() + room + wasm.len() / 8);
    platform::use_huge_pages(&mut module);
    module.extend_from_slice(wasm.get(..8)?);
    for payload in Parser::new(0).parse_all(wasm) {
        let Some((id, range)) = payload.ok()?.as_section() else {
            continue;
        };
        let content = &wasm[range.clone()];
        if id == SectionId::Type as u8 {
            added.types.append_to(id, content, &mut module)?;
        } else if id == SectionId::Function as u8 {
            added.functions.append_to(id, content, &mut module)?;
        } else if id == SectionId::Element as u8 {
            elements(wasm, survey, calls).append_to(&mut module);
        } else if id == SectionId::Code as u8 {
            let first = range.end - entries(content)?.1.len();
            let moved = added.code.append_to(id, content, &mut module)?;
            for call in &calls.indirect {
                let start = call.range.start.checked_sub(first)? + moved;
                let bytes = module.get_mut(start..start + call.range.len())?;
                let number = dispatchers.number(call)?;
                make_direct(bytes, added.first_dispatcher + number)?;
            }
        } else {
            RawSection { id, data: content }.append_to(&mut module);
        }
    }
    Some(module)
}

/// What comes at the end of sections.
struct Added {
    types: List,
    functions: List,
    code: List,
    first_dispatcher: u32,
}

impl Added {
    fn new(survey: &Survey<'_>, dispatchers: &Dispatchers) -> Option<Self> {
        let (mut types, mut functions, mut code) =
            (List::default(), List::default(), List::default());
        let first_type = survey.types.len() as u32;
        functions.push(&first_type);
        code.push(&placeholder()[..]);
        types.push(&placeholder_type(survey)?);
        let mut known = HashMap::new();
        for (callee, body) in &dispatchers.all {
            let next = first_type + types.number;
            let ty = *known.entry(*callee).or_insert(next);
            if ty == next {
                let ty = &survey.types[*callee as usize];
                let mut params = value_types(ty.params())?;
                params.push(ValType::I32);
                types.push(&FunctionType(params, value_types(ty.results())?));
            }
            functions.push(&ty);
            code.push(&body[..]);
        }
        Some(Self {
            types,
            functions,
            code,
            first_dispatcher: survey.functions.len() as u32 + 1,
        })
    }
}

/// The function that is in tables: the last one before the dispatchers.
fn placeholder() -> Vec<u8> {
    let mut function = Function::new([]);
    function.instruction(&Instruction::Unreachable);
    function.instruction(&Instruction::End);
    function.into_raw_body()
}

/// A type that no other function has: it has one parameter more than any.
fn placeholder_type(survey: &Survey<'_>) -> Option<FunctionType> {
    let most = survey.types.iter().map(|ty| ty.params().len()).max();
    let params = most.unwrap_or(0) + 1;
    (params <= MAX_PARAMS).then(|| FunctionType(vec![ValType::I32; params], Vec::new()))
}

/// The segments of a module, with placeholders in eligible tables.
fn elements(wasm: &[u8], survey: &Survey<'_>, calls: &Calls) -> ElementSection {
    let placeholder = survey.functions.len() as u32;
    let mut section = ElementSection::new();
    let mut declared = BTreeSet::new();
    for segment in &survey.segments {
        match survey.eligible(segment) {
            Some(active) => {
                add_placeholders(active, placeholder, &mut section);
                declared.extend(active.functions().map(|(_, function)| function));
            }
            None => {
                section.raw(&wasm[segment.range.clone()]);
            }
        }
    }
    // Code may take references to the functions of a segment.
    let declared: Vec<_> = declared.intersection(&calls.referenced).copied().collect();
    if !declared.is_empty() {
        section.declared(Elements::Functions(declared.into()));
    }
    section
}

fn add_placeholders(active: &Active, placeholder: u32, section: &mut ElementSection) {
    let offset = ConstExpr::i32_const(active.offset as i32);
    let elements = match active.has_expressions {
        true => {
            let expressions = active.elements.iter().map(|element| match element {
                Some(_) => ConstExpr::ref_func(placeholder),
                None => ConstExpr::ref_null(HeapType::FUNC),
            });
            Elements::Expressions(RefType::FUNCREF, expressions.collect())
        }
        false => Elements::Functions(vec![placeholder; active.elements.len()].into()),
    };
    section.active(Some(active.table), &offset, elements);
}

/// Writes a `call` over a `call_indirect`. `None` if it is too short.
fn make_direct(instruction: &mut [u8], function: u32) -> Option<()> {
    let (opcode, rest) = instruction.split_first_mut()?;
    *opcode = CALL;
    rest.fill(NOP);
    let length = rest.len().min(MAX_LENGTH);
    let mut left = function;
    for byte in &mut rest[..length] {
        *byte = left as u8 | 0x80;
        left >>= 7;
    }
    rest[length.checked_sub(1)?] &= 0x7f;
    (left == 0).then_some(())
}

/// A function type without a supertype.
struct FunctionType(Vec<ValType>, Vec<ValType>);

impl Encode for FunctionType {
    fn encode(&self, sink: &mut Vec<u8>) {
        sink.push(0x60);
        self.0[..].encode(sink);
        self.1[..].encode(sink);
    }
}

fn value_types(types: &[wasmparser::ValType]) -> Option<Vec<ValType>> {
    let types = types.iter().map(|ty| RoundtripReencoder.val_type(*ty).ok());
    types.collect()
}

/// Entries for the end of a section.
#[derive(Default)]
struct List {
    number: u32,
    bytes: Vec<u8>,
}

impl List {
    fn push(&mut self, entry: &(impl Encode + ?Sized)) {
        self.number += 1;
        entry.encode(&mut self.bytes);
    }

    /// Writes a section with them behind its `content`. Returns where its first entry is now.
    fn append_to(&self, id: u8, content: &[u8], module: &mut Vec<u8>) -> Option<usize> {
        let (number, entries) = entries(content)?;
        let mut total = Vec::new();
        number.checked_add(self.number)?.encode(&mut total);
        module.push(id);
        (total.len() + entries.len() + self.bytes.len()).encode(module);
        module.extend_from_slice(&total);
        let first = module.len();
        module.extend_from_slice(entries);
        module.extend_from_slice(&self.bytes);
        Some(first)
    }
}

/// The number of entries of a section, and the entries.
fn entries(content: &[u8]) -> Option<(u32, &[u8])> {
    let mut reader = BinaryReader::new(content, 0);
    let number = reader.read_var_u32().ok()?;
    Some((number, &content[reader.current_position()..]))
}
