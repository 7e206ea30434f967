//! A guest's stdin, stdout and stderr.

mod capture;
mod guest_end;
mod inherit;
mod pipe;

pub(crate) use capture::Capture;
pub use pipe::{InputPipe, OutputPipe};

use bytes::Bytes;
use capture::CaptureStream;
use guest_end::{Reader, Writer};
use std::sync::Arc;
use wasmtime_wasi::WasiCtxBuilder;
use wasmtime_wasi::p2::pipe::MemoryInputPipe;

/// Where a guest's stdin comes from.
#[derive(Clone, Default)]
pub enum Input {
    /// At its end from the start.
    #[default]
    Empty,
    /// These bytes.
    Bytes(Bytes),
    /// The host process's stdin; concurrent runs share it, each chunk goes to one of them.
    Inherit,
    /// Whatever the host pushes.
    Pipe(Arc<InputPipe>),
}

/// Where a guest's stdout or stderr goes.
#[derive(Clone, Default)]
pub enum Output {
    /// Into the outcome.
    #[default]
    Capture,
    /// Nowhere.
    Ignore,
    /// The host process's stream of the same name.
    Inherit,
    /// To the host, chunk by chunk.
    Pipe(Arc<OutputPipe>),
}

/// Which of the two output streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutputStreamKind {
    /// File descriptor 1.
    Stdout,
    /// File descriptor 2.
    Stderr,
}

pub(crate) fn set_stdin(builder: &mut WasiCtxBuilder, input: &Input) {
    match input {
        Input::Empty => {}
        Input::Bytes(bytes) => {
            builder.stdin(MemoryInputPipe::new(bytes.clone()));
        }
        Input::Inherit => {
            builder.stdin(Reader(inherit::stdin()));
        }
        Input::Pipe(pipe) => {
            builder.stdin(Reader(pipe.clone()));
        }
    }
}

pub(crate) fn set_output(
    builder: &mut WasiCtxBuilder,
    kind: OutputStreamKind,
    output: &Output,
    capture: &Arc<Capture>,
) {
    match (output, kind) {
        (Output::Ignore, _) => {}
        (Output::Capture, OutputStreamKind::Stdout) => {
            builder.stdout(CaptureStream::new(capture, kind));
        }
        (Output::Capture, OutputStreamKind::Stderr) => {
            builder.stderr(CaptureStream::new(capture, kind));
        }
        (Output::Inherit, OutputStreamKind::Stdout) => {
            builder.stdout(Writer::new(inherit::output(kind), capture.for_passed()));
        }
        (Output::Inherit, OutputStreamKind::Stderr) => {
            builder.stderr(Writer::new(inherit::output(kind), capture.for_passed()));
        }
        (Output::Pipe(pipe), OutputStreamKind::Stdout) => {
            builder.stdout(Writer::new(pipe.clone(), capture.for_passed()));
        }
        (Output::Pipe(pipe), OutputStreamKind::Stderr) => {
            builder.stderr(Writer::new(pipe.clone(), capture.for_passed()));
        }
    }
}
