//! Sets a guest's streams as its options say.

use super::capture::{Capture, CaptureStream};
use super::config::{Input, Output, OutputStreamKind};
use super::discard::Discard;
use super::guest_end::{Reader, Writer};
use super::inherit;
use std::sync::Arc;
use wasmtime_wasi::WasiCtxBuilder;
use wasmtime_wasi::p2::pipe::MemoryInputPipe;

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
        (Output::Ignore, OutputStreamKind::Stdout) => {
            builder.stdout(Discard);
        }
        (Output::Ignore, OutputStreamKind::Stderr) => {
            builder.stderr(Discard);
        }
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
