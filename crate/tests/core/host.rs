//! What every test needs: one runtime, guests by name, and outcomes that are easy to read.

use std::collections::HashMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};
use tokio::sync::oneshot::{self, error::TryRecvError};
use wasiexec::{
    Cache, CallControl, CompilerChoice, Counts, Ending, Error, Limits, LoadOptions, Outcome,
    Output, OutputPipe, Program, Result, RunOptions, Runtime, RuntimeOptions,
};

/// A test that waits longer hangs. Even a loaded machine needs only a fraction of this.
pub const PATIENCE: Duration = Duration::from_secs(240);

pub fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| Runtime::new(options()).expect("a runtime"))
}

/// Two threads and no cache, whatever the machine.
pub fn options() -> RuntimeOptions {
    RuntimeOptions {
        threads: 2,
        max_concurrent_runs: 1024,
        cache: Cache::none(),
    }
}

/// A runtime for one test alone.
pub fn idle() -> Runtime {
    Runtime::new(options()).expect("a runtime")
}

/// With one thread: when a second run has ended on it, the first one waits in the host.
pub fn single_threaded() -> Runtime {
    let options = RuntimeOptions {
        threads: 1,
        max_concurrent_runs: 16,
        ..options()
    };
    Runtime::new(options).expect("a runtime")
}

pub fn guest_path(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/guests");
    folder.join(name).with_extension("wat")
}

pub fn source(name: &str) -> Vec<u8> {
    std::fs::read(guest_path(name)).expect("a guest of that name")
}

pub fn load(name: &str) -> Arc<Program> {
    load_in(runtime(), name)
}

/// The options of a program with this name; `WASIEXEC_TEST_COMPILER` names its compiler.
pub fn named(name: &str) -> LoadOptions {
    let compiler = match std::env::var("WASIEXEC_TEST_COMPILER").as_deref() {
        Err(_) | Ok("optimizing") => CompilerChoice::Optimizing,
        Ok("baseline") => CompilerChoice::Baseline,
        Ok("tiered") => CompilerChoice::Tiered,
        Ok(other) => panic!("no compiler is called {other:?}"),
    };
    LoadOptions {
        compiler,
        ..LoadOptions::named(name)
    }
}

pub fn load_in(runtime: &Runtime, name: &str) -> Arc<Program> {
    let program = runtime.load(source(name), named(name));
    program.expect("a program")
}

/// The bytes of a real program from `guests/bin`.
pub fn real_source(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../guests/bin");
    let packed = std::fs::File::open(folder.join(name).with_extension("wasm.br"));
    let mut wasm = Vec::new();
    brotli_decompressor::Decompressor::new(packed.expect("a real guest"), 1 << 16)
        .read_to_end(&mut wasm)
        .expect("brotli");
    wasm
}

/// A real program, compiled once for all tests.
pub fn load_real(name: &'static str) -> Arc<Program> {
    static LOADED: OnceLock<Mutex<HashMap<&str, Arc<Program>>>> = OnceLock::new();
    let mut loaded = LOADED.get_or_init(Mutex::default).lock().expect("a lock");
    let load = || runtime().load(real_source(name), named(name));
    loaded
        .entry(name)
        .or_insert_with(|| load().expect("a program"))
        .clone()
}

/// Waits for `future`; panics if it takes longer than [`PATIENCE`].
pub fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a test runtime")
        .block_on(async { tokio::time::timeout(PATIENCE, future).await })
        .expect("an end within minutes")
}

pub fn try_run(name: &str, options: RunOptions) -> Result<Outcome> {
    let program = load(name);
    block_on(runtime().run(&program, options))
}

pub fn run(name: &str, options: RunOptions) -> Outcome {
    try_run(name, options).expect("an outcome")
}

pub fn run_plain(name: &str) -> Outcome {
    run(name, RunOptions::default())
}

pub fn run_in(runtime: &Runtime, name: &str, options: RunOptions) -> Outcome {
    let program = load_in(runtime, name);
    block_on(runtime.run(&program, options)).expect("an outcome")
}

pub fn run_real(name: &'static str, options: RunOptions) -> Outcome {
    let program = load_real(name);
    block_on(runtime().run(&program, options)).expect("an outcome")
}

/// A run in progress, which the test can look at.
pub struct Started {
    pub control: Arc<CallControl>,
    outcome: oneshot::Receiver<Result<Outcome>>,
}

pub fn start(runtime: &Runtime, name: &str, options: RunOptions) -> Started {
    start_program(runtime, &load_in(runtime, name), options)
}

pub fn start_program(runtime: &Runtime, program: &Arc<Program>, options: RunOptions) -> Started {
    let control = Arc::<CallControl>::default();
    let outcome = runtime.start(program, options, control.clone());
    Started { control, outcome }
}

impl Started {
    pub fn result(self) -> Result<Outcome> {
        block_on(self.outcome).expect("every run is answered")
    }

    pub fn outcome(self) -> Outcome {
        self.result().expect("an outcome")
    }

    pub fn is_going_on(&mut self) -> bool {
        matches!(self.outcome.try_recv(), Err(TryRecvError::Empty))
    }
}

/// Waits until `holds` is true for the counts of queued, running and finished runs.
pub fn wait_until(runtime: &Runtime, holds: impl Fn(usize, usize, u64) -> bool) {
    wait_for(runtime, |counts| {
        holds(counts.queued, counts.running, counts.finished)
    });
}

/// Waits until `holds` is true: who waits for an end may hear of it before the runtime has counted it.
pub fn wait_for(runtime: &Runtime, holds: impl Fn(&Counts) -> bool) {
    let begin = Instant::now();
    loop {
        let counts = runtime.stats().counts;
        if holds(&counts) {
            return;
        }
        assert!(begin.elapsed() < PATIENCE, "{counts:?}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// An output whose chunks come out of the receiver; nothing takes them off the window.
pub fn channel_output(flush_waits: bool) -> (Arc<OutputPipe>, Output, Receiver<bytes::Bytes>) {
    let (sender, receiver) = mpsc::channel();
    let pipe = OutputPipe::new(false, flush_waits, move |bytes| {
        // The test may have stopped receiving.
        let _ = sender.send(bytes);
    });
    (pipe.clone(), Output::Pipe(pipe), receiver)
}

/// Numbers that look random and are the same in every run of the tests.
pub fn random_bytes(seed: &str, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    let mut hasher = blake3::Hasher::new();
    hasher
        .update(seed.as_bytes())
        .finalize_xof()
        .fill(&mut bytes);
    bytes
}

/// The host fault of a guest that does not start.
pub fn fault(name: &str) -> Error {
    match try_run(name, RunOptions::default()) {
        Ok(outcome) => panic!("{name} ran: {outcome:?}"),
        Err(error) => error,
    }
}

pub fn args(args: &[&str]) -> RunOptions {
    RunOptions {
        args: args.iter().map(ToString::to_string).collect(),
        ..RunOptions::default()
    }
}

pub fn limits(limits: Limits) -> RunOptions {
    RunOptions {
        limits,
        ..RunOptions::default()
    }
}

/// Well above the time of a start on a loaded machine, so that the guest gets as far as its loop or its sleep.
pub fn one_second() -> Limits {
    Limits {
        timeout: Some(Duration::from_secs(1)),
        ..Limits::default()
    }
}

pub trait Text {
    fn stdout(&self) -> &str;
    fn stderr(&self) -> &str;
    fn exit_code(&self) -> Option<u32>;
}

impl Text for Outcome {
    fn stdout(&self) -> &str {
        std::str::from_utf8(&self.stdout).expect("text on stdout")
    }

    fn stderr(&self) -> &str {
        std::str::from_utf8(&self.stderr).expect("text on stderr")
    }

    fn exit_code(&self) -> Option<u32> {
        match self.ending {
            Ending::Exit { code } => Some(code),
            _ => None,
        }
    }
}
