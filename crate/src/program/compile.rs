//! From a program's Wasm to its code: through a compiler, the cache, and into the engine that has room.

use super::cache::{Cache, CacheEntry, DIGEST};
use super::compiled::{Compiled, Link};
use super::dispatch;
use super::inspection::Sections;
use super::precompiled::{self, PrecompiledCode};
use super::shelf::Shelf;
use super::wasm::Wasm;
use crate::engine::{Allocation, Compilation, EngineNeeds, Engines, Heap, Host, ProgramKind, Tier};
use crate::error::{Error, ErrorCode, Result};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use wasmtime::component::Component;
use wasmtime::{Engine, Module};

/// Makes code for the engines of a runtime.
pub(crate) struct Compiler {
    pub(super) engines: Arc<Engines>,
    pub(super) cache: Cache,
    pub(super) shelf: Arc<Shelf>,
}

/// Code that is in use and not yet in the cache.
pub(crate) struct Unstored {
    entry: CacheEntry,
    code: Vec<u8>,
}

impl Unstored {
    pub(super) fn store(&self) {
        self.entry.store(&self.code);
    }
}

/// What the baseline compiler made of a program.
pub(crate) enum Baseline {
    Made(Box<Compiled>, Option<Unstored>),
    /// The program uses what this compiler lacks, or is not valid; with its reason.
    Refused(String),
}

/// Calls a generic method with the type of a kind's code.
macro_rules! by_kind {
    ($compilation:expr, $this:ident.$method:ident($($argument:expr),*)) => {
        match $compilation.kind {
            ProgramKind::Module => $this.$method::<Module>($($argument),*),
            ProgramKind::Component => $this.$method::<Component>($($argument),*),
        }
    };
}

impl Compiler {
    /// The code of `wasm`, from the cache if it is there, else compiled and put there.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::InvalidWasm`].
    pub(super) fn compile(&self, wasm: &Wasm, compilation: Compilation) -> Result<Compiled> {
        by_kind!(compilation, self.compile_as(wasm, compilation))
    }

    /// The code of `wasm`, if it is in the cache.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::RuntimeClosed`] and [`ErrorCode::OutOfResources`].
    pub(super) fn cached(&self, wasm: &Wasm, compilation: Compilation) -> Result<Option<Compiled>> {
        by_kind!(compilation, self.cached_as(wasm, compilation))
    }

    /// The code of `wasm` by the baseline compiler, from the cache if it is there. Storing it is left to the caller,
    /// who has not much time.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::RuntimeClosed`] and [`ErrorCode::OutOfResources`].
    pub(super) fn baseline(&self, wasm: &Wasm, compilation: Compilation) -> Result<Baseline> {
        by_kind!(compilation, self.baseline_as(wasm, compilation))
    }

    /// Code of `wasm` that was compiled ahead.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::PrecompiledIncompatible`] when it is of another machine or setting.
    pub(super) fn restore(
        &self,
        wasm: &Wasm,
        code: PrecompiledCode<'_>,
        compilation: Compilation,
    ) -> Result<Compiled> {
        by_kind!(compilation, self.restore_as(wasm, code, compilation))
    }

    fn compile_as<A: Link>(&self, wasm: &Wasm, compilation: Compilation) -> Result<Compiled> {
        self.with_heap_if_needed(wasm, compilation, |place| {
            self.compile_at::<A>(wasm, &place)
        })
    }

    /// Makes code without a heap, and with one where that fails: an engine without refuses the programs that need one,
    /// most of them before it has compiled a function.
    fn with_heap_if_needed(
        &self,
        wasm: &Wasm,
        compilation: Compilation,
        make: impl Fn(Place<'_>) -> Result<Compiled>,
    ) -> Result<Compiled> {
        let make = |heap| {
            let made = self.place(wasm, compilation, heap).and_then(&make)?;
            let _ = wasm.heap.set(heap);
            Ok(made)
        };
        match wasm.heap.get() {
            Some(heap) => make(*heap),
            None => make(Heap::Absent).or_else(|_| make(Heap::Present)),
        }
    }

    fn compile_at<A: Link>(&self, wasm: &Wasm, place: &Place<'_>) -> Result<Compiled> {
        if let Some(found) = place.load_entry::<A>() {
            return Ok(found);
        }
        let code = self.code::<A>(wasm, place);
        let code = code.map_err(|error| invalid(&error))?;
        if let Some(entry) = &place.entry {
            entry.store(&code);
            // Mapped from the file, the code shares its memory with other processes, and data segments need not be
            // copied where the system has no other images (macOS).
            if let Some(found) = place.load_entry::<A>() {
                return Ok(found);
            }
        }
        // SAFETY: `code` comes from `compile` above.
        unsafe { place.load_code::<A>(&code) }
            .map_err(|error| error.downcast::<Error>().unwrap_or_else(Error::internal))
    }

    fn cached_as<A: Link>(
        &self,
        wasm: &Wasm,
        compilation: Compilation,
    ) -> Result<Option<Compiled>> {
        let EngineNeeds { heap, .. } = wasm.needs();
        let cached = self.place(wasm, compilation, heap)?.load_entry::<A>();
        if cached.is_some() {
            let _ = wasm.heap.set(heap);
        }
        Ok(cached)
    }

    fn baseline_as<A: Link>(&self, wasm: &Wasm, compilation: Compilation) -> Result<Baseline> {
        // This compiler has no heaps.
        let place = self.place(wasm, compilation, Heap::Absent)?;
        if let Some(found) = place.load_entry::<A>() {
            let _ = wasm.heap.set(Heap::Absent);
            return Ok(Baseline::Made(Box::new(found), None));
        }
        // A part of the compiler that is not written yet panics.
        let compile = AssertUnwindSafe(|| self.code::<A>(wasm, &place));
        let code = match catch_unwind(compile) {
            Ok(Ok(code)) => code,
            Ok(Err(error)) => return Ok(Baseline::Refused(format!("{error:#}"))),
            Err(panic) => {
                let reason = Error::from_panic(&*panic).message().to_owned();
                return Ok(Baseline::Refused(reason));
            }
        };
        // SAFETY: `code` comes from `compile` above.
        match unsafe { place.load_code::<A>(&code) } {
            Ok(made) => {
                let _ = wasm.heap.set(Heap::Absent);
                let unstored = place.entry.map(|entry| Unstored { entry, code });
                Ok(Baseline::Made(Box::new(made), unstored))
            }
            Err(error) => Ok(Baseline::Refused(format!("{error:#}"))),
        }
    }

    fn code<A: Link>(&self, wasm: &Wasm, place: &Place<'_>) -> wasmtime::Result<Vec<u8>> {
        let Place {
            host, compilation, ..
        } = place;
        if let Some(code) = self.shelf.code(*compilation, &host.engine) {
            return Ok(code);
        }
        let bytes = &wasm.bytes;
        let code = match wasm.snapshot {
            Some(_) => {
                let memories = Sections::read(bytes).memories.len() as u64;
                self.engines
                    .compile_snapshot(bytes, memories, *compilation, host)
            }
            None => match self.rewritten::<A>(wasm, place) {
                Some(code) => Ok(code),
                None => A::compile(&host.engine, bytes),
            },
        };
        code.inspect(|_| self.engines.count_compilation())
    }

    /// The code of a module that does the same and is compiled faster, if there is one and the compiler takes it: what it
    /// refuses is compiled as it is, so that the reason is about the program.
    fn rewritten<A: Link>(&self, wasm: &Wasm, place: &Place<'_>) -> Option<Vec<u8>> {
        let Compilation { kind, tier, .. } = place.compilation;
        if (kind, tier) != (ProgramKind::Module, Tier::Baseline) {
            return None;
        }
        let module = dispatch::rewrite(&wasm.bytes)?;
        let compile = AssertUnwindSafe(|| A::compile(&place.host.engine, &module));
        catch_unwind(compile).ok()?.ok()
    }

    fn restore_as<A: Link>(
        &self,
        wasm: &Wasm,
        code: PrecompiledCode<'_>,
        compilation: Compilation,
    ) -> Result<Compiled> {
        let heap = match compilation.tier {
            Tier::Baseline => Heap::Absent,
            Tier::Optimizing => wasm.needs().heap,
        };
        let place = self.place(wasm, compilation, heap)?;
        // SAFETY: a `PrecompiledCode` is from a file whose digest is right and whose maker the caller trusts to
        // have written what `compile` returned; of which version and settings that was, wasmtime checks itself.
        unsafe { place.load_code::<A>(code.bytes()) }.map_err(|error| {
            let ours = error.downcast::<Error>();
            ours.unwrap_or_else(|error| precompiled::incompatible(format_args!("{error:#}")))
        })
    }

    fn place(&self, wasm: &Wasm, compilation: Compilation, heap: Heap) -> Result<Place<'_>> {
        let needs = EngineNeeds {
            heap,
            ..wasm.needs()
        };
        let host = self.engines.host(compilation, needs)?;
        let form = match compilation.tier {
            Tier::Baseline => &[dispatch::VERSION][..],
            Tier::Optimizing => &[],
        };
        Ok(Place {
            engines: &self.engines,
            compilation,
            starts_early: wasm.starts_early,
            entry: self.cache.entry(&wasm.digest, &host.engine, form),
            host,
        })
    }
}

/// Where the code of one program goes.
struct Place<'a> {
    engines: &'a Engines,
    compilation: Compilation,
    starts_early: bool,
    host: Arc<Host>,
    entry: Option<CacheEntry>,
}

impl Place<'_> {
    fn load_entry<A: Link>(&self) -> Option<Compiled> {
        let intact = self.entry.as_ref().and_then(CacheEntry::intact)?;
        let mut loaded = self.load::<A>(|engine| intact.load(engine)).ok()?;
        loaded.trailer = DIGEST;
        Some(loaded)
    }

    /// # Safety
    ///
    /// `code` is what `A::compile` returned, unchanged.
    unsafe fn load_code<A: Link>(&self, code: &[u8]) -> wasmtime::Result<Compiled> {
        // SAFETY: passed on to the caller.
        self.load::<A>(|engine| unsafe { A::deserialize(engine, code) })
    }

    /// Loads code into the engine with slots, or, when its slots are too small, into the one without; both
    /// compile in the same way.
    fn load<A: Link>(
        &self,
        load: impl Fn(&Engine) -> wasmtime::Result<A>,
    ) -> wasmtime::Result<Compiled> {
        match load(&self.host.engine) {
            Err(_) if self.host.allocation == Allocation::Pooling => {
                let on_demand = self.engines.on_demand(self.compilation, self.host.needs);
                let host = on_demand.map_err(wasmtime::Error::new)?;
                Ok(load(&host.engine)?.link(&host, self.starts_early))
            }
            loaded => Ok(loaded?.link(&self.host, self.starts_early)),
        }
    }
}

pub(super) fn invalid(error: &wasmtime::Error) -> Error {
    Error::new(
        ErrorCode::InvalidWasm,
        format!("the program is not valid: {error:#}"),
    )
}
