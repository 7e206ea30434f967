//! Details of programs, for callers that look at programs rather than run them.

use super::info::{ExternInfo, ProgramInfo, entry_version};
use super::{entry, type_text};
use crate::engine::{Host, ProgramKind, Tier};
use crate::error::{Error, Result};
use serde::Serialize;
use std::collections::{BTreeMap, HashSet};
use wasmparser::{
    Encoding, KnownCustom, MemoryType, Parser, Payload, ProducersSectionReader, TypeRef,
};
use wasmtime::Module;
use wasmtime::component::Component;

/// Everything that can be said about a program without running it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Inspection {
    /// Size of the binary.
    pub wasm_bytes: usize,
    /// How the program is used.
    pub entry: EntryKind,
    /// Whether it can be stopped while it computes.
    pub interruptible: bool,
    /// Which compiler made the code that a run without a fuel limit gets now.
    pub compiler: CompilerInfo,
    /// What it needs.
    pub imports: Vec<DetailedExtern>,
    /// What it offers.
    pub exports: Vec<DetailedExtern>,
    /// Its memories; for a component, those of its modules.
    pub memories: Vec<MemoryInfo>,
    /// What it uses of WebAssembly beyond its first version, by the names of the proposals.
    pub features: Vec<String>,
    /// The `producers` sections: names and versions, by `language`, `processed-by` and `sdk`.
    pub producers: BTreeMap<String, Vec<Producer>>,
    /// Why it cannot be run, if it cannot.
    pub problem: Option<Problem>,
    /// Whether it exports what handles requests.
    pub handler: bool,
    /// Why it cannot serve requests, if it cannot.
    pub serve_problem: Option<Problem>,
}

/// Which compiler made a program's code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CompilerInfo {
    /// The compiler.
    pub tier: Tier,
    /// Why it is this one.
    pub reason: String,
}

/// How a program is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum EntryKind {
    /// It has an entry point.
    Command,
    /// It is initialised first; then its exports are called.
    Reactor,
    /// A module that is neither a command nor a reactor.
    None,
}

/// An import or export with its type.
#[derive(Clone, Debug, Serialize)]
pub struct DetailedExtern {
    /// Its name and kind.
    #[serde(flatten)]
    pub info: ExternInfo,
    /// Its type in words.
    #[serde(rename = "type")]
    pub type_text: String,
    /// For an import: whether wasiexec provides it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provided: Option<bool>,
}

/// A linear memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MemoryInfo {
    /// Pages at the start.
    pub minimum_pages: u64,
    /// The most pages that it can have.
    pub maximum_pages: Option<u64>,
    /// Size of a page.
    pub page_bytes: u64,
    /// Whether its addresses have 64 bits.
    pub is64: bool,
    /// Whether threads share it.
    pub shared: bool,
    /// Whether it is imported.
    pub imported: bool,
}

/// A tool or language that took part in making the program.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct Producer {
    /// Its name.
    pub name: String,
    /// Its version, as the program states it.
    pub version: String,
}

/// The error that each run ends with.
#[derive(Clone, Debug, Serialize)]
pub struct Problem {
    /// The stable code.
    pub code: &'static str,
    /// The message.
    pub message: String,
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        Self {
            code: error.code().as_str(),
            message: error.message().to_owned(),
        }
    }
}

/// What the binary says besides its imports and exports.
#[derive(Default)]
pub(crate) struct Sections {
    pub(crate) memories: Vec<MemoryInfo>,
    pub(crate) producers: BTreeMap<String, Vec<Producer>>,
}

impl Sections {
    /// Reads the sections of a valid program, and of the modules in a component.
    pub(crate) fn read(wasm: &[u8]) -> Self {
        let mut this = Self::default();
        let mut is_module = false;
        for payload in Parser::new(0)
            .parse_all(wasm)
            .map_while(std::result::Result::ok)
        {
            match payload {
                Payload::Version {
                    encoding,
                    num: _,
                    range: _,
                } => {
                    is_module = this.memories.is_empty() && encoding == Encoding::Module;
                }
                // The modules of a component import each other's memories, which are counted where defined.
                Payload::ImportSection(section) if is_module => {
                    for import in section.into_imports().flatten() {
                        if let TypeRef::Memory(memory) = import.ty {
                            this.memories.push(memory_info(&memory, true));
                        }
                    }
                }
                Payload::MemorySection(section) => {
                    let memories = section.into_iter().flatten();
                    this.memories
                        .extend(memories.map(|memory| memory_info(&memory, false)));
                }
                Payload::CustomSection(section) => {
                    if let KnownCustom::Producers(producers) = section.as_known() {
                        this.add_producers(producers);
                    }
                }
                _ => {}
            }
        }
        this.forget_repeated_producers();
        this
    }

    fn add_producers(&mut self, producers: ProducersSectionReader<'_>) {
        for field in producers.into_iter().flatten() {
            let known = self.producers.entry(field.name.to_owned()).or_default();
            let producers = field.values.into_iter().flatten().map(|value| Producer {
                name: value.name.to_owned(),
                version: value.version.to_owned(),
            });
            known.extend(producers);
        }
    }

    /// The modules of a component often name the same producers. Each is kept once, at its first place.
    fn forget_repeated_producers(&mut self) {
        for producers in self.producers.values_mut() {
            let mut known = HashSet::new();
            producers.retain(|producer| known.insert(producer.clone()));
        }
    }
}

fn memory_info(memory: &MemoryType, imported: bool) -> MemoryInfo {
    MemoryInfo {
        minimum_pages: memory.initial,
        maximum_pages: memory.maximum,
        page_bytes: 1 << memory.page_size_log2.unwrap_or(16),
        is64: memory.memory64,
        shared: memory.shared,
        imported,
    }
}

pub(crate) fn module_externs(
    info: &ProgramInfo,
    module: &Module,
    host: &Host,
) -> Result<(Vec<DetailedExtern>, Vec<DetailedExtern>)> {
    let is_provided = entry::provided_to_modules(host)?;
    let imports = info.imports.iter().zip(module.imports());
    let imports = imports.map(|(info, import)| DetailedExtern {
        info: info.clone(),
        type_text: type_text::of_extern(&import.ty()),
        provided: Some(is_provided(import.module(), import.name())),
    });
    let exports = info.exports.iter().zip(module.exports());
    let exports = exports.map(|(info, export)| DetailedExtern {
        info: info.clone(),
        type_text: type_text::of_extern(&export.ty()),
        provided: None,
    });
    Ok((imports.collect(), exports.collect()))
}

pub(crate) fn component_externs(
    info: &ProgramInfo,
    component: &Component,
) -> (Vec<DetailedExtern>, Vec<DetailedExtern>) {
    let (ty, engine) = (component.component_type(), component.engine());
    let imports = info.imports.iter().zip(ty.imports(engine));
    let imports = imports.map(|(info, (name, import))| DetailedExtern {
        info: info.clone(),
        type_text: type_text::of_item(&import.ty, engine),
        provided: Some(entry::is_package_provided(name)),
    });
    let exports = info.exports.iter().zip(ty.exports(engine));
    let exports = exports.map(|(info, (_, export))| DetailedExtern {
        info: info.clone(),
        type_text: type_text::of_item(&export.ty, engine),
        provided: None,
    });
    (imports.collect(), exports.collect())
}

pub(crate) fn entry_kind(info: &ProgramInfo, starts_early: bool) -> EntryKind {
    let exports = |wanted: &str| {
        let mut functions = info
            .exports
            .iter()
            .filter(|export| export.kind == "function");
        functions.any(|function| function.name == wanted)
    };
    match info.kind {
        ProgramKind::Module if exports("_start") => EntryKind::Command,
        ProgramKind::Module if exports("_initialize") => EntryKind::Reactor,
        ProgramKind::Module if starts_early => EntryKind::Command,
        ProgramKind::Module => EntryKind::None,
        ProgramKind::Component => {
            match entry_version(info.exports.iter().map(|export| export.name.as_str())) {
                Some(_) => EntryKind::Command,
                None => EntryKind::Reactor,
            }
        }
    }
}
