//! What every test needs: one runtime, guests by name, and outcomes that print well.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use wasiexec::{
    Cache, Ending, Error, Limits, Outcome, Program, Result, RunOptions, Runtime, RuntimeOptions,
};

pub fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| Runtime::new(options()).expect("a runtime"))
}

/// Two threads and no cache, whatever the machine has.
pub fn options() -> RuntimeOptions {
    RuntimeOptions {
        threads: 2,
        max_concurrent_runs: 1024,
        cache: Cache::none(),
    }
}

pub fn guest_path(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/guests");
    folder.join(name).with_extension("wat")
}

pub fn load(name: &str) -> Arc<Program> {
    load_in(runtime(), name)
}

pub fn load_in(runtime: &Runtime, name: &str) -> Arc<Program> {
    let source = std::fs::read(guest_path(name)).expect("a guest of that name");
    runtime.load(&source, name, false, None).expect("a program")
}

pub fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a test runtime")
        .block_on(future)
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
