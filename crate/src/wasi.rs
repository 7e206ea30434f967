//! What guests can import, and what one run grants of it.

mod directories;
mod errnos;
mod files;
mod listing;
mod quick;
mod sockets;

use crate::deterministic::{FixedWallClock, RunClock, SplitMix64};
use crate::error::{Error, ErrorCode, Result};
use crate::job::Desk;
use crate::options::{Clock, Preopen, RunOptions};
use crate::outcome::Exit;
use crate::run::RunState;
use crate::stdio::{self, Capture, OutputStreamKind};
use crate::wasi::directories::Directories;
use std::sync::Arc;
use std::time::Instant;
use wasmtime::{AsContextMut, Caller, Engine, Extern, Memory, component};
use wasmtime_wasi::p1::WasiP1Ctx;
use wasmtime_wasi::p1::wasi_snapshot_preview1::WasiSnapshotPreview1;
use wasmtime_wasi::{FsPerms, WasiCtxBuilder, p0, p1, p2, p3};
use wiggle::GuestMemory;

/// Core modules' name for WASI 0.1 and for the preview before it.
pub(crate) const P1: &str = "wasi_snapshot_preview1";
pub(crate) const P0: &str = "wasi_unstable";

/// The imports of core modules: wasmtime-wasi's p1 and p0, with our own `proc_exit` and errnos instead of traps.
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
    errnos::add_to_linker(&mut linker)?;
    directories::add_to_linker(&mut linker)?;
    quick::add_to_linker(&mut linker)?;
    sockets::add_to_linker(&mut linker)?;
    linker.allow_shadowing(false);
    Ok(linker)
}

/// The imports of components: WASI 0.2, and 0.3 as far as wasmtime-wasi's experimental p3 goes.
pub(crate) fn component_linker(engine: &Engine) -> wasmtime::Result<component::Linker<RunState>> {
    let mut linker = component::Linker::new(engine);
    p2::add_to_linker_async(&mut linker)?;
    p3::add_to_linker(&mut linker)?;
    linker.allow_shadowing(true);
    files::add_to_linker(&mut linker)?;
    directories::add_to_component_linker(&mut linker)?;
    sockets::add_to_component_linker(&mut linker)?;
    linker.allow_shadowing(false);
    Ok(linker)
}

/// The WASI of one run. To make the context that wasmtime-wasi works on costs a short run a tenth of
/// its time, so it is made at the first call that needs it; [`quick`] answers the others.
pub(crate) enum Wasi {
    /// As it is before the first call.
    Untouched(Untouched),
    /// Made.
    Context(Box<Made>),
}

/// wasmtime-wasi's context, and what it does not hold.
pub(crate) struct Made {
    context: WasiP1Ctx,
    directories: Directories,
}

/// What the context will be made of, which grants no directories.
pub(crate) struct Untouched {
    desk: Arc<Desk>,
    own: Option<Box<RunOptions>>,
    capture: Arc<Capture>,
}

impl Untouched {
    fn name(&self) -> &str {
        self.desk.parcel.program().name()
    }

    fn options(&self) -> &RunOptions {
        self.own.as_deref().unwrap_or(self.desk.parcel.options())
    }
}

impl Wasi {
    /// That of a run at this desk; `own` are its options, where it has not those of all.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::Preopen`] when a granted directory cannot be opened.
    pub(crate) fn new(
        desk: Arc<Desk>,
        own: Option<Box<RunOptions>>,
        capture: Arc<Capture>,
    ) -> Result<Self> {
        let this = Untouched { desk, own, capture };
        let options = this.options();
        // A directory that does not open is told before the start, and a clock counts from there.
        let now = !options.preopens.is_empty() || options.clock != Clock::Real;
        Ok(match now {
            true => Self::made(context(this.name(), options, &this.capture)?),
            false => Self::Untouched(this),
        })
    }

    /// That of a store in which nothing runs.
    pub(crate) fn idle() -> Self {
        Self::made(build(&mut WasiCtxBuilder::new()))
    }

    fn made(context: WasiP1Ctx) -> Self {
        Self::Context(Box::new(Made {
            context,
            directories: Directories::default(),
        }))
    }

    /// The context, made now if it was not yet.
    pub(crate) fn context(&mut self) -> &mut WasiP1Ctx {
        &mut self.make().context
    }

    fn directories(&mut self) -> &mut Directories {
        &mut self.make().directories
    }

    fn make(&mut self) -> &mut Made {
        if let Self::Untouched(this) = self {
            let mut builder = without_preopens(this.name(), this.options(), &this.capture);
            *self = Self::made(build(&mut builder));
        }
        match self {
            Self::Context(made) => made,
            Self::Untouched(_) => unreachable!("it was just made"),
        }
    }
}

/// The context of one run: exactly what `options` grant.
///
/// # Errors
///
/// [`ErrorCode::Preopen`] when a granted directory cannot be opened.
fn context(name: &str, options: &RunOptions, capture: &Arc<Capture>) -> Result<WasiP1Ctx> {
    let mut builder = without_preopens(name, options, capture);
    for preopen in options.preopens.iter() {
        grant(&mut builder, preopen)?;
    }
    Ok(build(&mut builder))
}

fn without_preopens(name: &str, options: &RunOptions, capture: &Arc<Capture>) -> WasiCtxBuilder {
    let mut builder = WasiCtxBuilder::new();
    builder.arg(name).args(&options.args).envs(&options.env);
    stdio::set_stdin(&mut builder, &options.stdin);
    for (kind, output) in [
        (OutputStreamKind::Stdout, &options.stdout),
        (OutputStreamKind::Stderr, &options.stderr),
    ] {
        stdio::set_output(&mut builder, kind, output, capture);
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
    builder.allow_tcp(true).allow_udp(true);
    builder
}

fn build(builder: &mut WasiCtxBuilder) -> WasiP1Ctx {
    let mut context = builder.build_p1();
    wasmtime_wasi::WasiView::ctx(&mut context)
        .table
        .set_max_capacity(files::MAX_RESOURCES);
    context
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

/// What wasmtime-wasi's functions work on, as its own linker gives it to them.
fn slowly<'a>(
    caller: &'a mut Caller<'_, RunState>,
) -> wasmtime::Result<(&'a mut WasiP1Ctx, GuestMemory<'a>)> {
    let fuel = caller.as_context_mut().hostcall_fuel();
    let memory =
        memory(caller).ok_or_else(|| wasmtime::Error::msg("missing required memory export"))?;
    let (memory, state) = memory.data_and_store_mut(caller);
    let wasi = state.wasi().context();
    wasi.set_hostcall_fuel(fuel);
    Ok((wasi, GuestMemory::Unshared(memory)))
}

/// Shared ones are refused when a program is loaded.
fn memory(caller: &mut Caller<'_, RunState>) -> Option<Memory> {
    caller.get_export("memory").and_then(Extern::into_memory)
}
