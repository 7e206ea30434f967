//! Reads what a submitter has written.

use crate::error::Error;

/// What is left of the bytes.
pub(super) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn take(&mut self, length: usize) -> wasmtime::Result<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or_else(short)?;
        self.0 = rest;
        Ok(taken)
    }

    pub(super) fn array<const N: usize>(&mut self) -> wasmtime::Result<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk().ok_or_else(short)?;
        self.0 = rest;
        Ok(*taken)
    }

    pub(super) fn u32(&mut self) -> wasmtime::Result<u32> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    /// A number that is 1, 2 or 4 bytes wide.
    pub(super) fn wide(&mut self, bytes: u32) -> wasmtime::Result<u32> {
        match bytes {
            1 => Ok(u32::from(self.array::<1>()?[0])),
            2 => Ok(u32::from(u16::from_le_bytes(self.array()?))),
            _ => self.u32(),
        }
    }

    pub(super) fn string(&mut self) -> wasmtime::Result<&'a str> {
        let length = self.u32()?;
        let bytes = self.take(length as usize)?;
        std::str::from_utf8(bytes).map_err(|_| Error::internal("a string that is not UTF-8").into())
    }

    /// Everything has to have been read.
    pub(super) fn finish(self) -> wasmtime::Result<()> {
        match self.0 {
            [] => Ok(()),
            _ => Err(Error::internal("values with more bytes than their types have").into()),
        }
    }
}

fn short() -> wasmtime::Error {
    Error::internal("values with fewer bytes than their types have").into()
}
