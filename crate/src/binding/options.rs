//! Option objects as they cross; the facade has validated them.

use crate::port::{LoadRequest, ProgramSource};
use crate::program::{Cache, CompilerChoice, LoadOptions};
use crate::runtime::{RuntimeOptions, RuntimeStats};
use crate::workers::{Launch, PoolOptions};
use napi::bindgen_prelude::{Either, Uint8Array};
use napi_derive::napi;
use std::sync::Arc;

/// How a runtime is set up; what is absent is the default.
#[napi(object, object_to_js = false)]
pub struct BindingRuntimeOptions {
    pub threads: Option<u32>,
    pub max_concurrent_runs: Option<u32>,
    /// A folder, or false for none; default: the user's cache folder.
    pub cache_dir: Option<Either<String, bool>>,
    /// Worker processes, as many as threads, instead of threads.
    pub workers: Option<BindingWorkers>,
}

/// How worker processes are started.
#[napi(object, object_to_js = false)]
pub struct BindingWorkers {
    pub program: String,
    pub arguments: Vec<String>,
    pub retry: bool,
}

impl BindingRuntimeOptions {
    /// The options of the pool, if there is one, and those of the runtime beside it.
    pub(super) fn split(mut self) -> (RuntimeOptions, Option<PoolOptions>) {
        let workers = self.workers.take();
        let mut runtime = RuntimeOptions::from(self);
        let pool = workers.map(|workers| PoolOptions {
            launch: Launch {
                program: workers.program,
                arguments: workers.arguments,
            },
            // One thread is enough for their sockets.
            workers: std::mem::replace(&mut runtime.threads, 1),
            max_concurrent_runs: runtime.max_concurrent_runs,
            retry: workers.retry,
        });
        (runtime, pool)
    }
}

impl From<BindingRuntimeOptions> for RuntimeOptions {
    fn from(options: BindingRuntimeOptions) -> Self {
        let mut this = Self::default();
        if let Some(threads) = options.threads {
            this.threads = threads as usize;
        }
        if let Some(runs) = options.max_concurrent_runs {
            this.max_concurrent_runs = runs as usize;
        }
        if let Some(cache) = options.cache_dir.and_then(cache) {
            this.cache = cache;
        }
        this
    }
}

/// What to load, and how.
#[napi(object, object_to_js = false)]
pub struct BindingLoadRequest {
    /// A path or the bytes themselves.
    pub source: Either<String, Uint8Array>,
    pub options: BindingLoadOptions,
}

/// How to load it.
#[napi(object, object_to_js = false)]
pub struct BindingLoadOptions {
    pub name: String,
    pub fuel: bool,
    pub compiler: BindingCompiler,
    pub interruptible: bool,
    pub trust_precompiled: bool,
    pub source_maps: bool,
    pub cache: Option<Either<String, bool>>,
}

/// Which compiler makes a program's code.
#[napi(string_enum = "kebab-case")]
pub enum BindingCompiler {
    Optimizing,
    Baseline,
    Tiered,
}

impl From<BindingCompiler> for CompilerChoice {
    fn from(compiler: BindingCompiler) -> Self {
        match compiler {
            BindingCompiler::Optimizing => Self::Optimizing,
            BindingCompiler::Baseline => Self::Baseline,
            BindingCompiler::Tiered => Self::Tiered,
        }
    }
}

impl From<BindingLoadRequest> for LoadRequest {
    fn from(request: BindingLoadRequest) -> Self {
        Self {
            source: match request.source {
                Either::A(path) => ProgramSource::File(path),
                // A copy: JavaScript may change its bytes while a thread of ours reads.
                Either::B(bytes) => ProgramSource::Bytes(bytes.to_vec()),
            },
            source_maps: request.options.source_maps,
            options: request.options.into(),
        }
    }
}

impl From<BindingLoadOptions> for LoadOptions {
    fn from(options: BindingLoadOptions) -> Self {
        Self {
            name: options.name,
            fuel: options.fuel,
            compiler: options.compiler.into(),
            interruptible: options.interruptible,
            trust_precompiled: options.trust_precompiled,
            cache: options.cache.and_then(cache),
            preopens: Arc::default(),
            source_maps: None,
        }
    }
}

/// `None` stands for the default.
fn cache(option: Either<String, bool>) -> Option<Cache> {
    match option {
        Either::A(folder) => Some(Cache::at(folder.into())),
        Either::B(true) => None,
        Either::B(false) => Some(Cache::none()),
    }
}

/// What a runtime has and does.
#[napi(object, object_from_js = false)]
pub struct BindingStats {
    pub threads: u32,
    pub useful_threads: u32,
    pub workers: String,
    pub max_concurrent_runs: u32,
    pub allocation: String,
    pub programs: u32,
    pub optimizing: u32,
    pub compilations: f64,
    pub queued: u32,
    pub running: u32,
    pub finished: f64,
    pub instances: u32,
    pub cache_dir: Option<String>,
}

impl BindingStats {
    pub(super) fn new(stats: RuntimeStats, has_processes: bool) -> Self {
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Self {
            threads: count(stats.threads),
            useful_threads: count(stats.useful_threads),
            workers: String::from(match has_processes {
                true => "processes",
                false => "threads",
            }),
            max_concurrent_runs: count(stats.max_concurrent_runs),
            allocation: stats.allocation.as_str().to_owned(),
            programs: count(stats.programs),
            optimizing: count(stats.optimizing),
            compilations: stats.compilations as f64,
            queued: count(stats.counts.queued),
            running: count(stats.counts.running),
            finished: stats.counts.finished as f64,
            instances: count(stats.counts.instances),
            cache_dir: stats
                .cache_dir
                .map(|folder| folder.to_string_lossy().into_owned()),
        }
    }
}
