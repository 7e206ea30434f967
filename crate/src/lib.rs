//! Runs WASI programs inside the calling process and answers how each run ended as a value.
//!
//! The binding to Node is in [`binding`]; everything else is usable from Rust alone:
//!
//! ```no_run
//! # async fn example() -> wasiexec::Result<()> {
//! use wasiexec::{Ending, LoadOptions, RunOptions, Runtime, RuntimeOptions};
//!
//! let runtime = Runtime::new(RuntimeOptions::default())?;
//! let source = br#"(module (func (export "_start")))"#;
//! let program = runtime.load(source, LoadOptions::named("example"))?;
//! let outcome = runtime.run(&program, RunOptions::default()).await?;
//! assert_eq!(outcome.ending, Ending::Exit { code: 0 });
//! # Ok(()) }
//! ```

mod artifact;
mod batch;
mod binding;
mod cache;
mod caller_run;
mod classify;
mod cpu;
mod debug_info;
mod deterministic;
mod engine;
mod entry;
mod error;
mod frames;
mod history;
mod inspection;
mod job;
mod lane;
mod limits;
mod options;
mod outcome;
mod pace;
mod precompiled;
mod program;
mod program_info;
mod queue;
mod ready;
mod run;
mod runtime;
mod scheduler;
mod stdio;
mod stop;
mod task;
mod ticker;
mod transport;
mod trap_code;
mod turns;
mod type_text;
mod wasi;
mod wasm;
mod workers;

pub use cache::Cache;
pub use caller_run::CallerRun;
pub use engine::Allocation;
pub use error::{Error, ErrorCode, Result};
pub use inspection::{DetailedExtern, EntryKind, Inspection, MemoryInfo, Problem, Producer};
pub use job::{BatchId, Ended, Listener, Origin, Parcel, QueuedRun, Submission};
pub use limits::{Limits, OnMemory, OnOutput};
pub use options::{Clock, LoadOptions, OnBrokenPipe, Preopen, RunOptions};
pub use outcome::{Ending, Frame, LimitKind, Outcome, TrapInfo, Usage};
pub use program::Program;
pub use program_info::{ExternInfo, ProgramInfo, ProgramKind, WasiVersion};
pub use runtime::{Runtime, RuntimeOptions, RuntimeStats};
pub use scheduler::Counts;
pub use stdio::{Input, InputPipe, Output, OutputPipe, OutputStreamKind};
pub use stop::{Cause, Control};
pub use transport::{Delivery, LoadRequest, PendingRun, Port, Source};
pub use trap_code::TrapCode;
pub use workers::{Launch, PoolOptions, serve};
