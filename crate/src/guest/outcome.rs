//! How a run ended.

use super::stop::LimitKind;
use super::trap_code::TrapCode;
use crate::files::CollectedFiles;
use serde::Serialize;
use std::fmt;
use std::time::Duration;

/// How one run ended, with everything it printed and used.
#[derive(Debug)]
pub struct Outcome {
    /// The ending.
    pub ending: Ending,
    /// Captured standard output; empty unless captured.
    pub stdout: Vec<u8>,
    /// Captured standard error; empty unless captured.
    pub stderr: Vec<u8>,
    /// The files that were asked for; absent if none were, and for a run that never started.
    pub files: Option<CollectedFiles>,
    /// What the run used.
    pub usage: Usage,
}

impl Outcome {
    /// The same ending, without what was printed and used.
    pub(crate) fn without_output(&self) -> Self {
        Self {
            ending: self.ending.clone(),
            ..Self::never_started()
        }
    }

    /// That of a run that was aborted while it waited.
    pub(crate) fn never_started() -> Self {
        Self {
            ending: Ending::Abort,
            stdout: Vec::new(),
            stderr: Vec::new(),
            files: None,
            usage: Usage::default(),
        }
    }
}

/// How one call of an instance's export ended, with everything that was printed and used during it.
#[derive(Debug)]
pub enum CallOutcome {
    /// The function has returned, and the instance goes on.
    Returned(Returned),
    /// The call has ended, and the instance with it.
    Ended(Outcome),
    /// The call was aborted before it began, and the instance goes on.
    NeverStarted,
}

/// Bytes before [`Returned::encoded`], for who passes it on with a head and without a copy.
pub const ENCODED_ROOM: usize = 12;

/// A call that has returned.
#[derive(Debug)]
pub struct Returned {
    /// What the function returned, as [`Value::bits`](super::value::Value::bits).
    pub values: Vec<u64>,
    /// What a component's function returned, as bytes after [`ENCODED_ROOM`] others; empty for a module.
    pub encoded: Vec<u8>,
    /// Standard output captured during the call.
    pub stdout: Vec<u8>,
    /// Standard error captured during the call.
    pub stderr: Vec<u8>,
    /// What the call used. Memory is that of the instance.
    pub usage: Usage,
}

/// The kinds of ending.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The guest returned (code 0) or called WASI's `exit`.
    Exit {
        /// The guest's own number.
        code: u32,
    },
    /// A Wasm fault.
    Trap(TrapInfo),
    /// A cap ended the run.
    Limit(LimitKind),
    /// The caller gave up, or the program or the runtime was closed.
    Abort,
    /// An abort because the reader of its output is gone.
    BrokenPipe,
    /// A function of the host that it called has thrown; the submitter knows the error.
    HostError,
}

/// A Wasm fault: its code, a message and where it happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TrapInfo {
    /// The stable name.
    pub code: TrapCode,
    /// wasmtime's words for it.
    pub message: String,
    /// The guest's call stack, innermost first: at most 20 calls, and the functions that were inlined into them.
    pub frames: Vec<Frame>,
    /// The number of the frame that the program's author has written, where others are of the language's library.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location: Option<usize>,
}

/// One frame of a guest's call stack.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Frame {
    /// The function's index in its module.
    pub function_index: u32,
    /// The function's demangled name, from the name section or debug information.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub function: Option<String>,
    /// The module's own name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub module: Option<String>,
    /// Offset of the instruction in the module's bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offset: Option<usize>,
    /// Whether the function was inlined into that of the next frame.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub inlined: bool,
    /// Whether it is of a language's own library or runtime, and not of the program's author.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub library: bool,
    /// Source file, where the program has debug information.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// 1-based line in that file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// 1-based column in that line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<u32>,
}

/// What a run used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// From the guest's start to its end.
    pub wall: Duration,
    /// Time on a core.
    pub cpu: Duration,
    /// Fuel consumed, where it was counted.
    pub fuel: Option<u64>,
    /// The most that linear memories and tables took together.
    pub memory_peak: u64,
    /// Whether a growth was refused.
    pub memory_denied: bool,
    /// Whether output beyond the cap was dropped.
    pub output_truncated: bool,
    /// What its sockets have moved; only where the run had a network.
    pub network: Option<NetworkUsage>,
}

/// Bytes that sockets have moved, without the headers of protocols.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NetworkUsage {
    /// What the guest has read from connections, and the datagrams that it has received.
    pub received: u64,
    /// What the guest has written to connections, and the datagrams that it has sent.
    pub sent: u64,
}

/// WASI's exit, carried through wasm as an error because WASI has no other way to unwind.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Exit(pub(crate) u32);

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "exit {}", self.0)
    }
}

impl std::error::Error for Exit {}
