//! The frames of a guest's call stack, as people read them.

use super::outcome::Frame;
use std::fmt::{self, Write};
use wasmtime::{FrameInfo, WasmBacktrace};

/// The frames of a backtrace, innermost first; without a backtrace there are none.
pub(crate) fn frames(backtrace: Option<&WasmBacktrace>) -> Vec<Frame> {
    let frames = backtrace.map_or(&[][..], WasmBacktrace::frames);
    frames.iter().map(frame).collect()
}

fn frame(info: &FrameInfo) -> Frame {
    Frame {
        function_index: info.func_index(),
        function: info.func_name().map(demangle),
        module: info.module().name().map(clip),
        offset: info.module_offset(),
        ..Frame::default()
    }
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
