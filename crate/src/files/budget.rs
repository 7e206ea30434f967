//! How much the files of one run may take.

use super::code::Code;

/// The caps of the files of one run, beyond those that it was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileLimits {
    /// The bytes of files that the run made or changed, and of symbolic links.
    pub bytes: u64,
    /// The files, directories and links that the run made.
    pub count: u64,
}

impl Default for FileLimits {
    fn default() -> Self {
        Self {
            bytes: 256 << 20,
            count: 1 << 16,
        }
    }
}

/// What is left of the caps.
pub(super) struct Budget {
    pub(super) bytes: u64,
    /// Below 0 while a file is renamed.
    entries: i64,
}

impl Budget {
    pub(super) fn new(limits: FileLimits) -> Self {
        Self {
            bytes: limits.bytes,
            entries: i64::try_from(limits.count).unwrap_or(i64::MAX),
        }
    }

    /// # Errors
    ///
    /// [`Code::InsufficientSpace`] when as many are not left.
    pub(super) fn take_bytes(&mut self, bytes: u64) -> Result<(), Code> {
        let left = self.bytes.checked_sub(bytes);
        self.bytes = left.ok_or(Code::InsufficientSpace)?;
        Ok(())
    }

    pub(super) fn give_bytes(&mut self, bytes: u64) {
        self.bytes += bytes;
    }

    pub(super) fn has_entry(&self) -> Result<(), Code> {
        match self.entries > 0 {
            true => Ok(()),
            false => Err(Code::InsufficientSpace),
        }
    }

    /// [`has_entry`](Self::has_entry) says whether it may.
    pub(super) fn take_entry(&mut self) {
        self.entries -= 1;
    }

    /// An entry was removed. That of a given file makes room as well.
    pub(super) fn give_entry(&mut self) {
        self.entries = self.entries.saturating_add(1);
    }
}
