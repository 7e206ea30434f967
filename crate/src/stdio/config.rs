//! Where a guest's streams lead.

use super::input_pipe::InputPipe;
use super::output_pipe::OutputPipe;
use bytes::Bytes;
use std::sync::Arc;

/// Where a guest's stdin comes from.
#[derive(Clone, Default)]
pub enum Input {
    /// Nowhere: stdin is at its end from the start.
    #[default]
    Empty,
    /// These bytes.
    Bytes(Bytes),
    /// The host process's stdin. Concurrent runs share it, and each chunk goes to one of them.
    Inherit,
    /// What the host pushes.
    Pipe(Arc<InputPipe>),
}

impl Input {
    /// The pipe, if there is one.
    pub(crate) fn pipe(&self) -> Option<&Arc<InputPipe>> {
        match self {
            Self::Pipe(pipe) => Some(pipe),
            Self::Empty | Self::Bytes(_) | Self::Inherit => None,
        }
    }
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

/// What happens at a write to a pipe without a reader. Captured output has no pipe.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnBrokenPipe {
    /// The write fails, and the guest decides.
    #[default]
    Fail,
    /// The run ends, as a process would.
    Stop,
}
