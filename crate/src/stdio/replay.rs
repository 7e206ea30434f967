//! Output of another run, printed again.

use super::capture::Capture;
use super::config::{Output, OutputStreamKind};
use super::guest_end::Writer;
use super::inherit;
use bytes::Bytes;
use std::sync::Arc;
use wasmtime_wasi::p2::{OutputStream, StreamError, StreamResult};

/// Something that a guest has printed to one of its streams.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Printed {
    pub(crate) stream: OutputStreamKind,
    pub(crate) bytes: Bytes,
}

/// Output that a run prints before its guest goes on, through the streams that the guest has.
pub(crate) struct Replay {
    pub(crate) printed: Arc<[Printed]>,
    pub(crate) stdout: Output,
    pub(crate) stderr: Output,
    pub(crate) capture: Arc<Capture>,
}

impl Replay {
    /// Prints everything in its order.
    ///
    /// # Errors
    ///
    /// The error that ends a run when it has printed too much or has lost a reader. A stream that fails
    /// otherwise is left alone: the guest could no longer take in that its write has failed.
    pub(crate) async fn print(self) -> wasmtime::Result<()> {
        let mut stdout = Stream::new(OutputStreamKind::Stdout, &self.stdout, &self.capture);
        let mut stderr = Stream::new(OutputStreamKind::Stderr, &self.stderr, &self.capture);
        for (number, Printed { stream, bytes }) in self.printed.iter().enumerate() {
            // Many pieces must not hold up other runs, nor this one's limits.
            if number % 1024 == 1023 {
                tokio::task::yield_now().await;
            }
            let stream = match stream {
                OutputStreamKind::Stdout => &mut stdout,
                OutputStreamKind::Stderr => &mut stderr,
            };
            stream.print(&self.capture, bytes.clone()).await?;
        }
        Ok(())
    }
}

enum Stream {
    Nowhere,
    Capture(OutputStreamKind),
    Pipe(Box<Writer>),
}

impl Stream {
    fn new(kind: OutputStreamKind, output: &Output, capture: &Arc<Capture>) -> Self {
        let pipe = match output {
            Output::Ignore => return Self::Nowhere,
            Output::Capture => return Self::Capture(kind),
            Output::Inherit => inherit::output(kind),
            Output::Pipe(pipe) => pipe.clone(),
        };
        Self::Pipe(Box::new(Writer::new(pipe, capture.for_passed())))
    }

    async fn print(&mut self, capture: &Capture, bytes: Bytes) -> wasmtime::Result<()> {
        let printed = match self {
            Self::Nowhere => return Ok(()),
            Self::Capture(kind) => return capture.write(*kind, &bytes).map_err(Into::into),
            Self::Pipe(writer) => pass(writer, bytes).await,
        };
        match printed {
            Ok(()) => Ok(()),
            Err(StreamError::Trap(error)) => Err(error),
            Err(StreamError::Closed | StreamError::LastOperationFailed(_)) => {
                *self = Self::Nowhere;
                Ok(())
            }
        }
    }
}

/// Prints in pieces, as the window has room, and flushes.
async fn pass(writer: &mut Writer, mut bytes: Bytes) -> StreamResult<()> {
    while !bytes.is_empty() {
        let room = writer.write_ready().await?;
        writer.write(bytes.split_to(bytes.len().min(room)))?;
    }
    writer.flush()?;
    writer.write_ready().await.map(drop)
}
