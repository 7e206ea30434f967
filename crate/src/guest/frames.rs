//! The frames of a guest's call stack, as people read them.

use super::outcome::Frame;
use std::fmt::{self, Write};
use wasmtime::{FrameInfo, WasmBacktrace};

/// The most calls that a trap shows.
pub(crate) const MAX_FRAMES: usize = 20;

/// Where the functions of a module are in its bytes. Its code may be that of a module that does the same, with functions
/// that are as long, and more of them.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Bodies {
    /// How many functions it imports.
    pub(crate) imported: usize,
    /// The offsets of the others.
    pub(crate) starts: Vec<usize>,
}

impl Bodies {
    /// The offset of a function; `None` for one that the module does not have.
    fn start(&self, function: u32) -> Option<usize> {
        let index = (function as usize).checked_sub(self.imported)?;
        self.starts.get(index).copied()
    }
}

/// The frames of a backtrace, innermost first; without a backtrace there are none. `bodies` are those of the program, if
/// others may have been compiled.
pub(crate) fn frames(backtrace: Option<&WasmBacktrace>, bodies: Option<&Bodies>) -> Vec<Frame> {
    let frames = backtrace.map_or(&[][..], WasmBacktrace::frames);
    let frames = frames.iter().filter_map(|info| frame(info, bodies));
    frames.take(MAX_FRAMES).collect()
}

/// `None` for a function that the program does not have.
fn frame(info: &FrameInfo, bodies: Option<&Bodies>) -> Option<Frame> {
    let function_index = info.func_index();
    let offset = match bodies {
        None => info.module_offset(),
        Some(bodies) => {
            let start = bodies.start(function_index)?;
            info.func_offset().map(|offset| start + offset)
        }
    };
    Some(Frame {
        function_index,
        function: info.func_name().map(demangle),
        module: info.module().name().map(clip),
        offset,
        ..Frame::default()
    })
}

/// Names are the program's own text; a hostile one may be megabytes long, or become so.
const MAX_NAME: usize = 500;

/// A function's name as its author has written it.
pub(crate) fn demangle(name: &str) -> String {
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

pub(crate) fn clip(text: &str) -> String {
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
