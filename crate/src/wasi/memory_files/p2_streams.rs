//! What guests of WASI 0.2 read from files in memory, and write to them.

use super::component_descriptor::{CHUNK, OpenFile};
use crate::files::Code;
use async_trait::async_trait;
use bytes::Bytes;
use wasmtime_wasi::p2::{InputStream, OutputStream, Pollable, StreamError, StreamResult};

/// Why a stream failed.
#[derive(Debug)]
pub(super) struct Failed(pub(super) Code);

impl std::fmt::Display for Failed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

impl std::error::Error for Failed {}

pub(super) struct Reader {
    open: OpenFile,
    at: u64,
}

impl Reader {
    pub(super) fn new(open: OpenFile, at: u64) -> Self {
        Self { open, at }
    }
}

#[async_trait]
impl Pollable for Reader {
    async fn ready(&mut self) {}
}

#[async_trait]
impl InputStream for Reader {
    fn read(&mut self, size: usize) -> StreamResult<Bytes> {
        let bytes = self.open.read_some(self.at, size as u64);
        let bytes = bytes.map_err(|code| StreamError::LastOperationFailed(Failed(code).into()))?;
        if bytes.is_empty() && size > 0 {
            return Err(StreamError::Closed);
        }
        self.at += bytes.len() as u64;
        Ok(bytes.into())
    }
}

pub(super) struct Writer {
    open: OpenFile,
    /// `None` for the end of the file.
    at: Option<u64>,
    failed: bool,
}

impl Writer {
    pub(super) fn new(open: OpenFile, at: Option<u64>) -> Self {
        let failed = false;
        Self { open, at, failed }
    }
}

#[async_trait]
impl Pollable for Writer {
    async fn ready(&mut self) {}
}

#[async_trait]
impl OutputStream for Writer {
    fn write(&mut self, mut bytes: Bytes) -> StreamResult<()> {
        if self.failed {
            return Err(StreamError::Closed);
        }
        while !bytes.is_empty() {
            match self.open.write(self.at, &bytes) {
                Ok((written, end)) => {
                    bytes = bytes.split_off(written);
                    self.at = self.at.map(|_| end);
                }
                Err(code) => {
                    self.failed = true;
                    return Err(StreamError::LastOperationFailed(Failed(code).into()));
                }
            }
        }
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        match self.failed {
            true => Err(StreamError::Closed),
            false => Ok(()),
        }
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        self.flush().map(|()| CHUNK)
    }
}
