//! All code of a program, and which of it a run gets.

use super::cache::{Cache, CacheEntry};
use super::compilations::Compilations;
use super::compile::{self, Baseline, Compiler, Unstored};
use super::compiled::{Compiled, Link};
use super::dispatch;
use super::features;
use super::given::Given;
use super::load_options::{CompilerChoice, LoadOptions};
use super::precompiled::{self, Precompiled};
use super::shelf::{HasCode, Shelf, ShelfKey};
use super::tiering::{self, Work};
use super::wasm::{Wasm, refuse_threads};
use crate::engine::{Checks, Compilation, Engines, Host, Nans, ProgramKind, Tier};
use crate::error::{Error, Result};
use crate::guest::{Bodies, Frame, TrapInfo};
use crate::symbols::Symbols;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use tokio::sync::Semaphore;
use wasmtime::Module;

/// Those that may read tables of symbols at a time, in the whole process: hostile tables take memory while they are read.
static LOOK_UPS: Semaphore = Semaphore::const_new(2);

/// What a run needs of its code.
#[derive(Clone, Copy)]
pub(crate) struct CodeNeeds {
    pub(crate) fuel: bool,
    pub(crate) nans: Nans,
}

/// A program's Wasm, with the code that was made from it so far.
pub(crate) struct ProgramCode {
    pub(super) wasm: Wasm,
    pub(super) interruptible: bool,
    symbols: Symbols,
    bodies: OnceLock<Bodies>,
    compiler: Compiler,
    compilations: Compilations,
    choice: CompilerChoice,
    /// Why there is no code of the tier that was asked for.
    refused: OnceLock<(Tier, String)>,
    /// Whether optimized code with canonical NaNs was asked for.
    canonical: AtomicBool,
}

impl ProgramCode {
    /// Compiles or restores what was given; takes seconds for large programs.
    ///
    /// # Errors
    ///
    /// Those of [`Program::new`](super::Program::new).
    pub(super) fn new(
        given: Given<'_>,
        options: &LoadOptions,
        engines: &Arc<Engines>,
        cache: Cache,
    ) -> Result<Arc<Self>> {
        // The code of a precompiled program is for those that trust the maker of its file.
        let shelf = match &given {
            Given::Source(_, digest) => Shelf::of(ShelfKey {
                source: *digest,
                compiler: options.compiler,
                interruptible: options.interruptible,
            }),
            Given::Precompiled(..) => Arc::default(),
        };
        let _loading = shelf.loading();
        let compiler = Compiler {
            engines: engines.clone(),
            cache,
            shelf: shelf.clone(),
        };
        let (wasm, interruptible, compilations) = match given {
            Given::Source(bytes, digest) => {
                let wasm = Wasm::parse(bytes, digest)?;
                refuse_threads(&wasm)?;
                let compilations = Compilations::new(wasm.kind, options.interruptible);
                (wasm, options.interruptible, compilations)
            }
            Given::Precompiled(file, digest) => restore(&file, &digest, options, &compiler)?,
        };
        let this = Self {
            wasm,
            interruptible,
            symbols: Symbols::new(options.source_maps.as_deref()),
            bodies: OnceLock::new(),
            compiler,
            compilations,
            choice: options.compiler,
            refused: OnceLock::new(),
            canonical: AtomicBool::new(false),
        };
        let unstored = this.make_first();
        let unstored = unstored.map_err(|error| features::explained(error, &this.wasm.bytes))?;
        if options.fuel {
            this.compile(Compilation::with_fuel(this.wasm.kind, Nans::Any))?;
        }
        let this = Arc::new(this);
        let held = Arc::downgrade(&this);
        shelf.add(held);
        this.follow_up(unstored);
        Ok(this)
    }

    /// Stores what is not in the cache yet, and has the program optimized if its runs wait for that. A program that is
    /// gone by then is passed over.
    fn follow_up(self: &Arc<Self>, unstored: Option<Unstored>) {
        if let Some(unstored) = unstored {
            tiering::later(Work::Store, move || unstored.store());
        }
        if !self.waits_for_optimized() {
            return;
        }
        if !self.optimize_later(Nans::Any) {
            self.stays_baseline("there is no thread for it");
        }
    }

    /// False where there is no thread for it.
    fn optimize_later(self: &Arc<Self>, nans: Nans) -> bool {
        let this = Arc::downgrade(self);
        tiering::later(Work::Compile, move || {
            if let Some(this) = this.upgrade() {
                this.optimize_in_turn(nans);
            }
        })
    }

    /// Code for one run: `wasm`, which stands for this program, compiled and linked for `host`.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::InvalidWasm`](crate::ErrorCode::InvalidWasm), and those of a program that cannot be run.
    pub(super) fn instrumented(
        &self,
        wasm: Vec<u8>,
        host: Host,
        needs: CodeNeeds,
    ) -> Result<Arc<Self>> {
        let wasm = Wasm::from_binary(wasm, self.wasm.digest)?;
        let module = Module::new(&host.engine, &wasm.bytes);
        let module = module.map_err(|error| compile::invalid(&error))?;
        let compiled = module.link(&host, wasm.starts_early);
        compiled.entry()?;
        let this = Self {
            interruptible: true,
            symbols: Symbols::default(),
            bodies: OnceLock::new(),
            compiler: Compiler {
                engines: self.compiler.engines.clone(),
                cache: Cache::none(),
                shelf: Arc::default(),
            },
            compilations: Compilations::new(wasm.kind, true),
            choice: CompilerChoice::Optimizing,
            refused: OnceLock::new(),
            canonical: AtomicBool::new(false),
            wasm,
        };
        this.compilations
            .get_or_make(this.compilation(needs), || Ok(compiled))?;
        Ok(Arc::new(this))
    }

    /// Makes the code that the first run without fuel gets. Returns what the cache lacks of it.
    fn make_first(&self) -> Result<Option<Unstored>> {
        let is_there = match self.choice {
            CompilerChoice::Optimizing => false,
            CompilerChoice::Baseline => self.has(Tier::Baseline, Nans::Any),
            CompilerChoice::Tiered => {
                self.load_optimized(Nans::Any)? || self.has(Tier::Baseline, Nans::Any)
            }
        };
        if is_there {
            return Ok(None);
        }
        if self.choice != CompilerChoice::Optimizing {
            let baseline = self.without_fuel(Tier::Baseline, Nans::Any);
            match self.compiler.baseline(&self.wasm, baseline)? {
                Baseline::Made(made, unstored) => {
                    self.compilations.get_or_make(baseline, || Ok(*made))?;
                    return Ok(unstored);
                }
                Baseline::Refused(reason) => {
                    let _ = self.refused.set((Tier::Baseline, reason));
                }
            }
        }
        self.compile(self.without_fuel(Tier::Optimizing, Nans::Any))?;
        Ok(None)
    }

    /// Whether the optimized code was there, or in the cache.
    fn load_optimized(&self, nans: Nans) -> Result<bool> {
        if self.has(Tier::Optimizing, nans) {
            return Ok(true);
        }
        let optimizing = self.without_fuel(Tier::Optimizing, nans);
        let Some(cached) = self.compiler.cached(&self.wasm, optimizing)? else {
            return Ok(false);
        };
        self.compilations.get_or_make(optimizing, || Ok(cached))?;
        Ok(true)
    }

    fn has(&self, tier: Tier, nans: Nans) -> bool {
        let compilation = self.without_fuel(tier, nans);
        self.compilations.get(compilation).is_some()
    }

    /// Makes the optimized code in its turn, for runs that start from then on.
    fn optimize_in_turn(&self, nans: Nans) {
        if self.load_optimized(nans).unwrap_or(false) {
            return;
        }
        // Of the processes that share a cache, one compiles and the others find the entry.
        let _lock = self.compiler.cache.lock();
        self.optimize(nans);
    }

    /// Makes the optimized code, for runs that start from then on.
    fn optimize(&self, nans: Nans) {
        let optimizing = self.without_fuel(Tier::Optimizing, nans);
        let compile = || self.compile(optimizing).map(drop);
        let made = catch_unwind(AssertUnwindSafe(compile));
        if let Err(error) = made.unwrap_or_else(|panic| Err(Error::from_panic(&*panic))) {
            self.stays_baseline(error.message());
        }
    }

    fn stays_baseline(&self, reason: &str) {
        let _ = self.refused.set((Tier::Optimizing, reason.to_owned()));
    }

    /// Whether its runs have baseline code until the optimized code is there.
    pub(super) fn waits_for_optimized(&self) -> bool {
        let is_refused = self.refused.get().is_some();
        self.choice == CompilerChoice::Tiered && !is_refused && self.tier() == Tier::Baseline
    }

    /// The code that a run without fuel gets now, and why.
    pub(super) fn tier_and_reason(&self) -> (Tier, String) {
        let tier = self.tier();
        let reason = match (self.refused.get(), self.choice, tier) {
            (Some((Tier::Baseline, reason)), ..) => {
                format!("the baseline compiler does not compile this program: {reason}")
            }
            (Some((Tier::Optimizing, reason)), ..) => {
                format!("the optimizing compiler does not compile this program: {reason}")
            }
            (None, CompilerChoice::Tiered, Tier::Optimizing) => "the optimized code is made".into(),
            (None, CompilerChoice::Tiered, Tier::Baseline) => {
                "the optimized code is not made yet".into()
            }
            (None, CompilerChoice::Optimizing | CompilerChoice::Baseline, _) => {
                "`compiler` asks for it".into()
            }
        };
        (tier, reason)
    }

    fn tier(&self) -> Tier {
        let is_baseline = match self.choice {
            CompilerChoice::Optimizing => false,
            CompilerChoice::Baseline => self.refused.get().is_none(),
            CompilerChoice::Tiered => !self.has(Tier::Optimizing, Nans::Any),
        };
        match is_baseline {
            true => Tier::Baseline,
            false => Tier::Optimizing,
        }
    }

    /// What a run that starts now has to be compiled for.
    pub(super) fn compilation(&self, needs: CodeNeeds) -> Compilation {
        let CodeNeeds { fuel, nans } = needs;
        match fuel {
            true => Compilation::with_fuel(self.wasm.kind, nans),
            false => self.without_fuel(self.tier_for(nans), nans),
        }
    }

    /// The one of the code that a run without fuel gets now. No run waits for optimized code where there is other code.
    fn tier_for(&self, nans: Nans) -> Tier {
        let is_missing = self.choice == CompilerChoice::Tiered
            && self.has(Tier::Baseline, nans)
            && !self.has(Tier::Optimizing, nans);
        match is_missing {
            true => Tier::Baseline,
            false => self.tier(),
        }
    }

    fn without_fuel(&self, tier: Tier, nans: Nans) -> Compilation {
        Compilation::without_fuel(self.wasm.kind, self.interruptible, tier, nans)
    }

    /// The code for a run, compiled now if it was not yet.
    pub(super) async fn compiled(self: &Arc<Self>, needs: CodeNeeds) -> Result<&Compiled> {
        let is_asked_for = needs.nans == Nans::Canonical
            && self.choice == CompilerChoice::Tiered
            && !self.canonical.swap(true, Ordering::Relaxed);
        if is_asked_for {
            self.optimize_later(Nans::Canonical);
        }
        let compilation = self.compilation(needs);
        if let Some(compiled) = self.made(compilation) {
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

    /// Where its functions are, if its code may be that of a module that does the same.
    pub(super) fn bodies(&self) -> Option<&Bodies> {
        let may_differ = self.wasm.kind == ProgramKind::Module
            && self.wasm.snapshot.is_none()
            && self.choice != CompilerChoice::Optimizing;
        may_differ.then(|| {
            self.bodies
                .get_or_init(|| dispatch::bodies(&self.wasm.bytes))
        })
    }

    /// Finds out where in the source the frames of a trap are.
    pub(super) async fn explain(self: &Arc<Self>, trap: &mut TrapInfo) {
        if self.symbols.correct(trap).is_some() {
            let _turn = LOOK_UPS.acquire().await;
            // One that went before may have found it out.
            if let Some(said) = self.symbols.correct(trap) {
                // Where this fails, it is where the compiler said.
                self.apart(move |this| this.symbols.learn_unreachable(&this.wasm.bytes, said))
                    .await;
                self.symbols.correct(trap);
            }
        }
        if !self.symbols.know(&trap.frames) {
            let _turn = LOOK_UPS.acquire().await;
            // One that went before may have found it out.
            if !self.symbols.know(&trap.frames) {
                self.learn(&trap.frames).await;
            }
        }
        self.symbols.explain(trap);
    }

    async fn learn(self: &Arc<Self>, frames: &[Frame]) {
        let offsets: Vec<_> = frames.iter().filter_map(|frame| frame.offset).collect();
        // Where this fails, frames have no lines.
        self.apart(move |this| this.symbols.learn(&this.wasm.bytes, &offsets))
            .await;
    }

    /// Reads tables on a thread of its own: large ones would hold a scheduler thread for too long.
    async fn apart(self: &Arc<Self>, read: impl FnOnce(&Self) + Send + 'static) {
        let this = self.clone();
        let _ = tokio::task::spawn_blocking(move || read(&this)).await;
    }

    /// Code that is there without compiling.
    pub(super) fn present(&self) -> Result<&Compiled> {
        let compilation = self.without_fuel(self.tier(), Nans::Any);
        let compiled = self.made(compilation);
        compiled.ok_or_else(|| Error::internal("a program without code"))
    }

    /// What it is linked with.
    pub(super) fn host(&self) -> Result<Arc<Host>> {
        let compilation = self.without_fuel(self.tier(), Nans::Any);
        self.compiler.engines.host(compilation, self.wasm.needs())
    }

    pub(super) fn snapshot_entry(&self, how: &str) -> Option<CacheEntry> {
        self.compiler.cache.snapshot(&self.wasm.digest, how)
    }

    fn compile(&self, compilation: Compilation) -> Result<&Compiled> {
        let make = || self.compiler.compile(&self.wasm, compilation);
        self.compilations.get_or_make(compilation, make)
    }

    /// The Wasm and all code that a run may get from now on. Optimized code that is not there yet is made.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::Internal`](crate::ErrorCode::Internal).
    pub(super) fn serialize(&self) -> Result<Vec<u8>> {
        if self.waits_for_optimized() {
            // Somebody waits for this, so it takes no turns with other programs.
            self.optimize(Nans::Any);
        }
        let tier = self.tier();
        let code = self.compilations.made();
        let is_used = |compilation: &Compilation| match compilation.checks {
            Checks::EpochAndFuel => true,
            Checks::Epoch | Checks::Nothing => compilation.tier == tier,
        };
        let code: Result<Vec<_>> = code
            .filter(|(compilation, _)| is_used(compilation))
            .map(|(compilation, compiled)| Ok((compilation, compiled.serialize()?)))
            .collect();
        precompiled::encode(&self.wasm, self.interruptible, &code?)
    }
}

impl HasCode for ProgramCode {
    fn made(&self, compilation: Compilation) -> Option<&Compiled> {
        self.compilations.get(compilation)
    }
}

/// The parts of a program from what [`ProgramCode::serialize`] returned, which `options` say is trusted.
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
    for (checks, tier, nans, code) in precompiled.code {
        let compilation = Compilation {
            kind: wasm.kind,
            checks,
            tier,
            nans,
        };
        if !compilations.has(compilation) {
            return Err(precompiled::damaged());
        }
        compilations.get_or_make(compilation, || compiler.restore(&wasm, code, compilation))?;
    }
    Ok((wasm, interruptible, compilations))
}
