//! Pages of a private mapping that have been written.

use std::ops::Range;

/// Runs of pages, by their numbers from the start of the mapping.
pub(crate) type PageRanges = Vec<Range<usize>>;

#[cfg(target_os = "linux")]
pub(crate) use linux::{give_back, page_size, written_pages};
#[cfg(not(target_os = "linux"))]
pub(crate) use others::{give_back, page_size, written_pages};

#[cfg(target_os = "linux")]
mod linux {
    use super::PageRanges;
    use crate::platform::read_exact_at;
    use rustix::mm::{Advice, madvise};
    pub(crate) use rustix::param::page_size;
    use std::fs::File;

    /// Bytes that `pagemap` has for each page of the process, and two of their bits.
    const ENTRY: usize = 8;
    const FILE_OR_SHARED: u64 = 1 << 61;
    const PRESENT: u64 = 1 << 63;

    /// The pages of `mapping` that have memory of their own, in order; `None` where the system does not say.
    pub(crate) fn written_pages(mapping: &[u8]) -> Option<PageRanges> {
        let page = page_size();
        let first = mapping.as_ptr().addr() / page;
        let mut entries = vec![0; mapping.len().div_ceil(page) * ENTRY];
        let pagemap = File::open("/proc/self/pagemap").ok()?;
        read_exact_at(&pagemap, &mut entries, (first * ENTRY) as u64).ok()?;
        let mut ranges = PageRanges::new();
        for (number, entry) in entries.as_chunks::<ENTRY>().0.iter().enumerate() {
            let entry = u64::from_ne_bytes(*entry);
            if entry & (PRESENT | FILE_OR_SHARED) != PRESENT {
                continue;
            }
            match ranges.last_mut() {
                Some(last) if last.end == number => last.end += 1,
                _ => ranges.push(number..number + 1),
            }
        }
        Some(ranges)
    }

    /// Gives the memory of written pages back. The pages then have what they had before they were written, for which
    /// `mapping` has to be private and to start at a page.
    pub(crate) fn give_back(mapping: &mut [u8]) {
        let start = mapping.as_mut_ptr().cast();
        // SAFETY: this changes bytes of the slice alone, which nobody else uses for as long as it is borrowed, and all
        // values of bytes are valid.
        let _ = unsafe { madvise(start, mapping.len(), Advice::LinuxDontNeed) };
    }
}

#[cfg(not(target_os = "linux"))]
mod others {
    use super::PageRanges;

    pub(crate) fn page_size() -> usize {
        4096
    }

    pub(crate) fn written_pages(_: &[u8]) -> Option<PageRanges> {
        None
    }

    pub(crate) fn give_back(_: &mut [u8]) {}
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::{give_back, page_size, written_pages};
    use rustix::mm::{MapFlags, ProtFlags, mmap_anonymous, munmap};
    use std::ptr::null_mut;
    use std::slice;

    #[test]
    fn written_pages_are_found_and_given_back() {
        let page = page_size();
        let length = page * 10;
        let access = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: a new mapping, at a place that the system chooses.
        let start = unsafe { mmap_anonymous(null_mut(), length, access, MapFlags::PRIVATE) };
        let start = start.expect("memory");
        // SAFETY: the mapping has this length, is zeroed, and nobody else knows of it.
        let mapping = unsafe { slice::from_raw_parts_mut(start.cast::<u8>(), length) };
        for number in [0, 3, 4, 9] {
            mapping[number * page + 7] = 1;
        }
        assert_eq!(written_pages(mapping), Some(vec![0..1, 3..5, 9..10]));
        assert_eq!(written_pages(&mapping[3 * page..]), Some(vec![0..2, 6..7]));
        give_back(&mut mapping[3 * page..]);
        assert_eq!(written_pages(mapping), Some(vec![0..1]));
        assert!(mapping[page..].iter().all(|byte| *byte == 0));
        assert_eq!(mapping[7], 1);
        // SAFETY: the slice is not used any more.
        unsafe { munmap(start, length) }.expect("a mapping");
    }
}
