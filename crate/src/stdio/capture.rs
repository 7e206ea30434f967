//! Output kept in memory, and the cap that stdout and stderr share.

use super::config::{OnBrokenPipe, OutputStreamKind};
use crate::guest::{Cause, InstanceControl, LimitKind, Limits, OnOutput, Stopped};
use crate::lock::lock;
use bytes::Bytes;
use std::io;
use std::mem::take;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use tokio::io::AsyncWrite;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamError, StreamResult};

/// How many bytes a guest may write at a time.
const CHUNK: usize = 64 * 1024;

/// The output of a run so far. It outlives the guest, however the guest ends.
pub(crate) struct Capture {
    control: Arc<InstanceControl>,
    cap: u64,
    /// Whether output that is passed on counts towards the cap, too.
    counts_passed: bool,
    on_output: OnOutput,
    on_broken_pipe: OnBrokenPipe,
    printed: Mutex<Printed>,
}

#[derive(Default)]
pub(crate) struct Printed {
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: Vec<u8>,
    pub(crate) truncated: bool,
    /// Bytes that were passed on.
    passed: u64,
    exceeded: bool,
}

impl Capture {
    pub(crate) fn new(
        control: Arc<InstanceControl>,
        limits: &Limits,
        on_broken_pipe: OnBrokenPipe,
    ) -> Arc<Self> {
        Arc::new(Self {
            control,
            cap: limits.output_bytes.unwrap_or(Limits::DEFAULT_OUTPUT_BYTES),
            counts_passed: limits.output_bytes.is_some(),
            on_output: limits.on_output,
            on_broken_pipe,
            printed: Mutex::default(),
        })
    }

    pub(crate) fn take(&self) -> Printed {
        take(&mut *lock(&self.printed))
    }

    /// The capture, for a stream that is passed on; `None` if neither the cap nor a lost reader of that
    /// stream ends the run.
    pub(super) fn for_passed(self: &Arc<Self>) -> Option<Arc<Self>> {
        let stops = self.on_broken_pipe == OnBrokenPipe::Stop;
        (self.counts_passed || stops).then(|| self.clone())
    }

    /// Records that a stream has lost its reader. Returns whether that ends the run.
    pub(super) fn break_pipe(&self) -> bool {
        let stops = self.on_broken_pipe == OnBrokenPipe::Stop;
        if stops {
            self.control.stop(Cause::BrokenPipe);
        }
        stops
    }

    /// Counts output that is to be passed on, and returns how many of its bytes may be.
    pub(super) fn pass(&self, length: usize) -> usize {
        if !self.counts_passed {
            return length;
        }
        let mut printed = lock(&self.printed);
        let kept = length.min(self.room(&printed));
        printed.passed += kept as u64;
        if kept < length {
            match self.on_output {
                OnOutput::Truncate => printed.truncated = true,
                OnOutput::Stop => printed.exceeded = true,
            }
        }
        kept
    }

    /// Whether [`pass`](Self::pass) has counted more than the cap allows.
    pub(super) fn is_exceeded(&self) -> bool {
        let printed = lock(&self.printed);
        printed.exceeded
    }

    /// Ends the run if it has printed more than the cap allows; called at the end of the run at the latest.
    pub(crate) fn enforce(&self) {
        if self.counts_passed && self.is_exceeded() {
            self.control.stop(Cause::Limit(LimitKind::Output));
        }
    }

    fn room(&self, printed: &Printed) -> usize {
        let captured = (printed.stdout.len() + printed.stderr.len()) as u64;
        let used = captured.saturating_add(printed.passed);
        usize::try_from(self.cap.saturating_sub(used)).unwrap_or(usize::MAX)
    }

    pub(crate) fn write(&self, kind: OutputStreamKind, bytes: &[u8]) -> Result<(), Stopped> {
        let mut printed = lock(&self.printed);
        let kept = &bytes[..bytes.len().min(self.room(&printed))];
        match kind {
            OutputStreamKind::Stdout => printed.stdout.extend_from_slice(kept),
            OutputStreamKind::Stderr => printed.stderr.extend_from_slice(kept),
        }
        if kept.len() == bytes.len() {
            return Ok(());
        }
        match self.on_output {
            OnOutput::Truncate => {
                printed.truncated = true;
                Ok(())
            }
            OnOutput::Stop => {
                self.control.stop(Cause::Limit(LimitKind::Output));
                Err(Stopped)
            }
        }
    }
}

/// One of the two streams into a [`Capture`].
#[derive(Clone)]
pub(super) struct CaptureStream {
    capture: Arc<Capture>,
    kind: OutputStreamKind,
}

impl CaptureStream {
    pub(super) fn new(capture: &Arc<Capture>, kind: OutputStreamKind) -> Self {
        Self {
            capture: capture.clone(),
            kind,
        }
    }
}

impl IsTerminal for CaptureStream {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for CaptureStream {
    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }

    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }
}

#[async_trait::async_trait]
impl Pollable for CaptureStream {
    async fn ready(&mut self) {}
}

#[async_trait::async_trait]
impl OutputStream for CaptureStream {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.capture
            .write(self.kind, &bytes)
            .map_err(|stopped| StreamError::Trap(stopped.into()))
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(CHUNK)
    }

    async fn blocking_write_and_flush(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.write(bytes)
    }
}

impl AsyncWrite for CaptureStream {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = self.capture.write(self.kind, bytes);
        Poll::Ready(written.map(|()| bytes.len()).map_err(io::Error::other))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
