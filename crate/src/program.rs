//! Compiled programs.

mod artifact;
mod cache;
mod code;
mod compilations;
mod compile;
mod compiled;
mod dispatch;
mod entry;
mod exports;
mod features;
mod given;
mod history;
mod host_imports;
mod info;
mod inspection;
mod load_options;
mod precompiled;
mod rehearsal;
mod resident;
mod shelf;
mod snapshot;
mod tasks;
mod tiering;
mod type_text;
mod wasm;
mod wit;

pub use cache::Cache;
pub(crate) use cache::CacheEntry;
pub(crate) use code::CodeNeeds;
pub(crate) use compiled::{Compiled, Linked};
pub(crate) use entry::{Entry, Handler};
pub(crate) use exports::{Exports, Signature};
pub(crate) use given::Given;
pub(crate) use history::History;
pub use host_imports::{HostImport, HostSignature};
use info::handler_version;
pub use info::{ExternInfo, ProgramInfo, WasiVersion};
pub use inspection::{
    CompilerInfo, DetailedExtern, EntryKind, Inspection, MemoryInfo, Problem, Producer,
};
pub use load_options::{CompilerChoice, LoadOptions};
pub(crate) use rehearsal::Rehearsal;
use resident::Resident;
pub(crate) use snapshot::{
    GrantedPath, LoadedSnapshot, SNAPSHOT_SECTION, SnapshotHead, SnapshotSection,
};

use crate::engine::{Checks, Engines, Host, Nans, ProgramKind};
use crate::error::{Error, ErrorCode, Result};
use crate::guest::{Bodies, Limits, TrapInfo};
use crate::options::{Clock, Preopen, RunOptions};
use crate::symbols;
use code::ProgramCode;
use compiled::Code;
use inspection::Sections;
use std::sync::Arc;
use wasm::Wasm;
use wit::Wit;

/// A program, compiled for each way of running that was asked for.
pub struct Program {
    info: ProgramInfo,
    code: Arc<ProgramCode>,
    history: History,
    resident: Resident,
    snapshot: Option<LoadedSnapshot>,
    rehearsal: Option<Arc<dyn Rehearsal>>,
}

impl Program {
    pub(crate) fn history(&self) -> &History {
        &self.history
    }

    pub(crate) fn resident(&self) -> &Resident {
        &self.resident
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
        let code = ProgramCode::new(given, &options, engines, cache)?;
        let snapshot = loaded_snapshot(&code.wasm, options.preopens)?;
        let mut info = code.present()?.describe(options.name);
        info.bytes += code.wasm.bytes.len();
        Ok(Arc::new(Self {
            info,
            code,
            history: History::default(),
            resident: Resident::default(),
            snapshot,
            rehearsal: None,
        }))
    }

    /// A program for one run: `wasm` compiled and linked for `host`, no matter for what this
    /// program is compiled. It stands for this program, and its runs are what `rehearsal` says.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::InvalidWasm`], and those of a program that cannot be run.
    pub(crate) fn instrumented(
        &self,
        wasm: Vec<u8>,
        host: Host,
        needs: CodeNeeds,
        rehearsal: Arc<dyn Rehearsal>,
    ) -> Result<Arc<Self>> {
        let code = self.code.instrumented(wasm, host, needs)?;
        let preopens = self
            .snapshot()
            .map(|snapshot| &snapshot.resumption().preopens);
        let snapshot = loaded_snapshot(&code.wasm, preopens.cloned().unwrap_or_default())?;
        Ok(Arc::new(Self {
            info: self.info.clone(),
            code,
            history: History::default(),
            resident: Resident::default(),
            snapshot,
            rehearsal: Some(rehearsal),
        }))
    }

    /// The program with all code that its runs may get from now on, as a file that can be loaded again by the same
    /// version on a machine like this one. For a program that is [tiered](CompilerChoice::Tiered), this waits for the
    /// optimized code.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::Internal`].
    pub fn serialize(&self) -> Result<Vec<u8>> {
        self.code.serialize()
    }

    /// The WIT of a component as JSON: its `text`, its `resolve` with all types, and which of the worlds is its `world`.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::UnsupportedWasm`] for a module, and for a component that WIT cannot describe.
    pub fn wit(&self) -> Result<String> {
        match self.info.kind {
            ProgramKind::Component => {
                serde_json::to_string(&Wit::of(self.wasm())?).map_err(Error::internal)
            }
            ProgramKind::Module => Err(Error::new(
                ErrorCode::UnsupportedWasm,
                "only components have WIT, and this is a core module",
            )),
        }
    }

    /// What its binary says, without running it; the binary is read each time.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::RuntimeClosed`] and [`ErrorCode::OutOfResources`].
    pub fn inspect(&self) -> Result<Inspection> {
        let (compiled, host) = (self.code.present()?, self.code.host()?);
        let (imports, exports) = match &compiled.code {
            Code::Module(module) => inspection::module_externs(&self.info, module, &host)?,
            Code::Component(component) => inspection::component_externs(&self.info, component),
        };
        let wasm = &self.code.wasm;
        let Sections {
            memories,
            producers,
        } = Sections::read(&wasm.bytes);
        let (tier, reason) = self.code.tier_and_reason();
        Ok(Inspection {
            wasm_bytes: wasm.bytes.len(),
            entry: inspection::entry_kind(&self.info, wasm.starts_early),
            interruptible: self.code.interruptible,
            compiler: CompilerInfo { tier, reason },
            imports,
            exports,
            memories,
            features: features::used(&wasm.bytes),
            producers,
            problem: compiled.entry().err().map(Into::into),
            handler: handler_version(self.info.exports.iter().map(|e| e.name.as_str())).is_some(),
            serve_problem: compiled.handler(false).err().map(Into::into),
        })
    }

    /// Whether it can serve requests, with functions of the submitter or without. Nothing is compiled or read for this.
    ///
    /// # Errors
    ///
    /// Those that each run for a request would end with: [`ErrorCode::NoEntryPoint`] and [`ErrorCode::UnresolvedImport`].
    pub fn check_serve(&self, is_hosted: bool) -> Result<()> {
        self.code.present()?.handler(is_hosted).map(|_| ())
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
            _ if self.code.interruptible => return Ok(()),
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

    /// Refuses files in memory for programs that cannot have them.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::InvalidOption`].
    fn check_files(&self) -> Result<()> {
        if self.snapshot.is_none() {
            return Ok(());
        }
        let message = format!(
            "`files` cannot be given to {:?}, which is a snapshot: it has found its directories already; grant one with \
             `preopens` when the snapshot is taken",
            self.name()
        );
        Err(Error::new(ErrorCode::InvalidOption, message))
    }

    /// Refuses what only components can send, be told or keep.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::InvalidOption`].
    fn check_components_options(&self, options: &RunOptions) -> Result<()> {
        let (option, lack) = match options {
            _ if self.info.kind == ProgramKind::Component => return Ok(()),
            RunOptions {
                network: Some(_), ..
            } => (
                "network",
                "WASI 0.1 has no way to make sockets; compile it to a component (WASI 0.2 or later)",
            ),
            RunOptions { http: Some(_), .. } => (
                "http",
                "WASI 0.1 has no requests; compile it to a component (WASI 0.2 or later)",
            ),
            RunOptions { config, .. } if !config.is_empty() => (
                "config",
                "only components can import `wasi:config`; give it `env` or `files`",
            ),
            RunOptions {
                key_values: Some(_),
                ..
            } => (
                "keyvalue",
                "only components can import `wasi:keyvalue`; give it `env` or `files`",
            ),
            _ => return Ok(()),
        };
        let message = format!(
            "`{option}` cannot be given to {:?}, which is a core module: {lack}",
            self.name()
        );
        Err(Error::new(ErrorCode::InvalidOption, message))
    }

    /// Refuses options that its runs cannot have.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::InvalidOption`].
    pub(crate) fn check_options(&self, options: &RunOptions) -> Result<()> {
        options.clock.check()?;
        self.check_limits(&options.limits)?;
        if options.files.is_some() {
            self.check_files()?;
        }
        self.check_components_options(options)?;
        match &self.snapshot {
            Some(snapshot) => snapshot.check_options(options),
            None => Ok(()),
        }
    }

    /// # Errors
    ///
    /// Why it cannot be run, if it cannot.
    pub(crate) fn check_entry(&self) -> Result<()> {
        self.code.present()?.entry().map(drop)
    }

    /// Set if it is a snapshot.
    pub(crate) fn snapshot(&self) -> Option<&LoadedSnapshot> {
        self.snapshot.as_ref()
    }

    /// What its runs do, if that is not what the program says.
    pub(crate) fn rehearsal(&self) -> Option<&dyn Rehearsal> {
        self.rehearsal.as_deref()
    }

    /// Where a snapshot of it is kept, unless that depends on files; `how` says all else that it depends on.
    pub(crate) fn snapshot_entry(&self, how: &str) -> Option<CacheEntry> {
        let earlier = self.snapshot.as_ref();
        let has_files = earlier.is_some_and(|earlier| !earlier.resumption().preopens.is_empty());
        match has_files {
            true => None,
            // The guest sees its name.
            false => self
                .code
                .snapshot_entry(&format!("{:?} {how}", self.name())),
        }
    }

    /// Its binary.
    pub(crate) fn wasm(&self) -> &[u8] {
        &self.code.wasm.bytes
    }

    /// Whether its code may run while it is instantiated.
    pub(crate) fn starts_early(&self) -> bool {
        self.code.wasm.starts_early
    }

    /// Whether runs with or without fuel look at the epoch.
    pub(crate) fn is_interruptible(&self, fuel: bool) -> bool {
        let nans = Nans::Any;
        self.code.compilation(CodeNeeds { fuel, nans }).checks != Checks::Nothing
    }

    /// Whether its optimized code is still to be made.
    pub(crate) fn waits_for_optimized(&self) -> bool {
        self.code.waits_for_optimized()
    }

    /// What a run needs of its code. NaNs are canonical where all else is the same in each run.
    pub(crate) fn needs(
        &self,
        clock: Clock,
        random_seed: Option<u64>,
        limits: &Limits,
    ) -> CodeNeeds {
        let snapshot = self.snapshot.as_ref();
        let seeded = snapshot.is_some_and(|snapshot| snapshot.resumption().random.is_some());
        let is_same = clock != Clock::Real && (seeded || random_seed.is_some());
        CodeNeeds {
            fuel: limits.fuel.is_some(),
            nans: match is_same {
                true => Nans::Canonical,
                false => Nans::Any,
            },
        }
    }

    /// Where its functions are, if its code may be that of a module that does the same.
    pub(crate) fn bodies(&self) -> Option<&Bodies> {
        self.code.bodies()
    }

    /// Finds out where in the source the frames of a trap are; for a snapshot, which of the program's functions they are,
    /// too. What is run for a snapshot is changed, so it has no lines.
    pub(crate) async fn explain(&self, trap: &mut TrapInfo) {
        if let Some(snapshot) = self.snapshot() {
            snapshot.restore(&mut trap.frames);
        }
        match self.rehearsal {
            None => self.code.explain(trap).await,
            Some(_) => symbols::locate(trap),
        }
    }

    /// The code for a run with these options, compiled now if it was not yet.
    pub(crate) async fn compiled(&self, options: &RunOptions) -> Result<&Compiled> {
        let needs = self.needs(options.clock, options.random_seed, &options.limits);
        self.code.compiled(needs).await
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
