//! The bytes of a file.

use super::budget::Budget;
use super::code::Code;
use bytes::Bytes;

/// As in other file systems, an offset is a signed number.
const MAX_SIZE: u64 = i64::MAX as u64;
/// The most bytes that a file has room for beyond its size.
const MAX_SPARE: usize = 16 << 20;

/// Bytes as they were given, which count for nobody, or the run's own. A file has no holes: what is skipped is zeros,
/// which count.
pub(super) enum Contents {
    Given(Bytes),
    Own(Vec<u8>),
}

impl Contents {
    pub(super) fn bytes(&self) -> &[u8] {
        match self {
            Self::Given(bytes) => bytes,
            Self::Own(bytes) => bytes,
        }
    }

    pub(super) fn size(&self) -> u64 {
        self.bytes().len() as u64
    }

    /// The bytes that count.
    pub(super) fn counted(&self) -> u64 {
        match self {
            Self::Given(_) => 0,
            Self::Own(bytes) => bytes.len() as u64,
        }
    }

    /// Writes as many of the bytes as there is room for, and returns how many these are.
    pub(super) fn write(
        &mut self,
        offset: u64,
        bytes: &[u8],
        budget: &mut Budget,
    ) -> Result<usize, Code> {
        if bytes.is_empty() {
            return Ok(0);
        }
        if offset >= MAX_SIZE {
            return Err(Code::FileTooLarge);
        }
        let size = self.size();
        let reach = self.counted().saturating_add(budget.bytes);
        let end = offset.saturating_add(bytes.len() as u64).min(reach);
        // What was given is copied as a whole.
        if size > reach || offset >= end {
            return Err(Code::InsufficientSpace);
        }
        let own = self.grow(end.max(size), budget)?;
        // It is in memory.
        let (offset, end) = (offset as usize, end as usize);
        own[offset..end].copy_from_slice(&bytes[..end - offset]);
        Ok(end - offset)
    }

    pub(super) fn set_size(&mut self, size: u64, budget: &mut Budget) -> Result<(), Code> {
        if size > MAX_SIZE {
            return Err(Code::Invalid);
        }
        if size >= self.size() {
            return match size == self.size() {
                true => Ok(()),
                false => self.grow(size, budget).map(drop),
            };
        }
        let shorter = size as usize;
        match self {
            Self::Given(bytes) => bytes.truncate(shorter),
            Self::Own(bytes) => {
                budget.give_bytes(bytes.len() as u64 - size);
                bytes.truncate(shorter);
                if bytes.capacity() / 2 > shorter {
                    bytes.shrink_to_fit();
                }
            }
        }
        Ok(())
    }

    /// Makes the bytes the run's own, and so many; at least as many as there are.
    fn grow(&mut self, size: u64, budget: &mut Budget) -> Result<&mut Vec<u8>, Code> {
        let total = usize::try_from(size).map_err(|_| Code::InsufficientSpace)?;
        let counted = self.counted();
        if size - counted > budget.bytes {
            return Err(Code::InsufficientSpace);
        }
        if let Self::Given(given) = self {
            let mut own = Vec::new();
            reserve(&mut own, total)?;
            own.extend_from_slice(given);
            *self = Self::Own(own);
        }
        let Self::Own(own) = self else {
            unreachable!("it was just made");
        };
        reserve(own, total)?;
        budget.take_bytes(size - counted)?;
        own.resize(total, 0);
        Ok(own)
    }
}

fn reserve(bytes: &mut Vec<u8>, total: usize) -> Result<(), Code> {
    let capacity = bytes.capacity();
    if total <= capacity {
        return Ok(());
    }
    let roomy = total.max(capacity + capacity.min(MAX_SPARE));
    let reserved = bytes.try_reserve_exact(roomy - bytes.len());
    reserved.map_err(|_| Code::InsufficientSpace)
}
