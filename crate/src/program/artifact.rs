//! Compiled code, of a module or of a component.

use std::path::Path;
use wasmtime::component::Component;
use wasmtime::{Engine, Module};

/// What modules and components have in common.
pub(crate) trait Artifact: Sized {
    /// Serialized code; whether it fits into a slot is found out when it is loaded.
    fn compile(engine: &Engine, wasm: &[u8]) -> wasmtime::Result<Vec<u8>>;
    /// What `compile` returned.
    fn serialize(&self) -> wasmtime::Result<Vec<u8>>;
    /// # Safety
    ///
    /// `code` is what `compile` returned, unchanged.
    unsafe fn deserialize(engine: &Engine, code: &[u8]) -> wasmtime::Result<Self>;
    /// # Safety
    ///
    /// The file holds what `compile` returned, unchanged, and is not written to from now on.
    unsafe fn deserialize_file(engine: &Engine, path: &Path) -> wasmtime::Result<Self>;
}

macro_rules! artifact {
    ($type:ty, $precompile:ident) => {
        impl Artifact for $type {
            fn compile(engine: &Engine, wasm: &[u8]) -> wasmtime::Result<Vec<u8>> {
                engine.$precompile(wasm)
            }

            fn serialize(&self) -> wasmtime::Result<Vec<u8>> {
                Self::serialize(self)
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

artifact!(Module, precompile_module);
artifact!(Component, precompile_component);
