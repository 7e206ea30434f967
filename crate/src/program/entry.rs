//! Where a run of a program begins: checks that its imports are provided and that it has an entry point.

use super::host_imports::{HostImport, function_type};
use super::info::{WasiVersion, entry_version, handler_version, in_line, kind_of, wasi_version};
use super::type_text;
use crate::component::{Imports, link_imports};
use crate::engine::{Host, Linker};
use crate::error::{Error, ErrorCode, Result};
use crate::guest::Limits;
use crate::wasi::{CONFIG, KEY_VALUE, LOGGING, RunState, Wasi, add_host_function};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt::Write;
use std::sync::Arc;
use wasmtime::component::{self, Component};
use wasmtime::{Engine, ExternType, ImportType, InstancePre, Module, ModuleExport, Store};
use wasmtime_wasi::{p2, p3};
use wasmtime_wasi_http::{p2::bindings as http2, p3::bindings as http3};

/// Where a run of a command begins.
pub(crate) enum Entry {
    Module {
        pre: InstancePre<RunState>,
        /// `None` if the program has only a start section.
        start: Option<ModuleExport>,
    },
    P2(p2::bindings::CommandPre<RunState>),
    P3(p3::bindings::CommandPre<RunState>),
}

/// Where a component handles a request.
pub(crate) enum Handler {
    P2(http2::ProxyPre<RunState>),
    P3(http3::ServicePre<RunState>),
}

/// The packages of WASI that components can import, with their versions.
const PROVIDED_PACKAGES: [(&str, &[&str]); 10] = [
    ("wasi:cli", &["0.2", "0.3"]),
    ("wasi:clocks", &["0.2", "0.3"]),
    ("wasi:config", &[CONFIG]),
    ("wasi:filesystem", &["0.2", "0.3"]),
    ("wasi:http", &["0.2", "0.3"]),
    ("wasi:io", &["0.2"]),
    ("wasi:keyvalue", &[KEY_VALUE]),
    ("wasi:logging", &["0.1.0-draft"]),
    ("wasi:random", &["0.2", "0.3"]),
    ("wasi:sockets", &["0.2", "0.3"]),
];
/// The most names that a message lists.
const MAX_LISTED: usize = 20;

/// A module with its imports.
///
/// # Errors
///
/// [`ErrorCode::UnresolvedImport`].
pub(crate) fn link_module(module: &Module, host: &Host) -> Result<InstancePre<RunState>> {
    link(module, module_linker(host)?, &host.engine)
}

/// A module with its imports, of which `imports` are functions of the submitter.
///
/// # Errors
///
/// [`ErrorCode::UnresolvedImport`].
pub(crate) fn link_hosted(
    module: &Module,
    host: &Host,
    imports: &[HostImport],
) -> Result<InstancePre<RunState>> {
    let mut linker = module_linker(host)?.clone();
    let numbered = (0..).zip(imports);
    let mut numbers: HashMap<_, u32> = numbered
        .map(|(number, import)| ((&import.module[..], &import.name[..]), number))
        .collect();
    for import in module.imports() {
        let (name, ty) = ((import.module(), import.name()), import.ty());
        if let Some(ty) = function_type(&ty)
            && let Some(number) = numbers.remove(&name)
        {
            let memory = module.get_export_index("memory");
            add_host_function(&mut linker, name, ty, number, memory).map_err(Error::internal)?;
        }
    }
    link(module, &linker, &host.engine)
}

fn link(
    module: &Module,
    linker: &wasmtime::Linker<RunState>,
    engine: &Engine,
) -> Result<InstancePre<RunState>> {
    let linked = linker.instantiate_pre(module);
    linked.map_err(|error| unresolved_module(module, &provided(linker, engine), &error))
}

fn module_linker(host: &Host) -> Result<&wasmtime::Linker<RunState>> {
    match &host.linker {
        Linker::Module(linker) => Ok(linker),
        Linker::Component(_) => Err(Error::internal("a module met a component linker")),
    }
}

/// What a module imports that WASI does not have, each once, in the order of the module.
pub(crate) fn host_imports(module: &Module, host: &Host) -> Vec<HostImport> {
    let Ok(linker) = module_linker(host) else {
        return Vec::new();
    };
    let provided = provided(linker, &host.engine);
    let mut imports = Vec::<HostImport>::new();
    let mut known = HashSet::new();
    for import in module.imports() {
        let name = (import.module(), import.name());
        if !has(&provided, name.0, name.1) && known.insert(name) {
            imports.push(HostImport::new(&import, kind_of(&import.ty())));
        }
    }
    imports
}

/// What to do with a program that cannot be run.
const CALL_IT: &str = "to call its functions, use `instantiate`";
const SERVE_IT: &str = "to pass requests to it, use `serve`";
const COMPILE_IT: &str = "compile it as a command";

/// The entry of a module. `starts` says whether it has a start section, with which it needs no `_start`.
pub(crate) fn module_entry(
    module: &Module,
    pre: InstancePre<RunState>,
    starts: bool,
) -> Result<Entry> {
    let no_entry = |message: String| Err(Error::new(ErrorCode::NoEntryPoint, message));
    match module.get_export("_start") {
        Some(ExternType::Func(ty)) if ty.params().len() == 0 && ty.results().len() == 0 => {}
        Some(ExternType::Func(ty)) => {
            return no_entry(format!(
                "`_start` must take and return nothing, this one is {ty}"
            ));
        }
        Some(other) => {
            let kind = kind_of(&other);
            return no_entry(format!("`_start` must be a function, this one is a {kind}"));
        }
        None if module.get_export("_initialize").is_some() => {
            return no_entry(format!(
                "the program is a reactor (it exports `_initialize`), not a command with `_start`; {CALL_IT}"
            ));
        }
        None if starts => return Ok(Entry::Module { pre, start: None }),
        None => {
            let names = module.exports().map(|export| export.name().to_owned());
            let exports = list(names.collect());
            let mut types = module.exports().map(|export| export.ty());
            let advice = match types.any(|ty| matches!(ty, ExternType::Func(_))) {
                true => CALL_IT,
                false => COMPILE_IT,
            };
            return no_entry(format!(
                "the program has no `_start` function and no start section; it exports {exports}; {advice}"
            ));
        }
    }
    match module.get_export_index("_start") {
        start @ Some(_) => Ok(Entry::Module { pre, start }),
        None => Err(Error::internal("`_start` has a type but no index")),
    }
}

/// A component with its imports.
///
/// # Errors
///
/// [`ErrorCode::UnresolvedImport`].
pub(crate) fn link_component(
    component: &Component,
    host: &Host,
) -> Result<component::InstancePre<RunState>> {
    let linked = component_linker(host)?.instantiate_pre(component);
    linked.map_err(|error| unresolved_component(component, &error))
}

/// The same; `imports` are functions and resources of the submitter.
///
/// # Errors
///
/// [`ErrorCode::UnresolvedImport`].
pub(crate) fn link_hosted_component(
    component: &Component,
    host: &Host,
    imports: &Imports,
) -> Result<component::InstancePre<RunState>> {
    let mut linker = component_linker(host)?.clone();
    let unresolved = |error| unresolved_component(component, &error);
    link_imports(&mut linker, imports).map_err(unresolved)?;
    linker.instantiate_pre(component).map_err(unresolved)
}

fn component_linker(host: &Host) -> Result<&component::Linker<RunState>> {
    match &host.linker {
        Linker::Component(linker) => Ok(linker),
        Linker::Module(_) => Err(Error::internal("a component met a module linker")),
    }
}

pub(crate) fn component_entry(
    component: &Component,
    pre: component::InstancePre<RunState>,
) -> Result<Entry> {
    let names = export_names(component);
    let entry = match entry_version(names.iter().map(String::as_str)) {
        Some(WasiVersion::P3) => p3::bindings::CommandPre::new(pre).map(Entry::P3),
        Some(_) => p2::bindings::CommandPre::new(pre).map(Entry::P2),
        None => {
            let handles = handler_version(names.iter().map(String::as_str)).is_some();
            let advice = match (handles, names.is_empty()) {
                (true, _) => SERVE_IT,
                (false, false) => CALL_IT,
                (false, true) => COMPILE_IT,
            };
            let exports = list(names);
            return Err(Error::new(
                ErrorCode::NoEntryPoint,
                format!(
                    "the component is not a command: it exports {exports}, and no `wasi:cli/run` \
                     of WASI 0.2 or 0.3.0; {advice}"
                ),
            ));
        }
    };
    entry.map_err(|error| {
        Error::new(
            ErrorCode::NoEntryPoint,
            format!("the component's `wasi:cli/run` is not usable: {error:#}"),
        )
    })
}

fn export_names(component: &Component) -> Vec<String> {
    let ty = component.component_type();
    let exports = ty.exports(component.engine());
    exports.map(|(name, _)| name.to_owned()).collect()
}

/// Where a component handles requests.
///
/// # Errors
///
/// [`ErrorCode::NoEntryPoint`].
pub(crate) fn handler(
    component: &Component,
    pre: component::InstancePre<RunState>,
) -> Result<Handler> {
    let names = export_names(component);
    let handler = match handler_version(names.iter().map(String::as_str)) {
        Some(WasiVersion::P3) => http3::ServicePre::new(pre).map(Handler::P3),
        Some(_) => http2::ProxyPre::new(pre).map(Handler::P2),
        None => {
            return Err(no_handler(&format!(
                "the component exports {}",
                list(names)
            )));
        }
    };
    handler.map_err(|error| {
        let message = format!("the component's HTTP handler is not usable: {error:#}");
        Error::new(ErrorCode::NoEntryPoint, message)
    })
}

/// The error for a program that cannot serve requests; `what` it is.
pub(crate) fn no_handler(what: &str) -> Error {
    let message = format!(
        "the program is not an HTTP handler: {what}, and no `wasi:http/incoming-handler` of WASI 0.2 or \
         `wasi:http/handler` of WASI 0.3.0"
    );
    Error::new(ErrorCode::NoEntryPoint, message)
}

fn unresolved_module(module: &Module, provided: &Provided, error: &wasmtime::Error) -> Error {
    let missing: Vec<_> = module
        .imports()
        .filter(|import| !has(provided, import.module(), import.name()))
        .collect();
    if missing.is_empty() {
        // Every name is there, so one of them has another type.
        let message = format!("an import has the wrong type: {error:#}");
        return Error::new(ErrorCode::UnresolvedImport, message);
    }
    let is_asked = |module: &str| missing.iter().any(|import| import.module() == module);
    let mut available = Vec::new();
    for (module, names) in provided {
        // The names of a module help only where the program asks for that module.
        available.push(match is_asked(module) {
            true => format!("{module} ({})", names.join(", ")),
            false => module.clone(),
        });
    }
    let is_function = |import: &ImportType<'_>| matches!(import.ty(), ExternType::Func(_));
    let advice = match missing.iter().all(is_function) {
        true => "functions of a host are given in `imports`",
        false => "of these, only functions can be given, in `imports`",
    };
    let missing = missing.iter().map(|import| {
        let (module, name, ty) = (import.module(), import.name(), import.ty());
        let (kind, text) = (kind_of(&ty), type_text::of_extern(&ty));
        format!("{module}.{name} ({kind} {text})")
    });
    let (missing, available) = (list(missing.collect()), available.join(", "));
    let message =
        format!("unresolved imports: {missing}; available modules: {available}; {advice}");
    Error::new(ErrorCode::UnresolvedImport, message)
}

/// What modules can import: names by module.
type Provided = BTreeMap<String, Vec<String>>;

fn provided(linker: &wasmtime::Linker<RunState>, engine: &Engine) -> Provided {
    let mut provided = Provided::new();
    for (module, name, _) in linker.iter(idle_store(engine)) {
        let names = provided.entry(module.to_owned()).or_default();
        names.push(name.to_owned());
    }
    provided
        .values_mut()
        .for_each(|names| names.sort_unstable());
    provided
}

fn has(provided: &Provided, module: &str, name: &str) -> bool {
    let names = provided.get(module);
    names.is_some_and(|names| names.iter().any(|provided| provided == name))
}

/// Whether modules can import a name.
pub(crate) fn provided_to_modules(host: &Host) -> Result<impl Fn(&str, &str) -> bool + use<>> {
    let provided = provided(module_linker(host)?, &host.engine);
    Ok(move |module: &str, name: &str| has(&provided, module, name))
}

fn unresolved_component(component: &Component, error: &wasmtime::Error) -> Error {
    let ty = component.component_type();
    let missing: Vec<_> = ty
        .imports(component.engine())
        .map(|(name, _)| name)
        .filter(|name| !is_package_provided(name))
        .map(str::to_owned)
        .collect();
    if missing.is_empty() {
        let message = format!("an import has the wrong type: {error:#}");
        return Error::new(ErrorCode::UnresolvedImport, message);
    }
    let provided: Vec<_> = PROVIDED_PACKAGES
        .iter()
        .map(|(package, versions)| format!("{package}@{}", versions.join("/")))
        .collect();
    Error::new(
        ErrorCode::UnresolvedImport,
        format!(
            "unresolved imports: {}; available: {}; interfaces of a host are given in `imports`",
            list(missing),
            provided.join(", ")
        ),
    )
}

pub(crate) fn is_package_provided(import: &str) -> bool {
    let Some((interface, version)) = wasi_version(import) else {
        return LOGGING.contains(&import);
    };
    let package = interface.split('/').next().unwrap_or_default();
    PROVIDED_PACKAGES
        .iter()
        .any(|(name, lines)| *name == package && lines.iter().any(|line| in_line(version, line)))
}

fn idle_store(engine: &Engine) -> Store<RunState> {
    let state = RunState::new(Wasi::idle(), Limits::default(), Arc::default());
    Store::new(engine, state)
}

fn list(names: Vec<String>) -> String {
    let more = names.len().saturating_sub(MAX_LISTED);
    let mut text = match names.is_empty() {
        true => "nothing".to_owned(),
        false => names[..names.len() - more].join(", "),
    };
    if more > 0 {
        let _ = write!(text, " and {more} more");
    }
    text
}
