//! Compiled code: from the compiler, from the cache, or moved to another engine.

use crate::cache::Cache;
use crate::error::{Error, ErrorCode, Result};
use crate::program::Wasm;
use std::path::Path;
use wasmtime::component::Component;
use wasmtime::{Engine, Module};

/// What modules and components have in common.
pub(crate) trait Artifact: Sized {
    fn compile(engine: &Engine, wasm: &[u8]) -> wasmtime::Result<Self>;
    fn engine(&self) -> &Engine;
    fn serialize(&self) -> wasmtime::Result<Vec<u8>>;
    /// # Safety
    ///
    /// `code` is what `serialize` answered, unchanged.
    unsafe fn deserialize(engine: &Engine, code: &[u8]) -> wasmtime::Result<Self>;
    /// # Safety
    ///
    /// The file holds what `serialize` answered, unchanged, and is not written to from now on.
    unsafe fn deserialize_file(engine: &Engine, path: &Path) -> wasmtime::Result<Self>;
}

macro_rules! artifact {
    ($type:ty) => {
        impl Artifact for $type {
            fn compile(engine: &Engine, wasm: &[u8]) -> wasmtime::Result<Self> {
                Self::from_binary(engine, wasm)
            }

            fn engine(&self) -> &Engine {
                self.engine()
            }

            fn serialize(&self) -> wasmtime::Result<Vec<u8>> {
                self.serialize()
            }

            unsafe fn deserialize(engine: &Engine, code: &[u8]) -> wasmtime::Result<Self> {
                // SAFETY: passed on to the caller.
                unsafe { Self::deserialize(engine, code) }
            }

            unsafe fn deserialize_file(engine: &Engine, path: &Path) -> wasmtime::Result<Self> {
                // SAFETY: passed on to the caller.
                unsafe { Self::deserialize_file(engine, path) }
            }
        }
    };
}

artifact!(Module);
artifact!(Component);

/// The code of `wasm` for `engine`: from the cache if it is there, else compiled and put there.
pub(crate) fn obtain<A: Artifact>(wasm: &Wasm, engine: &Engine, cache: &Cache) -> Result<A> {
    let entry = cache.entry(&wasm.digest, engine);
    if let Some(artifact) = entry.as_ref().and_then(|entry| entry.load(engine)) {
        return Ok(artifact);
    }
    let artifact = A::compile(engine, &wasm.bytes).map_err(|error| invalid(&error))?;
    if let Some(entry) = entry
        && let Ok(code) = artifact.serialize()
    {
        entry.store(&code);
    }
    Ok(artifact)
}

/// The same code in another engine that compiles in the same way.
pub(crate) fn rehome<A: Artifact>(artifact: A, engine: &Engine) -> Result<A> {
    if Engine::same(artifact.engine(), engine) {
        return Ok(artifact);
    }
    let code = artifact.serialize().map_err(Error::internal)?;
    // SAFETY: `code` comes from `serialize` on the line before.
    unsafe { A::deserialize(engine, &code) }.map_err(Error::internal)
}

fn invalid(error: &wasmtime::Error) -> Error {
    Error::new(
        ErrorCode::InvalidWasm,
        format!("the program is not valid: {error:#}"),
    )
}
