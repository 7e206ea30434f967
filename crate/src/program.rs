//! Compiled programs.

mod artifact;
mod cache;
mod compile;
mod debug_info;
mod entry;
mod given;
mod history;
mod info;
mod inspection;
mod load_options;
mod precompiled;
mod type_text;
mod wasm;

pub use cache::Cache;
pub(crate) use entry::Entry;
pub(crate) use given::Given;
pub use info::{ExternInfo, ProgramInfo, WasiVersion};
pub use inspection::{DetailedExtern, EntryKind, Inspection, MemoryInfo, Problem, Producer};
pub use load_options::LoadOptions;

use crate::engine::{Checks, Engines, Flavor, Host, ProgramKind};
use crate::error::{Error, ErrorCode, Result};
use crate::guest::Limits;
use crate::lock::lock;
use artifact::Artifact;
use history::History;
use info::{describe_component, describe_module};
use inspection::Sections;
use precompiled::{Precompiled, PrecompiledCode};
use std::sync::{Arc, Mutex, OnceLock};
use wasm::{Wasm, binary_kind, has_start_section, refuse_threads};
use wasmtime::component::Component;
use wasmtime::{Engine, Module};

/// A program, compiled for each way of running that was asked for.
pub struct Program {
    info: ProgramInfo,
    wasm: Wasm,
    engines: Arc<Engines>,
    cache: Cache,
    interruptible: bool,
    starts_early: bool,
    plain: Variant,
    fueled: Variant,
    history: History,
}

#[derive(Default)]
struct Variant {
    compiled: OnceLock<Compiled>,
    compiling: Mutex<()>,
}

/// Code and what it is linked with.
pub(crate) struct Compiled {
    code: Code,
    entry: Result<Entry>,
}

enum Code {
    Module(Module),
    Component(Component),
}

impl Compiled {
    /// The engine that the code was made for.
    pub(crate) fn engine(&self) -> &Engine {
        match &self.code {
            Code::Module(module) => module.engine(),
            Code::Component(component) => component.engine(),
        }
    }

    pub(crate) fn entry(&self) -> Result<&Entry> {
        self.entry.as_ref().map_err(Clone::clone)
    }
}

impl Program {
    pub(crate) fn history(&self) -> &History {
        &self.history
    }

    /// Compiles or restores what was given; takes seconds for large programs.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::InvalidWasm`], [`ErrorCode::UnsupportedWasm`], [`ErrorCode::PrecompiledDamaged`] and
    /// [`ErrorCode::PrecompiledIncompatible`]. A missing import or entry point is reported by the run
    /// instead, so that such a program can still be inspected.
    pub(crate) fn new(
        given: Given<'_>,
        options: LoadOptions,
        engines: &Arc<Engines>,
        cache: Cache,
    ) -> Result<Arc<Self>> {
        let made = match given {
            Given::Source(bytes, digest) => {
                Made::compile(Wasm::new(bytes, digest)?, &options, engines, &cache)?
            }
            Given::Precompiled(file, digest) => {
                Made::restore(&file, &digest, &options, engines, &cache)?
            }
        };
        Ok(Arc::new(Self {
            info: made.plain.code.describe(options.name),
            wasm: made.wasm,
            engines: engines.clone(),
            cache,
            interruptible: made.interruptible,
            starts_early: made.starts_early,
            plain: Variant::new(Some(made.plain)),
            fueled: Variant::new(made.fueled),
            history: History::default(),
        }))
    }

    /// The program with all code that was compiled so far, as a file that can be loaded again by the same
    /// version on a machine like this one.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::Internal`].
    pub fn serialize(&self) -> Result<Vec<u8>> {
        let code = |variant: &Variant| {
            let compiled = variant.compiled.get();
            compiled
                .map(|compiled| compiled.code.serialize())
                .transpose()
        };
        let plain = code(&self.plain)?.ok_or_else(|| Error::internal("a program without code"))?;
        let fueled = code(&self.fueled)?;
        precompiled::encode(&self.wasm, self.interruptible, &plain, fueled.as_deref())
    }

    /// What can be told of it without running it; read from the binary each time.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::RuntimeClosed`] and [`ErrorCode::OutOfResources`].
    pub fn inspect(&self) -> Result<Inspection> {
        let compiled = self.plain.compiled.get();
        let compiled = compiled.ok_or_else(|| Error::internal("a program without code"))?;
        let (imports, exports) = match &compiled.code {
            Code::Module(module) => {
                let checks = checks(self.interruptible, false);
                let kind = self.info.kind;
                let host = self.engines.primary(Flavor { kind, checks })?;
                inspection::module_externs(&self.info, module, &host)?
            }
            Code::Component(component) => inspection::component_externs(&self.info, component),
        };
        let Sections {
            memories,
            producers,
        } = Sections::read(&self.wasm.bytes);
        Ok(Inspection {
            wasm_bytes: self.wasm.bytes.len(),
            entry: inspection::entry_kind(&self.info, self.starts_early),
            interruptible: self.interruptible,
            imports,
            exports,
            memories,
            producers,
            problem: compiled.entry().err().map(Into::into),
        })
    }

    /// What it is, needs and offers.
    pub fn info(&self) -> &ProgramInfo {
        &self.info
    }

    /// argv\[0\] of its runs.
    pub fn name(&self) -> &str {
        &self.info.name
    }

    /// Refuses limits that only an interruption could hold.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::InvalidOption`].
    pub(crate) fn check_limits(&self, limits: &Limits) -> Result<()> {
        let option = match limits {
            _ if self.interruptible => return Ok(()),
            Limits {
                timeout: Some(_), ..
            } => "timeoutMs",
            Limits { cpu: Some(_), .. } => "cpuMs",
            _ => return Ok(()),
        };
        let name = self.name();
        Err(Error::new(
            ErrorCode::InvalidOption,
            format!(
                "`limits.{option}` needs a program that can be interrupted, but {name:?} was loaded \
                 with `interruptible: false`; load it without that option to limit its time"
            ),
        ))
    }

    /// Whether its code may run while it is instantiated.
    pub(crate) fn starts_early(&self) -> bool {
        self.starts_early
    }

    /// Whether runs with or without fuel look at the epoch.
    pub(crate) fn is_interruptible(&self, fuel: bool) -> bool {
        checks(self.interruptible, fuel) != Checks::Nothing
    }

    /// The code for runs with or without fuel, compiled now if it was not yet.
    pub(crate) async fn compiled(self: &Arc<Self>, fuel: bool) -> Result<&Compiled> {
        let variant = if fuel { &self.fueled } else { &self.plain };
        if let Some(compiled) = variant.compiled.get() {
            return Ok(compiled);
        }
        let this = self.clone();
        // Compilation would hold a scheduler thread for seconds.
        let made = tokio::task::spawn_blocking(move || this.compile_variant(fuel)).await;
        made.map_err(|error| match error.try_into_panic() {
            Ok(panic) => Error::from_panic(&*panic),
            Err(error) => Error::internal(error),
        })??;
        variant
            .compiled
            .get()
            .ok_or_else(|| Error::internal("a compiled variant is missing"))
    }

    fn compile_variant(&self, fuel: bool) -> Result<()> {
        let variant = if fuel { &self.fueled } else { &self.plain };
        let _compiling = lock(&variant.compiling);
        if variant.compiled.get().is_none() {
            let flavor = Flavor {
                kind: self.info.kind,
                checks: checks(self.interruptible, fuel),
            };
            let compiled = compile(
                &self.wasm,
                self.starts_early,
                flavor,
                &self.engines,
                &self.cache,
            )?;
            let _ = variant.compiled.set(compiled);
        }
        Ok(())
    }
}

/// A program before it is complete.
struct Made {
    wasm: Wasm,
    interruptible: bool,
    starts_early: bool,
    plain: Compiled,
    fueled: Option<Compiled>,
}

impl Made {
    fn compile(
        wasm: Wasm,
        options: &LoadOptions,
        engines: &Engines,
        cache: &Cache,
    ) -> Result<Self> {
        let kind = binary_kind(&wasm.bytes)?;
        if kind == ProgramKind::Module {
            refuse_threads(&wasm.bytes)?;
        }
        let interruptible = options.interruptible;
        let starts_early = has_start_section(&wasm.bytes);
        let compile = |fuel| {
            let checks = checks(interruptible, fuel);
            compile(&wasm, starts_early, Flavor { kind, checks }, engines, cache)
        };
        Ok(Self {
            plain: compile(false)?,
            fueled: options.fuel.then(|| compile(true)).transpose()?,
            interruptible,
            starts_early,
            wasm,
        })
    }

    /// A program from what [`Program::serialize`] returned, which `options` say is trusted.
    fn restore(
        file: &[u8],
        digest: &blake3::Hash,
        options: &LoadOptions,
        engines: &Engines,
        cache: &Cache,
    ) -> Result<Self> {
        // SAFETY: the caller trusts whoever made the file to have made it with `serialize`.
        let precompiled = unsafe { Precompiled::parse(file, digest) }?;
        let interruptible = precompiled.interruptible;
        if interruptible && !options.interruptible {
            return Err(precompiled::incompatible(
                "it was compiled to be interruptible, and `interruptible: false` was asked for",
            ));
        }
        let wasm = precompiled.wasm();
        let kind = binary_kind(&wasm.bytes)?;
        let flavor = |fuel| Flavor {
            kind,
            checks: checks(interruptible, fuel),
        };
        let starts_early = has_start_section(&wasm.bytes);
        let restore = |code, fuel| restore(code, starts_early, flavor(fuel), engines);
        Ok(Self {
            plain: restore(precompiled.plain, false)?,
            fueled: match precompiled.fueled {
                Some(code) => Some(restore(code, true)?),
                None if options.fuel => {
                    Some(compile(&wasm, starts_early, flavor(true), engines, cache)?)
                }
                None => None,
            },
            interruptible,
            starts_early,
            wasm,
        })
    }
}

impl Variant {
    fn new(compiled: Option<Compiled>) -> Self {
        let this = Self::default();
        if let Some(compiled) = compiled {
            let _ = this.compiled.set(compiled);
        }
        this
    }
}

fn checks(interruptible: bool, fuel: bool) -> Checks {
    match (interruptible, fuel) {
        (_, true) => Checks::EpochAndFuel,
        (true, false) => Checks::Epoch,
        (false, false) => Checks::Nothing,
    }
}

impl Code {
    fn describe(&self, name: String) -> ProgramInfo {
        match self {
            Self::Module(module) => describe_module(name, module),
            Self::Component(component) => describe_component(name, component),
        }
    }

    fn serialize(&self) -> Result<Vec<u8>> {
        let code = match self {
            Self::Module(module) => Artifact::serialize(module),
            Self::Component(component) => Artifact::serialize(component),
        };
        code.map_err(|error| Error::internal(format_args!("{error:#}")))
    }
}

/// `starts` is whether the program has a start section.
fn compile(
    wasm: &Wasm,
    starts: bool,
    flavor: Flavor,
    engines: &Engines,
    cache: &Cache,
) -> Result<Compiled> {
    match flavor.kind {
        ProgramKind::Module => {
            compile::obtain(wasm, flavor, engines, cache).map(|made| link_module(made, starts))
        }
        ProgramKind::Component => compile::obtain(wasm, flavor, engines, cache).map(link_component),
    }
}

fn restore(
    code: PrecompiledCode<'_>,
    starts: bool,
    flavor: Flavor,
    engines: &Engines,
) -> Result<Compiled> {
    match flavor.kind {
        ProgramKind::Module => {
            compile::restore(code, flavor, engines).map(|made| link_module(made, starts))
        }
        ProgramKind::Component => compile::restore(code, flavor, engines).map(link_component),
    }
}

fn link_module((module, host): (Module, Arc<Host>), starts: bool) -> Compiled {
    Compiled {
        entry: entry::module_entry(&module, &host, starts),
        code: Code::Module(module),
    }
}

fn link_component((component, host): (Component, Arc<Host>)) -> Compiled {
    Compiled {
        entry: entry::component_entry(&component, &host),
        code: Code::Component(component),
    }
}
