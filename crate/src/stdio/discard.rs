//! Output that goes nowhere.

use super::permit::{PERMIT, check};
use bytes::Bytes;
use tokio::io::{AsyncWrite, sink};
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamResult};

/// A stream that takes everything. wasmtime-wasi's own permits less at a time.
#[derive(Clone, Copy)]
pub(super) struct Discard;

impl IsTerminal for Discard {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Discard {
    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(*self)
    }

    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(sink())
    }
}

#[async_trait::async_trait]
impl Pollable for Discard {
    async fn ready(&mut self) {}
}

#[async_trait::async_trait]
impl OutputStream for Discard {
    fn write(&mut self, _: Bytes) -> StreamResult<()> {
        Ok(())
    }

    fn write_zeroes(&mut self, count: usize) -> StreamResult<()> {
        check(count, PERMIT)
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(PERMIT)
    }
}
