//! How a run ended, and the one function that decides it.

use crate::error::{Error, ErrorCode, Result};
use crate::stop::{Cause, Control, Stopped};
use crate::trap_code::TrapCode;
use serde::Serialize;
use std::fmt::{self, Write};
use std::time::Duration;
use wasmtime::{FrameInfo, GcHeapOutOfMemory, ThrownException, Trap, WasmBacktrace};

/// How one run ended, with everything it printed and used.
#[derive(Debug)]
pub struct Outcome {
    /// The ending.
    pub ending: Ending,
    /// Captured standard output; empty unless captured.
    pub stdout: Vec<u8>,
    /// Captured standard error; empty unless captured.
    pub stderr: Vec<u8>,
    /// What the run used.
    pub usage: Usage,
}

impl Outcome {
    /// That of a run that was aborted while it waited.
    pub(crate) fn never_started() -> Self {
        Self {
            ending: Ending::Abort,
            stdout: Vec::new(),
            stderr: Vec::new(),
            usage: Usage::default(),
        }
    }
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
    /// An abort because nobody reads its output any more.
    BrokenPipe,
}

/// The caps that can end a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LimitKind {
    /// Wall clock since the guest's start.
    Timeout,
    /// Time on a core.
    Cpu,
    /// wasmtime fuel.
    Fuel,
    /// Linear memories and tables together.
    Memory,
    /// Captured output.
    Output,
}

/// A Wasm fault: its code, a message and where it happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TrapInfo {
    /// The stable name.
    pub code: TrapCode,
    /// wasmtime's words for it.
    pub message: String,
    /// The guest's call stack, innermost first; at most 20 frames.
    pub frames: Vec<Frame>,
}

/// One frame of a guest's call stack.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Frame {
    /// The function's index in its module.
    pub function_index: u32,
    /// The function's demangled name, from the name section or DWARF.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub function: Option<String>,
    /// The module's own name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub module: Option<String>,
    /// Offset of the instruction in the module's bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offset: Option<usize>,
    /// Source file, where the program has DWARF.
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

/// Tells how a run ended from what the guest's call answered and the recorded cause.
///
/// The only place that looks at a wasmtime error; it never reads its text.
///
/// # Errors
///
/// A host fault, when nothing of the guest was on the stack and no cause is recorded.
pub(crate) fn classify(result: wasmtime::Result<()>, control: &Control) -> Result<Ending> {
    let fuel_gone = matches!(&result, Err(e) if e.downcast_ref() == Some(&Trap::OutOfFuel));
    control.stop(match fuel_gone {
        true => Cause::Limit(LimitKind::Fuel),
        false => Cause::Guest,
    });
    match control.cause() {
        Some(Cause::Limit(limit)) => return Ok(Ending::Limit(limit)),
        Some(Cause::Abort) => return Ok(Ending::Abort),
        Some(Cause::BrokenPipe) => return Ok(Ending::BrokenPipe),
        Some(Cause::Guest) | None => {}
    }
    let Err(error) = result else {
        return Ok(Ending::Exit { code: 0 });
    };
    if let Some(Exit(code)) = error.downcast_ref() {
        return Ok(Ending::Exit { code: *code });
    }
    // Components exit through wasmtime-wasi's own implementation, which checks its range itself.
    if let Some(wasmtime_wasi::I32Exit(code)) = error.downcast_ref() {
        return Ok(Ending::Exit { code: *code as u32 });
    }
    if error.downcast_ref::<Stopped>().is_some() {
        return Err(Error::internal("a run was stopped without a cause"));
    }
    trap(&error)
}

fn trap(error: &wasmtime::Error) -> Result<Ending> {
    let backtrace = error.downcast_ref::<WasmBacktrace>();
    let (code, message) = if let Some(trap) = error.downcast_ref::<Trap>() {
        let Some(code) = TrapCode::of(*trap) else {
            return Err(Error::internal(format_args!("unexpected {trap:?}")));
        };
        let text = trap.to_string();
        let text = text.strip_prefix("wasm trap: ").unwrap_or(&text).to_owned();
        (code, text)
    } else if error.is::<ThrownException>() {
        let text = "a Wasm exception was not caught".to_owned();
        (TrapCode::UncaughtException, text)
    } else if error.is::<GcHeapOutOfMemory<()>>() {
        (TrapCode::AllocationTooLarge, error.to_string())
    } else if backtrace.is_some() {
        (TrapCode::HostCall, clip(&error.root_cause().to_string()))
    } else {
        return Err(host_fault(error));
    };
    let frames = backtrace.map_or(&[][..], WasmBacktrace::frames);
    Ok(Ending::Trap(TrapInfo {
        code,
        message,
        frames: frames.iter().map(frame).collect(),
    }))
}

fn host_fault(error: &wasmtime::Error) -> Error {
    Error::new(
        ErrorCode::OutOfResources,
        format!("the program could not be started: {error:#}"),
    )
}

fn frame(info: &FrameInfo) -> Frame {
    // The first symbol is the innermost inlined function; DWARF names win over the name section.
    let symbol = info.symbols().first();
    let name = symbol.and_then(|s| s.name()).or(info.func_name());
    Frame {
        function_index: info.func_index(),
        function: name.map(demangle),
        module: info.module().name().map(clip),
        offset: info.module_offset(),
        file: symbol.and_then(|s| s.file()).map(clip),
        line: symbol.and_then(|s| s.line()),
        column: symbol.and_then(|s| s.column()),
    }
}

/// Names are the program's own text; a hostile one may be megabytes long, or become so.
const MAX_NAME: usize = 500;

fn demangle(name: &str) -> String {
    let mut out = Clipped(String::new());
    if let Ok(demangled) = rustc_demangle::try_demangle(name) {
        // Only a clip fails.
        let _ = write!(out, "{demangled:#}");
        return out.0;
    }
    // Without the prefix of a symbol, `a` would be a type: signed char.
    if name.starts_with("_Z")
        && name.len() <= MAX_NAME
        && let Ok(symbol) = cpp_demangle::Symbol::new(name)
    {
        let options = cpp_demangle::DemangleOptions::default();
        if symbol.structured_demangle(&mut out, &options).is_ok() {
            return out.0;
        }
    }
    clip(name)
}

fn clip(text: &str) -> String {
    let mut out = Clipped(String::new());
    let _ = out.write_str(text);
    out.0
}

/// Text of at most [`MAX_NAME`] bytes; more is an error, which ends a demangler at once.
struct Clipped(String);

impl Write for Clipped {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = MAX_NAME.saturating_sub(self.0.len());
        if text.len() <= room {
            self.0.push_str(text);
            return Ok(());
        }
        self.0.push_str(&text[..text.floor_char_boundary(room)]);
        self.0.push('…');
        Err(fmt::Error)
    }
}
