//! The memory of a guest that waits for a host function.

/// Where the memory of a suspended guest lies.
pub(crate) struct MemoryView {
    base: *mut u8,
    size: usize,
}

// SAFETY: the bytes belong to no thread. `HostCalls` uses them under its lock alone, and only while the guest is
// suspended.
unsafe impl Send for MemoryView {}

/// One access to a guest's memory.
pub enum MemoryAccess<'a> {
    /// Fills a buffer with the bytes from this address on.
    Read(u64, &'a mut [u8]),
    /// Puts bytes at this address.
    Write(u64, &'a [u8]),
}

impl MemoryView {
    /// The memory of `size` bytes at `base`.
    ///
    /// # Safety
    ///
    /// Until the view is dropped, these bytes have to be mapped, and nothing else may read or write them.
    pub(crate) unsafe fn new(base: *mut u8, size: usize) -> Self {
        Self { base, size }
    }

    /// Carries out an access if its range lies in the memory; returns the size of the memory.
    pub(super) fn access(&self, access: MemoryAccess<'_>) -> u64 {
        let (address, length) = match &access {
            MemoryAccess::Read(address, to) => (*address, to.len()),
            MemoryAccess::Write(address, from) => (*address, from.len()),
        };
        let start = usize::try_from(address).ok();
        let end = start.and_then(|start| start.checked_add(length));
        if let Some(start) = start
            && end.is_some_and(|end| end <= self.size)
        {
            // SAFETY: the range lies in the memory, which is mapped for as long as this view exists and which nothing
            // else uses meanwhile (see `new`). The other range is that of a Rust slice, outside of the guest's memory.
            unsafe {
                let start = self.base.add(start);
                match access {
                    MemoryAccess::Read(_, to) => {
                        start.copy_to_nonoverlapping(to.as_mut_ptr(), length);
                    }
                    MemoryAccess::Write(_, from) => {
                        start.copy_from_nonoverlapping(from.as_ptr(), length);
                    }
                }
            }
        }
        self.size as u64
    }
}
