//! The module of a program, as far as a snapshot needs to know it.

use super::refusal::{refusal, unreadable};
use crate::error::{Error, Result};
use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::ops::Range;
use wasmparser::types::CoreTypeId;
use wasmparser::{
    CompositeInnerType, ExternalKind, FuncToValidate, FuncType, FunctionBody, HeapType, Parser,
    Payload, RefType, TypeRef, UnpackedIndex, ValidPayload, Validator, ValidatorResources,
    WasmFeatures, WasmModuleResources,
};

/// Those of wasmtime and more. With custom descriptors, references to functions would have types that other validators
/// do not know.
pub(super) const FEATURES: WasmFeatures =
    WasmFeatures::all().difference(WasmFeatures::CUSTOM_DESCRIPTORS);

/// A part of a module: its id and where its content is.
pub(super) struct Section {
    pub(super) id: u8,
    pub(super) content: Range<usize>,
}

/// The numbers of things that a module has, imports included.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counts {
    pub(super) types: u32,
    pub(super) imported_functions: u32,
    pub(super) functions: u32,
    pub(super) tables: u32,
    pub(super) memories: u32,
    pub(super) globals: u32,
}

pub(super) struct Source<'a> {
    pub(super) bytes: &'a [u8],
    /// All sections in their order.
    pub(super) sections: Vec<Section>,
    pub(super) counts: Counts,
    /// The functions that are imported, by module and name.
    pub(super) imports: Vec<(&'a str, &'a str)>,
    /// The function that is exported as `_start`.
    pub(super) entry: Option<u32>,
    pub(super) has_data_count: bool,
    /// The functions that have locals without an initial value.
    pub(super) uninitialized: HashSet<u32>,
    resources: ValidatorResources,
    bodies: Vec<Range<usize>>,
    type_indices: HashMap<CoreTypeId, u32>,
    /// A function for each type that is that of a function or above one.
    examples: HashMap<u32, u32>,
}

impl<'a> Source<'a> {
    /// # Errors
    ///
    /// [`ErrorCode::Snapshot`](crate::ErrorCode::Snapshot) for a module that no snapshot can be taken of.
    pub(super) fn parse(bytes: &'a [u8]) -> Result<Self> {
        let mut validator = Validator::new_with_features(FEATURES);
        let mut sections = Vec::new();
        let mut counts = Counts::default();
        let mut imports = Vec::new();
        let (mut entry, mut has_data_count) = (None, false);
        let mut resources = None;
        let mut bodies = Vec::new();
        let mut uninitialized = HashSet::new();
        let mut type_indices = HashMap::new();
        for payload in Parser::new(0).parse_all(bytes) {
            let payload = payload.map_err(unreadable)?;
            if let Some((id, content)) = payload.as_section() {
                sections.push(Section { id, content });
            }
            match &payload {
                Payload::ImportSection(section) => {
                    for import in section.clone().into_imports() {
                        let import = import.map_err(unreadable)?;
                        let what = match import.ty {
                            TypeRef::Func(_) | TypeRef::FuncExact(_) => {
                                imports.push((import.module, import.name));
                                continue;
                            }
                            TypeRef::Table(_) => "a table",
                            TypeRef::Memory(_) => "a memory",
                            TypeRef::Global(_) => "a global",
                            TypeRef::Tag(_) => "a tag",
                        };
                        return Err(refusal(format_args!("the program imports {what}")));
                    }
                    counts.imported_functions = imports.len() as u32;
                }
                Payload::FunctionSection(section) => counts.functions = section.count(),
                Payload::TableSection(section) => counts.tables = section.count(),
                Payload::MemorySection(section) => {
                    counts.memories = section.count();
                    for memory in section.clone() {
                        if memory.map_err(unreadable)?.shared {
                            return Err(refusal("the program has a shared memory"));
                        }
                    }
                }
                Payload::GlobalSection(section) => counts.globals = section.count(),
                Payload::ExportSection(section) => {
                    for export in section.clone() {
                        let export = export.map_err(unreadable)?;
                        if (export.name, export.kind) == ("_start", ExternalKind::Func) {
                            entry = Some(export.index);
                        }
                    }
                }
                Payload::DataCountSection { .. } => has_data_count = true,
                Payload::CodeSectionEntry(body) => {
                    let function = counts.imported_functions + bodies.len() as u32;
                    bodies.push(body.range());
                    for local in body.get_locals_reader().map_err(unreadable)? {
                        if !local.map_err(unreadable)?.1.is_defaultable() {
                            uninitialized.insert(function);
                        }
                    }
                }
                _ => {}
            }
            match validator.payload(&payload).map_err(unreadable)? {
                ValidPayload::Func(function, _) if resources.is_none() => {
                    resources = Some(function.resources);
                }
                ValidPayload::End(types) => {
                    let types = types.as_ref();
                    counts.types = types.core_type_count_in_module();
                    // Of equal types the first one will do.
                    for index in (0..counts.types).rev() {
                        type_indices.insert(types.core_type_at_in_module(index), index);
                    }
                }
                ValidPayload::Ok | ValidPayload::Func(..) | ValidPayload::Parser(_) => {}
            }
        }
        counts.functions += counts.imported_functions;
        let resources: ValidatorResources =
            resources.ok_or_else(|| refusal("the program has no code"))?;
        let mut examples = HashMap::new();
        for function in 0..counts.functions {
            let mut next = resources.type_id_of_function(function);
            while let Some(id) = next {
                let index = type_indices.get(&id);
                let index = index.ok_or_else(|| Error::internal("a type without an index"))?;
                let Entry::Vacant(example) = examples.entry(*index) else {
                    // Nor do the types above it lack one.
                    break;
                };
                example.insert(function);
                let above = resources.sub_type_at_id(id).supertype_idx;
                next = above.and_then(|index| index.as_core_type_id());
            }
        }
        Ok(Self {
            bytes,
            sections,
            counts,
            imports,
            entry,
            has_data_count,
            uninitialized,
            resources,
            bodies,
            type_indices,
            examples,
        })
    }

    /// Everything in its order, function by function.
    pub(super) fn payloads(&self) -> impl Iterator<Item = Result<Payload<'a>>> + use<'a> {
        let payloads = Parser::new(0).parse_all(self.bytes);
        payloads.map(|payload| payload.map_err(unreadable))
    }

    /// The content of a section, if the module has it. Not for custom sections.
    pub(super) fn section(&self, id: u8) -> Option<Range<usize>> {
        let section = self.sections.iter().find(|section| section.id == id);
        section.map(|section| section.content.clone())
    }

    /// The body of a function that is not imported.
    pub(super) fn body(&self, function: u32) -> Result<FunctionBody<'a>> {
        let index = function.checked_sub(self.counts.imported_functions);
        let range = index.and_then(|index| self.bodies.get(index as usize));
        let range = range.ok_or_else(|| no_function(function))?;
        let reader = wasmparser::BinaryReader::new(&self.bytes[range.clone()], range.start);
        Ok(FunctionBody::new(reader))
    }

    /// What follows the types of operands in a function.
    pub(super) fn validator(&self, function: u32) -> Result<FuncToValidate<&ValidatorResources>> {
        let ty = self.resources.type_index_of_function(function);
        Ok(FuncToValidate {
            resources: &self.resources,
            index: function,
            ty: ty.ok_or_else(|| no_function(function))?,
            features: FEATURES,
        })
    }

    /// The type of a function.
    pub(super) fn type_of(&self, function: u32) -> Result<&FuncType> {
        let ty = self.resources.type_index_of_function(function);
        self.function_type(ty.ok_or_else(|| no_function(function))?)
    }

    /// The function type with this index.
    pub(super) fn function_type(&self, index: u32) -> Result<&FuncType> {
        let ty = self.resources.sub_type_at(index);
        match ty.map(|ty| &ty.composite_type.inner) {
            Some(CompositeInnerType::Func(ty)) => Ok(ty),
            Some(
                CompositeInnerType::Array(_)
                | CompositeInnerType::Struct(_)
                | CompositeInnerType::Cont(_),
            )
            | None => Err(unreadable(format_args!(
                "type {index} is not a function type"
            ))),
        }
    }

    /// The index of a type.
    pub(super) fn type_index(&self, id: CoreTypeId) -> Option<u32> {
        self.type_indices.get(&id).copied()
    }

    /// A function whose references are of this type.
    pub(super) fn function_of(&self, ty: RefType) -> Option<u32> {
        match ty.heap_type() {
            HeapType::Concrete(UnpackedIndex::Id(id)) => {
                let index = self.type_index(id)?;
                self.examples.get(&index).copied()
            }
            // Whatever has a type of functions has a function.
            ty => (ty == HeapType::FUNC).then_some(0),
        }
    }
}

fn no_function(index: u32) -> Error {
    Error::internal(format_args!(
        "a frame of function {index}, which has no code"
    ))
}
