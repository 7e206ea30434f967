//! What guests can import, and what one run grants of it.

use crate::deterministic::{FixedWallClock, RunClock, SplitMix64};
use crate::error::{Error, ErrorCode, Result};
use crate::options::{Clock, Preopen, RunOptions};
use crate::outcome::Exit;
use crate::run::RunState;
use crate::stdio::{self, Capture, OutputStreamKind};
use std::sync::Arc;
use std::time::Instant;
use wasmtime::{Engine, component};
use wasmtime_wasi::p1::WasiP1Ctx;
use wasmtime_wasi::{FsPerms, WasiCtxBuilder, p0, p1, p2, p3};

/// Core modules' name for WASI 0.1 and for the preview before it.
pub(crate) const P1: &str = "wasi_snapshot_preview1";
pub(crate) const P0: &str = "wasi_unstable";

/// Open files, streams and the like that one run may hold at a time: below the usual limit of a
/// process's descriptors, so that a guest that never closes a file hurts only itself.
const MAX_RESOURCES: usize = 512;

/// The imports of core modules: wasmtime-wasi's p1 and p0, with our own `proc_exit`.
///
/// wasmtime-wasi's answers a plain error from code 126 up (RATIONALE.md).
pub(crate) fn module_linker(engine: &Engine) -> wasmtime::Result<wasmtime::Linker<RunState>> {
    let mut linker = wasmtime::Linker::new(engine);
    p1::add_to_linker_async(&mut linker, RunState::p1)?;
    p0::add_to_linker_async(&mut linker, RunState::p1)?;
    linker.allow_shadowing(true);
    for module in [P1, P0] {
        linker.func_wrap(module, "proc_exit", |code: i32| -> wasmtime::Result<()> {
            Err(Exit(code as u32).into())
        })?;
    }
    linker.allow_shadowing(false);
    Ok(linker)
}

/// The imports of components: WASI 0.2, and 0.3 as far as wasmtime-wasi's experimental p3 goes.
pub(crate) fn component_linker(engine: &Engine) -> wasmtime::Result<component::Linker<RunState>> {
    let mut linker = component::Linker::new(engine);
    p2::add_to_linker_async(&mut linker)?;
    p3::add_to_linker(&mut linker)?;
    Ok(linker)
}

/// The WASI state of one run: exactly what `options` grant.
///
/// # Errors
///
/// [`ErrorCode::Preopen`] when a granted directory cannot be opened.
pub(crate) fn context(
    name: &str,
    options: &RunOptions,
    capture: &Arc<Capture>,
) -> Result<WasiP1Ctx> {
    let mut builder = WasiCtxBuilder::new();
    builder.arg(name).args(&options.args).envs(&options.env);
    stdio::set_stdin(&mut builder, &options.stdin);
    stdio::set_output(
        &mut builder,
        OutputStreamKind::Stdout,
        &options.stdout,
        capture,
    );
    stdio::set_output(
        &mut builder,
        OutputStreamKind::Stderr,
        &options.stderr,
        capture,
    );
    for preopen in options.preopens.iter() {
        grant(&mut builder, preopen)?;
    }
    if let Clock::Fixed(now) = options.clock {
        builder.wall_clock(FixedWallClock(now));
        builder.monotonic_clock(RunClock(Instant::now()));
    }
    if let Some(seed) = options.random_seed {
        let mut seeds = SplitMix64(seed);
        builder.insecure_random(SplitMix64(seeds.next()));
        let seed_for_hashes = u128::from(seeds.next()) << 64 | u128::from(seeds.next());
        builder.insecure_random_seed(seed_for_hashes);
        builder.secure_random(seeds);
    }
    builder.allow_tcp(false).allow_udp(false);
    let mut context = builder.build_p1();
    wasmtime_wasi::WasiView::ctx(&mut context)
        .table
        .set_max_capacity(MAX_RESOURCES);
    Ok(context)
}

fn grant(builder: &mut WasiCtxBuilder, preopen: &Preopen) -> Result<()> {
    let permissions = match preopen.write {
        true => FsPerms::ReadWrite,
        false => FsPerms::ReadOnly,
    };
    builder
        .preopened_dir(&preopen.host_path, &preopen.guest_path, permissions)
        .map(|_| ())
        .map_err(|error| {
            Error::new(
                ErrorCode::Preopen,
                format!(
                    "`preopens[{:?}]`: cannot open the directory {}: {}",
                    preopen.guest_path,
                    preopen.host_path.display(),
                    error.root_cause(),
                ),
            )
        })
}
