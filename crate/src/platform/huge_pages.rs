//! Memory for large files.

/// Has the room of a vector backed by huge pages, where there are any: faulting in 13 MB by pages of 4 KiB takes longer than
/// reading them.
#[cfg(target_os = "linux")]
pub(crate) fn use_huge_pages(bytes: &mut Vec<u8>) {
    use rustix::mm::{Advice, madvise};
    const HUGE_PAGE: usize = 2 << 20;
    let room = bytes.spare_capacity_mut();
    let start = room.as_mut_ptr();
    let skipped = start.align_offset(HUGE_PAGE);
    if skipped >= room.len() {
        return;
    }
    let length = (room.len() - skipped) / HUGE_PAGE * HUGE_PAGE;
    // SAFETY: the range lies in the vector's own allocation, and this advice changes how its memory is
    // backed, never what it holds. A refusal costs only the speed.
    let _ = unsafe { madvise(start.add(skipped).cast(), length, Advice::LinuxHugepage) };
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn use_huge_pages(_: &mut Vec<u8>) {}
