//! Runs WASI programs inside the calling process and returns how each run ended as a value.
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

mod binding;
mod component;
mod digest;
mod engine;
mod error;
mod files;
mod guest;
mod host_functions;
mod http;
mod lock;
mod network;
mod options;
mod platform;
mod port;
mod program;
mod runtime;
mod schedule;
mod snapshot;
mod stdio;
mod symbols;
mod wasi;
mod workers;

pub use crate::http::{
    Exchange, HttpOrigin, HttpScheme, Origins, ResponseEvent, ServedRequest, Trust,
};
pub use engine::{Allocation, ProgramKind, Tier};
pub use error::{Error, ErrorCode, Result};
pub use files::{CollectedFiles, FileLimits, GivenFile, GivenTree, Patterns};
pub use guest::{
    CallControl, CallOutcome, Cause, Ending, Frame, LimitKind, Limits, NetworkUsage, NumberType,
    OnMemory, OnOutput, Outcome, Returned, TrapCode, TrapInfo, Usage, Value,
};
pub use host_functions::{HostCall, HostCalls, HostResult, MemoryAccess, MemoryAnswer, Thrown};
pub use network::{Host, NamePattern, Network, Protocol, Rule, Subnet};
pub use options::{Clock, KeyValues, Preopen, RunOptions};
pub use port::{
    Delivery, LoadRequest, PendingRun, Port, ProgramSource, RemoteRun, SnapshotRequest,
};
pub use program::{
    Cache, CompilerChoice, CompilerInfo, DetailedExtern, EntryKind, ExternInfo, HostImport,
    HostSignature, Inspection, LoadOptions, MemoryInfo, Problem, Producer, Program, ProgramInfo,
    WasiVersion,
};
pub use runtime::guest_instance::GuestInstance;
pub use runtime::{Runtime, RuntimeOptions, RuntimeStats};
pub use schedule::{
    BatchId, CallerCall, CallerRun, Client, Counts, Ended, EndedCall, InstanceHandle, Origin,
    Owner, QueuedCall, QueuedRun, RunGroup, Submission,
};
pub use snapshot::{Snapshot, SnapshotError, SnapshotOptions, SnapshotUntil};
pub use stdio::{Input, InputPipe, OnBrokenPipe, Output, OutputPipe, OutputStreamKind};
pub use workers::{Launch, PoolOptions, port_to_workers, serve};
