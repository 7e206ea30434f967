//! Kind, WASI version, imports and exports of programs.

use super::host_imports::HostImport;
use crate::component::Described;
use crate::engine::ProgramKind;
use crate::wasi::{P0, P1};
use serde::Serialize;
use std::ops::Range;
use wasmtime::component::Component;
use wasmtime::component::types::ComponentItem;
use wasmtime::{ExternType, Module};

/// The WASI that a program speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum WasiVersion {
    /// `wasi_unstable`.
    P0,
    /// `wasi_snapshot_preview1`.
    P1,
    /// WASI 0.2.
    P2,
    /// WASI 0.3, which wasmtime calls experimental.
    P3,
    /// The program imports nothing of WASI.
    None,
}

/// An import or export.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ExternInfo {
    /// The module of a core module's import.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub module: Option<String>,
    /// The name.
    pub name: String,
    /// function, memory, table, global or tag; for components also instance, component, type, …
    pub kind: &'static str,
}

/// What is known of a loaded program.
#[derive(Clone, Debug, Serialize)]
pub struct ProgramInfo {
    /// argv\[0\] of its runs.
    pub name: String,
    /// Module or component.
    pub kind: ProgramKind,
    /// The WASI that it speaks.
    pub wasi: WasiVersion,
    /// What it needs.
    pub imports: Vec<ExternInfo>,
    /// What it offers.
    pub exports: Vec<ExternInfo>,
    /// What it needs and WASI does not have.
    #[serde(rename = "hostImports")]
    pub host_imports: Vec<HostImport>,
    /// The same for a component.
    #[serde(rename = "componentImports", skip_serializing_if = "Option::is_none")]
    pub(crate) component_imports: Option<Described>,
    /// Bytes of memory that its binary and its code take.
    pub bytes: usize,
}

pub(crate) fn describe_module(
    name: String,
    module: &Module,
    host_imports: &[HostImport],
) -> ProgramInfo {
    let imports: Vec<_> = module
        .imports()
        .map(|import| ExternInfo {
            module: Some(import.module().to_owned()),
            name: import.name().to_owned(),
            kind: kind_of(&import.ty()),
        })
        .collect();
    let uses = |wanted: &str| {
        let mut modules = imports.iter().filter_map(|import| import.module.as_deref());
        modules.any(|module| module == wanted)
    };
    let wasi = match (uses(P1), uses(P0)) {
        (true, _) => WasiVersion::P1,
        (false, true) => WasiVersion::P0,
        (false, false) => WasiVersion::None,
    };
    let exports = module.exports().map(|export| ExternInfo {
        module: None,
        name: export.name().to_owned(),
        kind: kind_of(&export.ty()),
    });
    ProgramInfo {
        name,
        kind: ProgramKind::Module,
        wasi,
        exports: exports.collect(),
        imports,
        host_imports: host_imports.to_vec(),
        component_imports: None,
        bytes: length(&module.image_range()),
    }
}

fn length(range: &Range<*const u8>) -> usize {
    range.end as usize - range.start as usize
}

pub(crate) fn describe_component(
    name: String,
    component: &Component,
    component_imports: Option<&Described>,
) -> ProgramInfo {
    let ty = component.component_type();
    let engine = component.engine();
    let info = |(name, item): (&str, _)| ExternInfo {
        module: None,
        name: name.to_owned(),
        kind: kind_of_item(&item),
    };
    let imports: Vec<_> = ty.imports(engine).map(|(n, i)| info((n, i.ty))).collect();
    let exports: Vec<_> = ty.exports(engine).map(|(n, e)| info((n, e.ty))).collect();
    let speaks = |version: &str| {
        let mut names = exports.iter().chain(&imports).map(|e| e.name.as_str());
        names.any(|name| wasi_version(name).is_some_and(|(_, v)| in_line(v, version)))
    };
    // A 0.3 program may still use interfaces of 0.2. The entry point decides.
    let entry = entry_version(exports.iter().map(|export| export.name.as_str()));
    let wasi = match entry {
        Some(version) => version,
        None if speaks("0.3") => WasiVersion::P3,
        None if speaks("0.2") => WasiVersion::P2,
        None => WasiVersion::None,
    };
    ProgramInfo {
        name,
        kind: ProgramKind::Component,
        wasi,
        imports,
        exports,
        host_imports: Vec::new(),
        component_imports: component_imports.cloned(),
        bytes: length(&component.image_range()),
    }
}

/// Splits `wasi:cli/run@0.2.3` into the interface and its version.
pub(crate) fn wasi_version(name: &str) -> Option<(&str, &str)> {
    name.starts_with("wasi:").then(|| name.split_once('@'))?
}

/// Whether `version` (0.2.3) belongs to the line (0.2).
pub(crate) fn in_line(version: &str, line: &str) -> bool {
    let rest = version.strip_prefix(line);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// The WASI of the `wasi:cli/run` that is run: the newest supported version.
pub(crate) fn entry_version<'a>(
    exports: impl Iterator<Item = &'a str> + Clone,
) -> Option<WasiVersion> {
    exported_version(exports, "wasi:cli/run", "wasi:cli/run")
}

/// The same for the handler of requests.
pub(crate) fn handler_version<'a>(
    exports: impl Iterator<Item = &'a str> + Clone,
) -> Option<WasiVersion> {
    exported_version(exports, "wasi:http/incoming-handler", "wasi:http/handler")
}

/// The newest WASI of an interface that is exported: it has one name in WASI 0.2 and one in 0.3.
fn exported_version<'a>(
    exports: impl Iterator<Item = &'a str> + Clone,
    name_0_2: &str,
    name_0_3: &str,
) -> Option<WasiVersion> {
    let has = |name: &str, line: &str| {
        let mut versions = exports.clone().filter_map(wasi_version);
        versions.any(|(interface, version)| {
            interface == name && in_line(version, line) && !is_prerelease(version)
        })
    };
    match (has(name_0_3, "0.3"), has(name_0_2, "0.2")) {
        (true, _) => Some(WasiVersion::P3),
        (false, true) => Some(WasiVersion::P2),
        (false, false) => None,
    }
}

/// Whether the version is a draft such as 0.3.0-rc-2026-03-15. No other version stands in for a draft.
fn is_prerelease(version: &str) -> bool {
    let build = version.find('+').unwrap_or(version.len());
    version[..build].contains('-')
}

pub(crate) fn kind_of(ty: &ExternType) -> &'static str {
    match ty {
        ExternType::Func(_) => "function",
        ExternType::Global(_) => "global",
        ExternType::Table(_) => "table",
        ExternType::Memory(_) => "memory",
        ExternType::Tag(_) => "tag",
    }
}

fn kind_of_item(item: &ComponentItem) -> &'static str {
    match item {
        ComponentItem::ComponentFunc(_) | ComponentItem::CoreFunc(_) => "function",
        ComponentItem::Module(_) => "module",
        ComponentItem::Component(_) => "component",
        ComponentItem::ComponentInstance(_) => "instance",
        ComponentItem::Type(_) => "type",
        ComponentItem::Resource(_) => "resource",
    }
}
