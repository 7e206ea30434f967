//! Linux, by a scan of the process's page map.

use rustix::ioctl::{Updater, ioctl, opcode};
use rustix::mm::{Advice, madvise};
pub(crate) use rustix::param::page_size;
use std::fs::File;
use std::ops::Range;
use std::sync::OnceLock;

/// What `linux/fs.h` says of a page.
const WRITTEN: u64 = 1 << 1;
const FILE: u64 = 1 << 2;
const PRESENT: u64 = 1 << 3;
const ZERO_PAGE: u64 = 1 << 5;
/// Ranges that are found at most, and those for which there is room at first: most guests have few.
const MOST_RANGES: usize = 2048;
const FEW_RANGES: usize = 64;

/// `struct page_region` of `linux/fs.h`.
#[repr(C)]
#[derive(Clone, Copy, Default)]
struct Region {
    start: u64,
    end: u64,
    categories: u64,
}

/// `struct pm_scan_arg` of `linux/fs.h`.
#[repr(C)]
#[derive(Default)]
struct Scan {
    size: u64,
    flags: u64,
    start: u64,
    end: u64,
    walk_end: u64,
    regions: u64,
    regions_length: u64,
    max_pages: u64,
    category_inverted: u64,
    category_mask: u64,
    category_any_mask: u64,
    return_mask: u64,
}

/// `PAGEMAP_SCAN` of `linux/fs.h`.
const PAGEMAP_SCAN: rustix::ioctl::Opcode = opcode::read_write::<Scan>(b'f', 16);

/// The pages of `mapping` that have memory of their own, in order; `None` where the system does not say. If they are in many
/// ranges, those that come first.
pub(crate) fn written_pages(mapping: &[u8]) -> Option<Vec<Range<usize>>> {
    let mut few = [Region::default(); FEW_RANGES];
    let found = scan(mapping, &mut few)?;
    if found.len() < FEW_RANGES {
        return Some(found);
    }
    scan(mapping, &mut vec![Region::default(); MOST_RANGES])
}

/// The same, of as many ranges as there are `regions`, which have to be new.
fn scan(mapping: &[u8], regions: &mut [Region]) -> Option<Vec<Range<usize>>> {
    static PAGEMAP: OnceLock<Option<File>> = OnceLock::new();
    let pagemap = PAGEMAP.get_or_init(|| File::open("/proc/self/pagemap").ok());
    let page = page_size() as u64;
    let start = mapping.as_ptr().addr() as u64;
    let mut scan = Scan {
        size: size_of::<Scan>() as u64,
        start,
        end: start + (mapping.len() as u64).next_multiple_of(page),
        regions: regions.as_mut_ptr().addr() as u64,
        regions_length: regions.len() as u64,
        category_inverted: ZERO_PAGE | FILE,
        category_mask: WRITTEN | PRESENT | ZERO_PAGE | FILE,
        ..Scan::default()
    };
    // SAFETY: this is the argument that the number stands for. It says where `regions` are and how many fit there, and
    // nothing else uses these meanwhile.
    unsafe {
        ioctl(
            pagemap.as_ref()?,
            Updater::<PAGEMAP_SCAN, _>::new(&mut scan),
        )
    }
    .ok()?;
    let number = |at: u64| ((at - start) / page) as usize;
    let found = regions.iter().take_while(|region| region.end != 0);
    Some({ found.map(|region| number(region.start)..number(region.end)) }.collect())
}

/// Gives the memory of written pages back. The pages then have what they had before they were written, for which
/// `mapping` has to be private and to start at a page.
pub(crate) fn give_back(mapping: &mut [u8]) {
    let start = mapping.as_mut_ptr().cast();
    // SAFETY: this changes bytes of the slice alone, which nobody else uses for as long as it is borrowed, and all
    // values of bytes are valid.
    let _ = unsafe { madvise(start, mapping.len(), Advice::LinuxDontNeed) };
}

#[cfg(test)]
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
        let Some(found) = written_pages(mapping) else {
            return; // Before Linux 6.7.
        };
        assert_eq!(found, [0..1, 3..5, 9..10]);
        assert_eq!(written_pages(&mapping[3 * page..]), Some(vec![0..2, 6..7]));
        give_back(&mut mapping[3 * page..]);
        assert_eq!(written_pages(&mapping[page..]), Some(Vec::new()));
        assert!(mapping[page..].iter().all(|byte| *byte == 0));
        assert_eq!(mapping[7], 1);
        // SAFETY: the slice is not used any more.
        unsafe { munmap(start, length) }.expect("a mapping");
    }
}
