//! Compiled programs.

mod artifact;
mod cache;
mod compilations;
mod compile;
mod compiled;
mod debug_info;
mod entry;
mod given;
mod history;
mod info;
mod inspection;
mod load_options;
mod precompiled;
mod rehearsal;
mod snapshot;
mod type_text;
mod wasm;

pub use cache::Cache;
pub(crate) use compiled::Compiled;
pub(crate) use entry::Entry;
pub(crate) use given::Given;
pub use info::{ExternInfo, ProgramInfo, WasiVersion};
pub use inspection::{DetailedExtern, EntryKind, Inspection, MemoryInfo, Problem, Producer};
pub use load_options::LoadOptions;
pub(crate) use rehearsal::Rehearsal;
pub(crate) use snapshot::{
    GrantedPath, LoadedSnapshot, SNAPSHOT_SECTION, SnapshotHead, SnapshotSection,
};

use crate::engine::{Checks, Compilation, Engines, Host};
use crate::error::{Error, ErrorCode, Result};
use crate::guest::Limits;
use crate::options::{Preopen, RunOptions};
use compilations::Compilations;
use compile::Compiler;
use compiled::Code;
use history::History;
use inspection::Sections;
use precompiled::Precompiled;
use std::sync::Arc;
use wasm::{Wasm, refuse_threads};
use wasmtime::Module;

/// A program, compiled for each way of running that was asked for.
pub struct Program {
    info: ProgramInfo,
    interruptible: bool,
    wasm: Wasm,
    compiler: Compiler,
    compilations: Compilations,
    history: History,
    snapshot: Option<LoadedSnapshot>,
    rehearsal: Option<Arc<dyn Rehearsal>>,
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
        let compiler = Compiler {
            engines: engines.clone(),
            cache,
        };
        let (wasm, interruptible, compilations) = match given {
            Given::Source(bytes, digest) => {
                let wasm = Wasm::parse(bytes, digest)?;
                refuse_threads(&wasm)?;
                let compilations = Compilations::new(wasm.kind, options.interruptible);
                (wasm, options.interruptible, compilations)
            }
            Given::Precompiled(file, digest) => restore(&file, &digest, &options, &compiler)?,
        };
        let snapshot = loaded_snapshot(&wasm, options.preopens)?;
        let compile = |fuel| {
            let compilation = Compilation::of_run(wasm.kind, interruptible, fuel);
            compilations.get_or_make(compilation, || compiler.compile(&wasm, compilation))
        };
        let info = compile(false)?.describe(options.name);
        if options.fuel {
            compile(true)?;
        }
        Ok(Arc::new(Self {
            info,
            interruptible,
            wasm,
            compiler,
            compilations,
            history: History::default(),
            snapshot,
            rehearsal: None,
        }))
    }

    /// A program for one run with or without fuel: `wasm` compiled and linked for `host`, no matter for what this
    /// program is compiled. It stands for this program, and its runs are what `rehearsal` says.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::InvalidWasm`], and those of a program that cannot be run.
    pub(crate) fn instrumented(
        &self,
        wasm: Vec<u8>,
        host: Host,
        fuel: bool,
        rehearsal: Arc<dyn Rehearsal>,
    ) -> Result<Arc<Self>> {
        let wasm = Wasm::from_binary(wasm, self.wasm.digest)?;
        let module = Module::new(&host.engine, debug_info::disarmed(&wasm.bytes));
        let module = module.map_err(|error| compile::invalid(&error))?;
        let compiled = Compiled::of_module((module, Arc::new(host)), wasm.starts_early);
        compiled.entry()?;
        let compilations = Compilations::new(wasm.kind, true);
        let compilation = Compilation::of_run(wasm.kind, true, fuel);
        compilations.get_or_make(compilation, || Ok(compiled))?;
        let preopens = self
            .snapshot()
            .map(|snapshot| &snapshot.resumption().preopens);
        let snapshot = loaded_snapshot(&wasm, preopens.cloned().unwrap_or_default())?;
        Ok(Arc::new(Self {
            info: self.info.clone(),
            interruptible: true,
            wasm,
            compiler: Compiler {
                engines: self.compiler.engines.clone(),
                cache: Cache::none(),
            },
            compilations,
            history: History::default(),
            snapshot,
            rehearsal: Some(rehearsal),
        }))
    }

    /// The program with all code that was compiled so far, as a file that can be loaded again by the same
    /// version on a machine like this one.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::Internal`].
    pub fn serialize(&self) -> Result<Vec<u8>> {
        let code = self.compilations.made();
        let code: Result<Vec<_>> = code
            .map(|(compilation, compiled)| Ok((compilation.checks, compiled.serialize()?)))
            .collect();
        precompiled::encode(&self.wasm, self.interruptible, &code?)
    }

    /// What its binary says, without running it; the binary is read each time.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::RuntimeClosed`] and [`ErrorCode::OutOfResources`].
    pub fn inspect(&self) -> Result<Inspection> {
        let compilation = self.compilation(false);
        let compiled = self.compilations.get(compilation);
        let compiled = compiled.ok_or_else(|| Error::internal("a program without code"))?;
        let (imports, exports) = match &compiled.code {
            Code::Module(module) => {
                let host = self.compiler.engines.host(compilation)?;
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
            entry: inspection::entry_kind(&self.info, self.starts_early()),
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
    fn check_limits(&self, limits: &Limits) -> Result<()> {
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

    /// Refuses options that its runs cannot have.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::InvalidOption`].
    pub(crate) fn check_options(&self, options: &RunOptions) -> Result<()> {
        self.check_limits(&options.limits)?;
        match &self.snapshot {
            Some(snapshot) => snapshot.check_options(options),
            None => Ok(()),
        }
    }

    /// # Errors
    ///
    /// Why it cannot be run, if it cannot.
    pub(crate) fn check_entry(&self) -> Result<()> {
        let compiled = self.compilations.get(self.compilation(false));
        compiled.map_or(Ok(()), |compiled| compiled.entry().map(drop))
    }

    /// Set if it is a snapshot.
    pub(crate) fn snapshot(&self) -> Option<&LoadedSnapshot> {
        self.snapshot.as_ref()
    }

    /// What its runs do, if that is not what the program says.
    pub(crate) fn rehearsal(&self) -> Option<&dyn Rehearsal> {
        self.rehearsal.as_deref()
    }

    /// Its binary.
    pub(crate) fn wasm(&self) -> &[u8] {
        &self.wasm.bytes
    }

    /// Whether its code may run while it is instantiated.
    pub(crate) fn starts_early(&self) -> bool {
        self.wasm.starts_early
    }

    /// Whether runs with or without fuel look at the epoch.
    pub(crate) fn is_interruptible(&self, fuel: bool) -> bool {
        self.compilation(fuel).checks != Checks::Nothing
    }

    /// The code for runs with or without fuel, compiled now if it was not yet.
    pub(crate) async fn compiled(self: &Arc<Self>, fuel: bool) -> Result<&Compiled> {
        let compilation = self.compilation(fuel);
        if let Some(compiled) = self.compilations.get(compilation) {
            return Ok(compiled);
        }
        let this = self.clone();
        // Compilation would hold a scheduler thread for seconds.
        let made = tokio::task::spawn_blocking(move || this.compile(compilation).map(drop)).await;
        made.map_err(|error| match error.try_into_panic() {
            Ok(panic) => Error::from_panic(&*panic),
            Err(error) => Error::internal(error),
        })??;
        self.compile(compilation)
    }

    fn compile(&self, compilation: Compilation) -> Result<&Compiled> {
        let make = || self.compiler.compile(&self.wasm, compilation);
        self.compilations.get_or_make(compilation, make)
    }

    fn compilation(&self, fuel: bool) -> Compilation {
        Compilation::of_run(self.wasm.kind, self.interruptible, fuel)
    }
}

/// # Errors
///
/// [`ErrorCode::InvalidOption`] for directories that the program does not know.
fn loaded_snapshot(wasm: &Wasm, preopens: Arc<[Preopen]>) -> Result<Option<LoadedSnapshot>> {
    match &wasm.snapshot {
        Some(section) => LoadedSnapshot::new(section.clone(), preopens).map(Some),
        None if preopens.is_empty() => Ok(None),
        None => Err(Error::new(
            ErrorCode::InvalidOption,
            "`preopens` belong to a run; only a snapshot is loaded with them",
        )),
    }
}

/// The parts of a program from what [`Program::serialize`] returned, which `options` say is trusted.
fn restore(
    file: &[u8],
    digest: &blake3::Hash,
    options: &LoadOptions,
    compiler: &Compiler,
) -> Result<(Wasm, bool, Compilations)> {
    // SAFETY: the caller trusts the maker of the file to have made it with `serialize`.
    let precompiled = unsafe { Precompiled::parse(file, digest) }?;
    let interruptible = precompiled.interruptible;
    if interruptible && !options.interruptible {
        return Err(precompiled::incompatible(
            "it was compiled to be interruptible, and `interruptible: false` was asked for",
        ));
    }
    let wasm = precompiled.wasm()?;
    let compilations = Compilations::new(wasm.kind, interruptible);
    for (checks, code) in precompiled.code {
        let kind = wasm.kind;
        let compilation = Compilation { kind, checks };
        if !compilations.has(compilation) {
            return Err(precompiled::damaged());
        }
        compilations.get_or_make(compilation, || compiler.restore(&wasm, code, compilation))?;
    }
    Ok((wasm, interruptible, compilations))
}
