//! Which pages of a program's memory stay with its slots.
//!
//! After a run, wasmtime copies the pages that have memory of their own back from the program's image. They stay with
//! the slot, and later runs write to them without a fault. This has two limits, and a look at the pages, now and then,
//! finds programs that meet them:
//!
//! - wasmtime does so for the first 32 ranges of such pages. What lies behind is given back to the kernel, and each later
//!   run pays for it with a fault and a copy per page. Interpreters write here and there, in hundreds of ranges. For
//!   them, the smallest gaps between ranges are written as well.
//! - Pages that one run has written are copied back after all later ones. When they have become many more than a run
//!   of the program needs, the slot starts anew.

use crate::lock::lock;
use crate::platform::{give_back, page_size, written_pages};
use crate::wasi::RunState;
use std::cell::Cell;
use std::hint::black_box;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use wasmtime::{Instance, PoolingAllocationConfig, Store};

/// Of the runs of a thread, one in this number is looked at.
const LOOKED_AT: u32 = 64;
/// Ranges that wasmtime 48 keeps (`MAX_REGIONS` in its `pagemap.rs`).
const KEPT_RANGES: usize = 32;
/// Ranges that are left of more, so that a run which writes elsewhere has some for itself.
const WANTED_RANGES: usize = 24;
/// Pages that are written for one program at most. To copy one back takes a fraction of a fault.
const MOST_GAPS: usize = 512;
/// Pages that are no reason to start anew: to copy them back takes as long as to fault in those that are needed.
const FEW_PAGES: usize = 64;

thread_local! {
    /// Runs since the last look.
    static RUNS: Cell<u32> = const { Cell::new(0) };
}

/// What is known of the pages that runs of a program write.
#[derive(Default)]
pub(crate) struct Resident {
    has_gaps: AtomicBool,
    /// The offsets of pages that are written beside those of the guest.
    gaps: Mutex<Arc<[usize]>>,
    /// The fewest pages that a run was seen to need, more after each new start; 0 before the first look.
    usual: AtomicUsize,
}

impl Resident {
    /// Call this after a run, before its memory goes back to its slot.
    pub(crate) fn after_run(&self, store: &mut Store<RunState>, instance: Instance) {
        if is_looked_at() {
            self.look(memory(store, instance));
        } else if self.has_gaps.load(Ordering::Relaxed) {
            write(memory(store, instance), &self.gaps());
        }
    }

    fn look(&self, memory: &mut [u8]) {
        // Elsewhere, wasmtime copies everything.
        if !PoolingAllocationConfig::is_pagemap_scan_available() {
            return;
        }
        let Some(ranges) = written_pages(memory) else {
            return;
        };
        let gaps = self.gaps();
        let written = ranges.iter().map(Range::len).sum::<usize>();
        if self.are_too_many(written.saturating_sub(gaps.len())) {
            give_back(memory);
            return;
        }
        let page = page_size();
        let new = smallest_gaps(&ranges).into_iter().map(|at| at * page);
        let all: Vec<_> = gaps.iter().copied().chain(new).collect();
        if all.len() > gaps.len() && all.len() <= MOST_GAPS {
            write(memory, &all);
            *lock(&self.gaps) = all.into();
            self.has_gaps.store(true, Ordering::Relaxed);
        }
    }

    /// Whether so many pages are many more than a run of the program needs.
    fn are_too_many(&self, written: usize) -> bool {
        let usual = match self.usual.load(Ordering::Relaxed) {
            0 => written,
            usual => usual.min(written),
        };
        let are_too_many = written > usual * 2 + FEW_PAGES;
        // Where all runs need that much by now, this comes to an end.
        let usual = usual + usize::from(are_too_many) * (usual / 8 + 1);
        self.usual.store(usual, Ordering::Relaxed);
        are_too_many
    }

    fn gaps(&self) -> Arc<[usize]> {
        lock(&self.gaps).clone()
    }
}

fn is_looked_at() -> bool {
    let runs = RUNS.get() + 1;
    RUNS.set(runs % LOOKED_AT);
    runs == LOOKED_AT
}

/// The memory that the guest exports, as WASI asks of it.
fn memory(store: &mut Store<RunState>, instance: Instance) -> &mut [u8] {
    match instance.get_memory(&mut *store, "memory") {
        Some(memory) => memory.data_mut(store),
        None => &mut [],
    }
}

/// The pages in the smallest gaps between so many ranges, without which few enough are left.
fn smallest_gaps(ranges: &[Range<usize>]) -> Vec<usize> {
    if ranges.len() <= KEPT_RANGES {
        return Vec::new();
    }
    let neighbours = ranges.iter().zip(ranges.iter().skip(1));
    let mut gaps: Vec<_> = neighbours.map(|(one, next)| one.end..next.start).collect();
    gaps.sort_by_key(ExactSizeIterator::len);
    gaps.truncate(ranges.len() - WANTED_RANGES);
    gaps.into_iter().flatten().collect()
}

/// Writes a byte of each page, without a change.
fn write(memory: &mut [u8], offsets: &[usize]) {
    for offset in offsets {
        if let Some(byte) = memory.get_mut(*offset) {
            *byte = black_box(*byte);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{FEW_PAGES, KEPT_RANGES, Resident, WANTED_RANGES, smallest_gaps};

    #[test]
    fn the_smallest_gaps_are_closed() {
        let few: Vec<_> = (0..KEPT_RANGES).map(|at| at * 10..at * 10 + 1).collect();
        assert_eq!(smallest_gaps(&few), [0; 0]);
        // Every second gap has one page, the others have eight.
        let start = |at: usize| at / 2 * 11 + at % 2 * 2;
        let many: Vec<_> = (0..40).map(|at| start(at)..start(at) + 1).collect();
        let gaps = smallest_gaps(&many);
        assert_eq!(gaps, (0..16).map(|at| at * 11 + 1).collect::<Vec<_>>());
        assert_eq!(many.len() - gaps.len(), WANTED_RANGES);
    }

    #[test]
    fn a_slot_starts_anew_when_it_has_many_more_pages_than_a_run_needs() {
        let resident = Resident::default();
        assert!(!resident.are_too_many(1000), "all that is known");
        assert!(!resident.are_too_many(10));
        assert!(!resident.are_too_many(20 + FEW_PAGES));
        assert!(resident.are_too_many(21 + FEW_PAGES));
    }

    #[test]
    fn a_program_that_needs_more_by_now_is_left_alone_in_the_end() {
        let resident = Resident::default();
        assert!(!resident.are_too_many(100));
        let times = (0..1000).filter(|_| resident.are_too_many(1000)).count();
        assert!((1..50).contains(&times), "{times}");
        assert!(!resident.are_too_many(1000));
    }
}
