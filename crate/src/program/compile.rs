//! From a program's Wasm to its code: through the compiler, the cache, and into the engine that has room.

use super::artifact::Artifact;
use super::cache::{Cache, CacheEntry};
use super::compiled::Compiled;
use super::debug_info;
use super::precompiled::{self, PrecompiledCode};
use super::wasm::Wasm;
use crate::engine::{Allocation, Compilation, Engines, Host, ProgramKind};
use crate::error::{Error, ErrorCode, Result};
use std::sync::Arc;
use wasmtime::Engine;

/// Makes code for the engines of a runtime.
pub(crate) struct Compiler {
    pub(super) engines: Arc<Engines>,
    pub(super) cache: Cache,
}

impl Compiler {
    /// The code of `wasm`, from the cache if it is there, else compiled and put there.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::InvalidWasm`].
    pub(super) fn compile(&self, wasm: &Wasm, compilation: Compilation) -> Result<Compiled> {
        match compilation.kind {
            ProgramKind::Module => {
                let made = self.obtain(wasm, compilation)?;
                Ok(Compiled::of_module(made, wasm.starts_early))
            }
            ProgramKind::Component => self.obtain(wasm, compilation).map(Compiled::of_component),
        }
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
        match compilation.kind {
            ProgramKind::Module => {
                let made = self.deserialize(code, compilation)?;
                Ok(Compiled::of_module(made, wasm.starts_early))
            }
            ProgramKind::Component => self
                .deserialize(code, compilation)
                .map(Compiled::of_component),
        }
    }

    fn obtain<A: Artifact>(&self, wasm: &Wasm, compilation: Compilation) -> Result<(A, Arc<Host>)> {
        let host = self.engines.host(compilation)?;
        let entry = self.cache.entry(&wasm.digest, &host.engine);
        let load_entry = || {
            let intact = entry.as_ref().and_then(CacheEntry::intact)?;
            let load = |engine: &Engine| intact.load(engine);
            self.place(&host, compilation, load).ok()
        };
        if let Some(found) = load_entry() {
            return Ok(found);
        }
        let bytes = debug_info::disarmed(&wasm.bytes);
        let code = match wasm.snapshot {
            Some(_) => self.engines.compile_snapshot(&bytes, compilation, &host),
            None => A::compile(&host.engine, &bytes),
        };
        let code = code.map_err(|error| invalid(&error))?;
        if let Some(entry) = &entry {
            entry.store(&code);
            // Mapped from the file, the code shares its memory with other processes, and data segments need not be
            // copied where the system has no other images (macOS).
            if let Some(found) = load_entry() {
                return Ok(found);
            }
        }
        // SAFETY: `code` comes from `compile` above.
        self.place(&host, compilation, |engine| unsafe {
            A::deserialize(engine, &code)
        })
        .map_err(|error| error.downcast::<Error>().unwrap_or_else(Error::internal))
    }

    fn deserialize<A: Artifact>(
        &self,
        code: PrecompiledCode<'_>,
        compilation: Compilation,
    ) -> Result<(A, Arc<Host>)> {
        let host = self.engines.host(compilation)?;
        // SAFETY: a `PrecompiledCode` is from a file whose digest is right and whose maker the caller trusts to
        // have written what `compile` returned; of which version and settings that was, wasmtime checks itself.
        self.place(&host, compilation, |engine| unsafe {
            A::deserialize(engine, code.bytes())
        })
        .map_err(|error| {
            let ours = error.downcast::<Error>();
            ours.unwrap_or_else(|error| precompiled::incompatible(format_args!("{error:#}")))
        })
    }

    /// Loads code into the engine with slots, or, when its slots are too small, into the one without; both
    /// compile in the same way.
    fn place<A: Artifact>(
        &self,
        host: &Arc<Host>,
        compilation: Compilation,
        load: impl Fn(&Engine) -> wasmtime::Result<A>,
    ) -> wasmtime::Result<(A, Arc<Host>)> {
        match load(&host.engine) {
            Err(_) if host.allocation == Allocation::Pooling => {
                let on_demand = self.engines.on_demand(compilation);
                let host = on_demand.map_err(wasmtime::Error::new)?;
                Ok((load(&host.engine)?, host))
            }
            loaded => Ok((loaded?, host.clone())),
        }
    }
}

pub(super) fn invalid(error: &wasmtime::Error) -> Error {
    Error::new(
        ErrorCode::InvalidWasm,
        format!("the program is not valid: {error:#}"),
    )
}
