//! Output kept in memory, and the cap that stdout and stderr share.

use super::config::{OnBrokenPipe, OutputStreamKind};
use super::permit::{PERMIT, check, zeroes};
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

/// The output of a run so far. It outlives the guest, however the guest ends.
pub(crate) struct Capture {
    control: Arc<InstanceControl>,
    /// Whether output that is passed on may count towards the cap.
    may_count_passed: bool,
    on_broken_pipe: OnBrokenPipe,
    account: Mutex<Account>,
}

/// The cap of a call, and what was printed so far.
struct Account {
    cap: u64,
    /// Whether output that is passed on counts towards the cap, too.
    counts_passed: bool,
    on_output: OnOutput,
    printed: Printed,
}

impl Account {
    fn new(limits: &Limits) -> Self {
        Self {
            cap: limits.output_bytes.unwrap_or(Limits::DEFAULT_OUTPUT_BYTES),
            counts_passed: limits.output_bytes.is_some(),
            on_output: limits.on_output,
            printed: Printed::default(),
        }
    }

    fn room(&self) -> usize {
        let printed = &self.printed;
        let captured = (printed.stdout.len() + printed.stderr.len()) as u64;
        let used = captured.saturating_add(printed.passed);
        usize::try_from(self.cap.saturating_sub(used)).unwrap_or(usize::MAX)
    }
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
        Self::make(
            control,
            limits,
            on_broken_pipe,
            limits.output_bytes.is_some(),
        )
    }

    /// The same for an instance that lives on, whose calls have caps of their own.
    pub(crate) fn for_calls(
        control: Arc<InstanceControl>,
        limits: &Limits,
        on_broken_pipe: OnBrokenPipe,
    ) -> Arc<Self> {
        Self::make(control, limits, on_broken_pipe, true)
    }

    fn make(
        control: Arc<InstanceControl>,
        limits: &Limits,
        on_broken_pipe: OnBrokenPipe,
        may_count_passed: bool,
    ) -> Arc<Self> {
        Arc::new(Self {
            control,
            may_count_passed,
            on_broken_pipe,
            account: Mutex::new(Account::new(limits)),
        })
    }

    /// What its output may stop.
    pub(crate) fn control(&self) -> &Arc<InstanceControl> {
        &self.control
    }

    /// A call begins that has these limits; what was printed before has been taken.
    pub(crate) fn begin(&self, limits: &Limits) {
        *lock(&self.account) = Account::new(limits);
    }

    pub(crate) fn take(&self) -> Printed {
        take(&mut lock(&self.account).printed)
    }

    /// The capture, for a stream that is passed on; `None` if neither the cap nor a lost reader of that
    /// stream ends the run.
    pub(super) fn for_passed(self: &Arc<Self>) -> Option<Arc<Self>> {
        let stops = self.on_broken_pipe == OnBrokenPipe::Stop;
        (self.may_count_passed || stops).then(|| self.clone())
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
        if !self.may_count_passed {
            return length;
        }
        let mut account = lock(&self.account);
        if !account.counts_passed {
            return length;
        }
        let kept = length.min(account.room());
        account.printed.passed += kept as u64;
        if kept < length {
            match account.on_output {
                OnOutput::Truncate => account.printed.truncated = true,
                OnOutput::Stop => account.printed.exceeded = true,
            }
        }
        kept
    }

    /// Whether [`pass`](Self::pass) has counted more than the cap allows.
    pub(super) fn is_exceeded(&self) -> bool {
        lock(&self.account).printed.exceeded
    }

    /// Ends the call if it has printed more than the cap allows; called at the end of the call at the latest.
    pub(crate) fn enforce(&self) {
        if self.may_count_passed && self.is_exceeded() {
            self.control.stop(Cause::Limit(LimitKind::Output));
        }
    }

    pub(crate) fn write(&self, kind: OutputStreamKind, bytes: &[u8]) -> Result<(), Stopped> {
        let mut account = lock(&self.account);
        let kept = &bytes[..bytes.len().min(account.room())];
        match kind {
            OutputStreamKind::Stdout => account.printed.stdout.extend_from_slice(kept),
            OutputStreamKind::Stderr => account.printed.stderr.extend_from_slice(kept),
        }
        if kept.len() == bytes.len() {
            return Ok(());
        }
        match account.on_output {
            OnOutput::Truncate => {
                account.printed.truncated = true;
                Ok(())
            }
            OnOutput::Stop => {
                drop(account);
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

    fn write_zeroes(&mut self, count: usize) -> StreamResult<()> {
        check(count, PERMIT)?;
        zeroes(count).try_for_each(|bytes| self.write(bytes))
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(PERMIT)
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
