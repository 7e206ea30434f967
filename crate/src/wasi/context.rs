//! The WASI of one run, with what the run's options grant.

use super::clocks::GuestClock;
use super::deterministic::{FixedWallClock, RunClock, SharedRandom, SplitMix64};
use super::http::RunHttp;
use super::listing::Directories;
use super::memory_files::{GrantedFiles, GuestFiles, Preview1};
use super::network::{self, RunNetwork, TrafficCaps};
use super::resources::MAX_RESOURCES;
use super::resumption::Resumption;
use super::stores::kept::{Buckets, Stores};
use super::virtual_clock::VirtualClock;
use crate::error::{Error, ErrorCode, Result};
use crate::guest::{Limits, NetworkUsage};
use crate::options::{Clock, Preopen, RunOptions};
use crate::stdio::{self, Capture, OutputStreamKind};
use std::sync::Arc;
use std::time::Instant;
use wasmtime_wasi::clocks::WasiClocksView;
use wasmtime_wasi::filesystem::WasiFilesystemView;
use wasmtime_wasi::p1::WasiP1Ctx;
use wasmtime_wasi::sockets::{WasiSocketsCtxView, WasiSocketsView};
use wasmtime_wasi::{FsPerms, WasiCtxBuilder, WasiView};
use wasmtime_wasi_http::WasiHttpCtxView;

/// What runs that were started together have in common.
pub(crate) trait Invocation: Send + Sync {
    /// argv\[0\].
    fn program_name(&self) -> &str;
    /// The options of the runs that have no options of their own.
    fn options(&self) -> &RunOptions;
    /// Where the runs go on, if they do not begin at the beginning.
    fn resumption(&self) -> Option<&Resumption>;
}

/// The WASI of one run. Making wasmtime-wasi's context costs a short run a tenth of its time, so the
/// context is made at the first call that needs it. [`super::quick`] carries out the calls before that.
pub(crate) enum Wasi {
    /// No call has needed the context yet.
    Untouched(Untouched),
    /// The context has been made.
    Context(Box<MadeContext>),
}

/// wasmtime-wasi's context, and state that it has no place for.
pub(crate) struct MadeContext {
    /// Before the resources of the guest: what these leave unfinished must not look finished.
    http: RunHttp,
    pub(super) context: WasiP1Ctx,
    pub(super) directories: Directories,
    /// The files in memory, if the run has any.
    pub(super) files: Option<Box<GrantedFiles>>,
    pub(super) own: OwnSources,
    network: RunNetwork,
}

/// What the guest gets from us and not from the host.
#[derive(Default)]
pub(super) struct OwnSources {
    /// Set if the clocks are fixed.
    clock: Option<VirtualClock>,
    /// Set if the random numbers are seeded.
    pub(super) random: Option<SharedRandom>,
    pub(super) stores: Stores,
}

/// What the context will be made from. It does not grant directories.
pub(crate) struct Untouched {
    invocation: Arc<dyn Invocation>,
    own: Option<Box<RunOptions>>,
    pub(super) capture: Arc<Capture>,
}

impl Untouched {
    /// argv\[0\].
    pub(super) fn name(&self) -> &str {
        match self.invocation.resumption() {
            Some(resumption) => &resumption.name,
            None => self.invocation.program_name(),
        }
    }

    /// argv from index 1 on.
    pub(super) fn args(&self) -> &[String] {
        match self.invocation.resumption() {
            Some(resumption) => &resumption.args,
            None => &self.options().args,
        }
    }

    pub(super) fn env(&self) -> &[(String, String)] {
        match self.invocation.resumption() {
            Some(resumption) => &resumption.env,
            None => &self.options().env,
        }
    }

    pub(super) fn options(&self) -> &RunOptions {
        self.own
            .as_deref()
            .unwrap_or_else(|| self.invocation.options())
    }

    fn preopens(&self) -> &[Preopen] {
        let resumption = self.invocation.resumption();
        match (&self.options().preopens[..], resumption) {
            ([], Some(resumption)) => &resumption.preopens,
            (own, _) => own,
        }
    }

    /// The context, with exactly what the options grant, but for directories.
    fn builder(&self) -> (WasiCtxBuilder, OwnSources, RunNetwork, RunHttp) {
        let mut builder = WasiCtxBuilder::new();
        builder.arg(self.name()).args(self.args()).envs(self.env());
        let own = set_up(
            &mut builder,
            self.options(),
            &self.capture,
            self.invocation.resumption(),
        );
        let options = self.options();
        let (granted, origins) = (options.network.as_ref(), options.http.as_ref());
        let mut network = RunNetwork::new(
            granted,
            origins.is_some(),
            &options.limits,
            self.capture.control().clone(),
        );
        if let Some(access) = network.access() {
            network::check_addresses(&mut builder, access);
        }
        let http = RunHttp::new(origins, &mut network);
        (builder, own, network, http)
    }
}

impl Wasi {
    /// The WASI of a run of `invocation`; `own` replaces the options of the invocation.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::Preopen`] when a granted directory cannot be opened.
    pub(crate) fn new(
        invocation: Arc<dyn Invocation>,
        own: Option<Box<RunOptions>>,
        capture: Arc<Capture>,
    ) -> Result<Self> {
        let this = Untouched {
            invocation,
            own,
            capture,
        };
        let options = this.options();
        // A directory that does not open is an error before the start.
        let preopens = this.preopens();
        let files = GrantedFiles::new(options, preopens)?;
        if preopens.is_empty() && files.is_none() {
            return Ok(Self::Untouched(this));
        }
        let (mut builder, own, network, http) = this.builder();
        for preopen in preopens {
            grant(&mut builder, preopen)?;
        }
        Ok(Self::made(build(&mut builder), files, own, network, http))
    }

    /// The WASI of a store in which nothing runs.
    pub(crate) fn idle() -> Self {
        let mut network = RunNetwork::new(None, false, &Limits::default(), Arc::default());
        let http = RunHttp::new(None, &mut network);
        Self::made(
            build(&mut WasiCtxBuilder::new()),
            None,
            OwnSources::default(),
            network,
            http,
        )
    }

    fn made(
        context: WasiP1Ctx,
        files: Option<GrantedFiles>,
        own: OwnSources,
        network: RunNetwork,
        http: RunHttp,
    ) -> Self {
        Self::Context(Box::new(MadeContext {
            http,
            context,
            directories: Directories::default(),
            files: files.map(Box::new),
            own,
            network,
        }))
    }

    /// The context, made now if there is none yet.
    pub(crate) fn context(&mut self) -> &mut WasiP1Ctx {
        &mut self.make().context
    }

    /// The same for the functions of WASI 0.1.
    pub(super) fn preview1(&mut self) -> Preview1<'_> {
        let made = self.make();
        let files = made.files.as_mut();
        Preview1 {
            wasi: &mut made.context,
            files: files.map(|files| &mut files.descriptors),
            clock: made.own.clock.as_ref(),
        }
    }

    /// The monotonic clock of components.
    pub(super) fn clock(&mut self) -> GuestClock<'_> {
        let made = self.make();
        GuestClock {
            wasi: made.context.clocks(),
            own: made.own.clock.clone(),
        }
    }

    /// The same for those of WASI 0.2.
    pub(super) fn guest_files(&mut self) -> GuestFiles<'_> {
        let made = self.make();
        GuestFiles {
            host: made.context.filesystem(),
            granted: made.files.as_deref(),
        }
    }

    /// What a component is told, keeps and tells.
    pub(super) fn stores(&mut self) -> &mut Stores {
        &mut self.make().own.stores
    }

    /// wasmtime-wasi's sockets, and what the run may do with them.
    pub(super) fn sockets(&mut self) -> (WasiSocketsCtxView<'_>, &mut RunNetwork) {
        let made = self.make();
        (made.context.sockets(), &mut made.network)
    }

    /// Requests that it sends and serves.
    pub(super) fn http(&mut self) -> WasiHttpCtxView<'_> {
        let made = self.make();
        made.http.view(made.context.ctx().table)
    }

    /// What the sockets have moved, if the run has a network.
    pub(super) fn network_usage(&self) -> Option<NetworkUsage> {
        match self {
            Self::Untouched(this) => {
                let options = this.options();
                let counts = options.network.is_some() || options.http.is_some();
                counts.then(NetworkUsage::default)
            }
            Self::Context(made) => made.network.usage(),
        }
    }

    /// Counts what the sockets move from 0 again, towards these caps.
    pub(super) fn begin_network(&mut self, caps: TrafficCaps) {
        match self {
            // The context would be made with the caps of the instance, which has others only if the call has some.
            Self::Untouched(_) if !caps.has_any() => {}
            _ => self.make().network.begin(caps),
        }
    }

    /// The files in memory, if the run has any.
    pub(crate) fn files(&self) -> Option<&GrantedFiles> {
        match self {
            Self::Untouched(_) => None,
            Self::Context(made) => made.files.as_deref(),
        }
    }

    pub(super) fn directories(&mut self) -> &mut Directories {
        &mut self.make().directories
    }

    pub(super) fn make(&mut self) -> &mut MadeContext {
        if let Self::Untouched(this) = self {
            let (mut builder, own, network, http) = this.builder();
            *self = Self::made(build(&mut builder), None, own, network, http);
        }
        match self {
            Self::Context(made) => made,
            Self::Untouched(_) => unreachable!("it was just made"),
        }
    }
}

/// Sets streams, clocks and random numbers.
fn set_up(
    builder: &mut WasiCtxBuilder,
    options: &RunOptions,
    capture: &Arc<Capture>,
    resumption: Option<&Resumption>,
) -> OwnSources {
    stdio::set_stdin(builder, &options.stdin);
    for (kind, output) in [
        (OutputStreamKind::Stdout, &options.stdout),
        (OutputStreamKind::Stderr, &options.stderr),
    ] {
        stdio::set_output(builder, kind, output, capture);
    }
    let mut own = OwnSources::default();
    let first = resumption.map_or(0, |resumption| resumption.monotonic);
    match options.clock {
        Clock::Fixed(now) => {
            builder.wall_clock(FixedWallClock(now));
            let clock = VirtualClock::new(now, first);
            builder.monotonic_clock(clock.clone());
            own.clock = Some(clock);
        }
        Clock::Real if first > 0 => {
            builder.monotonic_clock(RunClock {
                start: Instant::now(),
                first,
            });
        }
        Clock::Real => {}
    }
    if let Some(seed) = options.random_seed {
        let mut seeds = SplitMix64(seed);
        builder.insecure_random(SplitMix64(seeds.next()));
        let seed_for_hashes = u128::from(seeds.next()) << 64 | u128::from(seeds.next());
        builder.insecure_random_seed(seed_for_hashes);
        own.random = Some(SharedRandom::new(seeds.0));
    } else if let Some(state) = resumption.and_then(|resumption| resumption.random) {
        own.random = Some(SharedRandom::new(state));
    }
    if let Some(random) = &own.random {
        builder.secure_random(random.clone());
    }
    builder.allow_tcp(true).allow_udp(true);
    let key_values = options.key_values.as_deref();
    own.stores = Stores {
        config: options.config.clone(),
        buckets: key_values.map(Buckets::new),
        log: Some((options.stderr.clone(), capture.clone())),
    };
    own
}

fn build(builder: &mut WasiCtxBuilder) -> WasiP1Ctx {
    let mut context = builder.build_p1();
    wasmtime_wasi::WasiView::ctx(&mut context)
        .table
        .set_max_capacity(MAX_RESOURCES);
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
