//! The fields of what crosses, read one after the other.

use crate::error::{Error, Result};
use bytes::{Buf, Bytes};
use std::sync::Arc;
use std::time::Duration;

pub(super) struct Fields(pub(super) Bytes);

impl Fields {
    pub(super) fn next_tag(&mut self) -> Option<u32> {
        self.0.has_remaining().then(|| self.0.get_u8().into())
    }

    /// One of several, by its number.
    pub(super) fn case(&mut self) -> Result<u32> {
        self.byte().map(u32::from)
    }

    pub(super) fn byte(&mut self) -> Result<u8> {
        self.0.try_get_u8().map_err(|_| malformed())
    }

    pub(super) fn short(&mut self) -> Result<u16> {
        self.0.try_get_u16_le().map_err(|_| malformed())
    }

    pub(super) fn array<const LENGTH: usize>(&mut self) -> Result<[u8; LENGTH]> {
        let mut bytes = [0; LENGTH];
        let filled = self.0.try_copy_to_slice(&mut bytes);
        filled.map(|()| bytes).map_err(|_| malformed())
    }

    pub(super) fn length(&mut self) -> Result<usize> {
        let length = self.0.try_get_u32_le().map_err(|_| malformed())?;
        Ok(length as usize)
    }

    pub(super) fn integer(&mut self) -> Result<u64> {
        self.0.try_get_u64_le().map_err(|_| malformed())
    }

    pub(super) fn number(&mut self) -> Result<f64> {
        self.0.try_get_f64_le().map_err(|_| malformed())
    }

    pub(super) fn milliseconds(&mut self) -> Result<Duration> {
        let milliseconds = self.number()?;
        // Two numbers, because a date in nanoseconds has more digits than a double. The casts saturate: more than any
        // clock shows is as good as for ever.
        let seconds = (milliseconds / 1000.0).floor();
        let nanoseconds = (milliseconds - seconds * 1000.0) * 1e6;
        let whole = Duration::from_secs(seconds as u64);
        Ok(whole.saturating_add(Duration::from_nanos(nanoseconds.round() as u64)))
    }

    pub(super) fn bytes(&mut self) -> Result<Bytes> {
        let length = self.length()?;
        match length <= self.0.len() {
            true => Ok(self.0.split_to(length)),
            false => Err(malformed()),
        }
    }

    pub(super) fn string(&mut self) -> Result<String> {
        String::from_utf8(self.bytes()?.into()).map_err(|_| malformed())
    }

    pub(super) fn list<T>(
        &mut self,
        mut item: impl FnMut(&mut Self) -> Result<T>,
    ) -> Result<Arc<[T]>> {
        let length = self.length()?;
        (0..length).map(|_| item(self)).collect()
    }
}

pub(super) fn malformed() -> Error {
    Error::internal("options are not well-formed")
}
