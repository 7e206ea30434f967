//! Calls of host functions, and accesses to the memory of guests that wait for them, as they cross.

use super::protocol::{memory_answer, record, record_field};
use super::records::{self, Delivery};
use super::words::words;
use crate::host_functions::{HostCall, MemoryAccess, MemoryAnswer};
use bytes::{Buf, Bytes};

/// A call that came from a worker.
pub(crate) struct ReceivedCall {
    pub(crate) run: u64,
    function: u32,
    /// Its number, then its arguments.
    words: Vec<u64>,
}

impl ReceivedCall {
    pub(crate) fn as_call(&self) -> HostCall<'_> {
        let (number, arguments) = self.words.split_first().unwrap_or((&0, &[]));
        HostCall {
            number: f64::from_bits(*number) as u64,
            function: self.function,
            arguments,
        }
    }
}

impl Delivery {
    /// The call that its only record is, if it is one.
    pub(crate) fn call(&self) -> Option<ReceivedCall> {
        let number = |field: u32| self.records.get(field as usize).copied();
        if number(record_field::KIND) != Some(f64::from(record::CALL)) {
            return None;
        }
        let sections = records::read(&self.bytes)?;
        let (_, content) = sections.first()?;
        Some(ReceivedCall {
            run: number(record_field::ID)? as u64,
            function: number(record_field::CODE)? as u32,
            words: words(content),
        })
    }

    /// The answer that its only record is; what was read is put into `access`.
    pub(crate) fn memory_answer(&self, access: MemoryAccess<'_>) -> Option<MemoryAnswer> {
        let code = self.records.get(record_field::CODE as usize)?;
        let sections = records::read(&self.bytes)?;
        let (_, mut content) = *sections.first()?;
        let size = content.try_get_u64_le().ok()?;
        Some(match *code as u32 {
            memory_answer::ENDED => MemoryAnswer::Ended,
            memory_answer::MISSING => MemoryAnswer::Missing,
            _ => {
                if let MemoryAccess::Read(_, to) = access
                    && to.len() == content.len()
                {
                    to.copy_from_slice(content);
                }
                MemoryAnswer::Size(size)
            }
        })
    }
}

/// An access to the memory of a run that waits for a call.
pub(crate) struct GuestAccess {
    pub(crate) call: u64,
    pub(crate) pointer: u64,
    /// How many bytes to read, or what to write.
    pub(crate) bytes: Result<u64, Bytes>,
}

impl GuestAccess {
    pub(crate) fn new(call: u64, access: &MemoryAccess<'_>) -> Self {
        let (pointer, bytes) = match access {
            MemoryAccess::Read(pointer, to) => (*pointer, Ok(to.len() as u64)),
            MemoryAccess::Write(pointer, from) => (*pointer, Err(Bytes::copy_from_slice(from))),
        };
        Self {
            call,
            pointer,
            bytes,
        }
    }

    pub(super) fn parse(mut encoded: Bytes, is_write: bool) -> Option<Self> {
        Some(Self {
            call: encoded.try_get_u64_le().ok()?,
            pointer: encoded.try_get_u64_le().ok()?,
            bytes: match is_write {
                true => Err(encoded),
                false => Ok(encoded.try_get_u64_le().ok()?),
            },
        })
    }

    pub(super) fn is_write(&self) -> bool {
        self.bytes.is_err()
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let mut encoded = self.call.to_le_bytes().to_vec();
        encoded.extend(self.pointer.to_le_bytes());
        match &self.bytes {
            Ok(length) => encoded.extend(length.to_le_bytes()),
            Err(bytes) => encoded.extend_from_slice(bytes),
        }
        encoded
    }
}
