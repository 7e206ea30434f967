//! Compiled code: from the compiler, from the cache, and into the engine that has room.

use super::artifact::Artifact;
use super::cache::{Cache, CacheEntry};
use super::debug_info;
use super::precompiled::{self, PrecompiledCode};
use super::wasm::Wasm;
use crate::engine::{Allocation, Engines, Flavor, Host};
use crate::error::{Error, ErrorCode, Result};
use std::sync::Arc;
use wasmtime::Engine;

/// The code of `wasm`, from the cache if it is there, else compiled and put there; and where its
/// instances live.
pub(crate) fn obtain<A: Artifact>(
    wasm: &Wasm,
    flavor: Flavor,
    engines: &Engines,
    cache: &Cache,
) -> Result<(A, Arc<Host>)> {
    let primary = engines.primary(flavor)?;
    let entry = cache.entry(&wasm.digest, &primary.engine);
    if let Some(intact) = entry.as_ref().and_then(CacheEntry::intact)
        && let Ok(found) = place(&primary, flavor, engines, |engine| intact.load(engine))
    {
        return Ok(found);
    }
    let bytes = debug_info::disarmed(&wasm.bytes);
    let code = A::compile(&primary.engine, &bytes).map_err(|error| invalid(&error))?;
    if let Some(entry) = &entry {
        entry.store(&code);
    }
    // SAFETY: `code` comes from `compile` above.
    place(&primary, flavor, engines, |engine| unsafe {
        A::deserialize(engine, &code)
    })
    .map_err(|error| error.downcast::<Error>().unwrap_or_else(Error::internal))
}

/// Code that was compiled ahead.
///
/// # Errors
///
/// [`ErrorCode::PrecompiledIncompatible`] when it is of another machine or setting.
pub(crate) fn restore<A: Artifact>(
    code: PrecompiledCode<'_>,
    flavor: Flavor,
    engines: &Engines,
) -> Result<(A, Arc<Host>)> {
    let primary = engines.primary(flavor)?;
    // SAFETY: a `PrecompiledCode` is from a file whose digest is right and whose maker the caller trusts to have
    // written what `compile` answered; of which version and settings that was, wasmtime checks itself.
    place(&primary, flavor, engines, |engine| unsafe {
        A::deserialize(engine, code.bytes())
    })
    .map_err(|error| {
        let ours = error.downcast::<Error>();
        ours.unwrap_or_else(|error| precompiled::incompatible(format_args!("{error:#}")))
    })
}

/// Loads code into the primary engine, or, when its slots are too small, into the one without slots;
/// both compile in the same way.
fn place<A: Artifact>(
    primary: &Arc<Host>,
    flavor: Flavor,
    engines: &Engines,
    load: impl Fn(&Engine) -> wasmtime::Result<A>,
) -> wasmtime::Result<(A, Arc<Host>)> {
    match load(&primary.engine) {
        Err(_) if primary.allocation == Allocation::Pooling => {
            let host = engines.on_demand(flavor).map_err(wasmtime::Error::new)?;
            Ok((load(&host.engine)?, host))
        }
        loaded => Ok((loaded?, primary.clone())),
    }
}

fn invalid(error: &wasmtime::Error) -> Error {
    Error::new(
        ErrorCode::InvalidWasm,
        format!("the program is not valid: {error:#}"),
    )
}
